/* NumPy's .npy files: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
 * Read: versions 1 to 3, little-endian floats and integers, C order. Written: version 1. */
#include "cli/cli.h"

#include <stdlib.h>
#include <string.h>

void cli_array_free(cli_array *a) {
    free(a->data);
    *a = (cli_array){0};
}

/* ---- element types ---- */
typedef union cell {
    float f;
    int32_t i;
} cell;

#define CONVERT(name, type, field)                                                                 \
    static void from_##name(const uint8_t *src, double *dst, size_t n) {                           \
        for (size_t i = 0; i < n; i++) {                                                           \
            type v;                                                                                \
            memcpy(&v, src + i * sizeof v, sizeof v);                                              \
            dst[i] = (double)v;                                                                    \
        }                                                                                          \
    }                                                                                              \
    static void to_##name(const cell *src, uint8_t *dst, size_t n) {                               \
        for (size_t i = 0; i < n; i++) {                                                           \
            const type v = (type)src[i].field;                                                     \
            memcpy(dst + i * sizeof v, &v, sizeof v);                                              \
        }                                                                                          \
    }
CONVERT(f32, float, f)
CONVERT(f64, double, f)
CONVERT(i8, int8_t, i)
CONVERT(u8, uint8_t, i)
CONVERT(i16, int16_t, i)
CONVERT(u16, uint16_t, i)
CONVERT(i32, int32_t, i)
CONVERT(u32, uint32_t, i)
CONVERT(i64, int64_t, i)
CONVERT(u64, uint64_t, i)

static void from_b1(const uint8_t *src, double *dst, size_t n) {
    for (size_t i = 0; i < n; i++) dst[i] = src[i] != 0;
}

static void to_b1(const cell *src, uint8_t *dst, size_t n) {
    for (size_t i = 0; i < n; i++) dst[i] = src[i].i != 0;
}

static void from_f16(const uint8_t *src, double *dst, size_t n) {
    uint16_t v;
    for (size_t i = 0; i < n; i++) {
        memcpy(&v, src + 2 * i, 2);
        dst[i] = (double)ln_f16_to_f32(v);
    }
}

static void to_f16(const cell *src, uint8_t *dst, size_t n) {
    for (size_t i = 0; i < n; i++) {
        const uint16_t v = ln_f32_to_f16(src[i].f);
        memcpy(dst + 2 * i, &v, 2);
    }
}

/* NumPy has no BF16: its values go out as f4. */
typedef struct element {
    const char *descr;
    size_t size;
    void (*from)(const uint8_t *src, double *dst, size_t n);
    void (*to)(const cell *src, uint8_t *dst, size_t n);
    int type; /* linnet_dtype; -1: none */
} element;
static const element element_types[] = {
    {"<f4", 4, from_f32, to_f32, LINNET_F32}, {"<f8", 8, from_f64, to_f64, LINNET_F64},
    {"<f2", 2, from_f16, to_f16, LINNET_F16}, {"|i1", 1, from_i8, to_i8, LINNET_I8},
    {"|u1", 1, from_u8, to_u8, LINNET_U8},    {"|b1", 1, from_b1, to_b1, LINNET_BOOL},
    {"<i2", 2, from_i16, to_i16, LINNET_I16}, {"<i4", 4, from_i32, to_i32, LINNET_I32},
    {"<i8", 8, from_i64, to_i64, LINNET_I64}, {"<u2", 2, from_u16, to_u16, -1},
    {"<u4", 4, from_u32, to_u32, -1},         {"<u8", 8, from_u64, to_u64, -1},
};

void cli_array_elements(const cli_array *a, const linnet_tensor_info *t, void *dst) {
    for (size_t i = 0; i < a->count; i++) {
        const float real = (float)a->data[i];
        const int32_t whole = ln_f64_to_i32(a->data[i]);
        if (t->dtype == LINNET_I32)
            ((int32_t *)dst)[i] = whole;
        else if (t->dtype == LINNET_F32 || !a->whole)
            cli_from_reals(t, &real, 1, (char *)dst + i * cli_element_size(t));
        else if (t->dtype == LINNET_I8)
            ((int8_t *)dst)[i] = (int8_t)LN_MIN(LN_MAX(whole, -128), 127);
        else
            ((uint8_t *)dst)[i] = (uint8_t)LN_MIN(LN_MAX(whole, 0), 255);
    }
}

/* ---- the header: a Python dict of three known keys ---- */
typedef struct header {
    const char *p, *end;
    ln_cursor *cur; /* for messages */
    const element *type;
    cli_array *shape;
    int seen;
} header;

static linnet_status bad_header(const header *h, const char *what) {
    return ln_cur_fail(h->cur, "npy header: %s", what);
}

static void skip_space(header *h) {
    while (h->p < h->end && (*h->p == ' ' || *h->p == '\n' || *h->p == '\t')) h->p++;
}

static bool take(header *h, char c) {
    skip_space(h);
    if (h->p == h->end || *h->p != c) return false;
    h->p++;
    return true;
}

static bool take_string(header *h, char *out, size_t size) {
    skip_space(h);
    char quote = h->p < h->end ? *h->p : 0;
    if (quote != '\'' && quote != '"') return false;
    const char *start = ++h->p;
    while (h->p < h->end && *h->p != quote) h->p++;
    size_t n = (size_t)(h->p - start);
    if (h->p == h->end || n >= size) return false;
    memcpy(out, start, n);
    out[n] = 0;
    h->p++;
    return true;
}

static bool take_word(header *h, const char *word) {
    skip_space(h);
    size_t n = strlen(word);
    if ((size_t)(h->end - h->p) < n || memcmp(h->p, word, n)) return false;
    h->p += n;
    return true;
}

static linnet_status take_descr(header *h) {
    char text[16];
    if (!take_string(h, text, sizeof text)) return bad_header(h, "'descr' is no plain type");
    for (size_t i = 0; i < LN_COUNT(element_types); i++)
        if (!strcmp(element_types[i].descr, text)) h->type = &element_types[i];
    if (h->type) return LINNET_OK;
    return ln_cur_fail(h->cur, "npy type %s is not read; save little-endian floats or integers",
                       text);
}

static linnet_status take_shape(header *h) {
    cli_array *a = h->shape;
    if (!take(h, '(')) return bad_header(h, "'shape' is no tuple");
    while (!take(h, ')')) {
        int64_t v = 0;
        skip_space(h);
        if (h->p == h->end || *h->p < '0' || *h->p > '9')
            return bad_header(h, "'shape' holds no number");
        for (; h->p < h->end && *h->p >= '0' && *h->p <= '9'; h->p++)
            if (!ln_mul_i64(v, 10, &v) || __builtin_add_overflow(v, *h->p - '0', &v))
                return bad_header(h, "a dimension is too large");
        if (a->rank == (int)LN_COUNT(a->dim)) return bad_header(h, "more than 6 dimensions");
        a->dim[a->rank++] = v;
        if (!take(h, ',') && !(h->p < h->end && *h->p == ')'))
            return bad_header(h, "'shape' is no tuple");
    }
    return LINNET_OK;
}

static linnet_status take_item(header *h) {
    char key[24];
    if (!take_string(h, key, sizeof key) || !take(h, ':')) return bad_header(h, "expected 'key':");
    static const char *const keys[] = {"descr", "fortran_order", "shape"};
    int k = 0;
    while (k < 3 && strcmp(keys[k], key)) k++;
    if (k == 3 || (h->seen >> k) & 1) return bad_header(h, "unknown or repeated key");
    h->seen |= 1 << k;
    if (k == 0) return take_descr(h);
    if (k == 2) return take_shape(h);
    if (take_word(h, "False")) return LINNET_OK;
    if (take_word(h, "True"))
        return ln_cur_fail(h->cur, "npy array is in Fortran order; save numpy.ascontiguousarray");
    return bad_header(h, "'fortran_order' is neither True nor False");
}

static linnet_status parse_header(header *h) {
    if (!take(h, '{')) return bad_header(h, "expected {");
    while (!take(h, '}')) {
        LN_TRY(take_item(h));
        if (!take(h, ',') && !(h->p < h->end && *h->p == '}'))
            return bad_header(h, "expected , or }");
    }
    skip_space(h);
    if (h->p != h->end) return bad_header(h, "bytes after the }");
    return h->seen == 7 ? LINNET_OK : bad_header(h, "descr, fortran_order or shape is missing");
}

static linnet_status read_header(ln_cursor *c, cli_array *a, const element **type) {
    const uint8_t *magic, *text;
    uint8_t major, minor;
    uint16_t short_length = 0;
    uint32_t length = 0;
    LN_TRY(ln_cur_bytes(c, 6, &magic, "npy magic"));
    if (memcmp(magic, "\x93NUMPY", 6)) return ln_cur_fail(c, "not a .npy file");
    LN_TRY(ln_cur_u8(c, &major, "npy version"));
    LN_TRY(ln_cur_u8(c, &minor, "npy version"));
    if (major < 1 || major > 3) return ln_cur_fail(c, "npy version %d is not known", major);
    if (major == 1) {
        LN_TRY(ln_cur_u16(c, &short_length, "npy header length"));
        length = short_length;
    } else {
        LN_TRY(ln_cur_u32(c, &length, "npy header length"));
    }
    LN_TRY(ln_cur_bytes(c, length, &text, "npy header"));
    header h = {.p = (const char *)text, .end = (const char *)text + length, .cur = c, .shape = a};
    LN_TRY(parse_header(&h));
    *type = h.type;
    return LINNET_OK;
}

static linnet_status read_array(ln_cursor *c, cli_array *a, linnet_error *err) {
    const element *type = NULL;
    const uint8_t *bytes;
    size_t size = 0;
    LN_TRY(read_header(c, a, &type));
    a->count = 1;
    for (int i = 0; i < a->rank; i++)
        if (a->dim[i] == 0 || !ln_mul_size(a->count, (size_t)a->dim[i], &a->count))
            return ln_cur_fail(c, "npy array is empty or too large");
    if (!ln_mul_size(a->count, type->size, &size)) return ln_cur_fail(c, "npy array is too large");
    LN_TRY(ln_cur_bytes(c, size, &bytes, "npy array"));
    if (c->pos != c->size)
        return ln_cur_fail(c, "%zu bytes behind the npy array", c->size - c->pos);
    if (!(a->data = ln_alloc_aligned(a->count, sizeof *a->data)))
        return ln_fail_oom(err, c->path, a->count * sizeof *a->data);
    a->whole = type->descr[1] != 'f';
    type->from(bytes, a->data, a->count);
    return LINNET_OK;
}

linnet_status cli_npy_read(const char *path, cli_array *out, linnet_error *err) {
    ln_file f;
    *out = (cli_array){0};
    LN_TRY(ln_file_map(path, &f, err));
    ln_cursor c = {.data = f.data, .size = f.size, .path = path, .err = err};
    linnet_status st = read_array(&c, out, err);
    ln_file_unmap(&f);
    if (st != LINNET_OK) cli_array_free(out);
    return st;
}

/* How t's elements go out: as the model file has them, else as they are. */
static const element *element_of(const linnet_tensor_info *t) {
    const linnet_dtype byte = cli_element_size(t) == 1 ? t->dtype : LINNET_F32;
    const bool whole = t->dtype == LINNET_I32;
    const element *same = NULL;
    for (size_t i = 0; i < LN_COUNT(element_types); i++) {
        const element *e = &element_types[i];
        const bool is_float = e->descr[1] == 'f';
        if (byte != LINNET_F32 && e->type == (int)byte) return e;
        if (byte != LINNET_F32) continue;
        if (e->type == (int)t->file_dtype && is_float != whole) return e;
        if (e->type == (int)t->dtype) same = e;
    }
    return same;
}

static size_t write_header(char text[256], const linnet_tensor_info *t, const char *descr) {
    size_t n =
        (size_t)snprintf(text, 256, "{'descr': '%s', 'fortran_order': False, 'shape': (", descr);
    for (int i = 0; i < t->file_rank; i++)
        n += (size_t)snprintf(text + n, 256 - n, i ? " %lld," : "%lld,", (long long)t->dim[i]);
    if (t->file_rank > 1) n--; /* only a tuple of one ends in a comma */
    n += (size_t)snprintf(text + n, 256 - n, "), }");
    const size_t length = (10 + n + 1 + 63) / 64 * 64 - 10; /* the data starts on 64 bytes */
    memset(text + n, ' ', length - n);
    text[length - 1] = '\n';
    return length;
}

linnet_status cli_npy_write(const char *path, const linnet_tensor_info *t, const void *elements,
                            linnet_error *err) {
    const element *e = element_of(t);
    const size_t count = cli_tensor_count(t);
    char text[256];
    const size_t length = write_header(text, t, e->descr);
    uint8_t head[10] = {
        0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0, (uint8_t)(length & 0xff), (uint8_t)(length >> 8)};
    uint8_t *bytes = ln_alloc_aligned(count ? count : 1, e->size);
    if (!bytes) return ln_fail_oom(err, path, count * e->size);
    if (cli_element_size(t) == 1)
        memcpy(bytes, elements, count);
    else
        e->to(elements, bytes, count);
    ln_writer w;
    linnet_status st = ln_writer_open(&w, path, err);
    if (st == LINNET_OK) {
        fwrite(head, 1, sizeof head, w.f);
        fwrite(text, 1, length, w.f);
        fwrite(bytes, e->size, count, w.f);
        st = ln_writer_commit(&w, err);
    }
    free(bytes);
    return st;
}
