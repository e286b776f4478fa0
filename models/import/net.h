/* A network of a file, read and checked: names are resolved to values, nodes stand in execution
 * order, tensors are dense. A reader (models/onnx/read.c, models/tflite/net.c) knows its file
 * format and no op; the importer (import.c, ops_*.c) knows ops and no file format. Numbers and
 * names are ONNX's (https://onnx.ai/onnx/repo-docs/IR.html). Immutable: may be shared between
 * threads. */
#ifndef LN_IMPORT_NET_H
#define LN_IMPORT_NET_H

#include "engine/graph.h"

/* Element types, numbered as in the file (TensorProto.DataType). */
typedef enum ln_onnx_type {
    LN_ONNX_UNDEFINED = 0,
    LN_ONNX_FLOAT = 1,
    LN_ONNX_UINT8 = 2,
    LN_ONNX_INT8 = 3,
    LN_ONNX_UINT16 = 4,
    LN_ONNX_INT16 = 5,
    LN_ONNX_INT32 = 6,
    LN_ONNX_INT64 = 7,
    LN_ONNX_STRING = 8,
    LN_ONNX_BOOL = 9,
    LN_ONNX_FLOAT16 = 10,
    LN_ONNX_DOUBLE = 11,
    LN_ONNX_UINT32 = 12,
    LN_ONNX_UINT64 = 13,
    LN_ONNX_COMPLEX64 = 14,
    LN_ONNX_COMPLEX128 = 15,
    LN_ONNX_BFLOAT16 = 16
} ln_onnx_type;
/* "float", "int64", ...; "type 17" is written as "unknown". */
const char *ln_onnx_type_name(int type);
/* Bytes of an element; 0 for what Linnet does not read (strings, complex and sub-byte types). */
size_t ln_onnx_type_size(int type);

/* A constant. data: dense, row-major, native elements of `type`, of no particular alignment; it
 * lies in the mapped file where it can. Lives as long as the model. */
typedef struct ln_net_tensor {
    const char *name; /* "" when it has none */
    int type;         /* one with a size, or else data is NULL */
    ln_shape shape;   /* rank 0 is a scalar; dimensions may be 0 */
    int64_t count;
    const void *data; /* NULL when there are no elements, or the type cannot be read */
} ln_net_tensor;

/* Numbered as in the file (AttributeProto.AttributeType). */
typedef enum ln_onnx_attr_type {
    LN_ONNX_ATTR_OTHER = 0, /* graphs, sparse tensors, types: nothing of them is kept */
    LN_ONNX_ATTR_FLOAT = 1,
    LN_ONNX_ATTR_INT = 2,
    LN_ONNX_ATTR_STRING = 3,
    LN_ONNX_ATTR_TENSOR = 4,
    LN_ONNX_ATTR_FLOATS = 6,
    LN_ONNX_ATTR_INTS = 7,
    LN_ONNX_ATTR_STRINGS = 8
} ln_onnx_attr_type;

typedef struct ln_net_text {
    const char *p; /* terminated; may hold NUL bytes before the end */
    size_t len;
} ln_net_text;

typedef struct ln_net_attr {
    const char *name;
    ln_onnx_attr_type type;
    float f;
    int64_t i;
    ln_net_text s;
    ln_net_tensor t;
    size_t n; /* of floats, ints or strings */
    const float *floats;
    const int64_t *ints;
    const ln_net_text *strings;
} ln_net_attr;

typedef struct ln_net_node {
    const char *op;     /* "Conv" */
    const char *name;   /* its own, else its first output's, else "Op_index"; never empty */
    const char *domain; /* "" for ONNX's own ("ai.onnx" is written as "") */
    int version;        /* of the operator set of that domain; 0 when the file imports none */
    int n_in, n_out, n_attr;
    const int *in;  /* value ids; LN_NONE for an optional that is left out */
    const int *out; /* the same */
    const ln_net_attr *attr;
} ln_net_node;

/* Affine quantization: real = scale[i] * (q - zero[i]), one entry for the tensor or one for each
 * index of dimension `axis`. */
typedef struct ln_file_quant {
    int count; /* 0: not quantized */
    const float *scale;
    const int32_t *zero;
    int axis;
} ln_file_quant;

/* Anything with a name: computed by a node, a constant, or an input. */
typedef struct ln_net_value {
    const char *name;
    int node;                   /* index of the node that makes it, or -1 */
    int input;                  /* index among the model's inputs, or -1 */
    const ln_net_tensor *init;  /* the initialiser, or NULL */
    const ln_file_quant *quant; /* how its integers are meant; NULL: as they are */
    int type;                   /* where the file says it; else UNDEFINED */
} ln_net_value;

/* A dimension of an input: a number, or a symbol, or neither (value 0, symbol ""). */
typedef struct ln_net_dim {
    int64_t value;      /* 1 or more; 0: not known */
    const char *symbol; /* "" when it has none */
} ln_net_dim;

/* Inputs (without those that have an initialiser, which are constants) and outputs. */
typedef struct ln_net_port {
    const char *name;
    int value; /* id */
    int type;  /* ln_onnx_type; inputs: one with a size; outputs: UNDEFINED when not said */
    int rank;  /* -1: not said */
    ln_net_dim dim[LN_MAX_RANK];
    bool quantized;
} ln_net_port;

typedef struct ln_net_meta {
    const char *key, *value;
} ln_net_meta;

typedef struct ln_net {
    const char *path;     /* for messages */
    const char *producer; /* "pytorch 2.1", or "" */
    int ir_version;
    int opset; /* of ONNX's own operators; 0 when the file imports only others */
    int n_node, n_value, n_input, n_output, n_meta;
    const ln_net_node *node; /* in execution order */
    const ln_net_value *value;
    const ln_net_port *input, *output;
    const ln_net_meta *meta;
    const struct ln_imp_dialect *dialect; /* whose operators these are; NULL: ONNX's */
    struct ln_onnx_store *store;          /* what owns all of this */
} ln_net;

/* An attribute by name; NULL when the node has none of it. */
const ln_net_attr *ln_net_find_attr(const ln_net_node *n, const char *name);
/* metadata_props; NULL when absent. */
const char *ln_net_find_meta(const ln_net *m, const char *key);

/* ---- importer: import.c and the converters ---- */
/* What the caller decides for one input of the model. */
typedef struct ln_net_bind {
    ln_shape shape; /* all of 1 or more; rank 0: a scalar */
    bool planar;    /* a picture that the file has as N,C,H,W: worth holding as N,H,W,C */
    const ln_net_tensor *value; /* a constant from now on, and no input; else NULL */
} ln_net_bind;
/* Whether a converter takes that op. */
bool ln_net_op_known(const ln_net *m, const ln_net_node *n);
/* The network at these inputs (bind[n_input]). The constants of the graph point into m. */
linnet_status ln_net_graph(const ln_net *m, const ln_net_bind *bind, ln_graph **out,
                           linnet_error *err);

#endif
