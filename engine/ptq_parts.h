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
    double *sum;  /* by channel */
    float *top;   /* by channel: the largest magnitude */
    int64_t *bin; /* LN_PTQ_BINS between lo and hi; NULL: not asked for */
} ln_ptq_stats;
void ln_ptq_see(ln_ptq_stats *s, const float *v, int64_t count);
void ln_ptq_count(ln_ptq_stats *s, const float *v, int64_t count);
/* What covers `percentile` of the elements, half of the rest on either side. */
void ln_ptq_range(const ln_ptq_stats *s, double percentile, float *lo, float *hi);

/* ---- what is lost (ptq_measure.c) ---- */
typedef struct ln_ptq_error {
    double signal, noise, dot, other; /* sums of squares of a, of b - a, of ab, of b squared */
} ln_ptq_error;
void ln_ptq_compare(ln_ptq_error *e, const float *a, const float *b, int64_t count);
double ln_ptq_sqnr(const ln_ptq_error *e);
double ln_ptq_cosine(const ln_ptq_error *e);
/* The tensor of the quantized graph whose bytes the row is of; LN_NONE: none. */
ln_tid ln_ptq_find(const ln_graph *g, const char *name);

/* ---- weights (ptq_weights.c, ptq_equalize.c) ---- */
/* Makes the layer's weights bytes. mean: of each input channel, for the correction of biases, or
 * NULL; x: of its input. */
linnet_status ln_ptq_weights(ln_graph *g, ln_node *n, const ln_quant *x, const double *mean,
                             linnet_error *err);
/* A dense f32 copy in the graph's memory takes the place of constant t; *data: the copy. */
linnet_status ln_ptq_own(ln_graph *g, ln_tid *t, float **data, linnet_error *err);
/* Scales channels between layers by what was seen of them; pairs: how many pairs there were. */
linnet_status ln_ptq_equalize(ln_graph *g, const ln_ptq_stats *stats, int *pairs,
                              linnet_error *err);

#endif
