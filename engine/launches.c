#include "engine/launches.h"

#include <stdlib.h>

struct ln_launches {
    ln_stage stage;
    bool walk;            /* one kernel runs any step */
    ln_program **program; /* one, or by variant index */
    int n_program;
    ln_kernel **kernel;       /* by step */
    double queued, unflushed; /* seconds of work, as estimated */
};

/* ---- programs ---- */

/* The variants of a stage's plan, each once, in the order of the table. */
static int list_variants(const ln_stage *stage, int *list) {
    const ln_plan *p = stage->plan;
    int count = 0;
    for (int v = 0; v < ln_variant_count; v++) {
        bool used = false;
        for (int i = 0; i < p->graph->n_node; i++) used |= p->choice[i].variant == &ln_variants[v];
        for (int i = 0; i < stage->n_also; i++) used |= stage->also[i] == v;
        if (used) list[count++] = v;
    }
    return count;
}

static linnet_status build(const ln_stage *stage, const int *variants, int count,
                           ln_program_kind kind, const char *label, ln_program **out,
                           linnet_error *err) {
    ln_str text = {0}, options = {0};
    linnet_status st =
        ln_variant_source(variants, count, kind, &stage->plan->caps, &text, &options, err);
    ln_program_source src = {text.p, options.p, label};
    if (st == LINNET_OK) st = ln_program_get(stage->device, &src, out, err);
    ln_str_free(&text);
    ln_str_free(&options);
    return st;
}

linnet_status ln_stage_program(const ln_stage *stage, ln_program_kind kind, ln_program **out,
                               linnet_error *err) {
    *out = NULL;
    int *list = calloc((size_t)ln_variant_count, sizeof *list);
    if (!list) return ln_fail_oom(err, "program", (size_t)ln_variant_count * sizeof *list);
    int count = list_variants(stage, list);
    linnet_status st = build(stage, list, count, kind, stage->plan->graph->name, out, err);
    free(list);
    return st;
}

/* One program for a walkable plan, else one a variant: the compilers of GPUs fail on large ones. */
static linnet_status get_program(ln_launches *l, const ln_step *s, ln_program **out,
                                 linnet_error *err) {
    int v = l->walk ? 0 : (int)(s->variant - ln_variants);
    linnet_status st = LINNET_OK;
    if (!l->program[v])
        st = l->walk ? ln_stage_program(&l->stage, LN_PROGRAM_WALK, &l->program[v], err)
                     : build(&l->stage, &v, 1, LN_PROGRAM_KERNELS, s->variant->name, &l->program[v],
                             err);
    *out = l->program[v];
    return st;
}

/* ---- kernels ---- */

static linnet_status make_kernel(ln_launches *l, int i, linnet_error *err) {
    const ln_step *step = &l->stage.plan->step[i];
    ln_kernel **k = &l->kernel[i];
    ln_program *program;
    LN_TRY(get_program(l, step, &program, err));
    LN_TRY(ln_kernel_create(program, l->walk ? "ln_walk" : step->variant->name, k, err));
    LN_TRY(ln_kernel_arg_buffer(*k, 0, l->stage.arena, err));
    LN_TRY(ln_kernel_arg_buffer(*k, 1, l->stage.weights, err));
    LN_TRY(ln_kernel_arg_buffer(*k, 2, l->stage.steps, err));
    LN_TRY(ln_kernel_arg_int(*k, 3, i, err));
    if (l->walk) { /* a step alone counts nothing: any buffer will do */
        LN_TRY(ln_kernel_arg_int(*k, 4, -1, err));
        LN_TRY(ln_kernel_arg_buffer(*k, 5, l->stage.arena, err));
        LN_TRY(ln_kernel_arg_int(*k, 6, 0, err));
    }
    size_t group;
    uint64_t local;
    LN_TRY(ln_kernel_limits(*k, &group, &local, err));
    const uint64_t most = l->stage.plan->caps.local_mem;
    if (l->walk || ((!group || group >= (size_t)step->variant->local) && (!most || local <= most)))
        return LINNET_OK;
    if (l->stage.unfit) *l->stage.unfit = (int)(step->variant - ln_variants);
    return ln_fail(err, LINNET_ERR_UNSUPPORTED,
                   "%s: kernel %s needs work-groups of %d and %llu bytes of local memory, as built "
                   "the device allows %zu and has %llu; LINNET_DISABLE=%s chooses another",
                   l->stage.plan->graph->node[step->node].name, step->variant->name,
                   step->variant->local, (unsigned long long)local, group, (unsigned long long)most,
                   step->variant->name);
}

linnet_status ln_launches_create(const ln_stage *stage, ln_launches **out, linnet_error *err) {
    *out = NULL;
    ln_launches *l = calloc(1, sizeof *l);
    if (!l) return ln_fail_oom(err, "launches", sizeof *l);
    l->stage = *stage;
    l->walk = ln_plan_walkable(stage->plan);
    l->n_program = ln_variant_count;
    l->program = calloc((size_t)l->n_program, sizeof(void *));
    l->kernel = calloc((size_t)stage->plan->n_step + 1, sizeof(void *));
    linnet_status st = LINNET_OK;
    if (!l->program || !l->kernel)
        st = ln_fail_oom(err, "launches", (size_t)stage->plan->n_step * sizeof(void *));
    for (int i = 0; i < stage->plan->n_step && st == LINNET_OK; i++) st = make_kernel(l, i, err);
    if (st != LINNET_OK) ln_launches_destroy(&l);
    *out = l;
    return st;
}

void ln_launches_destroy(ln_launches **at) {
    ln_launches *l = *at;
    *at = NULL;
    if (!l) return;
    for (int i = 0; l->kernel && i < l->stage.plan->n_step; i++) ln_kernel_destroy(&l->kernel[i]);
    for (int i = 0; l->program && i < l->n_program; i++) ln_program_release(&l->program[i]);
    free((void *)l->kernel);
    free((void *)l->program);
    free(l);
}

static size_t local_size(const ln_launches *l, int step) {
    return l->walk ? 1 : (size_t)l->stage.plan->step[step].variant->local;
}

/* Room in the queue for a launch of so many seconds: what is there is sent off or waited for. */
static linnet_status make_room(ln_launches *l, double seconds, linnet_error *err) {
    const ln_pace *pace = &l->stage.pace;
    if (pace->queue_s > 0 && l->queued > 0 && l->queued + seconds > pace->queue_s) {
        LN_TRY(ln_queue_finish(l->stage.queue, LN_WAIT_SLEEP, err));
        l->queued = l->unflushed = 0;
    } else if (pace->launch_s > 0 && l->unflushed > 0 && l->unflushed + seconds > pace->launch_s) {
        LN_TRY(ln_queue_flush(l->stage.queue, err));
        l->unflushed = 0;
    }
    l->queued += seconds;
    l->unflushed += seconds;
    return LINNET_OK;
}

linnet_status ln_gemm_step(ln_queue *q, const ln_variant *v, const ln_args *a,
                           const ln_buffer *arena, const ln_buffer *weights, linnet_error *err) {
    if (!ln_variant_tunable(v, "GEMM", 0)) return LINNET_OK;
    const size_t columns = (size_t)ln_round_up(a->oc, LN_CPAD);
    const ln_matrix_at x = {arena, a->x, (size_t)a->xps}, w = {weights, a->w, columns},
                       y = {arena, a->y, (size_t)a->yps};
    return ln_queue_gemm(q, (size_t)a->m, (size_t)a->c, columns, &x, &w, &y, err);
}

linnet_status ln_launches_step(ln_launches *l, int step, uint64_t *ns, linnet_error *err) {
    const ln_stage *st = &l->stage;
    const ln_step *s = &st->plan->step[step];
    int tiles = s->args.tiles, most = ln_pace_tiles(&st->pace, &st->plan->caps, s);
    double tile_s = ln_pace_estimate(&st->pace, &st->plan->caps, s) / LN_MAX(tiles, 1);
    LN_TRY(ln_gemm_step(st->queue, s->variant, &s->args, st->arena, st->weights, err));
    for (int at = 0; at < tiles; at += most) {
        int count = LN_MIN(most, tiles - at);
        LN_TRY(make_room(l, tile_s * count, err));
        LN_TRY(ln_queue_launch_from(st->queue, l->kernel[step], (size_t)at, (size_t)count,
                                    local_size(l, step), ns, err));
    }
    return LINNET_OK;
}

linnet_status ln_launches_run(ln_launches *l, int count, uint64_t *ns, linnet_error *err) {
    l->queued = l->unflushed = 0;
    for (int i = 0; i < count; i++) LN_TRY(ln_launches_step(l, i, ns ? &ns[i] : NULL, err));
    return LINNET_OK;
}

void ln_launches_note(ln_launches *l, double seconds) {
    ln_pace_note(&l->stage.pace, l->stage.plan, seconds);
}

linnet_status ln_launches_record(const ln_launches *l, ln_commands *c, linnet_error *err) {
    const ln_plan *p = l->stage.plan;
    for (int i = 0; i < p->n_step; i++)
        if (ln_variant_tunable(p->step[i].variant, "GEMM", 0))
            return ln_fail(err, LINNET_ERR_UNSUPPORTED, "%s: a library's product is not recorded",
                           p->graph->node[p->step[i].node].name);
    for (int i = 0; i < p->n_step; i++)
        LN_TRY(ln_commands_launch(c, l->kernel[i], (size_t)p->step[i].args.tiles, local_size(l, i),
                                  err));
    return ln_commands_finish(c, err);
}

void ln_launches_save(ln_launches *l) {
    for (int i = 0; i < l->n_program; i++)
        if (l->program[i]) ln_program_save(l->program[i]);
}
