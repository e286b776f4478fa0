#include "engine/quant.h"

#include <math.h>

ln_fixed ln_fixed_of(double real) {
    ln_fixed m = {0, 0};
    if (!(real > 0.0)) return m;
    int64_t mul = llround(frexp(real, &m.shift) * 2147483648.0);
    if (mul == (int64_t)1 << 31) {
        mul /= 2;
        m.shift++;
    }
    if (m.shift < -31) return (ln_fixed){0, 0};
    m.mul = (int32_t)mul;
    return m;
}

int32_t ln_high_mul(int32_t a, int32_t b) {
    if (a == INT32_MIN && b == INT32_MIN) return INT32_MAX;
    const int64_t ab = (int64_t)a * b, nudge = ab >= 0 ? 1 << 30 : 1 - (1 << 30);
    return (int32_t)((ab + nudge) / ((int64_t)1 << 31));
}

int32_t ln_round_shift(int32_t x, int bits) {
    const int64_t half = bits ? (int64_t)1 << (bits - 1) : 0, wide = x;
    return (int32_t)(wide >= 0 ? (wide + half) >> bits : -((-wide + half) >> bits));
}

static int32_t saturate(int64_t v) {
    return (int32_t)LN_MIN(LN_MAX(v, INT32_MIN), INT32_MAX);
}

int32_t ln_fixed_mul(int32_t x, ln_fixed m) {
    const int left = LN_MIN(LN_MAX(m.shift, 0), 31), right = LN_MAX(-m.shift, 0);
    return ln_round_shift(ln_high_mul(saturate(x * ((int64_t)1 << left)), m.mul), right);
}

ln_fixed_add ln_fixed_add_of(float a, float b, float y) {
    const double twice = 2.0 * (double)LN_MAX(a, b);
    return (ln_fixed_add){ln_fixed_of((double)a / twice), ln_fixed_of((double)b / twice),
                          ln_fixed_of(twice / ((1 << LN_ADD_BITS) * (double)y))};
}

ln_rescale ln_rescale_of(ln_fixed m) {
    return (ln_rescale){m.mul, ldexpf(1.0f, m.shift - 31)};
}

ln_twice ln_twice_of(ln_fixed m) {
    const int right = m.mul ? -2 - m.shift : 0, left = LN_MAX(-right, 0);
    return (ln_twice){m.mul, LN_MAX(right, 0), left, left > 1 ? 0 : (int64_t)1 << (30 + left)};
}

int8_t ln_saturate_i8(int64_t v) {
    return (int8_t)LN_MIN(LN_MAX(v, -128), 127);
}

static int8_t quantize(const ln_quant *q, float whole) {
    if (isnan(whole)) return (int8_t)q->zero;
    return ln_saturate_i8((int64_t)fminf(fmaxf(whole, -1e6f), 1e6f) + q->zero);
}

int8_t ln_quantize(const ln_quant *q, float real) {
    return quantize(q, roundf(real / q->scale));
}

int8_t ln_quantize_even(const ln_quant *q, float real) {
    return quantize(q, rintf(real / q->scale));
}

void ln_quant_limits(const ln_quant *q, const ln_act *a, int32_t *lo, int32_t *hi) {
    *lo = -128;
    *hi = 127;
    if (a->kind != LN_ACT_CLAMP) return;
    *lo = ln_quantize(q, a->lo);
    *hi = ln_quantize(q, a->hi);
}

/* Weights of one scale, but for signed ones of convolutions, have the product of scales in f32
 * (tensorflow/lite/kernels/kernel_util.cc). */
double ln_quant_factor(const ln_graph *g, const ln_node *n, int64_t c) {
    const ln_tensor *x = &g->tensor[n->in[LN_CONV_X]], *w = &g->tensor[n->in[LN_CONV_W]];
    const float *s = w->view.scale, of = x->q.scale, y = g->tensor[n->out[0]].q.scale;
    const bool alike = s[0] == s[c] && s[0] == s[w->shape.dim[0] - 1];
    if (alike && (n->op == LN_OP_FC || w->view.dtype == LN_U8))
        return (double)(of * s[c]) / (double)y;
    return (double)of * (double)s[c] / (double)y;
}

/* The division is part of the multiplier (tensorflow/lite/kernels/internal/reference/reduce.h). */
ln_fixed ln_quant_mean(const ln_quant *x, const ln_quant *y, int64_t pixels) {
    ln_fixed m = ln_fixed_of((double)x->scale / (double)y->scale);
    int bits = 0;
    while (bits < 32 && pixels >> (bits + 1)) bits++;
    bits = LN_MAX(LN_MIN(bits, 31 + m.shift), 0);
    return (ln_fixed){(int32_t)(((int64_t)m.mul << bits) / pixels), m.shift - bits};
}

/* ---- tables ---- */

static int16_t high_mul_i16(int16_t a, int16_t b, int nudge) {
    if (a == INT16_MIN && b == INT16_MIN) return INT16_MAX;
    const int32_t ab = (int32_t)a * b;
    return (int16_t)((ab + (ab >= 0 ? nudge : nudge ? 1 - nudge : 0)) / (1 << 15));
}

static int16_t left_i16(int16_t v, int bits) {
    const int64_t wide = v * ((int64_t)1 << bits);
    return (int16_t)LN_MIN(LN_MAX(wide, INT16_MIN), INT16_MAX);
}

/* The multiplier of a fixed point number of 16 bits. */
static int16_t mul_i16(ln_fixed m) {
    return m.mul >= INT32_MAX - (1 << 15) ? INT16_MAX : (int16_t)((m.mul + (1 << 15)) >> 16);
}

/* x * relu6(x + 3) / 6 in 16 bits: both factors with 7 more bits than x has
 * (tensorflow/lite/kernels/internal/reference/hard_swish.h). */
static int8_t hard_swish(const ln_quant *x, const ln_quant *y, int e) {
    const int half = 1 << 14;
    const float fine = (1.0f / 128.0f) * x->scale;
    const ln_fixed out = ln_fixed_of((double)(fine / y->scale)),
                   relu = ln_fixed_of((double)(fine / (3.0f / 32768.0f)));
    const int16_t v = (int16_t)((e - x->zero) * 128);
    const int16_t same = high_mul_i16(v, mul_i16(out), half);
    int16_t gate = v;
    if (relu.shift > 0) gate = left_i16(gate, LN_MIN(relu.shift - 1, 31));
    gate = high_mul_i16(gate, mul_i16(relu), half);
    if (relu.shift > 0) gate = left_i16(gate, 1);
    if (relu.shift < 0) gate = (int16_t)ln_round_shift(gate, -relu.shift);
    gate = (int16_t)((gate + (1 << 15)) >> 1);
    const int32_t product = high_mul_i16(gate, same, 0);
    const int32_t r = out.shift > 0 ? left_i16((int16_t)product, LN_MIN(out.shift, 31))
                                    : ln_round_shift(product, -out.shift);
    return ln_saturate_i8(r + y->zero);
}

static int8_t leaky(const ln_quant *x, const ln_quant *y, double alpha, int e) {
    const double same = (double)x->scale / (double)y->scale;
    const ln_fixed m = ln_fixed_of(e >= x->zero ? same : same * fabs(alpha));
    const int32_t v = ln_fixed_mul(e - x->zero, m);
    return ln_saturate_i8((int64_t)(e < x->zero && alpha < 0 ? -v : v) + y->zero);
}

static int8_t act_byte(const ln_quant *x, const ln_quant *y, const ln_act *a, int e) {
    int32_t lo, hi;
    switch (a->kind) {
    case LN_ACT_NONE: return (int8_t)e;
    case LN_ACT_CLAMP: {
        ln_quant_limits(y, a, &lo, &hi);
        const int64_t v =
            y->zero +
            (int64_t)ln_fixed_mul(e - x->zero, ln_fixed_of((double)x->scale / (double)y->scale));
        return (int8_t)LN_MIN(LN_MAX(v, lo), hi);
    }
    case LN_ACT_HARD_SWISH: return hard_swish(x, y, e);
    case LN_ACT_LEAKY_RELU: return leaky(x, y, (double)a->alpha, e);
    default: {
        const float real = ln_act_apply(a, ln_dequantize(x, (int8_t)e));
        const ln_quant unit = ln_quant_of(1.0f, y->zero);
        return ln_quantize(&unit, real * (1.0f / y->scale));
    }
    }
}

/* Of unsigned bytes, as TFLite computes it. */
static int8_t requantize_real(const ln_quant *x, const ln_quant *y, int e) {
    const float scale = x->scale * (1.0f / y->scale), bias = -(float)(x->zero + 128) * scale;
    const ln_quant unit = ln_quant_of(1.0f, y->zero);
    return ln_quantize(&unit, (float)(e + 128) * scale + bias);
}

void ln_quant_table(const ln_graph *g, const ln_node *n, int8_t table[256]) {
    const ln_quant *x = &g->tensor[n->in[0]].q, *y = &g->tensor[n->out[0]].q;
    const ln_fixed m = ln_fixed_of((double)x->scale / (double)y->scale);
    for (int e = -128; e < 128; e++)
        if (n->op == LN_OP_ACT)
            table[e + 128] = act_byte(x, y, &n->attr.act, e);
        else if (n->attr.quantize.real)
            table[e + 128] = requantize_real(x, y, e);
        else
            table[e + 128] = ln_saturate_i8((int64_t)ln_fixed_mul(e - x->zero, m) + y->zero);
}
