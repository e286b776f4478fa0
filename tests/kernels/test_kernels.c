/* Every row of the variant table against the C reference: a table of shapes at the edges of the
 * tiles, and random ones; what lies around the output, the padding lanes, NaN and infinity. */
#include "engine/peak.h"
#include "engine/ref/ref.h"
#include "tests/kernels/half_sums.h"
#include "tests/kernels/lab.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { RANDOM_CASES = 4000, RANDOM_WANTED = 24, CASES_WANTED = 8, NOT_FINITE = LN_ACT_COUNT };
#define TOLERANCE 1e-5 /* of the standard deviation of the output */

/* A simulated device ($LINNET_TEST_SMALL) takes the cases below this many multiply-adds. */
enum { SMALL_MACS = 60000, SMALL_RANDOM = 5 };
static bool small;
static const char *filter;

static ln_device *device;
static ln_caps caps;          /* as the planner is told */
static bool rounds_otherwise; /* sums of halves are the device's own, not ours */
static linnet_error err;

#define OK(expr) ck_assert_msg((expr) == LINNET_OK, "%s: %s", #expr, err.message)

#define CONV(N, H, W, C, OC, KK, SS, G, ACT, FLAGS)                                                \
    {                                                                                              \
        .op = LN_OP_CONV2D, .n = N, .h = H, .w = W, .c = C, .oc = OC,                              \
        .win = {KK, KK, SS, SS, 1, 1, (KK) / 2, (KK) / 2, (KK) / 2, (KK) / 2}, .groups = G,        \
        .act = LN_ACT_##ACT, .flags = FLAGS                                                        \
    }
#define PW(N, H, W, C, OC, ACT, FLAGS)     CONV(N, H, W, C, OC, 1, 1, 1, ACT, FLAGS)
#define DW(N, H, W, C, KK, SS, ACT, FLAGS) CONV(N, H, W, C, C, KK, SS, C, ACT, FLAGS)
#define FC(N, C, OC, ACT, FLAGS)                                                                   \
    {                                                                                              \
        .op = LN_OP_FC, .n = N, .h = 1, .w = 1, .c = C, .oc = OC, .groups = 1,                     \
        .act = LN_ACT_##ACT, .flags = FLAGS                                                        \
    }

/* Register tiles are 7 or 8 pixels (and 4, 2, 1) by up to 48 channels: each edge, one less and
 * one more. */
static const ln_case table[] = {
    PW(1, 1, 1, 1, 1, NONE, 0),
    PW(1, 1, 7, 3, 8, CLAMP, 0),
    PW(1, 1, 8, 16, 48, CLAMP, LAB_RES),
    PW(1, 3, 3, 17, 49, CLAMP, LAB_RES | LAB_POST),
    PW(2, 5, 5, 24, 40, HARD_SWISH, LAB_SPREAD),
    PW(3, 7, 7, 33, 96, SIGMOID, LAB_RES),
    PW(1, 13, 11, 40, 24, NONE, LAB_SPREAD | LAB_RES),
    PW(1, 28, 28, 8, 56, CLAMP, 0),
    PW(2, 14, 14, 96, 104, CLAMP, LAB_NO_BIAS),
    PW(1, 7, 7, 160, 333, CLAMP, 0),
    PW(2, 7, 7, 72, 40, NONE, LAB_GATE),
    PW(3, 5, 3, 20, 64, HARD_SWISH, LAB_GATE | LAB_RES),
    PW(1, 9, 9, 16, 30, CLAMP, LAB_GATE | LAB_SPREAD),
    PW(2, 1, 1, 10, 7, HARD_SIGMOID, LAB_GATE | LAB_POST),
    DW(1, 1, 1, 16, 3, 1, CLAMP, 0),
    DW(1, 6, 6, 24, 3, 1, CLAMP, LAB_SPREAD),
    DW(2, 7, 7, 33, 3, 1, NONE, LAB_RES),
    DW(1, 8, 8, 16, 3, 1, SWISH, LAB_RES),
    DW(1, 15, 29, 40, 3, 1, CLAMP, LAB_NO_BIAS),
    DW(1, 16, 15, 8, 3, 1, CLAMP, 0),
    DW(2, 9, 15, 5, 3, 2, HARD_SWISH, LAB_SPREAD | LAB_RES),
    DW(1, 14, 14, 17, 3, 2, CLAMP, 0),
    DW(3, 15, 15, 24, 3, 2, HARD_SWISH, LAB_SPREAD),
    DW(1, 29, 17, 16, 3, 2, NONE, LAB_RES | LAB_POST),
    DW(1, 2, 2, 48, 3, 2, CLAMP, 0),
    DW(1, 7, 7, 40, 5, 1, CLAMP, 0),
    DW(2, 3, 3, 19, 5, 1, HARD_SWISH, LAB_RES),
    DW(1, 16, 9, 16, 5, 1, NONE, LAB_SPREAD),
    DW(1, 14, 14, 24, 5, 2, CLAMP, 0),
    DW(2, 13, 31, 40, 5, 2, GELU, LAB_SPREAD),
    DW(1, 1, 3, 16, 5, 2, NONE, 0),
    DW(1, 14, 13, 44, 7, 1, NONE, 0),
    DW(2, 5, 8, 24, 7, 1, CLAMP, LAB_RES | LAB_SPREAD),
    DW(1, 28, 29, 22, 7, 2, NONE, LAB_SPREAD),
    DW(2, 7, 6, 16, 7, 2, HARD_SWISH, 0),
    CONV(1, 9, 9, 3, 16, 3, 2, 1, CLAMP, LAB_PLANAR),
    CONV(2, 17, 33, 3, 32, 3, 2, 1, CLAMP, LAB_PLANAR),
    CONV(1, 32, 15, 3, 24, 3, 2, 1, HARD_SWISH, LAB_PLANAR | LAB_SPREAD),
    CONV(1, 20, 20, 3, 64, 7, 2, 1, CLAMP, LAB_PLANAR),
    CONV(1, 18, 18, 8, 40, 3, 1, 1, CLAMP, LAB_RES),
    CONV(2, 7, 7, 17, 49, 3, 1, 1, SIGMOID, LAB_RES | LAB_POST),
    CONV(1, 9, 9, 32, 33, 1, 2, 1, NONE, LAB_SPREAD),
    CONV(1, 7, 7, 24, 48, 3, 2, 1, GELU_TANH, LAB_GATE),
    CONV(1, 7, 7, 24, 48, 3, 1, 3, CLAMP, 0),
    CONV(1, 5, 5, 10, 20, 3, 1, 5, TANH, 0),
    CONV(1, 14, 14, 60, 216, 1, 1, 3, NONE, LAB_MIXED),
    CONV(1, 7, 9, 96, 360, 1, 1, 8, CLAMP, LAB_MIXED),
    CONV(2, 7, 7, 90, 360, 1, 1, 3, NONE, LAB_MIXED | LAB_RES | LAB_POST | LAB_SPREAD),
    CONV(1, 6, 5, 24, 40, 3, 2, 8, HARD_SWISH, LAB_MIXED),
    CONV(2, 3, 3, 12, 9, 1, 1, 3, NONE, LAB_MIXED | LAB_GATE),
    FC(1, 1, 1, NONE, 0),
    FC(1, 1280, 1000, NONE, 0),
    FC(2, 64, 48, CLAMP, 0),
    FC(3, 33, 49, SIGMOID, LAB_SPREAD),
    FC(4, 100, 17, NONE, LAB_NO_BIAS),
    FC(7, 40, 40, HARD_SIGMOID, 0),
    FC(8, 8, 130, SWISH, 0),
    FC(9, 19, 96, LEAKY_RELU, LAB_SPREAD),
    {.op = LN_OP_POOL, .n = 2, .h = 7, .w = 7, .c = 1280, .oc = 1280, .flags = LAB_GLOBAL},
    {.op = LN_OP_POOL, .n = 1, .h = 56, .w = 56, .c = 24, .oc = 24, .flags = LAB_GLOBAL},
    {.op = LN_OP_SOFTMAX, .n = 2, .h = 1, .w = 1, .c = 1000},
};

static double deviation(const float *v, int64_t n) {
    double sum = 0, sq = 0;
    for (int64_t i = 0; i < n; i++) sum += v[i];
    for (int64_t i = 0; i < n; i++) sq += (v[i] - sum / (double)n) * (v[i] - sum / (double)n);
    return sqrt(sq / (double)n);
}

/* The reference's values of the node's output; of a kernel that sums in halves what comes of that.
 * *off: how far from them a device may be that rounds in another order or place; free() both. */
static float *expected(const ln_lab *lab, double **off) {
    ln_ref *ref = NULL;
    const ln_graph *g = lab->graph;
    int64_t count = 0;
    OK(ln_ref_create(g, &ref, &err));
    for (int i = 0; i < g->n_input; i++)
        OK(ln_ref_set(ref, g->input[i], lab->value[g->input[i]], &err));
    OK(ln_ref_run(ref, true, &err));
    ln_shape_count(&g->tensor[ln_lab_output(lab)].shape, &count);
    float *v = malloc((size_t)count * sizeof *v);
    *off = calloc((size_t)count, sizeof **off);
    if (ln_variant_is_fast(lab->step->variant))
        ln_half_sums(ref, &g->node[0], v, *off);
    else
        memcpy(v, ref->value[ln_lab_output(lab)], (size_t)count * sizeof *v);
    ln_ref_destroy(&ref);
    return v;
}

/* Rounding of a long sum grows with the square root of its terms. */
static double spread(const ln_lab *lab) {
    const ln_node *n = &lab->graph->node[0];
    int64_t terms = 1;
    if (n->op == LN_OP_CONV2D || n->op == LN_OP_FC) {
        const ln_shape *w = &lab->graph->tensor[n->in[LN_CONV_W]].shape;
        for (int i = 1; i < w->rank; i++) terms *= w->dim[i];
    }
    return fmax(1.0, sqrt((double)terms / 256.0));
}

/* Values within tolerance (NaN where the reference has one, infinities equal), padding lanes
 * zero unless they are NaN's, everything else untouched. A half may be the next one to the
 * reference's. */
static void check_output(const ln_lab *lab, float *after, const char *what, bool finite) {
    ln_tid t = ln_lab_output(lab);
    const ln_place *p = &lab->place[t];
    const ln_dtype type = lab->graph->tensor[t].dtype;
    ln_dims d = ln_dims_of(&lab->graph->tensor[t].shape);
    int64_t pixels = d.n * d.h * d.w, lanes = ln_round_up(d.c, LN_CPAD);
    double *off, slope = 1.5; /* of the steepest activation */
    float *want = expected(lab, &off);
    double limit =
        finite ? TOLERANCE * spread(lab) * fmax(deviation(want, pixels * d.c), 1e-2) : 1e-3;
    for (int64_t px = 0; px < pixels; px++)
        for (int64_t c = 0; c < lanes; c++) {
            const int64_t at = p->offset + (px * p->ps + c) * p->elem;
            double got = ln_elem_f32((char *)after + at, 0, type), ref = 0, tolerance = limit;
            if (c < d.c) ref = want[px * d.c + c];
            if (type == LN_F16) tolerance += 0x1p-10 * fabs(ref) + 0x1p-24;
            if (rounds_otherwise && c < d.c) tolerance += 2 * slope * off[px * d.c + c];
            bool same = got == ref || (isnan(got) && (isnan(ref) || (!finite && c >= d.c)));
            ck_assert_msg(same || fabs(got - ref) <= tolerance,
                          "%s: pixel %lld channel %lld is %.9g, reference %.9g, tolerance %g", what,
                          (long long)px, (long long)c, got, ref, tolerance);
            memcpy((char *)after + at, (char *)lab->image + at, (size_t)p->elem);
        }
    for (int64_t i = 0; i < lab->floats; i++)
        ck_assert_msg(!memcmp(&after[i], &lab->image[i], sizeof(float)),
                      "%s: float %lld of the arena was written: %g", what, (long long)i,
                      (double)after[i]);
    free(want);
    free(off);
}

static bool too_large(const ln_case *c) {
    int64_t window = (int64_t)LN_MAX(c->win.kh, 1) * LN_MAX(c->win.kw, 1);
    int64_t in = (int64_t)c->n * c->h * c->w * c->c;
    return in * window * LN_MAX(c->oc / LN_MAX(c->groups, 1), 1) > SMALL_MACS;
}

/* A device without any feature runs every op. */
START_TEST(every_op_has_a_general_variant) {
    for (int op = 0; op < LN_OP_COUNT; op++) {
        bool found = false;
        for (int v = 0; v < ln_variant_count; v++)
            found |= (int)ln_variants[v].family->op == op && ln_variants[v].tier == LN_TIER_ANY &&
                     !ln_variants[v].needs;
        ck_assert_msg(found, "%s has no general variant", ln_op_infos[op].name);
    }
}
END_TEST

/* False when the variant does not take the case. */
static bool try_case(const ln_variant *v, const ln_case *c, bool finite) {
    ln_lab lab;
    char text[256], what[320];
    if (small && too_large(c)) return false;
    ln_case_text(c, text, sizeof text);
    snprintf(what, sizeof what, "%s: %s", v->name, text);
    uint64_t seed =
        ln_hash(LN_HASH_INIT, text, strlen(text)); /* the case's own, wherever it stands */
    linnet_status st = ln_lab_open(device, &caps, c, v, seed, &lab, &err);
    if (st == LINNET_ERR_UNSUPPORTED) return false;
    ck_assert_msg(st == LINNET_OK, "%s: %s", what, err.message);
    if (!finite) {
        ln_tid t = lab.graph->input[0];
        int64_t count = 0;
        ln_shape_count(&lab.graph->tensor[t].shape, &count);
        lab.value[t][count / 3] = NAN;
        lab.value[t][count / 2] = INFINITY;
        lab.value[t][count - 1] = -INFINITY;
    }
    float *after = malloc((size_t)lab.floats * sizeof *after);
    OK(ln_lab_run(&lab, after, &err));
    check_output(&lab, after, what, finite);
    free(after);
    ln_lab_close(&lab);
    return true;
}

static void test_variant(const ln_variant *v) {
    int from_table = 0, random = 0;
    for (size_t i = 0; i < LN_COUNT(table); i++)
        if (table[i].op == v->family->op) from_table += try_case(v, &table[i], true);
    for (uint64_t n = 0; n < RANDOM_CASES && random < (small ? SMALL_RANDOM : RANDOM_WANTED); n++) {
        ln_case c = ln_case_random(v->family->op, n);
        random += try_case(v, &c, true);
    }
    ck_assert_msg(from_table + random >= (small ? SMALL_RANDOM : CASES_WANTED),
                  "%s has only %d cases", v->name, from_table + random);
}

/* NaN and infinity go where the reference lets them go, through every activation. */
static void test_not_finite(const ln_variant *v) {
    int tried = 0;
    for (uint64_t n = 0; n < RANDOM_CASES && tried < NOT_FINITE; n++) {
        ln_case c = ln_case_random(v->family->op, n);
        c.act = (ln_act_kind)(tried % LN_ACT_COUNT);
        if (c.op == LN_OP_SOFTMAX) c.h = c.w = 1;
        tried += try_case(v, &c, false);
    }
    ck_assert_int_ge(tried, NOT_FINITE);
}

/* Weights that are no constants, and what these take, have their cases in test_window and
 * test_index; elements of other sizes in test_quant. */
static bool known(const ln_variant *v) {
    static const char *const elsewhere[] = {"pool_f32_index", "concat_deep_rows",
                                            "concat_f16_deep_rows"};
    for (size_t i = 0; i < LN_COUNT(elsewhere); i++)
        if (!strcmp(v->name, elsewhere[i])) return false;
    return ln_case_knows(v->family->op) && !v->family->dynamic &&
           ln_variant_tunable(v, "ELEM", 4) == 4;
}

/* Sums of halves, acted by floats that are rounded, to the bit; and the device's own. */
static void test_fast(const ln_variant *v) {
    static bool said;
    if (caps.features >> LN_FEAT_FP16 & 1u) {
        rounds_otherwise = true;
        test_variant(v);
        rounds_otherwise = false;
    } else if (!said) {
        printf("skipped: the device's own halves: %s has no cl_khr_fp16; they are acted\n",
               caps.name);
        said = true;
    }
    caps.features |= 1u << LN_FEAT_FP16;
    caps.acted_halves = true;
    test_variant(v);
    test_not_finite(v);
    caps = *ln_device_caps(device);
}

static bool wanted(const ln_variant *v) {
    return !filter || strstr(v->name, filter);
}

START_TEST(every_variant_agrees_with_the_reference) {
    const ln_variant *v = &ln_variants[_i];
    if (!wanted(v) || !known(v)) return;
    if (ln_variant_is_fast(v)) {
        test_fast(v);
        return;
    }
    if (v->needs & ~caps.features) return;
    test_variant(v);
    test_not_finite(v);
}
END_TEST

/* The deep kernels take the device's vectors; those of the other width are tried here. */
START_TEST(deep_variants_work_at_the_other_vector_width) {
    const ln_variant *v = &ln_variants[_i];
    if (v->tier != LN_TIER_DEEP || !known(v) || !wanted(v)) return;
    caps.vector_float = ln_vector_width(&caps) == 16 ? 8 : 16;
    test_variant(v);
    caps = *ln_device_caps(device);
}
END_TEST

START_TEST(the_peak_is_a_number) {
    double gflops = 0;
    OK(ln_peak_gflops(device, &gflops, &err));
    ck_assert_msg(isfinite(gflops) && gflops > 0, "peak of %g GFLOP/s", gflops);
}
END_TEST

START_TEST(units_that_take_turns_are_not_slow) {
    static const struct {
        double wall, cpu, ns;
        int units;
    } rows[] = {
        {100, 200, 100, 2}, /* both at once */
        {200, 204, 102, 2}, /* in turn on one processor */
        {100, 230, 100, 2}, /* another thread of the process */
        {900, 200, 100, 2}, /* nobody ran for a while */
        {100, 3, 100, 0},   /* not on processors */
        {100, 0, 100, 2},   /* no such clock */
    };
    for (size_t i = 0; i < LN_COUNT(rows); i++)
        ck_assert_double_eq(ln_peak_unit_ns(rows[i].wall, rows[i].cpu, rows[i].units), rows[i].ns);
}
END_TEST

START_TEST(bandwidth_is_a_number) {
    double gbs = 0;
    OK(ln_peak_bandwidth(device, 1 << 20, &gbs, &err));
    ck_assert_msg(isfinite(gbs) && gbs > 0, "bandwidth of %g GB/s", gbs);
    ck_assert_int_eq(ln_peak_bandwidth(device, 1, &gbs, &err), LINNET_ERR_INVALID_ARGUMENT);
}
END_TEST

/* With an argument: variants whose name has it. */
int main(int argc, char **argv) {
    const char *want = getenv("LINNET_TEST_SMALL");
    small = want && *want;
    filter = argc > 1 ? argv[1] : NULL;
    if (ln_device_open(NULL, &device, &err) != LINNET_OK) {
        fprintf(stderr, "test_kernels: %s\n", err.message);
        return EXIT_FAILURE;
    }
    caps = *ln_device_caps(device);
    Suite *suite = suite_create("kernels");
    TCase *c = tcase_create("variants");
    tcase_set_timeout(c, 300);
    tcase_add_test(c, every_op_has_a_general_variant);
    tcase_add_loop_test(c, every_variant_agrees_with_the_reference, 0, ln_variant_count);
    tcase_add_loop_test(c, deep_variants_work_at_the_other_vector_width, 0, ln_variant_count);
    if (!small) tcase_add_test(c, the_peak_is_a_number);
    if (!small) tcase_add_test(c, bandwidth_is_a_number);
    tcase_add_test(c, units_that_take_turns_are_not_slow);
    suite_add_tcase(suite, c);
    SRunner *runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK); /* the device has threads */
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    ln_device_release(&device);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
