/* `linnet info --plan`: one line a step, then the totals. */
#include "engine/resident.h"
#include "engine/session.h"

#include <string.h>

static const char *share_mark(const ln_plan *p, ln_tid t) {
    const ln_place *pl = &p->place[t];
    return pl->owner == t ? "" : pl->slice ? " slice" : " in place";
}

/* "pw_f32_deep" or, of a chain, "pw_f32_deep > dw3x3s1_f32_deep > pw_f32_deep". */
static void step_variant(const ln_plan *p, const ln_step *s, ln_str *out) {
    for (int i = s->first; i <= s->node; i++)
        ln_str_add(out, "%s%s", i > s->first ? " > " : "", p->choice[i].variant->name);
}

static int64_t packed_bytes(const ln_plan *p, const ln_step *s) {
    int64_t sum = 0;
    for (int i = s->first; i <= s->node; i++)
        sum += p->choice[i].packed * (ln_variant_packs_halves(p->choice[i].variant) ? 2 : 4);
    return sum;
}

int64_t ln_plan_fast_macs(const ln_plan *p) {
    int64_t sum = 0;
    for (int i = 0; i < p->n_step; i++)
        if (ln_variant_is_fast(p->step[i].variant)) sum += p->step[i].macs;
    return sum;
}

const char *ln_plan_slow(const ln_plan *p) {
    if (ln_plan_fast_macs(p)) return NULL;
    if (!ln_caps_has(&p->caps, LN_FEAT_FP16)) return "no half arithmetic (cl_khr_fp16)";
    if (ln_caps_deep(&p->caps)) return "kernels for processors have none in halves";
    return "no layer has a kernel for it";
}

static void print_arithmetic(const ln_plan *p, ln_str *out) {
    const char *why = ln_plan_slow(p);
    int64_t macs = 0;
    for (int i = 0; i < p->n_step; i++) macs += p->step[i].macs;
    if (why)
        ln_str_add(out, "arithmetic in f32: %s\n", why);
    else
        ln_str_add(out, "arithmetic in f16: %lld of %lld multiply-adds\n",
                   (long long)ln_plan_fast_macs(p), (long long)macs);
}

void ln_plan_print(const ln_plan *p, ln_str *out) {
    const ln_graph *g = p->graph;
    char name[LN_LAYER_TEXT];
    int name_w = 4;
    for (int i = 0; i < p->n_step; i++)
        name_w = LN_MAX(name_w, (int)strlen(ln_layer_text(g->node[p->step[i].node].name, name)));
    ln_str_add(out, "%4s  %-*s  %-16s %6s %12s %12s  %s\n", "step", name_w, "node", "output",
               "groups", "offset", "weights", "variant");
    for (int i = 0; i < p->n_step; i++) {
        const ln_step *s = &p->step[i];
        const ln_node *n = &g->node[s->node];
        char shape[LN_MAX_OUT * 96];
        ln_str_add(out, "%4d  %-*s  %-16s %6d %12lld %12lld  ", i, name_w,
                   ln_layer_text(n->name, name), ln_node_shapes_text(g, n, shape),
                   (int)s->args.tiles, (long long)p->place[n->out[0]].offset,
                   (long long)packed_bytes(p, s));
        step_variant(p, s, out);
        ln_str_add(out, "%s\n", share_mark(p, n->out[0]));
    }
    ln_str_add(out, "%d steps on %s; arena %lld bytes (live at most %lld), weights %lld bytes\n",
               p->n_step, p->caps.name, (long long)p->arena_bytes, (long long)p->live_peak_bytes,
               (long long)p->weight_bytes);
    if (g->fast) print_arithmetic(p, out);
}

void ln_plan_print_stream(const ln_plan *p, ln_stream stream, bool recorded, ln_str *out) {
    char text[256];
    const char *why = ln_plan_unwalkable(p, text, sizeof text);
    if (!why && !ln_resident_possible(p)) why = "LINNET_DISABLE names resident";
    if (stream == LN_STREAM_COMMANDS && !ln_caps_has(&p->caps, LN_FEAT_COMMAND_BUFFER)) {
        ln_str_add(out, "runs as launches: the device has no command buffers that work\n");
        return;
    }
    if (stream == LN_STREAM_COMMANDS || stream == LN_STREAM_LAUNCHES)
        ln_str_add(out, "runs %s: %s\n",
                   stream == LN_STREAM_COMMANDS ? "as a recorded command buffer" : "as launches",
                   recorded ? "the fastest when it was tuned" : "as it was asked for");
    else if (why)
        ln_str_add(out, "runs as launches: %s\n", why);
    else
        ln_str_add(out,
                   "runs resident, all steps in one launch: every step can be walked by one "
                   "work-item a unit%s; as launches if a trial shows that %u groups do not run at "
                   "once, or while the machine is busy\n",
                   recorded ? ", and it was the fastest when it was tuned" : "",
                   p->caps.compute_units);
}
