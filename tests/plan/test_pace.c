/* Long work in pieces, and devices that end what runs too long. */
#include "base/env.h"
#include "engine/diff.h"
#include "engine/pace.h"
#include "engine/session.h"
#include "host/fault.h"
#include "tests/check_main.h"
#include "tests/plan/random_graph.h"

#include <math.h>
#include <string.h>

static linnet_error err;
#define OK(expr) ck_assert_msg((expr) == LINNET_OK, "%s: %s", #expr, err.message)

/* One tile a launch, a flush and a wait after each. */
static const ln_pace finest = {1e-15, 1e-15, 1};

static ln_device *open_device(void) {
    ln_device *d = NULL;
    OK(ln_device_open(NULL, &d, &err));
    return d;
}

static ln_caps caps_of(const ln_device *d, ln_device_kind kind, ln_quirk quirk) {
    ln_caps c = *ln_device_caps(d);
    c.kind = kind;
    if (quirk < LN_QUIRK_COUNT) c.quirks |= 1u << quirk;
    return c;
}

static ln_session *open_session(ln_device *d, ln_graph *g, const ln_caps *caps, ln_stream stream,
                                const ln_pace *pace, bool profile) {
    ln_plan *p = NULL;
    ln_session *s = NULL;
    ln_session_params how = {.stream = stream, .pace = pace, .profile = profile};
    OK(ln_plan_create(g, caps, NULL, &p, &err));
    OK(ln_session_create(d, p, &how, &s, &err));
    return s;
}

typedef struct data {
    float *x, *y;
    int64_t out; /* floats of all outputs */
    const void *in[1];
    void *outs[4];
} data;

static data data_of(const ln_graph *g) {
    data d = {0};
    int64_t count = 0, at[4] = {0};
    ck_assert(g->n_input == 1 && g->n_output <= 4);
    ln_shape_count(&g->tensor[g->input[0]].shape, &count);
    d.x = malloc((size_t)count * sizeof *d.x);
    for (int64_t i = 0; i < count; i++) d.x[i] = sinf((float)i * 1.7f);
    d.in[0] = d.x;
    for (int i = 0; i < g->n_output; i++) {
        ln_shape_count(&g->tensor[g->output[i]].shape, &count);
        at[i] = d.out;
        d.out += count;
    }
    d.y = calloc((size_t)d.out, sizeof *d.y);
    for (int i = 0; i < g->n_output; i++) d.outs[i] = d.y + at[i];
    return d;
}

static void drop(data *d) {
    free(d->x);
    free(d->y);
}

/* ---- how long, and how it is cut ---- */

START_TEST(only_watched_devices_are_cut) {
    ln_step s = {.args = {.tiles = 100}, .macs = 1000000000, .bytes = 1000};
    ln_caps cpu = {.kind = LN_DEVICE_CPU, .compute_units = 2}, gpu = cpu, quirky = cpu;
    gpu.kind = LN_DEVICE_GPU;
    quirky.quirks = 1u << LN_QUIRK_SHORT_QUEUE;
    const ln_pace a = ln_pace_of(&cpu), b = ln_pace_of(&gpu), c = ln_pace_of(&quirky);
    ck_assert_int_eq(ln_pace_tiles(&a, &cpu, &s), 100);
    ck_assert_int_eq(ln_pace_tiles(&b, &gpu, &s), 19); /* half a second, a fifth of it a launch */
    ck_assert_int_eq(ln_pace_tiles(&c, &quirky, &s), 19);
    ck_assert(b.queue_s == 0 && c.queue_s > 0);
    s.macs = 1000;
    ck_assert_int_eq(ln_pace_tiles(&b, &gpu, &s), 100);
    s.bytes = INT64_C(1) << 40; /* traffic counts too; a tile is the least */
    ck_assert_int_eq(ln_pace_tiles(&b, &gpu, &s), 1);
    gpu.compute_units = 0; /* as some drivers say */
    ck_assert_int_eq(ln_pace_tiles(&b, &gpu, &s), 1);
}
END_TEST

START_TEST(long_runs_are_cut_finer) {
    ln_step s = {.args = {.tiles = 1000}, .macs = 1000000000};
    ln_plan p = {.step = &s, .n_step = 1, .caps = {.kind = LN_DEVICE_GPU, .compute_units = 2}};
    ln_pace pace = ln_pace_of(&p.caps);
    ck_assert(ln_pace_too_long(&pace, &p));
    ck_assert_int_eq(ln_pace_tiles(&pace, &p.caps, &s), 200);
    ln_pace_note(&pace, &p, 0.05); /* faster than thought, or too short to tell */
    ck_assert_int_eq(ln_pace_tiles(&pace, &p.caps, &s), 200);
    ln_pace_note(&pace, &p, 2.0);
    ck_assert_int_eq(ln_pace_tiles(&pace, &p.caps, &s), 50);
    ln_pace_note(&pace, &p, 1e9); /* the machine slept */
    ck_assert_int_eq(ln_pace_tiles(&pace, &p.caps, &s), 12);
    ln_pace_note(&pace, &p, 0.5);
    ck_assert_int_eq(ln_pace_tiles(&pace, &p.caps, &s), 200);
    p.caps.kind = LN_DEVICE_CPU;
    pace = ln_pace_of(&p.caps);
    ln_pace_note(&pace, &p, 1e9);
    ck_assert(!ln_pace_too_long(&pace, &p));
    ck_assert_int_eq(ln_pace_tiles(&pace, &p.caps, &s), 1000);
}
END_TEST

/* ---- on the device ---- */

/* Launches of one tile give what whole ones give, with a kernel for all steps or one for each. */
START_TEST(pieces_give_what_the_whole_gives) {
    ln_device *d = open_device();
    for (int kind = LN_DEVICE_CPU; kind <= LN_DEVICE_GPU; kind++)
        for (uint64_t seed = 1; seed <= 3; seed++) {
            ln_caps caps = caps_of(d, (ln_device_kind)kind, LN_QUIRK_COUNT);
            ln_graph *g = ln_test_random_graph(seed);
            data x = data_of(g);
            ln_session *s = open_session(d, g, &caps, LN_STREAM_LAUNCHES, &finest, false);
            ln_diff_report r;
            OK(ln_diff_run(s, x.in, &r, &err));
            ck_assert_msg(r.pass, "seed %d: %s differs by %g", (int)seed, r.layer[r.worst].name,
                          r.layer[r.worst].rel);
            ln_diff_free(&r);
            ln_session_destroy(&s);
            drop(&x);
            ln_graph_destroy(&g);
        }
    ln_device_release(&d);
}
END_TEST

static int tiles_of(const ln_plan *p) {
    int sum = 0;
    for (int i = 0; i < p->n_step; i++) sum += p->step[i].args.tiles;
    return sum;
}

static long calls_of(ln_session *s, data *x, const char *name) {
    ln_fault fault = {.fail_name = name};
    ln_fault_set(&fault);
    OK(ln_session_run(s, x->in, x->outs, &err));
    long calls = ln_fault_calls();
    ln_fault_set(NULL);
    return calls;
}

START_TEST(every_piece_is_a_launch_and_is_waited_for) {
    ln_device *d = open_device();
    ln_caps caps = caps_of(d, LN_DEVICE_GPU, LN_QUIRK_COUNT);
    ln_graph *g = ln_test_random_graph(2);
    data x = data_of(g);
    ln_session *s = open_session(d, g, &caps, LN_STREAM_AUTO, &finest, false);
    const int tiles = tiles_of(ln_session_plan(s)), steps = ln_session_plan(s)->n_step;
    ck_assert_int_gt(tiles, steps);
    ck_assert_int_eq(calls_of(s, &x, "clEnqueueNDRangeKernel"), tiles);
    ck_assert_int_ge(calls_of(s, &x, "clFinish"), tiles - 1);
    ln_session_destroy(&s);
    const ln_pace flushes = {1e-15, 0, 1};
    s = open_session(d, g, &caps, LN_STREAM_AUTO, &flushes, false);
    ck_assert_int_ge(calls_of(s, &x, "clFlush"), tiles - 1);
    ck_assert_int_le(calls_of(s, &x, "clFinish"), 1); /* the end of the run */
    ln_session_destroy(&s);
    s = open_session(d, g, &caps, LN_STREAM_AUTO, NULL, false);
    ck_assert_int_eq(calls_of(s, &x, "clEnqueueNDRangeKernel"), steps); /* short as it is */
    ln_session_destroy(&s);
    drop(&x);
    ln_graph_destroy(&g);
    ln_device_release(&d);
}
END_TEST

START_TEST(a_profile_adds_the_pieces_up) {
    ln_device *d = open_device();
    ln_caps caps = caps_of(d, LN_DEVICE_GPU, LN_QUIRK_COUNT);
    ln_graph *g = ln_test_random_graph(2);
    data x = data_of(g);
    ln_session *s = open_session(d, g, &caps, LN_STREAM_LAUNCHES, &finest, true);
    double first = 0, sum = 0;
    for (int again = 0; again < 2; again++) { /* each run from zero */
        OK(ln_session_run(s, x.in, x.outs, &err));
        sum = 0;
        for (int i = 0; i < ln_session_plan(s)->n_step; i++) {
            ck_assert(ln_session_times(s)[i].ns > 0);
            sum += ln_session_times(s)[i].ns;
        }
        if (!again) first = sum;
    }
    ck_assert(first > 0 && sum > 0);
    ln_session_destroy(&s);
    drop(&x);
    ln_graph_destroy(&g);
    ln_device_release(&d);
}
END_TEST

/* A processor with a watchdog, as far as the table of faults goes: a long network is neither one
 * launch nor one recording there. */
START_TEST(long_networks_are_not_one_launch) {
    ln_device *d = open_device();
    ln_caps plain = caps_of(d, LN_DEVICE_CPU, LN_QUIRK_COUNT),
            quirky = caps_of(d, LN_DEVICE_CPU, LN_QUIRK_SHORT_QUEUE);
    plain.compute_units = quirky.compute_units = 1;
    for (int large = 0; large < 2; large++) {
        ln_graph *g = NULL;
        OK(ln_graph_create("long", &g, &err));
        ln_tid t = ln_graph_input(g, "x", ln_nhwc(1, 64, 64, 3), &err);
        t = ln_test_conv(g, t, 128, LN_NONE);
        t = ln_test_conv(g, t, large ? 512 : 8, LN_NONE); /* 268 or 4 million multiply-adds */
        OK(ln_graph_output(g, t, &err));
        data x = data_of(g);
        ln_session *s = open_session(d, g, &plain, LN_STREAM_RESIDENT, NULL, false);
        OK(ln_session_run(s, x.in, x.outs, &err));
        float *want = malloc((size_t)x.out * sizeof *want);
        memcpy(want, x.y, (size_t)x.out * sizeof *want);
        ck_assert_int_eq(ln_session_stream(s), LN_STREAM_RESIDENT);
        ln_session_destroy(&s);
        for (int stream = LN_STREAM_AUTO; stream <= LN_STREAM_COMMANDS; stream++) {
            s = open_session(d, g, &quirky, (ln_stream)stream, NULL, false);
            memset(x.y, 0, (size_t)x.out * sizeof *x.y);
            OK(ln_session_run(s, x.in, x.outs, &err));
            if (large) ck_assert_int_eq(ln_session_stream(s), LN_STREAM_LAUNCHES);
            ck_assert_mem_eq(x.y, want, (size_t)x.out * sizeof *want);
            ln_session_destroy(&s);
        }
        free(want);
        drop(&x);
        ln_graph_destroy(&g);
    }
    ln_device_release(&d);
}
END_TEST

/* ---- a device that ends launches of more than so many groups ---- */

static void expect_lost(ln_session *s, data *x, const char *says) {
    ck_assert_int_eq(ln_session_run(s, x->in, x->outs, &err), LINNET_ERR_DEVICE_LOST);
    ck_assert_int_eq(err.status, LINNET_ERR_DEVICE_LOST);
    ck_assert_msg(strstr(err.message, says), "%s", err.message);
    ck_assert_ptr_null(strchr(err.message, '\n'));
}

START_TEST(a_lost_device_ends_the_session_alone) {
    ln_device *d = open_device();
    ln_caps caps = caps_of(d, LN_DEVICE_GPU, LN_QUIRK_COUNT);
    ln_graph *g = ln_test_random_graph(2), *other = ln_test_random_graph(2);
    data x = data_of(g), y = data_of(other);
    ln_session *s = open_session(d, g, &caps, LN_STREAM_LAUNCHES, NULL, false);
    OK(ln_session_run(s, x.in, x.outs, &err));
    ln_fault fault = {.most_groups = 1};
    ln_fault_set(&fault);
    expect_lost(s, &x, "open it again");
    long calls = ln_fault_calls();
    expect_lost(s, &x, "make a new session");
    ck_assert_int_eq(ln_fault_calls(), calls); /* nothing is asked of it again */
    ln_plan *p = NULL;
    ln_session *none = NULL;
    OK(ln_plan_create(other, &caps, NULL, &p, &err));
    ck_assert_int_ne(ln_session_create(d, p, NULL, &none, &err), LINNET_OK); /* same context */
    ck_assert_ptr_null(none);
    ln_session_destroy(&s);
    ln_device_release(&d);

    /* opened again, and its watchdog minded: the same answer as before the loss */
    d = open_device();
    s = open_session(d, other, &caps, LN_STREAM_LAUNCHES, &finest, false);
    OK(ln_session_run(s, y.in, y.outs, &err));
    for (int64_t i = 0; i < x.out; i++)
        if (!isnan(x.y[i])) ck_assert_float_eq(x.y[i], y.y[i]);
    ln_session_destroy(&s);
    ln_fault_set(NULL);
    drop(&x);
    drop(&y);
    ln_graph_destroy(&g);
    ln_graph_destroy(&other);
    ln_device_release(&d);
}
END_TEST

/* In each way to run and to wait, while another session of the process goes on. */
START_TEST(loss_is_told_in_every_way_to_run) {
    for (int stream = LN_STREAM_AUTO; stream <= LN_STREAM_COMMANDS; stream++)
        for (int how = LN_WAIT_SLEEP; how <= LN_WAIT_SPIN; how++) {
            ln_device *d = open_device(), *well = open_device();
            ln_graph *g = ln_test_random_graph(3), *other = ln_test_random_graph(3);
            data x = data_of(g), y = data_of(other);
            ln_plan *p = NULL;
            ln_session *s = NULL;
            ln_session_params params = {.stream = (ln_stream)stream, .wait = (ln_wait)how};
            OK(ln_plan_create(g, ln_device_caps(d), NULL, &p, &err));
            OK(ln_session_create(d, p, &params, &s, &err));
            ln_session *t =
                open_session(well, other, ln_device_caps(well), LN_STREAM_LAUNCHES, NULL, false);
            OK(ln_session_run(s, x.in, x.outs, &err));
            ln_fault fault = {.fail_call = 1, .fail_code = -36, .fail_all_after = true};
            ln_fault_set(&fault);
            expect_lost(s, &x, "CL_INVALID_COMMAND_QUEUE");
            ln_fault_set(NULL);
            expect_lost(s, &x, "lost in an earlier run");
            OK(ln_session_run(t, y.in, y.outs, &err));
            ln_session_destroy(&s);
            OK(ln_session_run(t, y.in, y.outs, &err));
            ln_session_destroy(&t);
            drop(&x);
            drop(&y);
            ln_graph_destroy(&g);
            ln_graph_destroy(&other);
            ln_device_release(&d);
            ln_device_release(&well);
        }
}
END_TEST

CHECK_MAIN("pace", only_watched_devices_are_cut, long_runs_are_cut_finer,
           pieces_give_what_the_whole_gives, every_piece_is_a_launch_and_is_waited_for,
           a_profile_adds_the_pieces_up, long_networks_are_not_one_launch,
           a_lost_device_ends_the_session_alone, loss_is_told_in_every_way_to_run)
