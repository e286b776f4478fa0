/* Version, log, status and memory. */
#include "api/api.h"
#include "base/file.h"

#include <stdlib.h>

#define TEXT_(x) #x
#define TEXT(x)  TEXT_(x)

const char *linnet_version(void) {
    return TEXT(LINNET_VERSION_MAJOR) "." TEXT(LINNET_VERSION_MINOR) "." TEXT(LINNET_VERSION_PATCH);
}

const char *linnet_status_text(linnet_status s) {
    static const char *const text[] = {
        [LINNET_OK] = "ok",
        [LINNET_ERR_INVALID_ARGUMENT] = "invalid argument",
        [LINNET_ERR_UNSUPPORTED] = "unsupported",
        [LINNET_ERR_OUT_OF_MEMORY] = "out of memory",
        [LINNET_ERR_DEVICE_LOST] = "device lost",
        [LINNET_ERR_NO_DEVICE] = "no device",
        [LINNET_ERR_BAD_FILE] = "bad file",
        [LINNET_ERR_IO] = "input or output failed",
        [LINNET_ERR_BUILD_FAILED] = "build failed",
        [LINNET_ERR_INTERNAL] = "internal error",
    };
    return (unsigned)s < LN_COUNT(text) ? text[s] : "unknown status";
}

void linnet_set_log(linnet_log_fn fn, void *user, linnet_log_level most) {
    ln_log_set(fn, user, (ln_log_level)most);
}

void linnet_free(void *p) {
    free(p);
}

void linnet_remove_unfinished(void) {
    ln_writer_unlink_all();
}

linnet_status ln_api_take(ln_str *s, char **out, linnet_error *err) {
    if (s->failed || !s->p) {
        linnet_status st = ln_fail_oom(err, "text", s->len);
        ln_str_free(s);
        return st;
    }
    *out = s->p;
    *s = (ln_str){0};
    return LINNET_OK;
}
