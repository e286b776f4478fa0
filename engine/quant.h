/* The arithmetic of quantized ops: TFLite's fixed point (tensorflow/lite/kernels/internal/common.h,
 * with its double rounding), shared by the reference and by kernels that read tables. */
#ifndef LN_QUANT_H
#define LN_QUANT_H

#include "engine/graph.h"

/* mul * 2^(shift - 31), mul from 2^30 to 2^31 - 1, or 0 for what is too small. */
typedef struct ln_fixed {
    int32_t mul;
    int shift;
} ln_fixed;
ln_fixed ln_fixed_of(double real);
/* x * m rounded twice: to mul's high word (halves up), then by the shift (halves away from zero).
 */
int32_t ln_fixed_mul(int32_t x, ln_fixed m);
/* The high word of 2 * a * b, rounded, saturated. */
int32_t ln_high_mul(int32_t a, int32_t b);
/* x / 2^bits, halves away from zero. */
int32_t ln_round_shift(int32_t x, int bits);
/* ADD: both operands by 2^LN_ADD_BITS times their part of twice the larger scale, the sum to y's.
 */
enum { LN_ADD_BITS = 20 };
typedef struct ln_fixed_add {
    ln_fixed a, b, y;
} ln_fixed_add;
ln_fixed_add ln_fixed_add_of(float a, float b, float y);
/* As kernels read it: mul * unit, unit a power of two. */
typedef struct ln_rescale {
    int32_t mul;
    float unit;
} ln_rescale;
ln_rescale ln_rescale_of(ln_fixed m);
/* x * m as (((x * 2^left * mul + h) >> 32 >> right) + 1) >> 1, -h in place of h for a negative x.
 * The two roundings of ln_fixed_mul are one, where x * 2^left loses nothing: to the high word h is
 * half, and the shift's half is what is added last; one that shifts to the left has one only. */
typedef struct ln_twice {
    int32_t mul;
    int right, left;
    int64_t h;
} ln_twice;
ln_twice ln_twice_of(ln_fixed m);

int8_t ln_saturate_i8(int64_t v);
/* round(real / scale) + zero, saturated; halves away from zero, or to even; NaN gives zero. */
int8_t ln_quantize(const ln_quant *q, float real);
int8_t ln_quantize_even(const ln_quant *q, float real);
static inline float ln_dequantize(const ln_quant *q, int8_t e) {
    return q->scale * (float)(e - q->zero);
}
/* The least and most bytes that a, NONE or CLAMP, leaves. */
void ln_quant_limits(const ln_quant *q, const ln_act *a, int32_t *lo, int32_t *hi);
/* What ACT or QUANTIZE n of I8 makes of each byte: table[x + 128]. */
void ln_quant_table(const ln_graph *g, const ln_node *n, int8_t table[256]);
/* The multiplier of channel c of CONV2D or FC n: x.scale * w.scale[c] / y.scale. */
double ln_quant_factor(const ln_graph *g, const ln_node *n, int64_t c);
/* The multiplier from a sum of x - x.zero over so many pixels to their mean. */
ln_fixed ln_quant_mean(const ln_quant *x, const ln_quant *y, int64_t pixels);

#endif
