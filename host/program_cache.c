/* Program binaries on disk: $cache/programs/<key>.bin is a header and the driver's bytes.
 *
 * A driver may die of a binary it wrote itself. While one is being loaded, <key>.loading holds a
 * byte, under a lock that dies with the process: who finds the byte without the lock knows that
 * the last one to try did not come back, and removes the entry. */
#include "base/env.h"
#include "base/file.h"
#include "host/internal.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define FORMAT 1u
typedef struct header {
    char magic[4];
    uint32_t format;
    uint64_t key, check; /* of what the program was made from */
    uint64_t bytes;
    uint32_t crc, reserved;
} header;
static const char magic[4] = {'L', 'N', 'P', 'B'};

static bool entry_path(const ln_program *p, const char *suffix, char *buf, size_t size) {
    char sub[64];
    snprintf(sub, sizeof sub, "programs/%016llx.%s", (unsigned long long)p->key, suffix);
    return ln_cache_path(buf, size, sub);
}

/* The driver's bytes within a mapped entry, or NULL when it is not what it should be. */
static const uint8_t *valid(const ln_file *f, const ln_program *p, size_t *bytes) {
    header h;
    if (f->size < sizeof h) return NULL;
    memcpy(&h, f->data, sizeof h);
    if (memcmp(h.magic, magic, sizeof magic) != 0 || h.format != FORMAT || h.key != p->key ||
        h.check != p->check || h.bytes == 0 || h.bytes != f->size - sizeof h)
        return NULL;
    *bytes = (size_t)h.bytes;
    const uint8_t *data = f->data + sizeof h;
    return ln_crc32(0, data, *bytes) == h.crc ? data : NULL;
}

static cl_program from_binary(ln_device *d, const uint8_t *data, size_t bytes) {
    cl_int code = CL_SUCCESS, status = CL_SUCCESS;
    const char *call = "clCreateProgramWithBinary";
    cl_program program =
        ln_cl()->clCreateProgramWithBinary(d->context, 1, &d->id, &bytes, &data, &status, &code);
    if (program && !code) code = status;
    if (program && !code) {
        call = "clBuildProgram";
        code = ln_cl()->clBuildProgram(program, 1, &d->id, NULL, NULL, NULL);
    }
    if (!code) return program;
    if (program) ln_cl()->clReleaseProgram(program);
    ln_log(LN_LOG_INFO, "program cache: the driver refused an entry: %s: %s", call,
           ln_cl_error_name(code));
    return NULL;
}

/* ---- the guard around loading ---- */
typedef struct guard {
    char path[1200];
    int fd; /* -1: another process is loading the same entry and guards it */
} guard;

/* False when the last one to load this entry died of it. */
static bool guard_begin(guard *g) {
    struct stat info;
    g->fd = open(g->path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (g->fd < 0) return true;
    if (flock(g->fd, LOCK_EX | LOCK_NB) != 0) {
        close(g->fd);
        g->fd = -1;
        return true;
    }
    if (fstat(g->fd, &info) == 0 && info.st_size > 0) return false;
    if (write(g->fd, "!", 1) != 1) ln_log(LN_LOG_DEBUG, "program cache: %s unguarded", g->path);
    return true;
}

static void guard_end(guard *g) {
    if (g->fd < 0) return;
    if (ftruncate(g->fd, 0) != 0) ln_log(LN_LOG_DEBUG, "program cache: cannot clear %s", g->path);
    unlink(g->path);
    close(g->fd);
}

cl_program ln_cache_load(ln_device *d, const ln_program *p) {
    char path[1200];
    guard g;
    ln_file f;
    if (!entry_path(p, "bin", path, sizeof path) ||
        !entry_path(p, "loading", g.path, sizeof g.path))
        return NULL;
    if (ln_file_map(path, &f, NULL) != LINNET_OK) return NULL;
    size_t bytes;
    const uint8_t *data = valid(&f, p, &bytes);
    cl_program program = NULL;
    if (!data) {
        ln_log(LN_LOG_INFO, "program cache: %s is damaged or stale; building anew", path);
    } else {
        if (guard_begin(&g))
            program = from_binary(d, data, bytes);
        else
            ln_log(LN_LOG_WARN,
                   "program cache: %s stopped the process that loaded it last; "
                   "building anew",
                   path);
        guard_end(&g);
    }
    ln_file_unmap(&f);
    if (!program) unlink(path);
    return program;
}

void ln_cache_store(const ln_program *p, const void *bytes, size_t size) {
    char dir[1200], path[1200];
    linnet_error err = {0};
    ln_writer w;
    if (!ln_cache_path(dir, sizeof dir, "programs") || !entry_path(p, "bin", path, sizeof path))
        return;
    header h = {.format = FORMAT, .key = p->key, .check = p->check, .bytes = size};
    memcpy(h.magic, magic, sizeof magic);
    h.crc = ln_crc32(0, bytes, size);
    linnet_status st = ln_mkdirs(dir, &err);
    if (st == LINNET_OK) st = ln_writer_open(&w, path, &err);
    if (st == LINNET_OK) {
        fwrite(&h, sizeof h, 1, w.f); /* commit sees what fails */
        fwrite(bytes, 1, size, w.f);
        st = ln_writer_commit(&w, &err);
    }
    if (st != LINNET_OK) ln_log(LN_LOG_WARN, "program cache: %s", err.message);
}
