#include "vision/decode.h"
#include "base/file.h"
#include <stdlib.h>
#include <string.h>

void ln_image_free(ln_image *im) {
    if (!im) return;
    free(im->rgb);
    *im = (ln_image){0};
}

linnet_status ln_image_alloc(ln_image *im, uint64_t width, uint64_t height, const char *name,
                             linnet_error *err) {
    *im = (ln_image){0};
    if (!width || !height)
        return ln_fail(err, LINNET_ERR_BAD_FILE, "%s: the picture is %llu x %llu pixels, empty",
                       name, (unsigned long long)width, (unsigned long long)height);
    if (width > LN_IMAGE_MAX_PIXELS / height)
        return ln_fail(err, LINNET_ERR_BAD_FILE,
                       "%s: the picture claims %llu x %llu pixels, more than the limit of %zu",
                       name, (unsigned long long)width, (unsigned long long)height,
                       LN_IMAGE_MAX_PIXELS);
    size_t bytes = (size_t)width * (size_t)height * 3;
    im->rgb = malloc(bytes);
    if (!im->rgb) return ln_fail_oom(err, "a picture", bytes);
    im->width = (int)width;
    im->height = (int)height;
    return LINNET_OK;
}

/* Where pixel (0, 0) of the file lands, and which way its rows run, for orientations 1..8. */
static const struct orientation {
    bool transpose, flip_x, flip_y; /* flips are of the upright picture */
} orientations[9] = {
    [1] = {false, false, false}, [2] = {false, true, false}, [3] = {false, true, true},
    [4] = {false, false, true},  [5] = {true, false, false}, [6] = {true, true, false},
    [7] = {true, true, true},    [8] = {true, false, true},
};

linnet_status ln_image_orient(ln_image *im, int orientation, const char *name, linnet_error *err) {
    if (orientation < 2 || orientation > 8) return LINNET_OK;
    struct orientation o = orientations[orientation];
    ln_image up;
    int w = o.transpose ? im->height : im->width, h = o.transpose ? im->width : im->height;
    LN_TRY(ln_image_alloc(&up, (uint64_t)w, (uint64_t)h, name, err));
    for (int y = 0; y < h; y++) {
        uint8_t *d = up.rgb + (size_t)y * (size_t)w * 3;
        int v = o.flip_y ? h - 1 - y : y;
        for (int x = 0; x < w; x++, d += 3) {
            int u = o.flip_x ? w - 1 - x : x;
            int sx = o.transpose ? v : u, sy = o.transpose ? u : v;
            const uint8_t *s = im->rgb + ((size_t)sy * (size_t)im->width + (size_t)sx) * 3;
            d[0] = s[0], d[1] = s[1], d[2] = s[2];
        }
    }
    ln_image_free(im);
    *im = up;
    return LINNET_OK;
}

static bool is_jpeg(const uint8_t *p, size_t n) {
    return n >= 3 && p[0] == 0xFF && p[1] == 0xD8 && p[2] == 0xFF;
}
static bool is_png(const uint8_t *p, size_t n) {
    return n >= 8 && !memcmp(p, "\x89PNG\r\n\x1a\n", 8);
}
static bool is_webp(const uint8_t *p, size_t n) {
    return n >= 12 && !memcmp(p, "RIFF", 4) && !memcmp(p + 8, "WEBP", 4);
}
static bool is_bmp(const uint8_t *p, size_t n) {
    return n >= 2 && p[0] == 'B' && p[1] == 'M';
}
static bool is_pnm(const uint8_t *p, size_t n) {
    return n >= 3 && p[0] == 'P' && p[1] >= '1' && p[1] <= '6' && strchr(" \t\r\n\v\f#", p[2]) &&
           p[2];
}

static const struct format {
    bool (*is)(const uint8_t *p, size_t n);
    ln_decode_fn *decode;
} formats[] = {
    {is_jpeg, ln_decode_jpeg}, {is_png, ln_decode_png}, {is_webp, ln_decode_webp},
    {is_bmp, ln_decode_bmp},   {is_pnm, ln_decode_pnm},
};

linnet_status ln_image_decode(const uint8_t *data, size_t size, const char *name, ln_image *out,
                              linnet_error *err) {
    *out = (ln_image){0};
    if (!size)
        return ln_fail(err, LINNET_ERR_BAD_FILE, "%s: the file is empty; a picture was expected",
                       name);
    ln_blob b = {data, size, name};
    for (size_t i = 0; i < LN_COUNT(formats); i++) {
        if (!formats[i].is(data, size)) continue;
        int orientation = 1;
        LN_TRY(formats[i].decode(&b, out, &orientation, err));
        linnet_status st = ln_image_orient(out, orientation, name, err);
        if (st != LINNET_OK) ln_image_free(out);
        return st;
    }
    return ln_fail(err, LINNET_ERR_BAD_FILE,
                   "%s: not a picture that can be read (JPEG, PNG, WebP, BMP, PPM, PGM or PBM)",
                   name);
}

linnet_status ln_image_load(const char *path, ln_image *out, linnet_error *err) {
    *out = (ln_image){0};
    ln_file f;
    LN_TRY(ln_file_map(path, &f, err));
    linnet_status st = ln_image_decode(f.data, f.size, path, out, err);
    ln_file_unmap(&f);
    return st;
}
