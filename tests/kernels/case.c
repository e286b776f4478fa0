/* Cases: one node as a graph, its description, and random ones. */
#include "tests/kernels/lab.h"

#include <math.h>
#include <string.h>

float ln_lab_random(uint64_t *state) {
    *state = *state * 6364136223846793005ull + 1442695040888963407ull;
    return (float)((double)(*state >> 40) / (double)(1 << 23) - 1.0);
}

static ln_tid constant(ln_graph *g, const char *name, ln_shape shape, float scale, uint64_t *seed,
                       linnet_error *err) {
    float *data;
    int64_t count;
    ln_tid t = ln_graph_const_new(g, name, shape, &data, err);
    if (t == LN_NONE || !ln_shape_count(&shape, &count)) return LN_NONE;
    for (int64_t i = 0; i < count; i++) data[i] = ln_lab_random(seed) * scale;
    return t;
}

static ln_act act_of(ln_act_kind kind) {
    ln_act a = kind == LN_ACT_CLAMP ? ln_act_relu6() : ln_act_of(kind);
    if (kind == LN_ACT_LEAKY_RELU) a.alpha = 0.1f;
    return a;
}

static void conv_inputs(const ln_case *c, ln_graph *g, ln_tid *in, int *n_in, uint64_t *seed,
                        linnet_error *err) {
    bool fc = c->op == LN_OP_FC;
    const ln_window *w = &c->win;
    int64_t icg = fc ? c->c : c->c / c->groups;
    ln_shape ws = fc ? (ln_shape){2, {c->oc, c->c}} : (ln_shape){4, {c->oc, w->kh, w->kw, icg}};
    float fan = (float)(icg * (fc ? 1 : w->kh * w->kw));
    in[LN_CONV_W] = constant(g, "w", ws, sqrtf(3.0f / fan), seed, err);
    if (!(c->flags & LAB_NO_BIAS))
        in[LN_CONV_BIAS] = constant(g, "b", (ln_shape){1, {c->oc}}, 0.5f, seed, err);
    *n_in = 3;
    if (c->flags & LAB_RES) {
        int64_t oh = (c->h + w->top + w->bottom - (w->kh - 1) * w->dh - 1) / w->sh + 1;
        int64_t ow = (c->w + w->left + w->right - (w->kw - 1) * w->dw - 1) / w->sw + 1;
        in[LN_CONV_RES] = ln_graph_input(g, "res", ln_nhwc(c->n, oh, ow, c->oc), err);
        *n_in = 4;
    }
    if (c->flags & LAB_GATE) {
        in[LN_CONV_GATE] = ln_graph_input(g, "gate", ln_nhwc(c->n, 1, 1, c->c), err);
        *n_in = 5;
    }
}

static ln_tid second_operand(const ln_case *c, ln_graph *g, uint64_t *seed, linnet_error *err) {
    ln_shape s = c->flags & LAB_GATE     ? ln_nhwc(c->n, 1, 1, c->c)
                 : c->flags & LAB_VECTOR ? (ln_shape){1, {c->c}}
                                         : ln_nhwc(c->n, c->h, c->w, c->c);
    if (c->flags & LAB_CONST) return constant(g, "second", s, 1.0f, seed, err);
    return ln_graph_input(g, "second", s, err);
}

static ln_attr attr_of(const ln_case *c) {
    ln_attr a;
    memset(&a, 0, sizeof a);
    ln_act act = act_of(c->act), post = c->flags & LAB_POST ? ln_act_relu6() : act_of(LN_ACT_NONE);
    switch (c->op) {
    case LN_OP_CONV2D:
        a.conv = (ln_conv_attr){.win = c->win,
                                .groups = c->groups,
                                .interleaved = c->flags & LAB_MIXED,
                                .act = act,
                                .post = post};
        break;
    case LN_OP_FC: a.fc.act = act; break;
    case LN_OP_POOL:
        a.pool = (ln_pool_attr){.kind = c->flags & LAB_MAX ? LN_POOL_MAX : LN_POOL_AVG,
                                .global = c->flags & LAB_GLOBAL,
                                .count_pad = c->flags & LAB_COUNT_PAD,
                                .win = c->win};
        break;
    case LN_OP_ADD:
    case LN_OP_MUL: a.binary.act = act; break;
    case LN_OP_ACT: a.act = act; break;
    case LN_OP_CONCAT: a.concat.groups = c->groups; break;
    case LN_OP_RESHAPE:
        a.reshape.shape = ln_nhwc(c->n, 1, (int64_t)c->h * c->w * c->c / c->oc, c->oc);
        break;
    default: break;
    }
    return a;
}

static linnet_status fill_graph(const ln_case *c, uint64_t seed, ln_graph *g, linnet_error *err) {
    ln_shape shape = ln_nhwc(c->n, c->h, c->w, c->c);
    if (c->op == LN_OP_FC) shape = (ln_shape){2, {c->n, c->c}};
    ln_tid in[LN_MAX_IN];
    for (int i = 0; i < LN_MAX_IN; i++) in[i] = LN_NONE;
    int n_in = 1;
    in[0] = ln_graph_input(g, "x", shape, err);
    switch (c->op) {
    case LN_OP_CONV2D:
    case LN_OP_FC: conv_inputs(c, g, in, &n_in, &seed, err); break;
    case LN_OP_ADD:
    case LN_OP_MUL: in[n_in++] = second_operand(c, g, &seed, err); break;
    case LN_OP_CONCAT: /* operands of growing and odd widths, of one width when shuffled */
        for (int i = 1; i < c->oc; i++) {
            int wide = c->c + (c->groups > 1 ? 0 : i * 3);
            in[n_in++] = ln_graph_input(g, "part", ln_nhwc(c->n, c->h, c->w, wide), err);
        }
        break;
    default: break;
    }
    ln_attr a = attr_of(c);
    ln_tid y = ln_graph_node(g, c->op, "node", &a, in, n_in, err);
    if (y == LN_NONE) return err->status;
    return ln_graph_output(g, y, err);
}

bool ln_case_knows(ln_op op) {
    static const ln_op known[] = {LN_OP_CONV2D,  LN_OP_FC,      LN_OP_POOL,
                                  LN_OP_ADD,     LN_OP_MUL,     LN_OP_ACT,
                                  LN_OP_SOFTMAX, LN_OP_RESHAPE, LN_OP_CONCAT};
    for (size_t i = 0; i < LN_COUNT(known); i++)
        if (known[i] == op) return true;
    return false;
}

linnet_status ln_case_graph(const ln_case *c, uint64_t seed, ln_graph **out, linnet_error *err) {
    LN_TRY(ln_graph_create("case", out, err));
    linnet_status st = fill_graph(c, seed, *out, err);
    if (st != LINNET_OK) ln_graph_destroy(out);
    return st;
}

void ln_case_text(const ln_case *c, char *buf, size_t size) {
    static const char *const name[] = {"no-bias", "res",    "gate",      "post",
                                       "const",   "max",    "count-pad", "global",
                                       "spread",  "planar", "vector",    "mixed"};
    const ln_window *w = &c->win;
    int at = snprintf(buf, size, "%s %dx%dx%dx%d->%d", ln_op_infos[c->op].name, c->n, c->h, c->w,
                      c->c, c->oc);
    if (w->kh)
        at += snprintf(buf + at, size - (size_t)at, " k%dx%d s%dx%d d%dx%d pad %d,%d,%d,%d g%d",
                       w->kh, w->kw, w->sh, w->sw, w->dh, w->dw, w->top, w->left, w->bottom,
                       w->right, c->groups);
    else if (c->groups > 1)
        at += snprintf(buf + at, size - (size_t)at, " g%d", c->groups);
    at += snprintf(buf + at, size - (size_t)at, " %s", ln_act_names[c->act]);
    for (size_t i = 0; i < LN_COUNT(name); i++)
        if ((c->flags >> i) & 1u) at += snprintf(buf + at, size - (size_t)at, " %s", name[i]);
}

/* ---- random cases ---- */

static int pick(uint64_t *s, int n) {
    *s = *s * 6364136223846793005ull + 1442695040888963407ull;
    return (int)((*s >> 33) % (uint64_t)n);
}
#define ONE_OF(s, ...)                                                                             \
    ((const int[]){__VA_ARGS__})[pick(s, (int)LN_COUNT(((const int[]){__VA_ARGS__})))]

static void random_window(uint64_t *s, ln_case *c) {
    ln_window *w = &c->win;
    bool square = pick(s, 4) != 0;
    w->kh = ONE_OF(s, 1, 2, 3, 3, 5, 7);
    w->kw = square ? w->kh : ONE_OF(s, 1, 2, 3, 4, 5);
    w->sh = ONE_OF(s, 1, 1, 2, 2, 3);
    w->sw = square ? w->sh : ONE_OF(s, 1, 2);
    w->dh = ONE_OF(s, 1, 1, 1, 2, 3);
    w->dw = square ? w->dh : ONE_OF(s, 1, 2);
    int eh = (w->kh - 1) * w->dh, ew = (w->kw - 1) * w->dw;
    w->top = pick(s, eh + 1);
    w->bottom = pick(s, eh + 1);
    w->left = pick(s, ew + 1);
    w->right = pick(s, ew + 1);
    c->h = LN_MAX(c->h, eh + 1 - w->top - w->bottom);
    c->w = LN_MAX(c->w, ew + 1 - w->left - w->right);
}

static void random_conv(uint64_t *s, ln_case *c) {
    c->groups = 1;
    switch (pick(s, 4)) {
    case 0: c->win = (ln_window){1, 1, 1, 1, 1, 1, 0, 0, 0, 0}; break;
    case 1: /* depthwise of the common kinds */
        c->groups = c->oc = c->c;
        c->win.kh = c->win.kw = ONE_OF(s, 3, 5, 7);
        c->win.sh = c->win.sw = 1 + pick(s, 2);
        c->win.dh = c->win.dw = 1;
        c->win.top = c->win.left = pick(s, c->win.kh);
        c->win.bottom = c->win.right = c->win.kh - 1 - c->win.top + pick(s, 2);
        break;
    case 2:
        c->groups = c->oc = c->c;
        random_window(s, c);
        break;
    default:
        random_window(s, c);
        if (pick(s, 3) == 0) {
            c->groups = ONE_OF(s, 2, 3, 4);
            c->c = c->groups * (1 + pick(s, 12));
            c->oc = c->groups * (1 + pick(s, 12));
            c->flags |= pick(s, 2) ? LAB_MIXED : 0u;
        } else if (pick(s, 2)) {
            c->c = ONE_OF(s, 1, 3, 4);
            c->flags |= LAB_PLANAR;
        }
    }
    c->flags |= (pick(s, 3) == 0 ? LAB_RES : 0u) | (pick(s, 4) == 0 ? LAB_POST : 0u) |
                (pick(s, 4) == 0 ? LAB_GATE : 0u) | (pick(s, 4) == 0 ? LAB_NO_BIAS : 0u);
}

ln_case ln_case_random(ln_op op, uint64_t n) {
    uint64_t seed = n * 0x9E3779B97F4A7C15ull + (uint64_t)op + 1, *s = &seed;
    pick(s, 2);
    ln_case c = {.op = op, .n = 1 + pick(s, 3), .h = 1 + pick(s, 20), .w = 1 + pick(s, 20)};
    c.c = ONE_OF(s, 1, 3, 5, 8, 13, 16, 17, 24, 32, 40, 56, 72, 96, 101);
    c.oc = ONE_OF(s, 1, 7, 8, 10, 16, 24, 31, 32, 40, 47, 48, 49, 56, 64, 97, 120);
    c.act = (ln_act_kind)pick(s, LN_ACT_COUNT);
    c.groups = 1;
    if (pick(s, 2)) c.flags |= LAB_SPREAD;
    switch (op) {
    case LN_OP_CONV2D: random_conv(s, &c); break;
    case LN_OP_FC:
        c.n = 1 + pick(s, 19);
        c.h = c.w = 1;
        c.c *= 1 + pick(s, 5);
        break;
    case LN_OP_POOL:
        random_window(s, &c);
        c.oc = c.c;
        c.win.dh = c.win.dw = 1;
        c.win.top = LN_MIN(c.win.top, c.win.kh - 1) / 2;
        c.win.left = LN_MIN(c.win.left, c.win.kw - 1) / 2;
        c.win.bottom = LN_MAX(c.win.kh - c.h - c.win.top, 0);
        c.win.right = LN_MAX(c.win.kw - c.w - c.win.left, 0);
        c.flags |= (pick(s, 2) ? LAB_MAX : 0u) | (pick(s, 2) ? LAB_COUNT_PAD : 0u) |
                   (pick(s, 3) == 0 ? LAB_GLOBAL : 0u);
        break;
    case LN_OP_ADD:
    case LN_OP_MUL:
        c.flags |=
            (unsigned)ONE_OF(s, 0, 0, LAB_GATE, LAB_CONST | LAB_VECTOR, LAB_CONST | LAB_GATE);
        break;
    case LN_OP_ACT: c.flags |= pick(s, 2) ? LAB_PLANAR : 0u; break;
    case LN_OP_RESHAPE: c.oc = c.c % 2 ? c.w * c.c : c.c / 2; break;
    case LN_OP_CONCAT:
        c.oc = 2 + pick(s, 4);
        c.groups = pick(s, 2) ? c.oc : 1;
        break;
    default: break;
    }
    return c;
}
