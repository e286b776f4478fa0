/* A graph as one safetensors file, for other programs to read: constants dense, in their type, each
 * under the number of its tensor; under "graph" in the metadata, as JSON:
 *   {"name", "inputs": [t...], "outputs": [t...],
 *    "tensors": [{"name", "shape", "type", "constant", of i8 "scale" and "zero"}...],
 *    "nodes": [{"name", "op", "in": [t...], "out": [t...], attributes of the op...}...]}
 * Tensors are named by their place in the list, -1 is an absent input, infinity is null. */
#include "models/model.h"
#include "models/weights_impl.h"

#include <math.h>
#include <stdlib.h>

static void put_real(ln_str *s, const char *key, float v) {
    if (isfinite(v))
        ln_str_add(s, ",\"%s\":%.9g", key, (double)v);
    else
        ln_str_add(s, ",\"%s\":null", key);
}

static void put_bool(ln_str *s, const char *key, bool v) {
    ln_str_add(s, ",\"%s\":%s", key, v ? "true" : "false");
}

static void put_dims(ln_str *s, const char *key, const int64_t *v, int n) {
    ln_str_add(s, ",\"%s\":[", key);
    for (int i = 0; i < n; i++) ln_str_add(s, i ? ",%lld" : "%lld", (long long)v[i]);
    ln_str_add(s, "]");
}

static void put_ints(ln_str *s, const char *key, const int *v, int n) {
    ln_str_add(s, ",\"%s\":[", key);
    for (int i = 0; i < n; i++) ln_str_add(s, i ? ",%d" : "%d", v[i]);
    ln_str_add(s, "]");
}

static void put_ids(ln_str *s, const char *key, const ln_tid *v, int n) {
    ln_str_add(s, ",\"%s\":[", key);
    for (int i = 0; i < n; i++) ln_str_add(s, i ? ",%d" : "%d", v[i]);
    ln_str_add(s, "]");
}

static void put_name(ln_str *s, const char *name) {
    ln_str_add(s, "{\"name\":");
    ln_json_string(s, name);
}

static void put_act(ln_str *s, const char *key, const ln_act *a) {
    if (a->kind == LN_ACT_NONE) return;
    ln_str_add(s, ",\"%s\":{\"kind\":\"%s\"", key, ln_act_names[a->kind]);
    if (a->kind == LN_ACT_CLAMP) {
        put_real(s, "lo", a->lo);
        put_real(s, "hi", a->hi);
    }
    if (a->kind == LN_ACT_HARD_SIGMOID || a->kind == LN_ACT_LEAKY_RELU) {
        put_real(s, "alpha", a->alpha);
        put_real(s, "beta", a->beta);
    }
    ln_str_add(s, "}");
}

static void put_window(ln_str *s, const ln_window *w) {
    put_dims(s, "kernel", (int64_t[]){w->kh, w->kw}, 2);
    put_dims(s, "stride", (int64_t[]){w->sh, w->sw}, 2);
    put_dims(s, "dilation", (int64_t[]){w->dh, w->dw}, 2);
    put_dims(s, "pad", (int64_t[]){w->top, w->left, w->bottom, w->right}, 4);
}

static void put_pool(ln_str *s, const ln_pool_attr *p) {
    ln_str_add(s, ",\"kind\":\"%s\"", p->kind == LN_POOL_AVG ? "avg" : "max");
    put_bool(s, "global", p->global);
    if (p->indices)
        ln_str_add(s, ",\"indices\":\"%s\"", p->indices == LN_INDICES_ROWS ? "rows" : "columns");
    if (p->global) return;
    put_window(s, &p->win);
    put_bool(s, "count_pad", p->count_pad);
    put_dims(s, "ceil", (int64_t[]){p->ceil_bottom, p->ceil_right}, 2);
}

static void put_attention(ln_str *s, const ln_attention_attr *a) {
    ln_str_add(s,
               ",\"heads\":%d,\"kv_heads\":%d,\"dim\":%d,\"vdim\":%d,\"q_at\":%d,\"k_at\":%d,"
               "\"v_at\":%d,\"patch\":[%d,%d]",
               a->heads, a->kv_heads, a->dim, a->vdim, a->q_at, a->k_at, a->v_at, a->patch_h,
               a->patch_w);
    put_real(s, "scale", a->scale);
}

static void put_resize(ln_str *s, const ln_resize_attr *r, int rank) {
    ln_str_add(s, ",\"kind\":\"%s\",\"grid\":\"%s\",\"round\":\"%s\",\"number\":\"%s\"",
               ln_resize_names[r->kind], ln_grid_names[r->grid], ln_round_names[r->round],
               ln_number_names[r->number]);
    put_bool(s, "antialias", r->antialias);
    put_bool(s, "exclude_outside", r->exclude_outside);
    put_real(s, "cubic_a", r->cubic_a);
    put_real(s, "outside", r->outside);
    ln_str_add(s, ",\"axes\":[");
    for (int i = 0; i < rank; i++) {
        const ln_resize_axis *a = &r->axis[i];
        ln_str_add(s, "%s{\"size\":%lld,\"scale\":%.17g", i ? "," : "", (long long)a->size,
                   a->scale);
        put_real(s, "from", a->from);
        put_real(s, "to", a->to);
        ln_str_add(s, "}");
    }
    ln_str_add(s, "]");
}

static void put_attributes(ln_str *s, const ln_node *n, int rank) {
    const ln_attr *a = &n->attr;
    switch (n->op) {
    case LN_OP_CONV_TRANSPOSE:
        put_dims(s, "size", (int64_t[]){a->conv.h, a->conv.w}, 2); /* fall through */
    case LN_OP_CONV2D:
        put_window(s, &a->conv.win);
        ln_str_add(s, ",\"groups\":%d", a->conv.groups);
        if (a->conv.interleaved) put_bool(s, "interleaved", true);
        for (int c = 0; a->conv.bytes && c < LN_BYTES_C; c++) {
            char key[16];
            snprintf(key, sizeof key, "mean%d", c);
            put_real(s, key, a->conv.mean[c]);
        }
        put_act(s, "act", &a->conv.act);
        put_act(s, "post", &a->conv.post);
        break;
    case LN_OP_FC: put_act(s, "act", &a->fc.act); break;
    case LN_OP_BATCH_NORM: put_real(s, "eps", a->bn.eps); break;
    case LN_OP_POOL: put_pool(s, &a->pool); break;
    case LN_OP_ADD:
    case LN_OP_MUL: put_act(s, "act", &a->binary.act); break;
    case LN_OP_ACT: put_act(s, "act", &a->act); break;
    case LN_OP_GROUP_NORM: ln_str_add(s, ",\"groups\":%d", a->norm.groups); /* fall through */
    case LN_OP_LAYER_NORM: put_real(s, "eps", a->norm.eps); break;
    case LN_OP_ATTENTION: put_attention(s, &a->attention); break;
    case LN_OP_LINEAR_ATTENTION:
        ln_str_add(s, ",\"dim\":%d,\"patch\":[%d,%d]", a->linear.dim, a->linear.patch_h,
                   a->linear.patch_w);
        put_act(s, "act", &a->linear.act);
        break;
    case LN_OP_CONCAT:
        if (a->concat.back)
            ln_str_add(s, ",\"back\":%d", a->concat.back);
        else if (!ln_node_is_plain_concat(n))
            ln_str_add(s, ",\"groups\":%d,\"begin\":%lld,\"size\":%lld", a->concat.groups,
                       (long long)a->concat.begin, (long long)a->concat.size);
        break;
    case LN_OP_CHANNEL_SHUFFLE: ln_str_add(s, ",\"groups\":%d", a->shuffle.groups); break;
    case LN_OP_SLICE:
        put_dims(s, "begin", a->slice.begin, rank);
        put_dims(s, "step", a->slice.step, rank);
        break;
    case LN_OP_SE:
        put_act(s, "act", &a->se.act);
        put_act(s, "gate", &a->se.gate);
        break;
    case LN_OP_PAD:
        put_dims(s, "before", a->pad.before, rank);
        put_dims(s, "after", a->pad.after, rank);
        put_real(s, "value", a->pad.value);
        ln_str_add(s, ",\"mode\":\"%s\"", ln_pad_names[a->pad.mode]);
        break;
    case LN_OP_PERMUTE: put_ints(s, "perm", a->permute.perm, rank); break;
    case LN_OP_MATMUL:
        put_bool(s, "trans_a", a->matmul.trans_a);
        put_bool(s, "trans_b", a->matmul.trans_b);
        break;
    case LN_OP_NMS:
        ln_str_add(s, ",\"most\":%lld", (long long)a->nms.most);
        put_real(s, "iou", a->nms.iou);
        put_real(s, "score", a->nms.score);
        put_bool(s, "center", a->nms.center);
        break;
    case LN_OP_TOPK: put_bool(s, "smallest", a->topk.smallest); break;
    case LN_OP_GATHER:
    case LN_OP_GATHER_ELEMENTS: ln_str_add(s, ",\"axis\":%d", a->gather.axis); break;
    case LN_OP_GATHER_ND: ln_str_add(s, ",\"batch\":%d", a->gather.batch); break;
    case LN_OP_RESIZE: put_resize(s, &a->resize, rank); break;
    case LN_OP_REDUCE:
        ln_str_add(s, ",\"kind\":\"%s\",\"axes\":[", ln_reduce_names[a->reduce.kind]);
        for (int d = 0, first = 1; d < LN_MAX_RANK; d++)
            if (a->reduce.axes >> d & 1) ln_str_add(s, first ? "%d" : ",%d", d), first = 0;
        ln_str_add(s, "]");
        put_bool(s, "keep", a->reduce.keep);
        put_bool(s, "last", a->reduce.last);
        break;
    case LN_OP_QUANTIZE:
        put_bool(s, "real", a->quantize.real);
        put_bool(s, "even", a->quantize.even);
        break;
    case LN_OP_MAP:
        ln_str_add(s, ",\"kind\":\"%s\"", ln_map_names[a->map.kind]);
        put_real(s, "alpha", a->map.alpha);
        put_real(s, "beta", a->map.beta);
        break;
    default: break;
    }
}

static void put_graph(ln_str *s, const ln_graph *g) {
    put_name(s, g->name);
    put_ids(s, "inputs", g->input, g->n_input);
    put_ids(s, "outputs", g->output, g->n_output);
    ln_str_add(s, ",\"tensors\":[");
    for (int i = 0; i < g->n_tensor; i++) {
        const ln_tensor *t = &g->tensor[i];
        if (i) ln_str_add(s, ",");
        put_name(s, t->name);
        put_dims(s, "shape", t->shape.dim, t->shape.rank);
        ln_str_add(s, ",\"type\":\"%s\"", ln_dtype_names[t->dtype]);
        put_bool(s, "constant", t->kind == LN_TENSOR_CONST);
        if (t->q.on) put_real(s, "scale", t->q.scale);
        if (t->q.on) ln_str_add(s, ",\"zero\":%d", (int)t->q.zero);
        ln_str_add(s, "}");
    }
    ln_str_add(s, "],\"nodes\":[");
    for (int i = 0; i < g->n_node; i++) {
        const ln_node *n = &g->node[i];
        if (i) ln_str_add(s, ",");
        put_name(s, n->name);
        ln_str_add(s, ",\"op\":\"%s\"", ln_op_infos[n->op].name);
        put_ids(s, "in", n->in, n->n_in);
        put_ids(s, "out", n->out, n->n_out);
        put_attributes(s, n, g->tensor[n->out[0]].shape.rank);
        ln_str_add(s, "}");
    }
    ln_str_add(s, "]}");
}

/* Dense copies of all constants; w and the names live in the pool. */
static linnet_status copy_constants(const ln_graph *g, ln_pool *pool, ln_weight *w, size_t *n,
                                    linnet_error *err) {
    for (int i = 0; i < g->n_tensor; i++) {
        const ln_tensor *t = &g->tensor[i];
        int64_t count;
        if (t->kind != LN_TENSOR_CONST) continue;
        if (!ln_shape_count(&t->shape, &count))
            return ln_fail(err, LINNET_ERR_INVALID_ARGUMENT, "%s: too large", t->name);
        void *data = ln_pool_alloc(pool, (size_t)count, 4);
        const char *name = ln_pool_printf(pool, "%d", i);
        if (!data || !name) return ln_fail_oom(err, t->name, (size_t)count * 4);
        LN_TRY(ln_const_copy(g, i, data, err));
        w[*n] = (ln_weight){.name = name, .shape = t->shape, .dtype = t->dtype, .data = data};
        ln_row_major(&t->shape, w[(*n)++].stride);
    }
    return LINNET_OK;
}

linnet_status ln_graph_write(const ln_graph *g, const char *path, linnet_error *err) {
    ln_str text = {0};
    ln_pool pool = {0};
    size_t n = 0;
    ln_weight *w = calloc((size_t)g->n_tensor + 1, sizeof *w);
    if (!w) return ln_fail_oom(err, "a list of tensors", (size_t)g->n_tensor * sizeof *w);
    put_graph(&text, g);
    linnet_status st = text.failed ? ln_fail_oom(err, "a graph's text", text.len) : LINNET_OK;
    if (st == LINNET_OK) st = copy_constants(g, &pool, w, &n, err);
    ln_meta meta = {"graph", text.p};
    if (st == LINNET_OK) st = ln_safetensors_write(path, w, n, &meta, 1, err);
    ln_pool_free(&pool);
    ln_str_free(&text);
    free(w);
    return st;
}
