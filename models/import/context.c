/* What converters are written with: the node's inputs and attributes, graph nodes, outputs. */
#include "models/import/import.h"

ln_tid ln_imp_refuse(ln_imp *im, const char *fmt, ...) {
    if (!ln_imp_ok(im)) return LN_NONE;
    char text[512];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    im->status = im->node ? ln_fail(im->err, LINNET_ERR_UNSUPPORTED, "%s: node %s (%s): %s",
                                    im->m->path, im->node->name, im->node->op, text)
                          : ln_fail(im->err, LINNET_ERR_UNSUPPORTED, "%s: %s", im->m->path, text);
    return LN_NONE;
}

ln_tid ln_imp_graph_failed(ln_imp *im) {
    if (!ln_imp_ok(im)) return LN_NONE;
    linnet_error own = {0};
    if (im->err) own = *im->err;
    if (own.status == LINNET_OK) own.status = LINNET_ERR_INTERNAL;
    if (own.status != LINNET_ERR_INVALID_ARGUMENT) {
        im->status = own.status;
        return LN_NONE;
    }
    return ln_imp_refuse(im, "%s", own.message);
}

/* ---- the node's own ---- */
const ln_val *ln_imp_in(const ln_imp *im, int slot) {
    const int id = im->node && slot < im->node->n_in ? im->node->in[slot] : LN_NONE;
    return id == LN_NONE || !im->val[id].known ? NULL : &im->val[id];
}

bool ln_imp_wants(const ln_imp *im, int slot) {
    return slot < im->node->n_out && im->node->out[slot] != LN_NONE &&
           im->val[im->node->out[slot]].read;
}

const ln_host *ln_imp_host(const ln_imp *im, int slot) {
    const ln_val *v = ln_imp_in(im, slot);
    return v ? v->host : NULL;
}

const ln_host *ln_imp_const(ln_imp *im, int slot, const char *what) {
    const ln_val *v = ln_imp_in(im, slot);
    if (v && v->host) return v->host;
    if (!v) return ln_imp_refuse(im, "%s is missing", what), NULL;
    const char *name = v->name;
    const int id = im->node->in[slot];
    if (id < im->m->n_value && im->m->value[id].input >= 0)
        ln_imp_refuse(im, "%s is the input %s; it must be known when the model is opened", what,
                      name);
    else
        ln_imp_refuse(im,
                      "%s (%s) depends on what the network computes; it must be known when "
                      "the model is opened",
                      what, name);
    return NULL;
}

static const ln_net_attr *find(ln_imp *im, const char *name, ln_onnx_attr_type type) {
    const ln_net_attr *a = ln_imp_ok(im) ? ln_net_find_attr(im->node, name) : NULL;
    if (a && a->type != type) {
        ln_imp_refuse(im, "attribute %s is of another type than the operator has", name);
        return NULL;
    }
    return a;
}

int64_t ln_imp_int(ln_imp *im, const char *name, int64_t otherwise) {
    const ln_net_attr *a = find(im, name, LN_ONNX_ATTR_INT);
    return a ? a->i : otherwise;
}

float ln_imp_float(ln_imp *im, const char *name, float otherwise) {
    const ln_net_attr *a = find(im, name, LN_ONNX_ATTR_FLOAT);
    return a ? a->f : otherwise;
}

const int64_t *ln_imp_ints(ln_imp *im, const char *name, size_t *n) {
    static const int64_t none[1];
    const ln_net_attr *a = find(im, name, LN_ONNX_ATTR_INTS);
    *n = a ? a->n : 0;
    return a ? (a->n ? a->ints : none) : NULL;
}

const float *ln_imp_floats(ln_imp *im, const char *name, size_t *n) {
    static const float none[1];
    const ln_net_attr *a = find(im, name, LN_ONNX_ATTR_FLOATS);
    *n = a ? a->n : 0;
    return a ? (a->n ? a->floats : none) : NULL;
}

const char *ln_imp_string(ln_imp *im, const char *name, const char *otherwise) {
    const ln_net_attr *a = find(im, name, LN_ONNX_ATTR_STRING);
    return a ? a->s.p : otherwise;
}

/* ---- graph nodes ---- */
const ln_shape *ln_imp_shape(const ln_imp *im, ln_tid x) {
    static const ln_shape none = {1, {1}};
    return x == LN_NONE ? &none : &im->g->tensor[x].shape;
}

int ln_imp_rank(const ln_imp *im, ln_tid x) {
    return ln_imp_shape(im, x)->rank;
}

/* The first node has the ONNX node's name, those after it a number too. */
static void next_name(ln_imp *im, char *buf, size_t size) {
    const char *base = im->node ? im->node->name : "output";
    if (im->made++)
        snprintf(buf, size, "%.200s:%d", base, im->made - 1);
    else
        snprintf(buf, size, "%.200s", base);
}

static ln_tid add_node(ln_imp *im, ln_op op, const ln_attr *attr, const ln_tid *in, int n_in,
                       ln_tid out[LN_MAX_OUT]) {
    char name[224];
    next_name(im, name, sizeof name);
    if (ln_graph_node_all(im->g, op, name, attr, in, n_in, out, im->err) == LINNET_OK)
        return out[0];
    for (int i = 0; i < LN_MAX_OUT; i++) out[i] = LN_NONE;
    return ln_imp_graph_failed(im);
}

/* Most ops take activations alone as their first operand. */
static bool takes_constants(ln_op op) {
    return op == LN_OP_MAP || op == LN_OP_MATMUL || op == LN_OP_GATHER || op == LN_OP_CONCAT;
}

ln_tid ln_imp_node_all(ln_imp *im, ln_op op, const ln_attr *attr, const ln_tid *in, int n_in,
                       ln_tid out[LN_MAX_OUT]) {
    static const ln_attr copy = {.map = {.kind = LN_MAP_COPY}};
    ln_tid own[LN_MAX_IN], copied[LN_MAX_OUT];
    for (int i = 0; i < LN_MAX_OUT; i++) out[i] = LN_NONE;
    if (!ln_imp_ok(im)) return LN_NONE;
    if (n_in < 1 || n_in > LN_MAX_IN || in[0] == LN_NONE)
        return add_node(im, op, attr, in, n_in, out);
    memcpy(own, in, (size_t)n_in * sizeof *in);
    if (im->g->tensor[in[0]].kind == LN_TENSOR_CONST && !takes_constants(op))
        own[0] = add_node(im, LN_OP_MAP, &copy, in, 1, copied);
    return ln_imp_ok(im) ? add_node(im, op, attr, own, n_in, out) : LN_NONE;
}

ln_tid ln_imp_node(ln_imp *im, ln_op op, const ln_attr *attr, const ln_tid *in, int n_in) {
    ln_tid out[LN_MAX_OUT];
    return ln_imp_node_all(im, op, attr, in, n_in, out);
}

ln_tid ln_imp_1(ln_imp *im, ln_op op, ln_attr attr, ln_tid x) {
    return ln_imp_node(im, op, &attr, &x, 1);
}

ln_tid ln_imp_reshape(ln_imp *im, ln_tid x, const ln_shape *s) {
    if (!ln_imp_ok(im)) return LN_NONE;
    const ln_node *last = im->g->n_node ? &im->g->node[im->g->n_node - 1] : NULL;
    if (last && last->out[0] == x && last->op == LN_OP_RESHAPE) x = last->in[0];
    if (ln_shape_equal(ln_imp_shape(im, x), s)) return x;
    return ln_imp_1(im, LN_OP_RESHAPE, (ln_attr){.reshape = {*s}}, x);
}

/* Whether the order of dimensions larger than 1 stays: then nothing moves. */
static bool moves_nothing(const ln_shape *s, const int *perm) {
    int last = -1;
    for (int i = 0; i < s->rank; i++) {
        if (s->dim[perm[i]] == 1) continue;
        if (perm[i] < last) return false;
        last = perm[i];
    }
    return true;
}

ln_tid ln_imp_permute(ln_imp *im, ln_tid x, const int *perm) {
    if (!ln_imp_ok(im)) return LN_NONE;
    const ln_shape *s = ln_imp_shape(im, x);
    ln_shape to = *s;
    ln_attr a = {0};
    for (int i = 0; i < s->rank; i++) to.dim[i] = s->dim[a.permute.perm[i] = perm[i]];
    if (moves_nothing(s, perm)) return ln_imp_reshape(im, x, &to);
    return ln_imp_1(im, LN_OP_PERMUTE, a, x);
}

/* ---- constants in the graph ---- */
float *ln_imp_floats_of(ln_imp *im, const ln_host *h) {
    if (!h || !ln_imp_spend(im, h->count)) return NULL;
    float *p = ln_pool_alloc(&im->g->pool, (size_t)LN_MAX(h->count, 1), sizeof *p);
    if (!p) {
        im->status = ln_fail_oom(im->err, "a constant", (size_t)h->count * sizeof *p);
        return NULL;
    }
    for (int64_t i = 0; i < h->count; i++) p[i] = (float)ln_host_f(h, i);
    return p;
}

ln_tid ln_imp_const_any(ln_imp *im, const char *name, const ln_shape *s, ln_view v, bool param) {
    if (!ln_imp_ok(im)) return LN_NONE;
    const ln_tid t = ln_graph_const(im->g, name, *s, v, param, im->err);
    return t == LN_NONE ? ln_imp_graph_failed(im) : t;
}

ln_tid ln_imp_const_f32(ln_imp *im, const char *name, const ln_shape *s, const float *data) {
    return ln_imp_const_any(im, name, s, ln_view_dense(s, LN_F32, data), false);
}

ln_tid ln_imp_const_i32(ln_imp *im, const char *name, const ln_shape *s, const int32_t *data) {
    return ln_imp_const_any(im, name, s, ln_view_dense(s, LN_I32, data), false);
}

/* The type of element that a constant's data can be read as where it lies; false: none. */
static bool view_type(int type, ln_dtype *out) {
    static const struct {
        int type;
        ln_dtype dtype;
    } row[] = {{LN_ONNX_FLOAT, LN_F32},  {LN_ONNX_FLOAT16, LN_F16}, {LN_ONNX_BFLOAT16, LN_BF16},
               {LN_ONNX_DOUBLE, LN_F64}, {LN_ONNX_INT8, LN_I8},     {LN_ONNX_UINT8, LN_U8},
               {LN_ONNX_INT16, LN_I16},  {LN_ONNX_INT32, LN_I32},   {LN_ONNX_INT64, LN_I64},
               {LN_ONNX_BOOL, LN_BOOL}};
    for (size_t i = 0; i < LN_COUNT(row); i++)
        if (row[i].type == type) {
            *out = row[i].dtype;
            return true;
        }
    return false;
}

/* Types without a view of their own become int32 in a new block. */
static const void *as_i32(ln_imp *im, const ln_host *h) {
    if (!ln_imp_spend(im, h->count)) return NULL;
    int32_t *p = ln_pool_alloc(&im->g->pool, (size_t)LN_MAX(h->count, 1), sizeof *p);
    if (!p) {
        im->status = ln_fail_oom(im->err, "a constant", (size_t)h->count * sizeof *p);
        return NULL;
    }
    for (int64_t i = 0; i < h->count; i++) {
        const int64_t v = ln_host_i(h, i);
        p[i] = (int32_t)LN_MAX(LN_MIN(v, INT32_MAX), INT32_MIN);
    }
    return p;
}

/* The scale of each index of dimension 0 of the view, where no other dimension changes it. */
static const float *view_scales(ln_imp *im, const ln_host_bytes *b, const ln_shape *s,
                                const int64_t *stride) {
    const int64_t period = b->inner * b->channels;
    const bool one = b->channels == 1;
    int64_t span = 0;
    for (int d = 1; d < s->rank; d++)
        if (stride[d] % period) span += (s->dim[d] - 1) * stride[d];
    if (!one && (span >= b->inner || (s->dim[0] > 1 && stride[0] % b->inner))) return NULL;
    float *scale = ln_pool_alloc(&im->g->pool, (size_t)s->dim[0], sizeof *scale);
    if (!scale) im->status = ln_fail_oom(im->err, "scales", (size_t)s->dim[0] * sizeof *scale);
    for (int64_t i = 0; scale && i < s->dim[0]; i++)
        scale[i] = b->scale[one ? 0 : i * stride[0] / b->inner % b->channels];
    return scale;
}

ln_tid ln_imp_const_view(ln_imp *im, const char *name, const ln_host *h, const ln_shape *s,
                         const int64_t *stride, bool param) {
    if (!ln_imp_ok(im)) return LN_NONE;
    char text[96];
    ln_view v = {.data = h->data};
    if (!h->count)
        return ln_imp_refuse(im, "%s has shape %s: empty tensors are not supported", name,
                             ln_shape_text(&h->shape, text));
    if (h->bytes && s->rank > 1) v.scale = view_scales(im, h->bytes, s, stride);
    if (v.scale) {
        v.dtype = LN_I8;
        v.data = h->bytes->data;
        v.zero = h->bytes->zero;
    } else if (!view_type(h->stored, &v.dtype)) {
        v.dtype = LN_I32;
        v.data = as_i32(im, h);
        if (!v.data) return LN_NONE;
    }
    memcpy(v.stride, stride, (size_t)s->rank * sizeof *stride);
    return ln_imp_const_any(im, name, s, v, param && ln_type_is_float(h->type));
}

/* ---- layouts ---- */
ln_shape ln_shape_graph(const ln_shape *s) {
    return s->rank ? *s : (ln_shape){1, {1}};
}

ln_shape ln_shape_to_last(const ln_shape *s) {
    ln_shape r = *s;
    if (s->rank < 3) return ln_shape_graph(s);
    for (int i = 1; i < s->rank - 1; i++) r.dim[i] = s->dim[i + 1];
    r.dim[s->rank - 1] = s->dim[1];
    return r;
}

ln_shape ln_shape_from_last(const ln_shape *s) {
    ln_shape r = *s;
    if (s->rank < 3) return r;
    for (int i = 2; i < s->rank; i++) r.dim[i] = s->dim[i - 1];
    r.dim[1] = s->dim[s->rank - 1];
    return r;
}

int ln_imp_place(ln_imp_layout layout, int d, int rank) {
    return layout == LN_PLAIN || d == 0 ? d : d == 1 ? rank - 1 : d - 1;
}

bool ln_val_is_last(const ln_val *v) {
    return v && !v->host && v->shape.rank >= 3 && v->tid[LN_LAST] != LN_NONE;
}

/* Dimensions of a LAST tensor in terms of ONNX's, and the way back. */
static void last_perm(int rank, ln_imp_layout to, int *perm) {
    for (int i = 0; i < rank; i++) perm[i] = i;
    if (rank < 3) return;
    if (to == LN_LAST) {
        for (int i = 1; i < rank - 1; i++) perm[i] = i + 1;
        perm[rank - 1] = 1;
    } else {
        for (int i = 2; i < rank; i++) perm[i] = i - 1;
        perm[1] = rank - 1;
    }
}

static ln_tid get_const(ln_imp *im, const ln_val *v, ln_imp_layout layout) {
    int64_t dense[LN_MAX_RANK], stride[LN_MAX_RANK];
    int perm[LN_MAX_RANK];
    const ln_shape plain = ln_shape_graph(&v->shape);
    const ln_shape s = layout == LN_LAST ? ln_shape_to_last(&v->shape) : plain;
    ln_shape_strides(&plain, dense);
    last_perm(plain.rank, layout == LN_LAST ? LN_LAST : LN_PLAIN, perm);
    for (int i = 0; i < s.rank; i++) stride[i] = dense[layout == LN_LAST ? perm[i] : i];
    return ln_imp_const_view(im, v->name, v->host, &s, stride, v->param);
}

ln_tid ln_imp_get(ln_imp *im, const ln_val *cv, ln_imp_layout layout) {
    if (!ln_imp_ok(im) || !cv) return LN_NONE;
    ln_val *v = (ln_val *)cv; /* remembers what is made */
    int perm[LN_MAX_RANK];
    if (v->shape.rank < 3) layout = LN_PLAIN;
    if (v->tid[layout] != LN_NONE) return v->tid[layout];
    if (v->host) return v->tid[layout] = get_const(im, v, layout);
    last_perm(v->shape.rank, layout, perm);
    return v->tid[layout] = ln_imp_permute(im, v->tid[1 - layout], perm);
}

/* ---- outputs ---- */
static ln_val *out_slot(ln_imp *im, int slot) {
    if (!ln_imp_ok(im) || slot >= im->node->n_out || im->node->out[slot] == LN_NONE) return NULL;
    ln_val *v = &im->val[im->node->out[slot]];
    v->known = true;
    v->host = NULL;
    v->tid[0] = v->tid[1] = v->rows = LN_NONE;
    v->quantized = false;
    return v;
}

void ln_imp_out_as(ln_imp *im, int slot, ln_tid t, ln_imp_layout layout, int type,
                   const ln_shape *s) {
    ln_val *v = out_slot(im, slot);
    if (!v) return;
    const ln_val *first = ln_imp_in(im, 0);
    const ln_shape want = layout == LN_LAST ? ln_shape_to_last(s) : ln_shape_graph(s);
    if (!ln_shape_equal(&want, ln_imp_shape(im, t))) { /* an operand broadcast the wrong way */
        char a[96], b[96];
        ln_imp_refuse(im, "the result is %s where %s is needed",
                      ln_shape_text(ln_imp_shape(im, t), a), ln_shape_text(&want, b));
        return;
    }
    v->shape = *s;
    v->type = type ? type : first ? first->type : LN_ONNX_FLOAT;
    v->tid[s->rank < 3 ? LN_PLAIN : layout] = t;
}

void ln_imp_out(ln_imp *im, int slot, ln_tid t, ln_imp_layout layout, int type) {
    if (!ln_imp_ok(im)) return;
    const ln_shape *g = ln_imp_shape(im, t);
    const ln_shape s = layout == LN_LAST ? ln_shape_from_last(g) : *g;
    ln_imp_out_as(im, slot, t, layout, type, &s);
}

void ln_imp_out_host(ln_imp *im, int slot, const ln_host *h) {
    ln_val *v = out_slot(im, slot);
    if (!v || !h) return;
    v->host = h;
    v->type = h->type;
    v->shape = h->shape;
}

void ln_imp_out_bytes(ln_imp *im, int slot, ln_tid t, ln_imp_layout layout, int type,
                      const ln_shape *s) {
    ln_imp_out_as(im, slot, t, layout, type, s);
    if (!ln_imp_ok(im)) return;
    ln_val *v = &im->val[im->node->out[slot]];
    v->tid[0] = v->tid[1] = LN_NONE;
    v->quantized = true;
    v->bytes = t;
    v->bytes_at = s->rank < 3 ? LN_PLAIN : layout;
}

void ln_imp_out_val(ln_imp *im, int slot, const ln_val *from) {
    ln_val *v = out_slot(im, slot);
    if (!v || !from) return;
    v->type = from->type;
    v->shape = from->shape;
    v->host = from->host;
    v->tid[0] = from->tid[0];
    v->tid[1] = from->tid[1];
    v->rows = from->rows;
}
