/* What a resize reads: for each output place along an axis, pixels of the input and their weights.
 * The reference and the kernels' tables are made of these. */
#ifndef LN_RESIZE_H
#define LN_RESIZE_H

#include "engine/graph.h"

/* Of bytes, in TFLite's arithmetic. */
static inline bool ln_resize_blends(const ln_resize_attr *r, ln_dtype type) {
    return type == LN_I8 && r->kind == LN_RESIZE_LINEAR && r->number != LN_NUMBER_DOUBLE;
}
/* Size of an axis of the output. */
int64_t ln_resize_size(const ln_resize_attr *r, int axis, int64_t in);
/* False when the axis comes out as it went in. */
bool ln_resize_moves(const ln_resize_attr *r, int axis, int64_t in);
/* Pixels behind every output place of an axis that is `in` long; at least 1. */
int64_t ln_resize_taps(const ln_resize_attr *r, int axis, int64_t in);
/* Those of output place i, with their weights. False: it lies outside (LN_GRID_CROP), and nothing
 * is written. */
bool ln_resize_tap(const ln_resize_attr *r, int axis, int64_t in, int64_t i, int32_t *index,
                   double *weight);

#endif
