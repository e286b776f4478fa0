/* Names of values, and the order of execution. */
#include "models/onnx/store.h"

#include <string.h>

bool ln_onnx_names_init(ln_onnx_names *n, ln_pool *pool, size_t most) {
    *n = (ln_onnx_names){.n_slot = 16};
    while (n->n_slot < 2 * most) n->n_slot *= 2;
    n->slot = ln_pool_alloc(pool, n->n_slot, sizeof *n->slot);
    n->name = ln_pool_alloc(pool, most + 1, sizeof *n->name);
    return n->slot && n->name;
}

/* The slot that holds the name, or the empty one where it belongs. */
static size_t slot_of(const ln_onnx_names *n, const char *name) {
    size_t i = (size_t)ln_hash(LN_HASH_INIT, name, strlen(name)) & (n->n_slot - 1);
    while (n->slot[i] && strcmp(n->name[n->slot[i] - 1], name) != 0) i = (i + 1) & (n->n_slot - 1);
    return i;
}

int ln_onnx_names_find(const ln_onnx_names *n, const char *name) {
    return (int)n->slot[slot_of(n, name)] - 1;
}

int ln_onnx_names_add(ln_onnx_names *n, const char *name) {
    const size_t i = slot_of(n, name);
    if (n->slot[i]) return -1;
    n->name[n->count] = name;
    n->slot[i] = (uint32_t)++n->count;
    return n->count - 1;
}

/* ---- order ---- */
typedef struct sorter {
    const ln_net_node *node;
    const ln_net_value *value;
    int n_node;
    int *first, *next, *reader; /* edges from a node to those that read it: a list for each */
    int *waits;                 /* inputs of a node that are not yet made */
    int *order, n_order;
} sorter;

/* The node that makes an input; -1: none does. */
static int maker(const sorter *s, int node, int slot) {
    const int v = s->node[node].in[slot];
    return v < 0 ? -1 : s->value[v].node;
}

static bool in_order(const sorter *s) {
    for (int i = 0; i < s->n_node; i++)
        for (int k = 0; k < s->node[i].n_in; k++)
            if (maker(s, i, k) >= i) return false;
    return true;
}

static void list_edges(sorter *s) {
    int edges = 1; /* 0 ends a list */
    for (int i = s->n_node; i-- > 0;)
        for (int k = 0; k < s->node[i].n_in; k++) {
            const int m = maker(s, i, k);
            if (m < 0) continue;
            s->reader[edges] = i;
            s->next[edges] = s->first[m];
            s->first[m] = edges++;
            s->waits[i]++;
        }
}

/* Kahn 1962: a node is ready once all that it reads is made. */
static void order_nodes(sorter *s) {
    for (int i = 0; i < s->n_node; i++)
        if (!s->waits[i]) s->order[s->n_order++] = i;
    for (int at = 0; at < s->n_order; at++)
        for (int e = s->first[s->order[at]]; e; e = s->next[e])
            if (!--s->waits[s->reader[e]]) s->order[s->n_order++] = s->reader[e];
}

/* Every node that is left over waits for one that is too: that many steps back lead into a cycle.
 */
static linnet_status cycle(const sorter *s, const char *path, linnet_error *err) {
    int at = 0;
    while (!s->waits[at]) at++;
    for (int step = 0; step < s->n_node; step++)
        for (int k = 0; k < s->node[at].n_in; k++) {
            const int m = maker(s, at, k);
            if (m < 0 || !s->waits[m]) continue;
            at = m;
            break;
        }
    return ln_fail(err, LINNET_ERR_BAD_FILE,
                   "%s: node %s (%s) waits for its own output: the graph has a cycle", path,
                   s->node[at].name, s->node[at].op);
}

static bool sorter_init(sorter *s, ln_pool *pool) {
    size_t edges = 1;
    for (int i = 0; i < s->n_node; i++) edges += (size_t)s->node[i].n_in;
    s->first = ln_pool_alloc(pool, (size_t)s->n_node, sizeof *s->first);
    s->next = ln_pool_alloc(pool, edges, sizeof *s->next);
    s->reader = ln_pool_alloc(pool, edges, sizeof *s->reader);
    s->waits = ln_pool_alloc(pool, (size_t)s->n_node, sizeof *s->waits);
    s->order = ln_pool_alloc(pool, (size_t)s->n_node, sizeof *s->order);
    return s->first && s->next && s->reader && s->waits && s->order;
}

linnet_status ln_onnx_sort(ln_onnx_store *st, ln_net_node *node, ln_net_value *value,
                           linnet_error *err) {
    sorter s = {.node = node, .value = value, .n_node = st->model.n_node};
    if (in_order(&s)) return LINNET_OK;
    ln_net_node *sorted = ln_pool_alloc(&st->pool, (size_t)s.n_node, sizeof *sorted);
    if (!sorted || !sorter_init(&s, &st->pool))
        return ln_fail_oom(err, "a graph's order", (size_t)s.n_node * sizeof *sorted);
    list_edges(&s);
    order_nodes(&s);
    if (s.n_order < s.n_node) return cycle(&s, st->model.path, err);
    for (int i = 0; i < s.n_node; i++) sorted[i] = node[s.order[i]];
    memcpy(node, sorted, (size_t)s.n_node * sizeof *node);
    for (int i = 0; i < s.n_node; i++)
        for (int k = 0; k < node[i].n_out; k++)
            if (node[i].out[k] >= 0) value[node[i].out[k]].node = i;
    return LINNET_OK;
}
