#include "models/weights_impl.h"

#include <stdlib.h>
#include <string.h>

linnet_status ln_grow(void **items, size_t *cap, size_t need, size_t size, linnet_error *err) {
    if (need <= *cap) return LINNET_OK;
    size_t n = LN_MAX(need, *cap < SIZE_MAX / 2 ? *cap * 2 : need), bytes = 0;
    void *p = ln_mul_size(LN_MAX(n, 16), size, &bytes) ? realloc(*items, bytes) : NULL;
    if (!p) return ln_fail_oom(err, "a list of tensors", bytes);
    *items = p;
    *cap = bytes / size;
    return LINNET_OK;
}

void ln_row_major(const ln_shape *s, int64_t stride[LN_MAX_RANK]) {
    int64_t step = 1;
    for (int i = s->rank - 1; i >= 0; i--) {
        stride[i] = step;
        step *= s->dim[i];
    }
}

linnet_status ln_weights_new(const char *path, ln_weights **out, linnet_error *err) {
    ln_weights *ws = calloc(1, sizeof *ws);
    *out = NULL;
    if (!ws) return ln_fail_oom(err, "a weight file", sizeof *ws);
    pthread_mutex_init(&ws->lock, NULL);
    ws->path = ln_pool_strdup(&ws->pool, path);
    if (!ws->path) {
        ln_weights_close(&ws);
        return ln_fail_oom(err, "a weight file", strlen(path));
    }
    *out = ws;
    return LINNET_OK;
}

void ln_weights_close(ln_weights **w) {
    if (!w || !*w) return;
    ln_weights *ws = *w;
    *w = NULL;
    for (size_t i = 0; i < ws->n_owned; i++) free(ws->owned[i]);
    free(ws->owned);
    free(ws->item);
    free(ws->slot);
    free(ws->meta);
    ln_pool_free(&ws->pool);
    ln_file_unmap(&ws->file);
    pthread_mutex_destroy(&ws->lock);
    free(ws);
}

linnet_status ln_weights_own(ln_weights *ws, void *block, linnet_error *err) {
    linnet_status st =
        ln_grow((void **)&ws->owned, &ws->cap_owned, ws->n_owned + 1, sizeof *ws->owned, err);
    if (st != LINNET_OK) {
        free(block);
        return st;
    }
    ws->owned[ws->n_owned++] = block;
    return LINNET_OK;
}

linnet_status ln_weights_meta_add(ln_weights *ws, const char *key, const char *value,
                                  linnet_error *err) {
    LN_TRY(ln_grow((void **)&ws->meta, &ws->cap_meta, ws->n_meta + 1, sizeof *ws->meta, err));
    ln_meta m = {ln_pool_strdup(&ws->pool, key), ln_pool_strdup(&ws->pool, value)};
    if (!m.key || !m.value) return ln_fail_oom(err, "metadata", strlen(value));
    ws->meta[ws->n_meta++] = m;
    return LINNET_OK;
}

/* ---- lookup by name ---- */
static size_t place(const ln_weights *ws, const char *name) {
    size_t mask = ws->n_slot - 1, i = ln_hash(LN_HASH_INIT, name, strlen(name)) & mask;
    while (ws->slot[i] && strcmp(ws->item[ws->slot[i] - 1]->name, name)) i = (i + 1) & mask;
    return i;
}

ln_weight *ln_weights_lookup(const ln_weights *ws, const char *name) {
    if (!ws->n_slot) return NULL;
    uint32_t s = ws->slot[place(ws, name)];
    return s ? ws->item[s - 1] : NULL;
}

/* Keeps the table at most half full. */
static linnet_status rehash(ln_weights *ws, linnet_error *err) {
    if (ws->n_slot >= 2 * (ws->count + 1)) return LINNET_OK;
    size_t n = ws->n_slot ? 2 * ws->n_slot : 256;
    uint32_t *slot = calloc(n, sizeof *slot);
    if (!slot) return ln_fail_oom(err, "tensor names", n * sizeof *slot);
    free(ws->slot);
    ws->slot = slot;
    ws->n_slot = n;
    for (size_t i = 0; i < ws->count; i++)
        ws->slot[place(ws, ws->item[i]->name)] = (uint32_t)(i + 1);
    return LINNET_OK;
}

linnet_status ln_weights_add(ln_weights *ws, const ln_weight *w, bool strided, linnet_error *err) {
    LN_TRY(ln_grow((void **)&ws->item, &ws->cap, ws->count + 1, sizeof *ws->item, err));
    LN_TRY(rehash(ws, err));
    if (ws->count >= UINT32_MAX - 1)
        return ln_fail(err, LINNET_ERR_BAD_FILE, "%s: too many tensors", ws->path);
    if (ln_weights_lookup(ws, w->name))
        return ln_fail(err, LINNET_ERR_BAD_FILE, "%s: tensor %s is there twice", ws->path, w->name);
    ln_weight *own = ln_pool_alloc(&ws->pool, 1, sizeof *own);
    if (!own) return ln_fail_oom(err, "a tensor record", sizeof *own);
    *own = *w;
    own->name = ln_pool_strdup(&ws->pool, w->name);
    if (!own->name) return ln_fail_oom(err, "a tensor name", strlen(w->name));
    if (!strided) ln_row_major(&own->shape, own->stride);
    own->index = ws->count;
    size_t at = place(ws, own->name);
    ws->item[ws->count++] = own;
    ws->slot[at] = (uint32_t)ws->count;
    return LINNET_OK;
}

/* ---- reading ---- */
bool ln_weights_is_synthetic(const ln_weights *w) {
    return w->synthetic;
}

size_t ln_weights_count(const ln_weights *w) {
    return w->count;
}

const ln_weight *ln_weights_at(const ln_weights *w, size_t i) {
    return i < w->count ? w->item[i] : NULL;
}

const char *ln_weights_meta(const ln_weights *w, const char *key) {
    for (size_t i = 0; i < w->n_meta; i++)
        if (!strcmp(w->meta[i].key, key)) return w->meta[i].value;
    return NULL;
}

const char *ln_weights_path(const ln_weights *w) {
    return w->path;
}
