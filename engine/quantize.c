/* F32 to I8: see quantize.h. */
#include "engine/quantize.h"
#include "engine/passes/rewrite.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

ln_quant ln_quant_cover(float lo, float hi) {
    const double a = fmin((double)lo, 0), b = fmax((double)hi, 0);
    const double scale = fmax((b - a) / 255, 1e-30);
    return ln_quant_of((float)scale, (int32_t)fmin(fmax(round(-128 - a / scale), -128), 127));
}

/* ---- the form before ---- */
static ln_act *room(ln_node *n) {
    switch (n->op) {
    case LN_OP_CONV2D: return &n->attr.conv.act;
    case LN_OP_FC: return &n->attr.fc.act;
    case LN_OP_ADD:
    case LN_OP_MUL: return &n->attr.binary.act;
    default: return NULL;
    }
}

static linnet_status fuse_clamps(ln_graph *g, linnet_error *err) {
    ln_rewrite rw;
    int changed;
    LN_TRY(ln_rewrite_begin(&rw, g, err));
    for (int i = 0; i < g->n_node; i++) {
        ln_node *act = &g->node[i];
        if (act->op != LN_OP_ACT || act->attr.act.kind != LN_ACT_CLAMP) continue;
        ln_node *into = ln_rewrite_sole_maker(&rw, act->in[0]);
        ln_act *a = into ? room(into) : NULL;
        if (!a || a->kind != LN_ACT_NONE) continue;
        *a = act->attr.act;
        ln_rewrite_absorb(&rw, into, act);
    }
    return ln_rewrite_end(&rw, LINNET_OK, &changed, err);
}

linnet_status ln_quantize_prepare(ln_graph *g, linnet_error *err) {
    int changed;
    LN_TRY(ln_pass_fold_bn(g, &changed, err));
    LN_TRY(ln_pass_fold_scale(g, &changed, err));
    return fuse_clamps(g, err);
}

/* ---- nodes ---- */
typedef struct job {
    ln_graph *g;
    const ln_quant_row **row; /* by tensor of the graph as it was; NULL: none */
    ln_tid *bytes;            /* by the same: its I8 form; LN_NONE: not made yet */
    bool *made;               /* by the same: made by a node of I8 */
    linnet_error *err;
} job;

static bool has_bytes(const job *j, ln_tid t) {
    return t != LN_NONE && (j->bytes[t] != LN_NONE || j->row[t]);
}

static linnet_status add(job *j, ln_op op, const char *name, const ln_attr *attr, const ln_tid *in,
                         int n_in, const ln_quant *q, ln_tid *out) {
    *out = ln_graph_node(j->g, op, name, attr, in, n_in, j->err);
    if (*out == LN_NONE) return j->err->status;
    return q ? ln_graph_set_quant(j->g, *out, q->scale, q->zero, j->err) : LINNET_OK;
}

/* The I8 form of t; has_bytes. */
static linnet_status bytes_of(job *j, ln_tid t, ln_tid *out) {
    const ln_attr attr = {.quantize = {false}};
    if (j->bytes[t] == LN_NONE) {
        const char *name = ln_pool_printf(&j->g->pool, "%s.int8", j->row[t]->name);
        if (!name) return ln_fail_oom(j->err, "a name", 1);
        LN_TRY(add(j, LN_OP_QUANTIZE, name, &attr, &t, 1, &j->row[t]->q, &j->bytes[t]));
    }
    *out = j->bytes[t];
    return LINNET_OK;
}

/* The same in the scale of q. */
static linnet_status bytes_as(job *j, ln_tid t, const ln_quant *q, ln_tid *out) {
    const ln_attr attr = {.quantize = {false}};
    LN_TRY(bytes_of(j, t, out));
    if (ln_quant_equal(&j->g->tensor[*out].q, q)) return LINNET_OK;
    const char *name = ln_pool_printf(&j->g->pool, "%s.rescale", j->g->tensor[*out].name);
    if (!name) return ln_fail_oom(j->err, "a name", 1);
    return add(j, LN_OP_QUANTIZE, name, &attr, out, 1, q, out);
}

/* y is the I8 form of old; floats for whoever reads those are swept where nobody does. */
static linnet_status finish(job *j, const char *name, ln_tid old, ln_tid y) {
    ln_node back = {.op = LN_OP_DEQUANTIZE, .in = {y}, .out = {old}, .n_in = 1, .n_out = 1};
    back.name = ln_pool_printf(&j->g->pool, "%s.float", name);
    if (!back.name) return ln_fail_oom(j->err, "a name", 1);
    j->bytes[old] = y;
    j->made[old] = true;
    return ln_graph_append(j->g, &back, j->err);
}

/* ---- weights ---- */
static bool weights_fit(const job *j, const ln_node *n) {
    const ln_view *v = &j->g->tensor[n->in[LN_CONV_W]].view;
    return !ln_node_is_dynamic(j->g, n) && v->dtype == LN_I8 && v->scale;
}

/* round(bias / (x.scale * w.scale)), of 32 bits. */
static linnet_status whole_bias(job *j, const ln_node *n, const ln_quant *x, ln_tid *out) {
    const ln_tid t = ln_node_in(n, LN_CONV_BIAS);
    const float *scale = j->g->tensor[n->in[LN_CONV_W]].view.scale;
    *out = LN_NONE;
    if (t == LN_NONE) return LINNET_OK;
    const ln_tensor bias = j->g->tensor[t]; /* a copy: the table may move */
    const int64_t count = bias.shape.dim[0];
    float *real = malloc((size_t)count * sizeof *real);
    int32_t *whole = NULL;
    if (!real) return ln_fail_oom(j->err, n->name, (size_t)count * sizeof *real);
    *out = ln_graph_const_new_i32(j->g, bias.name, bias.shape, &whole, j->err);
    linnet_status st = *out == LN_NONE ? j->err->status : LINNET_OK;
    if (st == LINNET_OK && bias.view.data) st = ln_const_copy_f32(j->g, t, real, j->err);
    for (int64_t i = 0; bias.view.data && st == LINNET_OK && i < count; i++)
        whole[i] = ln_f64_to_i32(round((double)real[i] / ((double)x->scale * (double)scale[i])));
    free(real);
    if (st != LINNET_OK) return st;
    j->g->tensor[*out].params = bias.params;
    j->g->tensor[*out].is_param = bias.is_param;
    return LINNET_OK;
}

static linnet_status product(job *j, const ln_node *n, const ln_quant_row *r) {
    const ln_tensor w = j->g->tensor[n->in[LN_CONV_W]];
    ln_tid in[3], y;
    LN_TRY(bytes_of(j, n->in[LN_CONV_X], &in[0]));
    in[1] = ln_graph_const_quant(j->g, w.name, w.shape, w.view, w.is_param, j->err);
    if (in[1] == LN_NONE) return j->err->status;
    j->g->tensor[in[1]].params = w.params;
    const ln_quant x = j->g->tensor[in[0]].q;
    LN_TRY(whole_bias(j, n, &x, &in[2]));
    LN_TRY(add(j, n->op, n->name, &n->attr, in, in[2] == LN_NONE ? 2 : 3, &r->q, &y));
    return finish(j, n->name, n->out[0], y);
}

/* ---- the others ---- */
static linnet_status same(job *j, const ln_node *n, const ln_attr *attr, const ln_quant_row *r) {
    ln_tid in[LN_MAX_IN], y;
    for (int i = 0; i < n->n_in; i++)
        if (n->op == LN_OP_CONCAT)
            LN_TRY(bytes_as(j, n->in[i], &r->q, &in[i]));
        else
            LN_TRY(bytes_of(j, n->in[i], &in[i]));
    const bool own = r && n->op != LN_OP_CONCAT;
    LN_TRY(add(j, n->op, n->name, attr, in, n->n_in, own ? &r->q : NULL, &y));
    return finish(j, n->name, n->out[0], y);
}

/* A mean of its own scale, where the ranges of map and mean differ. */
static linnet_status mean(job *j, const ln_node *n, const ln_quant_row *r) {
    const ln_attr attr = {.reduce = {.kind = LN_REDUCE_MEAN, .axes = 6, .keep = true}};
    ln_tid x, y;
    LN_TRY(bytes_of(j, n->in[0], &x));
    LN_TRY(add(j, LN_OP_REDUCE, n->name, &attr, &x, 1, &r->q, &y));
    return finish(j, n->name, n->out[0], y);
}

/* out[i * g + k] = in[k * (C / g) + i] as a permutation. */
static linnet_status shuffle(job *j, const ln_node *n) {
    const ln_shape s = j->g->tensor[n->in[0]].shape;
    const int r = s.rank, groups = n->attr.shuffle.groups;
    ln_attr split = {.reshape = {.shape = s}}, whole = {.reshape = {.shape = s}}, swap = {{{0}}};
    ln_tid y;
    split.reshape.shape.rank = r + 1;
    split.reshape.shape.dim[r - 1] = groups;
    split.reshape.shape.dim[r] = s.dim[r - 1] / groups;
    for (int i = 0; i <= r; i++) swap.permute.perm[i] = i < r - 1 ? i : 2 * r - 1 - i;
    LN_TRY(bytes_of(j, n->in[0], &y));
    LN_TRY(add(j, LN_OP_RESHAPE, n->name, &split, &y, 1, NULL, &y));
    LN_TRY(add(j, LN_OP_PERMUTE, n->name, &swap, &y, 1, NULL, &y));
    LN_TRY(add(j, LN_OP_RESHAPE, n->name, &whole, &y, 1, NULL, &y));
    return finish(j, n->name, n->out[0], y);
}

static bool all_have_bytes(const job *j, const ln_node *n) {
    for (int i = 0; i < n->n_in; i++)
        if (!has_bytes(j, n->in[i])) return false;
    return true;
}

static bool is_mean(const ln_node *n) {
    return n->op == LN_OP_POOL && n->attr.pool.kind == LN_POOL_AVG && n->attr.pool.global;
}

/* QUANTIZE of what is bytes already: those, or others made of them. */
static linnet_status quantized(job *j, const ln_node *n) {
    const ln_tid y = n->out[0], x = j->made[n->in[0]] ? j->bytes[n->in[0]] : LN_NONE;
    ln_node own = *n;
    if (x != LN_NONE) {
        own.in[0] = x;
        own.attr.quantize.even = false;
    }
    if (x != LN_NONE && ln_quant_equal(&j->g->tensor[x].q, &j->g->tensor[y].q)) j->bytes[y] = x;
    return ln_graph_append(j->g, &own, j->err);
}

static linnet_status dequantized(job *j, const ln_node *n) {
    const ln_tid x = n->in[0], y = n->out[0];
    ln_node own = *n;
    if (j->bytes[x] != LN_NONE) own.in[0] = j->bytes[x];
    j->bytes[y] = own.in[0];
    j->made[y] = true;
    return ln_graph_append(j->g, &own, j->err);
}

static linnet_status visit(void *user, const ln_node *n, linnet_error *err) {
    job *j = user;
    const ln_quant_row *r = j->row[n->out[0]];
    const bool ready = n->in[0] != LN_NONE && j->made[n->in[0]];
    j->err = err;
    switch (n->op) {
    case LN_OP_CONV2D:
    case LN_OP_FC:
        if (!r || !has_bytes(j, n->in[0]) || !weights_fit(j, n)) break;
        return product(j, n, r);
    case LN_OP_ADD:
    case LN_OP_MUL:
        if (!r || !all_have_bytes(j, n)) break;
        return same(j, n, &n->attr, r);
    case LN_OP_ACT:
        if (!r || !has_bytes(j, n->in[0]) || n->attr.act.kind == LN_ACT_NONE) break;
        return same(j, n, &n->attr, r);
    case LN_OP_CONCAT:
        if (!r || !all_have_bytes(j, n)) break;
        return same(j, n, &n->attr, r);
    case LN_OP_REDUCE:
        if (!r || !ready || n->attr.reduce.kind != LN_REDUCE_MEAN || n->attr.reduce.axes != 6 ||
            j->g->tensor[n->in[0]].shape.rank != 4)
            break;
        return same(j, n, &n->attr, r);
    case LN_OP_QUANTIZE: return quantized(j, n);
    case LN_OP_DEQUANTIZE: return dequantized(j, n);
    case LN_OP_POOL:
        if (is_mean(n) && r && has_bytes(j, n->in[0])) return mean(j, n, r);
        if (is_mean(n) || !ready || n->attr.pool.indices) break;
        return same(j, n, &n->attr, NULL);
    case LN_OP_RESHAPE:
    case LN_OP_SLICE:
    case LN_OP_PAD:
    case LN_OP_PERMUTE:
    case LN_OP_TILE:
        if (!ready) break;
        return same(j, n, &n->attr, NULL);
    case LN_OP_CHANNEL_SHUFFLE:
        if (!ready || j->g->tensor[n->in[0]].shape.rank == LN_MAX_RANK) break;
        return shuffle(j, n);
    default: break;
    }
    return ln_graph_append(j->g, n, err);
}

/* ---- rows ---- */
static linnet_status place_rows(job *j, const ln_quant_row *row, int count, linnet_error *err) {
    const ln_graph *g = j->g;
    for (int r = 0; r < count; r++) {
        ln_tid found = LN_NONE;
        for (int i = 0; i < g->n_input; i++)
            if (!strcmp(g->tensor[g->input[i]].name, row[r].name)) found = g->input[i];
        for (int i = 0; i < g->n_node && found == LN_NONE; i++)
            if (!strcmp(g->node[i].name, row[r].name)) found = g->node[i].out[0];
        if (found == LN_NONE || g->tensor[found].dtype != LN_F32)
            return ln_fail(err, LINNET_ERR_BAD_FILE,
                           "a scale is given for '%.100s', which %s has not", row[r].name, g->name);
        if (j->row[found])
            return ln_fail(err, LINNET_ERR_BAD_FILE, "two scales are given for '%.100s'",
                           row[r].name);
        j->row[found] = &row[r];
    }
    return LINNET_OK;
}

/* Rows of the network's own: of what is made only to be quantized, all in one way. */
static linnet_status find_rows(job *j, ln_quant_row *row, linnet_error *err) {
    const ln_graph *g = j->g;
    int *others = calloc((size_t)g->n_tensor + 1, sizeof *others); /* readers of another kind */
    if (!others) return ln_fail_oom(err, "a graph pass", (size_t)g->n_tensor * sizeof *others);
    for (int i = 0; i < g->n_output; i++) others[g->output[i]]++;
    for (int i = 0; i < g->n_node; i++)
        for (int k = 0; k < g->node[i].n_in; k++) {
            const ln_tid t = g->node[i].in[k];
            if (t == LN_NONE) continue;
            const ln_quant *q = &g->tensor[g->node[i].out[0]].q;
            if (g->node[i].op != LN_OP_QUANTIZE || g->tensor[t].dtype != LN_F32 ||
                (j->row[t] && !ln_quant_equal(&j->row[t]->q, q))) {
                others[t]++;
                continue;
            }
            row[t] = (ln_quant_row){g->node[i].name, *q};
            j->row[t] = &row[t];
        }
    for (int i = g->n_node; i-- > 0;) {
        const ln_node *n = &g->node[i];
        const ln_tid x = n->in[0], y = n->out[0];
        if (others[y]) j->row[y] = NULL;
        const bool moves = n->op == LN_OP_RESHAPE || n->op == LN_OP_PERMUTE;
        if (!moves || !j->row[y] || j->row[x] || g->tensor[x].kind != LN_TENSOR_NODE) continue;
        if (others[x] == 1) { /* a layer's result in another shape */
            others[x] = 0;
            j->row[x] = j->row[y];
        }
    }
    for (int i = 0; i < g->n_input; i++) j->row[g->input[i]] = NULL;
    free(others);
    return LINNET_OK;
}

static linnet_status rewrite(ln_graph *g, const ln_quant_row *row, int count, linnet_error *err) {
    const size_t n = (size_t)g->n_tensor + 1;
    const int64_t params = g->params, macs = g->macs; /* counted already */
    job j = {.g = g};
    ln_quant_row *own = row ? NULL : calloc(n, sizeof *own);
    j.row = calloc(n, sizeof *j.row);
    j.bytes = malloc(n * sizeof *j.bytes);
    j.made = calloc(n, sizeof *j.made);
    linnet_status st = LINNET_OK;
    if (!j.row || !j.bytes || !j.made || (!row && !own))
        st = ln_fail_oom(err, "a graph pass", n * sizeof *j.row);
    for (size_t i = 0; st == LINNET_OK && i < n; i++) j.bytes[i] = LN_NONE;
    if (st == LINNET_OK && row) st = place_rows(&j, row, count, err);
    if (st == LINNET_OK && own) st = find_rows(&j, own, err);
    if (st == LINNET_OK) st = ln_rewrite_replay(g, visit, &j, err);
    g->params = params;
    g->macs = macs;
    free(own);
    free(j.row);
    free(j.bytes);
    free(j.made);
    return st;
}

linnet_status ln_quantize_graph(ln_graph *g, const ln_quant_row *row, int count,
                                linnet_error *err) {
    static const ln_quant_row none;
    return rewrite(g, row ? row : &none, row ? count : 0, err);
}

linnet_status ln_quantize_fold(ln_graph *g, linnet_error *err) {
    bool any = false;
    for (int i = 0; i < g->n_node; i++) any |= g->node[i].op == LN_OP_QUANTIZE;
    if (!any) return LINNET_OK;
    LN_TRY(ln_quantize_prepare(g, err));
    return rewrite(g, NULL, 0, err);
}
