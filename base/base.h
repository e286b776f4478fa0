/* What every room needs: errors, log, sizes that do not overflow, hash, environment. */
#ifndef LN_BASE_H
#define LN_BASE_H

#include <linnet/status.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#if defined(__GNUC__) || defined(__clang__)
#    define LN_PRINTF(f, a) __attribute__((format(printf, f, a)))
#else
#    define LN_PRINTF(f, a)
#endif

#define LN_COUNT(a)  (sizeof(a) / sizeof((a)[0]))
#define LN_MIN(a, b) ((a) < (b) ? (a) : (b))
#define LN_MAX(a, b) ((a) > (b) ? (a) : (b))

/* Returns from the calling function when the expression's status is not LINNET_OK. */
#define LN_TRY(expr)                                                                               \
    do {                                                                                           \
        linnet_status ln_try_ = (expr);                                                            \
        if (ln_try_ != LINNET_OK) return ln_try_;                                                  \
    } while (0)

/* Fills err (may be NULL) with status and a one-line message; returns status. */
linnet_status ln_fail(linnet_error *err, linnet_status status, const char *fmt, ...)
    LN_PRINTF(3, 4);
/* The same for an allocation of `bytes` that failed; what: a noun for the message. */
linnet_status ln_fail_oom(linnet_error *err, const char *what, size_t bytes);
/* Puts "prefix: " before a message already in err; returns its status. */
linnet_status ln_fail_prefix(linnet_error *err, const char *fmt, ...) LN_PRINTF(2, 3);

typedef enum ln_log_level { LN_LOG_ERROR, LN_LOG_WARN, LN_LOG_INFO, LN_LOG_DEBUG } ln_log_level;
typedef void (*ln_log_fn)(void *user, int level, const char *line);
/* Process-wide sink; NULL (the default) drops everything. Thread-safe. */
void ln_log_set(ln_log_fn fn, void *user, ln_log_level most);
void ln_log(ln_log_level level, const char *fmt, ...) LN_PRINTF(2, 3);

/* Overflow-checked arithmetic: false when the result does not fit. */
bool ln_mul_size(size_t a, size_t b, size_t *out);
bool ln_add_size(size_t a, size_t b, size_t *out);
bool ln_mul_i64(int64_t a, int64_t b, int64_t *out);
/* Rounds up to a multiple of `to` (a power of two or not, > 0). */
static inline int64_t ln_round_up(int64_t v, int64_t to) {
    return (v + to - 1) / to * to;
}
static inline int64_t ln_ceil_div(int64_t a, int64_t b) {
    return (a + b - 1) / b;
}

/* Half precision, rounded to nearest even; toward zero, saturated, NaN to 0. */
uint16_t ln_f32_to_f16(float v);
/* Decimal digits alone, up to 2^64-1. */
bool ln_parse_u64(const char *s, uint64_t *out);
float ln_f16_to_f32(uint16_t v);
int32_t ln_f64_to_i32(double v);

/* FNV-1a, 64 bit; chain by passing the last value as h. */
#define LN_HASH_INIT 0xCBF29CE484222325ull
uint64_t ln_hash(uint64_t h, const void *data, size_t bytes);
uint32_t ln_crc32(uint32_t crc, const void *data, size_t bytes); /* zlib's; start with 0 */

/* Growable byte string, always terminated once p is set. Zero-initialise. An allocation that
 * fails sets `failed` and drops what follows; look at it once, at the end. */
typedef struct ln_str {
    char *p;
    size_t len, cap;
    bool failed;
} ln_str;
void ln_str_add(ln_str *s, const char *fmt, ...) LN_PRINTF(2, 3);
void ln_str_put(ln_str *s, const char *bytes, size_t n);
void ln_str_free(ln_str *s);

/* Bump allocator that owns many small things of one lifetime. Zero-initialise.
 * Memory comes zeroed and 16-byte aligned; NULL when out of memory. */
typedef struct ln_pool {
    struct ln_pool_block *head;
    size_t total;
} ln_pool;
void *ln_pool_alloc(ln_pool *p, size_t count, size_t size);
char *ln_pool_strdup(ln_pool *p, const char *s);
char *ln_pool_printf(ln_pool *p, const char *fmt, ...) LN_PRINTF(2, 3);
void ln_pool_free(ln_pool *p);

/* 64-byte aligned block; release with free(). NULL on overflow or no memory. */
void *ln_alloc_aligned(size_t count, size_t size);
/* Large pages for a block that is to be filled, where the system has some: fewer faults. */
void ln_large_pages(void *p, size_t bytes);

/* Seconds on the monotonic clock. */
double ln_now(void);

/* A layer's name as a table bears it: of several that a file joins by ';' the first, of a longer
 * one the end. Spaces in front stay. */
#define LN_LAYER_TEXT 56
const char *ln_layer_text(const char *name, char out[LN_LAYER_TEXT]);

/* Closest names for "did you mean": edit distance, case-insensitive. */
int ln_edit_distance(const char *a, const char *b);

#endif
