/* Activations written out, as exporters do that have no operator for them:
 *   swish        x * sigmoid(x)
 *   hard sigmoid clip(x + 3, 0, 6) / 6
 *   hard swish   x * (either form of the hard sigmoid), the sixth anywhere
 *   GELU         0.5 * x * (1 + erf(x / sqrt 2))
 *   GELU by tanh 0.5 * x * (1 + tanh(sqrt(2/pi) * (x + 0.044715 x^3)))
 * as products in any order. */
#include "engine/passes/match.h"
#include <math.h>

/* A function of x among the factors, and what the product is with x and without it. */
typedef struct form {
    double scale;
    ln_act with_x, alone; /* LN_ACT_NONE: nothing known */
} form;

static bool is_act(const ln_rewrite *rw, ln_tid t, ln_act_kind kind, ln_tid *x, ln_act *a) {
    const ln_node *n = ln_match_op(rw, t, LN_OP_ACT);
    if (!n || n->attr.act.kind != kind) return false;
    *x = n->in[0];
    *a = n->attr.act;
    return true;
}

/* clip(x + 3, 0, 6) */
static bool clipped(const ln_rewrite *rw, ln_tid t, ln_tid *x) {
    ln_act a;
    double c;
    return is_act(rw, t, LN_ACT_CLAMP, &t, &a) && a.lo == 0.0f && a.hi == 6.0f &&
           ln_match_with(rw, t, LN_MAP_ADD, x, &c) && c == 3.0;
}

/* erf(x / sqrt 2) */
static bool error_function(const ln_rewrite *rw, ln_tid t, ln_tid *x) {
    const ln_node *n = ln_match_map(rw, t, LN_MAP_ERF);
    double c;
    if (!n) return false;
    if (ln_match_with(rw, n->in[0], LN_MAP_DIV, x, &c)) return ln_match_near(c, sqrt(2.0));
    return ln_match_with(rw, n->in[0], LN_MAP_MUL, x, &c) && ln_match_near(c, sqrt(0.5));
}

/* 0.044715 x^3 */
static bool cube(const ln_rewrite *rw, ln_tid t, ln_tid x) {
    ln_product p;
    ln_tid of;
    double c;
    if (!ln_match_product(rw, t, x, &p) || !ln_match_near(p.scale, 0.044715)) return false;
    if (p.n == 1) return ln_match_with(rw, p.f[0], LN_MAP_POW, &of, &c) && c == 3.0 && of == x;
    return p.n == 3 && p.f[0] == x && p.f[1] == x && p.f[2] == x;
}

/* tanh(sqrt(2/pi) * (x + 0.044715 x^3)) */
static bool tangent(const ln_rewrite *rw, ln_tid t, ln_tid *x) {
    ln_act a;
    ln_tid sum, l, r;
    double c;
    if (!is_act(rw, t, LN_ACT_TANH, &sum, &a) || !ln_match_with(rw, sum, LN_MAP_MUL, &sum, &c) ||
        !ln_match_near(c, sqrt(2.0 / acos(-1.0))) || !ln_match_pair(rw, sum, LN_MAP_ADD, &l, &r))
        return false;
    *x = cube(rw, r, l) ? l : r;
    return cube(rw, r, l) || cube(rw, l, r);
}

static bool form_of(const ln_rewrite *rw, ln_tid t, ln_tid *x, form *f) {
    ln_act a;
    double one;
    *f = (form){.scale = 1.0};
    if (is_act(rw, t, LN_ACT_SIGMOID, x, &a)) {
        f->with_x.kind = LN_ACT_SWISH;
        return true;
    }
    if (is_act(rw, t, LN_ACT_HARD_SIGMOID, x, &a)) {
        f->with_x = ln_act_of(LN_ACT_HARD_SWISH);
        return ln_match_near((double)a.alpha, 1.0 / 6.0) && a.beta == 0.5f;
    }
    if (clipped(rw, t, x)) {
        f->scale = 1.0 / 6.0;
        f->with_x = ln_act_of(LN_ACT_HARD_SWISH);
        f->alone = ln_act_of(LN_ACT_HARD_SIGMOID);
        return true;
    }
    if (!ln_match_with(rw, t, LN_MAP_ADD, &t, &one) || one != 1.0) return false;
    f->scale = 0.5;
    f->with_x = ln_act_of(LN_ACT_GELU);
    if (error_function(rw, t, x)) return true;
    f->with_x.kind = LN_ACT_GELU_TANH;
    return tangent(rw, t, x);
}

/* The activation that a product with the factor f(x) is; LN_ACT_NONE: none. */
static ln_act product_as(const ln_rewrite *rw, ln_tid t, ln_tid x, ln_tid fx, const form *f) {
    const ln_act none = {0};
    ln_product p;
    if (!ln_match_product(rw, t, x, &p) || !ln_match_near(p.scale, f->scale)) return none;
    if (p.n == 1) return p.f[0] == fx ? f->alone : none;
    const bool both = (p.f[0] == x && p.f[1] == fx) || (p.f[0] == fx && p.f[1] == x);
    return p.n == 2 && both ? f->with_x : none;
}

static void recognise(ln_rewrite *rw, ln_node *n) {
    const ln_tid y = n->out[0];
    ln_product p;
    ln_tid x;
    form f;
    if (n->op != LN_OP_MUL && n->op != LN_OP_MAP) return;
    if (!ln_match_product(rw, y, LN_NONE, &p)) return;
    for (int i = 0; i < p.n; i++) {
        if (p.f[i] == y || !form_of(rw, p.f[i], &x, &f)) continue;
        const ln_attr a = {.act = product_as(rw, y, x, p.f[i], &f)};
        if (a.act.kind == LN_ACT_NONE ||
            !ln_shape_equal(&rw->g->tensor[x].shape, &rw->g->tensor[y].shape))
            continue;
        ln_match_become(rw, n, LN_OP_ACT, &a, &x, 1);
        return;
    }
}

linnet_status ln_pass_recognize_act(ln_graph *g, int *changed, linnet_error *err) {
    ln_rewrite rw;
    LN_TRY(ln_rewrite_begin(&rw, g, err));
    for (int i = 0; i < g->n_node; i++) recognise(&rw, &g->node[i]);
    return ln_rewrite_end(&rw, LINNET_OK, changed, err);
}
