/* What the reference's files share: one function an op, over dense row-major words. */
#ifndef LN_REF_OPS_H
#define LN_REF_OPS_H

#include "engine/ref/ref.h"

typedef struct ln_ref_call {
    const ln_graph *graph;
    const ln_node *node;
    const float *in[LN_MAX_IN]; /* NULL: absent. Elements of the tensor's type */
    const ln_shape *shape[LN_MAX_IN];
    float *out, *more[LN_MAX_OUT]; /* the first output; all of them */
    const ln_shape *oshape;
    int threads;
    const struct ln_ref_fixed *fixed; /* CONV2D, FC of I8: what becomes of the sums; else NULL */
} ln_ref_call;
typedef linnet_status (*ln_ref_fn)(const ln_ref_call *c, linnet_error *err);
extern const ln_ref_fn ln_ref_table[LN_OP_COUNT];

linnet_status ln_ref_conv2d(const ln_ref_call *c, linnet_error *err);
linnet_status ln_ref_conv_transpose(const ln_ref_call *c, linnet_error *err);
linnet_status ln_ref_fc(const ln_ref_call *c, linnet_error *err);
linnet_status ln_ref_batch_norm(const ln_ref_call *c, linnet_error *err);
linnet_status ln_ref_pool(const ln_ref_call *c, linnet_error *err);
linnet_status ln_ref_add(const ln_ref_call *c, linnet_error *err);
linnet_status ln_ref_mul(const ln_ref_call *c, linnet_error *err);
linnet_status ln_ref_act(const ln_ref_call *c, linnet_error *err);
linnet_status ln_ref_softmax(const ln_ref_call *c, linnet_error *err);
linnet_status ln_ref_reshape(const ln_ref_call *c, linnet_error *err);
linnet_status ln_ref_concat(const ln_ref_call *c, linnet_error *err);
linnet_status ln_ref_layer_norm(const ln_ref_call *c, linnet_error *err);
linnet_status ln_ref_group_norm(const ln_ref_call *c, linnet_error *err);
linnet_status ln_ref_attention(const ln_ref_call *c, linnet_error *err);
linnet_status ln_ref_linear_attention(const ln_ref_call *c, linnet_error *err);
linnet_status ln_ref_shuffle(const ln_ref_call *c, linnet_error *err);
linnet_status ln_ref_slice(const ln_ref_call *c, linnet_error *err);
linnet_status ln_ref_se(const ln_ref_call *c, linnet_error *err);
linnet_status ln_ref_pad(const ln_ref_call *c, linnet_error *err);
linnet_status ln_ref_resize(const ln_ref_call *c, linnet_error *err);
linnet_status ln_ref_map(const ln_ref_call *c, linnet_error *err);
linnet_status ln_ref_reduce(const ln_ref_call *c, linnet_error *err);

/* Strides of dense x along y's dimensions, 0 where numpy repeats x. */
void ln_ref_strides(const ln_shape *x, const ln_shape *y, int64_t stride[LN_MAX_RANK]);
linnet_status ln_ref_permute(const ln_ref_call *c, linnet_error *err);
linnet_status ln_ref_tile(const ln_ref_call *c, linnet_error *err);
linnet_status ln_ref_matmul(const ln_ref_call *c, linnet_error *err);
linnet_status ln_ref_gather(const ln_ref_call *c, linnet_error *err);
linnet_status ln_ref_gather_nd(const ln_ref_call *c, linnet_error *err);
linnet_status ln_ref_gather_elements(const ln_ref_call *c, linnet_error *err);
linnet_status ln_ref_topk(const ln_ref_call *c, linnet_error *err);
linnet_status ln_ref_nms(const ln_ref_call *c, linnet_error *err);
linnet_status ln_ref_nms_rows(const ln_ref_call *c, linnet_error *err);

/* Nodes that read or write I8 (quant.c). */
linnet_status ln_ref_quant(const ln_ref_call *c, linnet_error *err);
/* The byte that a sum over channel o becomes. */
float ln_ref_requantize(const ln_ref_call *c, double sum, int64_t o);

/* Runs fn for every row in [0, rows) on the call's threads. scratch: 64-byte aligned memory of
 * this row alone, `doubles` long, not cleared. */
typedef void (*ln_ref_row_fn)(const ln_ref_call *c, const void *ctx, int64_t row, double *scratch);
linnet_status ln_ref_rows(const ln_ref_call *c, int64_t rows, size_t doubles, ln_ref_row_fn fn,
                          const void *ctx, linnet_error *err);

#endif
