/* Which nodes become nodes of bytes. */
#include "engine/ptq_parts.h"

#include <stdlib.h>
#include <string.h>

static int maker(const ln_graph *g, ln_tid t) {
    for (int i = 0; i < g->n_node; i++)
        for (int k = 0; k < g->node[i].n_out; k++)
            if (g->node[i].out[k] == t) return i;
    return -1;
}

const char *ln_ptq_name(const ln_graph *g, ln_tid t) {
    const int made = maker(g, t);
    const char *name = made >= 0 ? g->node[made].name : g->tensor[t].name;
    int seen = 0;
    for (int i = 0; i < g->n_node; i++) seen += !strcmp(g->node[i].name, name);
    for (int i = 0; i < g->n_input; i++) seen += !strcmp(g->tensor[g->input[i]].name, name);
    return seen == 1 ? name : NULL;
}

typedef struct choice {
    const ln_graph *g;
    bool *scaled; /* by tensor: a scale of its own */
    bool *bytes;  /* by tensor: made by a node of bytes */
    bool *gate;   /* by node: part of a gate, which stays F32 */
} choice;

static bool is_mean(const ln_node *n) {
    return n->op == LN_OP_POOL && n->attr.pool.kind == LN_POOL_AVG && n->attr.pool.global;
}

static bool small(const ln_graph *g, ln_tid t) {
    const ln_shape *s = &g->tensor[t].shape;
    return s->rank == 4 && s->dim[1] == 1 && s->dim[2] == 1;
}

/* Squeeze-and-excitation from the product back to the mean. */
static void mark_gate(choice *c, const ln_node *mul) {
    ln_tid t = mul->in[1];
    if (!small(c->g, t) || small(c->g, mul->in[0])) return;
    for (int i = maker(c->g, t); i >= 0; i = maker(c->g, t)) {
        const ln_node *n = &c->g->node[i];
        if (n->op != LN_OP_CONV2D && n->op != LN_OP_ACT) return;
        c->gate[i] = true;
        t = n->in[0];
    }
}

static bool is_product(const choice *c, int i) {
    const ln_node *n = &c->g->node[i];
    if ((n->op != LN_OP_CONV2D && n->op != LN_OP_FC) || c->gate[i] || n->n_in > 3) return false;
    return !ln_node_is_dynamic(c->g, n) && c->g->tensor[n->in[LN_CONV_W]].is_param;
}

/* Bytes already, or floats that can be made such. */
static bool available(const choice *c, ln_tid t) {
    return t != LN_NONE &&
           (c->bytes[t] || c->scaled[t] ||
            (c->g->tensor[t].kind != LN_TENSOR_CONST && ln_ptq_name(c->g, t) != NULL));
}

/* Sums and products of maps that are there as bytes; a gate becomes bytes for it. */
static bool binary(const choice *c, const ln_node *n) {
    const ln_tid a = n->in[0], b = n->in[1];
    if (!c->bytes[a] || c->g->tensor[b].kind == LN_TENSOR_CONST || !available(c, b)) return false;
    if (ln_shape_equal(&c->g->tensor[a].shape, &c->g->tensor[b].shape)) return c->bytes[b];
    return n->op == LN_OP_MUL && small(c->g, b) && c->g->tensor[a].shape.rank == 4;
}

static bool all_bytes(const choice *c, const ln_node *n) {
    for (int i = 0; i < n->n_in; i++)
        if (!c->bytes[n->in[i]]) return false;
    return true;
}

/* NONE: stays F32; MOVES: bytes of its input's scale; SCALES: of its own. */
typedef enum fate { NONE, MOVES, SCALES } fate;

static fate fate_of(const choice *c, int i) {
    const ln_node *n = &c->g->node[i];
    const bool ready = n->in[0] != LN_NONE && c->bytes[n->in[0]];
    switch (n->op) {
    case LN_OP_CONV2D:
    case LN_OP_FC: return is_product(c, i) && available(c, n->in[0]) ? SCALES : NONE;
    case LN_OP_ADD:
    case LN_OP_MUL: return binary(c, n) ? SCALES : NONE;
    case LN_OP_ACT: return ready && !c->gate[i] ? SCALES : NONE;
    case LN_OP_CONCAT: return all_bytes(c, n) ? SCALES : NONE;
    case LN_OP_POOL: return !ready || n->n_out > 1 ? NONE : is_mean(n) ? SCALES : MOVES;
    case LN_OP_RESHAPE:
    case LN_OP_SLICE:
    case LN_OP_PAD:
    case LN_OP_PERMUTE:
    case LN_OP_TILE:
    case LN_OP_CHANNEL_SHUFFLE: return ready ? MOVES : NONE;
    default: return NONE;
    }
}

bool ln_ptq_is_layer(const ln_graph *g, const ln_node *n, const bool *scaled) {
    return (n->op == LN_OP_CONV2D || n->op == LN_OP_FC) && scaled[n->out[0]] &&
           !ln_node_is_dynamic(g, n) && g->tensor[n->in[LN_CONV_W]].is_param;
}

static void choose(choice *c) {
    const ln_graph *g = c->g;
    for (int i = 0; i < g->n_node; i++)
        if (g->node[i].op == LN_OP_MUL) mark_gate(c, &g->node[i]);
    for (int i = 0; i < g->n_node; i++) {
        const ln_node *n = &g->node[i];
        fate f = fate_of(c, i);
        if (f == SCALES && !ln_ptq_name(g, n->out[0])) f = NONE;
        if (f == NONE) continue;
        c->bytes[n->out[0]] = true;
        if (f == SCALES) c->scaled[n->out[0]] = true;
        if (n->op == LN_OP_CONV2D || n->op == LN_OP_FC || n->op == LN_OP_MUL)
            for (int k = 0; k < (n->op == LN_OP_MUL ? 2 : 1); k++)
                if (!c->bytes[n->in[k]]) c->scaled[n->in[k]] = true;
    }
}

linnet_status ln_ptq_choose(const ln_graph *g, bool *scaled, linnet_error *err) {
    const size_t tensors = (size_t)g->n_tensor + 1, nodes = (size_t)g->n_node + 1;
    choice c = {.g = g, .scaled = scaled};
    memset(scaled, 0, (size_t)g->n_tensor * sizeof *scaled);
    c.bytes = calloc(tensors, sizeof *c.bytes);
    c.gate = calloc(nodes, sizeof *c.gate);
    linnet_status st = LINNET_OK;
    if (c.bytes && c.gate)
        choose(&c);
    else
        st = ln_fail_oom(err, "a choice of layers", tensors);
    free(c.bytes);
    free(c.gate);
    return st;
}
