/* From ln_tfl_file to what the importer walks. */
#include "models/tflite/import.h"

#include <limits.h>
#include <string.h>

int ln_tfl_type(ln_dtype t) {
    static const int type[LN_DTYPE_COUNT] = {
        [LN_F32] = LN_ONNX_FLOAT,  [LN_F16] = LN_ONNX_FLOAT16, [LN_BF16] = LN_ONNX_BFLOAT16,
        [LN_F64] = LN_ONNX_DOUBLE, [LN_I8] = LN_ONNX_INT8,     [LN_U8] = LN_ONNX_UINT8,
        [LN_I16] = LN_ONNX_INT16,  [LN_I32] = LN_ONNX_INT32,   [LN_I64] = LN_ONNX_INT64,
        [LN_BOOL] = LN_ONNX_BOOL,
    };
    return type[t];
}

/* COMING: it is an input, or an operator farther on computes it. */
enum { NOT_YET, COMING, THERE };

typedef struct net {
    const ln_tfl_file *f;
    ln_pool *pool;
    ln_net_value *value; /* 2 n_tensor */
    uint8_t *made;       /* by tensor: NOT_YET, COMING or THERE */
    linnet_error *err;
} net;

#define BAD(n, ...) ln_fail((n)->err, LINNET_ERR_BAD_FILE, __VA_ARGS__)

static void *take(net *n, size_t count, size_t size, linnet_status *st) {
    void *p = ln_pool_alloc(n->pool, count + 1, size);
    *st = p ? LINNET_OK : ln_fail_oom(n->err, "a network", count * size);
    return p;
}

/* ---- tensors ---- */
static linnet_status name_of(net *n, int i, const char **out) {
    char text[32];
    *out = n->f->tensor[i].name;
    if (**out) return LINNET_OK;
    snprintf(text, sizeof text, "tensor_%d", i);
    *out = ln_pool_strdup(n->pool, text);
    return *out ? LINNET_OK : ln_fail_oom(n->err, "a name", sizeof text);
}

/* Constants; an empty one has no data in the file and nothing that makes it. */
static linnet_status constant(net *n, int i, const ln_net_tensor **out) {
    const ln_tfl_tensor *t = &n->f->tensor[i];
    linnet_status st;
    int64_t count = 1;
    for (int d = 0; d < t->shape.rank; d++) count *= t->shape.dim[d];
    *out = NULL;
    if (!t->data && (count || n->made[i] == COMING)) return LINNET_OK;
    ln_net_tensor *c = take(n, 1, sizeof *c, &st);
    LN_TRY(st);
    *c = (ln_net_tensor){n->value[i].name, ln_tfl_type(t->dtype), t->shape, count, t->data};
    *out = c;
    return LINNET_OK;
}

static linnet_status add_tensors(net *n) {
    const int count = n->f->n_tensor;
    for (int i = 0; i < count; i++) {
        const ln_tfl_tensor *t = &n->f->tensor[i];
        ln_net_value *v = &n->value[i];
        *v = (ln_net_value){.node = -1, .input = -1, .type = ln_tfl_type(t->dtype)};
        LN_TRY(name_of(n, i, &v->name));
        if (t->quant.count) v->quant = &t->quant;
        n->value[count + i] = *v;
        n->value[count + i].quant = NULL;
        n->value[count + i].type = LN_ONNX_FLOAT;
        LN_TRY(constant(n, i, &v->init));
        if (v->init) n->made[i] = THERE;
        if (t->is_variable)
            return ln_fail(n->err, LINNET_ERR_UNSUPPORTED,
                           "%s: tensor %.200s keeps its value between runs, which is not supported",
                           n->f->map.path, v->name);
    }
    return LINNET_OK;
}

/* ---- inputs and outputs ---- */
static linnet_status add_port(net *n, int tensor, bool input, int at, ln_net_port *p) {
    const ln_tfl_tensor *t = &n->f->tensor[tensor];
    *p = (ln_net_port){.name = n->value[tensor].name,
                       .value = tensor,
                       .type = ln_tfl_type(t->dtype),
                       .rank = t->shape.rank,
                       .quantized = t->quant.count > 0};
    if (!input) {
        p->dim[0].value = t->shape.rank ? t->shape.dim[0] : 0;
        return LINNET_OK;
    }
    if (n->made[tensor] == THERE)
        return BAD(n, "%s: input %.200s is an input twice, or a constant", n->f->map.path, p->name);
    n->value[tensor].input = at;
    n->made[tensor] = THERE;
    for (int i = 0; i < t->shape.rank; i++) {
        const int64_t d = t->shape.dim[i];
        if (d < 1 || d > INT_MAX)
            return BAD(n, "%s: input %.200s: dimension %d is %lld", n->f->map.path, p->name, i,
                       (long long)d);
        p->dim[i] = (ln_net_dim){.value = i || !t->free_batch ? d : 0, .symbol = ""};
    }
    return LINNET_OK;
}

static linnet_status add_ports(net *n, const int32_t *list, int count, bool input,
                               const ln_net_port **out) {
    linnet_status st;
    ln_net_port *p = take(n, (size_t)count, sizeof *p, &st);
    LN_TRY(st);
    for (int i = 0; i < count; i++) {
        LN_TRY(add_port(n, list[i], input, i, &p[i]));
        if (!input && n->made[list[i]] != THERE)
            return BAD(n, "%s: output %.200s is computed by no operator", n->f->map.path,
                       p[i].name);
    }
    *out = p;
    return LINNET_OK;
}

/* ---- operators ---- */
static linnet_status op_name(net *n, const ln_tfl_op *op, const char **out) {
    char text[32];
    *out = op->custom ? op->custom : ln_tfl_op_name(op->code);
    if (*out && **out) return LINNET_OK;
    snprintf(text, sizeof text, "operator_%d", op->code);
    *out = ln_pool_strdup(n->pool, text);
    return *out ? LINNET_OK : ln_fail_oom(n->err, "a name", sizeof text);
}

static linnet_status add_op(net *n, int at, ln_net_node *node) {
    const ln_tfl_op *op = &n->f->op[at];
    const char *path = n->f->map.path;
    *node = (ln_net_node){.domain = "",
                          .version = op->version,
                          .n_in = op->n_in,
                          .n_out = op->n_out,
                          .in = op->in,
                          .out = op->out};
    LN_TRY(op_name(n, op, &node->op));
    if (!op->n_out) return BAD(n, "%s: operator %d (%s) makes nothing", path, at, node->op);
    node->name = n->value[op->out[0]].name;
    for (int i = 0; i < op->n_in; i++)
        if (op->in[i] >= 0 && n->made[op->in[i]] != THERE)
            return BAD(n, "%s: operator %d (%s) reads %.200s before anything computes it", path, at,
                       node->op, n->value[op->in[i]].name);
    for (int i = 0; i < op->n_out; i++) {
        if (n->made[op->out[i]] == THERE)
            return BAD(n, "%s: operator %d (%s) computes %.200s, which is there already", path, at,
                       node->op, n->value[op->out[i]].name);
        n->made[op->out[i]] = THERE;
        n->value[op->out[i]].node = n->value[n->f->n_tensor + op->out[i]].node = at;
    }
    return ln_tfl_attrs(n->f, op, n->pool, node, n->err);
}

static linnet_status build(net *n, ln_net *out) {
    linnet_status st;
    const size_t count = (size_t)n->f->n_tensor;
    n->value = take(n, 2 * count, sizeof *n->value, &st);
    LN_TRY(st);
    n->made = take(n, count, sizeof *n->made, &st);
    LN_TRY(st);
    ln_net_node *node = take(n, (size_t)n->f->n_op, sizeof *node, &st);
    LN_TRY(st);
    out->value = n->value;
    out->node = node;
    for (int i = 0; i < n->f->n_input; i++) n->made[n->f->input[i]] = COMING;
    for (int i = 0; i < n->f->n_op; i++)
        for (int k = 0; k < n->f->op[i].n_out; k++) n->made[n->f->op[i].out[k]] = COMING;
    LN_TRY(add_tensors(n));
    LN_TRY(add_ports(n, n->f->input, n->f->n_input, true, &out->input));
    for (int i = 0; i < n->f->n_op; i++) LN_TRY(add_op(n, i, &node[i]));
    LN_TRY(add_ports(n, n->f->output, n->f->n_output, false, &out->output));
    if (!n->f->n_output) return BAD(n, "%s: it has no outputs", n->f->map.path);
    return LINNET_OK;
}

linnet_status ln_tfl_net(const ln_tfl_file *f, ln_pool *pool, ln_net *out, linnet_error *err) {
    net n = {.f = f, .pool = pool, .err = err};
    *out = (ln_net){.path = f->map.path,
                    .producer = "",
                    .n_node = f->n_op,
                    .n_value = 2 * f->n_tensor,
                    .n_input = f->n_input,
                    .n_output = f->n_output,
                    .dialect = &ln_tfl_dialect};
    return build(&n, out);
}
