/* ONNX files as models. */
#include "models/format.h"
#include "models/onnx/onnx.h"

#include <stdlib.h>

typedef struct onnx_model {
    ln_net *onnx;
    ln_net_given given;
    int64_t batch; /* of the file; 0: any */
    ln_pool pool;
} onnx_model;

static linnet_status open_onnx(const ln_model_params *p, ln_file_info *info, void **file,
                               linnet_error *err) {
    onnx_model *m = *file = calloc(1, sizeof *m);
    if (!m) return ln_fail_oom(err, "a model", sizeof *m);
    LN_TRY(ln_net_copy_given(&m->given, &m->pool, p, err));
    LN_TRY(ln_onnx_open(p->model, &m->onnx, err));
    LN_TRY(ln_net_check_ops(m->onnx, err));
    LN_TRY(ln_onnx_read_prep(m->onnx, &info->prep, &info->prep_known, err));
    LN_TRY(ln_onnx_read_labels(m->onnx, &m->pool, &info->labels, err));
    const ln_net_port *picture = ln_net_picture(m->onnx);
    m->given.side = info->prep.size;
    info->nhwc = picture && ln_net_is_nhwc(picture, p->layout);
    info->batch = m->batch = ln_net_batch(m->onnx, &m->given);
    return LINNET_OK;
}

static linnet_status graph_onnx(const void *file, int64_t batch, int64_t h, int64_t w,
                                ln_graph **out, linnet_error *err) {
    const onnx_model *m = file;
    return ln_net_build(m->onnx, &m->given, m->batch, batch, h, w, out, err);
}

static void close_onnx(void *file) {
    onnx_model *m = file;
    if (!m) return;
    ln_onnx_close(&m->onnx);
    ln_pool_free(&m->pool);
    free(m);
}

const ln_format ln_format_onnx = {".onnx", open_onnx, graph_onnx, close_onnx};
