/* Normalisations and softmax. */
#include "models/onnx/ops.h"

/* One of the vectors of a norm as [C]; LN_NONE when absent. */
static ln_tid vector(ln_imp *im, int slot, int64_t c) {
    const ln_val *v = ln_imp_in(im, slot);
    int64_t n = 0;
    char text[96];
    if (!v) return LN_NONE;
    if (!ln_count(&v->shape, &n) || n != c)
        return ln_imp_refuse(im, "input %d has shape %s, %lld elements are needed", slot,
                             ln_shape_text(&v->shape, text), (long long)c);
    const ln_shape s = {1, {c}};
    if (v->host) return ln_imp_const_view(im, v->name, v->host, &s, (const int64_t[]){1}, v->param);
    return ln_imp_reshape(im, ln_imp_get(im, v, LN_PLAIN), &s);
}

/* Running statistics are no learnable parameters. */
static ln_tid statistic(ln_imp *im, int slot, int64_t c) {
    const ln_tid t = vector(im, slot, c);
    if (t == LN_NONE) return t;
    ln_tensor *x = &im->g->tensor[t];
    im->g->params -= x->params;
    x->params = 0;
    x->is_param = false;
    return t;
}

static bool all_const(const ln_imp *im, int from, int to) {
    for (int i = from; i < to; i++)
        if (ln_imp_in(im, i) && !ln_imp_host(im, i)) return false;
    return true;
}

ln_tid ln_imp_affine(ln_imp *im, ln_tid x, ln_tid gain, ln_tid shift) {
    if (gain != LN_NONE) x = ln_imp_map2(im, LN_MAP_MUL, x, gain);
    return shift == LN_NONE ? x : ln_imp_map2(im, LN_MAP_ADD, x, shift);
}

void ln_imp_op_batch_norm(ln_imp *im, const ln_imp_op *op) {
    (void)op;
    const ln_val *v = ln_imp_in(im, 0);
    const int64_t c = v->shape.rank > 1 ? v->shape.dim[1] : 1;
    const float eps = ln_imp_float(im, "epsilon", 1e-5f);
    if (ln_imp_int(im, "training_mode", 0) || ln_imp_wants(im, 1)) {
        ln_imp_refuse(im, "training is not supported");
        return;
    }
    if (v->shape.rank < 2 || v->shape.rank > 5) {
        ln_imp_refuse(im, "an input of rank %d is not supported", v->shape.rank);
        return;
    }
    ln_tid x = ln_imp_get(im, v, LN_LAST);
    const ln_tid in[5] = {x, vector(im, 1, c), vector(im, 2, c), statistic(im, 3, c),
                          statistic(im, 4, c)};
    if (all_const(im, 1, 5)) {
        const ln_attr a = {.bn = {eps}};
        x = ln_imp_node(im, LN_OP_BATCH_NORM, &a, in, 5);
    } else { /* gamma / sqrt(variance + eps), and so on, on the device */
        ln_tid d = ln_imp_map2(im, LN_MAP_ADD, in[4], ln_imp_scalar(im, eps));
        d = ln_imp_map2(im, LN_MAP_DIV, in[1], ln_imp_map1(im, LN_MAP_SQRT, d));
        x = ln_imp_affine(im, ln_imp_map2(im, LN_MAP_SUB, x, in[3]), d, in[2]);
    }
    ln_imp_out(im, 0, x, LN_LAST, 0);
}

/* Over every pixel and the channels of a group; gain and shift by channel. */
static void normalise_groups(ln_imp *im, int64_t groups, ln_tid gain, ln_tid shift) {
    const ln_val *v = ln_imp_in(im, 0);
    const float eps = ln_imp_float(im, "epsilon", 1e-5f);
    const ln_tid x = ln_imp_get(im, v, LN_LAST);
    if (!ln_imp_ok(im)) return;
    if (groups < 1 || v->shape.rank < 3 || v->shape.dim[1] % groups) {
        char t[96];
        ln_imp_refuse(im, "%lld groups over %s", (long long)groups, ln_shape_text(&v->shape, t));
        return;
    }
    const ln_shape last = *ln_imp_shape(im, x);
    int64_t area = 1;
    for (int i = 1; i < last.rank - 1; i++) area *= last.dim[i];
    const ln_shape row = ln_nhwc(last.dim[0], 1, area, last.dim[last.rank - 1]);
    const bool fixed = all_const(im, 1, 3);
    const ln_attr a = {.norm = {.eps = eps, .groups = (int)groups}};
    const ln_tid in[3] = {last.rank == 4 ? x : ln_imp_reshape(im, x, &row), gain, shift};
    ln_tid y = ln_imp_node(im, LN_OP_GROUP_NORM, &a, in, fixed ? 3 : 1);
    if (!fixed) y = ln_imp_affine(im, y, gain, shift);
    ln_imp_out(im, 0, ln_imp_reshape(im, y, &last), LN_LAST, 0);
}

void ln_imp_op_instance_norm(ln_imp *im, const ln_imp_op *op) {
    (void)op;
    const ln_val *v = ln_imp_in(im, 0);
    const int64_t c = v->shape.rank > 1 ? v->shape.dim[1] : 1;
    normalise_groups(im, c, vector(im, 1, c), vector(im, 2, c));
}

/* One value a group (operator set 18) for each of its channels. */
static ln_tid spread(ln_imp *im, int slot, int64_t groups, int64_t c) {
    const ln_host *h = ln_imp_const(im, slot, slot == 1 ? "scale" : "bias");
    if (!h || h->count != groups || c % groups)
        return ln_imp_refuse(im, "input %d has not one value a group", slot);
    float *p = ln_imp_floats_of(im, h), *all = NULL;
    const ln_shape s = {1, {c}};
    if (p && ln_imp_spend(im, c)) all = ln_pool_alloc(&im->g->pool, (size_t)c, sizeof *all);
    if (!all) {
        if (ln_imp_ok(im)) im->status = ln_fail_oom(im->err, "a constant", (size_t)c * 4);
        return LN_NONE;
    }
    for (int64_t i = 0; i < c; i++) all[i] = p[i / (c / groups)];
    return ln_imp_const_f32(im, im->node->name, &s, all);
}

void ln_imp_op_group_norm(ln_imp *im, const ln_imp_op *op) {
    const ln_val *v = ln_imp_in(im, 0);
    const int64_t c = v->shape.rank > 1 ? v->shape.dim[1] : 1;
    const int64_t groups = ln_imp_int(im, "num_groups", 0);
    if (op->arg && groups > 0) /* by group */
        normalise_groups(im, groups, spread(im, 1, groups, c), spread(im, 2, groups, c));
    else
        normalise_groups(im, groups, vector(im, 1, c), vector(im, 2, c));
}

/* Mean and 1/sqrt(variance + eps) of the rows of x [outer,inner], as the operator's further
 * outputs: x's shape with the normalised dimensions 1. */
static void statistics(ln_imp *im, ln_tid x, float eps, const ln_shape *s) {
    if (!ln_imp_wants(im, 1) && !ln_imp_wants(im, 2)) return;
    const ln_tid mean = ln_imp_reduce(im, LN_REDUCE_MEAN, x, 2u, true);
    const ln_tid d = ln_imp_map2(im, LN_MAP_SUB, x, mean);
    ln_tid v = ln_imp_reduce(im, LN_REDUCE_MEAN, ln_imp_map2(im, LN_MAP_MUL, d, d), 2u, true);
    v = ln_imp_map1(im, LN_MAP_SQRT, ln_imp_map2(im, LN_MAP_ADD, v, ln_imp_scalar(im, eps)));
    v = ln_imp_map2(im, LN_MAP_DIV, ln_imp_scalar(im, 1.0f), v);
    if (ln_imp_wants(im, 1)) ln_imp_out(im, 1, ln_imp_reshape(im, mean, s), LN_PLAIN, 0);
    if (ln_imp_wants(im, 2)) ln_imp_out(im, 2, ln_imp_reshape(im, v, s), LN_PLAIN, 0);
}

void ln_imp_op_layer_norm(ln_imp *im, const ln_imp_op *op) {
    (void)op;
    const ln_val *v = ln_imp_in(im, 0);
    const int axis = ln_imp_axis(im, ln_imp_int(im, "axis", -1), v->shape.rank);
    const float eps = ln_imp_float(im, "epsilon", 1e-5f);
    const ln_shape s = ln_shape_graph(&v->shape);
    ln_shape stat = s, rows = {2, {1, 1}};
    for (int i = 0; i < s.rank; i++) rows.dim[i >= axis] *= s.dim[i];
    for (int i = axis; i < s.rank; i++) stat.dim[i] = 1;
    const bool fixed = all_const(im, 1, 3);
    const ln_tid x = ln_imp_reshape(im, ln_imp_get(im, v, LN_PLAIN), &rows);
    const ln_tid gain = vector(im, 1, rows.dim[1]), shift = vector(im, 2, rows.dim[1]);
    const ln_tid in[3] = {x, gain, shift};
    const ln_attr a = {.norm = {.eps = eps}};
    ln_tid y = ln_imp_node(im, LN_OP_LAYER_NORM, &a, in, fixed ? 3 : 1);
    if (!fixed) y = ln_imp_affine(im, y, gain, shift);
    ln_imp_out(im, 0, ln_imp_reshape(im, y, &s), LN_PLAIN, 0);
    statistics(im, x, eps, &stat);
}

/* log(softmax(x)) without the logarithm of what has become zero. */
static ln_tid log_softmax(ln_imp *im, ln_tid x) {
    const unsigned last = 1u << (ln_imp_rank(im, x) - 1);
    x = ln_imp_map2(im, LN_MAP_SUB, x, ln_imp_reduce(im, LN_REDUCE_MAX, x, last, true));
    const ln_tid sum = ln_imp_reduce(im, LN_REDUCE_SUM, ln_imp_map1(im, LN_MAP_EXP, x), last, true);
    return ln_imp_map2(im, LN_MAP_SUB, x, ln_imp_map1(im, LN_MAP_LOG, sum));
}

/* arg: 1 logarithm. Before operator set 13 all dimensions from the axis on are one row. */
void ln_imp_op_softmax(ln_imp *im, const ln_imp_op *op) {
    const ln_val *v = ln_imp_in(im, 0);
    const bool flat = op->to < 13;
    const int rank = v->shape.rank;
    const int axis = ln_imp_axis(im, ln_imp_int(im, "axis", flat ? 1 : -1), rank);
    const bool last = !flat && axis == 1 && rank > 2 && ln_val_is_last(v);
    ln_tid x = ln_imp_get(im, v, last ? LN_LAST : LN_PLAIN);
    if (!ln_imp_ok(im)) return;
    const ln_shape s = *ln_imp_shape(im, x);
    int perm[LN_MAX_RANK];
    for (int i = 0; i < s.rank; i++) perm[i] = i;
    const bool swap = !flat && !last && axis != s.rank - 1;
    if (swap) perm[axis] = s.rank - 1, perm[s.rank - 1] = axis;
    if (flat) {
        ln_shape rows = {2, {1, 1}};
        for (int i = 0; i < s.rank; i++) rows.dim[i >= axis] *= s.dim[i];
        x = ln_imp_reshape(im, x, &rows);
    }
    if (swap) x = ln_imp_permute(im, x, perm);
    x = op->arg ? log_softmax(im, x) : ln_imp_1(im, LN_OP_SOFTMAX, (ln_attr){0}, x);
    if (swap) x = ln_imp_permute(im, x, perm);
    ln_imp_out_as(im, 0, ln_imp_reshape(im, x, &s), last ? LN_LAST : LN_PLAIN, 0, &v->shape);
}
