/* Reading the files of a test, and comparing. */
#include "tests/onnx/conformance.h"

#include "base/file.h"
#include "onnx.pb-c.h"

#include <stdlib.h>

static ln_net_tensor tensor_of(const Ln__PbTensor *pb) {
    ln_net_tensor t = {.name = pb->name ? pb->name : "", .type = pb->data_type};
    t.shape.rank = (int)pb->n_dims;
    for (size_t i = 0; i < pb->n_dims && i < LN_MAX_RANK; i++) t.shape.dim[i] = pb->dims[i];
    if (pb->n_dims > LN_MAX_RANK || !ln_count(&t.shape, &t.count)) t.count = -1;
    return t;
}

/* Where the elements lie, and as what. */
static bool find_data(const Ln__PbTensor *pb, ln_net_tensor *t) {
    const size_t n = (size_t)t->count;
    if (t->count < 0 || !ln_onnx_type_size(t->type)) return false;
    if (!n) return true;
    if (pb->has_raw_data) {
        t->data = pb->raw_data.data;
        return pb->raw_data.len == n * ln_onnx_type_size(t->type);
    }
    if (t->type == LN_ONNX_FLOAT) t->data = pb->float_data;
    if (t->type == LN_ONNX_DOUBLE) t->data = pb->double_data;
    if (t->type == LN_ONNX_INT64) t->data = pb->int64_data;
    if (t->type == LN_ONNX_INT32) t->data = pb->int32_data;
    return t->data &&
           pb->n_float_data + pb->n_double_data + pb->n_int64_data + pb->n_int32_data == n;
}

static bool read_tensor(const char *path, cf_tensor *out) {
    ln_file f = {0};
    if (ln_file_map(path, &f, NULL) != LINNET_OK) return false;
    Ln__PbTensor *pb = ln__pb_tensor__unpack(NULL, f.size, f.data);
    ln_file_unmap(&f);
    if (!pb) return false;
    out->message = pb;
    out->t = tensor_of(pb);
    return find_data(pb, &out->t);
}

static bool read_kind(const char *folder, const char *kind, cf_tensor *list, int *n) {
    for (*n = 0; *n < MAX_PORTS; (*n)++) {
        char path[1024];
        snprintf(path, sizeof path, "%s/%s_%d.pb", folder, kind, *n);
        FILE *f = fopen(path, "rb");
        if (!f) return true;
        fclose(f);
        if (!read_tensor(path, &list[*n])) {
            (*n)++;
            return false;
        }
    }
    return false;
}

bool cf_read(const char *folder, cf_data *d) {
    *d = (cf_data){0};
    return read_kind(folder, "input", d->in, &d->n_in) &&
           read_kind(folder, "output", d->out, &d->n_out);
}

void cf_free(cf_data *d) {
    for (int i = 0; i < MAX_PORTS; i++) {
        if (d->in[i].message) ln__pb_tensor__free_unpacked(d->in[i].message, NULL);
        if (d->out[i].message) ln__pb_tensor__free_unpacked(d->out[i].message, NULL);
    }
    *d = (cf_data){0};
}

void cf_ops(const char *path, char *text, size_t size) {
    ln_file f = {0};
    snprintf(text, size, "?");
    if (ln_file_map(path, &f, NULL) != LINNET_OK) return;
    Ln__PbModel *pb = ln__pb_model__unpack(NULL, f.size, f.data);
    ln_file_unmap(&f);
    if (!pb || !pb->graph) return;
    size_t at = 0;
    for (size_t i = 0; i < pb->graph->n_node && at < size; i++) {
        const char *op = pb->graph->node[i]->op_type;
        bool again = false;
        for (size_t k = 0; k < i; k++) again |= !strcmp(pb->graph->node[k]->op_type, op);
        if (!again) at += (size_t)snprintf(text + at, size - at, at ? ",%s" : "%s", op);
    }
    ln__pb_model__free_unpacked(pb, NULL);
}

static ln_host host_of(const ln_net_tensor *t) {
    return (ln_host){t->type, t->type, t->shape, t->count, t->data};
}

void *cf_words(const ln_net_tensor *t, bool f32) {
    const ln_host h = host_of(t);
    union {
        float f;
        int32_t i;
    } *w = calloc((size_t)t->count + 1, sizeof *w);
    for (int64_t i = 0; i < t->count; i++) {
        const int64_t v = f32 ? 0 : ln_host_i(&h, i);
        if (f32)
            w[i].f = (float)ln_host_f(&h, i);
        else
            w[i].i = (int32_t)LN_MAX(LN_MIN(v, INT32_MAX), INT32_MIN);
    }
    return w;
}

static bool near(double want, double got) {
    if (isnan(want) || isnan(got)) return isnan(want) && isnan(got);
    if (isinf(want) || isinf(got)) return want == got;
    return fabs(want - got) <= 1e-7 + 1e-3 * fabs(want);
}

bool cf_close(const ln_net_tensor *want, const void *words, bool f32, char *why, size_t size) {
    const ln_host h = host_of(want);
    for (int64_t i = 0; i < want->count; i++) {
        const double w = ln_host_f(&h, i);
        const double got =
            f32 ? (double)((const float *)words)[i] : (double)((const int32_t *)words)[i];
        if (near(w, got)) continue;
        snprintf(why, size, "element %lld is %g, not %g", (long long)i, got, w);
        return false;
    }
    return true;
}
