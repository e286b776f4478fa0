/* The cache folder as the user sees it. */
#include "api/api.h"
#include "base/env.h"
#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Only folders that Linnet makes are ever listed or emptied: the cache may have been pointed at
 * a folder that holds other things. */
static const struct {
    const char *name;
    bool clear;
} folders[] = {{"programs", true}, {"probe", true}, {"tune", true}, {"models", false}};

linnet_status linnet_set_cache_dir(const char *dir, linnet_error *err) {
    if (ln_cache_dir_set(dir)) return LINNET_OK;
    return ln_fail(err, LINNET_ERR_INVALID_ARGUMENT,
                   "cache folder: name of %zu bytes is too long; give a shorter one", strlen(dir));
}

void linnet_cache_dir(char *buf, size_t size) {
    if (size && !ln_cache_path(buf, size, NULL)) *buf = 0;
}

typedef struct list {
    linnet_cache_entry *e;
    size_t n, cap;
} list;

static linnet_status add_entry(list *l, const char *path, uint64_t bytes, linnet_error *err) {
    if (l->n == l->cap) {
        size_t cap = l->cap ? 2 * l->cap : 64, size;
        linnet_cache_entry *e = ln_mul_size(cap, sizeof *e, &size) ? realloc(l->e, size) : NULL;
        if (!e) return ln_fail_oom(err, "the list of cached files", cap * sizeof *e);
        l->e = e;
        l->cap = cap;
    }
    linnet_cache_entry *e = &l->e[l->n++];
    strcpy(e->path, path); /* of the same size */
    e->bytes = bytes;
    return LINNET_OK;
}

static linnet_status list_folder(list *l, const char *folder, linnet_error *err) {
    DIR *dir = opendir(folder);
    if (!dir) {
        if (errno == ENOENT || errno == ENOTDIR) return LINNET_OK;
        return ln_fail(err, LINNET_ERR_IO, "%s: %s; check its permissions", folder,
                       strerror(errno));
    }
    linnet_status st = LINNET_OK;
    for (struct dirent *d; st == LINNET_OK && (d = readdir(dir));) {
        char path[sizeof l->e->path];
        struct stat info;
        int n = snprintf(path, sizeof path, "%s/%s", folder, d->d_name);
        if (n < 0 || (size_t)n >= sizeof path) {
            st = ln_fail(err, LINNET_ERR_UNSUPPORTED,
                         "%.200s...: a file's path is longer than %zu bytes; give a cache folder "
                         "with a shorter path",
                         folder, sizeof path - 1);
            break;
        }
        if (lstat(path, &info) != 0) continue; /* gone meanwhile */
        if (S_ISREG(info.st_mode)) st = add_entry(l, path, (uint64_t)info.st_size, err);
    }
    closedir(dir);
    return st;
}

static int by_path(const void *a, const void *b) {
    return strcmp(((const linnet_cache_entry *)a)->path, ((const linnet_cache_entry *)b)->path);
}

static linnet_status list_cache(list *l, bool only_clearable, linnet_error *err) {
    for (size_t i = 0; i < LN_COUNT(folders); i++) {
        char path[sizeof l->e->path];
        if (only_clearable && !folders[i].clear) continue;
        if (ln_cache_path(path, sizeof path, folders[i].name)) LN_TRY(list_folder(l, path, err));
    }
    if (l->n) qsort(l->e, l->n, sizeof *l->e, by_path);
    return LINNET_OK;
}

linnet_status linnet_cache_list(linnet_cache_entry **entries, size_t *count, linnet_error *err) {
    list l = {0};
    *entries = NULL;
    *count = 0;
    linnet_status st = list_cache(&l, false, err);
    if (st != LINNET_OK) {
        free(l.e);
        return st;
    }
    *entries = l.e;
    *count = l.n;
    return LINNET_OK;
}

linnet_status linnet_cache_clear(size_t *removed, linnet_error *err) {
    list l = {0};
    size_t n = 0;
    linnet_status st = list_cache(&l, true, err);
    for (size_t i = 0; st == LINNET_OK && i < l.n; i++) {
        if (unlink(l.e[i].path) == 0)
            n++;
        else if (errno != ENOENT)
            st = ln_fail(err, LINNET_ERR_IO, "%s: cannot remove: %s; check its permissions",
                         l.e[i].path, strerror(errno));
    }
    free(l.e);
    if (removed) *removed = n;
    return st;
}
