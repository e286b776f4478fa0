/* Inside models/: a graph under construction from named weights. Errors stick: after the first
 * one every call returns LN_NONE, so blocks read as straight lines. Tensors that are missing or
 * misshapen are collected and reported together at the end. */
#ifndef LN_BUILD_H
#define LN_BUILD_H

#include "models/arch.h"
#include "models/meta.h"

typedef struct ln_build {
    ln_graph *g;
    const ln_arch *arch;
    ln_weights *weights; /* NULL: shapes only */
    ln_pos pos;
    bool folded;      /* the file has norms folded where it can: it is quantized */
    int in;           /* channels of the block's input, as the family has them */
    ln_widths widths; /* what the weights' own metadata says of layers */
    ln_tid prev;      /* NASNet: the cell before the last */
    int classes;
    linnet_status status;
    linnet_error *err;
    ln_str problems;         /* the first tensors missing or misshapen; all are in the log */
    int n_problems, n_named; /* all; in the text */
    uint8_t *used;           /* a flag for each tensor of a file */
} ln_build;

typedef struct ln_layer {
    int out, kernel, stride, groups; /* groups, stride 0: 1 */
    bool bias;
    bool valid;  /* no padding */
    bool matrix; /* the file holds [out, in], the input in the order channel, row, column */
} ln_layer;

/* Whether the source has a tensor of that name; asks no source that makes them. */
bool ln_b_has(const ln_build *b, const char *name);
int64_t ln_b_channels(const ln_build *b, ln_tid x);
/* A named constant in the file's own shape (rank 1 or 2). */
ln_tid ln_b_vector(ln_build *b, const char *name, int64_t n, bool is_param);
ln_tid ln_b_matrix(ln_build *b, const char *name, int64_t rows, int64_t cols);
/* A constant of the network itself, not of its weights; *data is zeroed, NULL on failure. */
ln_tid ln_b_const(ln_build *b, const char *name, ln_shape shape, float **data);
/* name: the layer; ".weight" and ".bias" are added. */
ln_tid ln_b_conv(ln_build *b, ln_tid x, const char *name, const ln_layer *l);
ln_tid ln_b_bn(ln_build *b, ln_tid x, const char *name);
ln_tid ln_b_act(ln_build *b, ln_tid x, const char *name, ln_act act);
ln_tid ln_b_fc(ln_build *b, ln_tid x, const char *name, int out, bool bias);
ln_tid ln_b_add(ln_build *b, ln_tid x, ln_tid y, const char *name);
ln_tid ln_b_mul(ln_build *b, ln_tid x, ln_tid y, const char *name);
ln_tid ln_b_pool(ln_build *b, ln_tid x, const char *name, const ln_pool_attr *attr);
ln_tid ln_b_mean(ln_build *b, ln_tid x, const char *name); /* the whole map */
ln_tid ln_b_node(ln_build *b, ln_op op, const char *name, const ln_attr *attr, const ln_tid *in,
                 int n_in);
/* Ends the graph at x. Reports every collected problem and every tensor of the file not used. */
linnet_status ln_b_finish(ln_build *b, ln_tid x);

/* Stops with LINNET_ERR_UNSUPPORTED, the network's name before the reason. */
ln_tid ln_b_refuse(ln_build *b, const char *fmt, ...) LN_PRINTF(2, 3);
const ln_shape *ln_b_shape(const ln_build *b, ln_tid x);
ln_tid ln_b_relu(ln_build *b, ln_tid x, const char *name);
ln_tid ln_b_concat(ln_build *b, const ln_tid *in, int n, const char *name);
ln_tid ln_b_layer_norm(ln_build *b, ln_tid x, const char *name);
/* Convolution, norm and activation under given names. act: NULL for linear. */
ln_tid ln_b_conv_bn(ln_build *b, ln_tid x, const char *conv, const char *bn, const ln_layer *l,
                    const ln_act *act);
/* Convolution, norm and activation, named by the block's role. act: NULL for linear. */
ln_tid ln_b_layer(ln_build *b, ln_tid x, ln_role role, const ln_layer *l, const ln_act *act);
/* Squeeze-and-excitation with `squeezed` channels. */
ln_tid ln_b_se(ln_build *b, ln_tid x, int squeezed, ln_act act);

/* "<the block's prefix><tail>" */
void ln_b_name(const ln_build *b, const char *tail, char out[LN_NAME_MAX]);

typedef ln_tid (*ln_block_fn)(ln_build *b, ln_tid x, const ln_stage *s, int stride, int out);
ln_tid ln_block_vgg(ln_build *b, ln_tid x, const ln_stage *s, int stride, int out);
ln_tid ln_block_shuffle1(ln_build *b, ln_tid x, const ln_stage *s, int stride, int out);
ln_tid ln_block_shuffle2(ln_build *b, ln_tid x, const ln_stage *s, int stride, int out);
ln_tid ln_block_vit(ln_build *b, ln_tid x, const ln_stage *s, int stride, int out);
ln_tid ln_block_nas_normal(ln_build *b, ln_tid x, const ln_stage *s, int stride, int out);
ln_tid ln_block_nas_reduce(ln_build *b, ln_tid x, const ln_stage *s, int stride, int out);
extern const ln_block_fn ln_block_fns[LN_BLOCK_KINDS];

/* The whole network: NULL weights for shapes alone. */
linnet_status ln_network_build(const ln_arch *a, const char *name, int classes, ln_weights *weights,
                               int64_t batch, int64_t h, int64_t w, ln_graph **out,
                               linnet_error *err);

#endif
