/* Rules of ops over operands of any rank, and the type that each op gives. */
#include "engine/graph_shape.h"

#include "cl_kernels/map.h"
#include "engine/quant.h"

#include <string.h>

const char *const ln_map_names[LN_MAP_COUNT] = {
#define LN_MAP_NAME(id, name, operands) name,
    LN_MAP_KINDS(LN_MAP_NAME)
#undef LN_MAP_NAME
};
const int ln_map_operands[LN_MAP_COUNT] = {
#define LN_MAP_OPERANDS(id, name, operands) operands,
    LN_MAP_KINDS(LN_MAP_OPERANDS)
#undef LN_MAP_OPERANDS
};
const char *const ln_reduce_names[LN_REDUCE_COUNT] = {
    "sum", "mean",       "max",     "min",         "prod",   "l1",
    "l2",  "sum_square", "log_sum", "log_sum_exp", "argmax", "argmin"};
#define F LN_F32
#define I LN_I32
const ln_map_row ln_map_rows[] = {
#define LN_MAP_ROW(kind, in, out, group, expression) {LN_MAP_##kind, LN_MAP_##group, #in, out},
    LN_MAP_ROWS(LN_MAP_ROW)
#undef LN_MAP_ROW
};
const int ln_map_row_count = LN_MAP_ROWS_END;
#undef F
#undef I

int ln_map_find(ln_map_kind kind, const ln_dtype *in, int count) {
    for (int r = 0; r < LN_MAP_ROWS_END; r++) {
        const ln_map_row *row = &ln_map_rows[r];
        bool same = row->kind == kind && (int)strlen(row->in) == count;
        for (int i = 0; same && i < count; i++)
            same = in[i] == (row->in[i] == 'F' ? LN_F32 : LN_I32);
        if (same) return r;
    }
    return -1;
}

/* ---- types ---- */

/* Ops that move words, whatever these are. */
static bool moves_words(const ln_node *n) {
    switch (n->op) {
    case LN_OP_RESHAPE:
    case LN_OP_CONCAT:
    case LN_OP_SLICE:
    case LN_OP_PAD:
    case LN_OP_CHANNEL_SHUFFLE:
    case LN_OP_PERMUTE:
    case LN_OP_TILE:
    case LN_OP_GATHER:
    case LN_OP_GATHER_ND:
    case LN_OP_GATHER_ELEMENTS:
    case LN_OP_TOPK: return true;
    case LN_OP_ACT: return n->attr.act.kind == LN_ACT_NONE;
    default: return false;
    }
}

int ln_node_map_row(const ln_graph *g, const ln_node *n) {
    ln_dtype in[LN_MAX_IN] = {LN_F32};
    for (int i = 0; i < n->n_in; i++) in[i] = g->tensor[n->in[i]].dtype;
    return ln_map_find(n->attr.map.kind, in, n->n_in);
}

static ln_dtype type_by_rule(const ln_graph *g, const ln_node *n, int output) {
    if (output || n->op == LN_OP_NMS || n->op == LN_OP_NMS_ROWS) return LN_I32; /* indices */
    if (n->op == LN_OP_MAP) {
        const int row = ln_node_map_row(g, n);
        return row < 0 ? LN_F32 : ln_map_rows[row].out;
    }
    if (n->op == LN_OP_REDUCE && ln_reduce_is_place(n->attr.reduce.kind)) return LN_I32;
    if (n->op == LN_OP_QUANTIZE || ln_node_takes_i8(g, n)) return LN_I8;
    return moves_words(n) || n->op == LN_OP_REDUCE ? g->tensor[n->in[0]].dtype : LN_F32;
}

ln_dtype ln_node_dtype(const ln_graph *g, const ln_node *n, int output) {
    const ln_dtype type = type_by_rule(g, n, output);
    return type == LN_F32 && g->tensor[n->in[0]].dtype == LN_F16 ? LN_F16 : type;
}

/* What slot i of n must hold. */
static ln_dtype type_of_slot(const ln_graph *g, const ln_node *n, int i) {
    const bool reads =
        n->op == LN_OP_GATHER || n->op == LN_OP_GATHER_ND || n->op == LN_OP_GATHER_ELEMENTS;
    if ((reads && i == 1) || n->op == LN_OP_NMS_ROWS) return LN_I32;
    if (i == 0 && n->op == LN_OP_CONV2D && n->attr.conv.bytes) return LN_U8;
    return moves_words(n) ? g->tensor[n->in[0]].dtype : LN_F32;
}

/* Integers only where an op takes them; what a map and a reduction take is their own rules' to say.
 */
linnet_status ln_need_types(const ln_graph *g, const ln_node *n, linnet_error *err) {
    if (n->op == LN_OP_QUANTIZE || n->op == LN_OP_DEQUANTIZE || ln_node_takes_i8(g, n))
        return ln_need_quant(g, n, err);
    if (n->op == LN_OP_MAP || n->op == LN_OP_REDUCE) return LINNET_OK;
    for (int i = 0; i < n->n_in; i++) {
        if (n->in[i] == LN_NONE) continue;
        const ln_tensor *t = &g->tensor[n->in[i]];
        const ln_dtype want = type_of_slot(g, n, i);
        if (t->dtype != want && !(ln_dtype_is_real(t->dtype) && ln_dtype_is_real(want)))
            return LN_BAD("input %d, %s, is %s and not %s; convert it", i, t->name,
                          ln_dtype_names[t->dtype], ln_dtype_names[want]);
    }
    return LINNET_OK;
}

float ln_pad_word(const ln_graph *g, const ln_node *n) {
    float word = n->attr.pad.value;
    const ln_tensor *x = &g->tensor[n->in[0]];
    const int32_t v = ln_f64_to_i32((double)word);
    if (x->dtype == LN_I32) memcpy(&word, &v, sizeof word);
    if (x->dtype == LN_I8) memset(&word, ln_quantize(&x->q, word), sizeof word);
    return word;
}

/* ---- shapes ---- */

linnet_status ln_shape_broadcast(ln_shape *out, const ln_shape *x, linnet_error *err) {
    char a[96], b[96];
    ln_shape y = {.rank = LN_MAX(out->rank, x->rank)};
    for (int i = 1; i <= y.rank; i++) {
        const int64_t p = i <= out->rank ? out->dim[out->rank - i] : 1;
        const int64_t q = i <= x->rank ? x->dim[x->rank - i] : 1;
        if (p != q && p != 1 && q != 1)
            return LN_BAD("%s and %s cannot be broadcast", ln_shape_text(out, a),
                          ln_shape_text(x, b));
        y.dim[y.rank - i] = p == 1 ? q : p;
    }
    *out = y;
    return LINNET_OK;
}

linnet_status ln_shape_map(const ln_graph *g, const ln_node *n, ln_shape *out, linnet_error *err) {
    const ln_map_attr *a = &n->attr.map;
    if ((unsigned)a->kind >= LN_MAP_COUNT) return LN_BAD("no function %d", (int)a->kind);
    const char *name = ln_map_names[a->kind];
    if (n->n_in != ln_map_operands[a->kind])
        return LN_BAD("%s takes %d operands, not %d", name, ln_map_operands[a->kind], n->n_in);
    for (int i = 0; i < n->n_in; i++)
        if (n->in[i] == LN_NONE) return LN_BAD("%s: operand %d is missing", name, i);
    if (ln_node_map_row(g, n) < 0) {
        const char *type[3] = {"", "", ""};
        for (int i = 0; i < n->n_in; i++) type[i] = ln_dtype_names[g->tensor[n->in[i]].dtype];
        return LN_BAD("no %s of %s %s %s", name, type[0], type[1], type[2]);
    }
    *out = *ln_in_shape(g, n, 0);
    for (int i = 1; i < n->n_in; i++) LN_TRY(ln_shape_broadcast(out, ln_in_shape(g, n, i), err));
    return LINNET_OK;
}

linnet_status ln_shape_reduce(const ln_graph *g, const ln_node *n, ln_shape *out,
                              linnet_error *err) {
    const ln_reduce_attr *a = &n->attr.reduce;
    const ln_shape *x = ln_in_shape(g, n, 0);
    char text[96];
    if ((unsigned)a->kind >= LN_REDUCE_COUNT) return LN_BAD("no reduction %d", (int)a->kind);
    if (a->axes >> x->rank)
        return LN_BAD("axes 0x%x are not all of %s", a->axes, ln_shape_text(x, text));
    if (ln_reduce_is_place(a->kind) && (!a->axes || a->axes & (a->axes - 1)))
        return LN_BAD("%s goes along one axis, not 0x%x", ln_reduce_names[a->kind], a->axes);
    if (g->tensor[n->in[0]].dtype == LN_I8 && !ln_node_takes_i8(g, n))
        return LN_BAD("of i8 there are only places and the mean over height and width; convert it");
    const bool real = a->kind == LN_REDUCE_MEAN || a->kind == LN_REDUCE_L2 ||
                      a->kind == LN_REDUCE_LOG_SUM || a->kind == LN_REDUCE_LOG_SUM_EXP;
    if (real && g->tensor[n->in[0]].dtype == LN_I32)
        return LN_BAD("no %s of i32; convert it", ln_reduce_names[a->kind]);
    *out = (ln_shape){0};
    for (int d = 0; d < x->rank; d++)
        if (!(a->axes >> d & 1))
            out->dim[out->rank++] = x->dim[d];
        else if (a->keep)
            out->dim[out->rank++] = 1;
    if (!out->rank) *out = (ln_shape){1, {1}};
    return LINNET_OK;
}
