/* Inside the reader: what owns an opened file, and what the reader's files share. */
#ifndef LN_ONNX_STORE_H
#define LN_ONNX_STORE_H

#include "base/file.h"
#include "models/onnx/onnx.h"
#include "onnx.pb-c.h"

/* A file that holds tensors of the model. */
typedef struct ln_onnx_extra {
    const char *path; /* as the model writes it */
    ln_file file;
} ln_onnx_extra;

typedef struct ln_onnx_store {
    ln_net model;
    ln_file file;
    ln_onnx_extra *extra;
    size_t n_extra, cap_extra;
    ln_pool pool; /* everything else, the parser's own memory included */
} ln_onnx_store;

/* The file's messages without the bytes that need not be copied (slim.c). */
linnet_status ln_onnx_slim(const ln_file *f, ln_str *out, linnet_error *err);
/* What a slim raw_data says. */
typedef struct ln_onnx_raw {
    uint64_t at, size;
} ln_onnx_raw;

/* what: "initializer" or the name of an attribute, for messages. */
linnet_status ln_onnx_read_tensor(ln_onnx_store *s, const Ln__PbTensor *pb, const char *what,
                                  ln_net_tensor *out, linnet_error *err);
/* n bytes of data in a file beside the model. */
linnet_status ln_onnx_external(ln_onnx_store *s, const Ln__PbTensor *pb, size_t n, const void **out,
                               linnet_error *err);
/* Nodes, values, inputs and outputs. */
linnet_status ln_onnx_read_graph(ln_onnx_store *s, const Ln__PbModel *pb, linnet_error *err);
linnet_status ln_onnx_read_port(const char *path, const Ln__PbValue *pb, bool input,
                                ln_net_port *out, linnet_error *err);
/* Puts nodes into execution order. */
linnet_status ln_onnx_sort(ln_onnx_store *s, ln_net_node *node, ln_net_value *value,
                           linnet_error *err);

/* Names to value ids. */
typedef struct ln_onnx_names {
    const char **name;
    uint32_t *slot; /* id + 1, 0 empty */
    size_t n_slot;  /* a power of two */
    int count;
} ln_onnx_names;
bool ln_onnx_names_init(ln_onnx_names *n, ln_pool *pool, size_t most);
int ln_onnx_names_find(const ln_onnx_names *n, const char *name); /* -1: none */
/* The id of a new name; -1 when it is there already. */
int ln_onnx_names_add(ln_onnx_names *n, const char *name);

#endif
