/* Element by element, over dimensions, between pixels. */
#include "models/tflite/import.h"

/* ---- two operands ---- */
/* A constant [1,1,C] against [...,C] is a vector: that is what sums and products fuse with. */
static ln_val slim(ln_imp *im, const ln_val *v, const ln_val *other) {
    ln_val r = *v;
    const int rank = v->shape.rank, more = other->shape.rank;
    if (!v->host || rank < 2 || rank > more || !ln_imp_ok(im)) return r;
    const ln_shape s = {1, {v->shape.dim[rank - 1]}};
    if (v->host->count != s.dim[0] || other->shape.dim[more - 1] != s.dim[0]) return r;
    r.host = ln_host_reshape(im, v->host, &s);
    r.shape = s;
    r.tid[0] = r.tid[1] = LN_NONE;
    return r;
}

/* arg: ln_math */
void ln_tfl_op_binary(ln_imp *im, const ln_imp_op *op) {
    const ln_val *x = ln_imp_in(im, 0), *y = ln_imp_in(im, 1);
    const ln_val a = slim(im, x, y), b = slim(im, y, x);
    if (ln_imp_ok(im)) ln_imp_binary(im, (ln_math)op->arg, &a, &b);
}

void ln_tfl_op_square(ln_imp *im, const ln_imp_op *op) {
    const ln_val *x = ln_imp_in(im, 0);
    (void)op;
    ln_imp_binary(im, LN_MATH_MUL, x, x);
}

/* ---- activations ---- */
/* arg: ln_act_kind; LN_ACT_CLAMP: bounds by name */
ln_act ln_tfl_act_of(ln_imp *im, const ln_imp_op *op) {
    static const struct {
        const char *name;
        float lo, hi;
    } row[] = {
        {"RELU", 0, INFINITY}, {"RELU6", 0, 6}, {"RELU_0_TO_1", 0, 1}, {"RELU_N1_TO_1", -1, 1}};
    ln_act a = ln_act_of((ln_act_kind)op->arg);
    for (size_t i = 0; i < LN_COUNT(row); i++)
        if (!strcmp(op->name, row[i].name)) a.lo = row[i].lo, a.hi = row[i].hi;
    if (a.kind == LN_ACT_LEAKY_RELU) a.alpha = ln_imp_float(im, "alpha", 0);
    if (a.kind == LN_ACT_GELU && ln_imp_int(im, "approximate", 0)) a.kind = LN_ACT_GELU_TANH;
    return a;
}

void ln_tfl_op_act(ln_imp *im, const ln_imp_op *op) {
    const ln_val *v = ln_imp_in(im, 0);
    const ln_attr a = {.act = ln_tfl_act_of(im, op)};
    if (!ln_type_is_float(v->type)) {
        ln_imp_refuse(im, "integers are not supported");
        return;
    }
    ln_imp_out_as(im, 0, ln_imp_1(im, LN_OP_ACT, a, ln_imp_get(im, v, LN_PLAIN)), LN_PLAIN, 0,
                  &v->shape);
}

bool ln_tfl_act(ln_imp *im, int64_t fused, ln_act *out) {
    *out = ln_act_of(LN_ACT_NONE);
    switch (fused) {
    case LN_TFL_ACT_NONE: return false;
    case LN_TFL_RELU: *out = ln_act_relu(); return true;
    case LN_TFL_RELU6: *out = ln_act_relu6(); return true;
    case LN_TFL_RELU_N1_TO_1:
        *out = (ln_act){.kind = LN_ACT_CLAMP, .lo = -1.0f, .hi = 1.0f};
        return true;
    case LN_TFL_ACT_TANH: *out = ln_act_of(LN_ACT_TANH); return true;
    default: ln_imp_refuse(im, "fused activation %lld is not supported", (long long)fused);
    }
    return false;
}

/* ---- softmax ---- */
static ln_tid scaled(ln_imp *im, const ln_val *v) {
    const float beta = ln_imp_float(im, "beta", 1.0f);
    const ln_tid x = ln_imp_get(im, v, LN_PLAIN);
    return beta == 1.0f ? x : ln_imp_map2(im, LN_MAP_MUL, x, ln_imp_scalar(im, beta));
}

void ln_tfl_op_softmax(ln_imp *im, const ln_imp_op *op) {
    const ln_val *v = ln_imp_in(im, 0);
    (void)op;
    const ln_tid y = ln_imp_1(im, LN_OP_SOFTMAX, (ln_attr){0}, scaled(im, v));
    ln_imp_out_as(im, 0, y, LN_PLAIN, 0, &v->shape);
}

void ln_tfl_op_log_softmax(ln_imp *im, const ln_imp_op *op) {
    const ln_val *v = ln_imp_in(im, 0);
    const ln_tid x = ln_imp_get(im, v, LN_PLAIN);
    (void)op;
    if (v->shape.rank < 1) {
        ln_imp_refuse(im, "a scalar has no dimension to go over");
        return;
    }
    const ln_tid sum = ln_imp_reduce(im, LN_REDUCE_LOG_SUM_EXP, x, 1u << (v->shape.rank - 1), true);
    ln_imp_out_as(im, 0, ln_imp_map2(im, LN_MAP_SUB, x, sum), LN_PLAIN, 0, &v->shape);
}

/* ---- over dimensions ---- */
/* arg: ln_reduce_kind. The mean over all pixels is the pool that gates and heads are known by. */
void ln_tfl_op_reduce(ln_imp *im, const ln_imp_op *op) {
    const ln_val *v = ln_imp_in(im, 0);
    const ln_reduce_kind kind = (ln_reduce_kind)op->arg;
    const bool keep = ln_imp_int(im, "keep_dims", 0) != 0;
    bool given;
    const unsigned axes = ln_imp_axes(im, 1, "axes", v->shape.rank, &given);
    if (!ln_imp_ok(im)) return;
    if (kind != LN_REDUCE_MEAN || v->shape.rank != 4 || axes != 6u || v->host ||
        v->type != LN_ONNX_FLOAT) {
        ln_imp_reduced(im, v, kind, axes, keep);
        return;
    }
    const ln_attr a = {.pool = {.kind = LN_POOL_AVG, .global = true}};
    const ln_shape flat = {2, {v->shape.dim[0], v->shape.dim[3]}};
    ln_imp_out(im, 0, ln_imp_1(im, LN_OP_POOL, a, ln_imp_get(im, v, LN_PLAIN)), LN_PLAIN, 0);
    if (!keep) ln_tfl_reshaped(im, 0, &flat);
}

/* arg: LN_REDUCE_ARGMAX or ARGMIN */
void ln_tfl_op_arg_extreme(ln_imp *im, const ln_imp_op *op) {
    const ln_val *v = ln_imp_in(im, 0);
    const int axis = ln_imp_axis(im, ln_tfl_number(im, 1, "the axis"), v->shape.rank);
    if (!ln_imp_ok(im)) return;
    ln_imp_placed(im, v, (ln_reduce_kind)op->arg, axis, false, false,
                  (int)ln_imp_int(im, "to", LN_ONNX_INT32));
}

/* ---- between pixels ---- */
/* arg: ln_resize_kind. Nearest rounds down, halves up where corners are aligned. */
void ln_tfl_op_resize(ln_imp *im, const ln_imp_op *op) {
    const ln_val *v = ln_imp_in(im, 0);
    const bool corners = ln_imp_int(im, "align_corners", 0) != 0;
    const bool half = ln_imp_int(im, "half_pixel", 0) != 0, near = op->arg == LN_RESIZE_NEAREST;
    const bool bytes = ln_tfl_is_quant(im, im->node->in[0]) && v->type == LN_ONNX_INT8;
    ln_shape size;
    ln_attr a = {.resize = {.kind = (ln_resize_kind)op->arg,
                            .grid = corners ? LN_GRID_ALIGN_CORNERS
                                    : !half ? LN_GRID_ASYMMETRIC
                                    : near  ? LN_GRID_HALF_PIXEL_NN
                                            : LN_GRID_HALF_PIXEL,
                            .round = corners ? LN_ROUND_HALF_UP : LN_ROUND_DOWN,
                            .number = !near && bytes ? LN_NUMBER_FIXED : LN_NUMBER_SINGLE}};
    if (!ln_imp_dims(im, ln_imp_const(im, 1, "the size"), "size", &size)) return;
    if (size.rank != 2 || v->shape.rank != 4 || (corners && half)) {
        ln_imp_refuse(im, "%d sizes for an input of rank %d%s", size.rank, v->shape.rank,
                      corners && half ? ", corners aligned and pixels centred" : "");
        return;
    }
    for (int i = 0; i < 2; i++) {
        if (size.dim[i] < 1 || size.dim[i] > INT32_MAX) {
            ln_imp_refuse(im, "a size of %lld", (long long)size.dim[i]);
            return;
        }
        if (size.dim[i] != v->shape.dim[1 + i]) a.resize.axis[1 + i].size = size.dim[i];
    }
    ln_imp_out(im, 0, ln_imp_1(im, LN_OP_RESIZE, a, ln_imp_get(im, v, LN_PLAIN)), LN_PLAIN, 0);
}
