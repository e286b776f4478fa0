#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Temporaries of now, for a handler of signals: fixed storage that it can read at any moment. */
static struct {
    atomic_int state; /* 0: free, 1: being written, 2: a path */
    char path[4096];
} left[32];

static int note_temporary(const char *path) {
    for (size_t i = 0; i < LN_COUNT(left) && strlen(path) < sizeof left[0].path; i++) {
        int none = 0;
        if (!atomic_compare_exchange_strong(&left[i].state, &none, 1)) continue;
        strcpy(left[i].path, path);
        atomic_store(&left[i].state, 2);
        return (int)i + 1;
    }
    return 0;
}

static void forget_temporary(ln_writer *w) {
    if (w->noted) atomic_store(&left[w->noted - 1].state, 0);
    w->noted = 0;
}

void ln_writer_unlink_all(void) {
    for (size_t i = 0; i < LN_COUNT(left); i++)
        if (atomic_load(&left[i].state) == 2) unlink(left[i].path);
}

/* Opens a fresh file beside the goal; the kernel applies the umask, as mkstemp would not. */
static int open_temporary(ln_writer *w) {
    static atomic_uint serial;
    size_t room = strlen(w->goal) + 48;
    if (!(w->tmp = malloc(room))) return -1;
    int fd;
    do {
        snprintf(w->tmp, room, "%s.%ld-%u.tmp", w->goal, (long)getpid(),
                 atomic_fetch_add(&serial, 1));
        forget_temporary(w);
        w->noted = note_temporary(w->tmp); /* before it is there */
        fd = open(w->tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    } while (fd < 0 && errno == EEXIST);
    if (fd < 0) {
        forget_temporary(w);
        free(w->tmp);
        w->tmp = NULL;
    }
    return fd;
}

linnet_status ln_writer_open(ln_writer *w, const char *goal, linnet_error *err) {
    *w = (ln_writer){0};
    struct stat info;
    bool exists = stat(goal, &info) == 0;
    /* Through a link: what it points at is replaced, not the link. */
    w->goal = exists ? realpath(goal, NULL) : NULL;
    if (!w->goal) w->goal = strdup(goal);
    if (!w->goal) return ln_fail_oom(err, "a file name", strlen(goal) + 1);
    int fd = -1;
    if (exists && S_ISDIR(info.st_mode))
        errno = EISDIR;
    else if (exists && !S_ISREG(info.st_mode))
        fd = open(goal, O_WRONLY | O_CLOEXEC);
    else
        fd = open_temporary(w);
    if (fd >= 0 && !(w->f = fdopen(fd, "wb"))) close(fd);
    if (w->f) return LINNET_OK;
    linnet_status st =
        ln_fail(err, LINNET_ERR_IO, "%s: cannot write: %s; check the folder and its permissions",
                goal, strerror(errno));
    ln_writer_close(w);
    return st;
}

linnet_status ln_writer_commit(ln_writer *w, linnet_error *err) {
    bool ok = !ferror(w->f) && fflush(w->f) == 0;
    if (ok && w->tmp) ok = fsync(fileno(w->f)) == 0;
    int why = errno;
    if (fclose(w->f) != 0 && ok) {
        ok = false;
        why = errno;
    }
    w->f = NULL;
    if (ok && w->tmp) {
        ok = rename(w->tmp, w->goal) == 0;
        why = errno;
    }
    linnet_status st = LINNET_OK;
    if (!ok)
        st = ln_fail(err, LINNET_ERR_IO, "%s: cannot write: %s; check free space and permissions",
                     w->goal, strerror(why));
    if (ok) {
        free(w->tmp);
        w->tmp = NULL;
    }
    ln_writer_close(w);
    return st;
}

void ln_writer_close(ln_writer *w) {
    if (w->f) fclose(w->f);
    if (w->tmp) unlink(w->tmp);
    forget_temporary(w);
    free(w->tmp);
    free(w->goal);
    *w = (ln_writer){0};
}
