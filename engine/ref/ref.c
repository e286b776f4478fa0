/* The executor: values of tensors, the table of references, rows over threads. */
#include "base/thread.h"
#include "engine/ref/ops.h"
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* clang-format off */
const ln_ref_fn ln_ref_table[LN_OP_COUNT] = {
    [LN_OP_CONV2D]           = ln_ref_conv2d,
    [LN_OP_CONV_TRANSPOSE]   = ln_ref_conv_transpose,
    [LN_OP_FC]               = ln_ref_fc,
    [LN_OP_BATCH_NORM]       = ln_ref_batch_norm,
    [LN_OP_POOL]             = ln_ref_pool,
    [LN_OP_ADD]              = ln_ref_add,
    [LN_OP_MUL]              = ln_ref_mul,
    [LN_OP_ACT]              = ln_ref_act,
    [LN_OP_SOFTMAX]          = ln_ref_softmax,
    [LN_OP_RESHAPE]          = ln_ref_reshape,
    [LN_OP_CONCAT]           = ln_ref_concat,
    [LN_OP_LAYER_NORM]       = ln_ref_layer_norm,
    [LN_OP_GROUP_NORM]       = ln_ref_group_norm,
    [LN_OP_ATTENTION]        = ln_ref_attention,
    [LN_OP_LINEAR_ATTENTION] = ln_ref_linear_attention,
    [LN_OP_CHANNEL_SHUFFLE]  = ln_ref_shuffle,
    [LN_OP_SLICE]            = ln_ref_slice,
    [LN_OP_SE]               = ln_ref_se,
    [LN_OP_PAD]              = ln_ref_pad,
    [LN_OP_RESIZE]           = ln_ref_resize,
    [LN_OP_MAP]              = ln_ref_map,
    [LN_OP_REDUCE]           = ln_ref_reduce,
    [LN_OP_PERMUTE]          = ln_ref_permute,
    [LN_OP_TILE]             = ln_ref_tile,
    [LN_OP_MATMUL]           = ln_ref_matmul,
    [LN_OP_GATHER]           = ln_ref_gather,
    [LN_OP_GATHER_ND]        = ln_ref_gather_nd,
    [LN_OP_GATHER_ELEMENTS]  = ln_ref_gather_elements,
    [LN_OP_TOPK]             = ln_ref_topk,
    [LN_OP_NMS]              = ln_ref_nms,
    [LN_OP_NMS_ROWS]         = ln_ref_nms_rows,
    [LN_OP_QUANTIZE]         = ln_ref_quant,
    [LN_OP_DEQUANTIZE]       = ln_ref_quant,
};
/* clang-format on */

/* Of a tensor; the graph has checked that its elements can be counted. */
static size_t bytes(const ln_graph *g, ln_tid t) {
    int64_t n = 0;
    ln_shape_count(&g->tensor[t].shape, &n);
    return (size_t)n * ln_host_size(g->tensor[t].dtype);
}

linnet_status ln_ref_create(const ln_graph *g, ln_ref **out, linnet_error *err) {
    *out = NULL;
    ln_ref *r = calloc(1, sizeof *r);
    float **value = calloc((size_t)g->n_tensor + 1, sizeof *value);
    bool *borrowed = calloc((size_t)g->n_tensor + 1, sizeof *borrowed);
    if (!r || !value || !borrowed) {
        free(r);
        free(value);
        free(borrowed);
        return ln_fail_oom(err, "a reference run", (size_t)g->n_tensor * sizeof *value);
    }
    r->graph = g;
    r->value = value;
    r->borrowed = borrowed;
    *out = r;
    return LINNET_OK;
}

static void drop(ln_ref *r, ln_tid t) {
    if (!r->borrowed[t]) free(r->value[t]);
    r->value[t] = NULL;
    r->borrowed[t] = false;
}

void ln_ref_destroy(ln_ref **r) {
    if (!r || !*r) return;
    for (int t = 0; t < (*r)->graph->n_tensor; t++) drop(*r, t);
    free((*r)->value);
    free((*r)->borrowed);
    free(*r);
    *r = NULL;
}

static linnet_status want_value(ln_ref *r, ln_tid t, linnet_error *err) {
    if (r->value[t]) return LINNET_OK;
    r->value[t] = ln_alloc_aligned(bytes(r->graph, t), 1);
    if (r->value[t]) return LINNET_OK;
    return ln_fail_oom(err, r->graph->tensor[t].name, bytes(r->graph, t));
}

linnet_status ln_ref_set(ln_ref *r, ln_tid t, const void *data, linnet_error *err) {
    if (t < 0 || t >= r->graph->n_tensor || r->graph->tensor[t].kind == LN_TENSOR_CONST)
        return ln_fail(err, LINNET_ERR_INVALID_ARGUMENT, "tensor %d cannot be set", (int)t);
    LN_TRY(want_value(r, t, err));
    memcpy(r->value[t], data, bytes(r->graph, t));
    return LINNET_OK;
}

linnet_status ln_ref_input(ln_ref *r, int i, const void *data, linnet_error *err) {
    const ln_tid t = r->graph->input[i];
    const ln_tensor *x = &r->graph->tensor[t];
    LN_TRY(want_value(r, t, err));
    if (ln_tensor_planar(x))
        ln_nchw_to_nhwc(&x->shape, x->dtype, data, r->value[t]);
    else
        memcpy(r->value[t], data, bytes(r->graph, t));
    ln_tensor_io_copy(x, r->value[t], r->value[t], bytes(r->graph, t) / ln_dtype_size(x->dtype));
    return LINNET_OK;
}

linnet_status ln_ref_output(const ln_ref *r, int i, void *data, linnet_error *err) {
    const ln_tid t = r->graph->output[i];
    const ln_tensor *y = &r->graph->tensor[t];
    if (!r->value[t])
        return ln_fail(err, LINNET_ERR_INTERNAL, "output %s was not computed", y->name);
    if (y->shape.rank == 4 && !y->as_is)
        ln_nhwc_to_nchw(&y->shape, y->dtype, r->value[t], data);
    else
        memcpy(data, r->value[t], bytes(r->graph, t));
    ln_tensor_io_copy(y, data, data, bytes(r->graph, t) / ln_dtype_size(y->dtype));
    return LINNET_OK;
}

/* What is stored as halves is worth halves. */
static void round_value(ln_ref *r, ln_tid t) {
    if (r->graph->tensor[t].dtype == LN_F16)
        ln_round_to_halves(r->value[t], bytes(r->graph, t) / sizeof(float));
}

linnet_status ln_ref_random(ln_ref *r, ln_tid t, linnet_error *err) {
    const size_t size = bytes(r->graph, t);
    uint64_t state = (uint64_t)t + 1;
    LN_TRY(want_value(r, t, err));
    const ln_dtype type = r->graph->tensor[t].dtype;
    memset(r->value[t], 0, size);
    const bool real = type == LN_F32 || type == LN_F16; /* both as floats */
    for (size_t i = 0; i < size / (real ? sizeof(float) : ln_dtype_size(type)); i++) {
        state = state * 6364136223846793005ull + 1442695040888963407ull;
        if (real) r->value[t][i] = (float)(int32_t)(state >> 32) * (1.0f / 2147483648.0f);
        if (type == LN_I8 || type == LN_U8) ((uint8_t *)r->value[t])[i] = (uint8_t)(state >> 56);
    }
    round_value(r, t);
    return LINNET_OK;
}

/* True when the constant can be used where it lies. */
static bool usable(const ln_tensor *c) {
    int64_t stride[LN_MAX_RANK];
    if (!c->view.data || c->view.dtype != c->dtype || c->dtype == LN_F16) return false;
    if (c->dtype != LN_I8 && (c->view.scale || c->view.zero)) return false;
    if ((uintptr_t)c->view.data % ln_dtype_size(c->dtype)) return false;
    ln_shape_strides(&c->shape, stride);
    for (int i = 0; i < c->shape.rank; i++)
        if (c->shape.dim[i] > 1 && stride[i] != c->view.stride[i]) return false;
    return true;
}

static linnet_status fill_const(ln_ref *r, ln_tid t, linnet_error *err) {
    const ln_tensor *c = &r->graph->tensor[t];
    if (r->value[t]) return LINNET_OK;
    if (usable(c)) {
        r->value[t] = (float *)c->view.data; /* only read */
        r->borrowed[t] = true;
        return LINNET_OK;
    }
    LN_TRY(want_value(r, t, err));
    const linnet_status s = ln_const_copy(r->graph, t, r->value[t], err);
    if (s != LINNET_OK)
        drop(r, t);
    else
        round_value(r, t);
    return s;
}

linnet_status ln_ref_node(ln_ref *r, int node, linnet_error *err) {
    const ln_graph *g = r->graph;
    if (node < 0 || node >= g->n_node)
        return ln_fail(err, LINNET_ERR_INVALID_ARGUMENT, "%s: no node %d", g->name, node);
    const ln_node *n = &g->node[node];
    ln_ref_call c = {
        .graph = g, .node = n, .oshape = &g->tensor[n->out[0]].shape, .threads = r->threads};
    for (int i = 0; i < n->n_in; i++) {
        const ln_tid t = n->in[i];
        if (t == LN_NONE) continue;
        if (g->tensor[t].kind == LN_TENSOR_CONST) LN_TRY(fill_const(r, t, err));
        if (!r->value[t])
            return ln_fail(err, LINNET_ERR_INVALID_ARGUMENT, "%s: input %s has no value yet",
                           n->name, g->tensor[t].name);
        c.in[i] = r->value[t];
        c.shape[i] = &g->tensor[t].shape;
    }
    for (int k = 0; k < n->n_out; k++) {
        LN_TRY(want_value(r, n->out[k], err));
        c.more[k] = r->value[n->out[k]];
    }
    c.out = c.more[0];
    LN_TRY(ln_node_is_quant(g, n) ? ln_ref_quant(&c, err) : ln_ref_table[n->op](&c, err));
    for (int k = 0; k < n->n_out; k++) round_value(r, n->out[k]);
    return LINNET_OK;
}

/* last[t]: the last node that reads t; outputs and inputs of the graph are never dropped. */
static void last_use(const ln_graph *g, int *last) {
    for (int t = 0; t < g->n_tensor; t++) last[t] = -1;
    for (int i = 0; i < g->n_node; i++) {
        for (int k = 0; k < g->node[i].n_out; k++) last[g->node[i].out[k]] = i;
        for (int k = 0; k < g->node[i].n_in; k++)
            if (g->node[i].in[k] != LN_NONE) last[g->node[i].in[k]] = i;
    }
    for (int i = 0; i < g->n_input; i++) last[g->input[i]] = -1;
    for (int i = 0; i < g->n_output; i++) {
        const ln_tid rows = g->tensor[g->output[i]].rows;
        last[g->output[i]] = -1;
        if (rows != LN_NONE) last[rows] = -1;
    }
}

static linnet_status run_dropping(ln_ref *r, const int *last, linnet_error *err) {
    for (int i = 0; i < r->graph->n_node; i++) {
        const ln_node *n = &r->graph->node[i];
        LN_TRY(ln_ref_node(r, i, err));
        for (int k = 0; k < n->n_in; k++)
            if (n->in[k] != LN_NONE && last[n->in[k]] == i) drop(r, n->in[k]);
        for (int k = 0; k < n->n_out; k++)
            if (last[n->out[k]] == i) drop(r, n->out[k]);
    }
    return LINNET_OK;
}

linnet_status ln_ref_run(ln_ref *r, bool keep, linnet_error *err) {
    for (int i = 0; i < r->graph->n_output; i++)
        if (r->graph->tensor[r->graph->output[i]].kind == LN_TENSOR_CONST)
            LN_TRY(fill_const(r, r->graph->output[i], err));
    if (keep) {
        for (int i = 0; i < r->graph->n_node; i++) LN_TRY(ln_ref_node(r, i, err));
        return LINNET_OK;
    }
    int *last = malloc(((size_t)r->graph->n_tensor + 1) * sizeof *last);
    if (!last)
        return ln_fail_oom(err, "a reference run", (size_t)r->graph->n_tensor * sizeof *last);
    last_use(r->graph, last);
    const linnet_status s = run_dropping(r, last, err);
    free(last);
    return s;
}

linnet_status ln_ref_rows_of(const ln_ref *r, ln_tid t, int64_t *rows, linnet_error *err) {
    const ln_tensor *y = &r->graph->tensor[t];
    int32_t count;
    *rows = y->shape.dim[0];
    if (y->rows == LN_NONE) return LINNET_OK;
    if (!r->value[y->rows])
        return ln_fail(err, LINNET_ERR_INTERNAL, "rows of %s were not counted", y->name);
    memcpy(&count, r->value[y->rows], sizeof count);
    *rows = LN_MAX(LN_MIN(count, *rows), 0);
    return LINNET_OK;
}

/* ---- rows over threads ---- */
typedef struct rows_job {
    const ln_ref_call *call;
    const void *ctx;
    ln_ref_row_fn fn;
    size_t doubles;
    int64_t rows, chunk; /* a chunk of rows shares one scratch block */
    atomic_bool failed;
} rows_job;

static void run_chunk(void *user, size_t index) {
    rows_job *j = user;
    const int64_t from = (int64_t)index * j->chunk, to = LN_MIN(from + j->chunk, j->rows);
    double *scratch = NULL;
    if (j->doubles && !(scratch = ln_alloc_aligned(j->doubles, sizeof *scratch))) {
        atomic_store(&j->failed, true);
        return;
    }
    for (int64_t row = from; row < to; row++) j->fn(j->call, j->ctx, row, scratch);
    free(scratch);
}

linnet_status ln_ref_rows(const ln_ref_call *c, int64_t rows, size_t doubles, ln_ref_row_fn fn,
                          const void *ctx, linnet_error *err) {
    rows_job j = {.call = c, .ctx = ctx, .fn = fn, .doubles = doubles, .rows = rows};
    j.chunk = LN_MAX(rows / 64, 1);
    LN_TRY(ln_parallel(c->threads, (size_t)ln_ceil_div(rows, j.chunk), run_chunk, &j, err));
    return atomic_load(&j.failed) ? ln_fail_oom(err, c->node->name, doubles * sizeof(double))
                                  : LINNET_OK;
}
