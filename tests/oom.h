/* Fails the n-th allocation of our own code. Link with --wrap for each function below; include
 * from one source of the program. */
#ifndef LN_TEST_OOM_H
#define LN_TEST_OOM_H

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static atomic_long oom_countdown; /* 0: never fails; n: the n-th allocation from now fails */

static atomic_long oom_count; /* allocations so far */

static inline void oom_fail_nth(long n) {
    atomic_store(&oom_countdown, n);
}
/* The n-th allocation has been asked for, and has failed. */
static inline bool oom_has_failed(void) {
    return atomic_load(&oom_countdown) <= 0;
}
static bool oom_now(void) {
    atomic_fetch_add(&oom_count, 1);
    if (atomic_load(&oom_countdown) <= 0) return false;
    if (atomic_fetch_sub(&oom_countdown, 1) != 1) return false;
    errno = ENOMEM;
    return true;
}

#define OOM_WRAP(name, params, args)                                                               \
    void *__real_##name params;                                                                    \
    void *__wrap_##name params;                                                                    \
    void *__wrap_##name params {                                                                   \
        return oom_now() ? NULL : __real_##name args;                                              \
    }
OOM_WRAP(malloc, (size_t size), (size))
OOM_WRAP(calloc, (size_t n, size_t size), (n, size))
OOM_WRAP(realloc, (void *p, size_t size), (p, size))
OOM_WRAP(aligned_alloc, (size_t align, size_t size), (align, size))

char *__real_strdup(const char *s);
char *__wrap_strdup(const char *s);
char *__wrap_strdup(const char *s) {
    return oom_now() ? NULL : __real_strdup(s);
}

#endif
