/* The best of many. */
#include "models/onnx/ops.h"

/* arg: 1 k is an attribute */
void ln_imp_op_topk(ln_imp *im, const ln_imp_op *op) {
    const ln_val *v = ln_imp_in(im, 0);
    const ln_host *h = op->arg ? NULL : ln_imp_const(im, 1, "k");
    const int rank = v->shape.rank;
    const int axis = ln_imp_axis(im, ln_imp_int(im, "axis", -1), rank);
    const bool smallest = ln_imp_int(im, "largest", 1) == 0;
    int perm[LN_MAX_RANK];
    ln_tid out[LN_MAX_OUT];
    if (!ln_imp_ok(im)) return;
    const int64_t k = op->arg ? ln_imp_int(im, "k", 0) : h->count == 1 ? ln_host_i(h, 0) : 0;
    if (rank < 1 || k < 1 || k > v->shape.dim[axis]) {
        char t[96];
        ln_imp_refuse(im, "the best %lld of dimension %d of %s", (long long)k, axis,
                      ln_shape_text(&v->shape, t));
        return;
    }
    for (int i = 0; i < rank; i++) perm[i] = i;
    perm[axis] = rank - 1;
    perm[rank - 1] = axis;
    const ln_tid x = ln_imp_permute(im, ln_imp_get(im, v, LN_PLAIN), perm);
    const ln_attr a = {.topk = {.k = k, .smallest = smallest}};
    ln_imp_node_all(im, LN_OP_TOPK, &a, &x, 1, out);
    ln_imp_out(im, 0, ln_imp_permute(im, out[0], perm), LN_PLAIN, 0);
    ln_imp_out(im, 1, ln_imp_permute(im, out[1], perm), LN_PLAIN, LN_ONNX_INT64);
}

static double number(ln_imp *im, int slot, const char *what, double otherwise) {
    const ln_host *h = ln_imp_in(im, slot) ? ln_imp_const(im, slot, what) : NULL;
    if (!h || !h->count) return otherwise;
    return ln_host_f(h, 0);
}

/* Rows (image, class, box); how many there are only a run tells. */
void ln_imp_op_nms(ln_imp *im, const ln_imp_op *op) {
    const ln_val *boxes = ln_imp_in(im, 0), *scores = ln_imp_in(im, 1);
    const double most = number(im, 2, "max_output_boxes_per_class", 0.0);
    const ln_attr a = {.nms = {.most = most > 0 && most < INT32_MAX ? (int64_t)most : 0,
                               .iou = (float)number(im, 3, "iou_threshold", 0.0),
                               .score = (float)number(im, 4, "score_threshold", -(double)INFINITY),
                               .center = ln_imp_int(im, "center_point_box", 0) != 0}};
    const ln_tid in[2] = {ln_imp_get(im, boxes, LN_PLAIN), ln_imp_get(im, scores, LN_PLAIN)};
    ln_tid chosen[LN_MAX_OUT], rows[LN_MAX_OUT];
    (void)op;
    if (!ln_imp_ok(im)) return;
    if (a.nms.most < 1 || scores->shape.rank != 3) {
        ln_imp_refuse(im, "at most %g boxes of each class: nothing to choose", most);
        return;
    }
    ln_imp_node_all(im, LN_OP_NMS, &a, in, 2, chosen);
    ln_imp_node_all(im, LN_OP_NMS_ROWS, NULL, chosen, 1, rows);
    ln_imp_out(im, 0, rows[0], LN_PLAIN, LN_ONNX_INT64);
    if (ln_imp_ok(im) && ln_imp_wants(im, 0)) im->val[im->node->out[0]].rows = rows[1];
}
