#include "engine/passes/match.h"
#include <math.h>

bool ln_match_scalar(const ln_graph *g, ln_tid t, double *v) {
    if (t == LN_NONE) return false;
    const ln_tensor *x = &g->tensor[t];
    float word;
    if (x->kind != LN_TENSOR_CONST || x->dtype != LN_F32 || !x->view.data) return false;
    for (int i = 0; i < x->shape.rank; i++)
        if (x->shape.dim[i] != 1) return false;
    if (ln_const_copy_f32(g, t, &word, NULL) != LINNET_OK) return false;
    *v = (double)word;
    return true;
}

bool ln_match_near(double a, double b) {
    return fabs(a - b) <= 1e-6 * fabs(b);
}

ln_node *ln_match_op(const ln_rewrite *rw, ln_tid t, ln_op op) {
    ln_node *n = ln_rewrite_maker(rw, t);
    if (!n || n->op != op || n->out[0] != t || ln_node_is_quant(rw->g, n)) return NULL;
    const bool acts = (op == LN_OP_ADD || op == LN_OP_MUL) && n->attr.binary.act.kind;
    return acts ? NULL : n;
}

ln_node *ln_match_map(const ln_rewrite *rw, ln_tid t, ln_map_kind kind) {
    ln_node *n = ln_match_op(rw, t, LN_OP_MAP);
    return n && n->attr.map.kind == kind ? n : NULL;
}

static ln_node *binary(const ln_rewrite *rw, ln_tid t, ln_map_kind kind) {
    ln_node *n = ln_match_map(rw, t, kind);
    if (!n && kind == LN_MAP_ADD) n = ln_match_op(rw, t, LN_OP_ADD);
    if (!n && kind == LN_MAP_MUL) n = ln_match_op(rw, t, LN_OP_MUL);
    return n && n->n_in == 2 ? n : NULL;
}

bool ln_match_with(const ln_rewrite *rw, ln_tid t, ln_map_kind kind, ln_tid *x, double *c) {
    const ln_node *n = binary(rw, t, kind);
    if (!n) return false;
    const bool either = kind == LN_MAP_ADD || kind == LN_MAP_MUL;
    const int at = ln_match_scalar(rw->g, n->in[1], c)             ? 0
                   : either && ln_match_scalar(rw->g, n->in[0], c) ? 1
                                                                   : -1;
    if (at < 0) return false;
    *x = n->in[at];
    /* a scalar of more dimensions than x would change its shape */
    return ln_shape_equal(&rw->g->tensor[*x].shape, &rw->g->tensor[t].shape);
}

bool ln_match_pair(const ln_rewrite *rw, ln_tid t, ln_map_kind kind, ln_tid *a, ln_tid *b) {
    const ln_node *n = binary(rw, t, kind);
    if (!n) return false;
    *a = n->in[0];
    *b = n->in[1];
    return true;
}

bool ln_match_product(const ln_rewrite *rw, ln_tid t, ln_tid stop, ln_product *p) {
    ln_tid wait[LN_MATCH_FACTORS] = {t}, a, b;
    int n = 1, steps = 0;
    double c;
    *p = (ln_product){.scale = 1.0};
    while (n) {
        if (steps++ > 4 * LN_MATCH_FACTORS) return false; /* long chains are no pattern */
        const ln_tid x = wait[--n];
        if (x != stop && ln_match_with(rw, x, LN_MAP_MUL, &a, &c)) {
            p->scale *= c;
            wait[n++] = a;
        } else if (x != stop && ln_match_with(rw, x, LN_MAP_DIV, &a, &c)) {
            p->scale /= c;
            wait[n++] = a;
        } else if (x != stop && ln_match_pair(rw, x, LN_MAP_MUL, &a, &b)) {
            if (n + 2 > LN_MATCH_FACTORS) return false;
            wait[n++] = a;
            wait[n++] = b;
        } else {
            if (p->n == LN_MATCH_FACTORS) return false;
            p->f[p->n++] = x;
        }
    }
    return true;
}

void ln_match_become(ln_rewrite *rw, ln_node *n, ln_op op, const ln_attr *attr, const ln_tid *in,
                     int n_in) {
    n->op = op;
    n->attr = attr ? *attr : (ln_attr){0};
    for (int i = 0; i < n_in; i++) ln_rewrite_set_in(rw, n, i, in[i]);
    for (int i = n_in; i < n->n_in; i++) ln_rewrite_set_in(rw, n, i, LN_NONE);
    n->n_in = n_in;
}
