/* One node on the device, its tensors placed among a pattern that nothing may touch. */
#include "tests/kernels/lab.h"
#include "engine/launches.h"

#include <stdlib.h>
#include <string.h>

enum { GUARD = 64 }; /* floats around every tensor */

ln_tid ln_lab_output(const ln_lab *lab) {
    return lab->graph->output[0];
}

static const ln_variant *forced(void *user, const ln_site *s) {
    const ln_variant *v = user;
    return ln_variant_fits(v, s) ? v : NULL;
}

/* Inputs count as made by a node, so that they come padded, but for a picture. */
static void hide_inputs(const ln_case *c, ln_graph *g, bool hide) {
    for (int i = 0; i < g->n_input; i++)
        if (i || !(c->flags & LAB_PLANAR))
            g->tensor[g->input[i]].kind = hide ? LN_TENSOR_NODE : LN_TENSOR_INPUT;
}

/* What a variant that stores halves reads and writes. */
static void set_types(const ln_variant *v, ln_graph *g) {
    if (!ln_variant_tunable(v, "HALF", 0)) return;
    const ln_node *n = &g->node[0];
    for (ln_tid t = 0; t < g->n_tensor; t++)
        if (g->tensor[t].dtype == LN_F32) g->tensor[t].dtype = LN_F16;
    if (ln_variant_tunable(v, "XF", 0)) g->tensor[n->in[0]].dtype = LN_F32;
    if (ln_variant_tunable(v, "YF", 0)) g->tensor[n->out[0]].dtype = LN_F32;
}

static linnet_status make_plan(const ln_case *c, const ln_variant *v, ln_lab *lab,
                               linnet_error *err) {
    ln_plan_params params = {.choose = forced, .user = (void *)(uintptr_t)v, .no_sharing = true};
    ln_graph *g = lab->graph;
    int n_input = g->n_input;
    hide_inputs(c, g, true);
    ln_site site = {g, &g->node[0], lab->caps};
    linnet_status st = LINNET_ERR_UNSUPPORTED;
    if (ln_variant_fits(v, &site)) {
        g->n_input = 0; /* no copies behind them */
        st = ln_plan_create(g, lab->caps, &params, &lab->plan, err);
        g->n_input = n_input;
    }
    hide_inputs(c, g, false);
    if (st == LINNET_OK) lab->step = &lab->plan->step[0];
    return st;
}

static linnet_status place_tensors(const ln_case *c, ln_lab *lab, linnet_error *err) {
    const ln_graph *g = lab->graph;
    int64_t at = GUARD;
    lab->place = calloc((size_t)g->n_tensor, sizeof *lab->place);
    lab->value = calloc((size_t)g->n_tensor, sizeof *lab->value);
    if (!lab->place || !lab->value) return ln_fail_oom(err, "lab", sizeof *lab->place);
    for (ln_tid t = 0; t < g->n_tensor; t++) {
        const ln_tensor *x = &g->tensor[t];
        if (x->kind == LN_TENSOR_CONST) continue;
        ln_dims d = ln_dims_of(&x->shape);
        ln_place *p = &lab->place[t];
        p->dense = t == g->node[0].in[0] && (c->flags & LAB_PLANAR);
        p->ps = p->dense ? 1 : ln_round_up(d.c, LN_CPAD) + (c->flags & LAB_SPREAD ? LN_CPAD : 0);
        p->offset = at * (int64_t)sizeof(float);
        p->elem = (int64_t)ln_dtype_size(x->dtype);
        p->bytes = d.n * d.h * d.w * (p->dense ? d.c : p->ps) * p->elem;
        at = ln_round_up(at + ln_ceil_div(p->bytes, (int64_t)sizeof(float)), 16) + GUARD;
        lab->value[t] = calloc((size_t)(d.n * d.h * d.w * d.c), sizeof(float));
        if (!lab->value[t]) return ln_fail_oom(err, "lab", (size_t)p->bytes);
    }
    lab->floats = at;
    return LINNET_OK;
}

static ln_u32 element(const ln_lab *lab, ln_tid t) {
    return (ln_u32)(lab->place[t].offset / (int64_t)sizeof(float));
}

/* The plan's arguments with the lab's places. */
static void move_args(ln_lab *lab) {
    const ln_node *n = &lab->graph->node[0];
    const ln_place *p = lab->place;
    ln_args *a = &lab->args;
    *a = lab->step->args;
    a->x = element(lab, n->in[0]);
    if (!p[n->in[0]].dense) {
        a->xps = (ln_i32)p[n->in[0]].ps;
        a->xrs = a->wd * a->xps;
        a->xns = a->h * a->xrs;
    }
    a->y = element(lab, n->out[0]);
    a->yps = (ln_i32)p[n->out[0]].ps;
    bool conv = n->op == LN_OP_CONV2D;
    if (a->res != LN_NO_OFF) {
        a->res = element(lab, n->in[LN_CONV_RES]);
        a->rps = (ln_i32)p[n->in[LN_CONV_RES]].ps;
    }
    if (a->gate != LN_NO_OFF) {
        a->gate = element(lab, n->in[LN_CONV_GATE]);
        a->x2ps = (ln_i32)p[n->in[LN_CONV_GATE]].ps;
    }
    if (!conv && a->x2 != LN_NO_OFF) {
        a->x2 = element(lab, n->in[1]);
        a->x2ps = (ln_i32)p[n->in[1]].ps;
    }
    for (int i = 0; n->op == LN_OP_CONCAT && i < n->n_in; i++) {
        a->u.part[i].at = element(lab, n->in[i]);
        a->u.part[i].ps = (ln_i32)p[n->in[i]].ps;
    }
}

static linnet_status upload(ln_lab *lab, linnet_error *err) {
    size_t bytes = (size_t)lab->plan->weight_bytes;
    void *packed = calloc(1, bytes);
    lab->image = malloc((size_t)lab->floats * sizeof(float));
    if (!packed || !lab->image) {
        free(packed);
        return ln_fail_oom(err, "lab", bytes);
    }
    linnet_status st = ln_plan_pack(lab->plan, packed, err);
    if (st == LINNET_OK)
        st = ln_buffer_create(lab->device, bytes, LN_BUFFER_WEIGHTS, &lab->weights, err);
    if (st == LINNET_OK) st = ln_queue_write(lab->queue, lab->weights, 0, packed, bytes, err);
    free(packed);
    LN_TRY(st);
    LN_TRY(ln_buffer_create(lab->device, (size_t)lab->floats * sizeof(float), LN_BUFFER_ARENA,
                            &lab->arena, err));
    LN_TRY(ln_buffer_create(lab->device, sizeof(ln_args), LN_BUFFER_STEPS, &lab->steps, err));
    return ln_queue_write(lab->queue, lab->steps, 0, &lab->args, sizeof(ln_args), err);
}

static linnet_status build(ln_lab *lab, linnet_error *err) {
    const ln_variant *v = lab->step->variant;
    int index = (int)(v - ln_variants);
    ln_str text = {0}, options = {0};
    linnet_status st =
        ln_variant_source(&index, 1, LN_PROGRAM_KERNELS, lab->caps, &text, &options, err);
    ln_program_source src = {text.p, options.p, v->name};
    if (st == LINNET_OK) st = ln_program_get(lab->device, &src, &lab->program, err);
    ln_str_free(&text);
    ln_str_free(&options);
    LN_TRY(st);
    LN_TRY(ln_kernel_create(lab->program, v->name, &lab->kernel, err));
    LN_TRY(ln_kernel_arg_buffer(lab->kernel, 0, lab->arena, err));
    LN_TRY(ln_kernel_arg_buffer(lab->kernel, 1, lab->weights, err));
    LN_TRY(ln_kernel_arg_buffer(lab->kernel, 2, lab->steps, err));
    return ln_kernel_arg_int(lab->kernel, 3, 0, err);
}

static linnet_status open_all(const ln_case *c, const ln_variant *v, uint64_t seed, ln_lab *lab,
                              linnet_error *err) {
    LN_TRY(ln_case_graph(c, seed, &lab->graph, err));
    set_types(v, lab->graph);
    LN_TRY(make_plan(c, v, lab, err));
    LN_TRY(place_tensors(c, lab, err));
    move_args(lab);
    for (int i = 0; i < lab->graph->n_input; i++) {
        ln_tid t = lab->graph->input[i];
        int64_t count = 0;
        ln_shape_count(&lab->graph->tensor[t].shape, &count);
        for (int64_t k = 0; k < count; k++) lab->value[t][k] = ln_lab_random(&seed) * 2.0f;
        if (lab->graph->tensor[t].dtype == LN_F16) ln_round_to_halves(lab->value[t], (size_t)count);
    }
    LN_TRY(ln_queue_create(lab->device, true, &lab->queue, err));
    LN_TRY(upload(lab, err));
    return build(lab, err);
}

linnet_status ln_lab_open(ln_device *d, const ln_caps *caps, const ln_case *c, const ln_variant *v,
                          uint64_t seed, ln_lab *lab, linnet_error *err) {
    *lab = (ln_lab){.device = d, .caps = caps ? caps : ln_device_caps(d)};
    linnet_status st = open_all(c, v, seed, lab, err);
    if (st != LINNET_OK) ln_lab_close(lab);
    return st;
}

/* Writes channel c of tensor t; i counts pixels over the batch. */
static void put(ln_lab *lab, ln_tid t, ln_dims d, int64_t i, int64_t c, float v) {
    const ln_place *p = &lab->place[t];
    int64_t plane = d.h * d.w;
    int64_t at = p->dense ? (i / plane * d.c + c) * plane + i % plane : i * p->ps + c;
    const uint16_t half = ln_f32_to_f16(v);
    memcpy((char *)lab->image + p->offset + at * p->elem,
           p->elem == 2 ? (const void *)&half : (const void *)&v, (size_t)p->elem);
}

static void draw(ln_lab *lab) {
    const uint32_t pattern = 0x7FC17FC1u; /* NaN, and its halves too: what reads it shows it */
    for (int64_t i = 0; i < lab->floats; i++) memcpy(&lab->image[i], &pattern, sizeof pattern);
    for (int k = 0; k < lab->graph->n_input; k++) {
        ln_tid t = lab->graph->input[k];
        ln_dims d = ln_dims_of(&lab->graph->tensor[t].shape);
        int64_t lanes = lab->place[t].dense ? d.c : ln_round_up(d.c, LN_CPAD);
        for (int64_t i = 0; i < d.n * d.h * d.w; i++)
            for (int64_t c = 0; c < lanes; c++)
                put(lab, t, d, i, c, c < d.c ? lab->value[t][i * d.c + c] : 0.0f);
    }
}

static linnet_status product(ln_lab *lab, linnet_error *err) {
    return ln_gemm_step(lab->queue, lab->step->variant, &lab->args, lab->arena, lab->weights, err);
}

linnet_status ln_lab_run(ln_lab *lab, float *after, linnet_error *err) {
    size_t bytes = (size_t)lab->floats * sizeof(float);
    draw(lab);
    LN_TRY(ln_queue_write(lab->queue, lab->arena, 0, lab->image, bytes, err));
    LN_TRY(product(lab, err));
    LN_TRY(ln_queue_launch(lab->queue, lab->kernel, (size_t)lab->args.tiles,
                           (size_t)lab->step->variant->local, NULL, err));
    LN_TRY(ln_queue_finish(lab->queue, LN_WAIT_SLEEP, err));
    return ln_queue_read(lab->queue, lab->arena, 0, after, bytes, err);
}

linnet_status ln_lab_time(ln_lab *lab, int reps, uint64_t *ns, linnet_error *err) {
    *ns = UINT64_MAX;
    const bool library = ln_variant_tunable(lab->step->variant, "GEMM", 0);
    for (int i = 0; i < reps; i++) {
        uint64_t t = 0;
        double start = ln_now();
        LN_TRY(product(lab, err));
        LN_TRY(ln_queue_launch(lab->queue, lab->kernel, (size_t)lab->args.tiles,
                               (size_t)lab->step->variant->local, &t, err));
        LN_TRY(ln_queue_finish(lab->queue, LN_WAIT_SPIN, err));
        if (library) t = (uint64_t)(1e9 * (ln_now() - start)); /* its kernels give no events */
        *ns = LN_MIN(*ns, t);
    }
    return LINNET_OK;
}

void ln_lab_close(ln_lab *lab) {
    for (int t = 0; lab->value && t < lab->graph->n_tensor; t++) free(lab->value[t]);
    ln_kernel_destroy(&lab->kernel);
    ln_program_release(&lab->program);
    ln_buffer_destroy(&lab->arena);
    ln_buffer_destroy(&lab->weights);
    ln_buffer_destroy(&lab->steps);
    ln_queue_destroy(&lab->queue);
    ln_plan_destroy(&lab->plan);
    ln_graph_destroy(&lab->graph);
    free((void *)lab->value);
    free(lab->place);
    free(lab->image);
    *lab = (ln_lab){0};
}
