/* Elementwise functions and integers: shapes and types, what is refused, values worked out by
 * hand. */
#include "util.h"

#define S(...) ((ln_shape){(int)(sizeof((int[]){__VA_ARGS__}) / sizeof(int)), {__VA_ARGS__}})
#define MAP(k) ((ln_attr){.map = {.kind = LN_MAP_##k}})

static ln_tid whole(tg *t, ln_shape s) {
    const ln_tid x = tg_input_shape(t, s);
    t->g->tensor[x].dtype = LN_I32;
    return x;
}

static void expect(const tg *t, ln_tid y, ln_shape s, ln_dtype type) {
    char a[96], b[96];
    ck_assert_msg(ln_shape_equal(&t->g->tensor[y].shape, &s), "%s, not %s",
                  ln_shape_text(&t->g->tensor[y].shape, a), ln_shape_text(&s, b));
    ck_assert_int_eq(t->g->tensor[y].dtype, type);
}

START_TEST(shapes_and_types) {
    tg t;
    tg_open(&t, 1);
    const ln_tid a = tg_input_shape(&t, S(2, 1, 4)), b = tg_input_shape(&t, S(3, 1));
    const ln_tid i = whole(&t, S(4));
    expect(&t, TG(&t, MAP, "y", MAP(ADD), a, b), S(2, 3, 4), LN_F32);
    expect(&t, TG(&t, MAP, "y", MAP(LESS), b, a), S(2, 3, 4), LN_I32);
    expect(&t, TG(&t, MAP, "y", MAP(WHERE), i, a, b), S(2, 3, 4), LN_F32);
    expect(&t, TG(&t, MAP, "y", MAP(MUL), i, i), S(4), LN_I32);
    const ln_tid f = TG(&t, MAP, "y", MAP(TO_F32), i);
    expect(&t, f, S(4), LN_F32);
    expect(&t, TG(&t, RESHAPE, "y", ((ln_attr){.reshape = {S(2, 2)}}), i), S(2, 2), LN_I32);
    expect(&t, TG(&t, CONCAT, "y", (ln_attr){0}, i, i), S(8), LN_I32);
    tg_output(&t, f);
    ck_assert_int_eq(ln_graph_verify(t.g, &t.err), LINNET_OK);
    t.g->tensor[f].dtype = LN_I32;
    ck_assert_int_eq(ln_graph_verify(t.g, &t.err), LINNET_ERR_INTERNAL);
    ck_assert_ptr_nonnull(strstr(t.err.message, "output is i32, its rule says f32"));
    t.g->tensor[f].dtype = LN_I64;
    ck_assert_int_eq(ln_graph_verify(t.g, &t.err), LINNET_ERR_INTERNAL);
    ck_assert_ptr_nonnull(strstr(t.err.message, "no tensor is of i64"));
    tg_close(&t);
}
END_TEST

START_TEST(refusals) {
    tg t;
    tg_open(&t, 1);
    const ln_tid a = tg_input_shape(&t, S(2, 3)), b = tg_input_shape(&t, S(2, 4));
    const ln_tid i = whole(&t, S(2, 3));
    TG_REFUSE(&t, MAP, MAP(ADD), "2x3 and 2x4 cannot be broadcast", a, b);
    TG_REFUSE(&t, MAP, MAP(ADD), "no add of f32 i32", a, i);
    TG_REFUSE(&t, MAP, MAP(SQRT), "no sqrt of i32", i);
    TG_REFUSE(&t, MAP, MAP(WHERE), "no where of f32 f32 f32", a, a, a);
    TG_REFUSE(&t, MAP, MAP(NEG), "neg takes 1 operands, not 2", a, a);
    TG_REFUSE(&t, MAP, MAP(WHERE), "operand 1 is missing", i, LN_NONE, a);
    TG_REFUSE(&t, MAP, ((ln_attr){.map = {LN_MAP_COUNT, 0, 0}}), "no function", a);
    TG_REFUSE(&t, SOFTMAX, (ln_attr){0}, "is i32 and not f32", i);
    TG_REFUSE(&t, ADD, (ln_attr){0}, "input 1, x, is i32 and not f32", a, i);
    TG_REFUSE(&t, CONCAT, (ln_attr){0}, "is f32 and not i32", i, a);
    TG_REFUSE(&t, ACT, ((ln_attr){.act = ln_act_relu()}), "is i32 and not f32", i);
    tg_close(&t);
}
END_TEST

/* Types of a file become one of two: integers saturate, scaled ones are floats. */
START_TEST(constants) {
    static const int64_t wide[] = {1, -2, INT64_MAX, INT64_MIN};
    static const uint8_t small[] = {0, 1, 200, 255};
    static const double real[] = {0.5, -1.5, 1e300, -3.0};
    static const float scale[] = {0.5f, 2.0f, 1.0f, 1.0f};
    const ln_shape s = S(4);
    tg t;
    int32_t got[4];
    float real_got[4];
    tg_open(&t, 1);
    const ln_tid w = ln_graph_const(t.g, "w", s, ln_view_dense(&s, LN_I64, wide), false, &t.err);
    const ln_tid u = ln_graph_const(t.g, "u", s, ln_view_dense(&s, LN_U8, small), false, &t.err);
    const ln_tid r = ln_graph_const(t.g, "r", s, ln_view_dense(&s, LN_F64, real), false, &t.err);
    ln_view view = ln_view_dense(&s, LN_U8, small);
    view.scale = scale;
    const ln_tid q = ln_graph_const(t.g, "q", s, view, false, &t.err);
    ck_assert_int_eq(t.g->tensor[w].dtype, LN_I32);
    ck_assert_int_eq(t.g->tensor[u].dtype, LN_I32);
    ck_assert_int_eq(t.g->tensor[r].dtype, LN_F32);
    ck_assert_int_eq(t.g->tensor[q].dtype, LN_F32);
    ck_assert_int_eq(ln_const_copy(t.g, w, got, &t.err), LINNET_OK);
    ck_assert(got[0] == 1 && got[1] == -2 && got[2] == INT32_MAX && got[3] == INT32_MIN);
    ck_assert_int_eq(ln_const_copy(t.g, u, got, &t.err), LINNET_OK);
    ck_assert(got[0] == 0 && got[2] == 200 && got[3] == 255);
    ck_assert_int_eq(ln_const_copy(t.g, q, real_got, &t.err), LINNET_OK);
    ck_assert(real_got[1] == 2.0f && real_got[2] == 200.0f);
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(ln_elem_i32(real, i, LN_F64), ((int32_t[]){0, -1, INT32_MAX, -3})[i]);
    ck_assert_int_eq(ln_f64_to_i32((double)NAN), 0);
    tg_close(&t);
}
END_TEST

/* A kind, its operands as floats (integers by 'I' in the type), alpha, beta and what comes of it.
 */
typedef struct one {
    ln_map_kind kind;
    const char *in;
    double x[3];
    float alpha, beta;
    double want;
} one;
/* clang-format off */
#define R(kind, in, want, ...) {LN_MAP_##kind, #in, {__VA_ARGS__}, 0.0f, 0.0f, want}
#define RA(kind, in, alpha, beta, want, ...) {LN_MAP_##kind, #in, {__VA_ARGS__}, alpha, beta, want}
static const one values[] = {
    R(COPY, F, 1.5, 1.5), R(COPY, I, 16777217, 16777217), R(ADD, FF, 3.5, 1.25, 2.25), R(ADD, II, INT32_MIN, INT32_MAX, 1),
    R(SUB, FF, -1.0, 1.25, 2.25), R(SUB, II, INT32_MAX, INT32_MIN, 1),
    R(MUL, FF, -3.0, 1.5, -2.0), R(MUL, II, -727379968, 1000000, 1000000),
    R(DIV, FF, 0.75, 1.5, 2.0), R(DIV, FF, INFINITY, 1.0, 0.0), R(DIV, II, -2, -7, 3),
    R(DIV, II, 0, 7, 0), R(DIV, II, INT32_MIN, INT32_MIN, -1),
    R(MIN, FF, -2.0, -2.0, 3.0), R(MIN, FF, NAN, NAN, 1.0), R(MIN, FF, NAN, 1.0, NAN), R(MIN, II, -2, 3, -2),
    R(MAX, FF, 3.0, -2.0, 3.0), R(MAX, FF, NAN, NAN, 1.0), R(MAX, FF, NAN, 1.0, NAN), R(MAX, II, 3, 3, -2),
    R(NEG, F, -2.5, 2.5), R(NEG, I, INT32_MIN, INT32_MIN), R(ABS, F, 2.5, -2.5), R(ABS, I, 7, -7),
    R(SQRT, F, 1.5, 2.25), R(SQRT, F, NAN, -1.0), R(EXP, F, 2.718281828459045, 1.0),
    R(EQUAL, FF, 1, 2.0, 2.0), R(EQUAL, FF, 0, NAN, NAN), R(EQUAL, II, 0, 16777216, 16777217),
    R(LESS, FF, 1, 1.0, 2.0), R(LESS, FF, 0, NAN, 2.0), R(LESS, II, 1, -5, -4),
    R(SIGN, F, -1.0, -0.25), R(SIGN, F, NAN, NAN), R(SIGN, F, 0.0, 0.0), R(SIGN, I, 1, 12), R(SIGN, I, -1, -12),
    R(MOD, FF, 2.0, -7.0, 3.0), R(MOD, FF, -1.5, 7.5, -3.0), R(MOD, II, 2, -7, 3), R(MOD, II, -2, 7, -3),
    R(MOD, II, 0, 7, 0), R(MOD, II, 0, INT32_MIN, -1), R(FLOOR, F, -2.0, -1.5), R(CEIL, F, -1.0, -1.5),
    R(ROUND, F, 2.0, 2.5), R(ROUND, F, -4.0, -3.5), R(LOG, F, 1.0986122886681098, 3.0), R(LOG, F, -INFINITY, 0.0),
    R(POW, FF, 0.125, 2.0, -3.0), R(POW, FF, NAN, -2.0, 0.5), R(ERF, F, -0.84270079294971486, -1.0),
    RA(ELU, F, 2.0f, 0.0f, -1.2642411176571153, -1.0), RA(ELU, F, 2.0f, 0.0f, 3.0, 3.0),
    R(SOFTPLUS, F, 1.3132616875182228, 1.0), R(SOFTPLUS, F, 100.0, 100.0), R(PRELU, FF, -0.5, -2.0, 0.25), R(PRELU, FF, 2.0, 2.0, 0.25),
    R(TO_F16, F, 1.0009765625, 1.0007), R(TO_F16, F, INFINITY, 65520.0), R(TO_BF16, F, 1.0078125, 1.005),
    R(LESS_EQUAL, FF, 1, 2.0, 2.0), R(LESS_EQUAL, II, 0, 3, 2), R(NOT_EQUAL, FF, 1, NAN, NAN), R(NOT_EQUAL, II, 1, 2, 3),
    R(WHERE, IFF, 2.5, -3, 2.5, NAN), R(WHERE, III, 16777217, 0, 4, 16777217),
    R(TO_I32, F, -1, -1.9), R(TO_I32, F, INT32_MAX, 1e20), R(TO_I32, F, 0, NAN),
    R(TO_F32, I, 16777216.0, 16777217),
    R(REM, FF, -1.0, -7.0, 3.0), R(REM, II, -1, -7, 3), R(REM, II, 7, 7, 0) , R(REM, II, 0, INT32_MIN, -1),
    R(FLOOR_DIV, FF, -3.0, -7.0, 3.0), R(FLOOR_DIV, II, -3, -7, 3), R(FLOOR_DIV, II, -3, 7, -3), R(FLOOR_DIV, II, 2, 6, 3), R(FLOOR_DIV, II, 0, 6, 0),
    R(SQUARED_DIFFERENCE, FF, 6.25, 1.0, 3.5), R(SQUARED_DIFFERENCE, II, 25, -2, 3), R(RSQRT, F, 0.5, 4.0),
    R(POW, II, -243, -3, 5), R(POW, II, 1, 7, 0), R(POW, II, 0, 7, -1), R(POW, II, -1, -1, -3), R(POW, II, 1, -1, -2), R(POW, II, 0, 2, 33),
    RA(SELU, F, 2.0f, 0.5f, -0.6321205588285577, -1.0), RA(SELU, F, 2.0f, 0.5f, 1.5, 3.0),
    RA(CELU, F, 2.0f, 0.0f, -0.7869386805747332, -1.0), RA(CELU, F, 2.0f, 0.0f, 3.0, 3.0),
    R(MISH, F, 0.86509838826731, 1.0), R(SOFTSIGN, F, -0.75, -3.0),
    RA(THRESHOLDED_RELU, F, 1.0f, 0.0f, 0.0, 1.0), RA(THRESHOLDED_RELU, F, 1.0f, 0.0f, 1.25, 1.25),
    RA(SHRINK, F, 1.5f, 0.5f, -1.5, -2.0), RA(SHRINK, F, 1.5f, 0.5f, 0.0, -1.5), RA(SHRINK, F, 1.5f, 0.5f, 2.5, 3.0),
    R(IS_NAN, F, 1, NAN), R(IS_NAN, F, 0, INFINITY), RA(IS_INF, F, 1.0f, 0.0f, 1, -INFINITY), RA(IS_INF, F, 1.0f, 0.0f, 0, INFINITY),
    RA(IS_INF, F, 0.0f, 1.0f, 1, INFINITY), RA(IS_INF, F, 1.0f, 1.0f, 0, NAN),
    R(BIT_AND, II, 4, 12, 6), R(BIT_OR, II, 14, 12, 6), R(BIT_XOR, II, 10, 12, 6), R(BIT_NOT, I, -13, 12),
    R(SHIFT_LEFT, II, INT32_MIN, -3, 31), R(SHIFT_LEFT, II, 24, 3, 3), R(SHIFT_RIGHT, II, 3, 24, 3), R(SHIFT_RIGHT, II, -2, -3, 1),
    RA(QUANTIZE, FFI, -128.0f, 127.0f, 12, 1.25, 0.5, 10), RA(QUANTIZE, FFI, -128.0f, 127.0f, 14, 1.75, 0.5, 10),
    RA(QUANTIZE, FFI, -128.0f, 127.0f, 127, 100.0, 0.5, 10), RA(QUANTIZE, FFI, 0.0f, 255.0f, 0, -100.0, 0.5, 10),
    R(DEQUANTIZE, IFI, -3.5, 3, 0.5, 10),
    R(SIN, F, 0.84147098480789651, 1.0), R(COS, F, 0.54030230586813972, 1.0), R(TAN, F, 1.5574077246549023, 1.0),
    R(ASIN, F, 0.52359877559829887, 0.5), R(ACOS, F, 1.0471975511965979, 0.5), R(ATAN, F, 0.46364760900080612, 0.5),
    R(ATAN2, FF, 2.3561944901923448, 1.0, -1.0), R(SINH, F, 1.1752011936438014, 1.0), R(COSH, F, 1.5430806348152437, 1.0),
    R(ASINH, F, 0.88137358701954305, 1.0), R(ACOSH, F, 1.3169578969248166, 2.0), R(ATANH, F, 0.54930614433405489, 0.5),
};
/* clang-format on */

static float word(double v, bool integer) {
    const int32_t i = ln_f64_to_i32(v);
    float f = (float)v;
    if (integer) memcpy(&f, &i, 4);
    return f;
}

START_TEST(by_hand) {
    bool seen[128] = {false};
    for (size_t i = 0; i < LN_COUNT(values); i++) {
        const one *v = &values[i];
        const int count = (int)strlen(v->in);
        ln_tid in[3];
        ln_ref *r;
        tg t;
        tg_open(&t, 1);
        for (int k = 0; k < count; k++)
            in[k] = v->in[k] == 'I' ? whole(&t, S(1)) : tg_input_shape(&t, S(1));
        const ln_attr a = {.map = {v->kind, v->alpha, v->beta}};
        const ln_tid y = tg_node(&t, LN_OP_MAP, "y", a, count, in);
        seen[ln_node_map_row(t.g, &t.g->node[0])] = true;
        ck_assert_int_eq(ln_ref_create(t.g, &r, &t.err), LINNET_OK);
        for (int k = 0; k < count; k++) {
            const float x = word(v->x[k], v->in[k] == 'I');
            ck_assert_int_eq(ln_ref_set(r, in[k], &x, &t.err), LINNET_OK);
        }
        ck_assert_int_eq(ln_ref_run(r, true, &t.err), LINNET_OK);
        int32_t got;
        memcpy(&got, r->value[y], 4);
        const double f = (double)*r->value[y], w = (double)(float)v->want;
        const bool same = t.g->tensor[y].dtype == LN_I32
                              ? (double)got == v->want
                              : f == w || (isnan(f) && isnan(w)) || fabs(f - w) <= 1e-6 * fabs(w);
        ck_assert_msg(same, "%s(%g, %g, %g) is %g or %d, not %g", ln_map_names[v->kind], v->x[0],
                      v->x[1], v->x[2], f, got, v->want);
        ln_ref_destroy(&r);
        tg_close(&t);
    }
    for (int i = 0; i < ln_map_row_count; i++)
        ck_assert_msg(seen[i], "no value for %s %s", ln_map_names[ln_map_rows[i].kind],
                      ln_map_rows[i].in);
}
END_TEST

START_TEST(broadcasts) {
    static const float a[] = {1, 2, 3, 4}, b[] = {10, 20, 30};
    static const float want[] = {11, 12, 21, 22, 31, 32, 13, 14, 23, 24, 33, 34};
    ln_ref *r;
    tg t;
    tg_open(&t, 1);
    const ln_tid x = tg_input_shape(&t, S(2, 1, 2)), z = tg_input_shape(&t, S(3, 1));
    const ln_tid y = TG(&t, MAP, "y", MAP(ADD), x, z);
    ck_assert_int_eq(ln_ref_create(t.g, &r, &t.err), LINNET_OK);
    ck_assert_int_eq(ln_ref_set(r, x, a, &t.err), LINNET_OK);
    ck_assert_int_eq(ln_ref_set(r, z, b, &t.err), LINNET_OK);
    ck_assert_int_eq(ln_ref_run(r, true, &t.err), LINNET_OK);
    for (int i = 0; i < 12; i++) ck_assert_float_eq(r->value[y][i], want[i]);
    ln_ref_destroy(&r);
    tg_close(&t);
}
END_TEST

static void fill(TCase *c) {
    tcase_add_test(c, shapes_and_types);
    tcase_add_test(c, refusals);
    tcase_add_test(c, constants);
    tcase_add_test(c, by_hand);
    tcase_add_test(c, broadcasts);
}

int main(void) {
    return tg_main("map", fill);
}
