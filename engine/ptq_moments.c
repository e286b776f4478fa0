/* Moments of what the layers read, one sample a pixel of the output: see ptq_parts.h. */
#include "engine/ptq_parts.h"

#include <stdlib.h>
#include <string.h>

enum {
    SAMPLES = 128,      /* of a picture, spread over the map */
    TILE = 4,           /* samples that are added at a time */
    MOST = 1536 * 1536, /* elements of all matrices of a layer; above, only means are kept */
};
typedef float vec __attribute__((vector_size(LN_PTQ_LANES * sizeof(float))));

linnet_status ln_ptq_moments_create(const ln_graph *g, const ln_node *n, ln_pool *pool,
                                    ln_ptq_moments *m, linnet_error *err) {
    const ln_shape *s = &g->tensor[n->in[LN_CONV_W]].shape;
    int64_t count, square = 0, all = 0;
    ln_shape_count(s, &count);
    *m = (ln_ptq_moments){.k = count / s->dim[0], .groups = 1};
    if (n->op == LN_OP_CONV2D) m->groups = n->attr.conv.groups;
    m->row = ln_round_up(m->k, LN_PTQ_LANES);
    m->sum = ln_pool_alloc(pool, (size_t)(m->groups * m->k), sizeof *m->sum);
    m->tile = ln_alloc_aligned((size_t)(TILE * m->row), sizeof *m->tile);
    if (!m->sum || !m->tile) return ln_fail_oom(err, n->name, (size_t)m->row);
    if (!ln_mul_i64(m->k, m->row, &square) || !ln_mul_i64(square, m->groups, &all) || all > MOST)
        return LINNET_OK;
    m->product = ln_alloc_aligned((size_t)all, sizeof *m->product);
    if (!m->product) return ln_fail_oom(err, n->name, (size_t)all * sizeof *m->product);
    memset(m->product, 0, (size_t)all * sizeof *m->product);
    return LINNET_OK;
}

void ln_ptq_moments_free(ln_ptq_moments *m) {
    free(m->product);
    free(m->tile);
    m->product = m->tile = NULL;
}

/* What output pixel (oy, ox) reads of group g, in the weights' order; zero outside the map. */
static void gather(const ln_shape *s, const ln_conv_attr *a, const float *x, int64_t g, int64_t oy,
                   int64_t ox, float *to) {
    const ln_window *w = &a->win;
    const int64_t c = s->dim[3], each = c / a->groups;
    const int64_t first = a->interleaved ? g : g * each, step = a->interleaved ? a->groups : 1;
    for (int ky = 0; ky < w->kh; ky++)
        for (int kx = 0; kx < w->kw; kx++, to += each) {
            const int64_t iy = oy * w->sh - w->top + (int64_t)ky * w->dh;
            const int64_t ix = ox * w->sw - w->left + (int64_t)kx * w->dw;
            const bool in = iy >= 0 && iy < s->dim[1] && ix >= 0 && ix < s->dim[2];
            const float *from = in ? x + (iy * s->dim[2] + ix) * c + first : NULL;
            for (int64_t i = 0; i < each; i++) to[i] = in ? from[i * step] : 0;
        }
}

/* The lower triangle of a tile's products, in whole vectors. */
static void add_products(ln_ptq_moments *m, int64_t g) {
    float *of = m->product + g * m->k * m->row;
    const vec *x[TILE];
    for (int t = 0; t < TILE; t++) x[t] = (const vec *)(m->tile + t * m->row);
    for (int64_t i = 0; i < m->k; i++, of += m->row) {
        float f[TILE];
        for (int t = 0; t < TILE; t++) f[t] = m->tile[t * m->row + i];
        for (int64_t j = 0; j <= i / LN_PTQ_LANES; j++)
            ((vec *)of)[j] += f[0] * x[0][j] + f[1] * x[1][j] + f[2] * x[2][j] + f[3] * x[3][j];
    }
}

static void add_tile(ln_ptq_moments *m, int64_t g) {
    for (int t = 0; t < TILE; t++)
        for (int64_t i = 0; i < m->k; i++) m->sum[g * m->k + i] += (double)m->tile[t * m->row + i];
    if (m->product) add_products(m, g);
}

void ln_ptq_moments_see(ln_ptq_moments *m, const ln_graph *g, const ln_node *n, const float *x) {
    const ln_shape *in = &g->tensor[n->in[0]].shape, *out = &g->tensor[n->out[0]].shape;
    const bool conv = n->op == LN_OP_CONV2D;
    const int64_t pixels = conv ? out->dim[1] * out->dim[2] : 1;
    const int64_t samples = LN_MIN(pixels, SAMPLES);
    for (int64_t i = 0; i < m->groups; i++)
        for (int64_t s = 0; s < samples; s += TILE) {
            memset(m->tile, 0, (size_t)(TILE * m->row) * sizeof *m->tile);
            for (int64_t t = s; t < LN_MIN(s + TILE, samples); t++) {
                const int64_t at = t * pixels / samples;
                float *to = m->tile + (t - s) * m->row;
                if (conv)
                    gather(in, &n->attr.conv, x, i, at / out->dim[2], at % out->dim[2], to);
                else
                    memcpy(to, x, (size_t)m->k * sizeof *to);
            }
            add_tile(m, i);
        }
    m->count += samples;
}
