/* Shapes, element types and tensors. */
#ifndef LN_TENSOR_H
#define LN_TENSOR_H

#include "base/base.h"

#define LN_MAX_RANK 6

typedef enum ln_dtype {
    LN_F32,
    LN_F16,
    LN_BF16,
    LN_F64,
    LN_I8,
    LN_U8,
    LN_I16,
    LN_I32,
    LN_I64,
    LN_BOOL,
    LN_DTYPE_COUNT
} ln_dtype;
extern const char *const ln_dtype_names[LN_DTYPE_COUNT];
size_t ln_dtype_size(ln_dtype t); /* bytes of one element; 0 for no such type */
/* The same in host memory, where halves are floats. */
static inline size_t ln_host_size(ln_dtype t) {
    return ln_dtype_size(t == LN_F16 ? LN_F32 : t);
}
/* What an activation of real numbers may be: arithmetic is f32 either way. */
static inline bool ln_dtype_is_real(ln_dtype t) {
    return t == LN_F32 || t == LN_F16;
}
/* To the nearest, ties to even, too large to infinity. Floats may take the place of their halves.
 */
void ln_to_halves(uint16_t *dst, const float *src, size_t n);
void ln_from_halves(float *dst, const uint16_t *src, size_t n);
/* Each to the nearest half; how many finite numbers became infinite. */
size_t ln_round_to_halves(float *v, size_t n);
bool ln_dtype_is_float(ln_dtype t);

/* Elements of 8 bits stand for numbers: real = scale * (element - zero). */
typedef struct ln_quant {
    float scale;
    int32_t zero; /* -128..127 */
    bool on;
} ln_quant;
static inline ln_quant ln_quant_of(float scale, int32_t zero) {
    return (ln_quant){scale, zero, true};
}
bool ln_quant_equal(const ln_quant *a, const ln_quant *b);

/* Images are rank 4: N, H, W, C. The last dimension is the one that kernels pad. */
typedef struct ln_shape {
    int rank;
    int64_t dim[LN_MAX_RANK];
} ln_shape;
static inline ln_shape ln_nhwc(int64_t n, int64_t h, int64_t w, int64_t c) {
    return (ln_shape){4, {n, h, w, c}};
}
bool ln_shape_equal(const ln_shape *a, const ln_shape *b);
bool ln_shape_count(const ln_shape *s, int64_t *out); /* product; false on overflow or dim <= 0 */
/* "1x224x224x3"; returns buf. */
const char *ln_shape_text(const ln_shape *s, char buf[96]);
/* A picture s (N,H,W,C), dense, out of the caller's order of dimensions and back into it. */
void ln_nchw_to_nhwc(const ln_shape *s, ln_dtype t, const void *src, void *dst);
void ln_nhwc_to_nchw(const ln_shape *s, ln_dtype t, const void *src, void *dst);
/* Row-major strides in elements; s must have passed ln_shape_count. */
void ln_shape_strides(const ln_shape *s, int64_t stride[LN_MAX_RANK]);

/* Conversion of one element of any type to f32. base needs no alignment. */
float ln_elem_f32(const void *base, int64_t index, ln_dtype t);
/* The same to i32 (ln_f64_to_i32). */
int32_t ln_elem_i32(const void *base, int64_t index, ln_dtype t);

/* A constant as it lies in memory: a strided view, so that a mapped weight file is never copied.
 * value(i...) = (data[sum i*stride] - zero) * (scale ? scale[i0] : 1). */
typedef struct ln_view {
    const void *data; /* NULL: shape only (no weights given) */
    ln_dtype dtype;
    int64_t stride[LN_MAX_RANK]; /* in elements */
    const float *scale;          /* one factor for each index of dimension 0, or NULL */
    int32_t zero;                /* the element that stands for 0; 0 but for quantized ones */
} ln_view;
/* A dense row-major view of data. */
ln_view ln_view_dense(const ln_shape *s, ln_dtype t, const void *data);

#endif
