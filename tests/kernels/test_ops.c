/* Ops beyond convolution, pooling and sums: every variant of each against the reference. */
#include "step.h"

/* A table of cases of one op: shape of x, attributes, and the constants behind it. */
typedef struct one {
    const char *label;
    ln_op op;
    ln_shape x;
    ln_attr attr;
} one;

static ln_tid vector_of(tg *t, const ln_shape *x, bool positive) {
    return tg_const(t, "v", (ln_shape){1, {x->dim[x->rank - 1]}}, positive, true);
}

static void build_norm(tg *t, const void *user) {
    const one *c = user;
    ln_tid in[5] = {tg_input_shape(t, c->x)};
    for (int i = 1; i < 5; i++) in[i] = vector_of(t, &c->x, i == 4);
    tg_output(t, tg_node(t, c->op, "op", c->attr, c->op == LN_OP_BATCH_NORM ? 5 : 3, in));
}

static const one norms[] = {
    {"batch_norm 1x1x1x1", LN_OP_BATCH_NORM, {4, {1, 1, 1, 1}}, {.bn = {1e-5f}}},
    {"batch_norm 2x5x3x13", LN_OP_BATCH_NORM, {4, {2, 5, 3, 13}}, {.bn = {1e-3f}}},
    {"batch_norm 1x7x9x64", LN_OP_BATCH_NORM, {4, {1, 7, 9, 64}}, {.bn = {1e-5f}}},
    {"batch_norm 3x20", LN_OP_BATCH_NORM, {2, {3, 20}}, {.bn = {1e-5f}}},
};

typedef struct table {
    const one *row;
    size_t count;
    step_build build;
} table;
static const table tables[] = {{norms, LN_COUNT(norms), build_norm}};

START_TEST(every_variant_agrees_with_the_reference) {
    const table *t = &tables[_i];
    for (size_t i = 0; i < t->count; i++) step_check(t->row[i].label, t->build, &t->row[i]);
}
END_TEST

/* test_ops PART: times the cases whose label has PART instead. */
static const char *filter;

START_TEST(bench) {
    for (size_t t = 0; t < LN_COUNT(tables); t++)
        for (size_t i = 0; i < tables[t].count; i++)
            if (strstr(tables[t].row[i].label, filter))
                step_bench(tables[t].row[i].label, tables[t].build, &tables[t].row[i]);
}
END_TEST

int main(int argc, char **argv) {
    filter = argc > 1 ? argv[1] : NULL;
    if (!step_open()) return EXIT_FAILURE;
    Suite *s = suite_create("ops");
    TCase *c = tcase_create("ops");
    tcase_set_timeout(c, 600);
    if (filter)
        tcase_add_test(c, bench);
    else
        tcase_add_loop_test(c, every_variant_agrees_with_the_reference, 0, (int)LN_COUNT(tables));
    suite_add_tcase(s, c);
    SRunner *r = srunner_create(s);
    srunner_set_fork_status(r, CK_NOFORK);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    step_close();
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
