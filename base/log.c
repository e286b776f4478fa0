#include "base/base.h"

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

static pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;
static ln_log_fn sink;
static void *sink_user;
static atomic_int sink_most = -1; /* lines above this level are dropped without the lock */

void ln_log_set(ln_log_fn fn, void *user, ln_log_level most) {
    pthread_rwlock_wrlock(&lock);
    sink = fn;
    sink_user = user;
    atomic_store(&sink_most, fn ? (int)most : -1);
    pthread_rwlock_unlock(&lock);
}

void ln_log(ln_log_level level, const char *fmt, ...) {
    if ((int)level > atomic_load(&sink_most)) return;
    char line[LINNET_ERROR_MESSAGE_MAX];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    pthread_rwlock_rdlock(&lock);
    ln_log_fn fn = sink;
    void *user = sink_user;
    pthread_rwlock_unlock(&lock);
    if (fn) fn(user, (int)level, line); /* without the lock: it may call ln_log_set */
}

double ln_now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}
