/* `linnet info --plan`: one line a step, then the totals. */
#include "engine/plan.h"

static const char *share_mark(const ln_plan *p, ln_tid t) {
    const ln_place *pl = &p->place[t];
    return pl->owner == t ? "" : pl->slice ? " slice" : " in place";
}

void ln_plan_print(const ln_plan *p, ln_str *out) {
    const ln_graph *g = p->graph;
    int name_w = 4, variant_w = 7;
    for (int i = 0; i < p->n_step; i++) {
        name_w = LN_MAX(name_w, (int)snprintf(NULL, 0, "%s", g->node[p->step[i].node].name));
        variant_w = LN_MAX(variant_w, (int)snprintf(NULL, 0, "%s", p->step[i].variant->name));
    }
    ln_str_add(out, "%4s  %-*s  %-*s  %-16s %6s %12s %12s\n", "step", name_w, "node", variant_w,
               "variant", "output", "groups", "offset", "weights");
    for (int i = 0; i < p->n_step; i++) {
        const ln_step *s = &p->step[i];
        const ln_node *n = &g->node[s->node];
        char shape[96];
        ln_str_add(out, "%4d  %-*s  %-*s  %-16s %6d %12lld %12lld%s\n", i, name_w, n->name,
                   variant_w, s->variant->name, ln_shape_text(&g->tensor[n->out[0]].shape, shape),
                   (int)s->args.tiles, (long long)p->place[n->out[0]].offset,
                   (long long)(s->packed * 4), share_mark(p, n->out[0]));
    }
    ln_str_add(out, "%d steps on %s; arena %lld bytes (live at most %lld), weights %lld bytes\n",
               p->n_step, p->caps.name, (long long)p->arena_bytes, (long long)p->live_peak_bytes,
               (long long)p->weight_bytes);
}
