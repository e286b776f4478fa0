#include "models/tflite/flat.h"

#include <string.h>

enum { MAX_TEXT = 65536 };

static uint64_t little_endian(const uint8_t *p, size_t bytes) {
    uint64_t v = 0;
    for (size_t i = bytes; i-- > 0;) v = v << 8 | p[i];
    return v;
}

static linnet_status bad(const ln_flat *f, size_t at, const char *what, const char *why) {
    return ln_fail(f->err, LINNET_ERR_BAD_FILE, "%s: byte %zu: %s %s", f->path, at, what, why);
}

static bool inside(const ln_flat *f, size_t at, size_t bytes) {
    return at <= f->size && bytes <= f->size - at;
}

/* Follows the unsigned offset at `at`. */
static linnet_status follow(const ln_flat *f, size_t at, size_t *to, const char *what) {
    if (!inside(f, at, 4)) return bad(f, at, what, "begins behind the end of the file");
    uint64_t off = little_endian(f->data + at, 4);
    if (off == 0 || off > f->size - at)
        return bad(f, at, what, "points outside the file; is it whole?");
    *to = at + (size_t)off;
    return LINNET_OK;
}

static linnet_status table_at(const ln_flat *f, size_t at, ln_flat_table *out, const char *what) {
    if (!inside(f, at, 4)) return bad(f, at, what, "is cut short");
    int64_t back = (int32_t)little_endian(f->data + at, 4), vt = (int64_t)at - back;
    if (vt < 0 || !inside(f, (size_t)vt, 4))
        return bad(f, at, what, "has its vtable outside the file");
    size_t vsize = little_endian(f->data + vt, 2), size = little_endian(f->data + vt + 2, 2);
    if (vsize < 4 || vsize % 2 || !inside(f, (size_t)vt, vsize))
        return bad(f, (size_t)vt, what, "has a vtable of an impossible size");
    if (size < 4 || !inside(f, at, size))
        return bad(f, at, what, "reaches behind the end of the file");
    *out = (ln_flat_table){f, at, size, (size_t)vt, (vsize - 4) / 2};
    return LINNET_OK;
}

linnet_status ln_flat_root(const ln_flat *f, const char magic[4], ln_flat_table *out) {
    *out = (ln_flat_table){0};
    if (f->size < 8 || memcmp(f->data + 4, magic, 4))
        return ln_fail(f->err, LINNET_ERR_BAD_FILE,
                       "%s: no %.4s FlatBuffer in its %zu bytes; not a TensorFlow Lite file?",
                       f->path, magic, f->size);
    size_t at;
    LN_TRY(follow(f, 0, &at, "the root table"));
    return table_at(f, at, out, "the root table");
}

/* Where a field of `bytes` lies; 0: absent. */
static linnet_status field_at(const ln_flat_table *t, int field, size_t bytes, size_t *at,
                              const char *what) {
    *at = 0;
    if (!t->in || (size_t)field >= t->fields) return LINNET_OK;
    size_t off = little_endian(t->in->data + t->vtable + 4 + 2 * (size_t)field, 2);
    if (off == 0) return LINNET_OK;
    if (off < 4 || off > t->size || bytes > t->size - off)
        return bad(t->in, t->at, what, "lies outside its table");
    *at = t->at + off;
    return LINNET_OK;
}

linnet_status ln_flat_int(const ln_flat_table *t, int field, size_t bytes, bool is_signed,
                          int64_t absent, int64_t *out, const char *what) {
    size_t at;
    *out = absent;
    LN_TRY(field_at(t, field, bytes, &at, what));
    if (!at) return LINNET_OK;
    uint64_t v = little_endian(t->in->data + at, bytes);
    unsigned unused = 64 - 8 * (unsigned)bytes;
    *out = is_signed ? (int64_t)(v << unused) >> unused : (int64_t)v;
    return LINNET_OK;
}

linnet_status ln_flat_float(const ln_flat_table *t, int field, float absent, float *out,
                            const char *what) {
    size_t at;
    *out = absent;
    LN_TRY(field_at(t, field, 4, &at, what));
    if (at) memcpy(out, t->in->data + at, 4);
    return LINNET_OK;
}

static linnet_status vector_at(const ln_flat *f, size_t at, size_t element, ln_flat_vector *out,
                               const char *what) {
    if (!inside(f, at, 4)) return bad(f, at, what, "is cut short");
    uint64_t count = little_endian(f->data + at, 4);
    if (count > (f->size - at - 4) / element)
        return bad(f, at, what, "has more elements than the file has room for");
    *out = (ln_flat_vector){f->data + at + 4, (uint32_t)count};
    return LINNET_OK;
}

linnet_status ln_flat_vec(const ln_flat_table *t, int field, size_t element, ln_flat_vector *out,
                          const char *what) {
    size_t at;
    *out = (ln_flat_vector){0};
    LN_TRY(field_at(t, field, 4, &at, what));
    if (!at) return LINNET_OK;
    LN_TRY(follow(t->in, at, &at, what));
    return vector_at(t->in, at, element, out, what);
}

linnet_status ln_flat_sub(const ln_flat_table *t, int field, ln_flat_table *out, const char *what) {
    size_t at;
    *out = (ln_flat_table){0};
    LN_TRY(field_at(t, field, 4, &at, what));
    if (!at) return LINNET_OK;
    LN_TRY(follow(t->in, at, &at, what));
    return table_at(t->in, at, out, what);
}

linnet_status ln_flat_at(const ln_flat *f, const ln_flat_vector *v, uint32_t i, ln_flat_table *out,
                         const char *what) {
    size_t at = (size_t)(v->data - f->data) + 4 * (size_t)i;
    LN_TRY(follow(f, at, &at, what));
    return table_at(f, at, out, what);
}

linnet_status ln_flat_text(const ln_flat_table *t, int field, ln_pool *pool, const char **out,
                           const char *what) {
    ln_flat_vector v;
    *out = "";
    LN_TRY(ln_flat_vec(t, field, 1, &v, what));
    if (!v.count) return LINNET_OK;
    if (v.count > MAX_TEXT) return bad(t->in, t->at, what, "is longer than any name");
    char *s = ln_pool_alloc(pool, (size_t)v.count + 1, 1);
    if (!s) return ln_fail_oom(t->in->err, what, (size_t)v.count + 1);
    for (uint32_t i = 0; i < v.count; i++)
        s[i] = (char)(v.data[i] < 32 || v.data[i] == 127 ? '?' : v.data[i]);
    *out = s;
    return LINNET_OK;
}

int32_t ln_flat_i32(const ln_flat_vector *v, uint32_t i) {
    return (int32_t)little_endian(v->data + 4 * (size_t)i, 4);
}

int64_t ln_flat_i64(const ln_flat_vector *v, uint32_t i) {
    return (int64_t)little_endian(v->data + 8 * (size_t)i, 8);
}

float ln_flat_f32(const ln_flat_vector *v, uint32_t i) {
    uint32_t bits = (uint32_t)little_endian(v->data + 4 * (size_t)i, 4);
    float out;
    memcpy(&out, &bits, sizeof out);
    return out;
}
