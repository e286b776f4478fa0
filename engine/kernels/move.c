/* Permutation, tiling, slices and padding of any rank: move_nd.cl, permute_deep.cl. */
#include "engine/kernels/nd.h"

#include <string.h>

/* What a kernel makes of an index: t0 of move_nd.cl */
enum { PLAIN, OUTSIDE, EDGE, REFLECT, SYMMETRIC, WRAP };

typedef struct axis {
    int64_t stride, before, size, from; /* from: of x, the first that index 0 can mean */
} axis;

static axis axis_of(const ln_node *n, const ln_shape *x, int d) {
    axis a = {1, 0, x->dim[d], 0};
    switch (n->op) {
    case LN_OP_SLICE: /* the step of one element may be any */
        a.stride = n->attr.slice.size.dim[d] > 1 ? n->attr.slice.step[d] : 0;
        a.from = n->attr.slice.begin[d];
        break;
    case LN_OP_PAD:
        a.before = LN_MAX(n->attr.pad.before[d], 0);
        a.from = LN_MAX(-n->attr.pad.before[d], 0);
        a.size -= a.from + LN_MAX(-n->attr.pad.after[d], 0);
        break;
    default: break;
    }
    return a;
}

static int mode_of(const ln_node *n) {
    static const int pads[] = {OUTSIDE, EDGE, REFLECT, SYMMETRIC, WRAP};
    return n->op == LN_OP_PAD ? pads[n->attr.pad.mode] : n->op == LN_OP_TILE ? WRAP : PLAIN;
}

static ln_i32 outside_word(const ln_site *s) {
    const float word = s->node->op == LN_OP_PAD ? ln_pad_word(s->graph, s->node) : 0.0f;
    ln_i32 bits;
    if (s->graph->tensor[s->node->in[0]].dtype == LN_F16) return ln_f32_to_f16(word);
    memcpy(&bits, &word, sizeof bits);
    return bits;
}

static void bind_axes(const ln_site *s, ln_args *a) {
    const ln_node *n = s->node;
    const ln_shape *x = ln_site_shape(s, n->in[0]), *y = ln_site_shape(s, n->out[0]);
    ln_nd *v = &a->u.nd;
    ln_i32 stride[LN_ND];
    ln_nd_bind_consts(s, a);
    a->t2 = 0;
    ln_nd_dims(y, v->dim);
    ln_nd_strides(y, a->yps, v->ystr);
    ln_nd_strides(x, v->ps[0], stride);
    for (int d = 0; d < LN_ND; d++) v->before[d] = 0, v->size[d] = 1, v->xstr[0][d] = 0;
    for (int d = 0; d < x->rank; d++) {
        const int to = LN_ND - x->rank + d;
        const int from = n->op == LN_OP_PERMUTE ? LN_ND - x->rank + n->attr.permute.perm[d] : to;
        const axis ax = axis_of(n, x, d);
        v->xstr[0][to] = (ln_i32)(stride[from] * ax.stride);
        v->before[to] = (ln_i32)ax.before;
        v->size[to] = (ln_i32)ax.size;
        a->t2 += (ln_i32)(ax.from * stride[from]);
    }
    a->t0 = mode_of(n);
    a->t1 = outside_word(s);
}

static void bind(const ln_variant *v, const ln_site *s, ln_args *a) {
    bind_axes(s, a);
    a->tiles = ln_tiles(v, (int64_t)a->m * ln_cpad(a->oc) / 8, 1);
}

/* ---- rows, for processors ---- */

/* The last dimension of y is a run of that of x. */
static bool rows_can_run(const ln_variant *v, const ln_site *s) {
    const ln_node *n = s->node;
    const ln_shape *x = ln_site_shape(s, n->in[0]), *y = ln_site_shape(s, n->out[0]);
    const int last = x->rank - 1;
    if (!ln_nd_can_run(v, s)) return false;
    switch (n->op) {
    case LN_OP_PERMUTE: return n->attr.permute.perm[last] == last;
    case LN_OP_SLICE: return n->attr.slice.step[last] == 1;
    case LN_OP_PAD: return n->attr.pad.before[last] <= 0 && n->attr.pad.after[last] <= 0;
    default: return x->dim[last] == y->dim[last];
    }
}

static void rows_bind(const ln_variant *v, const ln_site *s, ln_args *a) {
    (void)v;
    bind_axes(s, a);
    a->t4 = ln_deep_pixels(s, a);
    a->tiles = (ln_i32)ln_ceil_div(a->m, a->t4);
}

/* ---- turned blocks, for processors ---- */

static bool turn_can_run(const ln_variant *v, const ln_site *s) {
    const int last = ln_site_shape(s, s->node->in[0])->rank - 1;
    return ln_nd_can_run(v, s) && s->node->attr.permute.perm[last] != last &&
           s->graph->tensor[s->node->in[0]].kind != LN_TENSOR_CONST;
}

/* The dimension that was last moves to place 4, all others but the last join in front of it. */
static void turn_bind(const ln_variant *v, const ln_site *s, ln_args *a) {
    (void)v;
    bind_axes(s, a);
    ln_nd *d = &a->u.nd;
    const int rank = ln_site_shape(s, s->node->in[0])->rank;
    int k = LN_ND - 1;
    for (int i = 0; i < rank; i++)
        if (s->node->attr.permute.perm[i] == rank - 1) k = LN_ND - rank + i;
    const ln_i32 dim = d->dim[k], ystr = d->ystr[k];
    for (int i = k; i < LN_ND - 2; i++) {
        d->dim[i] = d->dim[i + 1];
        d->ystr[i] = d->ystr[i + 1];
        d->xstr[0][i] = d->xstr[0][i + 1];
    }
    d->dim[LN_ND - 2] = dim;
    d->ystr[LN_ND - 2] = ystr;
    d->xstr[0][LN_ND - 2] = 1;
    int64_t units = ln_ceil_div(dim, ln_vector_width(s->caps));
    for (int i = 0; i < LN_ND - 2; i++) units *= d->dim[i];
    const int64_t least = (int64_t)a->m * ln_cpad(a->oc) / 4096;
    const int64_t most = LN_MAX(s->caps->compute_units, 1) * (int64_t)4;
    a->tiles = (ln_i32)LN_MAX(LN_MIN(LN_MIN(most, least), units), 1);
}

#define MOVE_FAMILY(name, op, can, bind)                                                           \
    const ln_family ln_family_##name = {#name, LN_OP_##op, can, ln_nd_packed, ln_nd_pack, bind}
MOVE_FAMILY(permute, PERMUTE, ln_nd_can_run, bind);
MOVE_FAMILY(tile, TILE, ln_nd_can_run, bind);
MOVE_FAMILY(slice_nd, SLICE, ln_nd_can_run, bind);
MOVE_FAMILY(pad_nd, PAD, ln_nd_can_run, bind);
MOVE_FAMILY(permute_rows, PERMUTE, rows_can_run, rows_bind);
MOVE_FAMILY(tile_rows, TILE, rows_can_run, rows_bind);
MOVE_FAMILY(slice_rows, SLICE, rows_can_run, rows_bind);
MOVE_FAMILY(pad_rows, PAD, rows_can_run, rows_bind);
MOVE_FAMILY(permute_deep, PERMUTE, turn_can_run, turn_bind);
