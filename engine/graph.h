/* The graph: nodes in execution order over tensors. The only form a network takes between a
 * model file and a plan; passes rewrite it in place.
 *
 * Logical shapes are N,H,W,C. Convolution weights are [OC,KH,KW,IC/groups], fully connected weights
 * [OC,IC], vectors [C]: constants, but for weights and biases of convolutions and FC, which a node
 * may make too (the general kernels alone take such; a norm of such parameters is a norm without
 * them, then MAPs). Nothing here knows a device.
 * A graph belongs to one thread at a time; names and constants live in its pool.
 *
 * Quantized tensors are I8 with q: real = q.scale * (element - q.zero). Bytes without a sign become
 * such by -128 (xor 0x80) of element and zero. An op of I8 gives I8 and computes what TFLite's
 * reference kernels compute (quant.h): CONV2D and FC (weight an I8 constant, bias an I32 one of
 * scale x.scale * w.scale[c], no residual or gate), ADD, MUL, POOL, ACT, REDUCE of a mean over H
 * and W (and of places, which gives I32), RESIZE (rounds what it interpolates), and what only
 * moves: RESHAPE, CONCAT of equal q, SLICE, PAD (its value is real), PERMUTE, TILE. Activations
 * fused into them are NONE or CLAMP, in real numbers. All others take DEQUANTIZE's F32. q of an
 * output is its input's for POOL, RESIZE, ACT NONE and the movers; else ln_graph_set_quant gives
 * it, before a node reads it. */
#ifndef LN_GRAPH_H
#define LN_GRAPH_H

#include "engine/ops.h"

/* ---- tensors and nodes ---- */
typedef int32_t ln_tid; /* index into graph->tensor; -1: none */
#define LN_NONE    (-1)
#define LN_MAX_IN  16
#define LN_MAX_OUT 4

typedef enum ln_tensor_kind { LN_TENSOR_INPUT, LN_TENSOR_CONST, LN_TENSOR_NODE } ln_tensor_kind;
typedef struct ln_tensor {
    const char *name; /* constants: the name in the weight file */
    ln_shape shape;
    ln_dtype dtype; /* what the graph computes with: F32, I32, I8 or F16; pictures also U8 */
    ln_quant q;     /* I8 */
    ln_tensor_kind kind;
    ln_view view;   /* constants */
    bool is_param;  /* a learnable tensor: counted as a parameter */
    int64_t params; /* learnable elements this constant stands for (0 when folded away) */
    /* How the caller sees an input or an output of the graph. */
    bool as_is;          /* in the shape's own order; else a picture (rank 4) comes as N,C,H,W */
    ln_dtype file_dtype; /* as the model file has it */
    int file_rank;       /* 0: a scalar, which the graph has as one element of rank 1 */
    /* Of an output: the tensor [1] (I32) that says how long its first dimension is in this run,
     * where that is known only then; LN_NONE: always as long as the shape says. */
    int32_t rows;
} ln_tensor;
/* An input that comes as N,C,H,W and lies so in the arena. */
static inline bool ln_tensor_planar(const ln_tensor *t) {
    return t->kind == LN_TENSOR_INPUT && t->shape.rank == 4 && !t->as_is;
}

/* What the caller's elements of an input or output are: the tensor's type, but bytes as the file
 * has them, with a sign or without. */
static inline ln_dtype ln_tensor_io_dtype(const ln_tensor *t) {
    return t->dtype == LN_I8 && t->file_dtype == LN_U8 ? LN_U8 : t->dtype;
}
/* Elements between the two, in either direction; src may be dst. */
void ln_tensor_io_copy(const ln_tensor *t, const void *src, void *dst, size_t count);

typedef struct ln_node {
    ln_op op;
    const char *name; /* "blocks.1.0.conv_dw" */
    ln_attr attr;
    ln_tid in[LN_MAX_IN];
    ln_tid out[LN_MAX_OUT];
    int n_in, n_out;
} ln_node;

typedef struct ln_graph {
    const char *name;
    ln_tensor *tensor;
    int n_tensor, cap_tensor;
    ln_node *node;
    int n_node, cap_node;
    ln_tid *input, *output;
    int n_input, n_output;
    int64_t params; /* learnable parameters, counted at build time; passes leave it alone */
    int64_t macs;   /* multiply-adds of convolutions, FC and attention products, before fusion */
    bool library;   /* its products are a library's (host/gemm.c): the baseline of blocks alone */
    bool fast;      /* products and short sums of halves may be halves, not floats */
    ln_pool pool;
} ln_graph;

linnet_status ln_graph_create(const char *name, ln_graph **out, linnet_error *err);
void ln_graph_destroy(ln_graph **g);

/* Builders. All names are copied. A tensor id or LN_NONE with err filled. */
/* F32 and not as_is; what else it is may be set before a node reads it. */
ln_tid ln_graph_input(ln_graph *g, const char *name, ln_shape shape, linnet_error *err);
/* view.data must outlive the graph. Floats, and whatever has a scale, make an F32 tensor, all
 * other types an I32 one. */
ln_tid ln_graph_const(ln_graph *g, const char *name, ln_shape shape, ln_view view, bool is_param,
                      linnet_error *err);
/* A quantized constant, I8: view of I8 or U8 with a scale and a zero of that type. Its q is that of
 * index 0. */
ln_tid ln_graph_const_quant(ln_graph *g, const char *name, ln_shape shape, ln_view view,
                            bool is_param, linnet_error *err);
/* The zero of a quantized constant among signed bytes. */
static inline int32_t ln_view_zero(const ln_view *v) {
    return v->dtype == LN_U8 ? v->zero - 128 : v->zero;
}
/* q of an I8 input, or of what a node makes. */
linnet_status ln_graph_set_quant(ln_graph *g, ln_tid t, float scale, int32_t zero,
                                 linnet_error *err);
/* A dense f32 constant whose memory the graph owns; *data receives it, zeroed. */
ln_tid ln_graph_const_new(ln_graph *g, const char *name, ln_shape shape, float **data,
                          linnet_error *err);
ln_tid ln_graph_const_new_i32(ln_graph *g, const char *name, ln_shape shape, int32_t **data,
                              linnet_error *err);
/* Adds a node, infers and checks its output shape. in may hold LN_NONE for absent optionals. */
ln_tid ln_graph_node(ln_graph *g, ln_op op, const char *name, const ln_attr *attr, const ln_tid *in,
                     int n_in, linnet_error *err);
/* The same for ops of several outputs: out receives ln_node_outputs() ids. The first output has the
 * node's name, the others name:1, name:2. */
linnet_status ln_graph_node_all(ln_graph *g, ln_op op, const char *name, const ln_attr *attr,
                                const ln_tid *in, int n_in, ln_tid out[LN_MAX_OUT],
                                linnet_error *err);
/* Appends a node whose outputs are tensors of the graph already. */
linnet_status ln_graph_append(ln_graph *g, const ln_node *n, linnet_error *err);
linnet_status ln_graph_output(ln_graph *g, ln_tid t, linnet_error *err);
/* Sets rows of t: `count` must be one integer. */
linnet_status ln_graph_set_rows(ln_graph *g, ln_tid t, ln_tid count, linnet_error *err);

/* Structural check used after every pass: order, arity, shapes, no dangling ids. */
linnet_status ln_graph_verify(const ln_graph *g, linnet_error *err);
/* Removes nodes and tensors that no output needs; keeps order. Ids change. */
linnet_status ln_graph_compact(ln_graph *g, linnet_error *err);
/* How many outputs the op has with these attributes. */
int ln_node_outputs(ln_op op, const ln_attr *a);
/* Shapes of a node's outputs from its inputs, attributes checked; errors name the shapes. */
linnet_status ln_node_shape(const ln_graph *g, const ln_node *n, ln_shape out[LN_MAX_OUT],
                            linnet_error *err);
/* Type of an output, by the types of the inputs (which ln_node_shape checks). Real numbers stay
 * what they come in as, unless the output's tensor is set to the other of F32 and F16. */
ln_dtype ln_node_dtype(const ln_graph *g, const ln_node *n, int output);
/* q of the first output where that is its input's; off where it is set, or the output is not I8. */
ln_quant ln_node_quant(const ln_graph *g, const ln_node *n);
/* MAP: the row of cl_kernels/map.h for its kind and its operands' types; -1: there is none. */
int ln_node_map_row(const ln_graph *g, const ln_node *n);
/* Multiply-adds of one node for the whole batch; 0 for what is not counted. */
int64_t ln_node_macs(const ln_graph *g, const ln_node *n);
static inline bool ln_node_is_depthwise(const ln_graph *g, const ln_node *n) {
    return n->op == LN_OP_CONV2D && n->attr.conv.groups > 1 &&
           n->attr.conv.groups == g->tensor[n->in[0]].shape.dim[3] &&
           n->attr.conv.groups == g->tensor[n->out[0]].shape.dim[3];
}
/* True when it computes with bytes, or converts from or to them. */
static inline bool ln_node_is_quant(const ln_graph *g, const ln_node *n) {
    return g->tensor[n->in[0]].dtype == LN_I8 || g->tensor[n->out[0]].dtype == LN_I8;
}
/* The operands' channels side by side and nothing else. */
static inline bool ln_node_is_plain_concat(const ln_node *n) {
    return n->op == LN_OP_CONCAT && n->attr.concat.groups <= 1 && !n->attr.concat.size &&
           !n->attr.concat.back;
}
/* PAD: the value as a word of the output's type; of I8 the byte, four times. */
float ln_pad_word(const ln_graph *g, const ln_node *n);
static inline ln_tid ln_node_in(const ln_node *n, int slot) {
    return slot < n->n_in ? n->in[slot] : LN_NONE;
}
/* True when the weight or bias of a convolution or FC is not a constant. */
static inline bool ln_node_is_dynamic(const ln_graph *g, const ln_node *n) {
    const ln_tid w = ln_node_in(n, LN_CONV_W), b = ln_node_in(n, LN_CONV_BIAS);
    return (n->op == LN_OP_CONV2D || n->op == LN_OP_CONV_TRANSPOSE || n->op == LN_OP_FC) &&
           (g->tensor[w].kind != LN_TENSOR_CONST ||
            (b != LN_NONE && g->tensor[b].kind != LN_TENSOR_CONST));
}

/* Copies a constant to dense row-major f32 (dst holds the product of its dims). */
linnet_status ln_const_copy_f32(const ln_graph *g, ln_tid t, float *dst, linnet_error *err);

/* The elements of a constant where they lie, before view.scale: dense f32 but for *pitch elements
 * from one index of dimension 0 to the next. NULL where they lie in another way. */
const float *ln_const_rows(const ln_graph *g, ln_tid t, int64_t *pitch);

/* The same as elements of the tensor's dtype; integers saturate. */
linnet_status ln_const_copy(const ln_graph *g, ln_tid t, void *dst, linnet_error *err);

/* TensorFlow "SAME": output ceil(in/stride); the odd pixel of padding goes after. */
void ln_window_same(ln_window *w, int64_t in_h, int64_t in_w);
/* Ceil mode: pads bottom and right so that a last partial window counts, unless it would begin in
 * the padding. */
void ln_pool_ceil(ln_pool_attr *p, int64_t in_h, int64_t in_w);
/* The whole of x: begin 0, step 1, size x's. Narrow it from there. */
ln_slice_attr ln_slice_all(const ln_shape *x);

/* Shapes of a node's outputs: "1x5 1x5"; returns buf. */
const char *ln_node_shapes_text(const ln_graph *g, const ln_node *n, char buf[LN_MAX_OUT * 96]);
/* `linnet info`: a line a node, aligned. */
void ln_graph_print(const ln_graph *g, ln_str *out);

#endif
