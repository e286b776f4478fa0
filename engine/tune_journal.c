/* The tuner's journal: $cache/tune/<device>.journal, a line before each candidate and one after.
 * Whoever finds the first without the second knows that the process did not come back. */
#include "base/env.h"
#include "base/file.h"
#include "engine/tune_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

enum { MOST_BYTES = 16 << 20 }; /* a journal beyond that is begun anew */

struct ln_journal {
    int fd;
    char *old; /* what earlier processes wrote */
};

static linnet_status read_old(ln_journal *j, const char *path, linnet_error *err) {
    ln_file f;
    if (ln_file_map(path, &f, NULL) != LINNET_OK) return LINNET_OK;
    if (f.size > MOST_BYTES) {
        ln_file_unmap(&f);
        if (ftruncate(j->fd, 0) != 0) ln_log(LN_LOG_WARN, "tune: cannot empty %s", path);
        return LINNET_OK;
    }
    j->old = malloc(f.size + 1);
    if (!j->old) {
        ln_file_unmap(&f);
        return ln_fail_oom(err, "the journal", f.size + 1);
    }
    if (f.size) memcpy(j->old, f.data, f.size);
    for (size_t i = 0; i < f.size; i++)
        if (!j->old[i]) j->old[i] = ' '; /* damaged: still text */
    j->old[f.size] = 0;
    ln_file_unmap(&f);
    return LINNET_OK;
}

static linnet_status open_locked(ln_journal *j, const char *path, linnet_error *err) {
    j->fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (j->fd < 0)
        return ln_fail(err, LINNET_ERR_IO, "%s: cannot write: %s; check the folder's permissions",
                       path, strerror(errno));
    if (flock(j->fd, LOCK_EX | LOCK_NB) != 0)
        return ln_fail(err, LINNET_ERR_IO, "%s: %s", path,
                       errno == EWOULDBLOCK
                           ? "another process is tuning this device; wait until it is done"
                           : strerror(errno));
    return read_old(j, path, err);
}

linnet_status ln_journal_open(uint64_t key, ln_journal **out, linnet_error *err) {
    char dir[1200], path[1300];
    *out = NULL;
    if (!ln_cache_path(dir, sizeof dir, "tune")) return LINNET_OK;
    snprintf(path, sizeof path, "%s/%016llx.journal", dir, (unsigned long long)key);
    LN_TRY(ln_mkdirs(dir, err));
    ln_journal *j = calloc(1, sizeof *j);
    if (!j) return ln_fail_oom(err, "the journal", sizeof *j);
    j->fd = -1;
    linnet_status st = open_locked(j, path, err);
    if (st != LINNET_OK) ln_journal_close(&j);
    *out = j;
    return st;
}

void ln_journal_close(ln_journal **j) {
    if (!*j) return;
    if ((*j)->fd >= 0) close((*j)->fd); /* gives the lock back */
    free((*j)->old);
    free(*j);
    *j = NULL;
}

bool ln_journal_stopped(const ln_journal *j, uint64_t unit, const char *candidate) {
    char name[256];
    bool open = false;
    if (!j || !j->old) return false;
    int n = snprintf(name, sizeof name, " %016llx %s", (unsigned long long)unit, candidate);
    for (const char *line = j->old; *line; line += strcspn(line, "\n"), line += *line == '\n') {
        size_t verb = strcspn(line, " \n"), len = strcspn(line, "\n");
        if (len - verb != (size_t)n || strncmp(line + verb, name, (size_t)n) != 0) continue;
        open = verb == 5 && !strncmp(line, "begin", 5);
    }
    return open;
}

static void put(ln_journal *j, const char *verb, uint64_t unit, const char *candidate) {
    char line[256];
    if (!j) return;
    int n =
        snprintf(line, sizeof line, "%s %016llx %s\n", verb, (unsigned long long)unit, candidate);
    if (n < 0 || (size_t)n >= sizeof line || write(j->fd, line, (size_t)n) != n)
        ln_log(LN_LOG_WARN, "tune: the journal cannot be written: %s", strerror(errno));
}

void ln_journal_begin(ln_journal *j, uint64_t unit, const char *candidate) {
    put(j, "begin", unit, candidate);
}

void ln_journal_end(ln_journal *j, uint64_t unit, const char *candidate, const char *what) {
    put(j, what, unit, candidate);
}
