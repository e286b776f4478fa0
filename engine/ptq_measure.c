/* What quantization changes, layer by layer. */
#include "engine/ptq_parts.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

void ln_ptq_compare(ln_ptq_error *e, const float *a, const float *b, int64_t count) {
    for (int64_t i = 0; i < count; i++) {
        const double x = (double)a[i], y = (double)b[i];
        e->signal += x * x;
        e->noise += (y - x) * (y - x);
        e->dot += x * y;
        e->other += y * y;
    }
}

double ln_ptq_sqnr(const ln_ptq_error *e) {
    enum { EXACT = 200 }; /* where nothing changed */
    if (!(e->noise > 0)) return e->noise == 0 ? EXACT : NAN;
    return fmin(10 * log10(e->signal / e->noise), EXACT);
}

double ln_ptq_cosine(const ln_ptq_error *e) {
    if (e->signal == 0 && e->other == 0) return 1;
    return e->dot / sqrt(e->signal * e->other);
}

ln_tid ln_ptq_find(const ln_graph *g, const char *name) {
    const size_t n = strlen(name);
    ln_tid found = LN_NONE;
    for (int i = 0; i < g->n_node; i++) {
        const ln_node *node = &g->node[i];
        if (g->tensor[node->out[0]].dtype != LN_I8 || strncmp(node->name, name, n)) continue;
        if (!strcmp(node->name + n, ".int8")) return node->out[0]; /* floats made bytes */
        if (!node->name[n]) found = node->out[0];
    }
    return found;
}
