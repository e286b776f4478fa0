#include "models/quantized.h"

#include "models/build.h"
#include "models/json.h"
#include "models/save.h"
#include "models/weights_impl.h"

#include <float.h>
#include <string.h>

/* ---- reading ---- */
static bool read_row(const cJSON *v, ln_quant_row *out) {
    const int n = cJSON_GetArraySize(v);
    if (!cJSON_IsArray(v) || n != 2) return false;
    const cJSON *scale = v->child, *zero = scale->next;
    if (!cJSON_IsNumber(scale) || !cJSON_IsNumber(zero)) return false;
    if (!(scale->valuedouble >= (double)FLT_MIN && scale->valuedouble <= (double)FLT_MAX))
        return false;
    if (!(zero->valuedouble >= -128 && zero->valuedouble <= 127)) return false;
    const int whole = (int)zero->valuedouble;
    if ((double)whole != zero->valuedouble) return false;
    out->q = ln_quant_of((float)scale->valuedouble, whole);
    return true;
}

static linnet_status read_rows(const cJSON *o, const char *at, ln_quant_rows *out,
                               linnet_error *err) {
    enum { MOST = 65536 };
    double version = 0;
    const cJSON *v = cJSON_GetObjectItemCaseSensitive(o, "version");
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(o, "scales");
    if (cJSON_IsNumber(v)) version = v->valuedouble;
    if (version != 1)
        return ln_fail(err, LINNET_ERR_UNSUPPORTED, "%s: version %g; this program reads 1", at,
                       version);
    const int n = cJSON_IsObject(list) ? cJSON_GetArraySize(list) : 0;
    if (n < 1 || n > MOST)
        return ln_fail(err, LINNET_ERR_BAD_FILE, "%s: %d scales; 1 to %d are taken", at, n,
                       (int)MOST);
    out->row = ln_pool_alloc(&out->pool, (size_t)n, sizeof *out->row);
    if (!out->row) return ln_fail_oom(err, at, (size_t)n * sizeof *out->row);
    for (v = list->child; v; v = v->next) {
        ln_quant_row *r = &out->row[out->count];
        if (!read_row(v, r))
            return ln_fail(err, LINNET_ERR_BAD_FILE,
                           "%s: '%.100s' is not [scale above 0, zero point from -128 to 127]", at,
                           v->string);
        r->name = ln_pool_strdup(&out->pool, v->string);
        if (!r->name) return ln_fail_oom(err, at, strlen(v->string));
        out->count++;
    }
    return LINNET_OK;
}

linnet_status ln_quant_rows_read(const ln_weights *w, ln_quant_rows *out, linnet_error *err) {
    const char *text = w ? ln_weights_meta(w, LN_META_QUANT) : NULL;
    char at[300];
    cJSON *o;
    *out = (ln_quant_rows){0};
    if (!text) return LINNET_OK;
    snprintf(at, sizeof at, "%.256s: metadata " LN_META_QUANT, ln_weights_path(w));
    LN_TRY(ln_json_object(text, strlen(text), at, &o, err));
    const linnet_status st = read_rows(o, at, out, err);
    cJSON_Delete(o);
    if (st != LINNET_OK) ln_quant_rows_free(out);
    return st;
}

void ln_quant_rows_free(ln_quant_rows *r) {
    ln_pool_free(&r->pool);
    *r = (ln_quant_rows){0};
}

/* ---- writing ---- */
typedef struct job {
    const ln_model *m;
    const ln_graph *g;
    ln_weights *to;
    linnet_error *err;
} job;

/* A dense copy of constant t, of elements of `size` bytes (1: as they lie; 4: floats); the kernels
 * of convolutions in the file's order, output channel, input channel, row, column. */
static linnet_status dense(job *j, ln_tid t, bool kernel, size_t size, void **out) {
    const ln_tensor *c = &j->g->tensor[t];
    ln_shape s = c->shape;
    int64_t count = 0, stride[LN_MAX_RANK], index[LN_MAX_RANK] = {0};
    memcpy(stride, c->view.stride, sizeof stride);
    if (kernel && s.rank == 4) {
        s = (ln_shape){4, {c->shape.dim[0], c->shape.dim[3], c->shape.dim[1], c->shape.dim[2]}};
        const int64_t *v = c->view.stride;
        memcpy(stride, (int64_t[]){v[0], v[3], v[1], v[2]}, 4 * sizeof *stride);
    }
    uint8_t *to = ln_shape_count(&s, &count) ? ln_pool_alloc(&j->to->pool, (size_t)count, size) : 0;
    if (!(*out = to)) return ln_fail_oom(j->err, c->name, (size_t)count * size);
    for (int64_t i = 0; i < count; i++) {
        int64_t at = 0;
        for (int d = 0; d < s.rank; d++) at += index[d] * stride[d];
        if (size == 1) {
            to[i] = ((const uint8_t *)c->view.data)[at];
        } else {
            float v = ln_elem_f32(c->view.data, at, c->view.dtype);
            if (c->view.scale) v *= c->view.scale[index[0]];
            memcpy(to + (size_t)i * sizeof v, &v, sizeof v);
        }
        for (int d = s.rank - 1; d >= 0 && ++index[d] == s.dim[d]; d--) index[d] = 0;
    }
    return LINNET_OK;
}

static linnet_status put(job *j, const char *name, const ln_shape *shape, ln_dtype type,
                         const void *data) {
    const ln_weight w = {.name = name, .shape = *shape, .dtype = type, .data = data};
    return ln_weights_lookup(j->to, name) ? LINNET_OK : ln_weights_add(j->to, &w, false, j->err);
}

/* What the builder asks a file for: the layers' own weights, and what was in the source. */
static linnet_status put_constant(job *j, const ln_node *n, int slot) {
    const ln_tensor *c = &j->g->tensor[n->in[slot]];
    const bool conv = n->op == LN_OP_CONV2D, layer = conv || n->op == LN_OP_FC;
    const ln_weight *own = ln_weights_find(ln_model_weights(j->m), c->name, NULL, j->err);
    const bool bytes = layer && slot == LN_CONV_W && c->view.dtype == LN_I8 && c->view.scale;
    if (!own && !(layer && slot == LN_CONV_BIAS)) return LINNET_OK; /* the network's own */
    ln_shape shape = own ? own->shape : c->shape;
    void *data;
    LN_TRY(dense(j, n->in[slot], conv && slot == LN_CONV_W, bytes ? 1 : 4, &data));
    LN_TRY(put(j, c->name, &shape, bytes ? LN_I8 : LN_F32, data));
    if (!bytes) return LINNET_OK;
    char name[LN_NAME_MAX + 32];
    snprintf(name, sizeof name, "%s_scale", c->name);
    return put(j, name, &(ln_shape){1, {shape.dim[0]}}, LN_F32, c->view.scale);
}

static linnet_status put_rows(job *j, const ln_quant_row *row, int count) {
    ln_str s = {0};
    ln_str_add(&s, "{\"version\":1,\"scales\":{");
    for (int i = 0; i < count; i++) {
        ln_str_add(&s, i ? "," : "");
        ln_json_string(&s, row[i].name);
        ln_str_add(&s, ":[%.9g,%d]", (double)row[i].q.scale, (int)row[i].q.zero);
    }
    ln_str_add(&s, "}}");
    linnet_status st = s.failed ? ln_fail_oom(j->err, "metadata", s.len)
                                : ln_weights_meta_add(j->to, LN_META_QUANT, s.p, j->err);
    ln_str_free(&s);
    return st;
}

static linnet_status fill(job *j, const ln_quant_row *row, int count) {
    const char *widths = ln_weights_meta(ln_model_weights(j->m), LN_META_WIDTHS);
    for (int i = 0; i < j->g->n_node; i++)
        for (int k = 0; k < j->g->node[i].n_in; k++) {
            const ln_tid t = j->g->node[i].in[k];
            if (t != LN_NONE && j->g->tensor[t].kind == LN_TENSOR_CONST)
                LN_TRY(put_constant(j, &j->g->node[i], k));
        }
    LN_TRY(ln_save_meta(j->m, j->to, j->err));
    if (widths) LN_TRY(ln_weights_meta_add(j->to, LN_META_WIDTHS, widths, j->err));
    return put_rows(j, row, count);
}

linnet_status ln_quantized_write(const ln_model *m, const ln_graph *g, const ln_quant_row *row,
                                 int count, const char *path, linnet_error *err) {
    job j = {.m = m, .g = g, .err = err};
    LN_TRY(ln_weights_new(path, &j.to, err));
    linnet_status st = fill(&j, row, count);
    if (st == LINNET_OK) st = ln_save(j.to, path, err);
    ln_weights_close(&j.to);
    return st;
}
