#include "tests/kernels/half_sums.h"

#include <math.h>

enum { RUN = 32 };

static float half(float v) {
    return ln_f16_to_f32(ln_f32_to_f16(v));
}

/* A sum of floats, and the run of halves that is added to it next. */
typedef struct sum {
    float y, h;
    int run;
    double off;
} sum;

static void end_run(sum *s) {
    s->y += s->h;
    s->h = 0;
    s->run = 0;
}

/* Begins a new run where `next` more do not fit. */
static void next_products(sum *s, int count, int next) {
    s->run += count;
    if (s->run + next > RUN) end_run(s);
}

static void add(sum *s, float x, float w) {
    const double u = 0x1p-11;
    s->h = half(fmaf(x, w, s->h));
    s->off += u * (fabs((double)s->h) + fabs((double)x * (double)w)) + 0x1p-24;
}

typedef struct site {
    const float *x, *w, *b, *gate;
    ln_conv_attr conv;
    int64_t h, wd, c, oh, ow, oc, icg;
    bool rows; /* depthwise: a row of the window is not divided */
} site;

static site site_of(const ln_ref *ref, const ln_node *n) {
    const ln_tensor *t = ref->graph->tensor;
    const ln_shape *x = &t[n->in[LN_CONV_X]].shape, *y = &t[n->out[0]].shape;
    site s = {.x = ref->value[n->in[LN_CONV_X]], .w = ref->value[n->in[LN_CONV_W]]};
    if (ln_node_in(n, LN_CONV_BIAS) != LN_NONE) s.b = ref->value[n->in[LN_CONV_BIAS]];
    if (n->op == LN_OP_FC) {
        s.conv = (ln_conv_attr){.win = {1, 1, 1, 1, 1, 1, 0, 0, 0, 0}, .groups = 1};
        s.h = s.wd = s.oh = s.ow = 1;
        s.c = x->dim[x->rank - 1];
        s.oc = y->dim[y->rank - 1];
    } else {
        s.conv = n->attr.conv;
        s.h = x->dim[1], s.wd = x->dim[2], s.c = x->dim[3];
        s.oh = y->dim[1], s.ow = y->dim[2], s.oc = y->dim[3];
        if (ln_node_in(n, LN_CONV_GATE) != LN_NONE) s.gate = ref->value[n->in[LN_CONV_GATE]];
    }
    s.icg = s.c / s.conv.groups;
    s.rows = s.conv.groups > 1 && ln_node_is_depthwise(ref->graph, n);
    return s;
}

static sum sum_at(const site *s, int64_t n, int64_t oy, int64_t ox, int64_t o) {
    const ln_window *w = &s->conv.win;
    const int64_t g = o / (s->oc / s->conv.groups);
    sum y = {.y = s->b ? s->b[o] : 0};
    for (int ky = 0; ky < w->kh; ky++) {
        const int64_t iy = oy * w->sh - w->top + ky * w->dh;
        if (iy < 0 || iy >= s->h) continue;
        for (int kx = 0; kx < w->kw; kx++) {
            const int64_t ix = ox * w->sw - w->left + kx * w->dw;
            for (int64_t i = 0; i < s->icg; i++) {
                const int64_t k = s->conv.interleaved ? i * s->conv.groups + g : g * s->icg + i;
                float v = 0;
                if (ix >= 0 && ix < s->wd) v = s->x[((n * s->h + iy) * s->wd + ix) * s->c + k];
                if (s->gate) v *= s->gate[n * s->c + k];
                add(&y, half(v), s->w[((o * w->kh + ky) * w->kw + kx) * s->icg + i]);
                if (!s->rows) next_products(&y, 1, 1);
            }
        }
        if (s->rows) next_products(&y, w->kw, w->kw);
    }
    end_run(&y);
    return y;
}

/* x + y or x * y; y a map, a pixel for each image, or one. */
static void binary(const ln_ref *ref, const ln_node *n, float *y, double *off) {
    const ln_shape *shape = &ref->graph->tensor[n->in[0]].shape;
    const float *a = ref->value[n->in[0]], *b = ref->value[n->in[1]];
    int64_t count = 0, others = 0;
    ln_shape_count(shape, &count);
    ln_shape_count(&ref->graph->tensor[n->in[1]].shape, &others);
    const int64_t c = shape->dim[shape->rank - 1], each = count / (others / c);
    for (int64_t i = 0; i < count; i++) {
        const float u = b[i / each * c + i % c];
        const float v = half(n->op == LN_OP_ADD ? a[i] + u : a[i] * u);
        y[i] = half(ln_act_apply(&n->attr.binary.act, v));
        off[i] = 0x1p-11 * fabs((double)v) + 0x1p-24;
    }
}

void ln_half_sums(const ln_ref *ref, const ln_node *n, float *y, double *off) {
    if (n->op == LN_OP_ADD || n->op == LN_OP_MUL) {
        binary(ref, n, y, off);
        return;
    }
    const site s = site_of(ref, n);
    const bool fc = n->op == LN_OP_FC;
    const ln_tid res = fc ? LN_NONE : ln_node_in(n, LN_CONV_RES);
    const ln_act *act = fc ? &n->attr.fc.act : &s.conv.act;
    int64_t count = 0;
    ln_shape_count(&ref->graph->tensor[n->out[0]].shape, &count);
    for (int64_t i = 0; i < count; i++) {
        const int64_t p = i / s.oc, plane = s.oh * s.ow;
        const sum v = sum_at(&s, p / plane, p % plane / s.ow, p % s.ow, i % s.oc);
        y[i] = ln_act_apply(act, v.y);
        if (res != LN_NONE) y[i] += ref->value[res][i];
        if (!fc) y[i] = ln_act_apply(&s.conv.post, y[i]);
        y[i] = half(y[i]);
        off[i] = v.off;
    }
}
