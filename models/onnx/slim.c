/* A protobuf parser copies every byte string. This walk over the wire format
 * (https://protobuf.dev/programming-guides/encoding/) copies a model's messages without its bulk:
 * raw_data becomes 16 bytes that say where it lies in the file, subgraphs become empty fields, and
 * fields that nobody reads are dropped. The nesting is that of the tables below: nothing recurses,
 * here or in the parser behind. */
#include "models/onnx/store.h"

#include <string.h>

enum { WIRE_VARINT, WIRE_64, WIRE_BYTES, WIRE_32 = 5 };
enum { MAX_DEPTH = 5 };    /* model, graph, node, attribute, tensor */
enum { LENGTH_BYTES = 5 }; /* of a message, as a padded varint: 35 bits */

typedef enum message { MODEL, GRAPH, NODE, ATTRIBUTE, TENSOR, MESSAGES } message;
typedef enum action { DROP, COPY, ENTER, MARK, POINT } action;
/* What becomes of a field. ENTER: a message of kind `into`. MARK: an empty field `into`. */
typedef struct rule {
    uint8_t message, field, action, into;
} rule;
static const char *const message_names[MESSAGES] = {"model", "graph", "node", "attribute",
                                                    "tensor"};
static const rule rules[] = {
    {MODEL, 1, COPY},
    {MODEL, 2, COPY},
    {MODEL, 3, COPY},
    {MODEL, 7, ENTER, GRAPH},
    {MODEL, 8, COPY},
    {MODEL, 14, COPY},
    {GRAPH, 1, ENTER, NODE},
    {GRAPH, 2, COPY},
    {GRAPH, 5, ENTER, TENSOR},
    {GRAPH, 11, COPY},
    {GRAPH, 12, COPY},
    {GRAPH, 15, MARK, 15},
    {NODE, 1, COPY},
    {NODE, 2, COPY},
    {NODE, 3, COPY},
    {NODE, 4, COPY},
    {NODE, 5, ENTER, ATTRIBUTE},
    {NODE, 7, COPY},
    {ATTRIBUTE, 1, COPY},
    {ATTRIBUTE, 2, COPY},
    {ATTRIBUTE, 3, COPY},
    {ATTRIBUTE, 4, COPY},
    {ATTRIBUTE, 5, ENTER, TENSOR},
    {ATTRIBUTE, 6, MARK, 6},
    {ATTRIBUTE, 7, COPY},
    {ATTRIBUTE, 8, COPY},
    {ATTRIBUTE, 9, COPY},
    {ATTRIBUTE, 11, MARK, 6},
    {ATTRIBUTE, 20, COPY},
    {TENSOR, 1, COPY},
    {TENSOR, 2, COPY},
    {TENSOR, 4, COPY},
    {TENSOR, 5, COPY},
    {TENSOR, 7, COPY},
    {TENSOR, 8, COPY},
    {TENSOR, 9, POINT},
    {TENSOR, 10, COPY},
    {TENSOR, 11, COPY},
    {TENSOR, 13, COPY},
    {TENSOR, 14, COPY},
};

typedef struct frame {
    message kind;
    size_t end;    /* in the file */
    size_t length; /* in the copy: where its length is to be written */
} frame;

typedef struct walk {
    ln_cursor c;
    ln_str *out;
    frame stack[MAX_DEPTH];
    int depth;
} walk;

static linnet_status varint(walk *w, uint64_t *out) {
    const size_t end = w->stack[w->depth].end;
    uint64_t v = 0;
    for (int shift = 0; shift < 70; shift += 7) {
        if (w->c.pos >= end) return ln_cur_fail(&w->c, "a number is cut short");
        const uint8_t b = w->c.data[w->c.pos++];
        v |= shift < 64 ? (uint64_t)(b & 0x7F) << shift : 0;
        if (b < 0x80) {
            *out = v;
            return LINNET_OK;
        }
    }
    return ln_cur_fail(&w->c, "a number of more than 10 bytes; not an ONNX file?");
}

static void put_varint(ln_str *s, uint64_t v, int width) {
    char b[10];
    int n = 0;
    do {
        b[n] = (char)(v & 0x7F);
        v >>= 7;
        if (v || n + 1 < width) b[n] = (char)(b[n] | 0x80);
        n++;
    } while (v || n < width);
    ln_str_put(s, b, (size_t)n);
}

static const rule *find_rule(message kind, uint64_t field) {
    static const rule drop = {.action = DROP};
    for (size_t i = 0; i < LN_COUNT(rules); i++)
        if (rules[i].message == kind && rules[i].field == field) return &rules[i];
    return &drop;
}

/* Past the content of a field; *at: where it begins behind the length. */
static linnet_status content(walk *w, const frame *f, uint64_t field, int wire, size_t *at) {
    uint64_t n = 0;
    *at = w->c.pos;
    if (wire == WIRE_VARINT) return varint(w, &n);
    if (wire == WIRE_BYTES) {
        LN_TRY(varint(w, &n));
        *at = w->c.pos;
    } else if (wire == WIRE_32 || wire == WIRE_64) {
        n = wire == WIRE_32 ? 4 : 8;
    } else {
        return ln_cur_fail(&w->c, "field %llu of a %s has wire type %d; not an ONNX file?",
                           (unsigned long long)field, message_names[f->kind], wire);
    }
    if (n > f->end - w->c.pos)
        return ln_cur_fail(&w->c,
                           "field %llu of a %s claims %llu bytes where %zu are left; the file is "
                           "cut short or damaged",
                           (unsigned long long)field, message_names[f->kind], (unsigned long long)n,
                           f->end - w->c.pos);
    w->c.pos += (size_t)n;
    return LINNET_OK;
}

static void enter(walk *w, const rule *r, size_t at) {
    const frame f = {.kind = r->into, .end = w->c.pos, .length = w->out->len};
    put_varint(w->out, 0, LENGTH_BYTES);
    w->stack[++w->depth] = f;
    w->c.pos = at;
}

static void leave(walk *w) {
    const frame *f = &w->stack[w->depth--];
    if (w->out->failed) return;
    ln_str length = {0};
    put_varint(&length, w->out->len - f->length - LENGTH_BYTES, LENGTH_BYTES);
    if (length.failed)
        w->out->failed = true;
    else
        memcpy(w->out->p + f->length, length.p, LENGTH_BYTES);
    ln_str_free(&length);
}

static void point(walk *w, size_t at) {
    const ln_onnx_raw raw = {.at = at, .size = w->c.pos - at};
    put_varint(w->out, sizeof raw, 1);
    ln_str_put(w->out, (const char *)&raw, sizeof raw);
}

static linnet_status field(walk *w) {
    const frame *f = &w->stack[w->depth];
    const size_t begin = w->c.pos;
    uint64_t tag;
    size_t at;
    LN_TRY(varint(w, &tag));
    const uint64_t number = tag >> 3;
    const int wire = (int)(tag & 7);
    if (!number) return ln_cur_fail(&w->c, "a field without a number; not an ONNX file?");
    LN_TRY(content(w, f, number, wire, &at));
    const rule *r = find_rule(f->kind, number);
    if (r->action == DROP) return LINNET_OK;
    if (r->action == COPY) {
        ln_str_put(w->out, (const char *)w->c.data + begin, w->c.pos - begin);
        return LINNET_OK;
    }
    if (wire != WIRE_BYTES)
        return ln_cur_fail(&w->c, "field %llu of a %s has wire type %d, not %d; not an ONNX file?",
                           (unsigned long long)number, message_names[f->kind], wire, WIRE_BYTES);
    put_varint(w->out, r->action == MARK ? (uint64_t)r->into << 3 | WIRE_BYTES : tag, 1);
    if (r->action == ENTER)
        enter(w, r, at);
    else if (r->action == POINT)
        point(w, at);
    else
        put_varint(w->out, 0, 1);
    return LINNET_OK;
}

linnet_status ln_onnx_slim(const ln_file *f, ln_str *out, linnet_error *err) {
    walk w = {.c = {.data = f->data, .size = f->size, .path = f->path, .err = err}, .out = out};
    w.stack[0] = (frame){.kind = MODEL, .end = f->size};
    while (w.depth || w.c.pos < f->size) {
        if (w.c.pos == w.stack[w.depth].end)
            leave(&w);
        else
            LN_TRY(field(&w));
        if (out->failed) return ln_fail_oom(err, "an ONNX model", out->len);
        if (out->len > INT32_MAX)
            return ln_cur_fail(&w.c, "more than 2 GiB besides the weights' raw data");
    }
    return LINNET_OK;
}
