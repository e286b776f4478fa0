/* Inside models/: a TensorFlow Lite file as it was read: checked, with nothing interpreted.
 * Field numbers are those of the public schema (tensorflow/lite/schema/schema.fbs, version 3). */
#ifndef LN_TFLITE_H
#define LN_TFLITE_H

#include "models/import/net.h"
#include "models/tflite/flat.h"

typedef struct ln_tfl_tensor {
    const char *name;
    ln_dtype dtype;
    ln_shape shape;      /* rank 0 as it is */
    bool free_batch;     /* the first dimension is any in the file's shape signature */
    const uint8_t *data; /* constants: dense, of exactly the shape's bytes, perhaps not aligned */
    ln_file_quant quant;
    bool is_variable;
} ln_tfl_tensor;

typedef struct ln_tfl_op {
    int code;           /* BuiltinOperator */
    const char *custom; /* name of a custom operator, else NULL */
    int version;
    const int32_t *in, *out; /* tensors; -1: absent */
    int n_in, n_out;
    ln_flat_table options; /* the operator's own table; absent: all defaults */
    ln_flat_vector custom_options;
} ln_tfl_op;

typedef struct ln_tfl_file {
    ln_file map;
    ln_flat flat;
    ln_tfl_tensor *tensor;
    ln_tfl_op *op;
    const int32_t *input, *output;
    int n_tensor, n_op, n_input, n_output;
    const char *labels; /* text packed behind the model as a zip entry; NULL: none */
    size_t labels_len;
    const uint8_t *metadata; /* of TensorFlow's metadata tools; NULL: none */
    size_t metadata_len;
    ln_pool pool;
} ln_tfl_file;

/* The name of a BuiltinOperator; NULL for one that the schema does not have. */
const char *ln_tfl_op_name(int code);
int ln_tfl_op_code(const char *name); /* -1: none */
/* err: also what later readings of options complain to, until it is replaced in out->flat.err. */
linnet_status ln_tfl_open(const char *path, ln_tfl_file *out, linnet_error *err);
void ln_tfl_close(ln_tfl_file *f);

#endif
