/* Convolutions, products and pools. */
#include "models/tflite/import.h"

/* ---- windows ---- */
static bool side(ln_imp *im, const char *name, int64_t v) {
    if (v >= 1 && v <= INT16_MAX) return true;
    return ln_imp_refuse(im, "%s is %lld", name, (long long)v), false;
}

bool ln_tfl_window(ln_imp *im, const ln_shape *x, int64_t kh, int64_t kw, ln_window *out) {
    const int64_t sh = ln_imp_int(im, "stride_h", 0), sw = ln_imp_int(im, "stride_w", 0);
    const int64_t dh = ln_imp_int(im, "dilation_h", 1), dw = ln_imp_int(im, "dilation_w", 1);
    const int64_t padding = ln_imp_int(im, "padding", LN_TFL_SAME);
    if (x->rank != 4) return ln_imp_refuse(im, "the input has rank %d, not 4", x->rank), false;
    if (!side(im, "stride_h", sh) || !side(im, "stride_w", sw) || !side(im, "dilation_h", dh) ||
        !side(im, "dilation_w", dw) || !side(im, "the window's height", kh) ||
        !side(im, "the window's width", kw))
        return false;
    if (padding != LN_TFL_SAME && padding != LN_TFL_VALID)
        return ln_imp_refuse(im, "padding is %lld", (long long)padding), false;
    *out = (ln_window){
        .kh = (int)kh, .kw = (int)kw, .sh = (int)sh, .sw = (int)sw, .dh = (int)dh, .dw = (int)dw};
    if (padding == LN_TFL_SAME) ln_window_same(out, x->dim[1], x->dim[2]);
    return ln_imp_ok(im);
}

/* ---- weights ---- */
/* One scale for each output channel. */
static const float *scales(ln_imp *im, const ln_file_quant *q, int64_t n) {
    float *s = ln_pool_alloc(&im->g->pool, (size_t)n, sizeof *s);
    if (!s) {
        im->status = ln_fail_oom(im->err, "scales", (size_t)n * sizeof *s);
        return NULL;
    }
    for (int64_t i = 0; i < n; i++) s[i] = q->scale[q->count > 1 ? i : 0];
    return s;
}

static bool symmetric(const ln_file_quant *q) {
    for (int i = 0; i < q->count; i++)
        if (q->zero[i]) return false;
    return true;
}

ln_tid ln_tfl_weight(ln_imp *im, int slot, const ln_shape *s, const int64_t *stride) {
    const ln_val *v = ln_imp_in(im, slot);
    const ln_file_quant *q = im->m->value[im->node->in[slot]].quant;
    if (!ln_imp_ok(im)) return LN_NONE;
    if (!v->host) return ln_imp_refuse(im, "weights that the network computes are not supported");
    const bool one_each = q && (q->count == 1 || q->count == s->dim[0]);
    if (q && symmetric(q) && one_each && v->host->stored == LN_ONNX_INT8) {
        ln_view view = {.data = v->host->data, .dtype = LN_I8, .scale = scales(im, q, s->dim[0])};
        memcpy(view.stride, stride, (size_t)s->rank * sizeof *stride);
        return ln_imp_const_any(im, v->name, s, view, v->param);
    }
    return ln_imp_const_view(im, v->name, q ? ln_tfl_real(im, v, q) : v->host, s, stride, v->param);
}

/* ---- convolutions ---- */
static void convolve(ln_imp *im, ln_tid w, int64_t groups) {
    const ln_shape *x = &ln_imp_in(im, 0)->shape, *k = ln_imp_shape(im, w);
    ln_attr a = {.conv = {.groups = (int)groups}};
    if (!ln_imp_ok(im) || !ln_tfl_window(im, x, k->dim[1], k->dim[2], &a.conv.win)) return;
    const ln_tid bias = ln_imp_get(im, ln_imp_in(im, 2), LN_PLAIN);
    const ln_tid in[3] = {ln_imp_get(im, ln_imp_in(im, 0), LN_PLAIN), w, bias};
    ln_imp_out(im, 0, ln_imp_node(im, LN_OP_CONV2D, &a, in, bias == LN_NONE ? 2 : 3), LN_PLAIN, 0);
}

static bool four(ln_imp *im, const ln_shape *x, const ln_shape *w) {
    char a[96], b[96];
    if (x->rank == 4 && w->rank == 4 && x->dim[3] > 0 && w->dim[3] > 0) return ln_imp_ok(im);
    return ln_imp_refuse(im, "weight %s does not fit input %s", ln_shape_text(w, a),
                         ln_shape_text(x, b)),
           false;
}

/* [OC,KH,KW,IC/groups], as the graph has them */
void ln_tfl_op_conv(ln_imp *im, const ln_imp_op *op) {
    const ln_shape *x = &ln_imp_in(im, 0)->shape, *w = &ln_imp_in(im, 1)->shape;
    int64_t stride[LN_MAX_RANK];
    (void)op;
    if (!four(im, x, w)) return;
    ln_shape_strides(w, stride);
    if (x->dim[3] % w->dim[3]) {
        ln_imp_refuse(im, "%lld channels are no multiple of the weight's %lld",
                      (long long)x->dim[3], (long long)w->dim[3]);
        return;
    }
    convolve(im, ln_tfl_weight(im, 1, w, stride), x->dim[3] / w->dim[3]);
}

ln_shape ln_tfl_depthwise_shape(const ln_shape *w, int64_t stride[LN_MAX_RANK]) {
    stride[0] = stride[3] = 1;
    stride[1] = w->dim[2] * w->dim[3];
    stride[2] = w->dim[3];
    return ln_nhwc(w->dim[3], w->dim[1], w->dim[2], 1);
}

void ln_tfl_op_depthwise(ln_imp *im, const ln_imp_op *op) {
    const ln_shape *x = &ln_imp_in(im, 0)->shape, *w = &ln_imp_in(im, 1)->shape;
    (void)op;
    if (!four(im, x, w)) return;
    if (w->dim[0] != 1 || w->dim[3] % x->dim[3]) {
        ln_imp_refuse(im, "%lld filters, of %lld each, for %lld channels", (long long)w->dim[3],
                      (long long)w->dim[0], (long long)x->dim[3]);
        return;
    }
    int64_t stride[LN_MAX_RANK];
    const ln_shape s = ln_tfl_depthwise_shape(w, stride);
    convolve(im, ln_tfl_weight(im, 1, &s, stride), x->dim[3]);
}

/* Output shape, weight [OC,KH,KW,IC], x, [bias]. Padding is that of the convolution whose gradient
 * this is. */
void ln_tfl_op_transpose_conv(ln_imp *im, const ln_imp_op *op) {
    const ln_shape *w = &ln_imp_in(im, 1)->shape, *x = &ln_imp_in(im, 2)->shape;
    int64_t stride[LN_MAX_RANK];
    ln_shape to;
    ln_window win;
    ln_attr a = {.conv = {.groups = 1}};
    (void)op;
    if (!ln_imp_dims(im, ln_imp_const(im, 0, "the output's shape"), "shape", &to) ||
        !four(im, x, w))
        return;
    if (to.rank != 4 || to.dim[1] < 1 || to.dim[2] < 1 || to.dim[1] > INT32_MAX ||
        to.dim[2] > INT32_MAX || to.dim[3] != w->dim[0]) {
        char t[96];
        ln_imp_refuse(im, "an output of %s", ln_shape_text(&to, t));
        return;
    }
    if (!ln_tfl_window(im, &to, w->dim[1], w->dim[2], &win)) return;
    a.conv.h = to.dim[1];
    a.conv.w = to.dim[2];
    a.conv.win = win;
    a.conv.win.bottom = a.conv.win.right = 0;
    ln_shape_strides(w, stride);
    const ln_tid bias = ln_imp_get(im, ln_imp_in(im, 3), LN_PLAIN);
    const ln_tid in[3] = {ln_imp_get(im, ln_imp_in(im, 2), LN_PLAIN),
                          ln_tfl_weight(im, 1, w, stride), bias};
    const ln_tid y = ln_imp_node(im, LN_OP_CONV_TRANSPOSE, &a, in, bias == LN_NONE ? 2 : 3);
    ln_imp_out(im, 0, y, LN_PLAIN, LN_ONNX_FLOAT);
}

/* ---- products ---- */
/* x as rows of as many elements as the weight [OC,IC] takes. */
void ln_tfl_op_fully_connected(ln_imp *im, const ln_imp_op *op) {
    const ln_shape *x = &ln_imp_in(im, 0)->shape, *w = &ln_imp_in(im, 1)->shape;
    int64_t n = 0;
    char a[96], b[96];
    (void)op;
    if (ln_imp_int(im, "format", 0)) ln_imp_refuse(im, "shuffled weights are not supported");
    if (!ln_imp_ok(im)) return;
    if (w->rank != 2 || !ln_count(x, &n) || w->dim[1] < 1 || n % w->dim[1]) {
        ln_imp_refuse(im, "weight %s does not fit input %s", ln_shape_text(w, a),
                      ln_shape_text(x, b));
        return;
    }
    const ln_shape rows = {2, {n / w->dim[1], w->dim[1]}};
    const ln_tid bias = ln_imp_get(im, ln_imp_in(im, 2), LN_PLAIN);
    const ln_tid in[3] = {ln_imp_reshape(im, ln_imp_get(im, ln_imp_in(im, 0), LN_PLAIN), &rows),
                          ln_tfl_weight(im, 1, w, (const int64_t[]){w->dim[1], 1}), bias};
    ln_imp_out(im, 0, ln_imp_node(im, LN_OP_FC, NULL, in, bias == LN_NONE ? 2 : 3), LN_PLAIN, 0);
    if (!ln_imp_ok(im) || !ln_imp_int(im, "keep_num_dims", 0) || x->rank < 1) return;
    ln_shape to = *x;
    to.dim[to.rank - 1] = w->dim[0];
    ln_tfl_reshaped(im, 0, &to);
}

void ln_tfl_op_batch_matmul(ln_imp *im, const ln_imp_op *op) {
    const ln_tid a = ln_imp_get(im, ln_imp_in(im, 0), LN_PLAIN);
    const ln_tid b = ln_imp_get(im, ln_imp_in(im, 1), LN_PLAIN);
    const bool ta = ln_imp_int(im, "adj_x", 0) != 0, tb = ln_imp_int(im, "adj_y", 0) != 0;
    (void)op;
    ln_imp_out(im, 0, ln_imp_product(im, a, b, ta, tb), LN_PLAIN, 0);
}

/* ---- pools ---- */
/* arg: ln_pool_kind */
void ln_tfl_op_pool(ln_imp *im, const ln_imp_op *op) {
    const ln_val *v = ln_imp_in(im, 0);
    ln_attr a = {.pool = {.kind = (ln_pool_kind)op->arg}};
    if (!ln_tfl_window(im, &v->shape, ln_imp_int(im, "filter_h", 0), ln_imp_int(im, "filter_w", 0),
                       &a.pool.win))
        return;
    ln_imp_out(im, 0, ln_imp_1(im, LN_OP_POOL, a, ln_imp_get(im, v, LN_PLAIN)), LN_PLAIN, 0);
}
