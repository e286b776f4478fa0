/* What a run must not do once a session has run: allocate, or touch files, in our own code; and
 * what it does when the device is lost. */
#include "engine/session.h"
#include "host/fault.h"
#include "tests/check_main.h"
#include "tests/oom.h"
#include "tests/plan/random_graph.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>

static atomic_long opened;

int __wrap_open(const char *path, int flags, ...);
int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...) {
    va_list ap;
    va_start(ap, flags);
    int mode = flags & O_CREAT ? va_arg(ap, int) : 0;
    va_end(ap);
    atomic_fetch_add(&opened, 1);
    return __real_open(path, flags, mode);
}

FILE *__wrap_fopen(const char *path, const char *mode);
FILE *__real_fopen(const char *path, const char *mode);
FILE *__wrap_fopen(const char *path, const char *mode) {
    atomic_fetch_add(&opened, 1);
    return __real_fopen(path, mode);
}

static linnet_error err;
#define OK(expr) ck_assert_msg((expr) == LINNET_OK, "%s: %s", #expr, err.message)

static linnet_status run(ln_session *s, float *x, float *y) {
    const void *in[] = {x};
    void *out[] = {y, y + (1 << 16)};
    return ln_session_run(s, in, out, &err);
}

START_TEST(a_run_takes_no_memory_and_no_files) {
    ln_device *d = NULL;
    OK(ln_device_open(NULL, &d, &err));
    float *x = calloc(1 << 16, sizeof *x), *y = malloc((1 << 17) * sizeof *y);
    for (int stream = LN_STREAM_LAUNCHES; stream <= LN_STREAM_COMMANDS; stream++)
        for (uint64_t seed = 1; seed <= 3; seed++) {
            ln_graph *g = ln_test_random_graph(seed);
            ln_plan *p = NULL;
            ln_session *s = NULL;
            const ln_session_params how = {.stream = (ln_stream)stream};
            OK(ln_plan_create(g, ln_device_caps(d), NULL, &p, &err));
            long before = atomic_load(&oom_count);
            OK(ln_session_create(d, p, &how, &s, &err));
            ck_assert_int_gt(atomic_load(&oom_count), before); /* they are counted */
            OK(run(s, x, y));
            before = atomic_load(&oom_count);
            long files = atomic_load(&opened);
            linnet_status st = LINNET_OK; /* an assert of Check's takes memory itself */
            for (int i = 0; i < 3 && st == LINNET_OK; i++) st = run(s, x, y);
            long took = atomic_load(&oom_count) - before;
            ck_assert_msg(took == 0, "stream %d, seed %d: %ld allocations", stream, (int)seed,
                          took);
            ck_assert_int_eq(atomic_load(&opened), files);
            OK(st);
            ln_session_destroy(&s);
            ln_graph_destroy(&g);
        }
    free(x);
    free(y);
    ln_device_release(&d);
}
END_TEST

/* Every call fails from some moment of a run on: the run says so, all can be given back, and a
 * device that is opened anew goes on. */
START_TEST(a_lost_device_is_named_and_let_go) {
    float *x = calloc(1 << 16, sizeof *x), *y = malloc((1 << 17) * sizeof *y);
    for (int stream = LN_STREAM_LAUNCHES; stream <= LN_STREAM_COMMANDS; stream++)
        for (long call = 1; call <= 2; call++) {
            const ln_session_params how = {.stream = (ln_stream)stream};
            ln_device *d = NULL;
            ln_plan *p = NULL;
            ln_session *s = NULL;
            ln_graph *g = ln_test_random_graph(2);
            ln_fault_set(&(ln_fault){0}); /* the entries of extensions too */
            OK(ln_device_open(NULL, &d, &err));
            OK(ln_plan_create(g, ln_device_caps(d), NULL, &p, &err));
            OK(ln_session_create(d, p, &how, &s, &err));
            OK(run(s, x, y));
            ln_fault fault = {.fail_call = call, .fail_all_after = true, .fail_code = -36};
            ln_fault_set(&fault); /* CL_INVALID_COMMAND_QUEUE: what a watchdog leaves behind */
            linnet_status st = run(s, x, y);
            ln_session_destroy(&s);
            ln_device_release(&d);
            ln_fault_set(NULL);
            ck_assert_msg(st == LINNET_ERR_DEVICE_LOST, "stream %d, call %ld: %d", stream, call,
                          (int)st);
            ln_graph_destroy(&g);
        }
    free(x);
    free(y);
}
END_TEST

CHECK_MAIN("run", a_run_takes_no_memory_and_no_files, a_lost_device_is_named_and_let_go)
