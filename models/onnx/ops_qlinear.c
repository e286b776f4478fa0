/* Operators on bytes. What defines those named QLinear is DequantizeLinear of what they read, an
 * operator of real numbers, and QuantizeLinear of what it makes; they are written so, and
 * ln_quantize_fold makes a node of I8 of it where the graph has one. Operators that take integers
 * as they take floats and only move them are written in the same way, for they keep the scale. */
#include "models/onnx/ops.h"

/* Slots: `operands` of three (value, scale, zero point) from `first` on; the scale of the output,
 * its zero point behind it; a bias of int32 in the product of the operands' scales, or 0. */
typedef struct spelling {
    const char *op; /* of real numbers */
    int operands;   /* 0: as many as there are */
    int first, y, bias;
} spelling;
static const spelling forms[] = {
    [LN_Q_CONV] = {"Conv", 2, 0, 6, 8},
    [LN_Q_MATMUL] = {"MatMul", 2, 0, 6, 0},
    [LN_Q_GEMM] = {"Gemm", 2, 0, 7, 6},
    [LN_Q_ADD] = {"Add", 2, 0, 6, 0},
    [LN_Q_MUL] = {"Mul", 2, 0, 6, 0},
    [LN_Q_CONCAT] = {"Concat", 0, 2, 0, 0},
    [LN_Q_AVERAGE_POOL] = {"AveragePool", 1, 0, 3, 0},
    [LN_Q_GLOBAL_POOL] = {"GlobalAveragePool", 1, 0, 3, 0},
    [LN_Q_SIGMOID] = {"Sigmoid", 1, 0, 3, 0},
    [LN_Q_LEAKY_RELU] = {"LeakyRelu", 1, 0, 3, 0},
    [LN_Q_SOFTMAX] = {"Softmax", 1, 0, 3, 0},
};
enum { REAL_VERSION = 13 }; /* of the operators above */

/* A part of the node: operator `op` of ONNX's own from values to one value. */
static void part(ln_imp *im, const char *suffix, const char *op, int version,
                 const ln_net_attr *attr, int n_attr, const int *in, int n_in, int out) {
    const ln_net_node *whole = im->node;
    const ln_imp_op *row = ln_imp_find("", op, version);
    if (!ln_imp_ok(im)) return;
    if (!row) {
        ln_imp_refuse(im, "operator set %d of %s is not supported", version, op);
        return;
    }
    ln_net_node n = *whole;
    n.name = ln_pool_printf(&im->g->pool, "%s%s", whole->name, suffix);
    if (!n.name) {
        im->status = ln_fail_oom(im->err, "a name", strlen(whole->name));
        return;
    }
    n.version = version;
    n.in = in;
    n.n_in = n_in;
    n.out = &out;
    n.n_out = 1;
    n.attr = attr;
    n.n_attr = n_attr;
    im->node = &n;
    im->made = 0;
    row->convert(im, row);
    im->node = whole;
}

static int slot(const ln_imp *im, int i) {
    return i < im->node->n_in ? im->node->in[i] : LN_NONE;
}

/* ---- to real numbers ---- */
/* The axis of a vector of scales: weights have one for each filter, matrices for each row of the
 * first and each column of the second. */
static int axis_of(ln_imp *im, int form, int k, int rank) {
    switch (form) {
    case LN_Q_CONV: return 0;
    case LN_Q_GEMM: return k && ln_imp_int(im, "transB", 0) ? 0 : 1;
    case LN_Q_MATMUL: return LN_MAX(rank - (k ? 1 : 2), 0);
    default: return 1;
    }
}

/* Value `id` as bytes for the node of I8 that may read it, where it is there as words alone. */
static void through_bytes(ln_imp *im, int id, int first) {
    const ln_val *x = ln_imp_in(im, first);
    ln_val *v = &im->val[id];
    ln_quant q;
    if (!ln_imp_ok(im) || x->host || x->quantized ||
        !ln_imp_whole_quant(im, first + 1, x->type, &q))
        return;
    const ln_imp_layout l = ln_val_is_last(v) ? LN_LAST : LN_PLAIN;
    const ln_tid t = ln_imp_to_bytes(im, ln_imp_get(im, v, l), &q);
    v->tid[0] = v->tid[1] = LN_NONE;
    v->tid[l] = ln_imp_1(im, LN_OP_DEQUANTIZE, (ln_attr){0}, t);
}

/* Operand k, whose slots begin at `first`. */
static int real(ln_imp *im, int form, int k, int first) {
    const int in[3] = {slot(im, first), slot(im, first + 1), slot(im, first + 2)};
    const int out = ln_imp_part(im);
    if (!ln_imp_in(im, first) || !ln_imp_in(im, first + 1)) {
        ln_imp_refuse(im, "input %d or its scale is missing", first);
        return out;
    }
    const ln_net_attr axis = {.name = "axis",
                              .type = LN_ONNX_ATTR_INT,
                              .i = axis_of(im, form, k, im->val[in[0]].shape.rank)};
    part(im, ".real", "DequantizeLinear", REAL_VERSION, &axis, 1, in, 3, out);
    through_bytes(im, out, first);
    return out;
}

/* bias * (x.scale * w.scale), or LN_NONE. */
static int real_bias(ln_imp *im, int at) {
    const ln_net_attr to = {.name = "to", .type = LN_ONNX_ATTR_INT, .i = LN_ONNX_FLOAT};
    const int scales[2] = {slot(im, 1), slot(im, 4)}, whole = slot(im, at);
    if (!at || whole == LN_NONE) return LN_NONE;
    const int factors[2] = {ln_imp_part(im), ln_imp_part(im)}, out = ln_imp_part(im);
    part(im, ".bias", "Cast", REAL_VERSION, &to, 1, &whole, 1, factors[0]);
    part(im, ".scale", "Mul", REAL_VERSION, NULL, 0, scales, 2, factors[1]);
    part(im, ".bias", "Mul", REAL_VERSION, NULL, 0, factors, 2, out);
    return out;
}

/* ---- and back ---- */
/* The type of the output: that of its zero point, else of what is read. */
static int result_type(const ln_imp *im, const spelling *f) {
    const ln_val *zero = ln_imp_in(im, f->y + 1);
    return zero ? zero->type : ln_imp_in(im, f->first)->type;
}

static int no_zero(ln_imp *im, int type) {
    static const ln_shape scalar;
    const int id = ln_imp_part(im);
    void *data;
    ln_val *v = &im->val[id];
    v->host = ln_host_new(im, type, &scalar, &data); /* zeroed */
    v->type = type;
    v->known = true;
    return id;
}

/* Output 0 from value y. */
static void quantized(ln_imp *im, const spelling *f, int y) {
    const ln_val *r = &im->val[y];
    const int type = result_type(im, f);
    ln_quant q;
    if (!ln_imp_ok(im)) return;
    if (!r->host && ln_imp_whole_quant(im, f->y, type, &q)) {
        const ln_imp_layout l = ln_val_is_last(r) ? LN_LAST : LN_PLAIN;
        ln_imp_out_bytes(im, 0, ln_imp_to_bytes(im, ln_imp_get(im, r, l), &q), l, type, &r->shape);
        return;
    }
    const int zero = ln_imp_in(im, f->y + 1) ? slot(im, f->y + 1) : no_zero(im, type);
    const int in[3] = {y, slot(im, f->y), zero};
    const ln_net_attr axis = {
        .name = "axis", .type = LN_ONNX_ATTR_INT, .i = LN_MAX(r->shape.rank - 2, 0)};
    part(im, ".bytes", "QuantizeLinear", REAL_VERSION, &axis, 1, in, 3, im->node->out[0]);
}

/* ---- what other converters read ---- */
void ln_imp_words(ln_imp *im, int i) {
    ln_val *v = slot(im, i) == LN_NONE ? NULL : &im->val[slot(im, i)];
    if (!v || !v->quantized || v->tid[0] != LN_NONE || v->tid[1] != LN_NONE || !ln_imp_ok(im))
        return;
    const ln_quant q = im->g->tensor[v->bytes].q;
    const int32_t zero = q.zero + (v->type == LN_ONNX_UINT8 ? 128 : 0);
    ln_tid t = ln_imp_1(im, LN_OP_DEQUANTIZE, (ln_attr){0}, v->bytes);
    t = ln_imp_map2(im, LN_MAP_DIV, t, ln_imp_scalar(im, q.scale));
    t = ln_imp_to_i32(im, ln_imp_map1(im, LN_MAP_ROUND, t));
    v->tid[v->bytes_at] = ln_imp_map2(im, LN_MAP_ADD, t, ln_imp_scalar_i(im, zero));
}

static void all_words(ln_imp *im) {
    for (int i = 0; i < im->node->n_in; i++) ln_imp_words(im, i);
}

/* ---- the operators ---- */
/* Whether bytes come, constants of bytes weigh them, and bytes are made: else the integers are
 * multiplied, which is exact where f32 is. */
static bool is_layer(ln_imp *im, const spelling *f, int form) {
    const ln_val *x = ln_imp_in(im, 0), *w = ln_imp_in(im, 3), *b = ln_imp_in(im, f->bias);
    ln_quant q;
    return !x->host && w->host && (!f->bias || !b || b->host) &&
           (form != LN_Q_MATMUL || (w->shape.rank == 2 && x->shape.rank > 1)) &&
           ln_imp_whole_quant(im, 1, x->type, &q) &&
           ln_imp_whole_quant(im, f->y, result_type(im, f), &q);
}

static void on_integers(ln_imp *im, int form) {
    im->made = 0;
    all_words(im);
    if (form == LN_Q_CONV)
        ln_imp_qlinear_conv(im);
    else
        ln_imp_qlinear_matmul(im);
}

/* The node's attributes; what Gemm's alpha is for A * B it is here for C too. */
static const ln_net_attr *attributes(ln_imp *im, int form, int *n) {
    const ln_net_node *own = im->node;
    *n = own->n_attr;
    if (form != LN_Q_GEMM) return own->attr;
    ln_net_attr *a = ln_pool_alloc(&im->g->pool, (size_t)own->n_attr + 1, sizeof *a);
    if (!a) {
        im->status = ln_fail_oom(im->err, "attributes", (size_t)own->n_attr * sizeof *a);
        return NULL;
    }
    for (int i = 0; i < own->n_attr; i++) a[i + 1] = own->attr[i];
    a[0] = (ln_net_attr){
        .name = "beta", .type = LN_ONNX_ATTR_FLOAT, .f = ln_imp_float(im, "alpha", 1)};
    *n = own->n_attr + 1;
    return a;
}

static int version_of(ln_imp *im, int form) {
    if (form != LN_Q_SOFTMAX) return REAL_VERSION;
    return (int)LN_MAX(LN_MIN(ln_imp_int(im, "opset", REAL_VERSION), LN_LATEST + 1), 0);
}

/* arg: ln_qlinear */
void ln_imp_op_qlinear(ln_imp *im, const ln_imp_op *op) {
    const spelling *f = &forms[op->arg];
    const int room = im->node->n_in - f->first, n = f->operands ? f->operands : room / 3;
    const bool product = op->arg == LN_Q_CONV || op->arg == LN_Q_MATMUL;
    if (!f->operands && room % 3) {
        ln_imp_refuse(im, "%d inputs are no triples of tensor, scale and zero point", room);
        return;
    }
    if (ln_imp_int(im, "channels_last", 0)) ln_imp_refuse(im, "channels_last is not supported");
    if (!ln_imp_ok(im)) return;
    if (product && !is_layer(im, f, op->arg)) {
        on_integers(im, op->arg);
        return;
    }
    int *in = ln_pool_alloc(&im->g->pool, (size_t)n + 1, sizeof *in);
    if (!in) {
        im->status = ln_fail_oom(im->err, "inputs", (size_t)n * sizeof *in);
        return;
    }
    for (int k = n; k-- > 0 && ln_imp_ok(im);) { /* constants first */
        in[k] = real(im, op->arg, k, f->first + 3 * k);
        if (!product || !ln_imp_ok(im) || k != 1) continue;
        const ln_host *w = im->val[in[k]].host;
        if (w && w->bytes) continue;
        on_integers(im, op->arg);
        return;
    }
    if (!ln_imp_ok(im)) return;
    in[n] = real_bias(im, f->bias);
    const bool bytes = f->y < im->node->n_in && slot(im, f->y) != LN_NONE;
    const int y = bytes ? ln_imp_part(im) : im->node->out[0];
    int n_attr;
    const ln_net_attr *attr = attributes(im, op->arg, &n_attr);
    part(im, "", f->op, version_of(im, op->arg), attr, n_attr, in, n + (in[n] != LN_NONE), y);
    if (bytes) quantized(im, f, y);
}

/* What gives bytes of the scale it is given, by moving them. */
static bool moves(const ln_imp *im, const ln_imp_op *op) {
    static const char *const name[] = {"Flatten",   "Identity",  "MaxPool", "Reshape",
                                       "Slice",     "Split",     "Squeeze", "Tile",
                                       "Transpose", "Unsqueeze", "Expand"};
    if (!strcmp(op->name, "MaxPool") && ln_imp_wants(im, 1)) return false;
    for (size_t i = 0; i < LN_COUNT(name); i++)
        if (!strcmp(op->name, name[i])) return true;
    return false;
}

/* The same of real numbers, and each output as bytes again. */
static void moved(ln_imp *im, const ln_imp_op *op) {
    const ln_net_node *own = im->node;
    const ln_val *x = ln_imp_in(im, 0);
    const ln_quant q = im->g->tensor[x->bytes].q;
    int *id = ln_pool_alloc(&im->g->pool, (size_t)(own->n_in + own->n_out), sizeof *id);
    if (!id) {
        im->status = ln_fail_oom(im->err, "values", (size_t)own->n_in * sizeof *id);
        return;
    }
    ln_net_node n = *own;
    n.in = id;
    n.out = id + own->n_in;
    for (int i = 0; i < own->n_in; i++) id[i] = own->in[i];
    for (int i = 0; i < own->n_out; i++) {
        id[own->n_in + i] = ln_imp_wants(im, i) ? ln_imp_part(im) : LN_NONE;
    }
    id[0] = ln_imp_part(im);
    ln_val *v = &im->val[id[0]];
    v->shape = x->shape;
    v->type = LN_ONNX_FLOAT;
    v->known = true;
    im->made = 1;
    v->tid[x->bytes_at] = ln_imp_1(im, LN_OP_DEQUANTIZE, (ln_attr){0}, x->bytes);
    im->node = &n;
    im->made = 0;
    op->convert(im, op);
    im->node = own;
    for (int i = 0; i < own->n_out && ln_imp_ok(im); i++) {
        const ln_val *r = n.out[i] == LN_NONE ? NULL : &im->val[n.out[i]];
        if (!r || !r->known) continue;
        const ln_imp_layout l = ln_val_is_last(r) ? LN_LAST : LN_PLAIN;
        const ln_tid t = ln_imp_to_bytes(im, ln_imp_get(im, r, l), &q);
        ln_imp_out_bytes(im, i, t, l, x->type, &r->shape);
    }
}

void ln_imp_convert(ln_imp *im, const ln_imp_op *op) {
    const ln_val *x = ln_imp_in(im, 0);
    if (x && x->quantized && moves(im, op)) {
        moved(im, op);
        return;
    }
    if (op->convert != ln_imp_op_qlinear && op->convert != ln_imp_op_dequantize) all_words(im);
    op->convert(im, op);
}
