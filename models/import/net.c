/* Element types, and what a network is asked by name. */
#include "models/import/net.h"

#include <string.h>

static const struct {
    const char *name;
    uint8_t size; /* 0: not read */
} types[] = {
    [LN_ONNX_UNDEFINED] = {"undefined", 0}, [LN_ONNX_FLOAT] = {"float", 4},
    [LN_ONNX_UINT8] = {"uint8", 1},         [LN_ONNX_INT8] = {"int8", 1},
    [LN_ONNX_UINT16] = {"uint16", 2},       [LN_ONNX_INT16] = {"int16", 2},
    [LN_ONNX_INT32] = {"int32", 4},         [LN_ONNX_INT64] = {"int64", 8},
    [LN_ONNX_STRING] = {"string", 0},       [LN_ONNX_BOOL] = {"bool", 1},
    [LN_ONNX_FLOAT16] = {"float16", 2},     [LN_ONNX_DOUBLE] = {"double", 8},
    [LN_ONNX_UINT32] = {"uint32", 4},       [LN_ONNX_UINT64] = {"uint64", 8},
    [LN_ONNX_COMPLEX64] = {"complex64", 0}, [LN_ONNX_COMPLEX128] = {"complex128", 0},
    [LN_ONNX_BFLOAT16] = {"bfloat16", 2},
};

const char *ln_onnx_type_name(int type) {
    return type >= 0 && (size_t)type < LN_COUNT(types) ? types[type].name : "unknown";
}

size_t ln_onnx_type_size(int type) {
    return type >= 0 && (size_t)type < LN_COUNT(types) ? types[type].size : 0;
}

const ln_net_attr *ln_net_find_attr(const ln_net_node *n, const char *name) {
    for (int i = 0; i < n->n_attr; i++)
        if (!strcmp(n->attr[i].name, name)) return &n->attr[i];
    return NULL;
}

const char *ln_net_find_meta(const ln_net *m, const char *key) {
    for (int i = 0; i < m->n_meta; i++)
        if (!strcmp(m->meta[i].key, key)) return m->meta[i].value;
    return NULL;
}
