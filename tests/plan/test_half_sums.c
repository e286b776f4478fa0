/* Sums of halves: what comes back below 65504 at the end may be far beyond it on the way. On the
 * device in each tier, and by the reference. */
#include "engine/diff.h"
#include "engine/passes/passes.h"
#include "engine/session.h"
#include "tests/graph/util.h"
#include "tests/plan/device_main.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>

static ln_device *device;
static linnet_error err;

#define OK(expr) ck_assert_msg((expr) == LINNET_OK, "%s: %s", #expr, err.message)

static const ln_variant *of_tier(void *user, const ln_site *s) {
    const ln_tier tier = *(const ln_tier *)user;
    for (int i = ln_variant_count - 1; i >= 0; i--)
        if (!ln_variant_is_fast(&ln_variants[i]) &&
            (ln_variants[i].tier == tier || ln_variants[i].tier == LN_TIER_ANY) &&
            ln_variant_fits(&ln_variants[i], s))
            return &ln_variants[i];
    return NULL;
}

/* In rows of k: w in the first half, then -w (of odd k a zero between them); the last adds `more`.
 */
static ln_tid swinging(tg *t, ln_shape s, int64_t k, float w, float more) {
    const ln_tid c = tg_const(t, "w", s, false, true);
    float *v = (float *)(uintptr_t)t->g->tensor[c].view.data;
    for (int64_t i = 0; i < tg_count(t->g, c); i++)
        v[i] = i % k < k / 2 ? w : i % k < k - k / 2 ? 0 : -w;
    for (int64_t i = k - 1; i < tg_count(t->g, c); i += k) v[i] += more;
    return c;
}

static ln_tid conv(tg *t, ln_tid x, int oc, int k, int groups, float w, float more) {
    const int64_t c = t->g->tensor[x].shape.dim[3] / groups;
    const ln_tid in[] = {x, swinging(t, ln_nhwc(oc, k, k, c), c * k * k, w, more)};
    return tg_node(t, LN_OP_CONV2D, "conv", tg_conv_attr(k, 1, 0, groups), 2, in);
}

typedef ln_tid (*build)(tg *t);

static ln_tid pointwise(tg *t) { /* 128 * 600 * 8 on the way */
    return conv(t, tg_input(t, 1, 7, 7, 256), 24, 1, 1, 8, 1);
}
static ln_tid dense(tg *t) {
    return conv(t, tg_input(t, 1, 9, 10, 32), 24, 3, 1, 8, 1);
}
static ln_tid depthwise(tg *t) {
    return conv(t, tg_input(t, 1, 12, 12, 24), 24, 5, 24, 64, 1);
}
static ln_tid grouped(tg *t) {
    return conv(t, tg_input(t, 1, 5, 5, 128), 16, 3, 2, 8, 1);
}
static ln_tid connected(tg *t) {
    const ln_tid in[] = {tg_input_shape(t, (ln_shape){2, {2, 512}}),
                         swinging(t, (ln_shape){2, {10, 512}}, 512, 8, 1)};
    return tg_node(t, LN_OP_FC, "fc", (ln_attr){0}, 2, in);
}
static ln_tid pooled(tg *t) {
    const ln_attr a = {.pool = {.kind = LN_POOL_AVG, .global = true}};
    const ln_tid x = tg_input(t, 2, 14, 14, 40);
    return tg_node(t, LN_OP_POOL, "pool", a, 1, &x);
}

static const struct {
    const char *name;
    build build;
} cases[] = {{"pointwise", pointwise}, {"dense", dense},         {"depthwise", depthwise},
             {"grouped", grouped},     {"connected", connected}, {"pooled", pooled}};

enum { X = 600 };

static ln_caps caps; /* as the planner is told */

/* All of x is x0, and all of y is to be y0. */
static void run_from(tg *t, const ln_plan_params *params, float x0, float y0, bool *chained,
                     float *worst) {
    ln_plan *p = NULL;
    ln_session *s = NULL;
    const ln_session_params how = {.stream = LN_STREAM_LAUNCHES};
    const int64_t in = tg_count(t->g, t->g->input[0]), out = tg_count(t->g, t->g->output[0]);
    float *x = malloc((size_t)in * sizeof *x), *y = malloc((size_t)out * sizeof *y);
    for (int64_t i = 0; i < in; i++) x[i] = x0;
    OK(ln_plan_create(t->g, &caps, params, &p, &err));
    *chained = false;
    for (int i = 0; i < p->n_step; i++) *chained |= p->step[i].variant == &ln_variant_chain;
    OK(ln_session_create(device, p, &how, &s, &err));
    OK(ln_session_run(s, (const void *[]){x}, (void *[]){y}, &err));
    *worst = 0;
    for (int64_t i = 0; i < out; i++) {
        const float e = fabsf(y[i] - y0);
        *worst = e <= *worst ? *worst : isnan(e) ? INFINITY : e;
    }
    ln_session_destroy(&s);
    free(x);
    free(y);
}

/* All of x is 600, and so is all of y, or of a part of a chain. */
static void run(tg *t, const ln_plan_params *params, bool *chained, float *worst) {
    caps = *ln_device_caps(device);
    run_from(t, params, X, X, chained, worst);
}

START_TEST(sums_are_floats) {
    for (size_t i = 0; i < LN_COUNT(cases); i++)
        for (int tier = LN_TIER_ANY; tier <= LN_TIER_DEEP; tier++) {
            tg t;
            bool chained;
            float worst;
            const ln_plan_params params = {.choose = of_tier, .user = &(ln_tier){(ln_tier)tier}};
            tg_open(&t, 1);
            tg_output(&t, cases[i].build(&t));
            OK(ln_graph_halve(t.g, &err));
            run(&t, &params, &chained, &worst);
            ck_assert_msg(worst <= 0.5f, "%s, tier %d: %g off", cases[i].name, tier, (double)worst);
            tg_close(&t);
        }
}
END_TEST

START_TEST(so_they_are_by_the_reference) {
    for (size_t i = 0; i < LN_COUNT(cases); i++) {
        tg t;
        ln_ref *r = NULL;
        tg_open(&t, 1);
        tg_output(&t, cases[i].build(&t));
        OK(ln_graph_halve(t.g, &err));
        OK(ln_ref_create(t.g, &r, &err));
        const int64_t in = tg_count(t.g, t.g->input[0]), out = tg_count(t.g, t.g->output[0]);
        float *x = malloc((size_t)in * sizeof *x), *y = malloc((size_t)out * sizeof *y);
        for (int64_t k = 0; k < in; k++) x[k] = X;
        OK(ln_ref_input(r, 0, x, &err));
        OK(ln_ref_run(r, false, &err));
        OK(ln_ref_output(r, 0, y, &err));
        for (int64_t k = 0; k < out; k++)
            ck_assert_msg(fabsf(y[k] - X) <= 0.5f, "%s: %g", cases[i].name, (double)y[k]);
        free(x);
        free(y);
        ln_ref_destroy(&r);
        tg_close(&t);
    }
}
END_TEST

static const ln_variant *fast(void *user, const ln_site *s) {
    (void)user;
    for (int i = ln_variant_count - 1; i >= 0; i--)
        if (ln_variant_is_fast(&ln_variants[i]) && ln_variant_fits(&ln_variants[i], s))
            return &ln_variants[i];
    return ln_variant_choose(s);
}

static ln_tid fast_pointwise(tg *t) { /* 128 * 60 * 32 on the way, 32 * 60 * 32 in a run */
    return conv(t, tg_input(t, 1, 7, 7, 256), 24, 1, 1, 32, 32);
}
static ln_tid fast_dense(tg *t) {
    return conv(t, tg_input(t, 1, 9, 10, 32), 24, 3, 1, 32, 32);
}
static ln_tid fast_grouped(tg *t) {
    return conv(t, tg_input(t, 1, 5, 5, 128), 16, 3, 2, 32, 32);
}
static ln_tid fast_connected(tg *t) {
    const ln_tid in[] = {tg_input_shape(t, (ln_shape){2, {2, 512}}),
                         swinging(t, (ln_shape){2, {10, 512}}, 512, 32, 32)};
    return tg_node(t, LN_OP_FC, "fc", (ln_attr){0}, 2, in);
}

/* Runs of halves stay below 65504, their sum does not; what is beyond it within a run is lost.
 * Where the device has no halves they are acted. */
START_TEST(sums_of_runs_are_floats) {
    static const build builds[] = {fast_pointwise, fast_dense, fast_grouped, fast_connected};
    const ln_plan_params params = {.choose = fast};
    for (size_t i = 0; i < LN_COUNT(builds); i++)
        for (int far = 0; far < 2; far++) {
            tg t;
            bool chained;
            float worst;
            tg_open(&t, 1);
            tg_output(&t, builds[i](&t));
            OK(ln_graph_halve(t.g, &err));
            t.g->fast = true;
            caps = *ln_device_caps(device);
            caps.acted_halves = !ln_caps_has(&caps, LN_FEAT_FP16);
            caps.features |= 1u << LN_FEAT_FP16;
            run_from(&t, &params, far ? 80 : 60, far ? 80 * 32 : 60 * 32, &chained, &worst);
            ck_assert_msg(far ? isinf(worst) : worst == 0, "case %zu: %g off", i, (double)worst);
            tg_close(&t);
        }
}
END_TEST

static bool always(void *user, const ln_plan *p, int first, int last) {
    (void)user;
    (void)p;
    return last > first;
}

/* What lies between the nodes of a chain is never stored, so it may be beyond any half. */
START_TEST(chains_keep_floats_between) {
    const bool deep = ln_caps_deep(ln_device_caps(device));
    const ln_plan_params chains = {.chain = always};
    for (int chain = 0; chain < 2; chain++) {
        tg t;
        bool chained;
        float worst;
        tg_open(&t, 1);
        ln_tid x = conv(&t, tg_input(&t, 1, 14, 14, 32), 64, 1, 1, 1, 299); /* 600 * 299 */
        x = conv(&t, x, 64, 3, 64, 0, 1);
        tg_output(&t, conv(&t, x, 16, 1, 1, 0, 1.0f / 299));
        OK(ln_graph_halve(t.g, &err));
        run(&t, chain ? &chains : NULL, &chained, &worst);
        if (chain && deep) {
            ck_assert(chained);
            ck_assert_msg(worst <= 1.0f, "%g off", (double)worst);
        } else if (!chained) {
            ck_assert_msg(isinf(worst), "apart: stored, and %g off", (double)worst);
        }
        tg_close(&t);
    }
}
END_TEST

int main(void) {
    const device_test list[] = {
        {sums_are_floats, 0},
        {so_they_are_by_the_reference, 0},
        {chains_keep_floats_between, 0},
        {sums_of_runs_are_floats, 0},
    };
    return run_on_device(&device, "sums of halves", list, LN_COUNT(list));
}
