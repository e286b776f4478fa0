/* Steps whose product a library makes: the same answers, in launches alone, and what is refused. */
#include "engine/diff.h"
#include "engine/tune.h"
#include "host/fault.h"
#include "tests/check_main.h"
#include "tests/plan/random_graph.h"

#include <math.h>
#include <string.h>

static linnet_error err;
#define OK(expr) ck_assert_msg((expr) == LINNET_OK, "%s: %s", #expr, err.message)

static int taken;
static const ln_variant *library_first(void *user, const ln_site *s) {
    (void)user;
    for (int v = 0; v < ln_variant_count; v++)
        if (ln_variant_tunable(&ln_variants[v], "GEMM", 0) &&
            ln_variant_can_run(&ln_variants[v], s)) {
            taken++;
            return &ln_variants[v];
        }
    return ln_variant_choose(s);
}

static float *input_of(const ln_graph *g) {
    int64_t count = 0;
    ln_shape_count(&g->tensor[g->input[0]].shape, &count);
    float *x = malloc((size_t)count * sizeof *x);
    for (int64_t i = 0; i < count; i++) x[i] = sinf((float)i * 1.7f);
    return x;
}

static bool there(void) {
    if (!ln_gemm_there()) fprintf(stderr, "libclblast.so.1 is not there: nothing to test\n");
    return ln_gemm_there();
}

START_TEST(products_agree_with_the_reference) {
    ln_device *d = NULL;
    if (!there()) return;
    OK(ln_device_open(NULL, &d, &err));
    ln_caps gpu = *ln_device_caps(d);
    gpu.kind = LN_DEVICE_GPU;
    taken = 0;
    for (uint64_t seed = 1; seed <= 6; seed++)
        for (int stream = LN_STREAM_AUTO; stream <= LN_STREAM_COMMANDS; stream++) {
            ln_graph *g = ln_test_random_graph(seed);
            ln_plan *p = NULL;
            ln_session *s = NULL;
            ln_diff_report r;
            float *x = input_of(g);
            const void *in[] = {x};
            OK(ln_plan_create(g, &gpu, &(ln_plan_params){.choose = library_first}, &p, &err));
            OK(ln_session_create(d, p, &(ln_session_params){.stream = (ln_stream)stream}, &s,
                                 &err));
            if (taken) ck_assert_int_eq(ln_session_stream(s), LN_STREAM_LAUNCHES);
            OK(ln_diff_run(s, in, &r, &err));
            ck_assert_msg(r.pass && r.end_to_end < 1e-5, "seed %d: %s differs by %g, %g in a run",
                          (int)seed, r.layer[r.worst].name, r.layer[r.worst].rel, r.end_to_end);
            ln_diff_free(&r);
            free(x);
            ln_session_destroy(&s);
            ln_graph_destroy(&g);
        }
    ck_assert_int_gt(taken, 6);
    ln_device_release(&d);
}
END_TEST

/* Never the default, and nothing for plans that are one launch. */
START_TEST(only_the_tuner_takes_it) {
    ln_device *d = NULL;
    OK(ln_device_open(NULL, &d, &err));
    for (int kind = LN_DEVICE_CPU; kind <= LN_DEVICE_GPU; kind++) {
        ln_caps caps = *ln_device_caps(d);
        caps.kind = (ln_device_kind)kind;
        ln_graph *g = ln_test_random_graph(2);
        for (int i = 0; i < g->n_node; i++) {
            const ln_site site = {g, &g->node[i], &caps};
            const ln_variant *v = ln_variant_choose(&site);
            ck_assert(!v || !ln_variant_tunable(v, "GEMM", 0));
            if (kind != LN_DEVICE_CPU) continue;
            for (int k = 0; k < ln_variant_count; k++)
                ck_assert(!ln_variant_tunable(&ln_variants[k], "GEMM", 0) ||
                          !ln_variant_can_run(&ln_variants[k], &site));
        }
        ln_graph_destroy(&g);
    }
    ln_device_release(&d);
}
END_TEST

START_TEST(products_stay_inside_their_buffers) {
    ln_device *d = NULL;
    ln_queue *q = NULL;
    ln_buffer *b = NULL;
    if (!there()) return;
    OK(ln_device_open(NULL, &d, &err));
    OK(ln_queue_create(d, false, &q, &err));
    OK(ln_buffer_create(d, 64 * sizeof(float), LN_BUFFER_ARENA, &b, &err));
    float ones[64] = {0}, out[64];
    for (int i = 0; i < 48; i++) ones[i] = i < 32 ? 1.0f : 2.0f;
    OK(ln_queue_write(q, b, 0, ones, sizeof ones, &err));
    const ln_matrix_at x = {b, 0, 4}, w = {b, 32, 4}, y = {b, 48, 4};
    OK(ln_queue_gemm(q, 4, 4, 4, &x, &w, &y, &err));
    OK(ln_queue_finish(q, LN_WAIT_SLEEP, &err));
    OK(ln_queue_read(q, b, 0, out, sizeof out, &err));
    for (int i = 48; i < 64; i++) ck_assert_float_eq(out[i], 8.0f);
    const struct {
        size_t rows, inner, columns;
        ln_matrix_at y;
    } bad[] = {{5, 4, 4, y},
               {4, 4, 5, y},
               {0, 4, 4, y},
               {4, 0, 4, y},
               {4, 4, 4, {b, 49, 4}},
               {4, 4, 4, {b, SIZE_MAX, 4}},
               {2, 4, 4, {b, 0, SIZE_MAX}}};
    for (size_t i = 0; i < LN_COUNT(bad); i++)
        ck_assert_int_eq(
            ln_queue_gemm(q, bad[i].rows, bad[i].inner, bad[i].columns, &x, &w, &bad[i].y, &err),
            LINNET_ERR_INVALID_ARGUMENT);
    ln_buffer_destroy(&b);
    ln_queue_destroy(&q);
    ln_device_release(&d);
}
END_TEST

CHECK_MAIN("gemm", products_agree_with_the_reference, only_the_tuner_takes_it,
           products_stay_inside_their_buffers)
