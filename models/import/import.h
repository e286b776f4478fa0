/* Inside the importer: values under way, constants on the host, and what converters are written
 * with. Errors stick: after the first one every call does nothing, so a converter reads as
 * straight lines. One thread; all memory is the graph's. */
#ifndef LN_IMPORT_H
#define LN_IMPORT_H

#include "models/import/net.h"

#include <math.h>
#include <string.h>

/* ---- constants on the host (values.c) ---- */
/* Any rank, dimensions of zero too. Elements are numbered row by row. */
/* The bytes that a constant's numbers were: real = scale[c] * (byte - zero), c = index / inner %
 * channels. */
typedef struct ln_host_bytes {
    const int8_t *data;
    const float *scale; /* [channels] */
    int64_t channels, inner;
    int32_t zero;
} ln_host_bytes;

typedef struct ln_host {
    int type;   /* as the model declares it: arithmetic keeps to its range and precision */
    int stored; /* what data's elements are: `type`, or INT64 or DOUBLE when computed here */
    ln_shape shape;
    int64_t count;
    const void *data;
    const ln_host_bytes *bytes; /* NULL: none, or not known */
} ln_host;

/* An element, whatever its type; integers saturate to int64. */
int64_t ln_host_i(const ln_host *h, int64_t i);
double ln_host_f(const ln_host *h, int64_t i);
bool ln_type_is_float(int type);
/* A value as the type holds it: rounded to its precision, wrapped to its width. */
double ln_type_round(int type, double v);
int64_t ln_type_wrap(int type, int64_t v);
/* Saturated, as casts from floats are defined here: NaN is 0. */
int64_t ln_type_from_f(int type, double v);
/* Smallest and largest of an integer type (of what int64 holds). */
void ln_type_range(int type, int64_t *lo, int64_t *hi);
/* Element count of a shape that may be a scalar or empty; false when it overflows. */
bool ln_count(const ln_shape *s, int64_t *out);

/* What a tensor's file_dtype is for a type of the file. */
ln_dtype ln_imp_file_dtype(int type);

/* ---- the import ---- */
/* PLAIN: the graph's shape is ONNX's. LAST: channels, ONNX's second dimension, are last (rank 3
 * and more); a picture is then N,H,W,C, as kernels want it. Scalars are [1] in the graph. */
typedef enum ln_imp_layout { LN_PLAIN, LN_LAST } ln_imp_layout;

typedef struct ln_val {
    const char *name;
    bool known; /* it has been computed */
    bool read;  /* something reads it */
    bool param; /* comes with the file */
    int type;
    ln_shape shape;      /* ONNX's */
    const ln_host *host; /* a constant, or NULL */
    ln_tid tid[2];       /* in each layout; LN_NONE: not made yet */
    bool quantized; /* there is an I8 tensor of it: bytes, in layout bytes_at; tid may then have
                       none until a converter that knows no bytes reads it */
    ln_tid bytes;
    ln_imp_layout bytes_at;
    ln_tid rows; /* how long its first dimension really is, or LN_NONE: as the shape says */
} ln_val;

typedef struct ln_imp {
    const ln_net *m;
    ln_graph *g;
    ln_val *val;             /* by value id, and behind the file's own those of parts of a node */
    int n_part;              /* how many of the latter the node has taken */
    const ln_net_node *node; /* being converted */
    int made;                /* graph nodes made for it */
    int64_t room;            /* elements of constants that may still be computed */
    linnet_status status;
    linnet_error *err;
} ln_imp;

/* Stops with a message that names the node and its op. Returns LN_NONE. */
ln_tid ln_imp_refuse(ln_imp *im, const char *fmt, ...) LN_PRINTF(2, 3);
/* The same for an error of the graph's own, in *im->err already. */
ln_tid ln_imp_graph_failed(ln_imp *im);
static inline bool ln_imp_ok(const ln_imp *im) {
    return im->status == LINNET_OK;
}

/* The node's inputs and outputs. NULL: absent (or, for inputs, after an error). */
const ln_val *ln_imp_in(const ln_imp *im, int slot);
bool ln_imp_wants(const ln_imp *im, int slot); /* does anything read that output? */
/* An input that must be a constant; `what` names it in the error. */
const ln_host *ln_imp_const(ln_imp *im, int slot, const char *what);
const ln_host *ln_imp_host(const ln_imp *im, int slot); /* NULL: absent or no constant */

int64_t ln_imp_int(ln_imp *im, const char *name, int64_t otherwise);
float ln_imp_float(ln_imp *im, const char *name, float otherwise);
/* NULL and *n 0 when absent. */
const int64_t *ln_imp_ints(ln_imp *im, const char *name, size_t *n);
const float *ln_imp_floats(ln_imp *im, const char *name, size_t *n);
const char *ln_imp_string(ln_imp *im, const char *name, const char *otherwise);

/* A value in the graph, in a layout; makes the constant or the permutation it takes. */
ln_tid ln_imp_get(ln_imp *im, const ln_val *v, ln_imp_layout layout);
/* A constant's elements as dense f32 in a new block; NULL after an error. */
float *ln_imp_floats_of(ln_imp *im, const ln_host *h);
ln_tid ln_imp_const_f32(ln_imp *im, const char *name, const ln_shape *s, const float *data);
ln_tid ln_imp_const_i32(ln_imp *im, const char *name, const ln_shape *s, const int32_t *data);
ln_tid ln_imp_const_any(ln_imp *im, const char *name, const ln_shape *s, ln_view v, bool param);
/* A constant where it lies, its elements in another order. param: counts as learnable. */
ln_tid ln_imp_const_view(ln_imp *im, const char *name, const ln_host *h, const ln_shape *s,
                         const int64_t *stride, bool param);

/* Graph nodes, named after the ONNX node; LN_NONE after an error. */
ln_tid ln_imp_node(ln_imp *im, ln_op op, const ln_attr *attr, const ln_tid *in, int n_in);
ln_tid ln_imp_node_all(ln_imp *im, ln_op op, const ln_attr *attr, const ln_tid *in, int n_in,
                       ln_tid out[LN_MAX_OUT]);
ln_tid ln_imp_1(ln_imp *im, ln_op op, ln_attr attr, ln_tid x);
ln_tid ln_imp_reshape(ln_imp *im, ln_tid x, const ln_shape *s); /* x itself when it has it */
ln_tid ln_imp_permute(ln_imp *im, ln_tid x, const int *perm);
const ln_shape *ln_imp_shape(const ln_imp *im, ln_tid x);
int ln_imp_rank(const ln_imp *im, ln_tid x);

/* An output of the node. type 0: the first input's. */
void ln_imp_out(ln_imp *im, int slot, ln_tid t, ln_imp_layout layout, int type);
/* The same where ONNX's shape does not follow from the graph's (scalars). */
void ln_imp_out_as(ln_imp *im, int slot, ln_tid t, ln_imp_layout layout, int type,
                   const ln_shape *s);
void ln_imp_out_host(ln_imp *im, int slot, const ln_host *h);
/* Of integers of 8 bits, as an I8 tensor with scale and zero point. */
void ln_imp_out_bytes(ln_imp *im, int slot, ln_tid t, ln_imp_layout layout, int type,
                      const ln_shape *s);
/* A value under another name. */
void ln_imp_out_val(ln_imp *im, int slot, const ln_val *v);

/* Whether the value lies in LAST, or may at no cost, and is worth keeping so. */
bool ln_val_is_last(const ln_val *v);
/* Shape of a LAST tensor for an ONNX shape, and back. */
ln_shape ln_shape_to_last(const ln_shape *s);
ln_shape ln_shape_from_last(const ln_shape *s);
/* Where ONNX's dimension d lies in a tensor of that layout. */
int ln_imp_place(ln_imp_layout layout, int d, int rank);
/* What a scalar is in the graph: [1]. */
ln_shape ln_shape_graph(const ln_shape *s);

/* ---- shapes and axes (args.c) ---- */
/* -rank..rank-1 to 0..rank-1; refuses what lies outside. */
int ln_imp_axis(ln_imp *im, int64_t axis, int rank);
/* Axes as a mask, from an input (slot, when >= 0 and there) or an attribute. *given: false when
 * neither is there. */
unsigned ln_imp_axes(ln_imp *im, int slot, const char *name, int rank, bool *given);
bool ln_broadcast(const ln_shape *a, const ln_shape *b, ln_shape *out);
/* Dimensions from an integer constant; refuses more than LN_MAX_RANK. */
bool ln_imp_dims(ln_imp *im, const ln_host *h, const char *what, ln_shape *out);
/* Padding of a window along one axis, with ONNX's auto_pad. */
typedef struct ln_imp_window {
    int n; /* spatial dimensions */
    int64_t k[3], stride[3], dil[3], before[3], after[3];
    int64_t ceil[3]; /* the part of `after` that only rounds the size up */
    int64_t out[3];
} ln_imp_window;
/* From kernel_shape (or the weight's own: k[] given), strides, dilations, pads, auto_pad, ceil_mode
 * over the spatial dimensions of x. */
bool ln_imp_window_of(ln_imp *im, const ln_shape *x, const int64_t *k, ln_imp_window *w);
/* Its attributes alone, over n dimensions. */
bool ln_imp_window_attrs(ln_imp *im, int n, const int64_t *k, ln_imp_window *w);
ln_window ln_imp_window_2d(const ln_imp_window *w); /* n 1 or 2 */

/* ---- arithmetic on the host (fold.c) ---- */
/* Before memory for n elements of a constant is taken; refuses when all of them are too many. */
bool ln_imp_spend(ln_imp *im, int64_t n);
/* A new constant of computed elements (INT64 or DOUBLE by type); *data receives them. */
ln_host *ln_host_new(ln_imp *im, int type, const ln_shape *s, void **data);
/* A tensor of the file; refuses types that are not read. */
const ln_host *ln_host_tensor(ln_imp *im, const ln_net_tensor *t);
/* Elements in another order, or some of them: out[i...] = h[offset + sum i*stride]. */
const ln_host *ln_host_view(ln_imp *im, const ln_host *h, const ln_shape *s, const int64_t *stride,
                            int64_t offset);
const ln_host *ln_host_reshape(ln_imp *im, const ln_host *h, const ln_shape *s);
const ln_host *ln_host_cast(ln_imp *im, const ln_host *h, int type);
const ln_host *ln_host_ints(ln_imp *im, const int64_t *v, int n); /* a vector of int64 */
typedef struct ln_fold {
    double (*f)(double a, double b);
    int64_t (*i)(int64_t a, int64_t b); /* NULL: through f */
    bool divides;                       /* by b: integer zeros are refused */
} ln_fold;
/* b NULL: one operand. type: of the result. */
const ln_host *ln_host_map(ln_imp *im, const ln_fold *fn, int type, const ln_host *a,
                           const ln_host *b);
const ln_host *ln_host_where(ln_imp *im, const ln_host *c, const ln_host *a, const ln_host *b);
/* Over the axes of a mask; fn folds two elements, mean divides. */
const ln_host *ln_host_reduce(ln_imp *im, const ln_fold *fn, bool mean, const ln_host *h,
                              unsigned axes, bool keep);
const ln_host *ln_host_gather(ln_imp *im, const ln_host *h, const ln_host *index, int axis);
const ln_host *ln_host_concat(ln_imp *im, const ln_host *const *h, int n, int axis);

/* ---- the table of converters (ops.c) ---- */
typedef struct ln_imp_op {
    const char *name;
    int from, to; /* operator sets, both included */
    int min_in, max_in;
    void (*convert)(ln_imp *im, const struct ln_imp_op *op);
    int arg; /* what the converter makes of it */
} ln_imp_op;
/* The operators of another format, over the same values. */
typedef struct ln_imp_dialect {
    const char *version; /* "operator set": what the rows' from and to count */
    const ln_imp_op *(*find)(const char *op, int version); /* NULL: not known */
    void (*convert)(ln_imp *im, const ln_imp_op *op);
    void (*input)(ln_imp *im, ln_val *v, ln_tid t); /* what else an input is */
} ln_imp_dialect;
#define LN_LATEST 21
/* The rows of a domain that a file of ONNX may name ("", "com.microsoft"); NULL: of no other. */
const ln_imp_op *ln_imp_table(const char *domain, size_t *n);
const ln_imp_op *ln_imp_find(const char *domain, const char *op, int version); /* or NULL */
/* A node of ONNX, by its row. */
void ln_imp_convert(ln_imp *im, const ln_imp_op *op);
/* A value of the node's own while it is converted in parts: its id. One for each input and output,
 * and LN_IMP_PARTS more. */
enum { LN_IMP_PARTS = 3 };
int ln_imp_part(ln_imp *im);

#endif
