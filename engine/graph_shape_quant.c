/* Quantized nodes: which ops take I8, what they ask of their inputs, and the scale of what they
 * give. */
#include "engine/graph_shape.h"

#include <math.h>

bool ln_node_takes_i8(const ln_graph *g, const ln_node *n) {
    const ln_reduce_attr *r = &n->attr.reduce;
    const ln_tensor *x = &g->tensor[n->in[0]];
    if (x->dtype != LN_I8) return false;
    switch (n->op) {
    case LN_OP_CONV2D:
    case LN_OP_FC:
    case LN_OP_ADD:
    case LN_OP_MUL:
    case LN_OP_ACT:
    case LN_OP_RESHAPE:
    case LN_OP_CONCAT:
    case LN_OP_SLICE:
    case LN_OP_PAD:
    case LN_OP_PERMUTE:
    case LN_OP_TILE:
    case LN_OP_RESIZE: return true;
    case LN_OP_POOL: return !n->attr.pool.indices;
    case LN_OP_REDUCE:
        return ln_reduce_is_place(r->kind) ||
               (r->kind == LN_REDUCE_MEAN && x->shape.rank == 4 && r->axes == 6u);
    default: return false;
    }
}

ln_quant ln_node_quant(const ln_graph *g, const ln_node *n) {
    if (!ln_node_takes_i8(g, n)) return (ln_quant){0};
    switch (n->op) {
    case LN_OP_ACT:
        if (n->attr.act.kind != LN_ACT_NONE) break;
        return g->tensor[n->in[0]].q;
    case LN_OP_POOL:
    case LN_OP_RESHAPE:
    case LN_OP_CONCAT:
    case LN_OP_SLICE:
    case LN_OP_PAD:
    case LN_OP_PERMUTE:
    case LN_OP_TILE:
    case LN_OP_RESIZE: return g->tensor[n->in[0]].q;
    default: break;
    }
    return (ln_quant){0};
}

static linnet_status need(const ln_graph *g, const ln_node *n, int slot, ln_dtype want,
                          linnet_error *err) {
    const ln_tid id = ln_node_in(n, slot);
    if (id == LN_NONE) return LINNET_OK;
    const ln_tensor *t = &g->tensor[id];
    if (t->dtype != want)
        return LN_BAD("input %d, %s, is %s and not %s; convert it", slot, t->name,
                      ln_dtype_names[t->dtype], ln_dtype_names[want]);
    if (want == LN_I8 && !t->q.on) return LN_BAD("%s has no scale and zero point yet", t->name);
    return LINNET_OK;
}

static linnet_status need_clamp(const ln_act *a, linnet_error *err) {
    if (a->kind == LN_ACT_NONE || a->kind == LN_ACT_CLAMP) return LINNET_OK;
    return LN_BAD("of i8 takes no activation but a clamp");
}

static linnet_status need_weights(const ln_graph *g, const ln_node *n, linnet_error *err) {
    LN_TRY(need(g, n, LN_CONV_W, LN_I8, err));
    LN_TRY(need(g, n, LN_CONV_BIAS, LN_I32, err));
    if (ln_node_is_dynamic(g, n)) return LN_BAD("of i8 needs constants for weight and bias");
    if (n->op == LN_OP_FC) return need_clamp(&n->attr.fc.act, err);
    if (ln_node_in(n, LN_CONV_RES) != LN_NONE || ln_node_in(n, LN_CONV_GATE) != LN_NONE ||
        n->attr.conv.post.kind != LN_ACT_NONE)
        return LN_BAD("of i8 takes no residual, gate or second activation");
    return need_clamp(&n->attr.conv.act, err);
}

static linnet_status need_equal(const ln_graph *g, const ln_node *n, linnet_error *err) {
    const ln_tensor *x = &g->tensor[n->in[0]];
    for (int i = 1; i < n->n_in; i++) {
        LN_TRY(need(g, n, i, LN_I8, err));
        const ln_tensor *y = n->in[i] == LN_NONE ? x : &g->tensor[n->in[i]];
        if (!ln_quant_equal(&x->q, &y->q))
            return LN_BAD("%s and %s differ in scale or zero point; quantize them alike", x->name,
                          y->name);
    }
    return LINNET_OK;
}

linnet_status ln_need_quant(const ln_graph *g, const ln_node *n, linnet_error *err) {
    if (n->op == LN_OP_QUANTIZE && g->tensor[n->in[0]].dtype == LN_F32)
        return n->attr.quantize.real ? LN_BAD("of f32 has one way to round") : LINNET_OK;
    LN_TRY(need(g, n, 0, LN_I8, err));
    switch (n->op) {
    case LN_OP_QUANTIZE:
        return n->attr.quantize.even ? LN_BAD("of i8 rounds no halves to even") : LINNET_OK;
    case LN_OP_CONV2D:
    case LN_OP_FC: return need_weights(g, n, err);
    case LN_OP_ADD:
    case LN_OP_MUL: LN_TRY(need(g, n, 1, LN_I8, err)); return need_clamp(&n->attr.binary.act, err);
    case LN_OP_CONCAT: return need_equal(g, n, err);
    case LN_OP_PAD:
        return isfinite(n->attr.pad.value) ? LINNET_OK : LN_BAD("of i8 needs a finite value");
    case LN_OP_RESIZE:
        return n->attr.resize.grid == LN_GRID_CROP ? LN_BAD("of i8 makes no crops") : LINNET_OK;
    default: return LINNET_OK;
    }
}
