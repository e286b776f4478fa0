/* Quantized tensors: fixed point, rules, the reference, and what passes make of them. */
#include "engine/quant.h"
#include "util.h"

#define OK(expr) ck_assert_msg((expr) == LINNET_OK, "%s: %s", #expr, t.err.message)

static ln_tid input(tg *t, ln_shape s, float scale, int zero) {
    const ln_tid x = tg_input_shape(t, s);
    t->g->tensor[x].dtype = LN_I8;
    ck_assert_int_eq(ln_graph_set_quant(t->g, x, scale, zero, &t->err), LINNET_OK);
    return x;
}

static ln_tid set(tg *t, ln_tid y, float scale, int zero) {
    ck_assert_msg(ln_graph_set_quant(t->g, y, scale, zero, &t->err) == LINNET_OK, "%s",
                  t->err.message);
    return y;
}

/* A constant of bytes; scales[] by channel, or one for all. */
static ln_tid bytes(tg *t, ln_shape s, const int8_t *data, const float *scale, int zero) {
    ln_view v = ln_view_dense(&s, LN_I8, data);
    v.scale = scale;
    v.zero = zero;
    const ln_tid c = ln_graph_const_quant(t->g, "w", s, v, true, &t->err);
    ck_assert_msg(c != LN_NONE, "%s", t->err.message);
    return c;
}

/* ---- fixed point ---- */

START_TEST(multipliers) {
    const struct {
        double real;
        int32_t mul;
        int shift;
    } known[] = {{1.0, 1 << 30, 1},     {0.5, 1 << 30, 0},        {0.25, 1 << 30, -1},
                 {0.75, 0x60000000, 0}, {3.0, 0x60000000, 2},     {0.0, 0, 0},
                 {1e-20, 0, 0},         {1.0 - 1e-12, 1 << 30, 1}};
    for (size_t i = 0; i < LN_COUNT(known); i++) {
        const ln_fixed m = ln_fixed_of(known[i].real);
        ck_assert_int_eq(m.mul, known[i].mul);
        ck_assert_int_eq(m.shift, known[i].shift);
    }
    ck_assert_int_eq(ln_fixed_of((double)NAN).mul, 0);
}
END_TEST

START_TEST(rounding) {
    ck_assert_int_eq(ln_high_mul(INT32_MIN, INT32_MIN), INT32_MAX);
    ck_assert_int_eq(ln_high_mul(1 << 30, 3), 2); /* 1.5 up */
    ck_assert_int_eq(ln_high_mul(1 << 30, -3), -1);
    ck_assert_int_eq(ln_round_shift(5, 1), 3);
    ck_assert_int_eq(ln_round_shift(-5, 1), -3);
    ck_assert_int_eq(ln_round_shift(-6, 2), -2);
    ck_assert_int_eq(ln_round_shift(INT32_MIN, 31), -1);
    ck_assert_int_eq(ln_round_shift(7, 0), 7);
    for (int32_t x = -1000; x <= 1000; x += 7) ck_assert_int_eq(ln_fixed_mul(x, ln_fixed_of(1)), x);
    ck_assert_int_eq(ln_fixed_mul(3, ln_fixed_of(0.5)), 2);
    ck_assert_int_eq(ln_fixed_mul(-3, ln_fixed_of(0.5)), -1); /* the high word: halves up */
    ck_assert_int_eq(ln_fixed_mul(6, ln_fixed_of(0.25)), 2);
    ck_assert_int_eq(ln_fixed_mul(-6, ln_fixed_of(0.25)), -2); /* the shift: away from zero */
    ck_assert_int_gt(ln_fixed_mul(INT32_MAX, ln_fixed_of(1e9)), 1000000000); /* saturates */
    const ln_quant q = ln_quant_of(0.5f, 10);
    ck_assert_int_eq(ln_quantize(&q, 0.25f), 11);
    ck_assert_int_eq(ln_quantize(&q, -0.25f), 9);
    ck_assert_int_eq(ln_quantize_even(&q, 0.25f), 10);
    ck_assert_int_eq(ln_quantize_even(&q, -0.75f), 8);
    ck_assert_int_eq(ln_quantize(&q, -0.75f), 8);
    ck_assert_int_eq(ln_quantize_even(&q, NAN), 10);
    ck_assert_int_eq(ln_quantize_even(&q, -INFINITY), -128);
    ck_assert_int_eq(ln_quantize(&q, INFINITY), 127);
    ck_assert_int_eq(ln_quantize(&q, -1e30f), -128);
    ck_assert_int_eq(ln_quantize(&q, NAN), 10);
}
END_TEST

/* ln_fixed of fixed.clh, by what it reads. */
static int32_t on_device(int32_t x, ln_rescale r) {
    int32_t bits, left, right;
    memcpy(&bits, &r.unit, sizeof bits);
    left = LN_MIN(LN_MAX((bits >> 23) - 96, 0), 30), right = LN_MAX(96 - (bits >> 23), 0);
    const int32_t most = INT32_MAX >> left, lifted = LN_MAX(LN_MIN(x, most), ~most) * (1 << left);
    const int32_t high = (int32_t)(((int64_t)lifted * r.mul + (1 << 30)) >> 31);
    const int32_t one = LN_MIN(right, 1), below = high < 0 ? -one : 0;
    return (((high + below) >> (right - one)) + one) >> one;
}

/* ln_twice of fixed.clh, and the half that is left to its caller. */
static int32_t in_one(int32_t x, ln_twice r) {
    const int64_t p = (int64_t)x * ((int64_t)1 << r.left) * r.mul;
    const int32_t high = (int32_t)((p + (p < 0 ? -r.h : r.h)) >> 32);
    return ((high >> r.right) + 1) >> 1;
}

/* The high word rounded up is the one of TFLite's division; powers of two and their many halves
 * are among the multipliers. */
START_TEST(rescaling_on_the_device) {
    tg t;
    tg_open(&t, 11);
    for (int i = 0; i < 400; i++) {
        const double real = i < 40 ? ldexp(1.0, 2 - i) : exp2((double)tg_value(&t) * 8.0 - 7.0);
        const ln_fixed m = ln_fixed_of(real);
        const int range = (int)LN_MIN(140.0 / real, 1e9) + 1;
        for (int k = 0; k < 2000; k++) {
            const int32_t x = tg_pick(&t, 2 * range) - range;
            const int32_t want = ln_fixed_mul(x, m), got = on_device(x, ln_rescale_of(m));
            ck_assert_msg(want == got, "%d * %g is %d, not %d", x, real, got, want);
            const int32_t one = in_one(x, ln_twice_of(m));
            ck_assert_msg(want == one, "%d * %g is %d at once, not %d", x, real, one, want);
        }
    }
    tg_close(&t);
}
END_TEST

/* Where sums and shifts end, as bytes; a negative sum that `plus` may forget does not rise above 0.
 */
START_TEST(rescaling_at_the_ends) {
    static const int32_t ends[] = {INT32_MIN, INT32_MIN + 1, -7, -1, 0, 1, 7, INT32_MAX};
    for (int shift = -31; shift <= 40; shift++)
        for (int mul = 0; mul < 3; mul++) {
            const ln_fixed m = {mul == 0 ? 1 << 30 : mul == 1 ? INT32_MAX : 0x5a827999, shift};
            const ln_twice r = ln_twice_of(m);
            for (size_t i = 0; i < LN_COUNT(ends); i++) {
                const int32_t x = ends[i], want = ln_saturate_i8(ln_fixed_mul(x, m));
                const int32_t got = ln_saturate_i8(on_device(x, ln_rescale_of(m)));
                ck_assert_msg(want == got, "%d by 2^%d is %d, not %d", x, shift, got, want);
                if (r.left > (x > -8 && x < 8 ? 28 : 0)) continue; /* ln_scales_fit */
                const int32_t one = ln_saturate_i8(in_one(x, r));
                ck_assert_msg(want == one, "%d by 2^%d is %d at once, not %d", x, shift, one, want);
                const int64_t p = (int64_t)x * ((int64_t)1 << r.left) * r.mul + r.h;
                if (x < 0) ck_assert_int_le(((int32_t)(p >> 32) >> r.right) + 1, 1);
            }
        }
}
END_TEST

START_TEST(limits) {
    const ln_quant q = ln_quant_of(0.05f, -28);
    const ln_act none = {LN_ACT_NONE, 0, 0, 0, 0}, six = ln_act_relu6(), relu = ln_act_relu();
    int32_t lo, hi;
    ln_quant_limits(&q, &none, &lo, &hi);
    ck_assert(lo == -128 && hi == 127);
    ln_quant_limits(&q, &six, &lo, &hi);
    ck_assert(lo == -28 && hi == 92);
    ln_quant_limits(&q, &relu, &lo, &hi);
    ck_assert(lo == -28 && hi == 127);
}
END_TEST

/* Tables hold what the function gives in real numbers, rounded, but hard swish: 16 bits. */
START_TEST(tables) {
    static const struct {
        ln_act act;
        float scale;
        int zero, slack;
    } row[] = {{{LN_ACT_SIGMOID, 0, 0, 0, 0}, 1.0f / 256, -128, 0},
               {{LN_ACT_TANH, 0, 0, 0, 0}, 1.0f / 128, 0, 0},
               {{LN_ACT_CLAMP, 0, 6, 0, 0}, 0.0235f, -128, 1},
               {{LN_ACT_LEAKY_RELU, 0, 0, 0.1f, 0}, 0.05f, 3, 1},
               {{LN_ACT_LEAKY_RELU, 0, 0, -0.2f, 0}, 0.05f, 3, 1},
               {{LN_ACT_HARD_SWISH, 0, 0, 0, 0}, 0.05f, -100, 1}};
    for (size_t i = 0; i < LN_COUNT(row); i++) {
        tg t;
        tg_open(&t, 1);
        const ln_tid x = input(&t, ln_nhwc(1, 1, 1, 8), 0.06f, 5);
        const ln_tid y = set(&t, tg_act(&t, "y", x, row[i].act), row[i].scale, row[i].zero);
        int8_t table[256];
        ln_quant_table(t.g, &t.g->node[0], table);
        for (int e = -128; e < 128; e++) {
            const float real = ln_act_apply(&row[i].act, 0.06f * (float)(e - 5));
            const int want = ln_quantize(&t.g->tensor[y].q, real);
            ck_assert_msg(abs(table[e + 128] - want) <= row[i].slack,
                          "row %zu: %d gives %d, not %d", i, e, table[e + 128], want);
        }
        tg_close(&t);
    }
}
END_TEST

/* ---- rules ---- */

START_TEST(types_and_scales) {
    tg t;
    tg_open(&t, 1);
    static const float scale[2] = {0.1f, 0.2f};
    static const int8_t w[16];
    const ln_tid x = input(&t, ln_nhwc(1, 4, 4, 8), 0.5f, 3);
    const ln_tid k = bytes(&t, ln_nhwc(2, 1, 1, 8), w, scale, 0);
    const ln_tid y = TG(&t, CONV2D, "conv", tg_conv_attr(1, 1, 0, 1), x, k);
    ck_assert_int_eq(t.g->tensor[y].dtype, LN_I8);
    ck_assert(!t.g->tensor[y].q.on);
    TG_REFUSE(&t, ACT, (ln_attr){0}, "no scale and zero point yet", y);
    ck_assert_int_eq(ln_graph_verify(t.g, &t.err), LINNET_ERR_INTERNAL);
    ck_assert_ptr_nonnull(strstr(t.err.message, "i8 has no scale"));
    set(&t, y, 0.25f, -1);
    const ln_tid p =
        TG(&t, POOL, "pool", ((ln_attr){.pool = {.kind = LN_POOL_AVG, .global = true}}), y);
    ck_assert(ln_quant_equal(&t.g->tensor[p].q, &t.g->tensor[y].q));
    const ln_tid f = TG(&t, DEQUANTIZE, "f", (ln_attr){0}, p);
    ck_assert_int_eq(t.g->tensor[f].dtype, LN_F32);
    tg_output(&t, f);
    OK(ln_graph_verify(t.g, &t.err));
    t.g->tensor[p].q.zero = 7;
    ck_assert_int_eq(ln_graph_verify(t.g, &t.err), LINNET_ERR_INTERNAL);
    ck_assert_ptr_nonnull(strstr(t.err.message, "its rule says 0.25 and -1"));
    tg_close(&t);
}
END_TEST

START_TEST(refusals) {
    tg t;
    tg_open(&t, 1);
    static const float scale[8] = {1, 1, 1, 1, 1, 1, 1, 1}, bad[8] = {1, 1, 0, 1, 1, 1, 1, 1};
    static const int8_t w[64];
    const ln_shape s = ln_nhwc(1, 4, 4, 8), ks = ln_nhwc(8, 1, 1, 8);
    const ln_tid x = input(&t, s, 0.5f, 3), f = tg_input_shape(&t, s), z = input(&t, s, 0.5f, 4);
    const ln_tid k = bytes(&t, ks, w, scale, 0), kf = tg_const(&t, "kf", ks, false, true);
    const ln_tid fb = tg_vector(&t, "b", 8);
    ln_attr conv = tg_conv_attr(1, 1, 0, 1);
    TG_REFUSE(&t, CONV2D, conv, "is f32 and not i8", x, kf);
    TG_REFUSE(&t, CONV2D, conv, "is i8 and not f32", f, k);
    TG_REFUSE(&t, CONV2D, conv, "is f32 and not i32", x, k, fb);
    TG_REFUSE(&t, CONV2D, conv, "no residual", x, k, LN_NONE, x);
    conv.conv.act.kind = LN_ACT_SWISH;
    TG_REFUSE(&t, CONV2D, conv, "no activation but a clamp", x, k);
    TG_REFUSE(&t, ADD, (ln_attr){0}, "is f32 and not i8", x, f);
    TG_REFUSE(&t, ADD, ((ln_attr){.binary = {ln_act_of(LN_ACT_TANH)}}), "but a clamp", x, x);
    TG_REFUSE(&t, CONCAT, (ln_attr){0}, "differ in scale", x, z);
    TG_REFUSE(&t, SOFTMAX, (ln_attr){0}, "is i8 and not f32", x);
    TG_REFUSE(&t, DEQUANTIZE, (ln_attr){0}, "is f32 and not i8", f);
    TG_REFUSE(&t, QUANTIZE, ((ln_attr){.quantize = {.real = true}}), "one way to round", f);
    TG_REFUSE(&t, QUANTIZE, ((ln_attr){.quantize = {.even = true}}), "no halves to even", x);
    TG_REFUSE(&t, PAD, ((ln_attr){.pad = {.value = INFINITY}}), "finite", x);
    TG_REFUSE(&t, REDUCE, ((ln_attr){.reduce = {LN_REDUCE_SUM, 6u, true, false}}), "i8", x);
    ck_assert_int_eq(ln_graph_set_quant(t.g, f, 1, 0, &t.err), LINNET_ERR_INVALID_ARGUMENT);
    ck_assert_int_eq(ln_graph_set_quant(t.g, k, 1, 0, &t.err), LINNET_ERR_INVALID_ARGUMENT);
    ck_assert_int_eq(ln_graph_set_quant(t.g, -1, 1, 0, &t.err), LINNET_ERR_INVALID_ARGUMENT);
    ck_assert_int_eq(ln_graph_set_quant(t.g, x, 0, 0, &t.err), LINNET_ERR_INVALID_ARGUMENT);
    ck_assert_int_eq(ln_graph_set_quant(t.g, x, INFINITY, 0, &t.err), LINNET_ERR_INVALID_ARGUMENT);
    ck_assert_int_eq(ln_graph_set_quant(t.g, x, 1, 128, &t.err), LINNET_ERR_INVALID_ARGUMENT);
    ln_view v = ln_view_dense(&ks, LN_I8, w);
    ck_assert_int_eq(ln_graph_const_quant(t.g, "c", ks, v, false, &t.err), LN_NONE);
    v.scale = bad;
    ck_assert_int_eq(ln_graph_const_quant(t.g, "c", ks, v, false, &t.err), LN_NONE);
    ck_assert_ptr_nonnull(strstr(t.err.message, "scale 0 of channel 2"));
    v.scale = scale, v.zero = 200;
    ck_assert_int_eq(ln_graph_const_quant(t.g, "c", ks, v, false, &t.err), LN_NONE);
    v.zero = 0, v.dtype = LN_F32;
    ck_assert_int_eq(ln_graph_const_quant(t.g, "c", ks, v, false, &t.err), LN_NONE);
    tg_close(&t);
}
END_TEST

/* Bytes without a sign, and what stands for zero, in constants. */
START_TEST(constants) {
    tg t;
    tg_open(&t, 1);
    static const uint8_t u8[4] = {0, 128, 130, 255};
    static const float scale[2] = {0.5f, 2.0f};
    const ln_shape s = {2, {2, 2}};
    ln_view v = ln_view_dense(&s, LN_U8, u8);
    v.scale = scale;
    v.zero = 130;
    const ln_tid c = ln_graph_const_quant(t.g, "c", s, v, false, &t.err);
    ck_assert_int_eq(t.g->tensor[c].q.zero, 2);
    int8_t got[4];
    float real[4];
    OK(ln_const_copy(t.g, c, got, &t.err));
    OK(ln_const_copy_f32(t.g, c, real, &t.err));
    for (int i = 0; i < 4; i++) {
        ck_assert_int_eq(got[i], (int)u8[i] - 128);
        ck_assert_float_eq(real[i], scale[i / 2] * (float)(u8[i] - 130));
    }
    const ln_tid f = ln_graph_const(t.g, "f", s, v, false, &t.err); /* the same as numbers */
    ck_assert_int_eq(t.g->tensor[f].dtype, LN_F32);
    tg_close(&t);
}
END_TEST

/* ---- the reference ---- */

static void run(tg *t, const int8_t *x, void *y, size_t bytes_y) {
    ln_ref *r;
    ck_assert_int_eq(ln_ref_create(t->g, &r, &t->err), LINNET_OK);
    ck_assert_int_eq(ln_ref_set(r, t->g->input[0], x, &t->err), LINNET_OK);
    ck_assert_msg(ln_ref_run(r, false, &t->err) == LINNET_OK, "%s", t->err.message);
    memcpy(y, r->value[t->g->output[0]], bytes_y);
    ln_ref_destroy(&r);
}

/* Two pixels of two channels by hand: (x - 1) . w, a bias, 0.5 * 0.25 / 0.125 = 1 and 2. */
START_TEST(convolution_by_hand) {
    tg t;
    tg_open(&t, 1);
    static const float scale[2] = {0.25f, 0.5f};
    static const int8_t w[4] = {1, 2, -3, 4}, x[4] = {2, 3, 1, -9};
    const ln_tid in = input(&t, ln_nhwc(1, 1, 2, 2), 0.5f, 1);
    const ln_tid k = bytes(&t, ln_nhwc(2, 1, 1, 2), w, scale, 0);
    int32_t *b;
    const ln_tid bias = ln_graph_const_new_i32(t.g, "b", (ln_shape){1, {2}}, &b, &t.err);
    b[0] = 10, b[1] = -1;
    ln_attr a = tg_conv_attr(1, 1, 0, 1);
    a.conv.act = (ln_act){LN_ACT_CLAMP, -1.0f, 1.75f, 0.0f, 0.0f};
    tg_output(&t, set(&t, TG(&t, CONV2D, "y", a, in, k, bias), 0.125f, 3));
    int8_t y[4];
    run(&t, x, y, sizeof y);
    /* 1*1 + 2*2 + 10 = 15 -> 18, above 3 + 14; -3*1 + 4*2 - 1 = 4 -> 8 + 3 */
    ck_assert_int_eq(y[0], 17);
    ck_assert_int_eq(y[1], 11);
    /* 0 - 20 + 10 = -10 -> -7, below 3 - 8; 0 - 40 - 1 -> -82 + 3 */
    ck_assert_int_eq(y[2], -5);
    ck_assert_int_eq(y[3], -5);
    tg_close(&t);
}
END_TEST

START_TEST(pools_by_hand) {
    static const int8_t x[4] = {-3, 2, 0, -1}, odd[4] = {5, 4, 4, 5};
    int8_t y;
    tg t;
    tg_open(&t, 1);
    const ln_tid in = input(&t, ln_nhwc(1, 2, 2, 1), 0.5f, 1);
    tg_output(&t, TG(&t, POOL, "y", ((ln_attr){.pool = {.global = true}}), in));
    run(&t, x, &y, 1);
    ck_assert_int_eq(y, -1); /* -0.5 away from zero */
    run(&t, odd, &y, 1);
    ck_assert_int_eq(y, 5);
    tg_close(&t);
    tg_open(&t, 1);
    const ln_attr mean = {.reduce = {LN_REDUCE_MEAN, 6u, true, false}};
    tg_output(
        &t, set(&t, TG(&t, REDUCE, "y", mean, input(&t, ln_nhwc(1, 2, 2, 1), 0.5f, 1)), 0.25f, 7));
    run(&t, x, &y, 1); /* (-6 / 4) * 2 + 7 */
    ck_assert_int_eq(y, 4);
    tg_close(&t);
}
END_TEST

/* Sums and products are those of the real numbers, to a step. */
START_TEST(sums_and_products) {
    for (int mul = 0; mul < 2; mul++) {
        tg t;
        tg_open(&t, 5);
        const ln_tid x = input(&t, ln_nhwc(1, 4, 4, 16), 0.0413f, 7);
        const float sy = mul ? 0.05f : 0.0871f;
        const ln_tid y =
            mul ? TG(&t, MUL, "y", (ln_attr){0}, x, x) : TG(&t, ADD, "y", (ln_attr){0}, x, x);
        tg_output(&t, set(&t, y, sy, -11));
        int8_t in[256], out[256];
        for (int i = 0; i < 256; i++) in[i] = (int8_t)(i - 128);
        run(&t, in, out, sizeof out);
        for (int i = 0; i < 256; i++) {
            const float v = 0.0413f * (float)(in[i] - 7);
            const int want = ln_quantize(&t.g->tensor[y].q, mul ? v * v : v + v);
            ck_assert_msg(abs(out[i] - want) <= 1, "%d gives %d, not %d", in[i], out[i], want);
        }
        tg_close(&t);
    }
}
END_TEST

/* ---- passes ---- */

/* What a network of bytes gives before and after all passes. */
static void same_after_passes(tg *t, int8_t *x, size_t n, size_t bytes_y) {
    int8_t *before = malloc(bytes_y), *after = malloc(bytes_y);
    for (size_t i = 0; i < n; i++) x[i] = (int8_t)tg_pick(t, 256);
    run(t, x, before, bytes_y);
    ck_assert_msg(ln_passes_run(t->g, NULL, &t->err) == LINNET_OK, "%s", t->err.message);
    run(t, x, after, bytes_y);
    ck_assert_mem_eq(before, after, bytes_y);
    free(before);
    free(after);
}

/* Convolution, activation, residual, gate, batch of noops: all that floats would fuse stays. */
START_TEST(passes_leave_bytes_alone) {
    tg t;
    tg_open(&t, 3);
    static float scale[8];
    static int8_t w[64], x[128];
    for (int i = 0; i < 64; i++) w[i] = (int8_t)tg_pick(&t, 256);
    for (int i = 0; i < 8; i++) scale[i] = 0.01f;
    const ln_shape ks = ln_nhwc(8, 1, 1, 8);
    const ln_attr conv = tg_conv_attr(1, 1, 0, 1);
    const ln_tid in = input(&t, ln_nhwc(1, 4, 4, 8), 0.05f, 3);
    const ln_tid a = set(&t, TG(&t, CONV2D, "a", conv, in, bytes(&t, ks, w, scale, 0)), 0.1f, 5);
    const ln_tid r = set(&t, tg_act(&t, "r", a, ln_act_relu6()), 0.03f, -128);
    const ln_tid wide =
        set(&t, tg_act(&t, "wide", r, (ln_act){LN_ACT_CLAMP, -INFINITY, INFINITY, 0, 0}), 0.05f, 0);
    const ln_tid b = set(&t, TG(&t, CONV2D, "b", conv, wide, bytes(&t, ks, w, scale, 0)), 0.1f, 5);
    const ln_tid sum = set(&t, TG(&t, ADD, "sum", (ln_attr){0}, b, r), 0.12f, 5);
    const ln_tid mean =
        TG(&t, POOL, "mean", ((ln_attr){.pool = {.kind = LN_POOL_AVG, .global = true}}), sum);
    const ln_tid g1 =
        set(&t, TG(&t, CONV2D, "g1", conv, mean, bytes(&t, ks, w, scale, 0)), 0.1f, 5);
    const ln_tid g2 = set(&t, TG(&t, CONV2D, "g2", conv, g1, bytes(&t, ks, w, scale, 0)), 0.1f, 5);
    const ln_tid gate =
        set(&t, tg_act(&t, "gate", g2, ln_act_of(LN_ACT_SIGMOID)), 1.0f / 256, -128);
    const ln_tid scaled = set(&t, TG(&t, MUL, "scaled", (ln_attr){0}, sum, gate), 0.1f, 5);
    const ln_tid sig =
        set(&t, tg_act(&t, "sig", scaled, ln_act_of(LN_ACT_SIGMOID)), 1.0f / 256, -128);
    const ln_tid swish = set(&t, TG(&t, MUL, "swish", (ln_attr){0}, scaled, sig), 0.1f, 5);
    const ln_tid again = set(&t, TG(&t, QUANTIZE, "again", (ln_attr){0}, swish), 0.1f, 5);
    const ln_tid y = set(&t, TG(&t, CONV2D, "y", conv, again, bytes(&t, ks, w, scale, 0)), 0.1f, 5);
    tg_output(&t, y);
    const int nodes = t.g->n_node;
    same_after_passes(&t, x, sizeof x, 128);
    ck_assert_int_eq(t.g->n_node, nodes - 1); /* the requantization to the same scale */
    tg_close(&t);
}
END_TEST

/* Through floats and back: what only moves does so as bytes, and nothing converts. */
START_TEST(movers_take_bytes) {
    tg t;
    tg_open(&t, 3);
    static int8_t x[48];
    const ln_tid in = input(&t, ln_nhwc(1, 2, 3, 8), 0.05f, 3);
    const ln_tid f = TG(&t, DEQUANTIZE, "f", (ln_attr){0}, in);
    const ln_tid p = TG(&t, PERMUTE, "p", ((ln_attr){.permute = {{0, 2, 3, 1}}}), f);
    const ln_tid r = TG(&t, RESHAPE, "r", ((ln_attr){.reshape = {{2, {6, 8}}}}), p);
    const ln_tid c = TG(&t, CONCAT, "c", (ln_attr){0}, r, r);
    const ln_tid pad = TG(&t, PAD, "pad", ((ln_attr){.pad = {.before = {1, 0}}}), c);
    const ln_tid q = set(&t, TG(&t, QUANTIZE, "q", (ln_attr){0}, pad), 0.05f, 3);
    const ln_tid y = set(&t, tg_act(&t, "y", q, ln_act_relu()), 0.05f, 3);
    tg_output(&t, y);
    same_after_passes(&t, x, sizeof x, 112);
    ck_assert_int_eq(tg_count_op(&t, LN_OP_DEQUANTIZE) + tg_count_op(&t, LN_OP_QUANTIZE), 0);
    tg_close(&t);
}
END_TEST

/* Among bytes there is the same order: the place of the largest needs no floats. */
START_TEST(places_of_bytes) {
    tg t;
    tg_open(&t, 3);
    static int8_t x[48];
    const ln_tid in = input(&t, ln_nhwc(1, 2, 3, 8), 0.05f, 3);
    const ln_tid f = TG(&t, DEQUANTIZE, "f", (ln_attr){0}, in);
    for (int k = 0; k < 2; k++) {
        const ln_attr a = {.reduce = {k ? LN_REDUCE_ARGMIN : LN_REDUCE_ARGMAX, 8u, false, k}};
        const ln_tid y = TG(&t, REDUCE, k ? "least" : "most", a, f);
        ck_assert_int_eq(t.g->tensor[y].dtype, LN_I32);
        tg_output(&t, y);
    }
    same_after_passes(&t, x, sizeof x, 6 * 4);
    ck_assert_int_eq(tg_count_op(&t, LN_OP_DEQUANTIZE), 0);
    tg_close(&t);
}
END_TEST

/* A value that is read as floats too, one that is an output, and scales that differ. */
START_TEST(conversions_that_stay) {
    tg t;
    tg_open(&t, 3);
    static int8_t x[48];
    const ln_tid in = input(&t, ln_nhwc(1, 2, 3, 8), 0.05f, 3);
    const ln_tid f = TG(&t, DEQUANTIZE, "f", (ln_attr){0}, in);
    const ln_tid r = TG(&t, RESHAPE, "r", ((ln_attr){.reshape = {{2, {6, 8}}}}), f);
    const ln_tid s = TG(&t, SOFTMAX, "s", (ln_attr){0}, r);
    const ln_tid q = set(&t, TG(&t, QUANTIZE, "q", (ln_attr){0}, r), 0.07f, 3);
    const ln_tid same = set(&t, TG(&t, QUANTIZE, "same", (ln_attr){0}, r), 0.05f, 3);
    const ln_tid y = set(&t, TG(&t, ADD, "y", (ln_attr){0}, q, same), 0.1f, 1);
    const ln_tid out = set(&t, TG(&t, QUANTIZE, "out", (ln_attr){0}, r), 0.05f, 3);
    tg_output(&t, y);
    tg_output(&t, s);
    tg_output(&t, out);
    same_after_passes(&t, x, sizeof x, 48);
    ck_assert_int_eq(tg_count_op(&t, LN_OP_DEQUANTIZE), 1); /* for softmax and the other scale */
    ck_assert_int_eq(tg_count_op(&t, LN_OP_QUANTIZE), 2);
    ck_assert_int_eq(tg_count_op(&t, LN_OP_RESHAPE), 1);
    tg_close(&t);
}
END_TEST

static void fill(TCase *c) {
    tcase_add_test(c, multipliers);
    tcase_add_test(c, rounding);
    tcase_add_test(c, rescaling_on_the_device);
    tcase_add_test(c, rescaling_at_the_ends);
    tcase_add_test(c, limits);
    tcase_add_test(c, tables);
    tcase_add_test(c, types_and_scales);
    tcase_add_test(c, refusals);
    tcase_add_test(c, constants);
    tcase_add_test(c, convolution_by_hand);
    tcase_add_test(c, pools_by_hand);
    tcase_add_test(c, sums_and_products);
    tcase_add_test(c, passes_leave_bytes_alone);
    tcase_add_test(c, movers_take_bytes);
    tcase_add_test(c, places_of_bytes);
    tcase_add_test(c, conversions_that_stay);
}

int main(void) {
    return tg_main("quant", fill);
}
