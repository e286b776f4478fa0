/* Runs the picture functions for tests written in other languages. One command a line:
 *   decode IN OUT.ppm
 *   resize IN WIDTH HEIGHT bilinear|bicubic ANTIALIAS OUT.ppm
 *   prep IN SIZE RESIZE bilinear|bicubic ANTIALIAS OUT.f32
 *   time IN SIZE RESIZE              milliseconds to decode and to resize (bicubic, antialias)
 * Answers "ok ..." or "error STATUS MESSAGE", a line each. */
#include "vision/vision.h"
#include <stdlib.h>
#include <string.h>

static bool write_file(const char *path, const char *head, const void *data, size_t bytes) {
    FILE *f = fopen(path, "wb");
    if (!f) return false;
    bool ok = fputs(head, f) >= 0 && fwrite(data, 1, bytes, f) == bytes;
    return fclose(f) == 0 && ok;
}
static bool write_ppm(const char *path, const ln_image *im) {
    char head[64];
    snprintf(head, sizeof head, "P6\n%d %d\n255\n", im->width, im->height);
    return write_file(path, head, im->rgb, (size_t)im->width * (size_t)im->height * 3);
}
static ln_filter filter_of(const char *s) {
    return strcmp(s, "bicubic") ? LN_FILTER_BILINEAR : LN_FILTER_BICUBIC;
}
static ln_prep_spec spec_of(char **a, ln_filter filter, bool antialias) {
    return (ln_prep_spec){.height = atoi(a[2]),
                          .width = atoi(a[2]),
                          .resize = atoi(a[3]),
                          .filter = filter,
                          .antialias = antialias,
                          .scale = 1.0f / 255,
                          .mean = {0.5f, 0.5f, 0.5f},
                          .std = {0.5f, 0.5f, 0.5f}};
}

static linnet_status prep(char **a, int n, const ln_image *im, bool *wrote, linnet_error *err) {
    bool timed = n == 4;
    ln_prep_spec s = spec_of(a, timed ? LN_FILTER_BICUBIC : filter_of(a[4]), timed || atoi(a[5]));
    size_t count = (size_t)s.width * (size_t)s.height * 3;
    float *x = malloc(count * sizeof *x);
    if (!x) return ln_fail_oom(err, "a tensor", count * sizeof *x);
    linnet_status st = ln_preprocess_image(im, &s, x, err);
    if (st == LINNET_OK && !timed) *wrote = write_file(a[6], "", x, count * sizeof *x);
    free(x);
    return st;
}

static linnet_status run(char **a, int n, char *note, size_t size, linnet_error *err) {
    ln_image im, re = {0};
    bool wrote = true;
    double t0 = ln_now();
    LN_TRY(ln_image_load(a[1], &im, err));
    double t1 = ln_now();
    linnet_status st = LINNET_OK;
    if (!strcmp(a[0], "decode") && n == 3) {
        wrote = write_ppm(a[2], &im);
    } else if (!strcmp(a[0], "resize") && n == 7) {
        st = ln_image_resize(&im, atoi(a[2]), atoi(a[3]), filter_of(a[4]), atoi(a[5]), &re, err);
        if (st == LINNET_OK) wrote = write_ppm(a[6], &re);
    } else if ((!strcmp(a[0], "prep") && n == 7) || (!strcmp(a[0], "time") && n == 4)) {
        st = prep(a, n, &im, &wrote, err);
        snprintf(note, size, " %dx%d decode %.2f ms, resize %.2f ms", im.width, im.height,
                 (t1 - t0) * 1e3, (ln_now() - t1) * 1e3);
    } else {
        st = ln_fail(err, LINNET_ERR_INVALID_ARGUMENT, "unknown command");
    }
    if (st == LINNET_OK && !wrote) st = ln_fail(err, LINNET_ERR_IO, "cannot write the result");
    ln_image_free(&re);
    ln_image_free(&im);
    return st;
}

int main(void) {
    char line[4096];
    while (fgets(line, sizeof line, stdin)) {
        char *a[8] = {0}, *save = NULL, note[128] = "";
        int n = 0;
        for (char *t = strtok_r(line, "\t\n", &save); t && n < 8; t = strtok_r(NULL, "\t\n", &save))
            a[n++] = t;
        linnet_error err = {0};
        linnet_status st = n >= 2 ? run(a, n, note, sizeof note, &err)
                                  : ln_fail(&err, LINNET_ERR_INVALID_ARGUMENT, "no command");
        if (st == LINNET_OK)
            printf("ok%s\n", note);
        else
            printf("error %d %s\n", (int)st, err.message);
        fflush(stdout);
    }
    return 0;
}
