/* The graph of a file: every name becomes a value, made once and by somebody. */
#include "models/onnx/store.h"

#include <limits.h>
#include <string.h>

typedef struct reader {
    ln_onnx_store *s;
    const Ln__PbModel *pb;
    ln_onnx_names names;
    ln_net_value *value;
    ln_net_node *node;
    linnet_error *err;
} reader;

#define BAD(r, ...) ln_fail((r)->err, LINNET_ERR_BAD_FILE, __VA_ARGS__)

static void *take(reader *r, size_t count, size_t size) {
    void *p = ln_pool_alloc(&r->s->pool, count, size);
    if (!p) ln_fail_oom(r->err, "a graph", count * size);
    return p;
}

static const char *text(const char *s) {
    return s ? s : "";
}

/* ---- values ---- */
static linnet_status add_value(reader *r, const char *name, const char *what, int *id) {
    *id = ln_onnx_names_add(&r->names, name);
    if (*id < 0)
        return BAD(r, "%s: %s %.200s: another value has that name", r->s->model.path, what, name);
    r->value[*id] = (ln_net_value){.name = name, .node = -1, .input = -1};
    return LINNET_OK;
}

static linnet_status read_initialisers(reader *r) {
    const Ln__PbGraph *g = r->pb->graph;
    ln_net_tensor *t = take(r, g->n_initializer, sizeof *t);
    if (!t) return LINNET_ERR_OUT_OF_MEMORY;
    for (size_t i = 0; i < g->n_initializer; i++) {
        int id;
        LN_TRY(ln_onnx_read_tensor(r->s, g->initializer[i], "initialiser", &t[i], r->err));
        LN_TRY(add_value(r, t[i].name, "initialiser", &id));
        r->value[id].init = &t[i];
    }
    return LINNET_OK;
}

/* Where no value of that name is there already: an initialiser is a constant, whatever IR 3 says of
 * defaults. */
static linnet_status read_inputs(reader *r) {
    const Ln__PbGraph *g = r->pb->graph;
    ln_net *m = &r->s->model;
    ln_net_port *port = take(r, g->n_input, sizeof *port);
    if (!port) return LINNET_ERR_OUT_OF_MEMORY;
    for (size_t i = 0; i < g->n_input; i++) {
        const char *name = text(g->input[i]->name);
        const int old = ln_onnx_names_find(&r->names, name);
        if (old >= 0 && r->value[old].init) continue;
        ln_net_port *p = &port[m->n_input];
        LN_TRY(ln_onnx_read_port(m->path, g->input[i], true, p, r->err));
        LN_TRY(add_value(r, name, "input", &p->value));
        r->value[p->value].input = m->n_input++;
    }
    m->input = port;
    return LINNET_OK;
}

static linnet_status read_outputs(reader *r) {
    const Ln__PbGraph *g = r->pb->graph;
    ln_net *m = &r->s->model;
    ln_net_port *port = take(r, g->n_output, sizeof *port);
    if (!port) return LINNET_ERR_OUT_OF_MEMORY;
    if (!g->n_output) return BAD(r, "%s: the graph has no outputs", m->path);
    for (size_t i = 0; i < g->n_output; i++) {
        ln_net_port *p = &port[m->n_output++];
        LN_TRY(ln_onnx_read_port(m->path, g->output[i], false, p, r->err));
        p->value = ln_onnx_names_find(&r->names, p->name);
        if (p->value < 0) return BAD(r, "%s: output %.200s: no node makes it", m->path, p->name);
    }
    m->output = port;
    return LINNET_OK;
}

/* ---- nodes ---- */
static linnet_status read_texts(reader *r, const ProtobufCBinaryData *b, size_t n,
                                const ln_net_text **out) {
    ln_net_text *t = take(r, n, sizeof *t);
    *out = t;
    if (!t) return LINNET_ERR_OUT_OF_MEMORY;
    for (size_t i = 0; i < n; i++) {
        char *p = take(r, b[i].len + 1, 1);
        if (!p) return LINNET_ERR_OUT_OF_MEMORY;
        if (b[i].len) memcpy(p, b[i].data, b[i].len);
        t[i] = (ln_net_text){p, b[i].len};
    }
    return LINNET_OK;
}

/* What the file says, or what is there where it does not say. */
static int attr_type(const Ln__PbAttribute *pb) {
    if (pb->has_g) return LN_ONNX_ATTR_OTHER;
    if (pb->type) return pb->type;
    if (pb->has_f) return LN_ONNX_ATTR_FLOAT;
    if (pb->has_i) return LN_ONNX_ATTR_INT;
    if (pb->has_s) return LN_ONNX_ATTR_STRING;
    if (pb->t) return LN_ONNX_ATTR_TENSOR;
    if (pb->n_floats) return LN_ONNX_ATTR_FLOATS;
    return pb->n_strings ? LN_ONNX_ATTR_STRINGS : LN_ONNX_ATTR_INTS;
}

static linnet_status read_attr(reader *r, const ln_net_node *n, const Ln__PbAttribute *pb,
                               ln_net_attr *a) {
    const ln_net_text *one;
    *a = (ln_net_attr){.name = text(pb->name), .f = pb->f, .i = pb->i};
    switch (attr_type(pb)) {
    case LN_ONNX_ATTR_FLOAT: a->type = LN_ONNX_ATTR_FLOAT; return LINNET_OK;
    case LN_ONNX_ATTR_INT: a->type = LN_ONNX_ATTR_INT; return LINNET_OK;
    case LN_ONNX_ATTR_STRING:
        a->type = LN_ONNX_ATTR_STRING;
        LN_TRY(read_texts(r, &pb->s, 1, &one));
        a->s = *one;
        return LINNET_OK;
    case LN_ONNX_ATTR_TENSOR:
        a->type = LN_ONNX_ATTR_TENSOR;
        if (!pb->t)
            return BAD(r, "%s: node %.100s (%.60s): attribute %.60s has no tensor",
                       r->s->model.path, n->name, n->op, a->name);
        return ln_onnx_read_tensor(r->s, pb->t, n->name, &a->t, r->err);
    case LN_ONNX_ATTR_FLOATS:
        a->type = LN_ONNX_ATTR_FLOATS;
        a->floats = pb->floats;
        a->n = pb->n_floats;
        return LINNET_OK;
    case LN_ONNX_ATTR_INTS:
        a->type = LN_ONNX_ATTR_INTS;
        a->ints = pb->ints;
        a->n = pb->n_ints;
        return LINNET_OK;
    case LN_ONNX_ATTR_STRINGS:
        a->type = LN_ONNX_ATTR_STRINGS;
        a->n = pb->n_strings;
        return read_texts(r, pb->strings, pb->n_strings, &a->strings);
    default: return LINNET_OK;
    }
}

static int domain_version(const reader *r, const char *domain) {
    if (!*domain) return r->s->model.opset;
    for (size_t i = 0; i < r->pb->n_opset_import; i++) {
        const Ln__PbOpset *o = r->pb->opset_import[i];
        if (o->domain && !strcmp(o->domain, domain) && o->version > 0 && o->version <= INT_MAX)
            return (int)o->version;
    }
    return 0;
}

static linnet_status read_node(reader *r, const Ln__PbNode *pb, int index, ln_net_node *n) {
    const char *name = text(pb->name);
    n->op = text(pb->op_type);
    n->domain = text(pb->domain);
    if (!strcmp(n->domain, "ai.onnx")) n->domain = "";
    n->version = domain_version(r, n->domain);
    if (!*name && pb->n_output) name = pb->output[0];
    n->name = *name ? name : ln_pool_printf(&r->s->pool, "%s_%d", n->op, index);
    ln_net_attr *attr = take(r, pb->n_attribute, sizeof *attr);
    int *out = take(r, pb->n_output, sizeof *out);
    if (!n->name || !attr || !out) return ln_fail_oom(r->err, "a node", sizeof *n);
    for (size_t i = 0; i < pb->n_attribute; i++)
        LN_TRY(read_attr(r, n, pb->attribute[i], &attr[i]));
    for (size_t i = 0; i < pb->n_output; i++) {
        out[i] = LN_NONE;
        if (!*pb->output[i]) continue;
        LN_TRY(add_value(r, pb->output[i], "output", &out[i]));
        r->value[out[i]].node = index;
    }
    n->attr = attr;
    n->n_attr = (int)pb->n_attribute;
    n->out = out;
    n->n_out = (int)pb->n_output;
    return LINNET_OK;
}

/* Once every node's outputs have ids. */
static linnet_status link_inputs(reader *r, const Ln__PbNode *pb, ln_net_node *n) {
    int *in = take(r, pb->n_input, sizeof *in);
    if (!in) return LINNET_ERR_OUT_OF_MEMORY;
    for (size_t i = 0; i < pb->n_input; i++) {
        in[i] = *pb->input[i] ? ln_onnx_names_find(&r->names, pb->input[i]) : LN_NONE;
        if (in[i] < 0 && *pb->input[i])
            return BAD(r, "%s: node %.100s (%.60s) reads %.100s, which nobody makes",
                       r->s->model.path, n->name, n->op, pb->input[i]);
    }
    n->in = in;
    n->n_in = (int)pb->n_input;
    return LINNET_OK;
}

static linnet_status read_nodes(reader *r) {
    const Ln__PbGraph *g = r->pb->graph;
    ln_net *m = &r->s->model;
    r->node = take(r, g->n_node, sizeof *r->node);
    if (!r->node) return LINNET_ERR_OUT_OF_MEMORY;
    for (size_t i = 0; i < g->n_node; i++) LN_TRY(read_node(r, g->node[i], (int)i, &r->node[i]));
    for (size_t i = 0; i < g->n_node; i++) LN_TRY(link_inputs(r, g->node[i], &r->node[i]));
    m->n_node = (int)g->n_node;
    m->node = r->node;
    return LINNET_OK;
}

linnet_status ln_onnx_read_graph(ln_onnx_store *s, const Ln__PbModel *pb, linnet_error *err) {
    const Ln__PbGraph *g = pb->graph;
    reader r = {.s = s, .pb = pb, .err = err};
    size_t most = g->n_input + g->n_initializer;
    for (size_t i = 0; i < g->n_node; i++) most += g->node[i]->n_output;
    r.value = ln_pool_alloc(&s->pool, most, sizeof *r.value);
    if (!r.value || !ln_onnx_names_init(&r.names, &s->pool, most))
        return ln_fail_oom(err, "a graph's values", most * sizeof *r.value);
    if (g->n_sparse_initializer)
        return ln_fail(err, LINNET_ERR_UNSUPPORTED,
                       "%s: %zu sparse initialisers; only dense ones are read", s->model.path,
                       g->n_sparse_initializer);
    LN_TRY(read_initialisers(&r));
    LN_TRY(read_inputs(&r));
    LN_TRY(read_nodes(&r));
    LN_TRY(read_outputs(&r));
    s->model.value = r.value;
    s->model.n_value = r.names.count;
    return ln_onnx_sort(s, r.node, r.value, err);
}
