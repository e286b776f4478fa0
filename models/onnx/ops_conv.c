/* Convolutions over one to three dimensions. One dimension is a picture of one row; three are a
 * convolution of pictures whose channels hold the planes that the window reaches in depth. */
#include "models/onnx/ops.h"

ln_tid ln_imp_picture(ln_imp *im, ln_tid x) {
    const ln_shape s = *ln_imp_shape(im, x);
    if (s.rank != 3) return x;
    const ln_shape to = ln_nhwc(s.dim[0], 1, s.dim[1], s.dim[2]);
    return ln_imp_reshape(im, x, &to);
}

ln_tid ln_imp_unpicture(ln_imp *im, ln_tid x, int rank) {
    const ln_shape s = *ln_imp_shape(im, x);
    if (rank != 3) return x;
    const ln_shape to = {3, {s.dim[0], s.dim[2], s.dim[3]}};
    return ln_imp_reshape(im, x, &to);
}

/* ONNX's [OC,IC/groups,KD,KH,KW] (the first two of K absent in fewer dimensions) as
 * [OC,KH,KW,IC/groups*KD], channel major. */
static ln_tid weight(ln_imp *im, const ln_val *w) {
    const int n = w->shape.rank - 2;
    int64_t k[3] = {1, 1, 1};
    memcpy(k + 3 - n, w->shape.dim + 2, (size_t)n * sizeof *k);
    const int64_t oc = w->shape.dim[0], ic = w->shape.dim[1] * k[0], area = k[1] * k[2];
    const ln_shape s = ln_nhwc(oc, k[1], k[2], ic);
    const int64_t stride[4] = {ic * area, k[2], 1, area};
    if (w->host) return ln_imp_const_view(im, w->name, w->host, &s, stride, w->param);
    const ln_shape flat = ln_nhwc(oc, ic, k[1], k[2]); /* planar */
    const ln_tid t = ln_imp_reshape(im, ln_imp_get(im, w, LN_PLAIN), &flat);
    return ln_imp_permute(im, t, (const int[]){0, 2, 3, 1});
}

static ln_tid conv2d(ln_imp *im, ln_tid x, ln_tid w, ln_tid bias, const ln_imp_window *win,
                     int groups) {
    const ln_tid in[3] = {x, w, bias};
    const ln_attr a = {.conv = {.win = ln_imp_window_2d(win), .groups = groups}};
    return ln_imp_node(im, LN_OP_CONV2D, &a, in, bias == LN_NONE ? 2 : 3);
}

/* [N,D,H,W,C] -> [N*OD,H,W,C*KD]: the planes under each window, channel c of plane k at c*KD+k. */
static ln_tid planes(ln_imp *im, ln_tid x, const ln_imp_window *win) {
    ln_shape s = *ln_imp_shape(im, x);
    ln_attr pad = {0};
    pad.pad.before[1] = win->before[0];
    pad.pad.after[1] = win->after[0];
    if (win->before[0] || win->after[0]) x = ln_imp_1(im, LN_OP_PAD, pad, x);
    ln_tid part[LN_MAX_IN];
    if (win->k[0] > LN_MAX_IN)
        return ln_imp_refuse(im, "a window of %lld planes; at most %d are supported",
                             (long long)win->k[0], LN_MAX_IN);
    for (int64_t k = 0; k < win->k[0]; k++) {
        ln_attr a = {.slice = ln_slice_all(ln_imp_shape(im, x))};
        a.slice.begin[1] = k * win->dil[0];
        a.slice.step[1] = win->stride[0];
        a.slice.size.dim[1] = win->out[0];
        part[k] = ln_imp_1(im, LN_OP_SLICE, a, x);
    }
    ln_attr join = {.concat = {.groups = (int)win->k[0]}};
    if (win->k[0] == 1) join.concat.groups = 0;
    x = ln_imp_node(im, LN_OP_CONCAT, &join, part, (int)win->k[0]);
    const ln_shape to = ln_nhwc(s.dim[0] * win->out[0], s.dim[2], s.dim[3], s.dim[4] * win->k[0]);
    return ln_imp_reshape(im, x, &to);
}

static ln_tid conv3d(ln_imp *im, ln_tid x, ln_tid w, ln_tid bias, const ln_imp_window *win,
                     int groups) {
    const int64_t batch = ln_imp_shape(im, x)->dim[0];
    const ln_imp_window flat = {.n = 2,
                                .k = {win->k[1], win->k[2]},
                                .stride = {win->stride[1], win->stride[2]},
                                .dil = {win->dil[1], win->dil[2]},
                                .before = {win->before[1], win->before[2]},
                                .after = {win->after[1], win->after[2]}};
    x = conv2d(im, planes(im, x, win), w, bias, &flat, groups);
    const ln_shape *y = ln_imp_shape(im, x);
    if (!ln_imp_ok(im)) return LN_NONE;
    const ln_shape to = {5, {batch, win->out[0], y->dim[1], y->dim[2], y->dim[3]}};
    return ln_imp_reshape(im, x, &to);
}

ln_tid ln_imp_convolve(ln_imp *im, ln_tid x, const ln_val *w, ln_tid bias) {
    const int64_t groups = ln_imp_int(im, "group", 1);
    const int rank = ln_imp_rank(im, x);
    const ln_shape onnx = ln_shape_from_last(ln_imp_shape(im, x));
    ln_imp_window win;
    if (!ln_imp_ok(im)) return LN_NONE;
    if (w->shape.rank != rank || rank < 3 || rank > 5) {
        char a[96], b[96];
        return ln_imp_refuse(im, "weight %s does not fit input %s", ln_shape_text(&w->shape, a),
                             ln_shape_text(&onnx, b));
    }
    if (groups < 1 || groups > INT32_MAX)
        return ln_imp_refuse(im, "group is %lld", (long long)groups);
    if (!ln_imp_window_of(im, &onnx, w->shape.dim + 2, &win)) return LN_NONE;
    if (rank == 5) return conv3d(im, x, weight(im, w), bias, &win, (int)groups);
    x = conv2d(im, ln_imp_picture(im, x), weight(im, w), bias, &win, (int)groups);
    return ln_imp_unpicture(im, x, rank);
}

void ln_imp_op_conv(ln_imp *im, const ln_imp_op *op) {
    (void)op;
    const ln_tid x = ln_imp_get(im, ln_imp_in(im, 0), LN_LAST);
    const ln_tid bias = ln_imp_get(im, ln_imp_in(im, 2), LN_PLAIN);
    ln_imp_out(im, 0, ln_imp_convolve(im, x, ln_imp_in(im, 1), bias), LN_LAST, 0);
}

/* ---- transposed ---- */
/* ONNX's [IC,OC/groups,KD,KH,KW] (the first of K absent in fewer dimensions) as the graph's
 * [OC*KD,KH,KW,IC/groups]. */
static ln_tid transposed_weight(ln_imp *im, const ln_val *w, int64_t groups) {
    const int n = w->shape.rank - 2;
    int64_t area[3] = {1, 1, 1};
    memcpy(area + 3 - n, w->shape.dim + 2, (size_t)n * sizeof *area);
    const int64_t ic = w->shape.dim[0], each = w->shape.dim[1] * area[0], kh = area[1];
    const int64_t kw = area[2], k = kh * kw, in = ic / groups;
    const ln_shape s = ln_nhwc(each * groups, kh, kw, in);
    const int64_t stride[4] = {k, kw, 1, each * k};
    if (groups == 1 && w->host)
        return ln_imp_const_view(im, w->name, w->host, &s, stride, w->param);
    if (!w->host) {
        const ln_shape apart = {5, {groups, in, each, kh, kw}};
        const ln_tid t = ln_imp_reshape(im, ln_imp_get(im, w, LN_PLAIN), &apart);
        return ln_imp_reshape(im, ln_imp_permute(im, t, (const int[]){0, 2, 3, 4, 1}), &s);
    }
    const float *from = ln_imp_floats_of(im, w->host);
    float *to = ln_imp_floats_of(im, w->host);
    for (int64_t o = 0; ln_imp_ok(im) && o < each * groups; o++)
        for (int64_t p = 0; p < k; p++)
            for (int64_t i = 0; i < in; i++)
                to[(o * k + p) * in + i] = from[((o / each * in + i) * each + o % each) * k + p];
    return to ? ln_imp_const_f32(im, w->name, &s, to) : LN_NONE;
}

/* Sizes of the output and what is cut from each side (ONNX, ConvTranspose). */
static bool spread_of(ln_imp *im, const ln_shape *x, const ln_shape *w, ln_imp_window *win) {
    size_t n_out, n_extra;
    const int64_t *want = ln_imp_ints(im, "output_shape", &n_out);
    const int64_t *extra = ln_imp_ints(im, "output_padding", &n_extra);
    const char *pad = ln_imp_string(im, "auto_pad", "NOTSET");
    const bool lower = !strcmp(pad, "SAME_LOWER"), same = lower || !strcmp(pad, "SAME_UPPER");
    if (!ln_imp_window_attrs(im, x->rank - 2, w->dim + 2, win)) return false;
    for (int i = 0; i < win->n; i++) {
        const int64_t in = x->dim[2 + i], more = extra && (size_t)i < n_extra ? extra[i] : 0;
        if (more < 0 || more > INT32_MAX)
            return ln_imp_refuse(im, "output_padding is %lld", (long long)more), false;
        const int64_t full = win->stride[i] * (in - 1) + more + (win->k[i] - 1) * win->dil[i] + 1;
        win->out[i] = full - win->before[i] - win->after[i];
        if (want || same) {
            const size_t at = n_out > (size_t)win->n ? (size_t)i + 2 : (size_t)i;
            win->out[i] = want ? (at < n_out ? want[at] : 0) : in * win->stride[i];
            if (want && (win->out[i] < 1 || win->out[i] > INT32_MAX))
                return ln_imp_refuse(im, "output_shape is %lld", (long long)win->out[i]), false;
            const int64_t cut = LN_MAX(full - win->out[i], 0);
            win->before[i] = same && !lower ? cut / 2 : cut - cut / 2;
            if (want && !same) win->before[i] = cut / 2;
        }
        if (win->out[i] < 1 || win->out[i] >= full + win->stride[i]) {
            ln_imp_refuse(im, "an output of %lld pixels from %lld", (long long)win->out[i],
                          (long long)in);
            return false;
        }
        win->after[i] = 0; /* the output's size says it */
    }
    return true;
}

static ln_tid spread2d(ln_imp *im, ln_tid x, ln_tid w, ln_tid bias, const ln_imp_window *win,
                       int64_t groups) {
    ln_attr a = {.conv = {.win = ln_imp_window_2d(win), .groups = (int)groups}};
    a.conv.h = win->n == 1 ? 1 : win->out[0];
    a.conv.w = win->out[win->n - 1];
    const ln_tid in[3] = {x, w, bias};
    return ln_imp_node(im, LN_OP_CONV_TRANSPOSE, &a, in, bias == LN_NONE ? 2 : 3);
}

enum { MAX_PLANES = 64 }; /* the constant below is as many times the weights */

/* [OC,KD,1,KD]: plane k of a channel goes to place k of its window in depth. */
static ln_tid places(ln_imp *im, int64_t oc, int64_t kd) {
    float *data;
    if (kd > MAX_PLANES)
        return ln_imp_refuse(im, "a window of %lld planes; at most %d are supported", (long long)kd,
                             MAX_PLANES);
    const ln_shape s = ln_nhwc(oc, kd, 1, kd);
    const ln_tid t = ln_graph_const_new(im->g, "depth", s, &data, im->err);
    for (int64_t i = 0; t != LN_NONE && i < oc * kd; i++) data[i * kd + i % kd] = 1.0f;
    return t;
}

/* Every plane is spread over its rows and columns, once for each place of the window in depth; then
 * what came of it is spread over the depth, a channel at a time. */
static ln_tid spread3d(ln_imp *im, ln_tid x, ln_tid w, ln_tid bias, const ln_imp_window *win,
                       int64_t groups) {
    if (!ln_imp_ok(im)) return LN_NONE;
    const ln_shape s = *ln_imp_shape(im, x);
    const int64_t kd = win->k[0], oc = ln_imp_shape(im, w)->dim[0] / kd;
    ln_imp_window flat = {.n = 2}, deep = {.n = 2, .k = {kd, 1}, .stride = {1, 1}, .dil = {1, 1}};
    for (int i = 0; i < 2; i++) {
        flat.k[i] = win->k[i + 1], flat.stride[i] = win->stride[i + 1];
        flat.dil[i] = win->dil[i + 1], flat.before[i] = win->before[i + 1];
        flat.out[i] = win->out[i + 1];
    }
    deep.stride[0] = win->stride[0], deep.dil[0] = win->dil[0], deep.before[0] = win->before[0];
    deep.out[0] = win->out[0], deep.out[1] = win->out[1] * win->out[2];
    const ln_shape pictures = ln_nhwc(s.dim[0] * s.dim[1], s.dim[2], s.dim[3], s.dim[4]);
    const ln_shape rows = ln_nhwc(s.dim[0], s.dim[1], deep.out[1], oc * kd);
    x = spread2d(im, ln_imp_reshape(im, x, &pictures), w, LN_NONE, &flat, groups);
    x = ln_imp_reshape(im, x, &rows);
    x = spread2d(im, x, places(im, oc, kd), bias, &deep, oc);
    const ln_shape to = {5, {s.dim[0], win->out[0], win->out[1], win->out[2], oc}};
    return ln_imp_reshape(im, x, &to);
}

void ln_imp_op_conv_transpose(ln_imp *im, const ln_imp_op *op) {
    const ln_val *v = ln_imp_in(im, 0), *w = ln_imp_in(im, 1);
    const int64_t groups = ln_imp_int(im, "group", 1);
    const int rank = v->shape.rank;
    ln_imp_window win;
    char a[96], b[96];
    (void)op;
    if (!ln_imp_ok(im)) return;
    if (rank < 3 || rank > 5 || w->shape.rank != rank || w->shape.dim[0] != v->shape.dim[1] ||
        groups < 1 || groups > INT32_MAX || w->shape.dim[0] % groups) {
        ln_imp_refuse(im, "weight %s over input %s in %lld groups is not supported",
                      ln_shape_text(&w->shape, a), ln_shape_text(&v->shape, b), (long long)groups);
        return;
    }
    if (!spread_of(im, &v->shape, &w->shape, &win)) return;
    const ln_tid bias = ln_imp_get(im, ln_imp_in(im, 2), LN_PLAIN);
    const ln_tid x = ln_imp_get(im, v, LN_LAST), k = transposed_weight(im, w, groups);
    const ln_tid y = rank == 5 ? spread3d(im, x, k, bias, &win, groups)
                               : spread2d(im, ln_imp_picture(im, x), k, bias, &win, groups);
    ln_imp_out(im, 0, ln_imp_unpicture(im, y, rank), LN_LAST, 0);
}
