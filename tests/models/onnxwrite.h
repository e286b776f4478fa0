/* A writer of ONNX files for tests: protobuf messages as byte strings, which may lie. */
#ifndef TEST_ONNXWRITE_H
#define TEST_ONNXWRITE_H

#include "models/onnx/onnx.h"

/* Fields of any message. pw_message takes and frees m. */
void pw_int(ln_str *s, int field, int64_t v);
void pw_float(ln_str *s, int field, float v);
void pw_bytes(ln_str *s, int field, const void *p, size_t n);
void pw_text(ln_str *s, int field, const char *text);
void pw_message(ln_str *s, int field, ln_str *m);
void pw_packed(ln_str *s, int field, const int64_t *v, size_t n);

/* Attributes, to be given to ow_node. */
void ow_attr_int(ln_str *attrs, const char *name, int64_t v);
void ow_attr_float(ln_str *attrs, const char *name, float v);
void ow_attr_ints(ln_str *attrs, const char *name, const int64_t *v, size_t n);
void ow_attr_tensor(ln_str *attrs, const char *name, ln_str *tensor);

/* Parts of a graph. Lists are comma-separated names, "" for none. attrs: may be NULL, is freed. op:
 * "Conv" or "com.example/Conv". */
void ow_node(ln_str *graph, const char *op, const char *in, const char *out, ln_str *attrs);
/* dims: "1,3,N,?": numbers, symbols, unknown; NULL: no shape. Field 11: an input, 12: an output. */
void ow_value(ln_str *graph, int field, const char *name, int type, const char *dims);
/* Dimensions, type and name of a tensor; data fields follow by pw_*. */
ln_str ow_tensor(const char *name, int type, const char *dims);
void ow_init(ln_str *graph, ln_str *tensor);
/* A float initialiser with v[0], v[1], ... as raw data. */
void ow_floats(ln_str *graph, const char *name, const char *dims, const float *v, size_t n);
/* The model around a graph, which is freed. */
ln_str ow_model(ln_str *graph, int ir, int opset);
void ow_import(ln_str *model, const char *domain, int version);

/* The graph x [N,3,8,8] -> Foo(x, w) -> y, w of six values. */
ln_str ow_sample(void);
/* Opens the bytes as m.onnx, and frees them. */
linnet_status ow_open(ln_str *m, ln_net **out, linnet_error *err);
const ln_net_value *ow_find(const ln_net *m, const char *name);

#endif
