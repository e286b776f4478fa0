/* Families and models. */
#include "api/api.h"
#include "engine/bytes.h"
#include "engine/passes/passes.h"
#include "models/arch.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

size_t linnet_family_count(void) {
    return ln_family_count();
}

const char *linnet_block_name(size_t i) {
    const ln_family_row *row = NULL;
    for (size_t k = 0, left = i + 1; left && (row = ln_block_at(k)); k++)
        left -= !row->arch->library || ln_gemm_there();
    return row ? row->name : NULL;
}

linnet_status linnet_family_get(size_t i, linnet_family_info *out, linnet_error *err) {
    memset(out, 0, sizeof *out);
    if (i >= ln_family_count())
        return ln_fail(err, LINNET_ERR_INVALID_ARGUMENT, "family %zu of %zu; count from 0", i,
                       ln_family_count());
    const ln_family_row *row = ln_family_at(i);
    ln_model_params p = {.model = row->name, .shape_only = true};
    ln_model *model = NULL;
    ln_figures info = {0};
    LN_TRY(ln_model_open(&p, &model, err));
    linnet_status st = ln_model_count(model, 0, 0, &info, err);
    ln_model_close(&model);
    if (st != LINNET_OK) return st;
    *out = (linnet_family_info){.name = row->name,
                                .family = row->family,
                                .input = {info.height, info.width, info.channels},
                                .classes = row->classes,
                                .params = info.params,
                                .macs = info.macs,
                                .published_params_m = row->published.params_m,
                                .published_macs_m = row->published.macs_m,
                                .published_top1 = row->published.top1,
                                .source = row->published.source ? row->published.source : "",
                                .note = row->note ? row->note : ""};
    return LINNET_OK;
}

/* The model's preprocessing, with what the caller overrides. */
static linnet_status fill_prep(linnet_model *m, const linnet_model_params *p, linnet_error *err) {
    ln_preprocess own = *ln_model_prep(m->model);
    if (p->set_mean) memcpy(own.mean, p->mean, sizeof own.mean);
    if (p->set_std) memcpy(own.std, p->std, sizeof own.std);
    int side = LN_MIN(m->info.height, m->info.width);
    ln_prep_spec *s = &m->prep;
    LN_TRY(ln_prep_check(&own, err));
    LN_TRY(ln_prep_resize_side(&own, side, p->set_resize ? &p->resize : NULL,
                               p->set_crop_pct ? &p->crop_pct : NULL, &s->resize, err));
    s->height = m->info.height;
    s->width = m->info.width;
    s->filter = own.interp == LN_INTERP_BICUBIC ? LN_FILTER_BICUBIC : LN_FILTER_BILINEAR;
    s->antialias = own.antialias;
    s->bgr = own.bgr;
    s->scale = own.scale;
    memcpy(s->mean, own.mean, sizeof s->mean);
    memcpy(s->std, own.std, sizeof s->std);
    return LINNET_OK;
}

static linnet_status fill_info(linnet_model *m, const linnet_model_params *p, linnet_error *err) {
    const ln_family_row *row = ln_model_row(m->model);
    ln_figures f;
    LN_TRY(ln_model_count(m->model, m->h, m->w, &f, err));
    m->info = (linnet_model_info){.name = ln_model_name(m->model),
                                  .family = row ? row->family : "",
                                  .height = f.height,
                                  .width = f.width,
                                  .channels = f.channels,
                                  .classes = ln_model_classes(m->model),
                                  .params = f.params,
                                  .macs = f.macs,
                                  .macs_i8 = f.macs_i8,
                                  .batch = (int)ln_model_batch(m->model),
                                  .nhwc = ln_model_is_nhwc(m->model),
                                  .probabilities = f.probabilities,
                                  .prep_unknown = !ln_model_prep_known(m->model) &&
                                                  !(p->set_mean && p->set_std)};
    return LINNET_OK;
}

static linnet_status open_model(linnet_model *m, const linnet_model_params *p, linnet_error *err) {
    double start = ln_now();
    ln_model_params inner = {.model = p->model,
                             .weights = p->weights,
                             .arch = p->arch,
                             .synthetic = p->synthetic != 0,
                             .seed = p->seed,
                             .shape_only = p->shape_only != 0,
                             .labels = p->labels,
                             .shape = p->shapes,
                             .n_shape = p->n_shapes,
                             .hint = p->hints,
                             .n_hint = p->n_hints,
                             .layout = (ln_layout)p->layout};
    m->h = p->height ? p->height : p->size;
    m->w = p->width ? p->width : p->size;
    if (m->h < 0 || m->w < 0 || !p->model)
        return ln_fail(err, LINNET_ERR_INVALID_ARGUMENT,
                       p->model ? "size %lldx%lld is negative" : "no model named", (long long)m->h,
                       (long long)m->w);
    inner.h = m->h;
    inner.w = m->w;
    LN_TRY(ln_model_open(&inner, &m->model, err));
    LN_TRY(fill_info(m, p, err));
    LN_TRY(fill_prep(m, p, err));
    m->load_s = ln_now() - start;
    return LINNET_OK;
}

linnet_status linnet_model_open(const linnet_model_params *p, linnet_model **out,
                                linnet_error *err) {
    *out = NULL;
    linnet_model *m = calloc(1, sizeof *m);
    if (!m) return ln_fail_oom(err, "a model", sizeof *m);
    linnet_status st = open_model(m, p, err);
    if (st != LINNET_OK)
        linnet_model_close(&m);
    else
        *out = m;
    return st;
}

void linnet_model_close(linnet_model **m) {
    if (!m || !*m) return;
    ln_model_close(&(*m)->model);
    free(*m);
    *m = NULL;
}

linnet_status linnet_model_get_info(const linnet_model *m, linnet_model_info *out,
                                    linnet_error *err) {
    (void)err;
    *out = m->info;
    return LINNET_OK;
}

const char *linnet_model_label(const linnet_model *m, int index) {
    return ln_model_label(m->model, index);
}

/* (v * scale - mean) / std = (v - mean / scale) * (scale / std) */
static linnet_status take_bytes(ln_graph *g, const ln_prep_spec *p, linnet_error *err) {
    float mean[LN_BYTES_C] = {0}, factor[LN_BYTES_C] = {0};
    bool done;
    for (int c = 0; c < 3; c++) {
        mean[c] = p->mean[c] / p->scale;
        factor[c] = p->scale / p->std[c];
        if (!isfinite(mean[c]) || !isfinite(factor[c])) return LINNET_OK;
    }
    if (g->n_input != 1 || g->tensor[g->input[0]].shape.dim[3] != 3) return LINNET_OK;
    return ln_graph_take_bytes(g, mean, factor, &done, err);
}

linnet_status ln_api_graph(const linnet_model *m, const linnet_session_params *p, bool reference,
                           ln_graph **out, linnet_error *err) {
    if (p->batch < 0)
        return ln_fail(err, LINNET_ERR_INVALID_ARGUMENT, "batch %d: give 1 or more", p->batch);
    const bool half = p->precision == LINNET_PRECISION_F16;
    if (p->fast_math && !half)
        return ln_fail(err, LINNET_ERR_INVALID_ARGUMENT,
                       "fast_math computes in halves: ask for LINNET_PRECISION_F16 with it");
    ln_graph *g = NULL;
    LN_TRY(ln_model_graph(m->model, p->batch, m->h, m->w, &g, err));
    g->fast = p->fast_math;
    /* The reference means the network as it stands, unless passes are asked for by name. */
    linnet_status st = LINNET_OK;
    if (!reference || p->passes) st = ln_passes_run(g, p->passes, err);
    if (st == LINNET_OK && p->bytes && !reference) st = take_bytes(g, &m->prep, err);
    if (st == LINNET_OK && half) st = ln_graph_halve(g, err);
    if (st != LINNET_OK)
        ln_graph_destroy(&g);
    else
        *out = g;
    return st;
}

linnet_status linnet_model_print(const linnet_model *m, int batch, char **text, linnet_error *err) {
    ln_graph *g = NULL;
    *text = NULL;
    LN_TRY(ln_model_graph(m->model, LN_MAX(batch, 0), m->h, m->w, &g, err));
    ln_str s = {0};
    ln_graph_print(g, &s);
    ln_graph_destroy(&g);
    return ln_api_take(&s, text, err);
}

linnet_status linnet_model_write_graph(const linnet_model *m, int batch, const char *path,
                                       linnet_error *err) {
    ln_graph *g = NULL;
    LN_TRY(ln_model_graph(m->model, LN_MAX(batch, 0), m->h, m->w, &g, err));
    const linnet_status st = ln_graph_write(g, path, err);
    ln_graph_destroy(&g);
    return st;
}

/* Learnable elements among a node's constants; each constant is counted at its first reader. */
static int64_t node_params(const ln_graph *g, const ln_node *n, bool *seen) {
    int64_t sum = 0;
    for (int i = 0; i < n->n_in; i++) {
        ln_tid t = n->in[i];
        if (t < 0 || g->tensor[t].kind != LN_TENSOR_CONST || seen[t]) continue;
        seen[t] = true;
        sum += g->tensor[t].params;
    }
    return sum;
}

/* The records and their strings in one block: bytes for the names of node i after the records. */
static linnet_layer_info *copy_layers(const ln_graph *g, bool *seen) {
    size_t bytes = (size_t)g->n_node * sizeof(linnet_layer_info) + 1;
    for (int i = 0; i < g->n_node; i++) bytes += strlen(g->node[i].name) + 1;
    linnet_layer_info *list = calloc(1, bytes);
    if (!list) return NULL;
    char *text = (char *)(list + g->n_node);
    for (int i = 0; i < g->n_node; i++) {
        const ln_node *n = &g->node[i];
        const ln_shape *s = &g->tensor[n->out[0]].shape;
        linnet_layer_info *l = &list[i];
        l->name = strcpy(text, n->name);
        text += strlen(text) + 1;
        l->op = ln_op_infos[n->op].name;
        l->rank = s->rank;
        memcpy(l->dim, s->dim, sizeof l->dim);
        l->params = node_params(g, n, seen);
        l->macs = ln_node_macs(g, n);
    }
    return list;
}

linnet_status linnet_model_layers(const linnet_model *m, int batch, linnet_layer_info **list,
                                  size_t *count_out, linnet_error *err) {
    _Static_assert(sizeof((linnet_layer_info){0}.dim) == sizeof((ln_shape){0}.dim), "same ranks");
    ln_graph *g = NULL;
    *list = NULL;
    *count_out = 0;
    LN_TRY(ln_model_graph(m->model, LN_MAX(batch, 0), m->h, m->w, &g, err));
    bool *seen = calloc((size_t)g->n_tensor + 1, sizeof *seen);
    *list = seen ? copy_layers(g, seen) : NULL;
    size_t n = (size_t)g->n_node;
    free(seen);
    ln_graph_destroy(&g);
    if (!*list) return ln_fail_oom(err, "the list of layers", n * sizeof **list);
    *count_out = n;
    return LINNET_OK;
}

linnet_status ln_api_plan(const ln_device *d, const ln_caps *caps, ln_graph *g,
                          const linnet_session_params *p, ln_plan **out, ln_stream *stream,
                          bool *recorded, linnet_error *err) {
    *recorded = false;
    if (p->untuned) {
        *stream = (ln_stream)p->stream;
        return ln_plan_create(g, caps, NULL, out, err);
    }
    LN_TRY(ln_plan_by_record(d, caps, g, out, stream, recorded, err));
    if (p->stream != LINNET_STREAM_AUTO) {
        *stream = (ln_stream)p->stream;
        *recorded = false;
    }
    return LINNET_OK;
}

void ln_api_warn_slow(const ln_plan *p) {
    const char *why = ln_plan_slow(p);
    if (p->graph->fast && why)
        ln_log(LN_LOG_WARN, "fast math: %s: %s; halves are multiplied and summed in f32",
               p->caps.name, why);
}

linnet_status linnet_model_print_plan(const linnet_model *m, const linnet_device *d,
                                      const linnet_session_params *p, char **text,
                                      linnet_error *err) {
    static const linnet_session_params defaults = LINNET_SESSION_PARAMS_INIT;
    *text = NULL;
    if (!d->dev)
        return ln_fail(err, LINNET_ERR_UNSUPPORTED,
                       "the C reference runs without a plan; choose an OpenCL device");
    ln_graph *g = NULL;
    ln_plan *plan = NULL;
    ln_stream stream;
    bool recorded;
    ln_caps caps;
    if (!p) p = &defaults;
    ln_vet_caps(d->dev, &caps);
    LN_TRY(ln_api_graph(m, p, false, &g, err));
    linnet_status st = ln_api_plan(d->dev, &caps, g, p, &plan, &stream, &recorded, err);
    if (st == LINNET_OK) {
        ln_str s = {0};
        ln_api_warn_slow(plan);
        ln_plan_print(plan, &s);
        ln_plan_print_stream(plan, stream, recorded, &s);
        st = ln_api_take(&s, text, err);
    }
    ln_plan_destroy(&plan);
    ln_graph_destroy(&g);
    return st;
}

linnet_status linnet_convert(const char *in, const char *out, const char *arch, const char *labels,
                             linnet_error *err) {
    return ln_convert(in, out, arch, labels, err);
}
