/* Turns, for drivers that miscount the users of a kernel and abort when kernels of two queues are
 * in flight, or when a program's binaries are read meanwhile (LN_QUIRK_ONE_QUEUE): the queue that
 * launched last is drained before either. The driver's count is the process's, so this is too. */
#include "host/internal.h"

static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;
static const ln_queue *last;

cl_int ln_turn_take(const ln_device *d, const ln_queue *q) {
    if (!ln_caps_quirk(&d->caps, LN_QUIRK_ONE_QUEUE)) return CL_SUCCESS;
    pthread_mutex_lock(&turn);
    cl_int code = last && last != q ? ln_cl()->clFinish(last->queue) : CL_SUCCESS;
    last = q;
    return q ? CL_SUCCESS : code; /* a queue that cannot be waited for runs nothing any more */
}

void ln_turn_give(const ln_device *d) {
    if (ln_caps_quirk(&d->caps, LN_QUIRK_ONE_QUEUE)) pthread_mutex_unlock(&turn);
}

void ln_turn_forget(const ln_queue *q) {
    pthread_mutex_lock(&turn);
    if (last == q) last = NULL;
    pthread_mutex_unlock(&turn);
}
