/* TFLite_Detection_PostProcess: boxes out of anchors, and the best of them. Facts:
 * tensorflow/lite/kernels/detection_postprocess.cc. One image; where fewer boxes are found than
 * the outputs have room for, the rest is zero. */
#include "models/tflite/import.h"

typedef struct detector {
    int64_t boxes, classes, offset; /* offset: 1 where class 0 is the background */
    int64_t most, each, per_class;  /* detections; classes of one; detections of one class */
    float score, iou;
    ln_tid box;    /* [boxes,4]: y1, x1, y2, x2 */
    ln_tid scores; /* [boxes,classes] */
} detector;

static int64_t whole(ln_imp *im, const char *name, float otherwise, int64_t lo) {
    const float v = ln_imp_float(im, name, otherwise);
    if (v >= (float)lo && v <= 1e6f) return (int64_t)v;
    ln_imp_refuse(im, "%s is %g", name, (double)v);
    return lo;
}

static ln_tid slice(ln_imp *im, ln_tid x, int d, int64_t begin, int64_t size) {
    ln_attr a = {.slice = ln_slice_all(ln_imp_shape(im, x))};
    if (a.slice.size.dim[d] == size) return x;
    a.slice.begin[d] = begin;
    a.slice.size.dim[d] = size;
    return ln_imp_1(im, LN_OP_SLICE, a, x);
}

static ln_tid shaped(ln_imp *im, ln_tid x, ln_shape s) {
    return ln_imp_reshape(im, x, &s);
}

static ln_tid pair(ln_imp *im, float a, float b) {
    const ln_shape s = {1, {2}};
    float *p = ln_pool_alloc(&im->g->pool, 2, sizeof *p);
    if (!p && ln_imp_ok(im)) im->status = ln_fail_oom(im->err, "a constant", 2 * sizeof *p);
    if (!p) return LN_NONE;
    p[0] = a;
    p[1] = b;
    return ln_imp_const_f32(im, im->node->name, &s, p);
}

/* Centre and size, relative to the anchor's: y = code.y / scale * anchor.h + anchor.y,
 * h = exp(code.h / scale) * anchor.h. */
static ln_tid decode(ln_imp *im, const detector *d) {
    const float y = ln_imp_float(im, "y_scale", 0), x = ln_imp_float(im, "x_scale", 0);
    const float h = ln_imp_float(im, "h_scale", 0), w = ln_imp_float(im, "w_scale", 0);
    if (!(y > 0) || !(x > 0) || !(h > 0) || !(w > 0))
        return ln_imp_refuse(im, "scales of boxes: %g, %g, %g, %g", (double)y, (double)x, (double)h,
                             (double)w);
    const int64_t depth = ln_imp_in(im, 0)->shape.dim[2];
    const ln_tid code =
        shaped(im, ln_imp_get(im, ln_imp_in(im, 0), LN_PLAIN), (ln_shape){2, {d->boxes, depth}});
    const ln_tid anchor = ln_imp_get(im, ln_imp_in(im, 2), LN_PLAIN);
    const ln_tid at = slice(im, anchor, 1, 0, 2), size = slice(im, anchor, 1, 2, 2);
    ln_tid mid = ln_imp_map2(im, LN_MAP_DIV, slice(im, code, 1, 0, 2), pair(im, y, x));
    mid = ln_imp_map2(im, LN_MAP_ADD, ln_imp_map2(im, LN_MAP_MUL, mid, size), at);
    ln_tid half = ln_imp_map2(im, LN_MAP_DIV, slice(im, code, 1, 2, 2), pair(im, h, w));
    half = ln_imp_map2(im, LN_MAP_MUL, ln_imp_map1(im, LN_MAP_EXP, half), size);
    half = ln_imp_map2(im, LN_MAP_MUL, half, ln_imp_scalar(im, 0.5f));
    const ln_tid corner[2] = {ln_imp_map2(im, LN_MAP_SUB, mid, half),
                              ln_imp_map2(im, LN_MAP_ADD, mid, half)};
    return ln_imp_node(im, LN_OP_CONCAT, NULL, corner, 2);
}

static bool read(ln_imp *im, detector *d) {
    const ln_shape *b = &ln_imp_in(im, 0)->shape, *s = &ln_imp_in(im, 1)->shape;
    const ln_shape *a = &ln_imp_in(im, 2)->shape;
    d->classes = whole(im, "num_classes", 0, 1);
    d->most = whole(im, "max_detections", 0, 1);
    d->each = whole(im, "max_classes_per_detection", 0, 1);
    d->per_class = whole(im, "detections_per_class", 100, 1);
    d->iou = ln_imp_float(im, "nms_iou_threshold", 0);
    /* from this score on; the graph's op takes those above */
    d->score = nextafterf(ln_imp_float(im, "nms_score_threshold", 0), -INFINITY);
    if (!ln_imp_ok(im)) return false;
    if (b->rank != 3 || s->rank != 3 || a->rank != 2 || b->dim[0] != 1 || s->dim[0] != 1 ||
        b->dim[1] != s->dim[1] || a->dim[0] != b->dim[1] || b->dim[2] < 4 || a->dim[1] != 4 ||
        s->dim[2] < d->classes || s->dim[2] > d->classes + 1) {
        char t[3][96];
        return ln_imp_refuse(im, "boxes %s, scores %s, anchors %s for %lld classes",
                             ln_shape_text(b, t[0]), ln_shape_text(s, t[1]), ln_shape_text(a, t[2]),
                             (long long)d->classes),
               false;
    }
    if (!(d->iou > 0) || d->iou > 1)
        return ln_imp_refuse(im, "nms_iou_threshold is %g", (double)d->iou), false;
    d->boxes = b->dim[1];
    d->offset = s->dim[2] - d->classes;
    d->box = decode(im, d);
    const ln_tid all = shaped(im, ln_imp_get(im, ln_imp_in(im, 1), LN_PLAIN),
                              (ln_shape){2, {d->boxes, s->dim[2]}});
    d->scores = slice(im, all, 1, d->offset, d->classes);
    return ln_imp_ok(im);
}

/* ---- the best ---- */
/* scores [classes,boxes]; gives [classes,most], -1 behind the last */
static ln_tid suppress(ln_imp *im, const detector *d, ln_tid scores, int64_t classes,
                       int64_t most) {
    const ln_attr a = {.nms = {.most = LN_MIN(most, d->boxes), .iou = d->iou, .score = d->score}};
    const ln_tid in[2] = {shaped(im, d->box, (ln_shape){3, {1, d->boxes, 4}}),
                          shaped(im, scores, (ln_shape){3, {1, classes, d->boxes}})};
    ln_tid out[LN_MAX_OUT];
    ln_imp_node_all(im, LN_OP_NMS, &a, in, 2, out);
    return shaped(im, out[0], (ln_shape){2, {classes, a.nms.most}});
}

static ln_tid gather(ln_imp *im, ln_tid x, ln_tid index) {
    const ln_attr a = {.gather = {.axis = 0}};
    return ln_imp_node(im, LN_OP_GATHER, &a, (const ln_tid[]){x, index}, 2);
}

/* 1 where an index is one */
static ln_tid there(ln_imp *im, ln_tid index) {
    return ln_imp_map2(im, LN_MAP_LESS_EQUAL, ln_imp_scalar_i(im, 0), index);
}

static ln_tid where(ln_imp *im, ln_tid mask, ln_tid x, float otherwise) {
    return ln_imp_map(im, LN_MAP_WHERE, (const ln_tid[]){mask, x, ln_imp_scalar(im, otherwise)}, 3);
}

/* Of [rows,n,...] all of the n filled up with zeros, and rows with them. */
static ln_tid filled(ln_imp *im, ln_tid x, int64_t rows, int64_t n) {
    const ln_shape s = *ln_imp_shape(im, x);
    ln_attr a = {0};
    a.pad.after[0] = rows - s.dim[0];
    a.pad.after[1] = n - s.dim[1];
    return a.pad.after[0] || a.pad.after[1] ? ln_imp_1(im, LN_OP_PAD, a, x) : x;
}

/* box [rows,4], classes (I32) and scores [rows,n] are what was chosen, mask [rows] where */
static void put(ln_imp *im, const detector *d, ln_tid box, ln_tid classes, ln_tid scores,
                ln_tid mask) {
    if (!ln_imp_ok(im)) return;
    const int64_t rows = ln_imp_shape(im, mask)->dim[0], n = ln_imp_shape(im, scores)->dim[1];
    const int64_t all = d->most * d->each;
    const ln_tid column = shaped(im, mask, (ln_shape){2, {rows, 1}});
    const ln_shape each = {3, {rows, n, 4}};
    ln_tid b = shaped(im, where(im, column, box, 0), (ln_shape){3, {rows, 1, 4}});
    if (n > 1) b = ln_imp_1(im, LN_OP_TILE, (ln_attr){.tile = {each}}, b);
    b = shaped(im, filled(im, b, d->most, d->each), (ln_shape){3, {1, all, 4}});
    ln_tid c = where(im, column, ln_imp_to_f32(im, classes), 0);
    c = shaped(im, filled(im, c, d->most, d->each), (ln_shape){2, {1, all}});
    ln_tid s = where(im, column, scores, 0);
    s = shaped(im, filled(im, s, d->most, d->each), (ln_shape){2, {1, all}});
    const ln_tid count = ln_imp_reduce(im, LN_REDUCE_SUM, ln_imp_to_f32(im, mask), 1u, true);
    const ln_tid out[4] = {b, c, s, count};
    for (int i = 0; i < 4; i++) ln_imp_out(im, i, out[i], LN_PLAIN, LN_ONNX_FLOAT);
}

static ln_tid top(ln_imp *im, ln_tid x, int64_t k, ln_tid *index) {
    const ln_attr a = {.topk = {.k = k}};
    ln_tid out[LN_MAX_OUT];
    ln_imp_node_all(im, LN_OP_TOPK, &a, &x, 1, out);
    *index = out[1];
    return out[0];
}

/* Each box once, by its best class. */
static void fast(ln_imp *im, const detector *d) {
    ln_tid classes;
    const ln_tid best = top(im, d->scores, LN_MIN(d->each, d->classes), &classes);
    const ln_tid first = shaped(im, slice(im, best, 1, 0, 1), (ln_shape){2, {1, d->boxes}});
    ln_tid index = suppress(im, d, first, 1, d->most);
    if (!ln_imp_ok(im)) return;
    index = shaped(im, index, (ln_shape){1, {ln_imp_shape(im, index)->dim[1]}});
    put(im, d, gather(im, d->box, index), gather(im, classes, index), gather(im, best, index),
        there(im, index));
}

/* Every class by itself, then the best of all. */
static void regular(ln_imp *im, const detector *d) {
    const ln_attr along = {.gather = {.axis = 1}};
    const ln_tid scores = ln_imp_permute(im, d->scores, (const int[]){1, 0});
    const ln_tid index = suppress(im, d, scores, d->classes, d->per_class);
    if (!ln_imp_ok(im)) return;
    const int64_t each = ln_imp_shape(im, index)->dim[1], n = d->classes * each;
    const int64_t most = LN_MIN(d->most, n);
    ln_tid value =
        ln_imp_node(im, LN_OP_GATHER_ELEMENTS, &along, (const ln_tid[]){scores, index}, 2);
    value = shaped(im, where(im, there(im, index), value, -INFINITY), (ln_shape){1, {n}});
    ln_tid at;
    value = top(im, value, most, &at);
    const ln_tid box = gather(im, shaped(im, index, (ln_shape){1, {n}}), at);
    ln_tid classes = ln_imp_map2(im, LN_MAP_DIV, at, ln_imp_scalar_i(im, (int32_t)each));
    const ln_shape column = {2, {most, 1}};
    put(im, d, gather(im, d->box, box), shaped(im, classes, column), shaped(im, value, column),
        there(im, box));
}

void ln_tfl_op_detection(ln_imp *im, const ln_imp_op *op) {
    detector d;
    (void)op;
    if (!read(im, &d)) return;
    if (ln_imp_float(im, "use_regular_nms", 0) != 0)
        regular(im, &d);
    else
        fast(im, &d);
}
