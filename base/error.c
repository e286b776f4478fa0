#include "base/base.h"

#include <string.h>

/* Messages are one line whatever a file or driver put into them. */
static void one_line(char *s) {
    for (; *s; s++)
        if ((unsigned char)*s < 0x20 || *s == 0x7f) *s = ' ';
}

static void set_message(linnet_error *err, const char *text) {
    size_t n = strlen(text);
    if (n >= sizeof err->message) n = sizeof err->message - 1;
    memcpy(err->message, text, n);
    err->message[n] = 0;
    one_line(err->message);
}

linnet_status ln_fail(linnet_error *err, linnet_status status, const char *fmt, ...) {
    if (!err) return status;
    char text[LINNET_ERROR_MESSAGE_MAX]; /* arguments may point into err->message */
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    err->status = status;
    set_message(err, text);
    return status;
}

linnet_status ln_fail_oom(linnet_error *err, const char *what, size_t bytes) {
    return ln_fail(err, LINNET_ERR_OUT_OF_MEMORY,
                   "out of memory: %zu bytes for %s; free memory or use a smaller batch or size",
                   bytes, what);
}

linnet_status ln_fail_prefix(linnet_error *err, const char *fmt, ...) {
    if (!err) return LINNET_ERR_INTERNAL;
    char text[2 * LINNET_ERROR_MESSAGE_MAX];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(text, LINNET_ERROR_MESSAGE_MAX, fmt, ap);
    va_end(ap);
    if (n < 0) n = 0;
    if (n >= LINNET_ERROR_MESSAGE_MAX) n = LINNET_ERROR_MESSAGE_MAX - 1;
    snprintf(text + n, sizeof text - (size_t)n, ": %s", err->message);
    set_message(err, text);
    return err->status;
}
