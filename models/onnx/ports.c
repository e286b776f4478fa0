/* Inputs and outputs: names, types, and shapes of numbers and symbols. */
#include "models/onnx/store.h"

#include <limits.h>

static linnet_status read_dim(const char *where, const Ln__PbDim *pb, bool input, ln_net_dim *out,
                              linnet_error *err) {
    *out = (ln_net_dim){.symbol = pb->dim_param ? pb->dim_param : ""};
    if (!pb->has_dim_value || pb->dim_value == -1) return LINNET_OK; /* -1: "any", by custom */
    if (!input && !pb->dim_value) return LINNET_OK;                  /* only said, never used */
    if (!pb->dim_value)
        return ln_fail(err, LINNET_ERR_UNSUPPORTED, "%s has a dimension of 0: nothing to compute",
                       where);
    if (pb->dim_value < 1 || pb->dim_value > INT_MAX)
        return ln_fail(err, LINNET_ERR_BAD_FILE, "%s has a dimension of %lld; give 1 or more",
                       where, (long long)pb->dim_value);
    out->value = pb->dim_value;
    return LINNET_OK;
}

linnet_status ln_onnx_read_port(const char *path, const Ln__PbValue *pb, bool input,
                                ln_net_port *out, linnet_error *err) {
    char where[400];
    const Ln__PbTensorType *t = pb->type ? pb->type->tensor_type : NULL;
    *out = (ln_net_port){.name = pb->name ? pb->name : "", .value = -1, .rank = -1};
    snprintf(where, sizeof where, "%.200s: %s %.100s", path, input ? "input" : "output", out->name);
    if (t) out->type = t->elem_type;
    if (input && !ln_onnx_type_size(out->type))
        return ln_fail(err, LINNET_ERR_UNSUPPORTED,
                       "%s is no tensor of a type that can be read (%s)", where,
                       t ? ln_onnx_type_name(out->type) : "no tensor");
    if (!t || !t->shape) return LINNET_OK;
    if (t->shape->n_dim > LN_MAX_RANK)
        return ln_fail(err, LINNET_ERR_UNSUPPORTED, "%s has %zu dimensions; at most %d are read",
                       where, t->shape->n_dim, LN_MAX_RANK);
    out->rank = (int)t->shape->n_dim;
    for (int i = 0; i < out->rank; i++)
        LN_TRY(read_dim(where, t->shape->dim[i], input, &out->dim[i], err));
    return LINNET_OK;
}
