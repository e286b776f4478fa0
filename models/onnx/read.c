/* Opens an ONNX file: the mapped bytes, their messages, versions and metadata. */
#include "models/onnx/store.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

enum { IR_MIN = 3, IR_MAX = 10, OPSET_MAX = 21 };

/* Memory of the parser. A file of many empty messages grows by what a record takes; the bound is
 * far above what real files need. */
typedef struct bounded {
    ln_pool *pool;
    size_t most;
    bool denied;
} bounded;

static void *take(void *user, size_t size) {
    bounded *b = user;
    void *p = size > b->most - b->pool->total ? NULL : ln_pool_alloc(b->pool, size, 1);
    b->denied = b->denied || !p;
    return p;
}

static void give(void *user, void *p) {
    (void)user, (void)p; /* with the pool */
}

static linnet_status unpack(ln_onnx_store *s, const ln_str *slim, Ln__PbModel **out,
                            linnet_error *err) {
    bounded b = {.pool = &s->pool, .most = s->pool.total + ((size_t)64 << 20) + 16 * slim->len};
    ProtobufCAllocator allocator = {take, give, &b};
    *out = ln__pb_model__unpack(&allocator, slim->len, (const uint8_t *)slim->p);
    if (*out && (*out)->graph) return LINNET_OK;
    if (b.denied) return ln_fail_oom(err, "an ONNX model", 16 * slim->len);
    return ln_fail(err, LINNET_ERR_BAD_FILE, "%s: %s; not an ONNX file?", s->model.path,
                   *out ? "no graph in it" : "its messages cannot be read");
}

static linnet_status check_versions(ln_net *m, const Ln__PbModel *pb, linnet_error *err) {
    if (!pb->has_ir_version)
        return ln_fail(err, LINNET_ERR_BAD_FILE, "%s: no IR version; not an ONNX file?", m->path);
    if (pb->ir_version < IR_MIN || pb->ir_version > IR_MAX)
        return ln_fail(err, LINNET_ERR_UNSUPPORTED,
                       "%s: IR version %lld; %d to %d are read: export it for one of these",
                       m->path, (long long)pb->ir_version, IR_MIN, IR_MAX);
    m->ir_version = (int)pb->ir_version;
    for (size_t i = 0; i < pb->n_opset_import; i++) {
        const Ln__PbOpset *o = pb->opset_import[i];
        const bool own = !o->domain || !*o->domain || !strcmp(o->domain, "ai.onnx");
        if (!own) continue;
        if (o->version < 1 || o->version > OPSET_MAX)
            return ln_fail(err, LINNET_ERR_UNSUPPORTED,
                           "%s: operator set %lld; 1 to %d are read: export it for one of these",
                           m->path, (long long)o->version, OPSET_MAX);
        m->opset = (int)o->version;
    }
    if (pb->n_opset_import) return LINNET_OK;
    return ln_fail(err, LINNET_ERR_BAD_FILE, "%s: no version of the ONNX operator set is given",
                   m->path);
}

static linnet_status read_meta(ln_onnx_store *s, const Ln__PbModel *pb, linnet_error *err) {
    ln_net *m = &s->model;
    ln_net_meta *meta = ln_pool_alloc(&s->pool, pb->n_metadata_props, sizeof *meta);
    m->producer = ln_pool_printf(&s->pool, "%s%s%s", pb->producer_name ? pb->producer_name : "",
                                 pb->producer_version && *pb->producer_version ? " " : "",
                                 pb->producer_version ? pb->producer_version : "");
    if (!meta || !m->producer)
        return ln_fail_oom(err, "metadata", pb->n_metadata_props * sizeof *meta);
    for (size_t i = 0; i < pb->n_metadata_props; i++) {
        const Ln__PbString *p = pb->metadata_props[i];
        if (p->key && p->value) meta[m->n_meta++] = (ln_net_meta){p->key, p->value};
    }
    m->meta = meta;
    return LINNET_OK;
}

static linnet_status read_file(ln_onnx_store *s, const char *path, linnet_error *err) {
    Ln__PbModel *pb;
    ln_str slim = {0};
    s->model.path = ln_pool_strdup(&s->pool, path);
    if (!s->model.path) return ln_fail_oom(err, "a file name", strlen(path));
    LN_TRY(ln_file_map(path, &s->file, err));
    linnet_status st = ln_onnx_slim(&s->file, &slim, err);
    if (st == LINNET_OK) st = unpack(s, &slim, &pb, err);
    ln_str_free(&slim);
    if (st != LINNET_OK) return st;
    LN_TRY(check_versions(&s->model, pb, err));
    LN_TRY(read_meta(s, pb, err));
    return ln_onnx_read_graph(s, pb, err);
}

linnet_status ln_onnx_open(const char *path, ln_net **out, linnet_error *err) {
    *out = NULL;
    ln_onnx_store *s = calloc(1, sizeof *s);
    if (!s) return ln_fail_oom(err, "a model", sizeof *s);
    s->model.store = s;
    *out = &s->model;
    const linnet_status st = read_file(s, path, err);
    if (st != LINNET_OK) ln_onnx_close(out);
    return st;
}

void ln_onnx_close(ln_net **m) {
    if (!m || !*m) return;
    ln_onnx_store *s = (*m)->store;
    for (size_t i = 0; i < s->n_extra; i++) ln_file_unmap(&s->extra[i].file);
    free(s->extra);
    ln_file_unmap(&s->file);
    ln_pool_free(&s->pool);
    free(s);
    *m = NULL;
}
