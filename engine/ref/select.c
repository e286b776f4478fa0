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

typedef struct box {
    float y1, x1, y2, x2;
} box;

static box box_of(const float *b, bool center) {
    if (center) {
        const float w = b[2] * 0.5f, h = b[3] * 0.5f;
        return (box){b[1] - h, b[0] - w, b[1] + h, b[0] + w};
    }
    return (box){b[0] < b[2] ? b[0] : b[2], b[1] < b[3] ? b[1] : b[3], b[0] > b[2] ? b[0] : b[2],
                 b[1] > b[3] ? b[1] : b[3]};
}

/* In f32 as the kernel, or the two would now and then part at the limit. */
static bool overlap(const box *a, const box *b, float limit) {
    const float y1 = a->y1 > b->y1 ? a->y1 : b->y1, x1 = a->x1 > b->x1 ? a->x1 : b->x1;
    const float y2 = a->y2 < b->y2 ? a->y2 : b->y2, x2 = a->x2 < b->x2 ? a->x2 : b->x2;
    if (!(y2 > y1 && x2 > x1)) return false;
    const float both = (y2 - y1) * (x2 - x1);
    const float first = (a->y2 - a->y1) * (a->x2 - a->x1);
    const float second = (b->y2 - b->y1) * (b->x2 - b->x1), all = first + second - both;
    return first > 0 && second > 0 && all > 0 && both / all > limit;
}

/* One class of one image: candidates best first, and the indices of those kept. */
static void suppress(const ln_nms_attr *p, const float *boxes, const candidate *order, int64_t n,
                     int32_t *kept) {
    int64_t count = 0;
    for (int64_t i = 0; i < n && count < p->most; i++) {
        const box b = box_of(boxes + order[i].index * 4, p->center);
        bool free_of = true;
        for (int64_t k = 0; k < count && free_of; k++) {
            const box other = box_of(boxes + kept[k] * 4, p->center);
            free_of = !overlap(&b, &other, p->iou);
        }
        if (free_of) kept[count++] = order[i].index;
    }
}

linnet_status ln_ref_nms(const ln_ref_call *c, linnet_error *err) {
    const ln_nms_attr *p = &c->node->attr.nms;
    const ln_shape *s = c->shape[1];
    const int64_t classes = s->dim[1], size = s->dim[2], most = c->oshape->dim[2];
    candidate *all = malloc((size_t)size * sizeof *all);
    if (!all) return ln_fail_oom(err, c->node->name, (size_t)size * sizeof *all);
    for (int64_t r = 0; r < s->dim[0] * classes; r++) {
        int32_t *kept = (int32_t *)c->out + r * most, *order = (int32_t *)c->more[1] + r * size;
        int64_t n = 0;
        for (int64_t i = 0; i < size; i++)
            if (c->in[1][r * size + i] > p->score)
                all[n++] = (candidate){(double)c->in[1][r * size + i], (int32_t)i};
        qsort(all, (size_t)n, sizeof *all, by_key);
        for (int64_t i = 0; i < size; i++) order[i] = i < n ? all[i].index : -1;
        for (int64_t i = 0; i < most; i++) kept[i] = -1;
        suppress(p, c->in[0] + r / classes * size * 4, all, n, kept);
    }
    free(all);
    return LINNET_OK;
}

linnet_status ln_ref_nms_rows(const ln_ref_call *c, linnet_error *err) {
    (void)err;
    const ln_shape *s = c->shape[0];
    const int32_t *x = (const int32_t *)c->in[0];
    int32_t *row = (int32_t *)c->out, count = 0;
    for (int64_t r = 0; r < s->dim[0] * s->dim[1]; r++)
        for (int64_t m = 0; m < s->dim[2] && x[r * s->dim[2] + m] >= 0; m++, count++) {
            *row++ = (int32_t)(r / s->dim[1]);
            *row++ = (int32_t)(r % s->dim[1]);
            *row++ = x[r * s->dim[2] + m];
        }
    while (row < (int32_t *)c->out + c->oshape->dim[0] * 3) *row++ = -1;
    *(int32_t *)c->more[1] = count;
    return LINNET_OK;
}
