/* The store of a graph: tensors, nodes, constants, and the builders that check as they add. */
#include "engine/graph.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

const ln_op_info ln_op_infos[LN_OP_COUNT] = {
#define LN_OP_ROW(id, name, lo, hi) {name, lo, hi},
    LN_OPS(LN_OP_ROW)
#undef LN_OP_ROW
};

/* Sizes of single tensors stay far from where byte counts and padded sizes could overflow. */
#define MAX_ELEMENTS ((int64_t)1 << 48)
#define MAX_ITEMS    (1 << 24)

linnet_status ln_graph_create(const char *name, ln_graph **out, linnet_error *err) {
    *out = NULL;
    ln_graph *g = calloc(1, sizeof *g);
    if (!g) return ln_fail_oom(err, "a graph", sizeof *g);
    g->name = ln_pool_strdup(&g->pool, name ? name : "");
    if (!g->name) {
        ln_graph_destroy(&g);
        return ln_fail_oom(err, "a graph's name", 1);
    }
    *out = g;
    return LINNET_OK;
}

void ln_graph_destroy(ln_graph **g) {
    if (!g || !*g) return;
    free((*g)->tensor);
    free((*g)->node);
    free((*g)->input);
    free((*g)->output);
    ln_pool_free(&(*g)->pool);
    free(*g);
    *g = NULL;
}

/* Room for one more item of `size` bytes in *list. Capacity doubles. */
static linnet_status grow(void **list, int used, int *cap, size_t size, linnet_error *err) {
    if (used < *cap) return LINNET_OK;
    if (used >= MAX_ITEMS)
        return ln_fail(err, LINNET_ERR_UNSUPPORTED, "graph of more than %d items", MAX_ITEMS);
    const int want = *cap ? *cap * 2 : 64;
    void *p = realloc(*list, (size_t)want * size);
    if (!p) return ln_fail_oom(err, "a graph", (size_t)want * size);
    *list = p;
    *cap = want;
    return LINNET_OK;
}

static linnet_status add_id(ln_tid **list, int *count, ln_tid t, linnet_error *err) {
    ln_tid *p = realloc(*list, ((size_t)*count + 1) * sizeof *p);
    if (!p) return ln_fail_oom(err, "a graph", ((size_t)*count + 1) * sizeof *p);
    p[(*count)++] = t;
    *list = p;
    return LINNET_OK;
}

/* A new tensor; t->name is copied. */
static ln_tid add_tensor(ln_graph *g, const ln_tensor *t, linnet_error *err) {
    char text[96];
    int64_t count;
    void *list = g->tensor;
    if (!ln_shape_count(&t->shape, &count) || count > MAX_ELEMENTS) {
        ln_fail(err, LINNET_ERR_INVALID_ARGUMENT, "%s: shape %s is empty or too large", t->name,
                ln_shape_text(&t->shape, text));
        return LN_NONE;
    }
    if (grow(&list, g->n_tensor, &g->cap_tensor, sizeof *g->tensor, err) != LINNET_OK)
        return LN_NONE;
    g->tensor = list;
    ln_tensor *slot = &g->tensor[g->n_tensor];
    *slot = *t;
    slot->file_dtype = t->dtype;
    slot->file_rank = t->shape.rank;
    slot->rows = LN_NONE;
    slot->name = ln_pool_strdup(&g->pool, t->name);
    if (!slot->name) {
        ln_fail_oom(err, "a tensor's name", strlen(t->name));
        return LN_NONE;
    }
    return g->n_tensor++;
}

ln_tid ln_graph_input(ln_graph *g, const char *name, ln_shape shape, linnet_error *err) {
    const ln_tensor t = {.name = name, .shape = shape, .kind = LN_TENSOR_INPUT};
    const ln_tid id = add_tensor(g, &t, err);
    if (id == LN_NONE) return LN_NONE;
    return add_id(&g->input, &g->n_input, id, err) == LINNET_OK ? id : LN_NONE;
}

/* Strides may not run backwards, nor reach beyond what a byte offset can name. */
static bool view_ok(const ln_shape *s, const ln_view *v) {
    int64_t reach = 0, step;
    for (int i = 0; i < s->rank; i++) {
        if (v->stride[i] < 0 || !ln_mul_i64(s->dim[i] - 1, v->stride[i], &step)) return false;
        if (step > MAX_ELEMENTS || (reach += step) > MAX_ELEMENTS) return false;
    }
    return true;
}

static ln_tid add_const(ln_graph *g, const char *name, ln_shape shape, ln_view view, ln_dtype type,
                        bool is_param, linnet_error *err) {
    ln_tensor t = {.name = name, .shape = shape, .kind = LN_TENSOR_CONST, .view = view};
    t.dtype = type;
    t.is_param = is_param;
    if ((unsigned)view.dtype >= LN_DTYPE_COUNT) {
        ln_fail(err, LINNET_ERR_INVALID_ARGUMENT, "%s: no element type %d", name, (int)view.dtype);
        return LN_NONE;
    }
    if (is_param) ln_shape_count(&shape, &t.params); /* a bad shape fails in add_tensor */
    const ln_tid id = add_tensor(g, &t, err);
    if (id == LN_NONE) return LN_NONE;
    if (!view_ok(&shape, &view)) {
        g->n_tensor--;
        ln_fail(err, LINNET_ERR_INVALID_ARGUMENT,
                "%s: strides of the constant are negative or too large", name);
        return LN_NONE;
    }
    g->params += t.params;
    return id;
}

ln_tid ln_graph_const(ln_graph *g, const char *name, ln_shape shape, ln_view view, bool is_param,
                      linnet_error *err) {
    const bool real = ln_dtype_is_float(view.dtype) || view.scale;
    return add_const(g, name, shape, view, real ? LN_F32 : LN_I32, is_param, err);
}

static bool scale_ok(float scale) {
    return scale > 0.0f && scale < INFINITY;
}

ln_tid ln_graph_const_quant(ln_graph *g, const char *name, ln_shape shape, ln_view view,
                            bool is_param, linnet_error *err) {
    const int32_t zero = ln_view_zero(&view);
    if ((view.dtype != LN_I8 && view.dtype != LN_U8) || !view.scale || zero < -128 || zero > 127) {
        ln_fail(err, LINNET_ERR_INVALID_ARGUMENT, "%s: %s with zero %d is no quantized constant",
                name, (unsigned)view.dtype < LN_DTYPE_COUNT ? ln_dtype_names[view.dtype] : "?",
                (int)view.zero);
        return LN_NONE;
    }
    const ln_tid id = add_const(g, name, shape, view, LN_I8, is_param, err);
    if (id == LN_NONE) return LN_NONE;
    for (int64_t i = 0; i < shape.dim[0]; i++)
        if (!scale_ok(view.scale[i])) {
            g->n_tensor--;
            g->params -= g->tensor[id].params;
            ln_fail(err, LINNET_ERR_INVALID_ARGUMENT, "%s: scale %g of channel %lld", name,
                    (double)view.scale[i], (long long)i);
            return LN_NONE;
        }
    g->tensor[id].q = ln_quant_of(view.scale[0], zero);
    return id;
}

linnet_status ln_graph_set_quant(ln_graph *g, ln_tid t, float scale, int32_t zero,
                                 linnet_error *err) {
    if (t < 0 || t >= g->n_tensor || g->tensor[t].dtype != LN_I8 ||
        g->tensor[t].kind == LN_TENSOR_CONST)
        return ln_fail(err, LINNET_ERR_INVALID_ARGUMENT, "%s: tensor %d is not quantized", g->name,
                       (int)t);
    if (!scale_ok(scale) || zero < -128 || zero > 127)
        return ln_fail(
            err, LINNET_ERR_INVALID_ARGUMENT,
            "%s: scale %g and zero point %d; needed are a scale above 0 and a zero point "
            "from -128 to 127",
            g->tensor[t].name, (double)scale, (int)zero);
    g->tensor[t].q = ln_quant_of(scale, zero);
    return LINNET_OK;
}

static ln_tid const_new(ln_graph *g, const char *name, ln_shape shape, ln_dtype type, void **data,
                        linnet_error *err) {
    char text[96];
    int64_t count;
    *data = NULL;
    if (!ln_shape_count(&shape, &count) || count > MAX_ELEMENTS) {
        ln_fail(err, LINNET_ERR_INVALID_ARGUMENT, "%s: shape %s is empty or too large", name,
                ln_shape_text(&shape, text));
        return LN_NONE;
    }
    void *p = ln_pool_alloc(&g->pool, (size_t)count, 4);
    if (!p) {
        ln_fail_oom(err, name, (size_t)count * 4);
        return LN_NONE;
    }
    const ln_tid id = ln_graph_const(g, name, shape, ln_view_dense(&shape, type, p), false, err);
    if (id != LN_NONE) *data = p;
    return id;
}

ln_tid ln_graph_const_new(ln_graph *g, const char *name, ln_shape shape, float **data,
                          linnet_error *err) {
    void *p;
    const ln_tid id = const_new(g, name, shape, LN_F32, &p, err);
    *data = p;
    return id;
}

ln_tid ln_graph_const_new_i32(ln_graph *g, const char *name, ln_shape shape, int32_t **data,
                              linnet_error *err) {
    void *p;
    const ln_tid id = const_new(g, name, shape, LN_I32, &p, err);
    *data = p;
    return id;
}

/* Arity, and that every input exists already. */
static linnet_status check_inputs(const ln_graph *g, ln_op op, const char *name, const ln_tid *in,
                                  int n_in, linnet_error *err) {
    const ln_op_info *info = &ln_op_infos[op];
    if (n_in < info->min_in || n_in > info->max_in)
        return ln_fail(err, LINNET_ERR_INVALID_ARGUMENT, "%s: %s takes %d to %d inputs, not %d",
                       name, info->name, info->min_in, info->max_in, n_in);
    for (int i = 0; i < n_in; i++) {
        if (in[i] == LN_NONE && i >= info->min_in) continue;
        if (in[i] < 0 || in[i] >= g->n_tensor)
            return ln_fail(err, LINNET_ERR_INVALID_ARGUMENT, "%s: %s: input %d does not exist",
                           name, info->name, i);
    }
    return LINNET_OK;
}

/* Tensors for all outputs of n; those added before a failure go again. */
static linnet_status add_outputs(ln_graph *g, ln_node *n, const ln_shape *shape,
                                 linnet_error *err) {
    const int before = g->n_tensor;
    for (int k = 0; k < n->n_out; k++) {
        ln_tensor t = {.name = n->name, .shape = shape[k], .kind = LN_TENSOR_NODE};
        t.dtype = ln_node_dtype(g, n, k);
        if (k == 0) t.q = ln_node_quant(g, n);
        if (k) t.name = ln_pool_printf(&g->pool, "%s:%d", n->name, k);
        n->out[k] = t.name ? add_tensor(g, &t, err) : LN_NONE;
        if (n->out[k] == LN_NONE) {
            g->n_tensor = before;
            if (!t.name) return ln_fail_oom(err, "a tensor's name", 1);
            return err ? err->status : LINNET_ERR_INVALID_ARGUMENT;
        }
    }
    n->name = g->tensor[n->out[0]].name;
    return LINNET_OK;
}

linnet_status ln_graph_append(ln_graph *g, const ln_node *n, linnet_error *err) {
    void *list = g->node;
    LN_TRY(grow(&list, g->n_node, &g->cap_node, sizeof *g->node, err));
    g->node = list;
    g->node[g->n_node++] = *n;
    return LINNET_OK;
}

linnet_status ln_graph_node_all(ln_graph *g, ln_op op, const char *name, const ln_attr *attr,
                                const ln_tid *in, int n_in, ln_tid out[LN_MAX_OUT],
                                linnet_error *err) {
    if ((unsigned)op >= LN_OP_COUNT)
        return ln_fail(err, LINNET_ERR_INVALID_ARGUMENT, "%s: no op %d", name, (int)op);
    LN_TRY(check_inputs(g, op, name, in, n_in, err));
    ln_node n = {.op = op, .name = name, .n_in = n_in};
    if (attr) n.attr = *attr;
    n.n_out = ln_node_outputs(op, &n.attr);
    memcpy(n.in, in, (size_t)n_in * sizeof *in);
    while (n.n_in > ln_op_infos[op].min_in && n.in[n.n_in - 1] == LN_NONE) n.n_in--;

    ln_shape shape[LN_MAX_OUT];
    LN_TRY(ln_node_shape(g, &n, shape, err));
    LN_TRY(add_outputs(g, &n, shape, err));
    LN_TRY(ln_graph_append(g, &n, err));
    const int64_t macs = ln_node_macs(g, &n);
    g->macs = macs > INT64_MAX - g->macs ? INT64_MAX : g->macs + macs;
    memcpy(out, n.out, (size_t)n.n_out * sizeof *out);
    return LINNET_OK;
}

ln_tid ln_graph_node(ln_graph *g, ln_op op, const char *name, const ln_attr *attr, const ln_tid *in,
                     int n_in, linnet_error *err) {
    ln_tid out[LN_MAX_OUT];
    const linnet_status s = ln_graph_node_all(g, op, name, attr, in, n_in, out, err);
    return s == LINNET_OK ? out[0] : LN_NONE;
}

linnet_status ln_graph_output(ln_graph *g, ln_tid t, linnet_error *err) {
    if (t < 0 || t >= g->n_tensor)
        return ln_fail(err, LINNET_ERR_INVALID_ARGUMENT, "%s: output %d does not exist", g->name,
                       (int)t);
    return add_id(&g->output, &g->n_output, t, err);
}

linnet_status ln_graph_set_rows(ln_graph *g, ln_tid t, ln_tid count, linnet_error *err) {
    int64_t n = 0;
    if (t < 0 || t >= g->n_tensor || count < 0 || count >= g->n_tensor)
        return ln_fail(err, LINNET_ERR_INVALID_ARGUMENT, "%s: no tensor %d with rows by %d",
                       g->name, (int)t, (int)count);
    const ln_tensor *c = &g->tensor[count];
    if (c->kind != LN_TENSOR_NODE || c->dtype != LN_I32 || !ln_shape_count(&c->shape, &n) || n != 1)
        return ln_fail(err, LINNET_ERR_INVALID_ARGUMENT, "%s: %s is not one computed integer",
                       g->tensor[t].name, c->name);
    g->tensor[t].rows = count;
    return LINNET_OK;
}

void ln_tensor_io_copy(const ln_tensor *t, const void *src, void *dst, size_t count) {
    if (ln_tensor_io_dtype(t) == t->dtype) {
        if (src != dst) memcpy(dst, src, count * ln_dtype_size(t->dtype));
        return;
    }
    for (size_t i = 0; i < count; i++) ((uint8_t *)dst)[i] = ((const uint8_t *)src)[i] ^ 0x80;
}

/* One element at a time, in the three types that constants are copied to. */
typedef struct put {
    float *real;
    int32_t *whole;
    int8_t *byte;
} put;

static void put_element(put *to, const ln_view *v, int64_t index, int64_t channel) {
    if (to->byte) {
        const int32_t e = ln_elem_i32(v->data, index, v->dtype);
        *to->byte++ = (int8_t)(v->dtype == LN_U8 ? e - 128 : e);
    } else if (to->whole) {
        *to->whole++ = ln_elem_i32(v->data, index, v->dtype);
    } else {
        const float e = ln_elem_f32(v->data, index, v->dtype) - (float)v->zero;
        *to->real++ = v->scale ? e * v->scale[channel] : e;
    }
}

static bool is_real(const ln_view *v) {
    return v->dtype == LN_F32 && !v->zero && (uintptr_t)v->data % sizeof(float) == 0;
}

const float *ln_const_rows(const ln_graph *g, ln_tid t, int64_t *pitch) {
    const ln_tensor *c = &g->tensor[t];
    const ln_view *v = &c->view;
    int64_t dense = 1;
    if (!v->data || !is_real(v)) return NULL;
    for (int d = c->shape.rank - 1; d > 0; dense *= c->shape.dim[d--])
        if (c->shape.dim[d] > 1 && v->stride[d] != dense) return NULL;
    *pitch = v->stride[0];
    return v->data;
}

/* Odometer over all dimensions; the view's offset follows along. */
static linnet_status copy_const(const ln_graph *g, ln_tid t, put to, linnet_error *err) {
    if (t < 0 || t >= g->n_tensor || g->tensor[t].kind != LN_TENSOR_CONST)
        return ln_fail(err, LINNET_ERR_INTERNAL, "tensor %d is no constant", (int)t);
    const ln_tensor *c = &g->tensor[t];
    const ln_view *v = &c->view;
    if (!v->data)
        return ln_fail(err, LINNET_ERR_INVALID_ARGUMENT,
                       "%s: no data: the model was opened without weights", c->name);
    const int last = c->shape.rank - 1;
    const int64_t inner = c->shape.dim[last], step = v->stride[last];
    const float *real = to.real && !v->scale && is_real(v) ? v->data : NULL;
    int64_t at[LN_MAX_RANK] = {0}, base = 0;
    for (;;) {
        for (int64_t i = 0; real && i < inner; i++) *to.real++ = real[base + i * step];
        for (int64_t i = 0; !real && i < inner; i++)
            put_element(&to, v, base + i * step, last > 0 ? at[0] : i);
        int d = last - 1;
        for (; d >= 0; d--) {
            base += v->stride[d];
            if (++at[d] < c->shape.dim[d]) break;
            base -= v->stride[d] * at[d];
            at[d] = 0;
        }
        if (d < 0) return LINNET_OK;
    }
}

linnet_status ln_const_copy_f32(const ln_graph *g, ln_tid t, float *dst, linnet_error *err) {
    return copy_const(g, t, (put){.real = dst}, err);
}

linnet_status ln_const_copy(const ln_graph *g, ln_tid t, void *dst, linnet_error *err) {
    const ln_dtype type = t >= 0 && t < g->n_tensor ? g->tensor[t].dtype : LN_F32;
    put to = {.real = dst};
    if (type == LN_I8) to = (put){.byte = dst};
    if (type == LN_I32) to = (put){.whole = dst};
    return copy_const(g, t, to, err);
}
