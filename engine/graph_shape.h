/* What the files of shape rules share. */
#ifndef LN_GRAPH_SHAPE_H
#define LN_GRAPH_SHAPE_H

#include "engine/graph.h"

#define LN_BAD(...) ln_fail(err, LINNET_ERR_INVALID_ARGUMENT, __VA_ARGS__)

/* Checks inputs and attributes of n; gives its output shapes, out[0] on. */
typedef linnet_status (*ln_shape_fn)(const ln_graph *g, const ln_node *n, ln_shape *out,
                                     linnet_error *err);
extern const ln_shape_fn ln_shape_rules[LN_OP_COUNT];

const ln_shape *ln_in_shape(const ln_graph *g, const ln_node *n, int slot); /* NULL: absent */
linnet_status ln_need_rank(const ln_shape *s, int rank, const char *what, linnet_error *err);
/* A constant of one dimension with `count` elements; an absent optional is fine. */
linnet_status ln_need_vector(const ln_graph *g, const ln_node *n, int slot, int64_t count,
                             const char *what, linnet_error *err);
/* The bias of a convolution or FC: [count], a constant or not; an absent one is fine. */
linnet_status ln_need_bias(const ln_graph *g, const ln_node *n, int64_t count, linnet_error *err);
linnet_status ln_need_act(const ln_act *a, linnet_error *err);
linnet_status ln_need_eps(float eps, linnet_error *err);

linnet_status ln_shape_layer_norm(const ln_graph *, const ln_node *, ln_shape *, linnet_error *);
linnet_status ln_shape_group_norm(const ln_graph *, const ln_node *, ln_shape *, linnet_error *);
linnet_status ln_shape_attention(const ln_graph *, const ln_node *, ln_shape *, linnet_error *);
linnet_status ln_shape_linear(const ln_graph *, const ln_node *, ln_shape *, linnet_error *);
linnet_status ln_shape_reshape(const ln_graph *, const ln_node *, ln_shape *, linnet_error *);
linnet_status ln_shape_concat(const ln_graph *, const ln_node *, ln_shape *, linnet_error *);
linnet_status ln_shape_shuffle(const ln_graph *, const ln_node *, ln_shape *, linnet_error *);
linnet_status ln_shape_slice(const ln_graph *, const ln_node *, ln_shape *, linnet_error *);
linnet_status ln_shape_pad(const ln_graph *, const ln_node *, ln_shape *, linnet_error *);
linnet_status ln_shape_resize(const ln_graph *, const ln_node *, ln_shape *, linnet_error *);
linnet_status ln_shape_map(const ln_graph *, const ln_node *, ln_shape *, linnet_error *);
linnet_status ln_shape_reduce(const ln_graph *, const ln_node *, ln_shape *, linnet_error *);

/* out becomes what numpy makes of out and x. */
linnet_status ln_shape_broadcast(ln_shape *out, const ln_shape *x, linnet_error *err);
/* The types of the inputs. */
linnet_status ln_need_types(const ln_graph *g, const ln_node *n, linnet_error *err);
/* graph_shape_quant.c: whether n's first input is I8 and its op one that computes with it; and what
 * such a node, or QUANTIZE, or DEQUANTIZE asks of its inputs. */
bool ln_node_takes_i8(const ln_graph *g, const ln_node *n);
linnet_status ln_need_quant(const ln_graph *g, const ln_node *n, linnet_error *err);
linnet_status ln_shape_same(const ln_graph *, const ln_node *, ln_shape *, linnet_error *);
linnet_status ln_shape_permute(const ln_graph *, const ln_node *, ln_shape *, linnet_error *);
linnet_status ln_shape_tile(const ln_graph *, const ln_node *, ln_shape *, linnet_error *);
linnet_status ln_shape_matmul(const ln_graph *, const ln_node *, ln_shape *, linnet_error *);
linnet_status ln_shape_gather(const ln_graph *, const ln_node *, ln_shape *, linnet_error *);
linnet_status ln_shape_gather_nd(const ln_graph *, const ln_node *, ln_shape *, linnet_error *);
linnet_status ln_shape_nms(const ln_graph *, const ln_node *, ln_shape *, linnet_error *);
linnet_status ln_shape_nms_rows(const ln_graph *, const ln_node *, ln_shape *, linnet_error *);
linnet_status ln_shape_topk(const ln_graph *, const ln_node *, ln_shape *, linnet_error *);
linnet_status ln_shape_gather_elements(const ln_graph *, const ln_node *, ln_shape *,
                                       linnet_error *);

#endif
