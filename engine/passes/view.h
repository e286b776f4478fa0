/* What a chain of reshapes, permutations, slices and repetitions makes of a tensor, as one strided
 * view of it: however a file spells a movement of data, its view is the same. */
#ifndef LN_PASS_VIEW_H
#define LN_PASS_VIEW_H

#include "engine/passes/match.h"

enum { LN_MAX_FACTORS = 24 };
typedef struct ln_factor {
    int64_t size, stride; /* in elements of the source, dense; 0: repeated */
} ln_factor;
/* Dimension d is the factors first[d] .. first[d + 1], the last of them the fastest. None has size
 * 1, and none continues the one before it. */
typedef struct ln_moved {
    ln_tid src;
    int64_t offset;
    double scale; /* times this, from products with scalars on the way */
    int rank, first[LN_MAX_RANK + 1];
    ln_factor f[LN_MAX_FACTORS];
} ln_moved;

/* t itself, dimension by dimension. */
void ln_moved_whole(const ln_graph *g, ln_tid t, ln_moved *m);
/* The view of node n's output, m being that of its input; false: it is no strided view (m is then
 * spoilt). */
bool ln_moved_apply(ln_moved *m, const ln_graph *g, const ln_node *n);
/* t as a view of what no such op makes. scaled: looks through products with scalars too. Of a chain
 * that is no strided view the part behind what is not one. */
void ln_moved_trace(const ln_rewrite *rw, ln_tid t, bool scaled, ln_moved *m);
/* Exchanges the last two dimensions. */
void ln_moved_turn(ln_moved *m);
/* Whether dimensions d .. d + n - 1 of m, taken together, are these factors. */
bool ln_moved_is(const ln_moved *m, int d, int n, const ln_factor *f, int count);
/* Elements in them; without what is only repeated, when repeats is not NULL, which receives it. */
int64_t ln_moved_count(const ln_moved *m, int d, int n, int64_t *repeats);

#endif
