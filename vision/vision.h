/* Pictures in, answers out. Knows neither graphs nor OpenCL. All functions are thread-safe. */
#ifndef LN_VISION_H
#define LN_VISION_H

#include "base/base.h"

/* 8-bit RGB, rows dense, owned. */
typedef struct ln_image {
    int width, height;
    uint8_t *rgb;
} ln_image;
/* JPEG (EXIF orientation applied; grey, CMYK), PNG (all depths, alpha over black dropped as
 * Pillow's convert("RGB") does, palette), WebP, BMP, PPM/PGM: told apart by content.
 * A picture of more than 2^28 pixels is refused before anything is allocated. */
linnet_status ln_image_load(const char *path, ln_image *out, linnet_error *err);
linnet_status ln_image_decode(const uint8_t *data, size_t size, const char *name, ln_image *out,
                              linnet_error *err);
void ln_image_free(ln_image *im);

typedef enum ln_filter { LN_FILTER_BILINEAR, LN_FILTER_BICUBIC } ln_filter;
/* As Pillow's resize with antialias to one level in 255. Without antialias: OpenCV's sampling. */
linnet_status ln_image_resize(const ln_image *in, int width, int height, ln_filter filter,
                              bool antialias, ln_image *out, linnet_error *err);

typedef struct ln_prep_spec {
    int height, width; /* of the network's input */
    int resize;        /* shorter side becomes this, the other is rounded */
    ln_filter filter;
    bool antialias, bgr;
    float scale, mean[3], std[3];
} ln_prep_spec;
/* Resize, centre crop, normalise: planar float [3,H,W]. */
linnet_status ln_preprocess_image(const ln_image *in, const ln_prep_spec *spec, float *dst,
                                  linnet_error *err);

typedef struct ln_top {
    int index;
    float probability, logit;
} ln_top;
/* Softmax in double, then the k largest, ties by index; returns how many (at most count).
 * NaN logits sort last. */
int ln_topk(const float *logits, int count, int k, ln_top *out);

#endif
