/* TensorFlow Lite files as models. */
#include "models/format.h"
#include "models/import/bind.h"
#include "models/tflite/import.h"
#include "models/tflite/metadata.h"

#include <stdlib.h>

typedef struct tfl_model {
    ln_tfl_file file;
    ln_net net; /* lies in pool, and points into file */
    ln_net_given given;
    int64_t batch; /* of the file; 0: any */
    ln_pool pool;
} tfl_model;

static linnet_status copy_labels(tfl_model *m, const char **out, linnet_error *err) {
    const size_t n = m->file.labels_len;
    *out = NULL;
    if (!m->file.labels) return LINNET_OK;
    char *s = ln_pool_alloc(&m->pool, n + 1, 1);
    if (!s) return ln_fail_oom(err, "labels", n);
    memcpy(s, m->file.labels, n);
    *out = s;
    return LINNET_OK;
}

static linnet_status open_tflite(const ln_model_params *p, ln_file_info *info, void **file,
                                 linnet_error *err) {
    tfl_model *m = *file = calloc(1, sizeof *m);
    if (!m) return ln_fail_oom(err, "a model", sizeof *m);
    if (p->layout == LN_LAYOUT_NCHW)
        return ln_fail(err, LINNET_ERR_INVALID_ARGUMENT,
                       "%s: pictures of TensorFlow Lite files are N,H,W,C; leave the layout out",
                       p->model);
    LN_TRY(ln_net_copy_given(&m->given, &m->pool, p, err));
    m->given.layout = LN_LAYOUT_NHWC;
    LN_TRY(ln_tfl_open(p->model, &m->file, err));
    LN_TRY(ln_tfl_net(&m->file, &m->pool, &m->net, err));
    LN_TRY(ln_net_check_ops(&m->net, err));
    LN_TRY(ln_tfl_read_prep(&m->file, &m->net, &info->prep, err));
    m->file.flat.err = NULL; /* the caller's; nothing is read any more */
    info->prep_known = true;
    LN_TRY(copy_labels(m, &info->labels, err));
    m->given.side = info->prep.size;
    info->nhwc = true;
    info->batch = m->batch = ln_net_batch(&m->net, &m->given);
    return LINNET_OK;
}

static linnet_status graph_tflite(const void *file, int64_t batch, int64_t h, int64_t w,
                                  ln_graph **out, linnet_error *err) {
    const tfl_model *m = file;
    return ln_net_build(&m->net, &m->given, m->batch, batch, h, w, out, err);
}

static void close_tflite(void *file) {
    tfl_model *m = file;
    if (!m) return;
    ln_tfl_close(&m->file);
    ln_pool_free(&m->pool);
    free(m);
}

const ln_format ln_format_tflite = {".tflite", open_tflite, graph_tflite, close_tflite};
