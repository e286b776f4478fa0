/* Fields as numbered in tensorflow/lite/support/metadata's metadata_schema.fbs. */
#include "models/tflite/metadata.h"

#include "models/import/bind.h"

#include <math.h>

enum { MODEL_SUBGRAPHS = 3, SUBGRAPH_INPUTS = 2, TENSOR_UNITS = 4 };
enum { UNIT_TYPE, UNIT_OPTIONS, NORMALIZATION = 1 };
enum { NORM_MEAN, NORM_STD };

/* One number for all colours or one for each. */
static bool numbers(const ln_flat_vector *v, float out[3]) {
    if (v->count != 1 && v->count != 3) return false;
    for (uint32_t c = 0; c < 3; c++) out[c] = ln_flat_f32(v, v->count == 3 ? c : 0);
    return isfinite(out[0]) && isfinite(out[1]) && isfinite(out[2]);
}

/* The normalisation among the units that process an input; *found when there is a good one. */
static linnet_status normalization(const ln_flat *f, const ln_flat_table *tensor, float mean[3],
                                   float std[3], bool *found) {
    ln_flat_vector units, m, s;
    ln_flat_table unit, options;
    int64_t type;
    LN_TRY(ln_flat_vec(tensor, TENSOR_UNITS, 4, &units, "process units"));
    for (uint32_t i = 0; i < units.count && !*found; i++) {
        LN_TRY(ln_flat_at(f, &units, i, &unit, "a process unit"));
        LN_TRY(ln_flat_int(&unit, UNIT_TYPE, 1, false, 0, &type, "a process unit's type"));
        if (type != NORMALIZATION) continue;
        LN_TRY(ln_flat_sub(&unit, UNIT_OPTIONS, &options, "a normalization"));
        LN_TRY(ln_flat_vec(&options, NORM_MEAN, 4, &m, "means"));
        LN_TRY(ln_flat_vec(&options, NORM_STD, 4, &s, "deviations"));
        float by[2][3];
        *found = numbers(&m, by[0]) && numbers(&s, by[1]) && by[1][0] > 0 && by[1][1] > 0 &&
                 by[1][2] > 0;
        for (int c = 0; c < 3 && *found; c++) mean[c] = by[0][c], std[c] = by[1][c];
    }
    return LINNET_OK;
}

static linnet_status read_metadata(const ln_flat *f, int input, float mean[3], float std[3],
                                   bool *found) {
    ln_flat_table root, sub, tensor;
    ln_flat_vector subs, inputs;
    LN_TRY(ln_flat_root(f, "M001", &root));
    LN_TRY(ln_flat_vec(&root, MODEL_SUBGRAPHS, 4, &subs, "subgraphs of metadata"));
    if (!subs.count) return LINNET_OK;
    LN_TRY(ln_flat_at(f, &subs, 0, &sub, "a subgraph of metadata"));
    LN_TRY(ln_flat_vec(&sub, SUBGRAPH_INPUTS, 4, &inputs, "inputs of metadata"));
    if ((uint32_t)input >= inputs.count) return LINNET_OK;
    LN_TRY(ln_flat_at(f, &inputs, (uint32_t)input, &tensor, "an input of metadata"));
    return normalization(f, &tensor, mean, std, found);
}

/* Of pixels from 0 to 255. */
static void set(ln_preprocess *p, float scale, const float mean[3], const float std[3]) {
    p->scale = scale;
    for (int c = 0; c < 3; c++) {
        p->mean[c] = mean[c] * scale;
        p->std[c] = std[c] * scale;
    }
}

linnet_status ln_tfl_read_prep(const ln_tfl_file *f, const ln_net *net, ln_preprocess *p,
                               linnet_error *err) {
    const ln_net_port *picture = ln_net_picture(net);
    const ln_file_quant *q = picture ? net->value[picture->value].quant : NULL;
    float mean[3] = {127.5f, 127.5f, 127.5f}, std[3] = {127.5f, 127.5f, 127.5f};
    linnet_error why = {0};
    bool found = false;
    if (picture && picture->dim[1].value > 1) p->size = (int)picture->dim[1].value;
    if (picture && f->metadata) {
        const ln_flat flat = {f->metadata, f->metadata_len, f->map.path, &why};
        const linnet_status st =
            read_metadata(&flat, (int)(picture - net->input), mean, std, &found);
        if (st == LINNET_ERR_OUT_OF_MEMORY) return ln_fail(err, st, "%s", why.message);
        if (st != LINNET_OK) ln_log(LN_LOG_WARN, "metadata is left out: %s", why.message);
    }
    if (q && !found) { /* so that a pixel is its own number: real = scale * (pixel - zero) */
        const float zero = (float)(q->zero[0] + (picture->type == LN_ONNX_INT8 ? 128 : 0));
        for (int c = 0; c < 3; c++) mean[c] = zero, std[c] = 1.0f / q->scale[0];
    }
    set(p, q && !found ? 1.0f : 1.0f / 255.0f, mean, std);
    return LINNET_OK;
}
