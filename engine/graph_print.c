/* `linnet info`: a table of nodes. */
#include "engine/graph.h"
#include <string.h>

const char *const ln_pad_names[LN_PAD_WRAP + 1] = {"constant", "edge", "reflect", "symmetric",
                                                   "wrap"};

/* "12,345,678" */
static const char *grouped(int64_t v, char buf[32]) {
    char digits[24];
    const int n = snprintf(digits, sizeof digits, "%lld", (long long)v);
    int at = 0;
    for (int i = 0; i < n; i++) {
        if (i && (n - i) % 3 == 0 && digits[i - 1] != '-') buf[at++] = ',';
        buf[at++] = digits[i];
    }
    buf[at] = 0;
    return buf;
}

static int64_t node_params(const ln_graph *g, const ln_node *n) {
    int64_t sum = 0;
    for (int i = 0; i < n->n_in; i++)
        if (n->in[i] != LN_NONE) sum += g->tensor[n->in[i]].params;
    return sum;
}

static void put_window(ln_str *s, const ln_window *w) {
    ln_str_add(s, " %dx%d", w->kh, w->kw);
    if (w->sh != 1 || w->sw != 1) {
        if (w->sh == w->sw)
            ln_str_add(s, " s%d", w->sh);
        else
            ln_str_add(s, " s%dx%d", w->sh, w->sw);
    }
    if (w->dh != 1 || w->dw != 1) ln_str_add(s, " d%d", LN_MAX(w->dh, w->dw));
}

static void put_act(ln_str *s, const ln_act *a) {
    char text[64];
    if (*ln_act_text(a, text)) ln_str_add(s, " %s", text);
}

static void put_conv(ln_str *s, const ln_graph *g, const ln_node *n) {
    const ln_conv_attr *c = &n->attr.conv;
    if (ln_node_is_depthwise(g, n)) ln_str_add(s, " dw");
    put_window(s, &c->win);
    if (c->groups > 1 && !ln_node_is_depthwise(g, n)) ln_str_add(s, " g%d", c->groups);
    if (c->interleaved) ln_str_add(s, " interleaved");
    if (ln_node_in(n, LN_CONV_GATE) != LN_NONE) ln_str_add(s, " gate");
    put_act(s, &c->act);
    if (ln_node_in(n, LN_CONV_RES) != LN_NONE) ln_str_add(s, " +res");
    put_act(s, &c->post);
}

static void put_patch(ln_str *s, int ph, int pw) {
    if (ph != 1 || pw != 1) ln_str_add(s, " patch %dx%d", ph, pw);
}

/* "attention 4x64 kv1 patch 2x2" */
static void put_attention(ln_str *s, const ln_attention_attr *a) {
    ln_str_add(s, " %dx%d", a->heads, a->dim);
    if (a->kv_heads != a->heads) ln_str_add(s, " kv%d", a->kv_heads);
    put_patch(s, a->patch_h, a->patch_w);
}

/* "concat g2 58+58": 58 channels from the 58th of those shuffled in two groups */
static void put_concat(ln_str *s, const ln_concat_attr *a) {
    if (a->groups > 1) ln_str_add(s, " g%d", a->groups);
    if (a->back) ln_str_add(s, " back %d", a->back);
    if (a->size) ln_str_add(s, " %lld+%lld", (long long)a->begin, (long long)a->size);
}

static void put_map(ln_str *s, const ln_map_attr *a) {
    ln_str_add(s, " %s", ln_map_names[a->kind]);
    if (a->alpha != 0.0f || a->beta != 0.0f)
        ln_str_add(s, "(%g,%g)", (double)a->alpha, (double)a->beta);
}

static void put_pad(ln_str *s, const ln_pad_attr *a) {
    if (a->mode != LN_PAD_CONSTANT) ln_str_add(s, " %s", ln_pad_names[a->mode]);
}

/* "permute 0,3,1,2" */
static void put_perm(ln_str *s, const ln_permute_attr *a, int rank) {
    for (int i = 0; i < rank; i++) ln_str_add(s, "%c%d", i ? ',' : ' ', a->perm[i]);
}

static void put_matmul(ln_str *s, const ln_matmul_attr *a) {
    if (a->trans_a) ln_str_add(s, " ta");
    if (a->trans_b) ln_str_add(s, " tb");
}

/* "reduce mean 1,2" */
static void put_reduce(ln_str *s, const ln_reduce_attr *a) {
    ln_str_add(s, " %s", ln_reduce_names[a->kind]);
    for (int d = 0, first = 1; d < LN_MAX_RANK; d++)
        if (a->axes >> d & 1) ln_str_add(s, first ? " %d" : ",%d", d), first = 0;
}

/* Op and what matters of its attributes: "conv2d dw 3x3 s2 relu6". */
static void put_op(ln_str *s, const ln_graph *g, const ln_node *n) {
    ln_str_add(s, "%s", ln_op_infos[n->op].name);
    switch (n->op) {
    case LN_OP_CONV_TRANSPOSE:
    case LN_OP_CONV2D: put_conv(s, g, n); break;
    case LN_OP_FC: put_act(s, &n->attr.fc.act); break;
    case LN_OP_POOL:
        ln_str_add(s, n->attr.pool.kind == LN_POOL_AVG ? " avg" : " max");
        if (n->attr.pool.global)
            ln_str_add(s, " global");
        else
            put_window(s, &n->attr.pool.win);
        break;
    case LN_OP_ADD:
    case LN_OP_MUL: put_act(s, &n->attr.binary.act); break;
    case LN_OP_ACT: put_act(s, &n->attr.act); break;
    case LN_OP_ATTENTION: put_attention(s, &n->attr.attention); break;
    case LN_OP_LINEAR_ATTENTION:
        put_patch(s, n->attr.linear.patch_h, n->attr.linear.patch_w);
        break;
    case LN_OP_GROUP_NORM: ln_str_add(s, " g%d", n->attr.norm.groups); break;
    case LN_OP_CONCAT: put_concat(s, &n->attr.concat); break;
    case LN_OP_CHANNEL_SHUFFLE: ln_str_add(s, " g%d", n->attr.shuffle.groups); break;
    case LN_OP_SE:
        ln_str_add(s, " %lld", (long long)g->tensor[n->in[LN_SE_W1]].shape.dim[0]);
        put_act(s, &n->attr.se.act);
        put_act(s, &n->attr.se.gate);
        break;
    case LN_OP_RESIZE: ln_str_add(s, " %s", ln_resize_names[n->attr.resize.kind]); break;
    case LN_OP_MAP: put_map(s, &n->attr.map); break;
    case LN_OP_REDUCE: put_reduce(s, &n->attr.reduce); break;
    case LN_OP_PAD: put_pad(s, &n->attr.pad); break;
    case LN_OP_PERMUTE: put_perm(s, &n->attr.permute, g->tensor[n->in[0]].shape.rank); break;
    case LN_OP_TOPK: ln_str_add(s, n->attr.topk.smallest ? " smallest" : " largest"); break;
    case LN_OP_MATMUL: put_matmul(s, &n->attr.matmul); break;
    case LN_OP_GATHER:
    case LN_OP_GATHER_ELEMENTS: ln_str_add(s, " axis %d", n->attr.gather.axis); break;
    default: break;
    }
    const ln_dtype type = g->tensor[n->out[0]].dtype;
    if (type == LN_I8 || type == LN_F16) ln_str_add(s, " %s", ln_dtype_names[type]);
}

const char *ln_node_shapes_text(const ln_graph *g, const ln_node *n, char buf[LN_MAX_OUT * 96]) {
    char one[96];
    int at = 0;
    for (int k = 0; k < n->n_out; k++)
        at += snprintf(buf + at, (size_t)(LN_MAX_OUT * 96 - at), "%s%s", k ? " " : "",
                       ln_shape_text(&g->tensor[n->out[k]].shape, one));
    return buf;
}

static size_t op_width(const ln_graph *g, const ln_node *n) {
    ln_str s = {0};
    put_op(&s, g, n);
    const size_t w = s.len;
    ln_str_free(&s);
    return w;
}

typedef struct widths {
    int name, op, shape;
} widths;

static widths measure(const ln_graph *g) {
    widths w = {5, 2, 6};
    char text[LN_MAX_OUT * 96], name[LN_LAYER_TEXT];
    for (int i = 0; i < g->n_node; i++) {
        const ln_node *n = &g->node[i];
        w.name = LN_MAX(w.name, (int)strlen(ln_layer_text(n->name, name)));
        w.op = LN_MAX(w.op, (int)op_width(g, n));
        w.shape = LN_MAX(w.shape, (int)strlen(ln_node_shapes_text(g, n, text)));
    }
    return w;
}

void ln_graph_print(const ln_graph *g, ln_str *out) {
    const widths w = measure(g);
    char shape[LN_MAX_OUT * 96], params[32], macs[32], name[LN_LAYER_TEXT];
    ln_str_add(out, "%-*s  %-*s  %-*s  %12s  %16s\n", w.name, "layer", w.op, "op", w.shape,
               "output", "params", "MACs");
    for (int i = 0; i < g->n_node; i++) {
        const ln_node *n = &g->node[i];
        ln_str op = {0};
        put_op(&op, g, n);
        ln_str_add(out, "%-*s  %-*s  %-*s  %12s  %16s\n", w.name, ln_layer_text(n->name, name),
                   w.op, op.p ? op.p : "", w.shape, ln_node_shapes_text(g, n, shape),
                   grouped(node_params(g, n), params), grouped(ln_node_macs(g, n), macs));
        ln_str_free(&op);
    }
    ln_str_add(out, "%-*s  %-*s  %-*s  %12s  %16s\n", w.name, "total", w.op, "", w.shape, "",
               grouped(g->params, params), grouped(g->macs, macs));
}
