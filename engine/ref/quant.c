/* Quantized ops, exactly as TFLite's reference kernels compute them.
 *
 * Convolution and FC run through the loops of conv.c on x - x.zero and w - w.zero as floats: sums
 * are exact in double. What moves bytes runs through move.c on words that hold one each. */
#include "engine/quant.h"
#include "engine/ref/ops.h"
#include "engine/resize.h"
#include <math.h>
#include <stdlib.h>

struct ln_ref_fixed {
    const ln_fixed *m; /* by output channel */
    const int32_t *bias;
    int32_t lo, hi, zero;
};

static const ln_quant *quant(const ln_ref_call *c, int slot) {
    return &c->graph->tensor[slot < 0 ? c->node->out[0] : c->node->in[slot]].q;
}

static int64_t count(const ln_shape *s) {
    int64_t n = 0;
    ln_shape_count(s, &n);
    return n;
}

static int8_t clamp(int64_t v, int32_t lo, int32_t hi) {
    return (int8_t)LN_MIN(LN_MAX(v, lo), hi);
}

/* ---- convolution and FC ---- */

float ln_ref_requantize(const ln_ref_call *c, double sum, int64_t o) {
    const struct ln_ref_fixed *f = c->fixed;
    /* 32 bits wrap, as they do on a device */
    const int32_t acc = (int32_t)(uint32_t)((int64_t)sum + (f->bias ? f->bias[o] : 0));
    return (float)clamp((int64_t)f->zero + ln_fixed_mul(acc, f->m[o]), f->lo, f->hi);
}

static float *widen(const int8_t *x, int64_t n, int32_t zero) {
    float *y = malloc((size_t)n * sizeof *y);
    for (int64_t i = 0; y && i < n; i++) y[i] = (float)(x[i] - zero);
    return y;
}

static linnet_status product(const ln_ref_call *c, linnet_error *err) {
    const ln_node *n = c->node;
    const ln_tensor *w = &c->graph->tensor[n->in[LN_CONV_W]];
    const int64_t nx = count(c->shape[0]), nw = count(c->shape[1]), ny = count(c->oshape);
    const int64_t oc = c->oshape->dim[c->oshape->rank - 1];
    float *x = widen((const int8_t *)c->in[0], nx, quant(c, 0)->zero);
    float *k = widen((const int8_t *)c->in[1], nw, ln_view_zero(&w->view));
    float *y = malloc((size_t)ny * sizeof *y);
    ln_fixed *m = malloc((size_t)oc * sizeof *m);
    linnet_status st = LINNET_OK;
    if (x && k && y && m) {
        struct ln_ref_fixed f = {.m = m, .bias = (const int32_t *)c->in[LN_CONV_BIAS]};
        for (int64_t o = 0; o < oc; o++) m[o] = ln_fixed_of(ln_quant_factor(c->graph, n, o));
        f.zero = quant(c, -1)->zero;
        ln_quant_limits(quant(c, -1), n->op == LN_OP_FC ? &n->attr.fc.act : &n->attr.conv.act,
                        &f.lo, &f.hi);
        ln_ref_call wide = *c;
        wide.in[0] = x, wide.in[1] = k, wide.out = y, wide.fixed = &f;
        st = ln_ref_table[n->op](&wide, err);
        for (int64_t i = 0; st == LINNET_OK && i < ny; i++) ((int8_t *)c->out)[i] = (int8_t)y[i];
    } else {
        st = ln_fail_oom(err, n->name, (size_t)(nx + nw + ny) * sizeof *x);
    }
    free(x);
    free(k);
    free(y);
    free(m);
    return st;
}

/* ---- movers ---- */

static linnet_status move(const ln_ref_call *c, linnet_error *err) {
    ln_ref_call wide = *c;
    const int64_t ny = count(c->oshape);
    int64_t all = ny, at = 0;
    for (int i = 0; i < c->node->n_in; i++) all += count(c->shape[i]);
    float *words = calloc((size_t)all, sizeof *words);
    if (!words) return ln_fail_oom(err, c->node->name, (size_t)all * sizeof *words);
    for (int i = 0; i < c->node->n_in; i++) {
        const int64_t n = count(c->shape[i]);
        for (int64_t k = 0; k < n; k++) *(int8_t *)(words + at + k) = ((const int8_t *)c->in[i])[k];
        wide.in[i] = words + at;
        at += n;
    }
    wide.out = wide.more[0] = words + at;
    const linnet_status st = ln_ref_table[c->node->op](&wide, err);
    for (int64_t k = 0; k < ny; k++) ((int8_t *)c->out)[k] = *(const int8_t *)(words + at + k);
    free(words);
    return st;
}

/* ---- resizing: the interpolated bytes, rounded ---- */

static linnet_status resize(const ln_ref_call *c, linnet_error *err) {
    if (ln_resize_blends(&c->node->attr.resize, LN_I8)) return ln_ref_resize(c, err);
    const int64_t nx = count(c->shape[0]), ny = count(c->oshape);
    const ln_quant unit = ln_quant_of(1.0f, 0);
    ln_ref_call wide = *c;
    float *x = widen((const int8_t *)c->in[0], nx, 0), *y = malloc((size_t)ny * sizeof *y);
    linnet_status st = LINNET_OK;
    if (!x || !y) st = ln_fail_oom(err, c->node->name, (size_t)(nx + ny) * sizeof *x);
    wide.in[0] = x, wide.out = wide.more[0] = y;
    if (st == LINNET_OK) st = ln_ref_resize(&wide, err);
    for (int64_t i = 0; st == LINNET_OK && i < ny; i++)
        ((int8_t *)c->out)[i] = ln_quantize(&unit, y[i]);
    free(x);
    free(y);
    return st;
}

/* ---- sums and products ---- */

typedef struct binary {
    ln_fixed_add add;
    ln_fixed product;
    int32_t lo, hi;
} binary;

static int64_t binary_value(const ln_ref_call *c, const binary *m, int32_t a, int32_t b) {
    if (c->node->op == LN_OP_MUL) return ln_fixed_mul(a * b, m->product);
    const int32_t one = 1 << LN_ADD_BITS;
    return ln_fixed_mul(ln_fixed_mul(a * one, m->add.a) + ln_fixed_mul(b * one, m->add.b),
                        m->add.y);
}

static void binary_row(const ln_ref_call *c, const void *ctx, int64_t r, double *scratch) {
    (void)scratch;
    const binary *m = ctx;
    const ln_shape *as = c->shape[0], *bs = c->shape[1];
    const int64_t ch = as->dim[as->rank - 1];
    const int8_t *a = (const int8_t *)c->in[0] + r * ch, *b = (const int8_t *)c->in[1];
    if (ln_shape_equal(as, bs))
        b += r * ch;
    else if (bs->rank == 4)
        b += r / (as->dim[1] * as->dim[2]) * ch;
    for (int64_t i = 0; i < ch; i++)
        ((int8_t *)c->out)[r * ch + i] =
            clamp(quant(c, -1)->zero +
                      binary_value(c, m, a[i] - quant(c, 0)->zero, b[i] - quant(c, 1)->zero),
                  m->lo, m->hi);
}

static linnet_status both(const ln_ref_call *c, linnet_error *err) {
    const float sa = quant(c, 0)->scale, sb = quant(c, 1)->scale, sy = quant(c, -1)->scale;
    binary m = {.add = ln_fixed_add_of(sa, sb, sy), .product = ln_fixed_of((double)(sa * sb / sy))};
    ln_quant_limits(quant(c, -1), &c->node->attr.binary.act, &m.lo, &m.hi);
    return ln_ref_rows(c, count(c->oshape) / c->oshape->dim[c->oshape->rank - 1], 0, binary_row, &m,
                       err);
}

/* ---- pools and means ---- */

/* The window of pixel (oy,ox) over channel ch of image n: its bytes' largest, or their sum. */
typedef struct window_sum {
    int32_t sum, top;
    int64_t real, all;
} window_sum;

static window_sum look(const ln_ref_call *c, int64_t n, int64_t oy, int64_t ox, int64_t ch) {
    const ln_pool_attr *p = &c->node->attr.pool;
    const ln_window *w = &p->win;
    const int64_t ih = c->shape[0]->dim[1], iw = c->shape[0]->dim[2], ic = c->shape[0]->dim[3];
    const int64_t bottom = ih + w->bottom - p->ceil_bottom, right = iw + w->right - p->ceil_right;
    const int64_t kh = p->global ? ih : w->kh, kw = p->global ? iw : w->kw;
    window_sum s = {.top = -128};
    for (int64_t ky = 0; ky < kh; ky++)
        for (int64_t kx = 0; kx < kw; kx++) {
            const int64_t iy = p->global ? ky : oy * w->sh - w->top + ky * w->dh;
            const int64_t ix = p->global ? kx : ox * w->sw - w->left + kx * w->dw;
            s.all += iy < bottom && ix < right;
            if (iy < 0 || iy >= ih || ix < 0 || ix >= iw) continue;
            const int8_t v = ((const int8_t *)c->in[0])[((n * ih + iy) * iw + ix) * ic + ch];
            s.sum += v;
            s.top = LN_MAX(s.top, v);
            s.real++;
        }
    return s;
}

/* Halves away from zero. */
static int32_t mean(int64_t sum, int64_t n) {
    return (int32_t)((sum > 0 ? sum + n / 2 : sum - n / 2) / n);
}

static void pool_row(const ln_ref_call *c, const void *ctx, int64_t row, double *scratch) {
    (void)ctx;
    (void)scratch;
    const ln_pool_attr *p = &c->node->attr.pool;
    const int lift = p->is_unsigned ? 128 : 0; /* to where all are positive */
    const int64_t oh = c->oshape->dim[1], ow = c->oshape->dim[2], ch = c->oshape->dim[3];
    for (int64_t i = 0; i < ow * ch; i++) {
        const window_sum s = look(c, row / oh, row % oh, i / ch, i % ch);
        const int64_t pixels = LN_MAX(p->count_pad && !p->global ? s.all : s.real, 1);
        const int64_t sum = s.sum + (pixels - s.real) * quant(c, 0)->zero;
        ((int8_t *)c->out)[row * ow * ch + i] = ln_saturate_i8(
            p->kind == LN_POOL_MAX ? s.top : mean(sum + lift * pixels, pixels) - lift);
    }
}

/* The mean over an image's pixels, rescaled by a multiplier that divides by their number. */
static linnet_status mean_pixels(const ln_ref_call *c, linnet_error *err) {
    (void)err;
    const ln_shape *s = c->shape[0];
    const int64_t pixels = s->dim[1] * s->dim[2], ch = s->dim[3];
    const ln_fixed m = ln_quant_mean(quant(c, 0), quant(c, -1), pixels);
    for (int64_t i = 0; i < s->dim[0] * ch; i++) {
        const int8_t *x = (const int8_t *)c->in[0] + i / ch * pixels * ch + i % ch;
        int64_t sum = -pixels * quant(c, 0)->zero;
        for (int64_t p = 0; p < pixels; p++) sum += x[p * ch];
        ((int8_t *)c->out)[i] =
            ln_saturate_i8((int64_t)ln_fixed_mul((int32_t)sum, m) + quant(c, -1)->zero);
    }
    return LINNET_OK;
}

static linnet_status reduce(const ln_ref_call *c, linnet_error *err) {
    if (!ln_reduce_is_place(c->node->attr.reduce.kind)) return mean_pixels(c, err);
    const int64_t n = count(c->shape[0]);
    ln_ref_call wide = *c;
    float *x = widen((const int8_t *)c->in[0], n, 0);
    if (!x) return ln_fail_oom(err, c->node->name, (size_t)n * sizeof *x);
    wide.in[0] = x;
    const linnet_status st = ln_ref_reduce(&wide, err);
    free(x);
    return st;
}

/* ---- tables and conversions ---- */

static void table_row(const ln_ref_call *c, const void *ctx, int64_t r, double *scratch) {
    (void)scratch;
    const int8_t *table = ctx;
    const int64_t ch = c->oshape->dim[c->oshape->rank - 1];
    for (int64_t i = r * ch; i < (r + 1) * ch; i++)
        if (c->graph->tensor[c->node->in[0]].dtype == LN_F32)
            ((int8_t *)c->out)[i] = c->node->attr.quantize.even
                                        ? ln_quantize_even(quant(c, -1), c->in[0][i])
                                        : ln_quantize(quant(c, -1), c->in[0][i]);
        else if (c->node->op == LN_OP_DEQUANTIZE)
            c->out[i] = ln_dequantize(quant(c, 0), ((const int8_t *)c->in[0])[i]);
        else
            ((int8_t *)c->out)[i] = table[((const int8_t *)c->in[0])[i] + 128];
}

linnet_status ln_ref_quant(const ln_ref_call *c, linnet_error *err) {
    int8_t table[256];
    const int64_t rows = count(c->oshape) / c->oshape->dim[c->oshape->rank - 1];
    switch (c->node->op) {
    case LN_OP_CONV2D:
    case LN_OP_FC: return product(c, err);
    case LN_OP_ADD:
    case LN_OP_MUL: return both(c, err);
    case LN_OP_POOL:
        return ln_ref_rows(c, c->oshape->dim[0] * c->oshape->dim[1], 0, pool_row, NULL, err);
    case LN_OP_REDUCE: return reduce(c, err);
    case LN_OP_RESIZE: return resize(c, err);
    case LN_OP_ACT:
    case LN_OP_QUANTIZE:
    case LN_OP_DEQUANTIZE:
        if (quant(c, 0)->on && quant(c, -1)->on) ln_quant_table(c->graph, c->node, table);
        return ln_ref_rows(c, rows, 0, table_row, table, err);
    default: return move(c, err);
    }
}
