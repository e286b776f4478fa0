/* Shapes, element types, views and activations. */
#include "util.h"

START_TEST(shape_text_and_count) {
    char text[96];
    int64_t n;
    ln_shape s = ln_nhwc(1, 224, 224, 3);
    ck_assert_str_eq(ln_shape_text(&s, text), "1x224x224x3");
    ck_assert(ln_shape_count(&s, &n));
    ck_assert_int_eq(n, 150528);
    s = (ln_shape){0, {0}};
    ck_assert_str_eq(ln_shape_text(&s, text), "scalar");
    ck_assert(!ln_shape_count(&s, &n));
    s = (ln_shape){7, {1, 1, 1, 1, 1, 1}};
    ck_assert(!ln_shape_count(&s, &n));
    s = (ln_shape){2, {4, 0}};
    ck_assert(!ln_shape_count(&s, &n));
    s = (ln_shape){2, {4, -1}};
    ck_assert(!ln_shape_count(&s, &n));
    s = (ln_shape){3, {INT64_C(1) << 31, INT64_C(1) << 31, 2}};
    ck_assert(!ln_shape_count(&s, &n));
    s = (ln_shape){6, {INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX, INT64_MAX}};
    ck_assert_uint_lt(strlen(ln_shape_text(&s, text)), 96);
}
END_TEST

START_TEST(shape_equality_and_strides) {
    const ln_shape a = ln_nhwc(2, 3, 4, 5), b = ln_nhwc(2, 3, 4, 6), c = {3, {2, 3, 4}};
    int64_t stride[LN_MAX_RANK];
    ck_assert(ln_shape_equal(&a, &a));
    ck_assert(!ln_shape_equal(&a, &b));
    ck_assert(!ln_shape_equal(&a, &c));
    ln_shape_strides(&a, stride);
    ck_assert_int_eq(stride[0], 60);
    ck_assert_int_eq(stride[1], 20);
    ck_assert_int_eq(stride[2], 5);
    ck_assert_int_eq(stride[3], 1);
    ck_assert_int_eq(stride[4], 0);
}
END_TEST

/* Two pictures of 1x2 pixels with three channels. */
START_TEST(orders_of_dimensions) {
    static const float nhwc[] = {0, 10, 20, 1, 11, 21, 100, 110, 120, 101, 111, 121};
    static const float nchw[] = {0, 1, 10, 11, 20, 21, 100, 101, 110, 111, 120, 121};
    const ln_shape s = ln_nhwc(2, 1, 2, 3);
    float to[12], back[12];
    ln_nchw_to_nhwc(&s, LN_F32, nchw, to);
    ck_assert_mem_eq(to, nhwc, sizeof to);
    ln_nhwc_to_nchw(&s, LN_F32, to, back);
    ck_assert_mem_eq(back, nchw, sizeof back);
}
END_TEST

START_TEST(types) {
    static const size_t size[LN_DTYPE_COUNT] = {4, 2, 2, 8, 1, 1, 2, 4, 8, 1};
    for (int i = 0; i < LN_DTYPE_COUNT; i++) {
        ck_assert_uint_eq(ln_dtype_size((ln_dtype)i), size[i]);
        ck_assert_ptr_nonnull(ln_dtype_names[i]);
        ck_assert_int_eq(ln_dtype_is_float((ln_dtype)i), i <= LN_F64);
    }
    ck_assert_uint_eq(ln_dtype_size(LN_DTYPE_COUNT), 0);
}
END_TEST

/* Every half against its definition, and back. */
START_TEST(half_round_trip) {
    for (uint32_t h = 0; h < 65536; h++) {
        const float f = ln_f16_to_f32((uint16_t)h);
        const int exp = (int)(h >> 10 & 31), frac = (int)(h & 1023);
        if (exp == 31) {
            ck_assert(frac ? isnan(f) != 0 : isinf(f) != 0);
        } else {
            const double want = exp ? ldexp(1024 + frac, exp - 25) : ldexp(frac, -24);
            ck_assert_double_eq(fabs((double)f), want);
        }
        ck_assert_int_eq(signbit(f) != 0, h >> 15);
        if (exp == 31 && frac)
            ck_assert(isnan(ln_f16_to_f32(ln_f32_to_f16(f))));
        else
            ck_assert_uint_eq(ln_f32_to_f16(f), h);
    }
}
END_TEST

/* Halfway between neighbours goes to the even one, a hair beyond to the nearer. */
START_TEST(half_rounding) {
    for (uint32_t h = 0; h < 0x7BFF; h++) {
        const float a = ln_f16_to_f32((uint16_t)h), b = ln_f16_to_f32((uint16_t)(h + 1));
        const float mid = (float)(((double)a + b) / 2);
        ck_assert_uint_eq(ln_f32_to_f16(mid), h + (h & 1));
        ck_assert_uint_eq(ln_f32_to_f16(nextafterf(mid, 0.0f)), h);
        ck_assert_uint_eq(ln_f32_to_f16(nextafterf(mid, INFINITY)), h + 1);
        ck_assert_uint_eq(ln_f32_to_f16(-mid), 0x8000 | (h + (h & 1)));
    }
    ck_assert_uint_eq(ln_f32_to_f16(65519.996f), 0x7BFF);
    ck_assert_uint_eq(ln_f32_to_f16(65520.0f), 0x7C00);
    ck_assert_uint_eq(ln_f32_to_f16(1e30f), 0x7C00);
    ck_assert_uint_eq(ln_f32_to_f16(-INFINITY), 0xFC00);
    ck_assert_uint_eq(ln_f32_to_f16(1e-30f), 0);
}
END_TEST

START_TEST(elements_of_every_type) {
    uint8_t raw[32];
#define AT(type, v)                                                                                \
    do { /* element 1, from an odd address */                                                      \
        const type value_ = (type)(v);                                                             \
        memcpy(raw + 1 + sizeof value_, &value_, sizeof value_);                                   \
    } while (0)
    AT(float, 1.5f);
    ck_assert_float_eq(ln_elem_f32(raw + 1, 1, LN_F32), 1.5f);
    AT(double, -2.25);
    ck_assert_float_eq(ln_elem_f32(raw + 1, 1, LN_F64), -2.25f);
    AT(uint16_t, 0x3E00);
    ck_assert_float_eq(ln_elem_f32(raw + 1, 1, LN_F16), 1.5f);
    AT(uint16_t, 0xC040);
    ck_assert_float_eq(ln_elem_f32(raw + 1, 1, LN_BF16), -3.0f);
    AT(int8_t, -7);
    ck_assert_float_eq(ln_elem_f32(raw + 1, 1, LN_I8), -7.0f);
    AT(uint8_t, 200);
    ck_assert_float_eq(ln_elem_f32(raw + 1, 1, LN_U8), 200.0f);
    AT(int16_t, -300);
    ck_assert_float_eq(ln_elem_f32(raw + 1, 1, LN_I16), -300.0f);
    AT(int32_t, -70000);
    ck_assert_float_eq(ln_elem_f32(raw + 1, 1, LN_I32), -70000.0f);
    AT(int64_t, INT64_C(1) << 40);
    ck_assert_float_eq(ln_elem_f32(raw + 1, 1, LN_I64), 0x1p40f);
    AT(uint8_t, 2);
    ck_assert_float_eq(ln_elem_f32(raw + 1, 1, LN_BOOL), 1.0f);
    ck_assert_float_eq(ln_elem_f32(raw + 1, 1, LN_DTYPE_COUNT), 0.0f);
#undef AT
}
END_TEST

static const struct {
    ln_act_kind kind;
    double x, y;
} act_cases[] = {
    {LN_ACT_NONE, -2, -2},
    {LN_ACT_HARD_SWISH, -4, 0},
    {LN_ACT_HARD_SWISH, 1, 4.0 / 6},
    {LN_ACT_HARD_SWISH, 5, 5},
    {LN_ACT_HARD_SIGMOID, -3, 0},
    {LN_ACT_HARD_SIGMOID, 0, 0.5},
    {LN_ACT_HARD_SIGMOID, 1.5, 0.75},
    {LN_ACT_HARD_SIGMOID, 9, 1},
    {LN_ACT_SIGMOID, 0, 0.5},
    {LN_ACT_SIGMOID, 2, 0.88079707797788243},
    {LN_ACT_SIGMOID, -800, 0},
    {LN_ACT_SWISH, 2, 1.7615941559557649},
    {LN_ACT_SWISH, -1, -0.26894142136999512},
    {LN_ACT_GELU, 1, 0.84134474606854293},
    {LN_ACT_GELU, -2, -0.04550026389635842},
    {LN_ACT_GELU_TANH, 1, 0.84119199060827676},
    {LN_ACT_TANH, 0.5, 0.46211715726000976},
    {LN_ACT_LEAKY_RELU, -3, -0.5},
    {LN_ACT_LEAKY_RELU, 3, 3},
};

START_TEST(act_values) {
    ln_act a = ln_act_of(act_cases[_i].kind);
    const double x = act_cases[_i].x, y = act_cases[_i].y;
    ck_assert_double_eq_tol(ln_act_eval(&a, x), y, 1e-7);
    ck_assert_double_eq_tol((double)ln_act_apply(&a, (float)x), y, 1e-6);
}
END_TEST

START_TEST(act_passes_nan) {
    for (int k = 0; k < LN_ACT_COUNT; k++) {
        ln_act a = ln_act_of((ln_act_kind)k);
        a.hi = 6.0f;
        ck_assert_msg(isnan(ln_act_apply(&a, NAN)), "%s", ln_act_names[k]);
    }
    const ln_act relu = ln_act_relu(), relu6 = ln_act_relu6();
    ck_assert_float_eq(ln_act_apply(&relu, -1.0f), 0.0f);
    ck_assert(isinf(ln_act_apply(&relu, INFINITY)));
    ck_assert_float_eq(ln_act_apply(&relu6, INFINITY), 6.0f);
    ck_assert_float_eq(ln_act_apply(&relu6, -INFINITY), 0.0f);
}
END_TEST

START_TEST(act_text) {
    char text[64];
    ln_act a = ln_act_relu6();
    ck_assert_str_eq(ln_act_text(&a, text), "relu6");
    a = ln_act_relu();
    ck_assert_str_eq(ln_act_text(&a, text), "relu");
    a.lo = -1;
    a.hi = 2.5f;
    ck_assert_str_eq(ln_act_text(&a, text), "clamp(-1,2.5)");
    a = ln_act_of(LN_ACT_HARD_SWISH);
    ck_assert_str_eq(ln_act_text(&a, text), "hard_swish");
    a = ln_act_of(LN_ACT_NONE);
    ck_assert_str_eq(ln_act_text(&a, text), "");
}
END_TEST

static void fill(TCase *t) {
    tcase_add_test(t, shape_text_and_count);
    tcase_add_test(t, shape_equality_and_strides);
    tcase_add_test(t, orders_of_dimensions);
    tcase_add_test(t, types);
    tcase_add_test(t, half_round_trip);
    tcase_add_test(t, half_rounding);
    tcase_add_test(t, elements_of_every_type);
    tcase_add_loop_test(t, act_values, 0, (int)LN_COUNT(act_cases));
    tcase_add_test(t, act_passes_nan);
    tcase_add_test(t, act_text);
}

int main(void) {
    return tg_main("tensor", fill);
}
