/* A session's own memory for inputs and outputs: runs on it give what runs on the caller's memory
 * give, on devices that share buffers with the host and on others; on the former a run is one
 * launch and nothing else. */
#include "engine/session.h"
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

/* A picture and three rows of five, which are padded in the arena; a map, the rows' sums and one
 * vector of sixteen out. */
enum { PICTURE = 2 * 3 * 6 * 5, ROWS = 3 * 5, MAP = 2 * 4 * 6 * 5, VECTOR = 16 };
static ln_graph *graph(void) {
    ln_graph *g = NULL;
    OK(ln_graph_create("memory", &g, &err));
    ln_tid x = ln_graph_input(g, "picture", ln_nhwc(2, 6, 5, 3), &err);
    ln_tid r = ln_graph_input(g, "rows", (ln_shape){2, {3, 5}}, &err);
    ln_tid v = ln_graph_input(g, "vector", (ln_shape){2, {1, VECTOR}}, &err);
    ln_tid map = ln_test_conv(g, x, 4, LN_NONE);
    const ln_attr none = {.act = ln_act_of(LN_ACT_NONE)};
    const ln_tid twice[] = {r, r}, same[] = {v, v};
    ln_tid sum = ln_graph_node(g, LN_OP_ADD, "sum", &none, twice, 2, &err);
    ln_tid vector = ln_graph_node(g, LN_OP_ADD, "vector sum", &none, same, 2, &err);
    ck_assert(sum != LN_NONE && vector != LN_NONE);
    OK(ln_graph_output(g, map, &err));
    OK(ln_graph_output(g, sum, &err));
    OK(ln_graph_output(g, vector, &err));
    return g;
}

static ln_session *session(ln_graph *g, ln_stream stream) {
    ln_plan *p = NULL;
    ln_session *s = NULL;
    ln_session_params how = {.stream = stream};
    OK(ln_plan_create(g, ln_device_caps(device), NULL, &p, &err));
    OK(ln_session_create(device, p, &how, &s, &err));
    return s;
}

static void fill(float *x, int n, float from) {
    for (int i = 0; i < n; i++) x[i] = sinf(from + (float)i);
}

typedef struct memory {
    void *in[3], *out[3];
} memory;
static memory memory_of(ln_session *s) {
    memory m = {0}, again = {0};
    for (int k = 0; k < 2; k++) {
        memory *at = k ? &again : &m;
        for (int i = 0; i < 3; i++) {
            OK(ln_session_memory(s, false, i, &at->in[i], &err));
            OK(ln_session_memory(s, true, i, &at->out[i], &err));
        }
    }
    ck_assert_mem_eq(&m, &again, sizeof m);
    return m;
}

static void check(ln_stream stream) {
    ln_graph *g = graph();
    ln_session *s = session(g, stream);
    float picture[PICTURE], rows[ROWS], vector[VECTOR], map[MAP], sum[ROWS], twice[VECTOR];
    fill(picture, PICTURE, 1);
    fill(rows, ROWS, 2);
    fill(vector, VECTOR, 3);
    OK(ln_session_run(s, (const void *[]){picture, rows, vector}, (void *[]){map, sum, twice},
                      &err));
    memory m = memory_of(s);
    memcpy(m.in[0], picture, sizeof picture);
    memcpy(m.in[1], rows, sizeof rows);
    memcpy(m.in[2], vector, sizeof vector);
    for (int k = 0; k < 3; k++) { /* what was written once stays */
        for (int i = 0; i < 3; i++) memset(m.out[i], 0, 16);
        OK(ln_session_run(s, (const void *const *)m.in, m.out, &err));
        ck_assert_mem_eq(m.out[0], map, sizeof map);
        ck_assert_mem_eq(m.out[1], sum, sizeof sum);
        ck_assert_mem_eq(m.out[2], twice, sizeof twice);
    }
    for (int i = 0; i < ROWS; i++) ck_assert_float_eq(sum[i], 2 * rows[i]);
    for (int i = 0; i < VECTOR; i++) ck_assert_float_eq(twice[i], 2 * vector[i]);
    fill(m.in[2], VECTOR, 7); /* and is read anew */
    OK(ln_session_run(s, (const void *[]){picture, rows, m.in[2]}, (void *[]){map, sum, twice},
                      &err));
    for (int i = 0; i < VECTOR; i++) ck_assert_float_eq(twice[i], 2 * ((float *)m.in[2])[i]);
    ln_session_destroy(&s);
    ln_graph_destroy(&g);
}

START_TEST(own_memory_gives_what_the_callers_gives) {
    check(LN_STREAM_LAUNCHES);
    check(LN_STREAM_RESIDENT);
}
END_TEST

START_TEST(so_it_does_where_nothing_is_shared) {
    ln_device *shares = device;
    setenv("LINNET_DISABLE", "shared_buffers", 1);
    OK(ln_device_open(NULL, &device, &err));
    unsetenv("LINNET_DISABLE");
    ck_assert(!ln_caps_shares(ln_device_caps(device)));
    check(LN_STREAM_LAUNCHES);
    check(LN_STREAM_RESIDENT);
    ln_device_release(&device);
    device = shares;
}
END_TEST

/* The launch, and the wait for it. */
START_TEST(a_run_on_shared_memory_is_one_launch) {
    if (!ln_caps_shares(ln_device_caps(device))) return;
    ln_graph *g = graph();
    ln_session *s = session(g, LN_STREAM_RESIDENT);
    if (ln_session_stream(s) == LN_STREAM_RESIDENT) {
        memory m = memory_of(s);
        float map[MAP];
        OK(ln_session_run(s, (const void *const *)m.in, m.out, &err));
        ln_fault_set(&(ln_fault){0});
        OK(ln_session_run(s, (const void *const *)m.in, (void *[]){map, m.out[1], m.out[2]}, &err));
        long calls = ln_fault_calls();
        ln_fault_set(NULL);
        ck_assert_int_eq(calls, 2);
    }
    ln_session_destroy(&s);
    ln_graph_destroy(&g);
}
END_TEST

START_TEST(no_shared_memory_is_no_buffer) {
    if (!ln_caps_shares(ln_device_caps(device))) return;
    static const char *const calls[] = {"clSVMAlloc", "clCreateBuffer",
                                        "clSetMemObjectDestructorCallback"};
    for (size_t i = 0; i < LN_COUNT(calls); i++) {
        ln_buffer *b = NULL;
        ln_fault_set(&(ln_fault){.fail_name = calls[i], .fail_call = 1, .fail_code = -4});
        linnet_status st = ln_buffer_create(device, 1000, LN_BUFFER_ARENA, &b, &err);
        long left = ln_fault_live();
        ln_fault_set(NULL);
        ck_assert_int_eq(st, LINNET_ERR_OUT_OF_MEMORY);
        ck_assert_ptr_nonnull(strstr(err.message, calls[i]));
        ck_assert(!b && left == 0);
    }
}
END_TEST

int main(void) {
    const device_test list[] = {
        {own_memory_gives_what_the_callers_gives, 0},
        {so_it_does_where_nothing_is_shared, 0},
        {a_run_on_shared_memory_is_one_launch, 0},
        {no_shared_memory_is_no_buffer, 0},
    };
    return run_on_device(&device, "memory", list, LN_COUNT(list));
}
