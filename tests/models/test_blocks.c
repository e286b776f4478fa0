/* Every block that linnet_block_name lists, each step on a device against the C reference and the
 * whole: at its own size, and two oblong maps at once. Argument: a device. */
#include <linnet/linnet.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

static float *input(size_t bytes) {
    size_t n = bytes / sizeof(float);
    float *x = malloc(bytes);
    unsigned state = 12345;
    for (size_t i = 0; x && i < n; i++) {
        state = state * 1664525u + 1013904223u; /* Numerical Recipes */
        x[i] = (float)(int)(state >> 8) / (1 << 23) - 1.0f;
    }
    return x;
}

static bool diff(linnet_model *m, linnet_device *d, int batch, linnet_diff_report *r,
                 linnet_error *err) {
    linnet_session_params sp = LINNET_SESSION_PARAMS_INIT;
    linnet_session *s = NULL;
    linnet_tensor_info in = {0};
    float *x = NULL;
    sp.batch = batch;
    sp.stream = LINNET_STREAM_LAUNCHES;
    bool ok = linnet_session_create(m, d, &sp, &s, err) == LINNET_OK &&
              linnet_session_input(s, 0, &in) == LINNET_OK && (x = input(in.bytes)) &&
              linnet_session_diff(s, (const void *[]){x}, r, err) == LINNET_OK;
    free(x);
    linnet_session_destroy(&s);
    return ok;
}

static bool check(linnet_device *d, const char *name, int batch, int h, int w) {
    linnet_model_params mp = LINNET_MODEL_PARAMS_INIT;
    linnet_model *m = NULL;
    linnet_error err = {0};
    linnet_diff_report r = {0};
    mp.model = name;
    mp.synthetic = 1;
    mp.seed = 3;
    mp.height = h;
    mp.width = w;
    bool ok = linnet_model_open(&mp, &m, &err) == LINNET_OK && diff(m, d, batch, &r, &err);
    bool good = ok && r.pass && r.layers >= 1;
    if (ok)
        printf("%-25s batch %d %2dx%-2d %zu steps, end to end %.2g%s\n", name, batch, h, w,
               r.layers, r.end_to_end, good ? "" : "  FAILED");
    else
        printf("%s: %s\n", name, err.message);
    linnet_free(r.layer);
    linnet_model_close(&m);
    return good;
}

int main(int argc, char **argv) {
    linnet_device *d = NULL;
    linnet_error err = {0};
    const char *name;
    size_t n = 0;
    int bad = 0;
    if (linnet_device_open(argc > 1 && argv[1][0] ? argv[1] : NULL, &d, &err) != LINNET_OK) {
        fprintf(stderr, "%s\n", err.message);
        return 1;
    }
    for (; (name = linnet_block_name(n)); n++)
        bad += !check(d, name, 1, 0, 0) + !check(d, name, 2, 5, 7);
    linnet_device_close(&d);
    return bad || !n;
}
