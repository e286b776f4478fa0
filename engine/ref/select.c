/* Ops that choose elements by their size. */
#include "engine/ref/ops.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct candidate {
    double key; /* the larger the better */
    int32_t index;
} candidate;

/* Best first; of equals the lower index. */
static int by_key(const void *a, const void *b) {
    const candidate *p = a, *q = b;
    if (p->key != q->key) return p->key > q->key ? -1 : 1;
    return p->index < q->index ? -1 : 1;
}

/* Every value but NaN, which comes after infinity, is a key as it is. */
static double key_of(const float *x, bool whole, bool smallest) {
    int32_t v;
    memcpy(&v, x, sizeof v);
    double key = whole ? v : (double)*x;
    if (!whole && isinf(key)) key = key > 0 ? 1e300 : -1e300;
    if (!whole && isnan(key)) key = INFINITY;
    return smallest ? -key : key;
}

linnet_status ln_ref_topk(const ln_ref_call *c, linnet_error *err) {
    const ln_topk_attr *a = &c->node->attr.topk;
    const int last = c->oshape->rank - 1;
    const int64_t size = c->shape[0]->dim[last];
    const bool whole = c->graph->tensor[c->node->in[0]].dtype == LN_I32;
    int64_t n = 0;
    ln_shape_count(c->oshape, &n);
    candidate *all = malloc((size_t)size * sizeof *all);
    if (!all) return ln_fail_oom(err, c->node->name, (size_t)size * sizeof *all);
    for (int64_t r = 0; r < n / a->k; r++) {
        const float *x = c->in[0] + r * size;
        for (int64_t i = 0; i < size; i++)
            all[i] = (candidate){key_of(x + i, whole, a->smallest), (int32_t)i};
        qsort(all, (size_t)size, sizeof *all, by_key);
        for (int64_t i = 0; i < a->k; i++) {
            c->out[r * a->k + i] = x[all[i].index];
            memcpy(c->more[1] + r * a->k + i, &all[i].index, sizeof all->index);
        }
    }
    free(all);
    return LINNET_OK;
}
