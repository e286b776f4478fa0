#include "models/model.h"

#include "base/env.h"
#include "models/build.h"
#include "models/format.h"
#include "models/meta.h"
#include "models/quantized.h"
#include "models/rename.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool ends_with(const char *s, const char *tail) {
    size_t n = strlen(s), t = strlen(tail);
    return n >= t && !strcmp(s + n - t, tail);
}

/* A family with weights, or a file with a graph of its own. */
struct ln_model {
    char *name;
    int classes;
    ln_labels labels;
    ln_pool pool;
    const ln_family_row *row;
    ln_weights *weights; /* NULL: shapes only */
    ln_quant_rows quant;
    const ln_format *format;
    void *file;
    ln_file_info info;  /* its prep: the family's too */
    ln_figures figures; /* of the file, as it was opened */
};

const ln_format *ln_format_of(const char *path) {
    static const ln_format *const formats[] = {&ln_format_onnx, &ln_format_tflite};
    for (size_t i = 0; i < LN_COUNT(formats); i++)
        if (ends_with(path, formats[i]->ending)) return formats[i];
    return NULL;
}

static bool is_path(const char *model) {
    static const char *const tail[] = {".safetensors", ".pth", ".pt", ".bin"};
    for (size_t i = 0; i < LN_COUNT(tail); i++)
        if (ends_with(model, tail[i])) return true;
    return strchr(model, '/') != NULL;
}

/* Where weights are when nobody says; an error that tells how to get them when they are not. */
static linnet_status find_weights(const char *name, char *path, size_t size, linnet_error *err) {
    char sub[300];
    snprintf(sub, sizeof sub, "models/%.256s.safetensors", name);
    if (!ln_cache_path(path, size, sub))
        return ln_fail(err, LINNET_ERR_IO,
                       "%s: no weights given and no cache folder to look in; give --weights FILE "
                       "or --synthetic SEED",
                       name);
    if (access(path, F_OK) == 0) return LINNET_OK;
    return ln_fail(err, LINNET_ERR_IO,
                   "%s: no weights at %s; put them there (linnet convert CHECKPOINT %s --arch %s; "
                   "./dev demo fetches tf_efficientnet_lite0), or give --weights FILE or "
                   "--synthetic SEED",
                   name, path, path, name);
}

static linnet_status open_weights(const ln_model_params *p, ln_weights **out, linnet_error *err) {
    char found[4096];
    const char *path = p->weights;
    *out = NULL;
    if (p->shape_only) return LINNET_OK;
    if (p->synthetic) return ln_synthetic_open(p->seed, out, err);
    if (!path && is_path(p->model)) path = p->model;
    if (!path) {
        LN_TRY(find_weights(p->model, found, sizeof found, err));
        path = found;
    }
    return ln_weights_open(path, out, err);
}

/* The family by name, by --arch, or by what the file says of itself. */
static linnet_status choose_row(ln_model *m, const ln_model_params *p, linnet_error *err) {
    const char *name = is_path(p->model) ? p->arch : p->model;
    const char *own = m->weights ? ln_weights_meta(m->weights, LN_META_FAMILY) : NULL;
    if (!name) name = own;
    if (!name)
        return ln_fail(err, LINNET_ERR_INVALID_ARGUMENT,
                       "%s: the file does not name its family; give --arch NAME", p->model);
    m->row = ln_family_find(name, err);
    if (!m->row) return LINNET_ERR_UNSUPPORTED;
    if (own && strcmp(own, m->row->name))
        ln_log(LN_LOG_WARN, "%s says it holds %s, and is opened as %s", ln_weights_path(m->weights),
               own, m->row->name);
    if (m->weights && !ln_weights_is_synthetic(m->weights))
        LN_TRY(ln_weights_adapt(m->weights, m->row->arch, err));
    m->name = ln_pool_strdup(&m->pool, name);
    return m->name ? LINNET_OK : ln_fail_oom(err, "a model's name", strlen(name));
}

static linnet_status read_meta(ln_model *m, const ln_model_params *p, linnet_error *err) {
    m->info.prep = m->row->prep;
    m->info.prep_known = true;
    m->classes = m->row->classes;
    LN_TRY(ln_quant_rows_read(m->weights, &m->quant, err));
    const char *prep = m->weights ? ln_weights_meta(m->weights, LN_META_PREP) : NULL;
    const char *labels = m->weights ? ln_weights_meta(m->weights, LN_META_LABELS) : NULL;
    if (prep) LN_TRY(ln_prep_parse(prep, ln_weights_path(m->weights), &m->info.prep, err));
    if (p->labels) return ln_labels_read(p->labels, m->classes, &m->labels, err);
    if (!labels) return LINNET_OK;
    return ln_labels_parse(labels, strlen(labels), ln_weights_path(m->weights), m->classes,
                           &m->labels, err);
}

static linnet_status open_family(ln_model *m, const ln_model_params *p, linnet_error *err) {
    /* the name before the weights: a misspelt one is the better thing to complain about */
    const char *name = is_path(p->model) ? p->arch : p->model;
    if (name && !ln_family_find(name, err)) return LINNET_ERR_UNSUPPORTED;
    LN_TRY(open_weights(p, &m->weights, err));
    LN_TRY(choose_row(m, p, err));
    return read_meta(m, p, err);
}

/* ---- files with a graph of their own ---- */
/* The file's own labels are not worth failing for. */
static linnet_status file_labels(ln_model *m, const ln_model_params *p, linnet_error *err) {
    linnet_error why;
    if (p->labels) {
        if (m->classes) return ln_labels_read(p->labels, m->classes, &m->labels, err);
        return ln_fail(err, LINNET_ERR_INVALID_ARGUMENT, "%s: no classifier: leave --labels out",
                       p->model);
    }
    if (!m->info.labels || !m->classes) return LINNET_OK;
    const linnet_status st = ln_labels_parse(m->info.labels, strlen(m->info.labels), p->model,
                                             m->classes, &m->labels, &why);
    if (st == LINNET_ERR_OUT_OF_MEMORY) return ln_fail(err, st, "%s", why.message);
    if (st != LINNET_OK) ln_log(LN_LOG_WARN, "labels of the file are left out: %s", why.message);
    return LINNET_OK;
}

/* Bilinear to 256 and the middle 224, the statistics of ImageNet: what most exports expect. */
static const ln_preprocess imagenet = {.size = 224,
                                       .crop_pct = 0.875f,
                                       .interp = LN_INTERP_BILINEAR,
                                       .antialias = true,
                                       .scale = 1.0f / 255.0f,
                                       .mean = {0.485f, 0.456f, 0.406f},
                                       .std = {0.229f, 0.224f, 0.225f}};

static linnet_status count(const ln_model *m, int64_t batch, int64_t h, int64_t w, ln_figures *out,
                           linnet_error *err);

static linnet_status open_file(ln_model *m, const ln_model_params *p, linnet_error *err) {
    const char *slash = strrchr(p->model, '/');
    if (p->weights || p->synthetic || p->arch)
        return ln_fail(err, LINNET_ERR_INVALID_ARGUMENT,
                       "%s: brings its own network and weights; leave --weights, --synthetic and "
                       "--arch out",
                       p->model);
    m->info.prep = imagenet;
    m->name = ln_pool_strdup(&m->pool, slash ? slash + 1 : p->model);
    if (!m->name) return ln_fail_oom(err, "a model's name", strlen(p->model));
    LN_TRY(m->format->open(p, &m->info, &m->file, err));
    LN_TRY(count(m, 0, p->h, p->w, &m->figures, err));
    m->classes = m->figures.classes;
    return file_labels(m, p, err);
}

static linnet_status open_model(ln_model *m, const ln_model_params *p, linnet_error *err) {
    m->format = ln_format_of(p->model);
    if (m->format) return open_file(m, p, err);
    const char *file = p->weights ? p->weights : p->model;
    if (ln_format_of(file))
        return ln_fail(err, LINNET_ERR_INVALID_ARGUMENT,
                       "%s: brings its own network: give it as the model, not as weights", file);
    return open_family(m, p, err);
}

linnet_status ln_model_open(const ln_model_params *p, ln_model **out, linnet_error *err) {
    *out = NULL;
    if (!p->model || !*p->model)
        return ln_fail(err, LINNET_ERR_INVALID_ARGUMENT, "no model named (see: linnet models)");
    ln_model *m = calloc(1, sizeof *m);
    if (!m) return ln_fail_oom(err, "a model", sizeof *m);
    linnet_status st = open_model(m, p, err);
    if (st != LINNET_OK) ln_model_close(&m);
    *out = m;
    return st;
}

void ln_model_close(ln_model **m) {
    if (!m || !*m) return;
    ln_quant_rows_free(&(*m)->quant);
    ln_weights_close(&(*m)->weights);
    if ((*m)->format) (*m)->format->close((*m)->file);
    ln_labels_free(&(*m)->labels);
    ln_pool_free(&(*m)->pool);
    free(*m);
    *m = NULL;
}

linnet_status ln_model_graph(const ln_model *m, int64_t batch, int64_t h, int64_t w, ln_graph **out,
                             linnet_error *err) {
    if (m->format) return m->format->graph(m->file, batch, h, w, out, err);
    const int side = m->info.prep.size;
    LN_TRY(ln_network_build(m->row->arch, m->row->name, m->classes, m->weights, batch ? batch : 1,
                            h ? h : side, w ? w : side, out, err));
    if (!m->quant.count) return LINNET_OK;
    linnet_status st = ln_quantize_prepare(*out, err);
    if (st == LINNET_OK) st = ln_quantize_graph(*out, m->quant.row, m->quant.count, err);
    if (st == LINNET_OK) return st;
    ln_graph_destroy(out);
    ln_fail_prefix(err, "%s", ln_weights_path(m->weights));
    return st;
}

/* ---- figures ---- */
/* Classes of a network whose only output is a vector of each image. */
static int count_classes(const ln_graph *g) {
    const ln_shape *s = &g->tensor[g->output[0]].shape;
    int64_t classes = 1, most = 1;
    for (int i = 1; i < s->rank; i++) {
        classes *= s->dim[i];
        most = LN_MAX(most, s->dim[i]);
    }
    return g->n_output == 1 && most == classes && most > 1 && most < INT_MAX ? (int)most : 0;
}

static bool is_softmax(const ln_graph *g, ln_tid t) {
    for (int i = g->n_node; i-- > 0;) {
        const ln_node *n = &g->node[i];
        if (n->out[0] != t) continue;
        if (n->op != LN_OP_RESHAPE && n->op != LN_OP_QUANTIZE && n->op != LN_OP_DEQUANTIZE)
            return n->op == LN_OP_SOFTMAX;
        t = n->in[0];
    }
    return false;
}

static int64_t macs_of_bytes(const ln_graph *g) {
    int64_t sum = 0;
    for (int i = 0; i < g->n_node; i++) {
        const ln_node *n = &g->node[i];
        const int64_t one = n->n_in ? ln_node_macs(g, n) : 0;
        if (one && g->tensor[n->in[0]].dtype == LN_I8 && sum <= INT64_MAX - one) sum += one;
    }
    return sum;
}

static linnet_status count(const ln_model *m, int64_t batch, int64_t h, int64_t w, ln_figures *out,
                           linnet_error *err) {
    ln_graph *g = NULL;
    *out = (ln_figures){0};
    LN_TRY(ln_model_graph(m, batch, h, w, &g, err));
    const ln_shape *s = NULL;
    for (int i = g->n_input; i-- > 0;)
        if (!s || g->tensor[g->input[i]].shape.rank == 4) s = &g->tensor[g->input[i]].shape;
    if (s) out->channels = (int)s->dim[s->rank - 1];
    if (s && s->rank == 4) {
        out->height = (int)s->dim[1];
        out->width = (int)s->dim[2];
    }
    out->classes = m->row ? m->classes : count_classes(g);
    out->probabilities = out->classes && is_softmax(g, g->output[0]);
    out->params = g->params;
    out->macs = g->macs / LN_MAX(m->info.batch, 1);
    out->macs_i8 = macs_of_bytes(g) / LN_MAX(m->info.batch, 1);
    ln_graph_destroy(&g);
    return LINNET_OK;
}

linnet_status ln_model_count(const ln_model *m, int64_t h, int64_t w, ln_figures *out,
                             linnet_error *err) {
    *out = m->figures;
    return m->format ? LINNET_OK : count(m, 1, h, w, out, err);
}

const char *ln_model_name(const ln_model *m) {
    return m->name;
}

const ln_family_row *ln_model_row(const ln_model *m) {
    return m->row;
}

ln_weights *ln_model_weights(const ln_model *m) {
    return m->weights;
}

const ln_preprocess *ln_model_prep(const ln_model *m) {
    return &m->info.prep;
}

int ln_model_classes(const ln_model *m) {
    return m->classes;
}

const char *ln_model_label(const ln_model *m, int index) {
    return index >= 0 && (size_t)index < m->labels.count ? m->labels.item[index] : NULL;
}

int64_t ln_model_batch(const ln_model *m) {
    return m->info.batch;
}

bool ln_model_is_nhwc(const ln_model *m) {
    return m->info.nhwc;
}

bool ln_model_prep_known(const ln_model *m) {
    return m->info.prep_known;
}
