/* Whole sessions on the device: random networks with every kind of memory sharing, step by step
 * and end to end against the reference; what is refused, and that nothing is left behind. */
#include "base/env.h"
#include "engine/diff.h"
#include "engine/resident.h"
#include "host/fault.h"
#include "tests/plan/device_main.h"
#include "tests/plan/random_graph.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static ln_device *device;
static linnet_error err;

#define OK(expr) ck_assert_msg((expr) == LINNET_OK, "%s: %s", #expr, err.message)

static float *random_input(const ln_graph *g) {
    int64_t count = 0;
    ln_shape_count(&g->tensor[g->input[0]].shape, &count);
    float *x = malloc((size_t)count * sizeof *x);
    for (int64_t i = 0; i < count; i++) x[i] = sinf((float)i * 1.7f);
    return x;
}

static ln_session *open_stream(ln_graph *g, const ln_plan_params *params, ln_stream stream) {
    ln_plan *p = NULL;
    ln_session *s = NULL;
    ln_session_params how = {.stream = stream};
    OK(ln_plan_create(g, ln_device_caps(device), params, &p, &err));
    OK(ln_session_create(device, p, &how, &s, &err));
    return s;
}

static ln_session *open_session(ln_graph *g, const ln_plan_params *params) {
    return open_stream(g, params, LN_STREAM_LAUNCHES);
}

static bool always(void *user, const ln_plan *p, int first, int last) {
    (void)user;
    (void)p;
    return last > first;
}

START_TEST(random_networks_agree_with_the_reference) {
    for (uint64_t seed = 1; seed <= 8; seed++) {
        ln_plan_params params[] = {{0}, {.guard = 512}, {.no_sharing = true}, {.chain = always}};
        for (size_t i = 0; i < LN_COUNT(params); i++) {
            ln_graph *g = ln_test_random_graph(seed);
            ln_session *s = open_session(g, &params[i]);
            float *x = random_input(g);
            const void *in[] = {x};
            ln_diff_report r;
            OK(ln_diff_run(s, in, &r, &err));
            ck_assert_msg(r.pass && r.end_to_end < 1e-5, "seed %d: %s differs by %g, end to end %g",
                          (int)seed, r.layer[r.worst].name, r.layer[r.worst].rel, r.end_to_end);
            ln_diff_free(&r);
            free(x);
            ln_session_destroy(&s);
            ln_graph_destroy(&g);
        }
    }
}
END_TEST

START_TEST(diff_finds_a_wrong_step) {
    ln_graph *g = ln_test_random_graph(3);
    ln_session *s = open_session(g, NULL);
    for (int t = 0; t < g->n_tensor; t++) /* the reference now has other weights than the device */
        if (g->tensor[t].kind == LN_TENSOR_CONST) {
            ((float *)(uintptr_t)g->tensor[t].view.data)[0] += 1.0f;
            break;
        }
    float *x = random_input(g);
    const void *in[] = {x};
    ln_diff_report r;
    OK(ln_diff_run(s, in, &r, &err));
    ck_assert(!r.pass);
    ck_assert_int_eq(r.first_bad, 1); /* step 0 copies the input */
    ck_assert_double_gt(r.end_to_end, 1e-4);
    ln_diff_free(&r);
    free(x);
    ln_session_destroy(&s);
    ln_graph_destroy(&g);
}
END_TEST

/* An input that is also an output, and one read by a node that wants padded channels. */
START_TEST(planar_inputs_are_copied_where_needed) {
    ln_graph *g = NULL;
    OK(ln_graph_create("copy", &g, &err));
    ln_tid x = ln_graph_input(g, "x", ln_nhwc(2, 3, 5, 3), &err);
    ln_tid y = ln_test_conv(g, x, 3, x);
    OK(ln_graph_output(g, y, &err));
    OK(ln_graph_output(g, x, &err));
    ln_session *s = open_session(g, NULL);
    float *in = random_input(g), out[2][90];
    const void *ins[] = {in};
    void *outs[] = {out[0], out[1]};
    OK(ln_session_run(s, ins, outs, &err));
    for (int i = 0; i < 90; i++) ck_assert_float_eq(out[1][i], in[i]);
    ln_diff_report r;
    OK(ln_diff_run(s, ins, &r, &err));
    ck_assert(r.pass);
    ln_diff_free(&r);
    free(in);
    ln_session_destroy(&s);
    ln_graph_destroy(&g);
}
END_TEST

START_TEST(limits_are_named) {
    ln_graph *g = ln_test_random_graph(5);
    ln_caps caps = *ln_device_caps(device);
    ln_plan *p = NULL;
    caps.max_alloc = 64;
    ck_assert_int_eq(ln_plan_create(g, &caps, NULL, &p, &err), LINNET_ERR_OUT_OF_MEMORY);
    ck_assert_ptr_null(p);
    ck_assert_ptr_nonnull(strstr(err.message, "64"));
    ln_graph_destroy(&g);
}
END_TEST

/* Nothing wraps: what no int can index is refused before memory is taken. */
START_TEST(huge_batches_are_refused) {
    static const struct {
        int64_t batch;
        const char *says;
    } rows[] = {{(1 << 20) + (1 << 16), "activations exceed 2^31 elements; use a smaller batch"},
                {1 << 22, "has more than 2^31 elements; use a smaller batch"},
                {(int64_t)1 << 28, "has more than 2^31 elements; use a smaller batch"}};
    for (size_t i = 0; i < LN_COUNT(rows); i++) {
        ln_graph *g = NULL;
        ln_plan *p = NULL;
        OK(ln_graph_create("huge", &g, &err));
        ln_tid x = ln_graph_input(g, "x", ln_nhwc(rows[i].batch, 5, 5, 3), &err);
        for (int k = 0; k < 3; k++) x = ln_test_conv(g, x, 40, LN_NONE);
        OK(ln_graph_output(g, x, &err));
        ln_caps caps = *ln_device_caps(device);
        caps.max_alloc = 0;
        ck_assert_int_eq(ln_plan_create(g, &caps, NULL, &p, &err), LINNET_ERR_UNSUPPORTED);
        ck_assert_ptr_null(p);
        ck_assert_msg(strstr(err.message, rows[i].says), "%s", err.message);
        ln_graph_destroy(&g);
    }
}
END_TEST

static const ln_variant *none(void *user, const ln_site *s) {
    (void)user;
    (void)s;
    return NULL;
}

START_TEST(a_node_without_a_kernel_is_named) {
    ln_graph *g = ln_test_random_graph(5);
    ln_plan *p = NULL;
    ln_plan_params params = {.choose = none};
    ck_assert_int_eq(ln_plan_create(g, ln_device_caps(device), &params, &p, &err),
                     LINNET_ERR_UNSUPPORTED);
    ck_assert_ptr_nonnull(strstr(err.message, g->node[0].name));
    ln_graph_destroy(&g);
}
END_TEST

/* ---- the resident pipeline ---- */

static float *run(ln_session *s, const ln_graph *g) {
    float *x = random_input(g);
    void *out[2];
    int64_t count = 0, all = 0;
    for (int i = 0; i < g->n_output; i++) {
        ln_shape_count(&g->tensor[g->output[i]].shape, &count);
        all += count;
    }
    float *y = malloc((size_t)all * sizeof *y);
    ln_shape_count(&g->tensor[g->output[0]].shape, &count);
    out[0] = y;
    out[1] = y + count;
    const void *in[] = {x};
    OK(ln_session_run(s, in, out, &err));
    free(x);
    return y;
}

/* What launches give, for a comparison to the last bit. */
static void expect_same(ln_graph *g, const float *y) {
    ln_session *s = open_session(g, NULL);
    float *want = run(s, g);
    int64_t count = 0;
    ln_shape_count(&g->tensor[g->output[0]].shape, &count);
    ck_assert_mem_eq(y, want, (size_t)count * sizeof *y);
    free(want);
    ln_session_destroy(&s);
}

START_TEST(one_launch_gives_what_many_give) {
    if (ln_device_caps(device)->kind != LN_DEVICE_CPU) return;
    for (uint64_t seed = 1; seed <= 4; seed++) {
        ln_graph *g = ln_test_random_graph(seed);
        ln_session *s = open_stream(g, NULL, LN_STREAM_RESIDENT);
        ck_assert_int_eq(ln_session_stream(s), LN_STREAM_RESIDENT);
        for (int again = 0; again < 3; again++) { /* counters are left ready for the next run */
            float *y = run(s, g);
            expect_same(g, y);
            free(y);
        }
        ln_session_destroy(&s);
        ln_graph_destroy(&g);
    }
}
END_TEST

static int warnings;
static void count_warnings(void *user, int level, const char *line) {
    (void)user;
    if (level <= LN_LOG_INFO && strstr(line, "using launches")) warnings++;
}

START_TEST(an_expired_barrier_falls_back_to_launches_once) {
    if (ln_device_caps(device)->kind != LN_DEVICE_CPU) return;
    ln_graph *g = ln_test_random_graph(2);
    ln_session *s = open_stream(g, NULL, LN_STREAM_RESIDENT);
    warnings = 0;
    ln_log_set(count_warnings, NULL, LN_LOG_INFO);
    OK(ln_resident_set_limit(ln_session_resident(s), 0, &err));
    for (int again = 0; again < 2; again++) {
        float *y = run(s, g);
        ck_assert_int_eq(ln_session_stream(s), LN_STREAM_LAUNCHES);
        expect_same(g, y);
        free(y);
    }
    ck_assert_int_eq(warnings, 1);
    ln_log_set(NULL, NULL, LN_LOG_INFO);
    ln_session_destroy(&s);
    ln_graph_destroy(&g);
}
END_TEST

/* A device that claims more units than it runs at once. */
START_TEST(a_trial_keeps_it_off_devices_that_cannot) {
    if (ln_device_caps(device)->kind != LN_DEVICE_CPU) return;
    ln_device *plain = device;
    ln_fault fault = {.compute_units = 64};
    ln_fault_set(&fault);
    OK(ln_device_open(NULL, &device, &err));
    ck_assert_int_eq(ln_device_caps(device)->compute_units, 64);
    warnings = 0;
    ln_log_set(count_warnings, NULL, LN_LOG_INFO);
    ln_graph *g = ln_test_random_graph(2);
    ln_session *s = open_stream(g, NULL, LN_STREAM_RESIDENT);
    ck_assert_int_eq(ln_session_stream(s), LN_STREAM_LAUNCHES);
    ck_assert_int_eq(warnings, 1);
    float *y = run(s, g);
    ln_log_set(NULL, NULL, LN_LOG_INFO);
    ln_fault_set(NULL);
    ln_session_destroy(&s);
    ln_device_release(&device);
    device = plain;
    expect_same(g, y);
    free(y);
    ln_graph_destroy(&g);
}
END_TEST

/* The first program is the resident one: without it the session still runs. */
START_TEST(a_resident_program_that_does_not_build_is_done_without) {
    if (ln_device_caps(device)->kind != LN_DEVICE_CPU) return;
    ln_device *plain = device;
    ln_graph *g = ln_test_random_graph(2);
    ln_cache_dir_set("off");
    OK(ln_device_open(NULL, &device, &err));
    ln_fault fault = {.fail_name = "clBuildProgram", .fail_call = 1, .fail_code = -11};
    ln_fault_set(&fault);
    warnings = 0;
    ln_log_set(count_warnings, NULL, LN_LOG_WARN);
    ln_session *s = open_stream(g, NULL, LN_STREAM_RESIDENT);
    ln_log_set(NULL, NULL, LN_LOG_INFO);
    ln_fault_set(NULL);
    ck_assert_int_eq(warnings, 1);
    ck_assert_int_eq(ln_session_stream(s), LN_STREAM_LAUNCHES);
    float *y = run(s, g);
    ln_session_destroy(&s);
    ln_device_release(&device);
    device = plain;
    ln_cache_dir_set(NULL);
    expect_same(g, y);
    free(y);
    ln_graph_destroy(&g);
}
END_TEST

/* Reads that are under way when a run fails must not outlive the session's memory. */
START_TEST(a_run_that_fails_half_way_leaves_nothing_behind) {
    ln_graph *g = ln_test_random_graph(2);
    for (int stream = LN_STREAM_AUTO; stream <= LN_STREAM_RESIDENT; stream++)
        for (long call = 1; call <= 2; call++) {
            ln_session *s = open_stream(g, NULL, (ln_stream)stream);
            float *x = random_input(g), *y = malloc(1 << 20);
            void *out[] = {y, y + (1 << 17)};
            const void *in[] = {x};
            ln_fault fault = {.fail_name = "clEnqueueReadBuffer", .fail_call = call};
            ln_fault_set(&fault);
            linnet_status st = ln_session_run(s, in, out, &err);
            bool failed = ln_fault_failed() != NULL;
            ln_fault_set(NULL);
            ck_assert_int_eq(failed, st != LINNET_OK);
            ln_session_destroy(&s);
            free(x);
            free(y);
        }
    ln_graph_destroy(&g);
}
END_TEST

/* Steps follow each other without a gap; parts are timed inside one launch alone. (They may take
 * longer than their step where the system stops the group that notes the steps' ends.) */
static void check_times(const ln_session *s, bool inside) {
    const ln_plan *p = ln_session_plan(s);
    const ln_step_time *t = ln_session_times(s);
    double at = 0;
    for (int i = 0; i < p->n_step; i++) {
        double parts = 0;
        for (int k = 0; k < LN_STEP_PARTS; k++) {
            ck_assert(t[i].part_ns[k] >= 0);
            ck_assert(k <= p->step[i].node - p->step[i].first || t[i].part_ns[k] == 0);
            parts += t[i].part_ns[k];
        }
        ck_assert_msg(fabs(t[i].start_ns - at) <= 1e-6 * at, "step %d at %g", i, t[i].start_ns);
        ck_assert(t[i].ns > 0 && (parts > 0) == inside);
        ck_assert_msg(parts <= 1.001 * t[i].ns, "step %d: %g ns, its units %g", i, t[i].ns, parts);
        at += t[i].ns;
    }
}

START_TEST(profiles_time_each_step_in_either_stream) {
    bool seen[2] = {false, false};
    for (ln_stream stream = LN_STREAM_LAUNCHES; stream <= LN_STREAM_RESIDENT; stream++) {
        ln_graph *g = ln_test_random_graph(3);
        ln_plan *p = NULL;
        ln_session *s = NULL;
        ln_plan_params chains = {.chain = always};
        ln_session_params how = {.stream = stream, .profile = true};
        OK(ln_plan_create(g, ln_device_caps(device), &chains, &p, &err));
        OK(ln_session_create(device, p, &how, &s, &err));
        for (int i = 0; i < 3; i++) free(run(s, g));
        bool inside = ln_session_stream(s) == LN_STREAM_RESIDENT;
        check_times(s, inside);
        seen[inside] = true;
        ln_session_destroy(&s);
        ln_graph_destroy(&g);
    }
    ck_assert(seen[0]);
}
END_TEST

/* One group slept through the second step: that took as long as the other's work, and so did the
 * third, for which it came late. */
START_TEST(a_sleeping_unit_takes_no_time_from_a_step) {
    enum { STEPS = 3, UNITS = 2 };
    uint64_t clock[(STEPS * (LN_STEP_PARTS + 1) + 1) * UNITS] = {0};
    static const uint64_t busy[STEPS][UNITS] = {{90, 80}, {5, 190}, {0, 95}};
    static const uint64_t left[STEPS + 1][UNITS] = {
        {1000, 1003}, {1295, 1100}, {1301, 1300}, {1400, 1402}};
    for (int i = 0; i < STEPS; i++)
        for (int g = 0; g < UNITS; g++) clock[(i * UNITS + g) * LN_STEP_PARTS] = busy[i][g];
    memcpy(clock + (size_t)STEPS * UNITS * LN_STEP_PARTS, left, sizeof left);
    static const double start[STEPS] = {0, 200, 600}, ns[STEPS] = {200, 400, 200};
    ln_step_time t[STEPS];
    ln_resident_digest(clock, STEPS, UNITS, 400, 2000, t);
    for (int i = 0; i < STEPS; i++) {
        ck_assert_double_eq_tol(t[i].start_ns, start[i], 1e-9);
        ck_assert_double_eq_tol(t[i].ns, ns[i], 1e-9);
        ck_assert_double_eq_tol(t[i].part_ns[0], (double)(busy[i][0] + busy[i][1]), 1e-9);
    }
}
END_TEST

/* ---- recorded command buffers ---- */

static bool has_commands(void) {
    return ln_caps_has(ln_device_caps(device), LN_FEAT_COMMAND_BUFFER);
}

START_TEST(a_command_buffer_gives_what_launches_give) {
    for (uint64_t seed = 1; seed <= 3; seed++) {
        ln_graph *g = ln_test_random_graph(seed);
        ln_session *s = open_stream(g, NULL, LN_STREAM_COMMANDS);
        ck_assert_int_eq(ln_session_stream(s),
                         has_commands() ? LN_STREAM_COMMANDS : LN_STREAM_LAUNCHES);
        for (int again = 0; again < 3; again++) {
            float *y = run(s, g);
            expect_same(g, y);
            free(y);
        }
        ln_session_destroy(&s);
        ln_graph_destroy(&g);
    }
}
END_TEST

/* Recording, or a replay, that the driver refuses: launches, said once, the same answer. */
START_TEST(a_refused_command_buffer_becomes_launches) {
    static const struct {
        const char *name;
        long call;
        bool at_once; /* while the session is made */
    } rows[] = {{"clCreateCommandBufferKHR", 1, true},
                {"clCommandNDRangeKernelKHR", 1, true},
                {"clCommandNDRangeKernelKHR", 7, true},
                {"clFinalizeCommandBufferKHR", 1, true},
                {"clEnqueueCommandBufferKHR", 2, false},
                {"clGetExtensionFunctionAddressForPlatform", 3, true}};
    if (!has_commands()) return;
    for (size_t i = 0; i < LN_COUNT(rows); i++) {
        ln_graph *g = ln_test_random_graph(2);
        ln_fault fault = {.fail_name = rows[i].name, .fail_call = rows[i].call};
        warnings = 0;
        ln_log_set(count_warnings, NULL, LN_LOG_INFO);
        ln_fault_set(&fault);
        ln_session *s = open_stream(g, NULL, LN_STREAM_COMMANDS);
        ck_assert_int_eq(ln_session_stream(s),
                         rows[i].at_once ? LN_STREAM_LAUNCHES : LN_STREAM_COMMANDS);
        for (int again = 0; again < 3; again++) {
            float *y = run(s, g);
            ln_log_set(NULL, NULL, LN_LOG_INFO);
            expect_same(g, y);
            ln_log_set(count_warnings, NULL, LN_LOG_INFO);
            free(y);
        }
        ck_assert_str_eq(ln_fault_failed(), rows[i].name);
        ck_assert_int_eq(ln_session_stream(s), LN_STREAM_LAUNCHES);
        ck_assert_int_eq(warnings, 1);
        ln_session_destroy(&s);
        ln_fault_set(NULL);
        ln_log_set(NULL, NULL, LN_LOG_INFO);
        ln_graph_destroy(&g);
    }
}
END_TEST

START_TEST(a_device_without_command_buffers_says_so) {
    ln_device *plain = device;
    setenv("LINNET_DISABLE", "command_buffer", 1);
    OK(ln_device_open(NULL, &device, &err));
    ln_graph *g = ln_test_random_graph(2);
    ln_session *s = open_stream(g, NULL, LN_STREAM_COMMANDS);
    ck_assert_int_eq(ln_session_stream(s), LN_STREAM_LAUNCHES);
    float *y = run(s, g);
    ln_str text = {0};
    ln_plan_print_stream(ln_session_plan(s), LN_STREAM_COMMANDS, true, &text);
    ck_assert_ptr_nonnull(strstr(text.p, "no command buffers that work"));
    ln_str_free(&text);
    ln_session_destroy(&s);
    ln_device_release(&device);
    device = plain;
    unsetenv("LINNET_DISABLE");
    expect_same(g, y);
    free(y);
    ln_graph_destroy(&g);
}
END_TEST

int main(void) {
    const device_test list[] = {
        {random_networks_agree_with_the_reference, 0},
        {diff_finds_a_wrong_step, 0},
        {planar_inputs_are_copied_where_needed, 0},
        {one_launch_gives_what_many_give, 0},
        {an_expired_barrier_falls_back_to_launches_once, 0},
        {a_trial_keeps_it_off_devices_that_cannot, 0},
        {a_resident_program_that_does_not_build_is_done_without, 0},
        {a_command_buffer_gives_what_launches_give, 0},
        {a_refused_command_buffer_becomes_launches, 0},
        {a_device_without_command_buffers_says_so, 0},
        {a_run_that_fails_half_way_leaves_nothing_behind, 0},
        {profiles_time_each_step_in_either_stream, 0},
        {a_sleeping_unit_takes_no_time_from_a_step, 0},
        {limits_are_named, 0},
        {huge_batches_are_refused, 0},
        {a_node_without_a_kernel_is_named, 0},
    };
    return run_on_device(&device, "session", list, LN_COUNT(list));
}
