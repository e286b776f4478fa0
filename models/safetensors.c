/* Reader of safetensors files (https://github.com/huggingface/safetensors, "Format"):
 * u64 header length, JSON header, bytes. Data is used where it is mapped. */
#include "models/json.h"
#include "models/weights_impl.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_HEADER = 100 << 20 }; /* the format's own limit */

const char *const ln_safetensors_dtype[LN_DTYPE_COUNT] = {
    [LN_F32] = "F32", [LN_F16] = "F16", [LN_BF16] = "BF16", [LN_F64] = "F64", [LN_I8] = "I8",
    [LN_U8] = "U8",   [LN_I16] = "I16", [LN_I32] = "I32",   [LN_I64] = "I64", [LN_BOOL] = "BOOL",
};

typedef struct span {
    uint64_t begin, end;
    const char *name;
} span;

typedef struct reader {
    ln_weights *ws;
    linnet_error *err;
    const uint8_t *data;
    uint64_t bytes; /* after the header */
    span *spans;
    size_t n_span, cap_span;
} reader;

#define BAD(r, ...) ln_fail((r)->err, LINNET_ERR_BAD_FILE, __VA_ARGS__)

static linnet_status read_dtype(reader *r, const cJSON *t, ln_dtype *out) {
    const cJSON *v = cJSON_GetObjectItemCaseSensitive(t, "dtype");
    if (!cJSON_IsString(v)) return BAD(r, "%s: tensor %.200s: no dtype", r->ws->path, t->string);
    for (int i = 0; i < LN_DTYPE_COUNT; i++)
        if (!strcmp(ln_safetensors_dtype[i], v->valuestring)) {
            *out = (ln_dtype)i;
            return LINNET_OK;
        }
    return BAD(r, "%s: tensor %.200s: element type '%.16s' is not one that Linnet reads",
               r->ws->path, t->string, v->valuestring);
}

/* The shape, and its product times the element size. */
static linnet_status read_shape(reader *r, const cJSON *t, ln_dtype dtype, ln_shape *out,
                                uint64_t *bytes) {
    const cJSON *v = cJSON_GetObjectItemCaseSensitive(t, "shape"), *d;
    size_t total = ln_dtype_size(dtype);
    int64_t extent = 1; /* without zeros, which hide what strides would overflow on */
    *out = (ln_shape){0};
    if (!cJSON_IsArray(v)) return BAD(r, "%s: tensor %.200s: no shape", r->ws->path, t->string);
    cJSON_ArrayForEach(d, v) {
        uint64_t n;
        if (out->rank == LN_MAX_RANK)
            return BAD(r, "%s: tensor %.200s: more than %d dimensions", r->ws->path, t->string,
                       LN_MAX_RANK);
        if (!ln_json_u53(d, &n) || !ln_mul_size(total, n, &total) ||
            !ln_mul_i64(extent, (int64_t)LN_MAX(n, 1), &extent))
            return BAD(r, "%s: tensor %.200s: dimension %d is no size or overflows", r->ws->path,
                       t->string, out->rank);
        out->dim[out->rank++] = (int64_t)n;
    }
    *bytes = total;
    return LINNET_OK;
}

static linnet_status read_offsets(reader *r, const cJSON *t, span *out) {
    const cJSON *v = cJSON_GetObjectItemCaseSensitive(t, "data_offsets");
    if (!cJSON_IsArray(v) || cJSON_GetArraySize(v) != 2 ||
        !ln_json_u53(cJSON_GetArrayItem(v, 0), &out->begin) ||
        !ln_json_u53(cJSON_GetArrayItem(v, 1), &out->end) || out->end < out->begin)
        return BAD(r, "%s: tensor %.200s: data_offsets are not [begin, end]", r->ws->path,
                   t->string);
    if (out->end > r->bytes)
        return BAD(r, "%s: tensor %.200s ends at data byte %llu of %llu; the file is cut short",
                   r->ws->path, t->string, (unsigned long long)out->end,
                   (unsigned long long)r->bytes);
    return LINNET_OK;
}

static linnet_status read_tensor(reader *r, const cJSON *t) {
    ln_weight w = {.name = t->string};
    uint64_t need = 0;
    span s = {0};
    if (!cJSON_IsObject(t))
        return BAD(r, "%s: tensor %.200s: not an object", r->ws->path, t->string);
    LN_TRY(read_dtype(r, t, &w.dtype));
    LN_TRY(read_shape(r, t, w.dtype, &w.shape, &need));
    LN_TRY(read_offsets(r, t, &s));
    if (s.end - s.begin != need)
        return BAD(r, "%s: tensor %.200s: its shape needs %llu bytes, its offsets give %llu",
                   r->ws->path, t->string, (unsigned long long)need,
                   (unsigned long long)(s.end - s.begin));
    w.data = r->data + s.begin;
    LN_TRY(ln_weights_add(r->ws, &w, false, r->err));
    s.name = r->ws->item[r->ws->count - 1]->name;
    LN_TRY(ln_grow((void **)&r->spans, &r->cap_span, r->n_span + 1, sizeof *r->spans, r->err));
    r->spans[r->n_span++] = s;
    return LINNET_OK;
}

static linnet_status read_metadata(reader *r, const cJSON *o) {
    const cJSON *v;
    if (!cJSON_IsObject(o)) return BAD(r, "%s: __metadata__ is not an object", r->ws->path);
    cJSON_ArrayForEach(v, o) {
        if (!cJSON_IsString(v))
            return BAD(r, "%s: __metadata__ %.200s is not a string", r->ws->path, v->string);
        LN_TRY(ln_weights_meta_add(r->ws, v->string, v->valuestring, r->err));
    }
    return LINNET_OK;
}

static int by_begin(const void *a, const void *b) {
    const span *x = a, *y = b;
    if (x->begin != y->begin) return x->begin < y->begin ? -1 : 1;
    return x->end < y->end ? -1 : x->end > y->end;
}

/* The format wants the data covered once, without holes. */
static linnet_status check_cover(reader *r) {
    uint64_t at = 0;
    if (r->n_span) qsort(r->spans, r->n_span, sizeof *r->spans, by_begin);
    for (size_t i = 0; i < r->n_span; i++) {
        const span *s = &r->spans[i];
        if (s->begin < at)
            return BAD(r, "%s: tensors %.200s and %.200s overlap at data byte %llu", r->ws->path,
                       r->spans[i - 1].name, s->name, (unsigned long long)s->begin);
        if (s->begin > at)
            return BAD(r, "%s: data bytes %llu to %llu before tensor %.200s belong to none",
                       r->ws->path, (unsigned long long)at, (unsigned long long)s->begin, s->name);
        at = s->end;
    }
    if (at != r->bytes)
        return BAD(r, "%s: %llu data bytes after the last tensor", r->ws->path,
                   (unsigned long long)(r->bytes - at));
    return LINNET_OK;
}

static linnet_status read_header(reader *r, const cJSON *root) {
    const cJSON *t;
    cJSON_ArrayForEach(t, root) {
        if (!strcmp(t->string, "__metadata__"))
            LN_TRY(read_metadata(r, t));
        else
            LN_TRY(read_tensor(r, t));
    }
    return check_cover(r);
}

static linnet_status read_file(ln_weights *ws, linnet_error *err) {
    ln_cursor c = {.data = ws->file.data, .size = ws->file.size, .path = ws->path, .err = err};
    uint64_t len;
    const uint8_t *text;
    cJSON *root;
    LN_TRY(ln_cur_u64(&c, &len, "safetensors header length"));
    if (len > MAX_HEADER)
        return ln_fail(err, LINNET_ERR_BAD_FILE,
                       "%s: a header of %llu bytes; not a safetensors file?", ws->path,
                       (unsigned long long)len);
    LN_TRY(ln_cur_bytes(&c, (size_t)len, &text, "safetensors header"));
    char where[300];
    snprintf(where, sizeof where, "%.270s: safetensors header", ws->path);
    LN_TRY(ln_json_object((const char *)text, (size_t)len, where, &root, err));
    reader r = {.ws = ws, .err = err, .data = text + len, .bytes = c.size - c.pos};
    linnet_status st = read_header(&r, root);
    cJSON_Delete(root);
    free(r.spans);
    return st;
}

linnet_status ln_safetensors_open(const char *path, ln_weights **out, linnet_error *err) {
    LN_TRY(ln_weights_new(path, out, err));
    linnet_status st = ln_file_map(path, &(*out)->file, err);
    if (st == LINNET_OK) st = read_file(*out, err);
    if (st != LINNET_OK) ln_weights_close(out);
    return st;
}
