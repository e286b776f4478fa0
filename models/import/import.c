/* From a file's nodes to a graph: one walk in execution order, a converter a node. */
#include "models/import/import.h"
#include "engine/quantize.h"

#include <stdlib.h>

static ln_host *host_of(ln_imp *im, const ln_net_tensor *t) {
    ln_host *h = ln_pool_alloc(&im->g->pool, 1, sizeof *h);
    if (!h) {
        im->status = ln_fail_oom(im->err, "a constant", sizeof *h);
        return NULL;
    }
    *h = (ln_host){t->type, t->type, t->shape, t->count, t->data};
    return h;
}

const ln_host *ln_host_tensor(ln_imp *im, const ln_net_tensor *t) {
    if (!ln_imp_ok(im)) return NULL;
    if (!ln_onnx_type_size(t->type))
        return ln_imp_refuse(im, "constant %s is of type %s, which is not supported", t->name,
                             ln_onnx_type_name(t->type)),
               NULL;
    return host_of(im, t);
}

/* ---- inputs ---- */
ln_dtype ln_imp_file_dtype(int type) {
    switch (type) {
    case LN_ONNX_FLOAT: return LN_F32;
    case LN_ONNX_DOUBLE: return LN_F64;
    case LN_ONNX_FLOAT16: return LN_F16;
    case LN_ONNX_BFLOAT16: return LN_BF16;
    case LN_ONNX_INT8: return LN_I8;
    case LN_ONNX_UINT8: return LN_U8;
    case LN_ONNX_INT16: return LN_I16;
    case LN_ONNX_INT64: return LN_I64;
    case LN_ONNX_BOOL: return LN_BOOL;
    default: return LN_I32; /* uint16, 32 and 64: .npy and the API have what they fit into */
    }
}

static void add_input(ln_imp *im, const ln_net_port *p, const ln_net_bind *b) {
    ln_val *v = &im->val[p->value];
    v->known = true;
    v->type = p->type;
    v->shape = b->shape;
    if (b->value) {
        const ln_host *h = ln_host_tensor(im, b->value); /* words, of the input's declared type */
        ln_host *own = h ? ln_pool_alloc(&im->g->pool, 1, sizeof *own) : NULL;
        if (own) *own = *h, own->type = p->type;
        v->host = own;
        v->shape = b->value->shape;
        return;
    }
    const bool picture = b->planar && b->shape.rank == 4;
    const ln_shape s = picture ? ln_shape_to_last(&b->shape) : ln_shape_graph(&b->shape);
    const ln_tid t = ln_graph_input(im->g, p->name, s, im->err);
    if (t == LN_NONE) {
        im->status = im->err ? im->err->status : LINNET_ERR_INVALID_ARGUMENT;
        return;
    }
    ln_tensor *x = &im->g->tensor[t];
    x->dtype = ln_type_is_float(p->type) ? LN_F32 : LN_I32;
    x->file_dtype = ln_imp_file_dtype(p->type);
    x->file_rank = b->shape.rank;
    x->as_is = !picture;
    v->tid[picture ? LN_LAST : LN_PLAIN] = t;
    if (im->m->dialect) im->m->dialect->input(im, v, t);
}

/* A few bytes can ask for constants of any size: what is computed stays within a few times what the
 * file holds. */
enum { ROOM_LEAST = 1 << 22, ROOM_TIMES = 4 };

static void add_values(ln_imp *im, const ln_net_bind *bind) {
    const ln_net *m = im->m;
    im->room = ROOM_LEAST;
    for (int i = 0; i < m->n_value; i++) {
        ln_val *v = &im->val[i];
        v->name = m->value[i].name;
        v->tid[0] = v->tid[1] = v->rows = LN_NONE;
    }
    for (int i = 0; i < m->n_node; i++)
        for (int k = 0; k < m->node[i].n_in; k++)
            if (m->node[i].in[k] != LN_NONE) im->val[m->node[i].in[k]].read = true;
    for (int i = 0; i < m->n_output; i++) im->val[m->output[i].value].read = true;
    for (int i = 0; i < m->n_value && ln_imp_ok(im); i++) {
        const ln_net_tensor *t = m->value[i].init;
        ln_val *v = &im->val[i];
        if (!t || !v->read) continue;
        v->known = v->param = true;
        v->type = t->type;
        v->shape = t->shape;
        v->host = ln_host_tensor(im, t);
        if (t->count <= (INT64_MAX - im->room) / ROOM_TIMES) im->room += ROOM_TIMES * t->count;
    }
    for (int i = 0; i < m->n_input && ln_imp_ok(im); i++) add_input(im, &m->input[i], &bind[i]);
}

/* ---- nodes ---- */
static void check_node(ln_imp *im, const ln_imp_op *op) {
    const ln_net_node *n = im->node;
    if (n->n_in < op->min_in || n->n_in > op->max_in) {
        ln_imp_refuse(im, "%d inputs, %d to %d are needed", n->n_in, op->min_in, op->max_in);
        return;
    }
    for (int i = 0; i < n->n_in; i++) {
        const ln_val *v = ln_imp_in(im, i);
        if (i < op->min_in && n->in[i] == LN_NONE) ln_imp_refuse(im, "input %d is missing", i);
        if (n->in[i] != LN_NONE && !v)
            ln_imp_refuse(im, "input %s is computed by no node before it",
                          im->m->value[n->in[i]].name);
    }
    if (n->n_out < 1 || n->out[0] == LN_NONE) ln_imp_refuse(im, "it has no first output");
}

static const ln_imp_op *row_of(const ln_net *m, const ln_net_node *n) {
    if (m->dialect) return m->dialect->find(n->op, n->version);
    return ln_imp_find(n->domain, n->op, n->version);
}

static void convert(ln_imp *im, const ln_net_node *n) {
    bool used = false;
    im->node = n;
    im->made = im->n_part = 0;
    for (int k = 0; k < n->n_out; k++) used |= ln_imp_wants(im, k);
    if (!used) return;
    const ln_imp_dialect *other = im->m->dialect;
    const ln_imp_op *op = row_of(im->m, n);
    if (!op)
        ln_imp_refuse(im, "%s %d of this operator is not supported",
                      other ? other->version : "operator set", n->version);
    else
        check_node(im, op);
    if (!ln_imp_ok(im)) return;
    if (other)
        other->convert(im, op);
    else
        ln_imp_convert(im, op);
    for (int k = 0; k < n->n_out && ln_imp_ok(im); k++)
        if (ln_imp_wants(im, k) && !im->val[n->out[k]].known)
            ln_imp_refuse(im, "output %d is not supported", k);
}

/* Values for the parts of a node: as many as any has inputs and outputs, and a few. */
static size_t part_count(const ln_net *m) {
    int most = 0;
    for (int i = 0; i < m->n_node; i++) most = LN_MAX(most, m->node[i].n_in + m->node[i].n_out);
    return (size_t)most + LN_IMP_PARTS;
}

int ln_imp_part(ln_imp *im) {
    const int id = im->m->n_value + im->n_part++;
    im->val[id] = (ln_val){.name = im->node->name, .read = true};
    im->val[id].tid[0] = im->val[id].tid[1] = im->val[id].rows = LN_NONE;
    return id;
}

/* ---- outputs ---- */
/* An input, a constant, or a tensor that is an output already, copied by a step of its own. */
static ln_tid own_tensor(ln_imp *im, ln_tid t) {
    const ln_graph *g = im->g;
    bool taken = t != LN_NONE && g->tensor[t].kind != LN_TENSOR_NODE;
    for (int i = 0; i < g->n_output; i++) taken |= g->output[i] == t;
    if (!taken || !ln_imp_ok(im)) return t;
    im->made = 0;
    const ln_quant q = g->tensor[t].q;
    if (g->tensor[t].dtype != LN_I8)
        return ln_imp_1(im, LN_OP_MAP, (ln_attr){.map = {.kind = LN_MAP_COPY}}, t);
    t = ln_imp_1(im, LN_OP_QUANTIZE, (ln_attr){0}, t);
    if (ln_imp_ok(im)) im->status = ln_graph_set_quant(im->g, t, q.scale, q.zero, im->err);
    return t;
}

static void add_output(ln_imp *im, const ln_net_port *p) {
    ln_val *v = &im->val[p->value];
    char text[96];
    if (!v->known) {
        ln_imp_refuse(im, "output %s is computed by no node", p->name);
        return;
    }
    if (v->host && !v->host->count) {
        ln_imp_refuse(im, "output %s has shape %s: empty tensors are not supported", p->name,
                      ln_shape_text(&v->shape, text));
        return;
    }
    const bool bytes = v->quantized && v->tid[0] == LN_NONE && v->tid[1] == LN_NONE;
    const bool picture = v->shape.rank == 4 && (bytes ? v->bytes_at == LN_LAST : ln_val_is_last(v));
    const ln_tid t =
        own_tensor(im, bytes ? v->bytes : ln_imp_get(im, v, picture ? LN_LAST : LN_PLAIN));
    if (!ln_imp_ok(im)) return;
    ln_tensor *x = &im->g->tensor[t];
    x->as_is = !picture;
    x->file_rank = v->shape.rank;
    x->file_dtype = ln_imp_file_dtype(v->type);
    x->name = ln_pool_strdup(&im->g->pool, p->name);
    if (!x->name)
        im->status = ln_fail_oom(im->err, "a name", strlen(p->name));
    else
        im->status = ln_graph_output(im->g, t, im->err);
    if (ln_imp_ok(im) && v->rows != LN_NONE)
        im->status = ln_graph_set_rows(im->g, t, v->rows, im->err);
}

static void walk(ln_imp *im, const ln_net_bind *bind) {
    add_values(im, bind);
    for (int i = 0; i < im->m->n_node && ln_imp_ok(im); i++) convert(im, &im->m->node[i]);
    im->node = NULL;
    for (int i = 0; i < im->m->n_output && ln_imp_ok(im); i++) add_output(im, &im->m->output[i]);
}

linnet_status ln_net_graph(const ln_net *m, const ln_net_bind *bind, ln_graph **out,
                           linnet_error *err) {
    linnet_error own = {0};
    ln_imp im = {.m = m, .err = &own};
    *out = NULL;
    const char *slash = strrchr(m->path, '/');
    LN_TRY(ln_graph_create(slash ? slash + 1 : m->path, &im.g, err));
    im.val = calloc((size_t)m->n_value + part_count(m), sizeof *im.val);
    if (!im.val)
        im.status = ln_fail_oom(&own, "values", (size_t)m->n_value * sizeof *im.val);
    else
        walk(&im, bind);
    free(im.val);
    if (ln_imp_ok(&im)) im.status = ln_graph_compact(im.g, &own);
    if (ln_imp_ok(&im) && !m->dialect) im.status = ln_quantize_fold(im.g, &own);
    if (!ln_imp_ok(&im)) {
        ln_graph_destroy(&im.g);
        if (err) *err = own;
    }
    *out = im.g;
    return im.status;
}

bool ln_net_op_known(const ln_net *m, const ln_net_node *n) {
    return row_of(m, n) != NULL;
}
