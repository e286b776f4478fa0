#include "base/base.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

bool ln_mul_size(size_t a, size_t b, size_t *out) {
    return !__builtin_mul_overflow(a, b, out);
}

bool ln_add_size(size_t a, size_t b, size_t *out) {
    return !__builtin_add_overflow(a, b, out);
}

bool ln_mul_i64(int64_t a, int64_t b, int64_t *out) {
    return !__builtin_mul_overflow(a, b, out);
}

void *ln_alloc_aligned(size_t count, size_t size) {
    size_t bytes, rounded;
    if (!ln_mul_size(count, size, &bytes) || !ln_add_size(bytes, 63, &rounded)) return NULL;
    rounded &= ~(size_t)63;
    return aligned_alloc(64, rounded ? rounded : 64);
}

void ln_large_pages(void *p, size_t bytes) {
#ifdef MADV_HUGEPAGE
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    const uintptr_t from = ((uintptr_t)p + page - 1) / page * page;
    const uintptr_t to = ((uintptr_t)p + bytes) / page * page;
    /* advice: a refusal changes nothing */
    if (to > from && madvise((void *)from, to - from, MADV_HUGEPAGE) != 0) return;
#else
    (void)p;
    (void)bytes;
#endif
}

/* ---- pool ---- */
#define POOL_BLOCK (64 * 1024)
struct ln_pool_block {
    struct ln_pool_block *next;
    size_t used, size; /* of the bytes after the header */
    _Alignas(16) unsigned char bytes[];
};

void *ln_pool_alloc(ln_pool *p, size_t count, size_t size) {
    size_t bytes;
    if (!ln_mul_size(count, size, &bytes) || bytes > PTRDIFF_MAX / 2) return NULL;
    bytes = (bytes + 15) & ~(size_t)15;
    if (!bytes) bytes = 16;
    struct ln_pool_block *b = p->head;
    if (!b || b->size - b->used < bytes) {
        size_t room = bytes > POOL_BLOCK / 4 ? bytes : POOL_BLOCK;
        struct ln_pool_block *fresh = calloc(1, sizeof *fresh + room);
        if (!fresh) return NULL;
        fresh->size = room;
        /* A block made for one large thing goes behind the head, whose rest stays in use. */
        struct ln_pool_block **at = b && room != POOL_BLOCK ? &b->next : &p->head;
        fresh->next = *at;
        *at = fresh;
        b = fresh;
    }
    void *out = b->bytes + b->used;
    b->used += bytes;
    p->total += bytes;
    return out;
}

char *ln_pool_strdup(ln_pool *p, const char *s) {
    size_t n = strlen(s) + 1;
    char *out = ln_pool_alloc(p, n, 1);
    if (out) memcpy(out, s, n);
    return out;
}

char *ln_pool_printf(ln_pool *p, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    char *out = n < 0 ? NULL : ln_pool_alloc(p, (size_t)n + 1, 1);
    if (!out) return NULL;
    va_start(ap, fmt);
    vsnprintf(out, (size_t)n + 1, fmt, ap);
    va_end(ap);
    return out;
}

void ln_pool_free(ln_pool *p) {
    for (struct ln_pool_block *b = p->head, *next; b; b = next) {
        next = b->next;
        free(b);
    }
    *p = (ln_pool){0};
}
