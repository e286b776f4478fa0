/* From the bytes of a file to ln_tfl_file. */
#include "models/tflite/tflite.h"
#include "models/zip.h"

#include <math.h>
#include <string.h>

enum { MAX_ITEMS = 1 << 20, SCHEMA = 3 };

/* Fields by table, in the schema's order. */
enum { MODEL_VERSION, MODEL_CODES, MODEL_SUBGRAPHS, MODEL_DESCRIPTION, MODEL_BUFFERS };
enum { MODEL_METADATA = 6 };
enum { METADATA_NAME, METADATA_BUFFER };
enum { CODE_OLD, CODE_CUSTOM, CODE_VERSION, CODE_BUILTIN };
enum { SUB_TENSORS, SUB_INPUTS, SUB_OUTPUTS, SUB_OPERATORS };
enum { TENSOR_SHAPE, TENSOR_TYPE, TENSOR_BUFFER, TENSOR_NAME, TENSOR_QUANT, TENSOR_VARIABLE };
enum { TENSOR_SPARSITY = 6, TENSOR_SIGNATURE = 7 };
enum { QUANT_SCALE = 2, QUANT_ZERO = 3, QUANT_DETAILS = 4, QUANT_AXIS = 6 };
enum { OP_CODE, OP_INPUTS, OP_OUTPUTS, OP_OPTIONS_TYPE, OP_OPTIONS, OP_CUSTOM };
enum { BUFFER_DATA, BUFFER_OFFSET, BUFFER_SIZE };

static const struct {
    const char *name;
    ln_dtype type; /* LN_DTYPE_COUNT: not read */
} types[] = {
    {"FLOAT32", LN_F32}, {"FLOAT16", LN_F16}, {"INT32", LN_I32},
    {"UINT8", LN_U8},    {"INT64", LN_I64},   {"STRING", LN_DTYPE_COUNT},
    {"BOOL", LN_BOOL},   {"INT16", LN_I16},   {"COMPLEX64", LN_DTYPE_COUNT},
    {"INT8", LN_I8},     {"FLOAT64", LN_F64},
};

typedef struct reader {
    ln_tfl_file *out;
    const ln_flat *f;
    ln_flat_vector codes, buffers;
} reader;

#define BAD(r, ...) ln_fail((r)->f->err, LINNET_ERR_BAD_FILE, __VA_ARGS__)

static void *take(reader *r, size_t count, size_t size, const char *what, linnet_status *st) {
    void *p = ln_pool_alloc(&r->out->pool, count + 1, size);
    *st = p ? LINNET_OK : ln_fail_oom(r->f->err, what, count * size);
    return p;
}

/* A vector of indices into `limit` things, -1 allowed where absent says. */
static linnet_status indices(reader *r, const ln_flat_table *t, int field, int limit, bool absent,
                             const int32_t **out, int *count, const char *what) {
    ln_flat_vector v;
    linnet_status st;
    LN_TRY(ln_flat_vec(t, field, 4, &v, what));
    if (v.count > MAX_ITEMS) return BAD(r, "%s: %u %s are too many", r->f->path, v.count, what);
    int32_t *list = take(r, v.count, sizeof *list, what, &st);
    LN_TRY(st);
    for (uint32_t i = 0; i < v.count; i++) {
        list[i] = ln_flat_i32(&v, i);
        if (list[i] >= limit || list[i] < (absent ? -1 : 0))
            return BAD(r, "%s: %s: entry %u is %d, of %d tensors", r->f->path, what, i, list[i],
                       limit);
    }
    *out = list;
    *count = (int)v.count;
    return LINNET_OK;
}

/* ---- tensors ---- */

static linnet_status read_shape(reader *r, const ln_flat_table *t, ln_tfl_tensor *x) {
    ln_flat_vector v, sign;
    LN_TRY(ln_flat_vec(t, TENSOR_SHAPE, 4, &v, "a tensor's shape"));
    LN_TRY(ln_flat_vec(t, TENSOR_SIGNATURE, 4, &sign, "a tensor's shape signature"));
    if (v.count > LN_MAX_RANK)
        return BAD(r, "%s: tensor %.200s has %u dimensions, at most %d are read", r->f->path,
                   x->name, v.count, LN_MAX_RANK);
    int64_t count = 1;
    for (uint32_t i = 0; i < v.count; i++) {
        int64_t d = ln_flat_i32(&v, i);
        x->shape.dim[x->shape.rank++] = d;
        if (d < 0 || !ln_mul_i64(count, LN_MAX(d, 1), &count))
            return BAD(r, "%s: tensor %.200s: dimension %u is %lld, or the product overflows",
                       r->f->path, x->name, i, (long long)d);
    }
    x->free_batch = sign.count > 0 && sign.count == v.count && ln_flat_i32(&sign, 0) == -1;
    return LINNET_OK;
}

static linnet_status read_type(reader *r, const ln_flat_table *t, ln_tfl_tensor *x) {
    int64_t type;
    LN_TRY(ln_flat_int(t, TENSOR_TYPE, 1, true, 0, &type, "a tensor's type"));
    if (type < 0 || type >= (int64_t)LN_COUNT(types) || types[type].type == LN_DTYPE_COUNT)
        return ln_fail(r->f->err, LINNET_ERR_UNSUPPORTED,
                       "%s: tensor %.200s has element type %s (%lld), which Linnet does not run",
                       r->f->path, x->name,
                       type >= 0 && type < (int64_t)LN_COUNT(types) ? types[type].name : "unknown",
                       (long long)type);
    x->dtype = types[type].type;
    return LINNET_OK;
}

/* The bytes of a buffer: a vector, or for models beyond 2 GB a place in the file. */
static linnet_status buffer_bytes(reader *r, int64_t index, const uint8_t **data, size_t *bytes) {
    ln_flat_table b;
    ln_flat_vector v;
    int64_t offset, size;
    *data = NULL;
    *bytes = 0;
    if (index < 0 || index >= r->buffers.count)
        return BAD(r, "%s: buffer %lld of %u", r->f->path, (long long)index, r->buffers.count);
    LN_TRY(ln_flat_at(r->f, &r->buffers, (uint32_t)index, &b, "a buffer"));
    LN_TRY(ln_flat_vec(&b, BUFFER_DATA, 1, &v, "a buffer's data"));
    LN_TRY(ln_flat_int(&b, BUFFER_OFFSET, 8, false, 0, &offset, "a buffer's offset"));
    LN_TRY(ln_flat_int(&b, BUFFER_SIZE, 8, false, 0, &size, "a buffer's size"));
    if (v.count) {
        *data = v.data;
        *bytes = v.count;
    } else if (offset > 1 && size) {
        if ((uint64_t)offset > r->f->size || (uint64_t)size > r->f->size - (uint64_t)offset)
            return BAD(r, "%s: buffer %lld lies outside the file", r->f->path, (long long)index);
        *data = r->f->data + offset;
        *bytes = (size_t)size;
    }
    return LINNET_OK;
}

static linnet_status read_data(reader *r, const ln_flat_table *t, ln_tfl_tensor *x) {
    int64_t index, count = 1;
    size_t bytes, want;
    LN_TRY(ln_flat_int(t, TENSOR_BUFFER, 4, false, 0, &index, "a tensor's buffer"));
    LN_TRY(buffer_bytes(r, index, &x->data, &bytes));
    if (!x->data) return LINNET_OK;
    for (int i = 0; i < x->shape.rank; i++) count *= x->shape.dim[i];
    if (!ln_mul_size((size_t)count, ln_dtype_size(x->dtype), &want) || want != bytes)
        return BAD(r, "%s: tensor %.200s: %zu bytes of data for %lld elements of %s", r->f->path,
                   x->name, bytes, (long long)count, ln_dtype_names[x->dtype]);
    return LINNET_OK;
}

static bool zero_fits(ln_dtype t, int64_t z) {
    switch (t) {
    case LN_U8: return z >= 0 && z <= 255;
    case LN_I8: return z >= -128 && z <= 127;
    case LN_I16: return z >= -32768 && z <= 32767;
    default: return z == 0;
    }
}

static linnet_status check_quant(reader *r, const ln_tfl_tensor *x) {
    const ln_file_quant *q = &x->quant;
    bool one_each = q->axis >= 0 && q->axis < x->shape.rank && q->count == x->shape.dim[q->axis];
    if (q->count > 1 && !one_each)
        return BAD(r, "%s: tensor %.200s has %d scales for dimension %d of its %d", r->f->path,
                   x->name, q->count, q->axis, x->shape.rank);
    for (int i = 0; i < q->count; i++) {
        if (!(q->scale[i] > 0.0f) || !isfinite(q->scale[i]))
            return BAD(r, "%s: tensor %.200s: scale %g is no positive number", r->f->path, x->name,
                       (double)q->scale[i]);
        if (!zero_fits(x->dtype, q->zero[i]))
            return BAD(r, "%s: tensor %.200s: zero point %d is no %s", r->f->path, x->name,
                       q->zero[i], ln_dtype_names[x->dtype]);
    }
    return LINNET_OK;
}

static linnet_status read_quant(reader *r, const ln_flat_table *t, ln_tfl_tensor *x) {
    ln_flat_table q;
    ln_flat_vector scale, zero;
    int64_t axis, details;
    linnet_status st;
    LN_TRY(ln_flat_sub(t, TENSOR_QUANT, &q, "quantization"));
    LN_TRY(ln_flat_vec(&q, QUANT_SCALE, 4, &scale, "scales"));
    LN_TRY(ln_flat_vec(&q, QUANT_ZERO, 8, &zero, "zero points"));
    LN_TRY(ln_flat_int(&q, QUANT_AXIS, 4, true, 0, &axis, "the quantized dimension"));
    LN_TRY(ln_flat_int(&q, QUANT_DETAILS, 1, false, 0, &details, "quantization details"));
    if (details)
        return ln_fail(r->f->err, LINNET_ERR_UNSUPPORTED,
                       "%s: tensor %.200s: only affine quantization is run", r->f->path, x->name);
    if (!scale.count) return LINNET_OK; /* calibration ranges alone mean nothing here */
    if (scale.count > MAX_ITEMS || (zero.count && zero.count != scale.count && zero.count != 1))
        return BAD(r, "%s: tensor %.200s has %u scales and %u zero points", r->f->path, x->name,
                   scale.count, zero.count);
    float *s = take(r, scale.count, sizeof *s, "scales", &st);
    LN_TRY(st);
    int32_t *z = take(r, scale.count, sizeof *z, "zero points", &st);
    LN_TRY(st);
    for (uint32_t i = 0; i < scale.count; i++) {
        int64_t v = zero.count ? ln_flat_i64(&zero, zero.count == 1 ? 0 : i) : 0;
        s[i] = ln_flat_f32(&scale, i);
        z[i] = v < INT32_MIN || v > INT32_MAX ? INT32_MAX : (int32_t)v;
    }
    x->quant = (ln_file_quant){(int)scale.count, s, z, (int)axis};
    return check_quant(r, x);
}

static linnet_status read_tensor(reader *r, const ln_flat_table *t, ln_tfl_tensor *x) {
    ln_flat_table sparse;
    int64_t variable;
    LN_TRY(ln_flat_text(t, TENSOR_NAME, &r->out->pool, &x->name, "a tensor's name"));
    LN_TRY(read_type(r, t, x));
    LN_TRY(read_shape(r, t, x));
    LN_TRY(ln_flat_sub(t, TENSOR_SPARSITY, &sparse, "sparsity"));
    if (sparse.in)
        return ln_fail(r->f->err, LINNET_ERR_UNSUPPORTED,
                       "%s: tensor %.200s is stored sparse; convert the model without sparsity",
                       r->f->path, x->name);
    LN_TRY(ln_flat_int(t, TENSOR_VARIABLE, 1, false, 0, &variable, "a tensor's kind"));
    x->is_variable = variable != 0;
    LN_TRY(read_data(r, t, x));
    return read_quant(r, t, x);
}

/* ---- operators ---- */

static linnet_status read_code(reader *r, int64_t index, ln_tfl_op *op) {
    ln_flat_table c;
    int64_t old, code, version;
    if (index >= r->codes.count)
        return BAD(r, "%s: operator code %lld of %u", r->f->path, (long long)index, r->codes.count);
    LN_TRY(ln_flat_at(r->f, &r->codes, (uint32_t)index, &c, "an operator code"));
    LN_TRY(ln_flat_int(&c, CODE_OLD, 1, true, 0, &old, "an operator code"));
    LN_TRY(ln_flat_int(&c, CODE_BUILTIN, 4, true, 0, &code, "an operator code"));
    LN_TRY(ln_flat_int(&c, CODE_VERSION, 4, true, 1, &version, "an operator's version"));
    op->code = (int)LN_MAX(old, code); /* files from before the wider field have only the old */
    op->version = (int)version;
    if (op->code != ln_tfl_op_code("CUSTOM")) return LINNET_OK;
    return ln_flat_text(&c, CODE_CUSTOM, &r->out->pool, &op->custom, "a custom operator's name");
}

static linnet_status read_op(reader *r, const ln_flat_table *t, ln_tfl_op *op) {
    int64_t index;
    int n = r->out->n_tensor;
    LN_TRY(ln_flat_int(t, OP_CODE, 4, false, 0, &index, "an operator's code"));
    LN_TRY(read_code(r, index, op));
    LN_TRY(indices(r, t, OP_INPUTS, n, true, &op->in, &op->n_in, "inputs of an operator"));
    LN_TRY(indices(r, t, OP_OUTPUTS, n, false, &op->out, &op->n_out, "outputs of an operator"));
    LN_TRY(ln_flat_sub(t, OP_OPTIONS, &op->options, "an operator's options"));
    return ln_flat_vec(t, OP_CUSTOM, 1, &op->custom_options, "a custom operator's options");
}

static linnet_status read_sub(reader *r, const ln_flat_table *sub) {
    ln_tfl_file *o = r->out;
    ln_flat_vector tensors, ops;
    ln_flat_table t;
    linnet_status st;
    LN_TRY(ln_flat_vec(sub, SUB_TENSORS, 4, &tensors, "tensors"));
    LN_TRY(ln_flat_vec(sub, SUB_OPERATORS, 4, &ops, "operators"));
    if (tensors.count > MAX_ITEMS || ops.count > MAX_ITEMS)
        return BAD(r, "%s: %u tensors and %u operators are too many", r->f->path, tensors.count,
                   ops.count);
    o->tensor = take(r, tensors.count, sizeof *o->tensor, "tensors", &st);
    LN_TRY(st);
    o->op = take(r, ops.count, sizeof *o->op, "operators", &st);
    LN_TRY(st);
    o->n_tensor = (int)tensors.count;
    for (uint32_t i = 0; i < tensors.count; i++) {
        LN_TRY(ln_flat_at(r->f, &tensors, i, &t, "a tensor"));
        LN_TRY(read_tensor(r, &t, &o->tensor[i]));
    }
    for (uint32_t i = 0; i < ops.count; i++, o->n_op++) {
        LN_TRY(ln_flat_at(r->f, &ops, i, &t, "an operator"));
        LN_TRY(read_op(r, &t, &o->op[i]));
    }
    LN_TRY(indices(r, sub, SUB_INPUTS, o->n_tensor, false, &o->input, &o->n_input, "inputs"));
    return indices(r, sub, SUB_OUTPUTS, o->n_tensor, false, &o->output, &o->n_output, "outputs");
}

/* What TensorFlow's metadata tools say of inputs and outputs, a FlatBuffer of its own. */
static linnet_status read_metadata(reader *r, const ln_flat_table *root) {
    ln_flat_vector list, name;
    ln_flat_table t;
    int64_t index;
    LN_TRY(ln_flat_vec(root, MODEL_METADATA, 4, &list, "metadata"));
    for (uint32_t i = 0; i < list.count; i++) {
        LN_TRY(ln_flat_at(r->f, &list, i, &t, "metadata"));
        LN_TRY(ln_flat_vec(&t, METADATA_NAME, 1, &name, "a name of metadata"));
        if (name.count != 15 || memcmp(name.data, "TFLITE_METADATA", 15) != 0) continue;
        LN_TRY(ln_flat_int(&t, METADATA_BUFFER, 4, false, 0, &index, "metadata's buffer"));
        return buffer_bytes(r, index, &r->out->metadata, &r->out->metadata_len);
    }
    return LINNET_OK;
}

static linnet_status read_model(reader *r) {
    ln_flat_table root, sub;
    ln_flat_vector subs;
    int64_t version;
    LN_TRY(ln_flat_root(r->f, "TFL3", &root));
    LN_TRY(ln_flat_int(&root, MODEL_VERSION, 4, false, 0, &version, "the schema's version"));
    LN_TRY(ln_flat_vec(&root, MODEL_CODES, 4, &r->codes, "operator codes"));
    LN_TRY(ln_flat_vec(&root, MODEL_SUBGRAPHS, 4, &subs, "subgraphs"));
    LN_TRY(ln_flat_vec(&root, MODEL_BUFFERS, 4, &r->buffers, "buffers"));
    if (version != SCHEMA)
        return ln_fail(r->f->err, LINNET_ERR_UNSUPPORTED,
                       "%s: schema version %lld, version %d is read", r->f->path,
                       (long long)version, SCHEMA);
    if (subs.count != 1)
        return ln_fail(r->f->err, LINNET_ERR_UNSUPPORTED,
                       "%s: %u subgraphs; models of one are run (no control flow)", r->f->path,
                       subs.count);
    LN_TRY(read_metadata(r, &root));
    LN_TRY(ln_flat_at(r->f, &subs, 0, &sub, "the subgraph"));
    return read_sub(r, &sub);
}

/* Label files that TensorFlow's metadata tools append as a zip archive. Anything else behind the
 * model is none of our business, so a broken archive means no labels. */
static linnet_status read_labels(ln_tfl_file *f) {
    ln_zip z;
    if (ln_zip_open(f->map.data, f->map.size, f->map.path, &z, NULL) != LINNET_OK) return LINNET_OK;
    for (size_t i = 0; i < z.count && !f->labels; i++)
        if (strstr(z.entry[i].name, "label") && strstr(z.entry[i].name, ".txt")) {
            f->labels = (const char *)z.entry[i].data;
            f->labels_len = z.entry[i].size;
        }
    ln_zip_free(&z);
    return LINNET_OK;
}

linnet_status ln_tfl_open(const char *path, ln_tfl_file *out, linnet_error *err) {
    *out = (ln_tfl_file){0};
    LN_TRY(ln_file_map(path, &out->map, err));
    out->flat = (ln_flat){out->map.data, out->map.size, out->map.path, err};
    reader r = {.out = out, .f = &out->flat};
    linnet_status st = read_model(&r);
    if (st == LINNET_OK) st = read_labels(out);
    if (st != LINNET_OK) ln_tfl_close(out);
    return st;
}

void ln_tfl_close(ln_tfl_file *f) {
    ln_file_unmap(&f->map);
    ln_pool_free(&f->pool);
    *f = (ln_tfl_file){0};
}
