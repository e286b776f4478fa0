/* Tensors of a file: typed and raw data, data in a file beside the model. */
#include "models/onnx/store.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

static linnet_status read_shape(const Ln__PbTensor *pb, const char *where, ln_net_tensor *out,
                                size_t *bytes, linnet_error *err) {
    int64_t extent = 1; /* without zeros, which hide what strides would overflow on */
    *bytes = ln_onnx_type_size(out->type);
    out->count = 1;
    if (pb->n_dims > LN_MAX_RANK)
        return ln_fail(err, LINNET_ERR_UNSUPPORTED, "%s has %zu dimensions; at most %d are read",
                       where, pb->n_dims, LN_MAX_RANK);
    for (size_t i = 0; i < pb->n_dims; i++) {
        const int64_t d = pb->dims[i];
        if (d < 0 || !ln_mul_i64(extent, LN_MAX(d, 1), &extent) ||
            !ln_mul_size(*bytes, (size_t)d, bytes) || extent > INT64_MAX / 16)
            return ln_fail(err, LINNET_ERR_BAD_FILE,
                           "%s: dimension %zu of %lld is no size or overflows", where, i,
                           (long long)d);
        out->shape.dim[out->shape.rank++] = d;
        out->count *= d;
    }
    return LINNET_OK;
}

/* ---- typed data ---- */
/* The elements of the list that the type keeps its values in; NULL when that is empty. */
static const void *typed(const Ln__PbTensor *pb, int type, size_t *n, size_t *size) {
    switch (type) {
    case LN_ONNX_FLOAT: *n = pb->n_float_data, *size = 4; return pb->float_data;
    case LN_ONNX_DOUBLE: *n = pb->n_double_data, *size = 8; return pb->double_data;
    case LN_ONNX_INT64: *n = pb->n_int64_data, *size = 8; return pb->int64_data;
    case LN_ONNX_UINT32:
    case LN_ONNX_UINT64: *n = pb->n_uint64_data, *size = 8; return pb->uint64_data;
    default: *n = pb->n_int32_data, *size = 4; return pb->int32_data;
    }
}

/* Lists hold smaller types in larger words: the low bytes are the value. */
static linnet_status narrow(ln_onnx_store *s, const void *list, size_t n, size_t from, size_t to,
                            const void **out, linnet_error *err) {
    *out = list;
    if (from == to) return LINNET_OK;
    uint8_t *dst = ln_pool_alloc(&s->pool, n, to);
    if (!dst) return ln_fail_oom(err, "a tensor", n * to);
    const uint8_t *src = list;
    for (size_t i = 0; i < n; i++) memcpy(dst + i * to, src + i * from, to);
    *out = dst;
    return LINNET_OK;
}

linnet_status ln_onnx_read_tensor(ln_onnx_store *s, const Ln__PbTensor *pb, const char *what,
                                  ln_net_tensor *out, linnet_error *err) {
    char where[400];
    size_t bytes, n, from;
    *out = (ln_net_tensor){.name = pb->name ? pb->name : "", .type = pb->data_type};
    snprintf(where, sizeof where, "%.200s: %.60s %.100s", s->model.path, what, out->name);
    LN_TRY(read_shape(pb, where, out, &bytes, err));
    if (!bytes) return LINNET_OK; /* nothing in it, or a type that only its reader can refuse */
    if (pb->data_location) return ln_onnx_external(s, pb, bytes, &out->data, err);
    ln_onnx_raw raw = {0};
    if (pb->has_raw_data) memcpy(&raw, pb->raw_data.data, sizeof raw);
    if (raw.size) {
        out->data = s->file.data + raw.at;
        if (raw.size == bytes) return LINNET_OK;
        return ln_fail(err, LINNET_ERR_BAD_FILE, "%s: its shape needs %zu bytes, its data has %llu",
                       where, bytes, (unsigned long long)raw.size);
    }
    const void *list = typed(pb, out->type, &n, &from);
    if (n != (size_t)out->count)
        return ln_fail(err, LINNET_ERR_BAD_FILE,
                       "%s: its shape needs %lld elements, its data has %zu", where,
                       (long long)out->count, n);
    return narrow(s, list, n, from, ln_onnx_type_size(out->type), &out->data, err);
}
