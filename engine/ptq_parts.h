/* What the files of post-training quantization share. */
#ifndef LN_PTQ_PARTS_H
#define LN_PTQ_PARTS_H

#include "engine/ptq.h"

/* ---- which nodes (ptq_choose.c) ---- */
/* By tensor: whether its bytes need a scale of their own. */
linnet_status ln_ptq_choose(const ln_graph *g, bool *scaled, linnet_error *err);
/* A convolution or FC that will be one of bytes. */
bool ln_ptq_is_layer(const ln_graph *g, const ln_node *n, const bool *scaled);
/* The name that a row gives to tensor t: of its maker, or its own; NULL: several have it. */
const char *ln_ptq_name(const ln_graph *g, ln_tid t);

/* ---- running with everything observed (ptq_probe.c) ---- */
/* Nodes and tensors of its own, names and constants of g, which must outlive it. */
linnet_status ln_ptq_copy(const ln_graph *g, ln_graph **out, linnet_error *err);
typedef struct ln_ptq_probe ln_ptq_probe;
/* g must outlive the probe and stay as it is. t: the tensors to show; LN_NONE is left out. */
linnet_status ln_ptq_probe_create(const ln_graph *g, const ln_tid *t, int count, ln_device *d,
                                  ln_ptq_probe **out, linnet_error *err);
void ln_ptq_probe_destroy(ln_ptq_probe **p);
linnet_status ln_ptq_probe_run(ln_ptq_probe *p, const float *picture, linnet_error *err);
/* Values of t[i] in the last run: dense, in the order of the shape. */
const float *ln_ptq_probe_value(const ln_ptq_probe *p, int i, int64_t *count);

/* ---- what was seen (ptq_stats.c) ---- */
enum { LN_PTQ_BINS = 2048 };
typedef struct ln_ptq_stats {
    bool on;
    float lo, hi;
    int64_t count, channels;
    float *top;   /* by channel: the largest magnitude */
    int64_t *bin; /* LN_PTQ_BINS between lo and hi; NULL: not asked for */
} ln_ptq_stats;
void ln_ptq_see(ln_ptq_stats *s, const float *v, int64_t count);
void ln_ptq_count(ln_ptq_stats *s, const float *v, int64_t count);
/* What covers `percentile` of the elements, half of the rest on either side. */
void ln_ptq_range(const ln_ptq_stats *s, double percentile, float *lo, float *hi);

/* ---- what layers read (ptq_moments.c) ---- */
/* Of the K numbers that a sum of the layer reads, in the weights' order: every group by itself,
 * from pixels spread over each map. */
enum { LN_PTQ_LANES = 8 };
typedef struct ln_ptq_moments {
    int64_t k, row, groups, count; /* row: k rounded up to LN_PTQ_LANES */
    double *sum;                   /* [groups][k] */
    float *product;                /* [groups][k][row], on and below the diagonal; NULL: too many */
    float *tile;
} ln_ptq_moments;
linnet_status ln_ptq_moments_create(const ln_graph *g, const ln_node *n, ln_pool *pool,
                                    ln_ptq_moments *m, linnet_error *err);
void ln_ptq_moments_free(ln_ptq_moments *m); /* sums are the pool's */
void ln_ptq_moments_see(ln_ptq_moments *m, const ln_graph *g, const ln_node *n, const float *x);

/* ---- what is lost (ptq_measure.c) ---- */
typedef struct ln_ptq_error {
    double signal, noise, dot, other; /* sums of squares of a, of b - a, of ab, of b squared */
} ln_ptq_error;
void ln_ptq_compare(ln_ptq_error *e, const float *a, const float *b, int64_t count);
double ln_ptq_sqnr(const ln_ptq_error *e);
double ln_ptq_cosine(const ln_ptq_error *e);
/* The tensor of the quantized graph whose bytes the row is of; LN_NONE: none. */
ln_tid ln_ptq_find(const ln_graph *g, const char *name);

/* ---- weights (ptq_weights.c, ptq_round.c, ptq_equalize.c) ---- */
typedef struct ln_ptq_how {
    bool correct; /* biases */
    bool feed;    /* the error of each rounding to the next */
} ln_ptq_how;
/* Makes the layer's weights bytes. x: of its input. */
linnet_status ln_ptq_weights(ln_graph *g, ln_node *n, const ln_quant *x, const ln_ptq_moments *m,
                             const ln_ptq_how *how, linnet_error *err);
/* w [rows][K] to q, with feedback; centred: what is added to a sum as a constant does not count. */
linnet_status ln_ptq_round(const ln_ptq_moments *m, bool centred, const float *w,
                           const float *scale, int64_t rows, int8_t *q, linnet_error *err);
/* A dense f32 copy in the graph's memory takes the place of constant t; *data: the copy. */
linnet_status ln_ptq_own(ln_graph *g, ln_tid *t, float **data, linnet_error *err);
/* Scales channels between layers by what was seen of them; pairs: how many pairs there were. */
linnet_status ln_ptq_equalize(ln_graph *g, const ln_ptq_stats *stats, int *pairs,
                              linnet_error *err);

#endif
