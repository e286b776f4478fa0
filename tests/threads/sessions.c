/* Four threads, each with a session of its own on one model and one device, against the same
 * network run alone. `sessions soak N` instead runs one session N times and asks that memory
 * stays flat. Both through the public API, as an application would. */
#include <linnet/linnet.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { THREADS = 4, RUNS = 5, SIDE = 96, CLASSES = 1000, PIXELS = 3 * SIDE * SIDE };

typedef struct job {
    linnet_model *model;
    linnet_device *device;
    uint64_t first; /* index of its first picture */
    int runs;
    float logits[RUNS][CLASSES];
    linnet_error err;
    linnet_status status;
} job;

static linnet_status run_once(linnet_session *s, uint64_t picture, float *logits,
                              linnet_error *err) {
    static _Thread_local float pixels[PIXELS];
    const void *in[] = {pixels};
    void *out[] = {logits};
    linnet_synthetic_image(picture, 1, SIDE, SIDE, pixels);
    return linnet_session_run(s, in, out, err);
}

static void *work(void *arg) {
    job *j = arg;
    linnet_session_params params = LINNET_SESSION_PARAMS_INIT;
    linnet_session *s = NULL;
    j->status = linnet_session_create(j->model, j->device, &params, &s, &j->err);
    for (int i = 0; j->status == LINNET_OK && i < j->runs; i++)
        j->status = run_once(s, j->first + (uint64_t)i, j->logits[i % RUNS], &j->err);
    linnet_session_destroy(&s);
    return NULL;
}

static int complain(const char *what, const linnet_error *err) {
    fprintf(stderr, "sessions: %s: %s\n", what, err->message);
    return 1;
}

static int four_at_once(linnet_model *model, linnet_device *device) {
    static job jobs[THREADS], alone;
    pthread_t thread[THREADS];
    int bad = 0, started = 0;
    for (int t = 0; t < THREADS; t++) {
        jobs[t].model = model;
        jobs[t].device = device;
        jobs[t].first = (uint64_t)t * RUNS;
        jobs[t].runs = RUNS;
        if (pthread_create(&thread[t], NULL, work, &jobs[t])) break;
        started++;
    }
    for (int t = 0; t < started; t++) pthread_join(thread[t], NULL);
    if (started < THREADS) return fprintf(stderr, "sessions: no thread\n"), 1;
    for (int t = 0; t < THREADS; t++) {
        alone.model = model;
        alone.device = device;
        alone.first = jobs[t].first;
        alone.runs = RUNS;
        work(&alone);
        if (alone.status != LINNET_OK) return complain("alone", &alone.err);
        if (jobs[t].status != LINNET_OK) return complain("thread", &jobs[t].err);
        if (memcmp(jobs[t].logits, alone.logits, sizeof alone.logits)) {
            fprintf(stderr, "sessions: thread %d differs from the same run alone\n", t);
            bad = 1;
        }
    }
    if (!memcmp(jobs[0].logits, jobs[1].logits, sizeof alone.logits))
        bad = fprintf(stderr, "sessions: other pictures gave the same logits\n") > 0;
    return bad;
}

static long resident_kib(void) {
    long total = 0, resident = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    if (f && fscanf(f, "%ld %ld", &total, &resident) != 2) resident = 0;
    if (f) fclose(f);
    return resident * (sysconf(_SC_PAGESIZE) / 1024);
}

/* The first tenth is warm-up: drivers fill their pools in it. */
static int soak(linnet_model *model, linnet_device *device, int runs) {
    static float logits[CLASSES];
    linnet_error err = {0};
    linnet_session_params params = LINNET_SESSION_PARAMS_INIT;
    linnet_session *s = NULL;
    linnet_status status = linnet_session_create(model, device, &params, &s, &err);
    long before = 0;
    for (int i = 0; status == LINNET_OK && i < runs; i++) {
        if (i == runs / 10) before = resident_kib();
        status = run_once(s, (uint64_t)(i % 7), logits, &err);
    }
    long grown = resident_kib() - before;
    linnet_session_destroy(&s);
    if (status != LINNET_OK) return complain("soak", &err);
    printf("%d runs, resident memory grew by %ld KiB after the first tenth\n", runs, grown);
    return grown > 1024;
}

int main(int argc, char **argv) {
    linnet_error err = {0};
    linnet_model_params params = LINNET_MODEL_PARAMS_INIT;
    linnet_model *model = NULL;
    linnet_device *device = NULL;
    params.model = "mobilenetv1_025";
    params.synthetic = 1;
    params.seed = 1;
    params.size = SIDE;
    int bad = 1;
    if (linnet_model_open(&params, &model, &err) != LINNET_OK)
        complain("model", &err);
    else if (linnet_device_open(NULL, &device, &err) != LINNET_OK)
        complain("device", &err);
    else if (argc == 3 && !strcmp(argv[1], "soak"))
        bad = soak(model, device, atoi(argv[2]));
    else
        bad = four_at_once(model, device);
    linnet_device_close(&device);
    linnet_model_close(&model);
    return bad;
}
