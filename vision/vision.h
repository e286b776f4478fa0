/* Pictures in, answers out. Knows neither graphs nor OpenCL. All functions are thread-safe. */
#ifndef LN_VISION_H
#define LN_VISION_H

#include "base/base.h"

/* 8-bit RGB, rows dense, owned. */
typedef struct ln_image {
    int width, height;
    uint8_t *rgb;
} ln_image;
/* JPEG (grey, colour, CMYK), PNG (all kinds and depths), WebP (of an animation the first frame),
 * BMP, PPM, PGM and PBM, told apart by content. EXIF orientation is applied; alpha is dropped, not
 * blended; 16-bit samples keep their high byte. The pixels are those of Pillow's convert("RGB"),
 * but for 16-bit grey, which Pillow clips to white. Truncated and damaged files are errors, and so
 * is a picture of more than 2^28 pixels, before anything is allocated. name stands before every
 * message. */
linnet_status ln_image_load(const char *path, ln_image *out, linnet_error *err);
linnet_status ln_image_decode(const uint8_t *data, size_t size, const char *name, ln_image *out,
                              linnet_error *err);
void ln_image_free(ln_image *im);

typedef enum ln_filter { LN_FILTER_BILINEAR, LN_FILTER_BICUBIC } ln_filter;
/* With antialias as Pillow, to one level in 255; without as OpenCV's INTER_LINEAR and INTER_CUBIC,
 * to one level. in: any size; out: owned by the caller. */
linnet_status ln_image_resize(const ln_image *in, int width, int height, ln_filter filter,
                              bool antialias, ln_image *out, linnet_error *err);

typedef struct ln_prep_spec {
    int height, width; /* of the network's input */
    int resize;        /* the picture's shorter side becomes this, the other is rounded, half to
                          even; for an input that is not square, it covers a box of the input's
                          proportions whose shorter side is this */
    ln_filter filter;
    bool antialias, bgr;
    float scale, mean[3], std[3];
} ln_prep_spec;
/* Resize, centre crop: planar bytes [3,H,W], in the order of spec->bgr. What the resized picture
 * does not reach is black. Only the pixels that the crop keeps are computed. */
linnet_status ln_preprocess_bytes(const ln_image *in, const ln_prep_spec *spec, uint8_t *dst,
                                  linnet_error *err);
/* (v * scale - mean) / std of such bytes. */
void ln_normalise(const ln_prep_spec *spec, const uint8_t *bytes, float *dst);
/* Both: planar float [3,H,W]. */
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
