/* ONNX files as models. */
#include "models/format.h"
#include "models/onnx/bind.h"

#include <stdlib.h>
#include <string.h>

typedef struct onnx_model {
    ln_onnx *onnx;
    ln_onnx_given given;
    int64_t batch; /* of the file; 0: any */
    ln_pool pool;
} onnx_model;

static const char **copy_texts(ln_pool *pool, const char *const *text, size_t n) {
    const char **out = ln_pool_alloc(pool, n, sizeof *out);
    for (size_t i = 0; out && i < n; i++) {
        out[i] = ln_pool_strdup(pool, text[i]);
        if (!out[i]) return NULL;
    }
    return out;
}

static linnet_status copy_given(onnx_model *m, const ln_model_params *p, linnet_error *err) {
    m->given = (ln_onnx_given){.shape = copy_texts(&m->pool, p->shape, p->n_shape),
                               .n_shape = p->n_shape,
                               .hint = copy_texts(&m->pool, p->hint, p->n_hint),
                               .n_hint = p->n_hint,
                               .layout = p->layout};
    if (m->given.shape && m->given.hint) return LINNET_OK;
    return ln_fail_oom(err, "shapes", (p->n_shape + p->n_hint) * sizeof *p->shape);
}

static linnet_status open_onnx(const ln_model_params *p, ln_file_info *info, void **file,
                               linnet_error *err) {
    onnx_model *m = *file = calloc(1, sizeof *m);
    if (!m) return ln_fail_oom(err, "a model", sizeof *m);
    LN_TRY(copy_given(m, p, err));
    LN_TRY(ln_onnx_open(p->model, &m->onnx, err));
    LN_TRY(ln_onnx_check_ops(m->onnx, err));
    LN_TRY(ln_onnx_read_prep(m->onnx, &info->prep, &info->prep_known, err));
    LN_TRY(ln_onnx_read_labels(m->onnx, &m->pool, &info->labels, err));
    const ln_onnx_port *picture = ln_onnx_picture(m->onnx);
    m->given.side = info->prep.size;
    info->nhwc = picture && ln_onnx_is_nhwc(picture, p->layout);
    info->batch = m->batch = ln_onnx_batch(m->onnx, &m->given);
    return LINNET_OK;
}

/* A file that fixes its batch can be run at another only where the fixed number is used nowhere
 * else: then every output has the new one in its place. */
static linnet_status check_batch(const onnx_model *m, int64_t batch, const ln_graph *g,
                                 linnet_error *err) {
    for (int i = 0; i < m->onnx->n_output && i < g->n_output; i++) {
        const ln_onnx_port *p = &m->onnx->output[i];
        const ln_shape *s = &g->tensor[g->output[i]].shape;
        if (p->rank < 1 || p->dim[0].value != m->batch || s->dim[0] == batch) continue;
        return ln_fail(err, LINNET_ERR_UNSUPPORTED,
                       "%.200s: made for batches of %lld alone (output %.100s does not follow); "
                       "export it with a dynamic batch",
                       m->onnx->path, (long long)m->batch, p->name);
    }
    return LINNET_OK;
}

static linnet_status build(const onnx_model *m, const ln_onnx_given *given, ln_graph **out,
                           linnet_error *err) {
    const bool other = given->batch && m->batch && given->batch != m->batch;
    ln_onnx_bind *bind = calloc((size_t)m->onnx->n_input + 1, sizeof *bind);
    if (!bind) return ln_fail_oom(err, "input shapes", (size_t)m->onnx->n_input * sizeof *bind);
    linnet_status st = ln_onnx_bind_inputs(m->onnx, given, bind, err);
    if (st == LINNET_OK) {
        st = ln_onnx_graph(m->onnx, bind, out, err);
        if (st != LINNET_OK && other)
            ln_fail_prefix(err, "batch %lld of a file made for %lld", (long long)given->batch,
                           (long long)m->batch);
        if (st == LINNET_OK && other) st = check_batch(m, given->batch, *out, err);
    }
    free(bind);
    return st;
}

static linnet_status graph_onnx(const void *file, int64_t batch, int64_t h, int64_t w,
                                ln_graph **out, linnet_error *err) {
    const onnx_model *m = file;
    ln_onnx_given given = m->given;
    given.batch = batch;
    given.h = h;
    given.w = w;
    *out = NULL;
    const linnet_status st = build(m, &given, out, err);
    if (st != LINNET_OK) ln_graph_destroy(out);
    return st;
}

static void close_onnx(void *file) {
    onnx_model *m = file;
    if (!m) return;
    ln_onnx_close(&m->onnx);
    ln_pool_free(&m->pool);
    free(m);
}

const ln_format ln_format_onnx = {".onnx", open_onnx, graph_onnx, close_onnx};
