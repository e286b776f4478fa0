/* bench_sessions [MODEL [N[,N...]]]: so many sessions of one network (mobilenetv2_100) on one
 * device at once, each with a thread of its own, against one (N: 1,2,4): images a second of all
 * together, and how long each waits for an answer. Weights and pictures are synthetic. */
#include "base/base.h"
#include <linnet/linnet.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_SESSIONS = 64, WARM_UPS = 10, MOST_RUNS = 1 << 20 };
#define SECONDS 2.0

typedef struct bench {
    linnet_model *model;
    linnet_device *device;
    pthread_barrier_t start;
    atomic_bool failed;
} bench;

typedef struct worker {
    bench *b;
    pthread_t thread;
    linnet_session *session;
    void *in, *out;
    double *s; /* of each run */
    int runs;
    linnet_error err;
} worker;

static linnet_status prepare(worker *w) {
    linnet_session_params p = LINNET_SESSION_PARAMS_INIT;
    linnet_tensor_info in, out;
    LN_TRY(linnet_session_create(w->b->model, w->b->device, &p, &w->session, &w->err));
    if (linnet_session_input(w->session, 0, &in) || linnet_session_output(w->session, 0, &out))
        return ln_fail(&w->err, LINNET_ERR_UNSUPPORTED, "a network of one picture is needed");
    w->in = calloc(1, in.bytes);
    w->out = calloc(1, out.bytes);
    w->s = malloc(MOST_RUNS * sizeof *w->s);
    return w->in && w->out && w->s ? LINNET_OK : ln_fail_oom(&w->err, "a session's memory", 0);
}

static linnet_status run_once(worker *w) {
    return linnet_session_run(w->session, (const void *[]){w->in}, (void *[]){w->out}, &w->err);
}

static void *work(void *arg) {
    worker *w = arg;
    for (int i = 0; i < WARM_UPS && !atomic_load(&w->b->failed); i++)
        if (run_once(w) != LINNET_OK) atomic_store(&w->b->failed, true);
    pthread_barrier_wait(&w->b->start);
    double now = ln_now(), end = now + SECONDS;
    while (now < end && w->runs < MOST_RUNS && !atomic_load(&w->b->failed)) {
        if (run_once(w) != LINNET_OK) atomic_store(&w->b->failed, true);
        double then = now;
        now = ln_now();
        w->s[w->runs++] = now - then;
    }
    return NULL;
}

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* All runs of all sessions at once, in seconds. The caller frees the list. */
static double *sorted_times(const worker *w, int n, size_t *count) {
    size_t sum = 0, at = 0;
    for (int i = 0; i < n; i++) sum += (size_t)w[i].runs;
    double *all = malloc((sum + 1) * sizeof *all);
    for (int i = 0; all && i < n; at += (size_t)w[i].runs, i++)
        memcpy(all + at, w[i].s, (size_t)w[i].runs * sizeof *all);
    if (all) qsort(all, sum, sizeof *all, by_value);
    *count = sum;
    return all;
}

static int print_row(const worker *w, int n, double *one) {
    size_t count;
    double *all = sorted_times(w, n, &count);
    if (!all || !count) {
        free(all);
        return fprintf(stderr, "bench_sessions: out of memory, or no run\n"), 1;
    }
    double rate = (double)count / SECONDS;
    if (!*one) *one = rate;
    printf("%8d  %8.1f  %5.2f  %9.3f  %7.3f  %7.3f\n", n, rate, rate / *one, 1e3 * all[count / 2],
           1e3 * all[0], 1e3 * all[count - 1]);
    fflush(stdout);
    free(all);
    return 0;
}

static int start_all(bench *b, worker *w, int n) {
    int started = 0;
    atomic_store(&b->failed, false);
    if (pthread_barrier_init(&b->start, NULL, (unsigned)n)) return 1;
    for (; started < n; started++) /* the barrier waits for all: nothing to go on with but to end */
        if (pthread_create(&w[started].thread, NULL, work, &w[started])) exit(EXIT_FAILURE);
    for (int i = 0; i < n; i++) pthread_join(w[i].thread, NULL);
    pthread_barrier_destroy(&b->start);
    return 0;
}

static int bench_sessions(bench *b, int n, double *one) {
    worker *w = calloc((size_t)n, sizeof *w);
    int bad = !w;
    for (int i = 0; i < n && !bad; i++) {
        w[i].b = b;
        bad = prepare(&w[i]) != LINNET_OK;
    }
    if (!bad) bad = start_all(b, w, n) || atomic_load(&b->failed);
    for (int i = 0; i < n && w && bad; i++)
        if (w[i].err.status) fprintf(stderr, "bench_sessions: %s\n", w[i].err.message);
    if (!bad) bad = print_row(w, n, one);
    for (int i = 0; i < n && w; i++) {
        linnet_session_destroy(&w[i].session);
        free(w[i].in);
        free(w[i].out);
        free(w[i].s);
    }
    free(w);
    return bad;
}

static int bench_list(bench *b, const char *list) {
    linnet_device_info d;
    linnet_error err;
    double one = 0;
    if (linnet_device_get_info(b->device, &d) == LINNET_OK)
        printf("%s, driver %s\n", d.name, d.driver);
    printf("sessions  images/s  times  median ms      min       max\n");
    for (char *end; *list; list = end + strspn(end, ",")) {
        long n = strtol(list, &end, 10);
        if (end == list || n < 1 || n > MOST_SESSIONS) {
            ln_fail(&err, LINNET_ERR_INVALID_ARGUMENT, "'%s': numbers from 1 to %d", list,
                    MOST_SESSIONS);
            return fprintf(stderr, "bench_sessions: %s\n", err.message), 1;
        }
        if (bench_sessions(b, (int)n, &one)) return 1;
    }
    return 0;
}

int main(int argc, char **argv) {
    linnet_error err = {0};
    linnet_model_params p = LINNET_MODEL_PARAMS_INIT;
    bench b = {0};
    p.model = argc > 1 ? argv[1] : "mobilenetv2_100";
    p.synthetic = 1;
    p.seed = 1;
    int bad = linnet_model_open(&p, &b.model, &err) != LINNET_OK ||
              linnet_device_open(NULL, &b.device, &err) != LINNET_OK;
    if (bad)
        fprintf(stderr, "bench_sessions: %s\n", err.message);
    else
        bad = bench_list(&b, argc > 2 ? argv[2] : "1,2,4");
    linnet_device_close(&b.device);
    linnet_model_close(&b.model);
    return bad;
}
