#include "models/build.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static ln_tid stop(ln_build *b, linnet_status status) {
    if (b->status == LINNET_OK) b->status = status;
    return LN_NONE;
}

static ln_tid keep(ln_build *b, ln_tid t) {
    if (t == LN_NONE)
        return stop(b, b->err && b->err->status ? b->err->status : LINNET_ERR_INTERNAL);
    return t;
}

/* After a failure: a harmless shape, so that blocks can go on to their end. */
const ln_shape *ln_b_shape(const ln_build *b, ln_tid x) {
    static const ln_shape none = {4, {1, 1, 1, 1}};
    return b->status != LINNET_OK || x == LN_NONE ? &none : &b->g->tensor[x].shape;
}

int64_t ln_b_channels(const ln_build *b, ln_tid x) {
    const ln_shape *s = ln_b_shape(b, x);
    return s->dim[s->rank - 1];
}

/* ---- weights ---- */
enum { MOST_NAMED = 4, MOST_TEXT = 700 }; /* in an error's message; the log has room for all */

static void problem(ln_build *b, const char *fmt, ...) LN_PRINTF(2, 3);
static void problem(ln_build *b, const char *fmt, ...) {
    char line[320];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    ln_log(LN_LOG_INFO, "%s: %s", b->g->name, line);
    if (b->n_problems++ == b->n_named && b->n_named < MOST_NAMED &&
        b->problems.len + strlen(line) <= MOST_TEXT) {
        ln_str_add(&b->problems, "%s%s", b->n_named ? "; " : "", line);
        b->n_named++;
    }
}

bool ln_b_has(const ln_build *b, const char *name) {
    return b->weights && ln_weights_find(b->weights, name, NULL, NULL);
}

/* The source's tensor if it has the expected shape; NULL after noting what is wrong. */
static const ln_weight *take(ln_build *b, const char *name, const ln_shape *expect) {
    if (!b->weights) return NULL;
    linnet_error err = {0};
    const ln_weight *w = ln_weights_find(b->weights, name, expect, &err);
    char want[96], got[96];
    if (!w && err.status != LINNET_OK) {
        if (b->err) *b->err = err;
        stop(b, err.status);
        return NULL;
    }
    if (!w) {
        problem(b, "%s missing (expected %s)", name, ln_shape_text(expect, want));
        return NULL;
    }
    if (b->used) b->used[w->index] = 1;
    if (!ln_shape_equal(&w->shape, expect)) {
        problem(b, "%s is %s (expected %s)", name, ln_shape_text(&w->shape, got),
                ln_shape_text(expect, want));
        return NULL;
    }
    if (ln_dtype_is_float(w->dtype) || (b->folded && w->dtype == LN_I8)) return w;
    problem(b, "%s holds %s (expected a float type)", name, ln_dtype_names[w->dtype]);
    return NULL;
}

/* Bytes have a scale for each of n rows beside them; they are no good without. */
static void take_scale(ln_build *b, const char *name, int64_t n, ln_view *v) {
    char text[LN_NAME_MAX + 32];
    if (v->dtype != LN_I8 || b->status != LINNET_OK) return;
    snprintf(text, sizeof text, "%s_scale", name);
    const ln_weight *w = take(b, text, &(ln_shape){1, {n}});
    float *scale = ln_pool_alloc(&b->g->pool, (size_t)n, sizeof *scale);
    if (!scale) {
        ln_fail_oom(b->err, text, (size_t)n * sizeof *scale);
        stop(b, LINNET_ERR_OUT_OF_MEMORY);
        return;
    }
    for (int64_t i = 0; w && i < n; i++) {
        scale[i] = ln_elem_f32(w->data, i * w->stride[0], w->dtype);
        if (isnormal(scale[i]) && scale[i] > 0) continue;
        problem(b, "%s holds %g (expected scales above 0)", text, (double)scale[i]);
        break;
    }
    v->scale = scale;
}

static ln_tid same_shape(ln_build *b, const char *name, ln_shape shape, bool is_param) {
    if (b->status != LINNET_OK) return LN_NONE;
    ln_view view = {.dtype = LN_F32};
    const ln_weight *w = take(b, name, &shape);
    if (w) {
        view.data = w->data;
        view.dtype = w->dtype;
        memcpy(view.stride, w->stride, sizeof view.stride);
        if (shape.rank == 2) take_scale(b, name, shape.dim[0], &view);
        if (view.dtype == LN_I8 && !view.scale) {
            problem(b, "%s holds bytes without a scale", name);
            view = (ln_view){.dtype = LN_F32};
        }
    }
    if (b->status != LINNET_OK) return LN_NONE;
    return keep(b, ln_graph_const(b->g, name, shape, view, is_param, b->err));
}

ln_tid ln_b_vector(ln_build *b, const char *name, int64_t n, bool is_param) {
    return same_shape(b, name, (ln_shape){1, {n}}, is_param);
}

ln_tid ln_b_matrix(ln_build *b, const char *name, int64_t rows, int64_t cols) {
    return same_shape(b, name, (ln_shape){2, {rows, cols}}, true);
}

ln_tid ln_b_const(ln_build *b, const char *name, ln_shape shape, float **data) {
    *data = NULL;
    if (b->status != LINNET_OK) return LN_NONE;
    return keep(b, ln_graph_const_new(b->g, name, shape, data, b->err));
}

static ln_tid kernel(ln_build *b, const char *name, int64_t oc, int64_t ic, int64_t k,
                     bool matrix) {
    if (b->status != LINNET_OK) return LN_NONE;
    ln_shape file = {4, {oc, ic, k, k}}, shape = {4, {oc, k, k, ic}};
    if (matrix) file = (ln_shape){2, {oc, ic * k * k}};
    ln_view view = {.dtype = LN_F32};
    const ln_weight *w = take(b, name, &file);
    if (w) {
        const int64_t *s = w->stride;
        int64_t in = s[1];
        int64_t oihw[4] = {s[0], matrix ? in * k * k : in, matrix ? in * k : s[2],
                           matrix ? in : s[3]};
        view = (ln_view){
            .data = w->data, .dtype = w->dtype, .stride = {oihw[0], oihw[2], oihw[3], oihw[1]}};
        take_scale(b, name, oc, &view);
    }
    if (b->status != LINNET_OK) return LN_NONE;
    return keep(b, ln_graph_const(b->g, name, shape, view, true, b->err));
}

/* ---- nodes ---- */
ln_tid ln_b_node(ln_build *b, ln_op op, const char *name, const ln_attr *attr, const ln_tid *in,
                 int n_in) {
    if (b->status != LINNET_OK) return LN_NONE;
    return keep(b, ln_graph_node(b->g, op, name, attr, in, n_in, b->err));
}

/* Symmetric padding of an odd kernel, or TensorFlow's SAME. */
static ln_window window(const ln_build *b, ln_tid x, int kernel, int stride, bool valid) {
    int p = valid ? 0 : (kernel - 1) / 2;
    ln_window w = {kernel, kernel, stride, stride, 1, 1, p, p, p, p};
    const int64_t *d = b->g->tensor[x].shape.dim;
    if (b->arch->tf_same && !valid) ln_window_same(&w, d[1], d[2]);
    return w;
}

ln_tid ln_b_conv(ln_build *b, ln_tid x, const char *name, const ln_layer *l) {
    if (b->status != LINNET_OK) return LN_NONE;
    char text[LN_NAME_MAX + 8];
    int groups = l->groups ? l->groups : 1, stride = l->stride ? l->stride : 1, out = l->out;
    ln_width *own = groups == 1 ? ln_widths_find(&b->widths, name) : NULL;
    if (own) {
        own->used = true;
        out = own->channels;
    }
    snprintf(text, sizeof text, "%s.weight", name);
    ln_tid in[3] = {x, LN_NONE, LN_NONE};
    in[1] = kernel(b, text, out, ln_b_channels(b, x) / groups, l->kernel, l->matrix);
    snprintf(text, sizeof text, "%s.bias", name);
    const bool bias = l->bias || (b->folded && ln_b_has(b, text));
    if (bias) in[2] = ln_b_vector(b, text, out, true);
    if (b->status != LINNET_OK) return LN_NONE;
    ln_attr attr = {.conv = {.win = window(b, x, l->kernel, stride, l->valid), .groups = groups}};
    return ln_b_node(b, LN_OP_CONV2D, name, &attr, in, bias ? 3 : 2);
}

static bool made_by_conv(const ln_build *b, ln_tid x) {
    const ln_graph *g = b->g;
    return g->n_node && g->node[g->n_node - 1].out[0] == x &&
           g->node[g->n_node - 1].op == LN_OP_CONV2D;
}

ln_tid ln_b_bn(ln_build *b, ln_tid x, const char *name) {
    static const char *const part[4] = {"weight", "bias", "running_mean", "running_var"};
    ln_tid in[5] = {x};
    if (b->status != LINNET_OK) return LN_NONE;
    if (b->folded && made_by_conv(b, x)) {
        char text[LN_NAME_MAX + 16];
        snprintf(text, sizeof text, "%s.weight", name);
        if (!ln_b_has(b, text)) return x;
    }
    for (int i = 0; i < 4; i++) {
        char text[LN_NAME_MAX + 16];
        snprintf(text, sizeof text, "%s.%s", name, part[i]);
        in[i + 1] = ln_b_vector(b, text, ln_b_channels(b, x), i < 2);
    }
    ln_attr attr = {.bn = {.eps = b->arch->eps}};
    return ln_b_node(b, LN_OP_BATCH_NORM, name, &attr, in, 5);
}

ln_tid ln_b_act(ln_build *b, ln_tid x, const char *name, ln_act act) {
    char text[LN_NAME_MAX + 8];
    snprintf(text, sizeof text, "%s.act", name);
    ln_attr attr = {.act = act};
    return ln_b_node(b, LN_OP_ACT, text, &attr, &x, 1);
}

ln_tid ln_b_fc(ln_build *b, ln_tid x, const char *name, int out, bool bias) {
    char text[LN_NAME_MAX + 8];
    ln_tid in[3] = {x, LN_NONE, LN_NONE};
    snprintf(text, sizeof text, "%s.weight", name);
    in[1] = ln_b_matrix(b, text, out, ln_b_channels(b, x));
    snprintf(text, sizeof text, "%s.bias", name);
    bias |= b->folded && ln_b_has(b, text);
    if (bias) in[2] = ln_b_vector(b, text, out, true);
    ln_attr attr = {.fc = {{0}}};
    return ln_b_node(b, LN_OP_FC, name, &attr, in, bias ? 3 : 2);
}

static ln_tid binary(ln_build *b, ln_op op, ln_tid x, ln_tid y, const char *name) {
    ln_attr attr = {.binary = {{0}}};
    return ln_b_node(b, op, name, &attr, (ln_tid[]){x, y}, 2);
}

ln_tid ln_b_add(ln_build *b, ln_tid x, ln_tid y, const char *name) {
    return binary(b, LN_OP_ADD, x, y, name);
}

ln_tid ln_b_mul(ln_build *b, ln_tid x, ln_tid y, const char *name) {
    return binary(b, LN_OP_MUL, x, y, name);
}

ln_tid ln_b_pool(ln_build *b, ln_tid x, const char *name, const ln_pool_attr *p) {
    ln_attr attr = {.pool = *p};
    return ln_b_node(b, LN_OP_POOL, name, &attr, &x, 1);
}

ln_tid ln_b_mean(ln_build *b, ln_tid x, const char *name) {
    return ln_b_pool(b, x, name, &(ln_pool_attr){.kind = LN_POOL_AVG, .global = true});
}

ln_tid ln_b_relu(ln_build *b, ln_tid x, const char *name) {
    return ln_b_act(b, x, name, ln_act_relu());
}

ln_tid ln_b_concat(ln_build *b, const ln_tid *in, int n, const char *name) {
    ln_attr attr = {{{0}}};
    return ln_b_node(b, LN_OP_CONCAT, name, &attr, in, n);
}

ln_tid ln_b_layer_norm(ln_build *b, ln_tid x, const char *name) {
    char text[LN_NAME_MAX + 8];
    int64_t c = ln_b_channels(b, x);
    ln_tid in[3] = {x};
    snprintf(text, sizeof text, "%s.weight", name);
    in[1] = ln_b_vector(b, text, c, true);
    snprintf(text, sizeof text, "%s.bias", name);
    in[2] = ln_b_vector(b, text, c, true);
    ln_attr attr = {.norm = {.eps = 1e-5f, .groups = 1}};
    return ln_b_node(b, LN_OP_LAYER_NORM, name, &attr, in, 3);
}

ln_tid ln_b_conv_bn(ln_build *b, ln_tid x, const char *conv, const char *bn, const ln_layer *l,
                    const ln_act *act) {
    x = ln_b_bn(b, ln_b_conv(b, x, conv, l), bn);
    return act ? ln_b_act(b, x, bn, *act) : x;
}

void ln_b_name(const ln_build *b, const char *tail, char out[LN_NAME_MAX]) {
    ln_block_name(b->arch->names, &b->pos, tail, out);
}

/* ---- the end ---- */
ln_tid ln_b_refuse(ln_build *b, const char *fmt, ...) {
    char reason[256];
    if (b->status != LINNET_OK) return LN_NONE;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(reason, sizeof reason, fmt, ap);
    va_end(ap);
    ln_fail(b->err, LINNET_ERR_UNSUPPORTED, "%s: %s", b->g->name, reason);
    return stop(b, LINNET_ERR_UNSUPPORTED);
}

static bool ignored(const char *name) {
    static const char tail[] = "num_batches_tracked";
    size_t n = strlen(name), t = sizeof tail - 1;
    return n >= t && !strcmp(name + n - t, tail);
}

static void note_unexpected(ln_build *b) {
    for (size_t i = 0; b->used && i < ln_weights_count(b->weights); i++) {
        const ln_weight *w = ln_weights_at(b->weights, i);
        char got[96];
        if (b->used[i] || ignored(w->name)) continue;
        problem(b, "%s unexpected (%s)", w->name, ln_shape_text(&w->shape, got));
    }
}

static linnet_status check_widths(ln_build *b) {
    for (size_t i = 0; i < b->widths.count; i++)
        if (!b->widths.item[i].used)
            return ln_fail(b->err, LINNET_ERR_BAD_FILE,
                           "%s: metadata " LN_META_WIDTHS ": %s has no layer '%.100s' of a free "
                           "width",
                           ln_weights_path(b->weights), b->g->name, b->widths.item[i].name);
    return LINNET_OK;
}

linnet_status ln_b_finish(ln_build *b, ln_tid x) {
    if (b->status != LINNET_OK) {
        /* shapes that do not meet are the file's doing */
        if (b->widths.count && b->status == LINNET_ERR_INVALID_ARGUMENT) {
            b->status = b->err->status = LINNET_ERR_BAD_FILE;
            ln_fail_prefix(b->err, "%s: metadata " LN_META_WIDTHS, ln_weights_path(b->weights));
        }
        return b->status;
    }
    LN_TRY(check_widths(b));
    note_unexpected(b);
    if (b->n_problems) {
        if (b->problems.failed) return ln_fail_oom(b->err, "the list of tensors", 0);
        char rest[64] = "";
        if (b->n_problems > b->n_named)
            snprintf(rest, sizeof rest, "; and %d more (all of them: -v)",
                     b->n_problems - b->n_named);
        return ln_fail(b->err, LINNET_ERR_BAD_FILE, "%s does not fit %s, %d tensor%s: %s%s",
                       ln_weights_path(b->weights), b->g->name, b->n_problems,
                       b->n_problems > 1 ? "s" : "", b->problems.p, rest);
    }
    return ln_graph_output(b->g, x, b->err);
}
