#include "models/zip.h"

#include "base/file.h"

#include <stdlib.h>
#include <string.h>

enum { END_SIZE = 22, CENTRAL_SIZE = 46, LOCAL_SIZE = 30 };

static uint32_t le(const uint8_t *p, int n) {
    uint32_t v = 0;
    for (int i = n - 1; i >= 0; i--) v = v << 8 | p[i];
    return v;
}

/* The end record, found from the back past a comment of at most 65535 bytes. */
static linnet_status find_end(ln_cursor *c, const uint8_t **out) {
    for (size_t back = END_SIZE; back <= c->size && back <= END_SIZE + 65535; back++) {
        const uint8_t *p = c->data + c->size - back;
        if (le(p, 4) == 0x06054b50 && le(p + 20, 2) == back - END_SIZE) {
            *out = p;
            return LINNET_OK;
        }
    }
    return ln_cur_fail(c, "no end record; the archive is cut short");
}

/* A directory record at the cursor, and the data that it points at. */
static linnet_status read_entry(ln_cursor *c, ln_zip *z) {
    const uint8_t *p, *name, *local;
    LN_TRY(ln_cur_bytes(c, CENTRAL_SIZE, &p, "a zip directory record"));
    if (le(p, 4) != 0x02014b50) return ln_cur_fail(c, "bad zip directory record");
    size_t flags = le(p + 8, 2), method = le(p + 10, 2), packed = le(p + 20, 4);
    size_t size = le(p + 24, 4), n = le(p + 28, 2), extra = le(p + 30, 2) + le(p + 32, 2);
    size_t at = le(p + 42, 4);
    LN_TRY(ln_cur_bytes(c, n, &name, "a zip entry's name"));
    LN_TRY(ln_cur_bytes(c, extra, NULL, "a zip entry's extra field"));
    if (memchr(name, 0, n)) return ln_cur_fail(c, "a zip entry's name holds a NUL");
    if (method || flags & 1 || packed != size)
        return ln_cur_fail(c, "zip entry %.*s is compressed or encrypted; PyTorch stores them",
                           (int)LN_MIN(n, 200), (const char *)name);
    if (size == UINT32_MAX || at == UINT32_MAX)
        return ln_cur_fail(c, "zip entries beyond 4 GB are not read");
    size_t back = c->pos;
    LN_TRY(ln_cur_seek(c, at, "a zip entry"));
    LN_TRY(ln_cur_bytes(c, LOCAL_SIZE, &local, "a zip entry's header"));
    if (le(local, 4) != 0x04034b50) return ln_cur_fail(c, "bad zip entry header");
    LN_TRY(ln_cur_bytes(c, le(local + 26, 2) + le(local + 28, 2), NULL, "a zip entry's name"));
    ln_zip_entry *e = &z->entry[z->count++];
    LN_TRY(ln_cur_bytes(c, size, &e->data, "a zip entry's data"));
    e->size = size;
    e->name = ln_pool_alloc(&z->pool, n + 1, 1);
    if (!e->name) return ln_fail_oom(c->err, "a zip entry", n);
    memcpy(e->name, name, n);
    return ln_cur_seek(c, back, "the zip directory");
}

static int by_name(const void *a, const void *b) {
    return strcmp(((const ln_zip_entry *)a)->name, ((const ln_zip_entry *)b)->name);
}

static linnet_status read_directory(ln_cursor *c, ln_zip *z) {
    const uint8_t *end = NULL;
    LN_TRY(find_end(c, &end));
    size_t count = le(end + 10, 2), at = le(end + 16, 4);
    if (count == UINT16_MAX || at == UINT32_MAX)
        return ln_cur_fail(c, "zip archives beyond 65534 entries or 4 GB are not read");
    LN_TRY(ln_cur_seek(c, at, "the zip directory"));
    z->entry = calloc(count + 1, sizeof *z->entry);
    if (!z->entry) return ln_fail_oom(c->err, "a zip directory", count * sizeof *z->entry);
    for (size_t i = 0; i < count; i++) LN_TRY(read_entry(c, z));
    qsort(z->entry, z->count, sizeof *z->entry, by_name);
    return LINNET_OK;
}

linnet_status ln_zip_open(const uint8_t *data, size_t size, const char *path, ln_zip *out,
                          linnet_error *err) {
    ln_cursor c = {.data = data, .size = size, .path = path, .err = err};
    *out = (ln_zip){0};
    linnet_status st = read_directory(&c, out);
    if (st != LINNET_OK) ln_zip_free(out);
    return st;
}

const ln_zip_entry *ln_zip_find(const ln_zip *z, const char *name) {
    ln_zip_entry want = {.name = (char *)name};
    return bsearch(&want, z->entry, z->count, sizeof want, by_name);
}

void ln_zip_free(ln_zip *z) {
    free(z->entry);
    ln_pool_free(&z->pool);
    *z = (ln_zip){0};
}
