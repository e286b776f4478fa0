/* Operators on bytes, where the graph has them. */
#include "models/tflite/import.h"

static bool in_bytes(const ln_imp *im, int slot) {
    return slot < im->node->n_in && ln_tfl_is_quant(im, im->node->in[slot]);
}

/* Its first input and output are bytes that the network computes. */
static bool on_bytes(const ln_imp *im) {
    const ln_val *v = ln_imp_in(im, 0);
    return v && !v->host && in_bytes(im, 0) && ln_tfl_is_quant(im, im->node->out[0]);
}

static ln_tid bytes(ln_imp *im, int slot) {
    return ln_imp_get(im, ln_imp_in(im, slot), LN_PLAIN);
}

/* A fused activation that is a clamp, as the ops of bytes take it. */
static bool clamp(ln_imp *im, ln_act *a) {
    ln_tfl_act(im, ln_imp_int(im, "act", LN_TFL_ACT_NONE), a);
    return a->kind == LN_ACT_NONE || a->kind == LN_ACT_CLAMP;
}

static bool same_quant(const ln_imp *im, int a, int b) {
    const ln_quant x = ln_tfl_quant(im, a), y = ln_tfl_quant(im, b);
    return ln_quant_equal(&x, &y);
}

/* The converter as it is: it looks for itself. */
bool ln_tfl_q8_same(ln_imp *im, const ln_imp_op *op) {
    op->convert(im, op);
    return true;
}

/* Bytes stay what they are. */
bool ln_tfl_q8_move(ln_imp *im, const ln_imp_op *op) {
    const int x = im->node->in[!strcmp(op->name, "SPLIT")];
    if (!ln_tfl_is_quant(im, x)) return false;
    for (int i = 0; i < im->node->n_out; i++)
        if (!ln_tfl_is_quant(im, im->node->out[i]) || !same_quant(im, x, im->node->out[i]))
            return false;
    op->convert(im, op);
    return true;
}

/* ---- weights ---- */
static bool one_zero(const ln_file_quant *q) {
    for (int i = 1; i < q->count; i++)
        if (q->zero[i] != q->zero[0]) return false;
    return true;
}

/* A constant as bytes: s with these strides, the scale of each index of its first dimension. */
static ln_tid constant(ln_imp *im, int slot, const ln_shape *s, const int64_t *stride) {
    const ln_val *v = ln_imp_in(im, slot);
    const ln_file_quant *q = im->m->value[im->node->in[slot]].quant;
    if (!ln_imp_ok(im)) return LN_NONE;
    float *scale = ln_pool_alloc(&im->g->pool, (size_t)s->dim[0], sizeof *scale);
    if (!scale) {
        im->status = ln_fail_oom(im->err, "scales", (size_t)s->dim[0] * sizeof *scale);
        return LN_NONE;
    }
    for (int64_t i = 0; i < s->dim[0]; i++) scale[i] = q->scale[q->count > 1 ? i : 0];
    ln_view view = {.data = v->host->data,
                    .dtype = v->type == LN_ONNX_UINT8 ? LN_U8 : LN_I8,
                    .scale = scale,
                    .zero = q->zero[0]};
    memcpy(view.stride, stride, (size_t)s->rank * sizeof *stride);
    const ln_tid t = ln_graph_const_quant(im->g, v->name, *s, view, v->param, im->err);
    return t == LN_NONE ? ln_imp_graph_failed(im) : t;
}

/* Constant weights of bytes along `axis` of n channels, and a bias of integers or none. */
static bool layer(ln_imp *im, int axis, int64_t n, ln_act *a) {
    const ln_val *w = ln_imp_in(im, 1), *b = ln_imp_in(im, 2);
    if (!on_bytes(im) || !w->host || w->host->stored != w->type || !in_bytes(im, 1)) return false;
    const ln_file_quant *q = im->m->value[im->node->in[1]].quant;
    if ((q->count > 1 && (q->axis != axis || q->count != n)) || !one_zero(q)) return false;
    if (b && (!b->host || b->type != LN_ONNX_INT32)) return false;
    return clamp(im, a);
}

static bool four(const ln_shape *x, const ln_shape *w) {
    return x->rank == 4 && w->rank == 4 && x->dim[3] > 0 && w->dim[3] > 0 && w->dim[0] > 0;
}

/* Where only the weights are bytes the converter itself makes them real. */
static bool weights_alone(const ln_imp *im) {
    return !in_bytes(im, 0) && !ln_tfl_is_quant(im, im->node->out[0]) &&
           (!ln_imp_in(im, 2) || ln_type_is_float(ln_imp_in(im, 2)->type));
}

static bool hybrid(ln_imp *im, const ln_imp_op *op) {
    op->convert(im, op);
    ln_tfl_fused(im);
    return true;
}

static void convolve(ln_imp *im, const ln_shape *s, const int64_t *stride, int64_t groups,
                     const ln_act *act) {
    ln_attr a = {.conv = {.groups = (int)groups, .act = *act}};
    if (!ln_tfl_window(im, &ln_imp_in(im, 0)->shape, s->dim[1], s->dim[2], &a.conv.win)) return;
    const ln_tid bias = ln_imp_get(im, ln_imp_in(im, 2), LN_PLAIN);
    const ln_tid in[3] = {bytes(im, 0), constant(im, 1, s, stride), bias};
    const ln_tid y = ln_imp_node(im, LN_OP_CONV2D, &a, in, bias == LN_NONE ? 2 : 3);
    ln_tfl_out(im, 0, ln_tfl_quantized(im, y, 0));
}

bool ln_tfl_q8_conv(ln_imp *im, const ln_imp_op *op) {
    const ln_shape *x = &ln_imp_in(im, 0)->shape, *w = &ln_imp_in(im, 1)->shape;
    int64_t stride[LN_MAX_RANK];
    ln_act a;
    if (weights_alone(im)) return hybrid(im, op);
    if (!four(x, w) || x->dim[3] % w->dim[3] || !layer(im, 0, w->dim[0], &a)) return false;
    ln_shape_strides(w, stride);
    convolve(im, w, stride, x->dim[3] / w->dim[3], &a);
    return true;
}

bool ln_tfl_q8_depthwise(ln_imp *im, const ln_imp_op *op) {
    const ln_shape *x = &ln_imp_in(im, 0)->shape, *w = &ln_imp_in(im, 1)->shape;
    int64_t stride[LN_MAX_RANK];
    ln_act a;
    if (weights_alone(im)) return hybrid(im, op);
    if (!four(x, w) || w->dim[0] != 1 || w->dim[3] % x->dim[3] || !layer(im, 3, w->dim[3], &a))
        return false;
    const ln_shape s = ln_tfl_depthwise_shape(w, stride);
    convolve(im, &s, stride, x->dim[3], &a);
    return true;
}

bool ln_tfl_q8_fc(ln_imp *im, const ln_imp_op *op) {
    const ln_shape *x = &ln_imp_in(im, 0)->shape, *w = &ln_imp_in(im, 1)->shape;
    int64_t n = 0;
    ln_attr a = {0};
    if (weights_alone(im)) return hybrid(im, op);
    if (w->rank != 2 || w->dim[1] < 1 || !ln_count(x, &n) || n % w->dim[1] ||
        ln_imp_int(im, "format", 0) || !layer(im, 0, w->dim[0], &a.fc.act))
        return false;
    const ln_shape rows = {2, {n / w->dim[1], w->dim[1]}};
    const ln_tid bias = ln_imp_get(im, ln_imp_in(im, 2), LN_PLAIN);
    const ln_tid in[3] = {ln_imp_reshape(im, bytes(im, 0), &rows),
                          constant(im, 1, w, (const int64_t[]){w->dim[1], 1}), bias};
    const ln_tid y = ln_imp_node(im, LN_OP_FC, &a, in, bias == LN_NONE ? 2 : 3);
    ln_tfl_out(im, 0, ln_tfl_quantized(im, y, 0));
    if (!ln_imp_ok(im) || !ln_imp_int(im, "keep_num_dims", 0) || x->rank < 1) return true;
    ln_shape to = *x;
    to.dim[to.rank - 1] = w->dim[0];
    ln_tfl_reshaped(im, 0, &to);
    return true;
}

/* ---- sums and products ---- */
/* What the graph's ADD and MUL take besides x: its shape, a gate, or a constant for each channel.
 */
static bool goes_with(const ln_val *x, const ln_val *y) {
    const ln_shape *a = &x->shape, *b = &y->shape;
    int64_t n = 0;
    if (x->host || a->rank < 1) return false;
    const int64_t c = a->dim[a->rank - 1];
    if (y->host)
        return b->rank >= 1 && b->rank <= a->rank && ln_count(b, &n) && n == c && n > 1 &&
               b->dim[b->rank - 1] == c && y->host->stored == y->type;
    return ln_shape_equal(a, b) || (a->rank == 4 && b->rank == 4 && b->dim[0] == a->dim[0] &&
                                    b->dim[1] == 1 && b->dim[2] == 1 && b->dim[3] == c);
}

bool ln_tfl_q8_sum(ln_imp *im, const ln_imp_op *op) {
    const ln_val *v[2] = {ln_imp_in(im, 0), ln_imp_in(im, 1)};
    ln_attr a = {0};
    ln_tid in[2];
    int first = 0;
    if (!in_bytes(im, 0) || !in_bytes(im, 1) || !ln_tfl_is_quant(im, im->node->out[0]) ||
        !clamp(im, &a.binary.act))
        return false;
    if (!goes_with(v[0], v[1])) first = 1;
    if (!goes_with(v[first], v[1 - first])) return false;
    if (v[1 - first]->host && im->m->value[im->node->in[1 - first]].quant->count > 1) return false;
    in[0] = bytes(im, first);
    const ln_shape vec = {1, {v[first]->shape.dim[v[first]->shape.rank - 1]}};
    in[1] = v[1 - first]->host ? constant(im, 1 - first, &vec, (const int64_t[]){1})
                               : bytes(im, 1 - first);
    const ln_op sum = !strcmp(op->name, "ADD") ? LN_OP_ADD : LN_OP_MUL;
    ln_tfl_out(im, 0, ln_tfl_quantized(im, ln_imp_node(im, sum, &a, in, 2), 0));
    return true;
}

/* ---- pools, means, padding ---- */
bool ln_tfl_q8_pool(ln_imp *im, const ln_imp_op *op) {
    const ln_shape *x = &ln_imp_in(im, 0)->shape;
    ln_attr a = {.pool = {.kind = (ln_pool_kind)op->arg}}, act = {0};
    if (!on_bytes(im) || !same_quant(im, im->node->in[0], im->node->out[0]) || !clamp(im, &act.act))
        return false;
    a.pool.is_unsigned = im->m->value[im->node->in[0]].type == LN_ONNX_UINT8;
    if (!ln_tfl_window(im, x, ln_imp_int(im, "filter_h", 0), ln_imp_int(im, "filter_w", 0),
                       &a.pool.win))
        return true;
    ln_tid y = ln_imp_1(im, LN_OP_POOL, a, bytes(im, 0));
    if (act.act.kind != LN_ACT_NONE) y = ln_tfl_quantized(im, ln_imp_1(im, LN_OP_ACT, act, y), 0);
    ln_tfl_out(im, 0, y);
    return true;
}

bool ln_tfl_q8_mean(ln_imp *im, const ln_imp_op *op) {
    const ln_shape s = ln_imp_in(im, 0)->shape, flat = {2, {s.dim[0], s.dim[3]}};
    bool given;
    if (!on_bytes(im) || s.rank != 4 || ln_imp_axes(im, 1, "axes", 4, &given) != 6u) return false;
    const ln_attr a = {.reduce = {.kind = (ln_reduce_kind)op->arg, .axes = 6u, .keep = true}};
    ln_tfl_out(im, 0, ln_tfl_quantized(im, ln_imp_1(im, LN_OP_REDUCE, a, bytes(im, 0)), 0));
    if (!ln_imp_int(im, "keep_dims", 0)) ln_tfl_reshaped(im, 0, &flat);
    return true;
}

/* With zero, or a value quantized as the input is. */
bool ln_tfl_q8_pad(ln_imp *im, const ln_imp_op *op) {
    if (!on_bytes(im) || !same_quant(im, im->node->in[0], im->node->out[0])) return false;
    if (op->max_in == 2) {
        op->convert(im, op);
        return true;
    }
    const ln_net_node *own = im->node;
    if (!in_bytes(im, 2) || !ln_imp_in(im, 2)->host) return false;
    const int id[3] = {own->in[0], own->in[1], ln_tfl_shadow(im, own->in[2])};
    ln_net_node real = *own;
    real.in = id;
    im->node = &real;
    op->convert(im, op);
    im->node = own;
    return true;
}

/* ---- joining ---- */
/* A constant in the output's bytes. */
static ln_tid fixed(ln_imp *im, int slot, const ln_shape *s) {
    const ln_quant q = ln_tfl_quant(im, im->node->out[0]);
    const ln_host *h = ln_tfl_real(im, ln_imp_in(im, slot), im->m->value[im->node->in[slot]].quant);
    int8_t *to = h ? ln_pool_alloc(&im->g->pool, (size_t)h->count + 1, 1) : NULL;
    float *scale = to ? ln_pool_alloc(&im->g->pool, (size_t)s->dim[0] + 1, sizeof *scale) : NULL;
    if (!scale) {
        if (ln_imp_ok(im)) im->status = ln_fail_oom(im->err, "a constant", (size_t)s->dim[0]);
        return LN_NONE;
    }
    for (int64_t i = 0; i < h->count; i++) {
        const float v = roundf(ln_elem_f32(h->data, i, LN_F32) / q.scale) + (float)q.zero;
        to[i] = (int8_t)fminf(fmaxf(v, -128.0f), 127.0f);
    }
    for (int64_t i = 0; i < s->dim[0]; i++) scale[i] = q.scale;
    ln_view view = ln_view_dense(s, LN_I8, to);
    view.scale = scale;
    view.zero = q.zero;
    const ln_tid t =
        ln_graph_const_quant(im->g, ln_imp_in(im, slot)->name, *s, view, false, im->err);
    return t == LN_NONE ? ln_imp_graph_failed(im) : t;
}

/* CONCATENATION, and PACK along a dimension of its own. */
bool ln_tfl_q8_concat(ln_imp *im, const ln_imp_op *op) {
    const int n = im->node->n_in, pack = !strcmp(op->name, "PACK");
    ln_act act;
    int any = 0;
    if (!ln_tfl_is_quant(im, im->node->out[0]) || !clamp(im, &act) || act.kind != LN_ACT_NONE)
        return false;
    const ln_quant q = ln_tfl_quant(im, im->node->out[0]);
    for (int i = 0; i < n; i++) {
        const ln_val *v = ln_imp_in(im, i);
        if (!v || !in_bytes(im, i) || v->shape.rank != ln_imp_in(im, 0)->shape.rank ||
            v->shape.rank + pack > LN_MAX_RANK || v->shape.rank + pack < 1)
            return false;
        int64_t count = 0;
        if (!ln_count(&v->shape, &count) || !count) return false;
        any |= !v->host;
    }
    ln_tid *t = any ? ln_pool_alloc(&im->g->pool, (size_t)n, sizeof *t) : NULL;
    if (!t) return false;
    const int rank = ln_imp_in(im, 0)->shape.rank + pack;
    const int axis = ln_imp_axis(im, ln_imp_int(im, "axis", 0), rank);
    for (int i = 0; i < n && ln_imp_ok(im); i++) {
        const ln_val *v = ln_imp_in(im, i);
        ln_shape s = {.rank = rank};
        for (int d = 0; d < rank; d++)
            s.dim[d] = pack && d == axis ? 1 : v->shape.dim[d - (pack && d > axis)];
        t[i] = v->host ? fixed(im, i, &s) : ln_imp_reshape(im, bytes(im, i), &s);
        if (!ln_imp_ok(im) || ln_quant_equal(&im->g->tensor[t[i]].q, &q)) continue;
        const ln_attr a = {.quantize = {.real = true}};
        t[i] = ln_tfl_quantized(im, ln_imp_1(im, LN_OP_QUANTIZE, a, t[i]), 0);
    }
    if (ln_imp_ok(im)) ln_tfl_out(im, 0, ln_imp_join(im, t, n, axis));
    return true;
}

/* ---- activations ---- */
bool ln_tfl_q8_act(ln_imp *im, const ln_imp_op *op) {
    ln_attr a = {.act = ln_tfl_act_of(im, op)};
    if (!on_bytes(im)) return false;
    ln_tfl_out(im, 0, ln_tfl_quantized(im, ln_imp_1(im, LN_OP_ACT, a, bytes(im, 0)), 0));
    return true;
}
