/* What recognisers of written-out patterns share. */
#ifndef LN_MATCH_H
#define LN_MATCH_H

#include "engine/passes/rewrite.h"

/* The value of a constant of one element. */
bool ln_match_scalar(const ln_graph *g, ln_tid t, double *v);
/* Equal but for the rounding of a file's constants to f32. */
bool ln_match_near(double a, double b);
/* True when t = x kind c, with the scalar c on either side where the order does not matter. */
bool ln_match_with(const ln_rewrite *rw, ln_tid t, ln_map_kind kind, ln_tid *x, double *c);
/* True when t = a kind b, both computed; kind ADD and MUL are ops of their own too. */
bool ln_match_pair(const ln_rewrite *rw, ln_tid t, ln_map_kind kind, ln_tid *a, ln_tid *b);
/* The node that makes t, when it is of that op (MAP: of that kind), without an activation. */
ln_node *ln_match_op(const ln_rewrite *rw, ln_tid t, ln_op op);
ln_node *ln_match_map(const ln_rewrite *rw, ln_tid t, ln_map_kind kind);

/* t as a product: scale * f[0] * f[1] ..., through products and quotients down to `stop`, or to
 * what is no product. False: more factors than there is room for. */
enum { LN_MATCH_FACTORS = 8 };
typedef struct ln_product {
    double scale;
    ln_tid f[LN_MATCH_FACTORS];
    int n;
} ln_product;
bool ln_match_product(const ln_rewrite *rw, ln_tid t, ln_tid stop, ln_product *p);

/* n becomes an op of the given inputs and attributes; its output stays. */
void ln_match_become(ln_rewrite *rw, ln_node *n, ln_op op, const ln_attr *attr, const ln_tid *in,
                     int n_in);

#endif
