/* Threads over pthreads. */
#ifndef LN_THREAD_H
#define LN_THREAD_H

#include "base/base.h"
#include <pthread.h>

/* Runs fn(user, index) for index in [0, count) on up to `threads` workers (0: one per online
 * CPU) and returns when all are done. fn must be safe to call from several threads. When
 * threads cannot be started the work is done by those that could, the caller at least. */
linnet_status ln_parallel(int threads, size_t count, void (*fn)(void *user, size_t index),
                          void *user, linnet_error *err);
int ln_cpu_count(void);

#endif
