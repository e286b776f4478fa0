#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* What is mapped, for ln_file_release: dropping any other memory would lose it. */
static struct {
    pthread_mutex_t lock;
    ln_file *item; /* without paths */
    size_t n, cap;
} mapped = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void note_mapped(const ln_file *f) {
    pthread_mutex_lock(&mapped.lock);
    if (mapped.n == mapped.cap) {
        size_t cap = LN_MAX(2 * mapped.cap, 8);
        ln_file *list = realloc(mapped.item, cap * sizeof *list);
        if (list) mapped.item = list, mapped.cap = cap;
    }
    if (mapped.n < mapped.cap) /* else its pages stay until it is unmapped */
        mapped.item[mapped.n++] = (ln_file){.data = f->data, .size = f->size};
    pthread_mutex_unlock(&mapped.lock);
}

static void forget_mapped(const ln_file *f) {
    pthread_mutex_lock(&mapped.lock);
    for (size_t i = 0; i < mapped.n; i++)
        if (mapped.item[i].data == f->data) mapped.item[i--] = mapped.item[--mapped.n];
    if (!mapped.n) {
        free(mapped.item);
        mapped.item = NULL;
        mapped.cap = 0;
    }
    pthread_mutex_unlock(&mapped.lock);
}

void ln_file_release(const void *at, size_t bytes) {
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE), from = (uintptr_t)at;
    pthread_mutex_lock(&mapped.lock); /* it is not unmapped meanwhile */
    for (size_t i = 0; i < mapped.n; i++) {
        const uintptr_t start = (uintptr_t)mapped.item[i].data, size = mapped.item[i].size;
        if (from < start || from - start >= size) continue;
        const uintptr_t end = LN_MIN(bytes, size - (from - start)) + from;
        madvise((void *)(from & ~(page - 1)), end - (from & ~(page - 1)), MADV_DONTNEED);
    }
    pthread_mutex_unlock(&mapped.lock);
}

linnet_status ln_file_map(const char *path, ln_file *out, linnet_error *err) {
    *out = (ln_file){0};
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a FIFO must not block */
    if (fd < 0) return ln_fail(err, LINNET_ERR_IO, "%s: %s; check the path", path, strerror(errno));
    linnet_status st = LINNET_OK;
    struct stat info;
    if (fstat(fd, &info) != 0) {
        st = ln_fail(err, LINNET_ERR_IO, "%s: %s", path, strerror(errno));
    } else if (!S_ISREG(info.st_mode)) {
        st = ln_fail(err, LINNET_ERR_IO, "%s: not a regular file; give a file", path);
    } else if (!(out->path = strdup(path))) {
        st = ln_fail_oom(err, "a file name", strlen(path) + 1);
    } else if (info.st_size == 0) {
        out->data = (const uint8_t *)"";
    } else {
        out->size = (size_t)info.st_size;
        void *p = mmap(NULL, out->size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (p == MAP_FAILED)
            st = ln_fail(err, LINNET_ERR_IO, "%s: cannot map %zu bytes: %s", path, out->size,
                         strerror(errno));
        else
            out->data = p;
        if (out->data) note_mapped(out);
    }
    close(fd);
    if (st != LINNET_OK) {
        free(out->path);
        *out = (ln_file){0};
    }
    return st;
}

void ln_file_unmap(ln_file *f) {
    if (f->size) forget_mapped(f);
    if (f->size) munmap((void *)(uintptr_t)f->data, f->size);
    free(f->path);
    *f = (ln_file){0};
}

static bool make_dir(const char *path) {
    if (mkdir(path, 0777) == 0) return true;
    struct stat info;
    return errno == EEXIST && stat(path, &info) == 0 &&
           (S_ISDIR(info.st_mode) || (errno = ENOTDIR, false));
}

linnet_status ln_mkdirs(const char *path, linnet_error *err) {
    char *copy = strdup(path);
    if (!copy) return ln_fail_oom(err, "a folder name", strlen(path) + 1);
    bool ok = true;
    for (char *p = copy; ok && *p; p++) {
        if (*p != '/' || p == copy) continue;
        *p = 0;
        ok = make_dir(copy);
        *p = '/';
    }
    ok = ok && make_dir(copy);
    int why = errno;
    free(copy);
    if (ok) return LINNET_OK;
    return ln_fail(err, LINNET_ERR_IO, "%s: cannot make the folder: %s; check its permissions",
                   path, strerror(why));
}
