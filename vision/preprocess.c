#include "vision/resize.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Size of the whole picture once resized: it covers a box with the proportions of the network's
 * input whose shorter side is spec->resize; the other side is rounded, half to even. */
static linnet_status cover(const ln_image *in, const ln_prep_spec *s, int *w, int *h,
                           linnet_error *err) {
    int shorter = LN_MIN(s->width, s->height);
    double box_w = rint((double)s->resize * s->width / shorter);
    double box_h = rint((double)s->resize * s->height / shorter);
    double fx = box_w / in->width, fy = box_h / in->height;
    double rw = fx >= fy ? box_w : rint(in->width * fy),
           rh = fx >= fy ? rint(in->height * fx) : box_h;
    if (!(rw >= 1 && rh >= 1 && rw <= INT32_MAX && rh <= INT32_MAX))
        return ln_fail(err, LINNET_ERR_INVALID_ARGUMENT,
                       "a picture of %d x %d pixels is too long to be resized to %d", in->width,
                       in->height, s->resize);
    *w = (int)rw, *h = (int)rh;
    return LINNET_OK;
}

/* The centre `crop` of `size` samples; dst is where it starts in the input when size is less. */
static ln_axis centre(int size, int crop, int *dst) {
    *dst = size < crop ? (crop - size) / 2 : 0;
    if (size <= crop) return (ln_axis){size, 0, size};
    return (ln_axis){size, (int)rint((size - crop) / 2.0), crop};
}

static void plane_apart(const ln_image *im, const ln_prep_spec *s, int x0, int y0, uint8_t *dst) {
    size_t plane = (size_t)s->width * (size_t)s->height;
    memset(dst, 0, 3 * plane);
    for (size_t c = 0; c < 3; c++) {
        uint8_t *d = dst + c * plane + (size_t)y0 * (size_t)s->width + (size_t)x0;
        const uint8_t *p = im->rgb + (s->bgr ? 2 - c : c);
        for (int y = 0; y < im->height; y++, d += s->width)
            for (int x = 0; x < im->width; x++, p += 3) d[x] = *p;
    }
}

void ln_normalise(const ln_prep_spec *s, const uint8_t *bytes, float *dst) {
    size_t plane = (size_t)s->width * (size_t)s->height;
    for (size_t c = 0; c < 3; c++) {
        float level[256];
        for (int v = 0; v < 256; v++) level[v] = ((float)v * s->scale - s->mean[c]) / s->std[c];
        for (size_t i = 0; i < plane; i++) *dst++ = level[*bytes++];
    }
}

linnet_status ln_preprocess_bytes(const ln_image *in, const ln_prep_spec *spec, uint8_t *dst,
                                  linnet_error *err) {
    if (!in->rgb || spec->width < 1 || spec->height < 1 || spec->resize < 1)
        return ln_fail(err, LINNET_ERR_INVALID_ARGUMENT,
                       "preprocessing to %d x %d from a resize to %d: sizes must be positive",
                       spec->width, spec->height, spec->resize);
    for (int c = 0; c < 3; c++)
        if (!(fabsf(spec->std[c]) > 0))
            return ln_fail(err, LINNET_ERR_INVALID_ARGUMENT,
                           "preprocessing: the standard deviation of channel %d is 0", c);
    int w = 0, h = 0, x0, y0;
    LN_TRY(cover(in, spec, &w, &h, err));
    ln_image part;
    ln_axis x = centre(w, spec->width, &x0), y = centre(h, spec->height, &y0);
    LN_TRY(ln_resize_window(in, x, y, spec->filter, spec->antialias, &part, err));
    plane_apart(&part, spec, x0, y0, dst);
    ln_image_free(&part);
    return LINNET_OK;
}

linnet_status ln_preprocess_image(const ln_image *in, const ln_prep_spec *spec, float *dst,
                                  linnet_error *err) {
    size_t bytes = 0;
    bool fits = spec->width > 0 && spec->height > 0 &&
                ln_mul_size((size_t)spec->width, (size_t)spec->height, &bytes) &&
                ln_mul_size(bytes, 3, &bytes);
    uint8_t *planes = malloc(fits ? bytes : 1);
    if (!planes) return ln_fail_oom(err, "a picture", bytes);
    linnet_status st = ln_preprocess_bytes(in, spec, planes, err);
    if (st == LINNET_OK) ln_normalise(spec, planes, dst);
    free(planes);
    return st;
}
