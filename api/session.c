/* Sessions: a plan on an OpenCL device, or the C reference behind the same calls. */
#include "api/api.h"
#include "engine/diff.h"
#include "engine/ref/ref.h"

#include <stdlib.h>
#include <string.h>

struct linnet_session {
    ln_graph *graph;
    ln_session *dev; /* one of the two */
    ln_ref *ref;
    void **memory; /* of the reference's inputs and outputs, in this order; made on demand */
    linnet_session_stats stats;
    bool ran;
};

static linnet_status plan_and_create(linnet_session *s, ln_device *d, void *queue,
                                     const ln_caps *caps, const linnet_session_params *p,
                                     int *unfit, linnet_error *err) {
    _Static_assert((int)LINNET_WAIT_SLEEP == LN_WAIT_SLEEP && (int)LINNET_WAIT_SPIN == LN_WAIT_SPIN,
                   "the public enum is the inner one");
    ln_plan *plan = NULL;
    ln_stream stream;
    bool recorded;
    LN_TRY(ln_api_plan(d, caps, s->graph, p, &plan, &stream, &recorded, err));
    _Static_assert((int)LINNET_STREAM_COMMANDS == LN_STREAM_COMMANDS &&
                       (int)LINNET_STREAM_LAUNCHES == LN_STREAM_LAUNCHES,
                   "likewise");
    ln_session_params inner = {.wait = (ln_wait)p->wait,
                               .stream = stream,
                               .profile = p->profile != 0,
                               .queue = queue,
                               .unfit = unfit};
    return ln_session_create(d, plan, &inner, &s->dev, err); /* takes the plan */
}

/* Until all kernels run and are sound: each round leaves out at least one more. */
static linnet_status create_vetted(linnet_session *s, linnet_model *m, ln_device *d, void *queue,
                                   const linnet_session_params *p, linnet_error *err) {
    ln_caps caps;
    ln_vet_caps(d, &caps);
    for (bool sound = false;;) {
        int unfit = -1;
        linnet_status st = plan_and_create(s, d, queue, &caps, p, &unfit, err);
        if (st != LINNET_OK && unfit < 0) return st;
        if (st != LINNET_OK) ln_vet_unfit(d, unfit, &caps);
        if (st == LINNET_OK) LN_TRY(ln_vet_session(d, s->dev, &caps, &sound, err));
        if (sound) return LINNET_OK;
        ln_session_destroy(&s->dev);
        ln_graph_destroy(&s->graph); /* planning has changed it */
        LN_TRY(ln_api_graph(m, p, false, &s->graph, err));
    }
}

static linnet_status create_on_device(linnet_session *s, linnet_model *m, ln_device *d, void *queue,
                                      const linnet_session_params *p, linnet_error *err) {
    ln_host_stats before = ln_device_stats(d);
    LN_TRY(create_vetted(s, m, d, queue, p, err));
    ln_host_stats after = ln_device_stats(d);
    ln_session_stats own = ln_session_get_stats(s->dev);
    ln_api_warn_slow(ln_session_plan(s->dev));
    s->stats.macs_f16 = ln_plan_fast_macs(ln_session_plan(s->dev));
    s->stats.build_ms = 1e3 * own.build_s;
    s->stats.upload_ms = 1e3 * own.upload_s;
    s->stats.weight_bytes = (uint64_t)own.weight_bytes;
    s->stats.arena_bytes = (uint64_t)own.arena_bytes;
    s->stats.builds = after.builds - before.builds;
    s->stats.cache_hits = after.cache_hits - before.cache_hits;
    s->stats.cache_misses = after.cache_misses - before.cache_misses;
    return LINNET_OK;
}

static linnet_status create(linnet_session *s, linnet_model *m, linnet_device *d, void *queue,
                            const linnet_session_params *p, linnet_error *err) {
    double start = ln_now();
    LN_TRY(ln_api_graph(m, p, !d->dev, &s->graph, err));
    s->stats.macs = s->graph->macs;
    if (d->dev) {
        LN_TRY(create_on_device(s, m, d->dev, queue, p, err));
    } else {
        const size_t n = (size_t)(s->graph->n_input + s->graph->n_output) + 1;
        s->memory = calloc(n, sizeof *s->memory);
        if (!s->memory) return ln_fail_oom(err, "a session", n * sizeof *s->memory);
        if (p->fast_math) ln_log(LN_LOG_WARN, "fast math: the C reference sums in double");
        LN_TRY(ln_ref_create(s->graph, &s->ref, err));
    }
    double rest = 1e3 * (ln_now() - start) - s->stats.build_ms - s->stats.upload_ms;
    s->stats.load_ms = 1e3 * m->load_s + LN_MAX(rest, 0.0);
    return LINNET_OK;
}

linnet_status ln_api_session(linnet_model *m, linnet_device *d, void *queue,
                             const linnet_session_params *p, linnet_session **out,
                             linnet_error *err) {
    static const linnet_session_params defaults = LINNET_SESSION_PARAMS_INIT;
    *out = NULL;
    linnet_session *s = calloc(1, sizeof *s);
    if (!s) return ln_fail_oom(err, "a session", sizeof *s);
    linnet_status st = create(s, m, d, queue, p ? p : &defaults, err);
    if (st != LINNET_OK)
        linnet_session_destroy(&s);
    else
        *out = s;
    return st;
}

linnet_status linnet_session_create(linnet_model *m, linnet_device *d,
                                    const linnet_session_params *p, linnet_session **out,
                                    linnet_error *err) {
    return ln_api_session(m, d, NULL, p, out, err);
}

linnet_status ln_api_run_buffers(linnet_session *s, void *const *in, void *const *out,
                                 linnet_error *err) {
    if (!s->dev)
        return ln_fail(err, LINNET_ERR_UNSUPPORTED, "the C reference has no buffers of a device");
    s->ran = true;
    return ln_session_run_buffers(s->dev, in, out, err);
}

void linnet_session_destroy(linnet_session **s) {
    if (!s || !*s) return;
    const ln_graph *g = (*s)->graph;
    for (int i = 0; (*s)->memory && i < g->n_input + g->n_output; i++) free((*s)->memory[i]);
    free((void *)(*s)->memory);
    ln_session_destroy(&(*s)->dev);
    ln_ref_destroy(&(*s)->ref);
    ln_graph_destroy(&(*s)->graph);
    free(*s);
    *s = NULL;
}

/* ---- tensors ---- */
static linnet_status tensor_info(const ln_graph *g, ln_tid t, linnet_tensor_info *out) {
    const ln_tensor *x = &g->tensor[t];
    int64_t count = 0;
    if (!ln_shape_count(&x->shape, &count)) return LINNET_ERR_INTERNAL;
    _Static_assert((int)LINNET_I32 == LN_I32 && (int)LINNET_BOOL == LN_BOOL, "likewise");
    *out = (linnet_tensor_info){.name = x->name ? x->name : "",
                                .rank = x->shape.rank,
                                .dtype = (linnet_dtype)ln_tensor_io_dtype(x),
                                .file_dtype = (linnet_dtype)x->file_dtype,
                                .file_rank = x->file_rank};
    if (x->q.on) {
        out->scale = x->q.scale;
        out->zero = x->q.zero + (out->dtype == LINNET_U8 ? 128 : 0);
    }
    const int64_t *d = x->shape.dim;
    memcpy(out->dim, d, sizeof out->dim);
    if (x->shape.rank == 4 && !x->as_is) { /* N,H,W,C inside, N,C,H,W outside */
        out->dim[1] = d[3];
        out->dim[2] = d[1];
        out->dim[3] = d[2];
    }
    out->bytes = (size_t)count * ln_dtype_size(x->dtype);
    return LINNET_OK;
}

size_t linnet_session_inputs(const linnet_session *s) {
    return (size_t)s->graph->n_input;
}

size_t linnet_session_outputs(const linnet_session *s) {
    return (size_t)s->graph->n_output;
}

linnet_status linnet_session_input(const linnet_session *s, size_t i, linnet_tensor_info *out) {
    if (i >= linnet_session_inputs(s)) return LINNET_ERR_INVALID_ARGUMENT;
    return tensor_info(s->graph, s->graph->input[i], out);
}

linnet_status linnet_session_output(const linnet_session *s, size_t i, linnet_tensor_info *out) {
    if (i >= linnet_session_outputs(s)) return LINNET_ERR_INVALID_ARGUMENT;
    return tensor_info(s->graph, s->graph->output[i], out);
}

static linnet_status memory_of(linnet_session *s, bool output, size_t i, void **out,
                               linnet_error *err) {
    linnet_tensor_info info;
    *out = NULL;
    if ((output ? linnet_session_output(s, i, &info) : linnet_session_input(s, i, &info)) !=
        LINNET_OK)
        return ln_fail(err, LINNET_ERR_INVALID_ARGUMENT, "%s %zu does not exist",
                       output ? "output" : "input", i);
    if (s->dev) return ln_session_memory(s->dev, output, (int)i, out, err);
    void **own = &s->memory[output ? (size_t)s->graph->n_input + i : i];
    if (!*own && (*own = ln_alloc_aligned(info.bytes, 1))) memset(*own, 0, info.bytes);
    *out = *own;
    return *own ? LINNET_OK : ln_fail_oom(err, "inputs and outputs", info.bytes);
}

linnet_status linnet_session_input_memory(linnet_session *s, size_t i, void **out,
                                          linnet_error *err) {
    return memory_of(s, false, i, out, err);
}

linnet_status linnet_session_output_memory(linnet_session *s, size_t i, void **out,
                                           linnet_error *err) {
    return memory_of(s, true, i, out, err);
}

/* ---- running ---- */
static linnet_status run_reference(linnet_session *s, const void *const *in, void *const *out,
                                   linnet_error *err) {
    const ln_graph *g = s->graph;
    for (int i = 0; i < g->n_input; i++) LN_TRY(ln_ref_input(s->ref, i, in[i], err));
    LN_TRY(ln_ref_run(s->ref, false, err));
    for (int i = 0; i < g->n_output; i++) LN_TRY(ln_ref_output(s->ref, i, out[i], err));
    return LINNET_OK;
}

linnet_status linnet_session_run(linnet_session *s, const void *const *in, void *const *out,
                                 linnet_error *err) {
    double start = ln_now();
    LN_TRY(s->dev ? ln_session_run(s->dev, in, out, err) : run_reference(s, in, out, err));
    if (!s->ran) s->stats.first_run_ms = 1e3 * (ln_now() - start);
    s->ran = true;
    return LINNET_OK;
}

linnet_status linnet_session_rows(linnet_session *s, size_t i, int64_t *rows, linnet_error *err) {
    *rows = 0;
    if (i >= linnet_session_outputs(s) || !s->ran)
        return ln_fail(err, LINNET_ERR_INVALID_ARGUMENT,
                       s->ran ? "output %zu does not exist" : "output %zu: nothing ran yet", i);
    if (s->dev) return ln_session_rows(s->dev, (int)i, rows, err);
    return ln_ref_rows_of(s->ref, s->graph->output[i], rows, err);
}

/* ---- what a session knows about itself ---- */
linnet_status linnet_session_get_stats(const linnet_session *s, linnet_session_stats *out) {
    *out = s->stats;
    out->resident = s->dev && ln_session_stream(s->dev) == LN_STREAM_RESIDENT;
    return LINNET_OK;
}

linnet_status linnet_session_print_plan(const linnet_session *s, char **text, linnet_error *err) {
    *text = NULL;
    if (!s->dev)
        return ln_fail(err, LINNET_ERR_UNSUPPORTED,
                       "the C reference runs without a plan; choose an OpenCL device");
    ln_str t = {0};
    static const char *const ways[] = {[LN_STREAM_LAUNCHES] = "launches",
                                       [LN_STREAM_RESIDENT] = "all steps in one launch",
                                       [LN_STREAM_COMMANDS] = "a recorded command buffer"};
    ln_plan_print(ln_session_plan(s->dev), &t);
    ln_str_add(&t, "runs as %s\n", ways[ln_session_stream(s->dev)]);
    return ln_api_take(&t, text, err);
}

size_t linnet_session_steps(const linnet_session *s) {
    return s->dev ? (size_t)ln_session_plan(s->dev)->n_step : (size_t)s->graph->n_node;
}

static double busy_ns(const ln_step_time *t) {
    double sum = 0;
    for (int i = 0; t && i < LN_STEP_PARTS; i++) sum += t->part_ns[i];
    return sum;
}

linnet_status linnet_session_step(const linnet_session *s, size_t i, linnet_step_info *out) {
    if (i >= linnet_session_steps(s)) return LINNET_ERR_INVALID_ARGUMENT;
    const ln_step *step = s->dev ? &ln_session_plan(s->dev)->step[i] : NULL;
    const ln_node *n = &s->graph->node[step ? step->node : (int)i];
    const ln_step_time *times = s->dev ? ln_session_times(s->dev) : NULL;
    const ln_step_time *t = times ? &times[i] : NULL;
    *out = (linnet_step_info){.name = n->name,
                              .op = ln_op_infos[n->op].name,
                              .variant = step ? step->variant->name : "ref",
                              .start_ms = t ? 1e-6 * t->start_ns : 0,
                              .ms = t ? 1e-6 * t->ns : 0,
                              .busy_ms = 1e-6 * busy_ns(t),
                              .macs = step ? step->macs : ln_node_macs(s->graph, n),
                              .bytes = step ? step->bytes : 0,
                              .parts = step ? (size_t)(step->node - step->first + 1) : 1};
    return LINNET_OK;
}

linnet_status linnet_session_part(const linnet_session *s, size_t i, size_t part,
                                  linnet_step_info *out) {
    linnet_step_info whole;
    LN_TRY(linnet_session_step(s, i, &whole));
    if (part >= whole.parts) return LINNET_ERR_INVALID_ARGUMENT;
    if (whole.parts == 1) {
        *out = whole;
        return LINNET_OK;
    }
    const ln_plan *p = ln_session_plan(s->dev);
    int node = p->step[i].first + (int)part;
    const ln_node *n = &s->graph->node[node];
    const ln_step_time *times = ln_session_times(s->dev);
    double ms = times ? 1e-6 * times[i].part_ns[part] : 0;
    *out = (linnet_step_info){.name = n->name,
                              .op = ln_op_infos[n->op].name,
                              .variant = p->choice[node].variant->name,
                              .start_ms = whole.start_ms,
                              .ms = ms,
                              .busy_ms = ms,
                              .macs = ln_node_macs(s->graph, n),
                              .bytes = ln_plan_traffic(p, node, node),
                              .parts = 1};
    return LINNET_OK;
}

linnet_status linnet_session_diff(linnet_session *s, const void *const *in, linnet_diff_report *out,
                                  linnet_error *err) {
    *out = (linnet_diff_report){.first_bad = -1};
    if (!s->dev)
        return ln_fail(err, LINNET_ERR_UNSUPPORTED,
                       "the C reference cannot be compared with itself; choose an OpenCL device");
    ln_diff_report r = {0};
    LN_TRY(ln_diff_run(s->dev, in, &r, err));
    linnet_diff_layer *list = calloc((size_t)r.n_layer + 1, sizeof *list);
    if (!list) {
        ln_diff_free(&r);
        return ln_fail_oom(err, "the report", (size_t)r.n_layer * sizeof *list);
    }
    for (int i = 0; i < r.n_layer; i++)
        list[i] = (linnet_diff_layer){.name = r.layer[i].name,
                                      .op = r.layer[i].op,
                                      .max_abs = r.layer[i].max_abs,
                                      .rel = r.layer[i].rel,
                                      .pass = r.layer[i].pass,
                                      .overflow = r.layer[i].overflow};
    *out = (linnet_diff_report){.layer = list,
                                .layers = (size_t)r.n_layer,
                                .worst = (size_t)r.worst,
                                .first_bad = r.first_bad,
                                .end_to_end = r.end_to_end,
                                .pass = r.pass};
    ln_diff_free(&r);
    return LINNET_OK;
}
