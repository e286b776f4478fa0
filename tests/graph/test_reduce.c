/* Reductions: shapes and types, what is refused, values worked out by hand. */
#include "util.h"

#define S(...)                         ((ln_shape){(int)(sizeof((int[]){__VA_ARGS__}) / sizeof(int)), {__VA_ARGS__}})
#define REDUCE_OF(k, axes, keep, last) ((ln_attr){.reduce = {LN_REDUCE_##k, axes, keep, last}})

START_TEST(shapes_and_types) {
    static const struct {
        unsigned axes;
        bool keep;
        ln_shape want;
    } rows[] = {{1, false, {2, {3, 4}}}, {6, true, {3, {2, 1, 1}}}, {5, false, {1, {3}}},
                {7, false, {1, {1}}},    {7, true, {3, {1, 1, 1}}}, {0, false, {3, {2, 3, 4}}}};
    tg t;
    tg_open(&t, 1);
    const ln_tid x = tg_input_shape(&t, S(2, 3, 4)), i = tg_input_shape(&t, S(2, 3, 4));
    t.g->tensor[i].dtype = LN_I32;
    for (size_t r = 0; r < LN_COUNT(rows); r++) {
        const ln_attr a = REDUCE_OF(MEAN, rows[r].axes, rows[r].keep, false);
        const ln_tid y = TG(&t, REDUCE, "y", a, x);
        ck_assert(ln_shape_equal(&t.g->tensor[y].shape, &rows[r].want));
        ck_assert_int_eq(t.g->tensor[y].dtype, LN_F32);
    }
    const ln_tid sum = TG(&t, REDUCE, "y", REDUCE_OF(SUM, 1, false, false), i);
    const ln_tid at = TG(&t, REDUCE, "y", REDUCE_OF(ARGMIN, 4, true, true), x);
    ck_assert_int_eq(t.g->tensor[sum].dtype, LN_I32);
    ck_assert_int_eq(t.g->tensor[at].dtype, LN_I32);
    TG_REFUSE(&t, REDUCE, REDUCE_OF(SUM, 8, false, false), "axes 0x8 are not all of 2x3x4", x);
    TG_REFUSE(&t, REDUCE, REDUCE_OF(ARGMAX, 3, false, false), "argmax goes along one axis", x);
    TG_REFUSE(&t, REDUCE, REDUCE_OF(ARGMAX, 0, false, false), "argmax goes along one axis", x);
    TG_REFUSE(&t, REDUCE, REDUCE_OF(MEAN, 1, false, false), "no mean of i32", i);
    TG_REFUSE(&t, REDUCE, REDUCE_OF(COUNT, 1, false, false), "no reduction", x);
    tg_close(&t);
}
END_TEST

/* Over x = {{1, -3}, {2, 4}, {-3, 0}}: rows, then columns. */
static const struct {
    ln_reduce_kind kind;
    float rows[3], columns[2];
} reals[] = {
    {LN_REDUCE_SUM, {-2, 6, -3}, {0, 1}},
    {LN_REDUCE_MEAN, {-1, 3, -1.5f}, {0, 1.0f / 3.0f}},
    {LN_REDUCE_MAX, {1, 4, 0}, {2, 4}},
    {LN_REDUCE_MIN, {-3, 2, -3}, {-3, -3}},
    {LN_REDUCE_PROD, {-3, 8, 0}, {-6, 0}},
    {LN_REDUCE_L1, {4, 6, 3}, {6, 7}},
    {LN_REDUCE_L2, {3.16227766f, 4.47213595f, 3}, {3.74165739f, 5}},
    {LN_REDUCE_SUM_SQUARE, {10, 20, 9}, {14, 25}},
    {LN_REDUCE_LOG_SUM, {NAN, 1.79175947f, NAN}, {-INFINITY, 0}},
    {LN_REDUCE_LOG_SUM_EXP, {1.01814993f, 4.12692801f, 0.0485873516f}, {2.31817543f, 4.01904501f}},
};

static void run(tg *t, ln_tid x, const void *data, ln_ref **r) {
    ck_assert_int_eq(ln_ref_create(t->g, r, &t->err), LINNET_OK);
    ck_assert_int_eq(ln_ref_set(*r, x, data, &t->err), LINNET_OK);
    ck_assert_int_eq(ln_ref_run(*r, true, &t->err), LINNET_OK);
}

static void same(const float *got, const float *want, int n) {
    for (int i = 0; i < n; i++)
        ck_assert_msg(got[i] == want[i] || (isnan(got[i]) && isnan(want[i])) ||
                          fabsf(got[i] - want[i]) <= 1e-6f * fabsf(want[i]),
                      "%g, not %g", (double)got[i], (double)want[i]);
}

START_TEST(by_hand) {
    static const float x[] = {1, -3, 2, 4, -3, 0};
    for (size_t i = 0; i < LN_COUNT(reals); i++) {
        ln_ref *r;
        tg t;
        tg_open(&t, 1);
        const ln_tid in = tg_input_shape(&t, S(3, 2));
        const ln_attr a = {.reduce = {reals[i].kind, 2, false, false}};
        const ln_attr b = {.reduce = {reals[i].kind, 1, true, false}};
        const ln_tid rows = TG(&t, REDUCE, "rows", a, in), columns = TG(&t, REDUCE, "cols", b, in);
        run(&t, in, x, &r);
        same(r->value[rows], reals[i].rows, 3);
        same(r->value[columns], reals[i].columns, 2);
        ln_ref_destroy(&r);
        tg_close(&t);
    }
}
END_TEST

START_TEST(infinities) {
    static const float x[] = {INFINITY, 1, -INFINITY, -INFINITY, NAN, 1};
    static const float want[] = {INFINITY, -INFINITY, NAN};
    ln_ref *r;
    tg t;
    tg_open(&t, 1);
    const ln_tid in = tg_input_shape(&t, S(3, 2));
    const ln_tid y = TG(&t, REDUCE, "y", REDUCE_OF(LOG_SUM_EXP, 2, false, false), in);
    run(&t, in, x, &r);
    same(r->value[y], want, 3);
    ln_ref_destroy(&r);
    tg_close(&t);
}
END_TEST

START_TEST(places) {
    static const float x[] = {1, 7, 7, 1, NAN, 9, NAN, 2};
    static const int32_t first[][2] = {{1, 0}, {0, 0}}, last[][2] = {{2, 2}, {3, 2}};
    const int32_t(*want[2])[2] = {first, last};
    for (int k = 0; k < 4; k++) { /* argmax, argmin; first, last */
        ln_ref *r;
        tg t;
        tg_open(&t, 1);
        const ln_tid in = tg_input_shape(&t, S(2, 4));
        const ln_reduce_kind kind = k % 2 ? LN_REDUCE_ARGMIN : LN_REDUCE_ARGMAX;
        const ln_attr a = {.reduce = {kind, 2, false, k > 1}};
        const ln_tid y = TG(&t, REDUCE, "y", a, in);
        int32_t got[2];
        run(&t, in, x, &r);
        memcpy(got, r->value[y], sizeof got);
        for (int i = 0; i < 2; i++) ck_assert_int_eq(got[i], want[k / 2][k % 2][i]);
        ln_ref_destroy(&r);
        tg_close(&t);
    }
}
END_TEST

START_TEST(integers) {
    static const int32_t x[] = {INT32_MAX, 2, -5, INT32_MIN, 3, 0};
    static const struct {
        ln_reduce_kind kind;
        int32_t want[2];
    } rows[] = {{LN_REDUCE_SUM, {INT32_MAX - 3, INT32_MIN + 3}},
                {LN_REDUCE_PROD, {10, 0}}, /* -10 * (2^31 - 1) */
                {LN_REDUCE_MAX, {INT32_MAX, 3}},
                {LN_REDUCE_MIN, {-5, INT32_MIN}},
                {LN_REDUCE_L1, {INT32_MIN + 6, INT32_MIN + 3}},
                {LN_REDUCE_ARGMAX, {0, 1}},
                {LN_REDUCE_ARGMIN, {2, 0}}};
    for (size_t i = 0; i < LN_COUNT(rows); i++) {
        ln_ref *r;
        tg t;
        tg_open(&t, 1);
        const ln_tid in = tg_input_shape(&t, S(2, 3));
        t.g->tensor[in].dtype = LN_I32;
        const ln_attr a = {.reduce = {rows[i].kind, 2, false, false}};
        const ln_tid y = TG(&t, REDUCE, "y", a, in);
        int32_t got[2];
        run(&t, in, x, &r);
        memcpy(got, r->value[y], sizeof got);
        for (int k = 0; k < 2; k++) ck_assert_int_eq(got[k], rows[i].want[k]);
        ln_ref_destroy(&r);
        tg_close(&t);
    }
}
END_TEST

static void fill(TCase *c) {
    tcase_add_test(c, shapes_and_types);
    tcase_add_test(c, by_hand);
    tcase_add_test(c, infinities);
    tcase_add_test(c, places);
    tcase_add_test(c, integers);
}

int main(void) {
    return tg_main("reduce", fill);
}
