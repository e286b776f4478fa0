/* The options of operators, by name. */
#include "models/tflite/flex.h"
#include "models/tflite/import.h"

#include <string.h>

typedef enum kind { BYTE, WORD, REAL, LIST } kind; /* bool is a byte, LIST of int32 */

/* Fields as numbered in the schema (the table of options of each operator). */
static const struct option {
    const char *op;
    int field;
    kind kind;
    const char *name;
    int absent;
} options[] = {
    {"ADD", 0, BYTE, "act", 0},
    {"AVERAGE_POOL_2D", 0, BYTE, "padding", 0},
    {"AVERAGE_POOL_2D", 1, WORD, "stride_w", 0},
    {"AVERAGE_POOL_2D", 2, WORD, "stride_h", 0},
    {"AVERAGE_POOL_2D", 3, WORD, "filter_w", 0},
    {"AVERAGE_POOL_2D", 4, WORD, "filter_h", 0},
    {"AVERAGE_POOL_2D", 5, BYTE, "act", 0},
    {"BATCH_MATMUL", 0, BYTE, "adj_x", 0},
    {"BATCH_MATMUL", 1, BYTE, "adj_y", 0},
    {"CONCATENATION", 0, WORD, "axis", 0},
    {"CONCATENATION", 1, BYTE, "act", 0},
    {"CONV_2D", 0, BYTE, "padding", 0},
    {"CONV_2D", 1, WORD, "stride_w", 0},
    {"CONV_2D", 2, WORD, "stride_h", 0},
    {"CONV_2D", 3, BYTE, "act", 0},
    {"CONV_2D", 4, WORD, "dilation_w", 1},
    {"CONV_2D", 5, WORD, "dilation_h", 1},
    {"DEPTHWISE_CONV_2D", 0, BYTE, "padding", 0},
    {"DEPTHWISE_CONV_2D", 1, WORD, "stride_w", 0},
    {"DEPTHWISE_CONV_2D", 2, WORD, "stride_h", 0},
    {"DEPTHWISE_CONV_2D", 4, BYTE, "act", 0},
    {"DEPTHWISE_CONV_2D", 5, WORD, "dilation_w", 1},
    {"DEPTHWISE_CONV_2D", 6, WORD, "dilation_h", 1},
    {"DEPTH_TO_SPACE", 0, WORD, "block", 0},
    {"DIV", 0, BYTE, "act", 0},
    {"FULLY_CONNECTED", 0, BYTE, "act", 0},
    {"FULLY_CONNECTED", 1, BYTE, "format", 0},
    {"FULLY_CONNECTED", 2, BYTE, "keep_num_dims", 0},
    {"GATHER", 0, WORD, "axis", 0},
    {"GATHER", 1, WORD, "batch_dims", 0},
    {"GELU", 0, BYTE, "approximate", 0},
    {"LEAKY_RELU", 0, REAL, "alpha", 0},
    {"MAX_POOL_2D", 0, BYTE, "padding", 0},
    {"MAX_POOL_2D", 1, WORD, "stride_w", 0},
    {"MAX_POOL_2D", 2, WORD, "stride_h", 0},
    {"MAX_POOL_2D", 3, WORD, "filter_w", 0},
    {"MAX_POOL_2D", 4, WORD, "filter_h", 0},
    {"MAX_POOL_2D", 5, BYTE, "act", 0},
    {"MEAN", 0, BYTE, "keep_dims", 0},
    {"MIRROR_PAD", 0, BYTE, "mode", 0},
    {"MUL", 0, BYTE, "act", 0},
    {"PACK", 1, WORD, "axis", 0},
    {"REDUCE_MAX", 0, BYTE, "keep_dims", 0},
    {"REDUCE_MIN", 0, BYTE, "keep_dims", 0},
    {"REDUCE_PROD", 0, BYTE, "keep_dims", 0},
    {"RESHAPE", 0, LIST, "shape", 0},
    {"RESIZE_BILINEAR", 2, BYTE, "align_corners", 0},
    {"RESIZE_BILINEAR", 3, BYTE, "half_pixel", 0},
    {"RESIZE_NEAREST_NEIGHBOR", 0, BYTE, "align_corners", 0},
    {"RESIZE_NEAREST_NEIGHBOR", 1, BYTE, "half_pixel", 0},
    {"SOFTMAX", 0, REAL, "beta", 0},
    {"SPACE_TO_DEPTH", 0, WORD, "block", 0},
    {"SQUEEZE", 0, LIST, "dims", 0},
    {"STRIDED_SLICE", 0, WORD, "begin_mask", 0},
    {"STRIDED_SLICE", 1, WORD, "end_mask", 0},
    {"STRIDED_SLICE", 2, WORD, "ellipsis_mask", 0},
    {"STRIDED_SLICE", 3, WORD, "new_axis_mask", 0},
    {"STRIDED_SLICE", 4, WORD, "shrink_axis_mask", 0},
    {"STRIDED_SLICE", 5, BYTE, "offset", 0},
    {"SUB", 0, BYTE, "act", 0},
    {"SUM", 0, BYTE, "keep_dims", 0},
    {"TRANSPOSE_CONV", 0, BYTE, "padding", 0},
    {"TRANSPOSE_CONV", 1, WORD, "stride_w", 0},
    {"TRANSPOSE_CONV", 2, WORD, "stride_h", 0},
    {"TRANSPOSE_CONV", 3, BYTE, "act", 0},
    {"UNPACK", 1, WORD, "axis", 0},
};

static linnet_status read_list(const ln_tfl_op *op, int field, ln_pool *pool, ln_net_attr *a,
                               linnet_error *err) {
    ln_flat_vector v;
    LN_TRY(ln_flat_vec(&op->options, field, 4, &v, "a list among an operator's options"));
    int64_t *list = ln_pool_alloc(pool, (size_t)v.count + 1, sizeof *list);
    if (!list) return ln_fail_oom(err, "options", v.count * sizeof *list);
    for (uint32_t i = 0; i < v.count; i++) list[i] = ln_flat_i32(&v, i);
    *a = (ln_net_attr){.type = LN_ONNX_ATTR_INTS, .n = v.count, .ints = list};
    return LINNET_OK;
}

static linnet_status read_option(const ln_tfl_op *op, const struct option *o, ln_pool *pool,
                                 ln_net_attr *a, linnet_error *err) {
    *a = (ln_net_attr){0};
    if (o->kind == LIST) {
        LN_TRY(read_list(op, o->field, pool, a, err));
    } else if (o->kind == REAL) {
        a->type = LN_ONNX_ATTR_FLOAT;
        LN_TRY(ln_flat_float(&op->options, o->field, (float)o->absent, &a->f, o->name));
    } else {
        a->type = LN_ONNX_ATTR_INT;
        LN_TRY(ln_flat_int(&op->options, o->field, o->kind == WORD ? 4 : 1, true, o->absent, &a->i,
                           o->name));
    }
    a->name = o->name;
    return LINNET_OK;
}

/* ---- custom operators ---- */
static const char *const detection[] = {"max_detections",
                                        "max_classes_per_detection",
                                        "detections_per_class",
                                        "use_regular_nms",
                                        "nms_score_threshold",
                                        "nms_iou_threshold",
                                        "num_classes",
                                        "y_scale",
                                        "x_scale",
                                        "h_scale",
                                        "w_scale"};

/* Numbers alone; those that are not there are left out. */
static linnet_status custom_attrs(const ln_tfl_file *f, const ln_tfl_op *op, ln_net_attr *attr,
                                  int *n, linnet_error *err) {
    ln_flex map;
    double v;
    if (strcmp(op->custom, "TFLite_Detection_PostProcess") != 0) return LINNET_OK;
    if (!ln_flex_map(op->custom_options.data, op->custom_options.count, &map))
        return ln_fail(err, LINNET_ERR_BAD_FILE, "%s: the options of %s are no map", f->map.path,
                       op->custom);
    for (size_t i = 0; i < LN_COUNT(detection); i++)
        if (ln_flex_number(&map, detection[i], &v))
            attr[(*n)++] =
                (ln_net_attr){.name = detection[i], .type = LN_ONNX_ATTR_FLOAT, .f = (float)v};
    return LINNET_OK;
}

/* ---- an operator's attributes ---- */
linnet_status ln_tfl_attrs(const ln_tfl_file *f, const ln_tfl_op *op, ln_pool *pool,
                           ln_net_node *node, linnet_error *err) {
    int n = 0, most = 1 + (int)LN_COUNT(detection);
    for (size_t i = 0; i < LN_COUNT(options); i++) most += !strcmp(options[i].op, node->op);
    ln_net_attr *attr = ln_pool_alloc(pool, (size_t)most, sizeof *attr);
    if (!attr) return ln_fail_oom(err, "options", (size_t)most * sizeof *attr);
    for (size_t i = 0; i < LN_COUNT(options); i++)
        if (!strcmp(options[i].op, node->op))
            LN_TRY(read_option(op, &options[i], pool, &attr[n++], err));
    if (op->custom) LN_TRY(custom_attrs(f, op, attr, &n, err));
    if (op->n_out)
        attr[n++] = (ln_net_attr){
            .name = "to", .type = LN_ONNX_ATTR_INT, .i = ln_tfl_type(f->tensor[op->out[0]].dtype)};
    node->attr = attr;
    node->n_attr = n;
    return LINNET_OK;
}
