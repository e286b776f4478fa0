#include "base/thread.h"

#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

int ln_cpu_count(void) {
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) != 0) return 1;
    return CPU_COUNT(&set);
}

typedef struct job {
    atomic_size_t next;
    size_t count;
    void (*fn)(void *user, size_t index);
    void *user;
} job;

static void *work(void *p) {
    job *j = p;
    for (size_t i; (i = atomic_fetch_add(&j->next, 1)) < j->count;) j->fn(j->user, i);
    return NULL;
}

linnet_status ln_parallel(int threads, size_t count, void (*fn)(void *user, size_t index),
                          void *user, linnet_error *err) {
    enum { MOST = 64 };
    if (threads < 0)
        return ln_fail(err, LINNET_ERR_INVALID_ARGUMENT, "%d threads; give 0 (all) or more",
                       threads);
    size_t want = (size_t)(threads ? threads : ln_cpu_count());
    want = LN_MIN(LN_MIN(want, count), MOST);
    job j = {.count = count, .fn = fn, .user = user};
    pthread_t helper[MOST];
    size_t started = 0;
    while (started + 1 < want && pthread_create(&helper[started], NULL, work, &j) == 0) started++;
    work(&j);
    for (size_t i = 0; i < started; i++) pthread_join(helper[i], NULL);
    return LINNET_OK;
}
