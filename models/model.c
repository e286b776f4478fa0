#include "models/model.h"

#include "base/env.h"
#include "models/build.h"
#include "models/meta.h"
#include "models/rename.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct ln_model {
    char *name;
    const ln_family_row *row;
    ln_preprocess prep;
    int classes;
    ln_weights *weights; /* NULL: shapes only */
    ln_labels labels;
    ln_pool pool;
};

static bool ends_with(const char *s, const char *tail) {
    size_t n = strlen(s), t = strlen(tail);
    return n >= t && !strcmp(s + n - t, tail);
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
    m->prep = m->row->prep;
    m->classes = m->row->classes;
    const char *prep = m->weights ? ln_weights_meta(m->weights, LN_META_PREP) : NULL;
    const char *labels = m->weights ? ln_weights_meta(m->weights, LN_META_LABELS) : NULL;
    if (prep) LN_TRY(ln_prep_parse(prep, ln_weights_path(m->weights), &m->prep, err));
    if (p->labels) return ln_labels_read(p->labels, m->classes, &m->labels, err);
    if (!labels) return LINNET_OK;
    return ln_labels_parse(labels, strlen(labels), ln_weights_path(m->weights), m->classes,
                           &m->labels, err);
}

static linnet_status open_model(ln_model *m, const ln_model_params *p, linnet_error *err) {
    /* the name before the weights: a misspelt one is the better thing to complain about */
    const char *file = p->weights ? p->weights : p->model;
    if (ends_with(file, ".onnx") || ends_with(file, ".tflite"))
        return ln_fail(err, LINNET_ERR_UNSUPPORTED,
                       "%s: ONNX and TFLite files are not supported by this version; give a family "
                       "(see linnet models) or a .safetensors file",
                       file);
    const char *name = is_path(p->model) ? p->arch : p->model;
    if (name && !ln_family_find(name, err)) return LINNET_ERR_UNSUPPORTED;
    LN_TRY(open_weights(p, &m->weights, err));
    LN_TRY(choose_row(m, p, err));
    return read_meta(m, p, err);
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
    ln_weights_close(&(*m)->weights);
    ln_labels_free(&(*m)->labels);
    ln_pool_free(&(*m)->pool);
    free(*m);
    *m = NULL;
}

linnet_status ln_model_graph(const ln_model *m, int64_t batch, int64_t h, int64_t w, ln_graph **out,
                             linnet_error *err) {
    return ln_network_build(m->row->arch, m->row->name, m->classes, m->weights, batch,
                            h ? h : m->prep.size, w ? w : m->prep.size, out, err);
}

const char *ln_model_name(const ln_model *m) {
    return m->name;
}

const ln_family_row *ln_model_row(const ln_model *m) {
    return m->row;
}

const ln_preprocess *ln_model_prep(const ln_model *m) {
    return &m->prep;
}

int ln_model_classes(const ln_model *m) {
    return m->classes;
}

const char *ln_model_label(const ln_model *m, int index) {
    return index >= 0 && (size_t)index < m->labels.count ? m->labels.item[index] : NULL;
}
