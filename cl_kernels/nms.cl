/* Non-maximum suppression, a class of an image at a time (definition: engine/graph.h).
 *
 * x: boxes [n,b,4]; x2: scores, rows of c words for t0 classes an image. y: t1 boxes chosen, y2: c
 * candidates, -1 behind both. lo: the least score, hi: the overlap that drops, t2: centres.
 * f32 in, i32 out. One work-item makes one class: candidates as a heap, the worst on top, sorted in
 * place; then each is held against those chosen before. */

LN_INLINE float4 LN_F(box)(__global const float *b, int center) {
    if (center) {
        float w = b[2] * 0.5f, h = b[3] * 0.5f;
        return (float4)(b[1] - h, b[0] - w, b[1] + h, b[0] + w);
    }
    return (float4)(b[0] < b[2] ? b[0] : b[2], b[1] < b[3] ? b[1] : b[3], b[0] > b[2] ? b[0] : b[2],
                    b[1] > b[3] ? b[1] : b[3]);
}

LN_INLINE int LN_F(overlap)(float4 a, float4 b, float limit) {
    float y1 = a.x > b.x ? a.x : b.x, x1 = a.y > b.y ? a.y : b.y;
    float y2 = a.z < b.z ? a.z : b.z, x2 = a.w < b.w ? a.w : b.w;
    if (!(y2 > y1 && x2 > x1)) return 0;
    float both = (y2 - y1) * (x2 - x1);
    float first = (a.z - a.x) * (a.w - a.y), second = (b.z - b.x) * (b.w - b.y);
    float all = first + second - both;
    return first > 0.0f && second > 0.0f && all > 0.0f && both / all > limit;
}

LN_INLINE int LN_F(before)(__global const float *score, int i, int j) {
    return score[i] > score[j] || (score[i] == score[j] && i < j);
}

/* Sinks i from place `at` of a heap of n. */
LN_INLINE void LN_F(sink)(__global const float *score, __global int *heap, int n, int at, int i) {
    for (;;) {
        int down = 2 * at + 1;
        if (down >= n) break;
        if (down + 1 < n && LN_F(before)(score, heap[down], heap[down + 1])) down++;
        if (!LN_F(before)(score, i, heap[down])) break;
        heap[at] = heap[down];
        at = down;
    }
    heap[at] = i;
}

LN_FUNCTION void LN_FN(LN_PARAMS) {
    int p = tile * LN_LOCAL + lid, n = 0, kept = 0;
    if (p >= s->m) return;
    __global const float *score = arena + s->x2 + (size_t)p * s->x2ps;
    __global const float *boxes = arena + s->x + (size_t)(p / s->t0) * s->xns;
    __global int *order = (__global int *)arena + s->y2 + (size_t)p * s->y2ps;
    __global int *y = (__global int *)arena + s->y + (size_t)p * s->yps;
    for (int i = 0; i < s->x2c; i++)
        if (score[i] > s->lo) order[n++] = i;
    for (int i = n / 2 - 1; i >= 0; i--) LN_F(sink)(score, order, n, i, order[i]);
    for (int left = n - 1; left > 0; left--) {
        int top = order[0];
        LN_F(sink)(score, order, left, 0, order[left]);
        order[left] = top;
    }
    for (int i = 0; i < n && kept < s->t1; i++) {
        float4 b = LN_F(box)(boxes + (size_t)order[i] * s->xps, s->t2);
        int k = 0;
        while (k < kept &&
               !LN_F(overlap)(b, LN_F(box)(boxes + (size_t)y[k] * s->xps, s->t2), s->hi))
            k++;
        if (k == kept) y[kept++] = order[i];
    }
    for (int i = kept; i < ln_pad(s->t1); i++) y[i] = i < s->t1 ? -1 : 0;
    for (int i = n; i < ln_pad(s->x2c); i++) order[i] = i < s->x2c ? -1 : 0;
}
LN_KERNEL
