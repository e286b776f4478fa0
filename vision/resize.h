/* Inside the room: a part of a resized picture, without making the rest. */
#ifndef LN_VISION_RESIZE_H
#define LN_VISION_RESIZE_H

#include "vision/vision.h"

/* One axis: outputs [from, from + count) of the `size` that the whole axis would have. */
typedef struct ln_axis {
    int size, from, count;
} ln_axis;
/* The picture resized to x.size by y.size, of which only the window is computed: the same pixels
 * as resizing everything and cutting the window out. */
linnet_status ln_resize_window(const ln_image *in, ln_axis x, ln_axis y, ln_filter filter,
                               bool antialias, ln_image *out, linnet_error *err);

/* The weights of one axis in fixed point. Output i reads `taps` samples at most:
 * sum over k < n[i] of weight[i * taps + k] * sample[clamp(first[i] + k)]. */
typedef struct ln_taps {
    int count, taps;
    int *first, *n;
    int32_t *weight;
} ln_taps;
linnet_status ln_taps_alloc(ln_taps *t, int count, int64_t taps, linnet_error *err);
void ln_taps_free(ln_taps *t);
/* As Pillow: a filter widened by the shrink factor, taps cut at the borders, sum 1 << 22. */
linnet_status ln_taps_antialias(ln_taps *t, int in, ln_axis axis, ln_filter filter,
                                linnet_error *err);
/* As OpenCV: two or four taps whatever the factor, border samples repeated, sum 1 << 11. */
linnet_status ln_taps_sampled(ln_taps *t, int in, ln_axis axis, ln_filter filter,
                              linnet_error *err);

#endif
