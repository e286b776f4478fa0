/* Graph to plan: a variant and its arguments for each node, constants packed, memory placed. */
#include "engine/plan.h"
#include "base/file.h"
#include "host/host.h"

#include <stdlib.h>
#include <string.h>

/* ---- copies behind inputs that no reader can take as they come ---- */

static bool reads_planar(const ln_graph *g, const ln_node *n, ln_tid t) {
    for (int k = 1; k < n->n_in; k++)
        if (n->in[k] == t) return false;
    return n->in[0] != t || n->op == LN_OP_ACT || n->op == LN_OP_QUANTIZE ||
           (n->op == LN_OP_CONV2D && !ln_node_is_depthwise(g, n) && n->attr.conv.groups == 1 &&
            (n->attr.conv.win.kh > 1 || n->attr.conv.win.kw > 1));
}

static linnet_status copy_input(ln_graph *g, ln_tid t, linnet_error *err) {
    bool needed = false;
    for (int i = 0; i < g->n_node; i++) needed |= !reads_planar(g, &g->node[i], t);
    for (int i = 0; i < g->n_output; i++) needed |= g->output[i] == t;
    if (!needed) return LINNET_OK;
    ln_attr attr = {.act = ln_act_of(LN_ACT_NONE)};
    const char *name = ln_pool_printf(&g->pool, "%s.copy", g->tensor[t].name);
    if (!name) return ln_fail_oom(err, "graph", 64);
    ln_tid copy = ln_graph_node(g, LN_OP_ACT, name, &attr, &t, 1, err);
    if (copy == LN_NONE) return err ? err->status : LINNET_ERR_INTERNAL;
    g->tensor[copy].file_dtype = g->tensor[t].file_dtype;
    ln_node last = g->node[g->n_node - 1];
    memmove(g->node + 1, g->node, (size_t)(g->n_node - 1) * sizeof *g->node);
    g->node[0] = last;
    for (int i = 1; i < g->n_node; i++)
        for (int k = 0; k < g->node[i].n_in; k++)
            if (g->node[i].in[k] == t) g->node[i].in[k] = copy;
    for (int i = 0; i < g->n_output; i++)
        if (g->output[i] == t) g->output[i] = copy;
    return LINNET_OK;
}

static linnet_status copy_inputs(ln_graph *g, linnet_error *err) {
    for (int i = 0; i < g->n_input; i++)
        if (ln_tensor_planar(&g->tensor[g->input[i]])) LN_TRY(copy_input(g, g->input[i], err));
    return LINNET_OK;
}

int64_t ln_plan_traffic(const ln_plan *p, int first, int last) {
    int64_t sum = 0, count;
    for (int i = first; i <= last; i++) {
        const ln_node *n = &p->graph->node[i];
        for (int k = 0; k < n->n_in + n->n_out; k++) {
            ln_tid t = k < n->n_in ? n->in[k] : n->out[k - n->n_in];
            bool inside = (i > first && k == 0) || (i < last && k >= n->n_in);
            if (t != LN_NONE && !inside && ln_shape_count(&p->graph->tensor[t].shape, &count))
                sum += count * (int64_t)ln_dtype_size(p->graph->tensor[t].dtype);
        }
    }
    return sum;
}

/* ---- steps ---- */

static linnet_status no_variant(const ln_plan *p, const ln_node *n, linnet_error *err) {
    char in[96], out[96];
    if (p->graph->library && !ln_gemm_there())
        return ln_fail(err, LINNET_ERR_UNSUPPORTED,
                       "%s: libclblast.so.1 is not there; install it (Debian: apt-get install "
                       "libclblast1)",
                       p->graph->name);
    return ln_fail(err, LINNET_ERR_UNSUPPORTED, "%s: no kernel for %s %s -> %s on %s", n->name,
                   ln_op_infos[n->op].name, ln_shape_text(&p->graph->tensor[n->in[0]].shape, in),
                   ln_shape_text(&p->graph->tensor[n->out[0]].shape, out), p->caps.name);
}

/* Chooses a variant for each node and room for its constants. Whether a node only renames memory
 * shows later, when places are known; its choice is dropped then. */
static void choose(ln_plan *p, const ln_plan_params *params) {
    for (int i = 0; i < p->graph->n_node; i++) {
        ln_site site = {p->graph, &p->graph->node[i], &p->caps};
        p->choice[i] = (ln_choice){.chain = i, .chain_end = i};
        p->choice[i].variant = params && params->choose ? params->choose(params->user, &site)
                                                        : ln_variant_choose(&site);
    }
}

/* Packed elements in a word of the weights. */
static int halves(const ln_variant *v) {
    return ln_variant_packs_halves(v) ? 2 : 1;
}

static linnet_status reserve(ln_plan *p, int node, int64_t *packed, linnet_error *err) {
    ln_choice *c = &p->choice[node];
    const ln_node *n = &p->graph->node[node];
    if (!c->variant) return no_variant(p, n, err);
    ln_site site = {p->graph, n, &p->caps};
    c->packed_at = *packed;
    c->packed =
        c->variant->family->packed ? (int64_t)c->variant->family->packed(c->variant, &site) : 0;
    *packed += ln_round_up(ln_ceil_div(c->packed, halves(c->variant)), 32);
    if (*packed <= LN_MAX_ELEMENTS) return LINNET_OK;
    return ln_fail(err, LINNET_ERR_UNSUPPORTED, "%s: weights exceed 2^31 elements", n->name);
}

void ln_plan_bind(const ln_plan *p, int node, ln_args *a) {
    const ln_choice *c = &p->choice[node];
    const ln_site site = {p->graph, &p->graph->node[node], &p->caps};
    a->variant = (ln_i32)(c->variant - ln_variants);
    c->variant->family->bind(c->variant, &site, a);
    if (a->w != LN_NO_OFF) a->w = a->w / (ln_u32)halves(c->variant) + (ln_u32)c->packed_at;
    if (a->b != LN_NO_OFF) a->b = a->b / (ln_u32)halves(c->variant) + (ln_u32)c->packed_at;
}

static linnet_status add_step(ln_plan *p, int first, int64_t *packed, linnet_error *err) {
    int last = p->choice[first].chain_end;
    ln_step *s = &p->step[p->n_step];
    *s = (ln_step){.variant = p->choice[last].variant, .first = first, .node = last};
    for (int i = first; i <= last; i++) {
        LN_TRY(reserve(p, i, packed, err));
        s->macs += ln_node_macs(p->graph, &p->graph->node[i]);
    }
    s->bytes = ln_plan_traffic(p, first, last);
    if (last > first) {
        s->variant = &ln_variant_chain;
        LN_TRY(ln_chain_records(p, s, err));
    } else {
        ln_args_fill(p, &p->graph->node[last], &s->args);
        ln_plan_bind(p, last, &s->args);
    }
    p->n_step++;
    return LINNET_OK;
}

/* Records lie behind the steps; t0 counts from the chain's own step. */
static void place_records(ln_plan *p) {
    for (int i = 0; i < p->n_step; i++)
        if (p->step[i].args.variant == LN_CHAIN) p->step[i].args.t0 += p->n_step - i;
}

/* Steps that multiply matrices ask for the weights of the next one that does: those of its panels
 * where it is cut by panels, all where by pixels. */
static void ask_ahead(ln_plan *p) {
    enum { MOST = 1 << 17 }; /* elements: a quarter of a core's own cache */
    const int64_t units = LN_MAX(p->caps.compute_units, 1);
    const ln_step *next = NULL;
    for (int i = p->n_step - 1; i >= 0; i--) {
        const ln_variant *v = p->step[i].variant;
        ln_args *a = &p->step[i].args;
        if (v == &ln_variant_chain || !v->family->asks_ahead) continue;
        if (next) {
            const ln_choice *c = &p->choice[next->node];
            const bool cut = next->args.t3 > 1;
            const int64_t share = cut ? c->packed / units : c->packed;
            a->ahead = (ln_u32)c->packed_at;
            a->ahead_step = cut ? (ln_i32)ln_round_up(share, 16) : 0;
            a->ahead_tiles = (ln_i32)LN_MAX(a->tiles / units, 1);
            a->ahead_each = (ln_i32)ln_round_up(LN_MIN(share, MOST) / a->ahead_tiles, 16);
        }
        next = &p->step[i];
    }
}

static linnet_status check_buffer(const ln_plan *p, const char *what, int64_t bytes,
                                  const char *remedy, linnet_error *err) {
    if (p->caps.max_alloc && (uint64_t)bytes > p->caps.max_alloc)
        return ln_fail(err, LINNET_ERR_OUT_OF_MEMORY,
                       "%s: %s need %lld bytes in one buffer, %s allows %llu; %s", p->graph->name,
                       what, (long long)bytes, p->caps.name, (unsigned long long)p->caps.max_alloc,
                       remedy);
    if (bytes / (int64_t)sizeof(float) > LN_MAX_ELEMENTS)
        return ln_fail(err, LINNET_ERR_UNSUPPORTED, "%s: %s exceed 2^31 elements; %s",
                       p->graph->name, what, remedy);
    return LINNET_OK;
}

static linnet_status fill_plan(ln_plan *p, const ln_plan_params *params, linnet_error *err) {
    const ln_graph *g = p->graph;
    size_t nodes = (size_t)g->n_node + 1;
    p->step = calloc(nodes, sizeof *p->step);
    p->choice = calloc(nodes, sizeof *p->choice);
    p->scratch = calloc(nodes, sizeof *p->scratch);
    p->place = calloc((size_t)g->n_tensor + 1, sizeof *p->place);
    if (!p->step || !p->choice || !p->scratch || !p->place)
        return ln_fail_oom(err, "plan", nodes * sizeof *p->step);
    choose(p, params);
    LN_TRY(ln_plan_place(p, params, err));
    LN_TRY(check_buffer(p, "activations", p->arena_bytes, "use a smaller batch or size", err));
    int64_t packed = 0;
    for (int i = 0; i < g->n_node; i = p->choice[i].chain_end + 1)
        if (ln_plan_is_alias(p, &g->node[i]))
            p->choice[i].variant = NULL;
        else
            LN_TRY(add_step(p, i, &packed, err));
    place_records(p);
    ask_ahead(p);
    p->weight_bytes = LN_MAX(packed, 32) * (int64_t)sizeof(float);
    return check_buffer(p, "weights", p->weight_bytes, "use a smaller network", err);
}

linnet_status ln_plan_create(ln_graph *g, const ln_caps *caps, const ln_plan_params *params,
                             ln_plan **out, linnet_error *err) {
    *out = NULL;
    linnet_error local;
    if (!err) err = &local;
    LN_TRY(copy_inputs(g, err));
    LN_TRY(ln_plan_split(g, caps, params, err));
    ln_plan *p = calloc(1, sizeof *p);
    if (!p) return ln_fail_oom(err, "plan", sizeof *p);
    p->graph = g;
    p->caps = *caps;
    linnet_status st = fill_plan(p, params, err);
    if (st != LINNET_OK) {
        ln_plan_destroy(&p);
        return st;
    }
    *out = p;
    return LINNET_OK;
}

void ln_plan_destroy(ln_plan **p) {
    if (!p || !*p) return;
    free((*p)->step);
    free((*p)->record);
    free((*p)->choice);
    free((*p)->scratch);
    free((*p)->place);
    free(*p);
    *p = NULL;
}

linnet_status ln_plan_repeat(ln_plan *p, int first, int count, int times, linnet_error *err) {
    size_t n = (size_t)count * (size_t)times;
    ln_step *step = calloc(n, sizeof *step);
    if (!step) return ln_fail_oom(err, "plan", n * sizeof *step);
    for (size_t i = 0; i < n; i++) {
        int from = first + (int)i % count;
        step[i] = p->step[from];
        /* records count from the step that they belong to */
        if (step[i].args.variant == LN_CHAIN) step[i].args.t0 += from - p->n_step + (int)(n - i);
    }
    free(p->step);
    p->step = step;
    p->n_step = (int)n;
    return LINNET_OK;
}

const char *ln_plan_unwalkable(const ln_plan *p, char *buf, size_t size) {
    if (!ln_caps_deep(&p->caps)) return "not a processor: its groups need not run at once";
    for (int i = 0; i < p->graph->n_node; i++) {
        const ln_variant *v = p->choice[i].variant;
        bool barrier = v && v->needs & (1u << LN_FEAT_BARRIER);
        if (!v || (v->tier != LN_TIER_WIDE && !barrier)) continue;
        snprintf(buf, size, "%s of %s %s", v->name, p->graph->node[i].name,
                 barrier ? "needs a barrier" : "works in groups");
        return buf;
    }
    return NULL;
}

bool ln_plan_walkable(const ln_plan *p) {
    char why[256];
    return !ln_plan_unwalkable(p, why, sizeof why);
}

/* Packed as floats first. */
static linnet_status pack_halves(const ln_choice *c, const ln_site *site, void *dst,
                                 linnet_error *err) {
    float *packed = calloc((size_t)c->packed, sizeof *packed);
    if (!packed) return ln_fail_oom(err, site->node->name, (size_t)c->packed * sizeof *packed);
    const linnet_status st = c->variant->family->pack(c->variant, site, packed, err);
    if (st == LINNET_OK) ln_to_halves(dst, packed, (size_t)c->packed);
    free(packed);
    return st;
}

/* Packed weights are read no more: their file's pages would double the process's memory. */
static void release_constants(const ln_graph *g, const ln_node *n) {
    for (int i = 0; i < n->n_in; i++) {
        const ln_tensor *t = n->in[i] == LN_NONE ? NULL : &g->tensor[n->in[i]];
        if (!t || t->kind != LN_TENSOR_CONST || !t->view.data) continue;
        int64_t last = 0;
        for (int d = 0; d < t->shape.rank; d++) last += (t->shape.dim[d] - 1) * t->view.stride[d];
        if (last >= 0)
            ln_file_release(t->view.data, (size_t)(last + 1) * ln_dtype_size(t->view.dtype));
    }
}

linnet_status ln_plan_pack(const ln_plan *p, void *dst, linnet_error *err) {
    for (int i = 0; i < p->graph->n_node; i++) {
        const ln_choice *c = &p->choice[i];
        if (!c->variant || !c->packed) continue;
        ln_site site = {p->graph, &p->graph->node[i], &p->caps};
        float *at = (float *)dst + c->packed_at;
        LN_TRY(ln_variant_packs_halves(c->variant)
                   ? pack_halves(c, &site, at, err)
                   : c->variant->family->pack(c->variant, &site, at, err));
        release_constants(p->graph, site.node);
    }
    return LINNET_OK;
}
