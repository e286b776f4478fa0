#include "base/env.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

const char *const ln_env_names[LN_ENV_COUNT] = {
#define LN_ENV_NAME(id, name) [LN_ENV_##id] = name,
    LN_ENV_VARS(LN_ENV_NAME)
#undef LN_ENV_NAME
};

const char *ln_env(ln_env_var v) {
    const char *s = getenv(ln_env_names[v]);
    return s && *s ? s : NULL;
}

/* ---- cache folder ---- */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char override[1024];

bool ln_cache_dir_set(const char *dir) {
    if (dir && strlen(dir) >= sizeof override) return false;
    pthread_mutex_lock(&lock);
    strcpy(override, dir ? dir : "");
    pthread_mutex_unlock(&lock);
    return true;
}

bool ln_cache_path(char *buf, size_t size, const char *sub) {
    char dir[sizeof override];
    pthread_mutex_lock(&lock);
    strcpy(dir, override);
    pthread_mutex_unlock(&lock);
    if (!strcmp(dir, "off")) return false;
    const char *slash = sub ? "/" : "", *home;
    if (!sub) sub = "";
    int n;
    if (*dir)
        n = snprintf(buf, size, "%s%s%s", dir, slash, sub);
    else if ((home = ln_env(LN_ENV_CACHE_HOME)) && *home == '/') /* the XDG rule: absolute only */
        n = snprintf(buf, size, "%s/linnet%s%s", home, slash, sub);
    else if ((home = ln_env(LN_ENV_HOME)))
        n = snprintf(buf, size, "%s/.cache/linnet%s%s", home, slash, sub);
    else
        return false;
    return n >= 0 && (size_t)n < size;
}

bool ln_env_disabled(const char *name) {
    const char *list = ln_env(LN_ENV_DISABLE);
    size_t len = strlen(name);
    for (; list && *list; list += *list == ',') {
        size_t n = strcspn(list, ",");
        if (n == len && !strncmp(list, name, n)) return true;
        list += n;
    }
    return false;
}
