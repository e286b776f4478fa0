/* Reader of PyTorch checkpoints. Two containers hold the same pickle:
 *   legacy: pickles of the magic number, the protocol, a record of the system, the object, and the
 *     list of storage keys; then for each key an int64 count and the elements
 *   zip: NAME/data.pkl and NAME/data/KEY, entries stored without compression */
#include "models/pickle.h"
#include "models/weights_impl.h"
#include "models/zip.h"

#include <stdlib.h>
#include <string.h>

/* A storage's bytes, by key. */
typedef struct place {
    const char *key;
    ln_dtype dtype;
    int64_t count;
    const uint8_t *data;
} place;

typedef struct reader {
    ln_weights *ws;
    linnet_error *err;
    place *place; /* sorted by key */
    size_t n_place;
} reader;

static int by_key(const void *a, const void *b) {
    return strcmp(((const place *)a)->key, ((const place *)b)->key);
}

static place *find_place(const reader *r, const char *key) {
    place want = {.key = key};
    return bsearch(&want, r->place, r->n_place, sizeof want, by_key);
}

/* One place for each key that the pickle names; no bytes yet. */
static linnet_status collect_places(reader *r, const ln_pickle *p) {
    r->place = calloc(p->n_storage + 1, sizeof *r->place);
    if (!r->place) return ln_fail_oom(r->err, "storages", p->n_storage * sizeof *r->place);
    for (size_t i = 0; i < p->n_storage; i++) {
        const ln_pk_value *s = p->storage[i];
        r->place[i] = (place){.key = s->s, .dtype = s->dtype, .count = s->i};
    }
    qsort(r->place, p->n_storage, sizeof *r->place, by_key);
    for (size_t i = 0; i < p->n_storage; i++) {
        place *last = r->n_place ? &r->place[r->n_place - 1] : NULL;
        if (!last || by_key(last, &r->place[i])) {
            r->place[r->n_place++] = r->place[i];
            continue;
        }
        if (last->dtype != r->place[i].dtype || last->count != r->place[i].count)
            return ln_fail(r->err, LINNET_ERR_BAD_FILE, "%s: storage %.80s has two descriptions",
                           r->ws->path, last->key);
    }
    return LINNET_OK;
}

/* ---- the state_dict inside the object ---- */
static bool all_start_with(const ln_pk_value *d, const char *prefix) {
    size_t n = 0;
    for (size_t i = 0; i + 1 < d->n; i += 2) {
        if (d->item[i + 1]->type != LN_PK_TENSOR || d->item[i]->type != LN_PK_STR) continue;
        if (strncmp(d->item[i]->s, prefix, strlen(prefix))) return false;
        n++;
    }
    return n > 0;
}

static linnet_status add_tensor(reader *r, const char *name, const ln_pk_tensor *t) {
    const place *at = find_place(r, t->storage->s);
    size_t size = ln_dtype_size(t->storage->dtype);
    if (!at || !at->data)
        return ln_fail(r->err, LINNET_ERR_BAD_FILE, "%s: tensor %.200s: storage %.80s is not there",
                       r->ws->path, name, t->storage->s);
    ln_weight w = {.name = name, .shape = t->shape, .dtype = t->storage->dtype};
    w.data = at->data + (size_t)t->offset * size;
    memcpy(w.stride, t->stride, sizeof w.stride);
    return ln_weights_add(r->ws, &w, true, r->err);
}

static linnet_status add_all(reader *r, const ln_pk_value *root) {
    static const char *const wrapper[] = {"state_dict", "model"};
    const ln_pk_value *d = root;
    for (size_t i = 0; i < LN_COUNT(wrapper); i++) {
        const ln_pk_value *inner = ln_pk_get(root, wrapper[i]);
        if (inner && inner->type == LN_PK_DICT) {
            d = inner;
            break;
        }
    }
    if (d->type != LN_PK_DICT)
        return ln_fail(r->err, LINNET_ERR_BAD_FILE, "%s: the checkpoint is not a dict of tensors",
                       r->ws->path);
    size_t skip = all_start_with(d, "module.") ? strlen("module.") : 0; /* DataParallel */
    for (size_t i = 0; i + 1 < d->n; i += 2)
        if (d->item[i]->type == LN_PK_STR && d->item[i + 1]->type == LN_PK_TENSOR)
            LN_TRY(add_tensor(r, d->item[i]->s + skip, d->item[i + 1]->tensor));
    if (!r->ws->count)
        return ln_fail(r->err, LINNET_ERR_BAD_FILE, "%s: the checkpoint holds no tensors",
                       r->ws->path);
    return LINNET_OK;
}

/* ---- legacy ---- */
static linnet_status expect_start(ln_pickle *p, ln_pk_value **object) {
    static const uint8_t magic[10] = {0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19};
    ln_pk_value *v;
    LN_TRY(ln_pickle_run(p, &v));
    if (v->type != LN_PK_LONG || v->n != sizeof magic || memcmp(v->s, magic, sizeof magic))
        return ln_cur_fail(&p->c, "a pickle, but not a PyTorch checkpoint");
    LN_TRY(ln_pickle_run(p, &v));
    if (v->type != LN_PK_INT || v->i != 1001)
        return ln_cur_fail(&p->c, "not PyTorch's stream protocol 1001");
    LN_TRY(ln_pickle_run(p, &v));
    const ln_pk_value *little = ln_pk_get(v, "little_endian");
    if (!little || little->type != LN_PK_BOOL || !little->i)
        return ln_cur_fail(&p->c, "saved on a big-endian machine");
    return ln_pickle_run(p, object);
}

static linnet_status take_storage(reader *r, ln_cursor *c, const ln_pk_value *key) {
    uint64_t count;
    size_t bytes;
    place *at = key->type == LN_PK_STR ? find_place(r, key->s) : NULL;
    if (!at) return ln_cur_fail(c, "a storage that no tensor names");
    LN_TRY(ln_cur_u64(c, &count, "storage length"));
    if (count != (uint64_t)at->count)
        return ln_cur_fail(c, "storage %.80s holds %llu elements, not %lld", at->key,
                           (unsigned long long)count, (long long)at->count);
    if (!ln_mul_size(count, ln_dtype_size(at->dtype), &bytes))
        return ln_cur_fail(c, "storage %.80s overflows", at->key);
    return ln_cur_bytes(c, bytes, &at->data, "a storage");
}

static linnet_status read_legacy(reader *r, ln_pickle *p) {
    ln_pk_value *root, *keys;
    LN_TRY(expect_start(p, &root));
    LN_TRY(ln_pickle_run(p, &keys));
    if (keys->type != LN_PK_LIST) return ln_cur_fail(&p->c, "the storage keys are not a list");
    LN_TRY(collect_places(r, p));
    for (size_t i = 0; i < keys->n; i++) LN_TRY(take_storage(r, &p->c, keys->item[i]));
    return add_all(r, root);
}

/* ---- zip ---- */
static linnet_status take_entry(reader *r, const ln_zip *z, const char *folder, place *at) {
    char name[512];
    size_t bytes;
    snprintf(name, sizeof name, "%.250s/data/%.250s", folder, at->key);
    const ln_zip_entry *e = ln_zip_find(z, name);
    if (!e)
        return ln_fail(r->err, LINNET_ERR_BAD_FILE, "%s: no entry %.200s in the archive",
                       r->ws->path, name);
    if (!ln_mul_size((size_t)at->count, ln_dtype_size(at->dtype), &bytes) || bytes > e->size)
        return ln_fail(r->err, LINNET_ERR_BAD_FILE,
                       "%s: entry %.200s has %zu bytes for %lld elements", r->ws->path, name,
                       e->size, (long long)at->count);
    at->data = e->data;
    return LINNET_OK;
}

/* The entry FOLDER/data.pkl; FOLDER is whatever the file was called when it was saved. */
static const ln_zip_entry *find_pickle(const ln_zip *z, char folder[256]) {
    static const char tail[] = "/data.pkl";
    for (size_t i = 0; i < z->count; i++) {
        size_t n = strlen(z->entry[i].name), t = sizeof tail - 1;
        if (n <= t || n - t > 255 || strcmp(z->entry[i].name + n - t, tail)) continue;
        memcpy(folder, z->entry[i].name, n - t);
        folder[n - t] = '\0';
        if (!strchr(folder, '/')) return &z->entry[i];
    }
    return NULL;
}

static linnet_status read_zip(reader *r, const ln_zip *z) {
    char folder[256];
    const ln_zip_entry *e = find_pickle(z, folder);
    if (!e)
        return ln_fail(r->err, LINNET_ERR_BAD_FILE,
                       "%s: a zip archive without data.pkl is no PyTorch checkpoint", r->ws->path);
    char order[300];
    snprintf(order, sizeof order, "%s/byteorder", folder);
    const ln_zip_entry *bytes = ln_zip_find(z, order);
    if (bytes && (bytes->size != 6 || memcmp(bytes->data, "little", 6)))
        return ln_fail(r->err, LINNET_ERR_BAD_FILE, "%s: saved on a big-endian machine",
                       r->ws->path);
    ln_pickle p;
    ln_pk_value *root;
    ln_pickle_init(&p, e->data, e->size, r->ws->path, r->err);
    linnet_status st = ln_pickle_run(&p, &root);
    if (st == LINNET_OK) st = collect_places(r, &p);
    for (size_t i = 0; st == LINNET_OK && i < r->n_place; i++)
        st = take_entry(r, z, folder, &r->place[i]);
    if (st == LINNET_OK) st = add_all(r, root);
    ln_pickle_free(&p);
    return st;
}

static linnet_status read_file(reader *r) {
    const ln_file *f = &r->ws->file;
    linnet_status st;
    if (f->size >= 4 && !memcmp(f->data, "PK\3\4", 4)) {
        ln_zip z;
        LN_TRY(ln_zip_open(f->data, f->size, r->ws->path, &z, r->err));
        st = read_zip(r, &z);
        ln_zip_free(&z);
    } else {
        ln_pickle p;
        ln_pickle_init(&p, f->data, f->size, r->ws->path, r->err);
        st = read_legacy(r, &p);
        ln_pickle_free(&p);
    }
    free(r->place);
    return st;
}

linnet_status ln_torch_open(const char *path, ln_weights **out, linnet_error *err) {
    LN_TRY(ln_weights_new(path, out, err));
    reader r = {.ws = *out, .err = err};
    linnet_status st = ln_file_map(path, &(*out)->file, err);
    if (st == LINNET_OK) st = read_file(&r);
    if (st != LINNET_OK) ln_weights_close(out);
    return st;
}

/* A pickle starts with PROTO 2; a safetensors header would be 8.5 GB long to look like that. */
linnet_status ln_weights_open(const char *path, ln_weights **out, linnet_error *err) {
    ln_file f;
    *out = NULL;
    LN_TRY(ln_file_map(path, &f, err));
    bool torch = (f.size >= 4 && !memcmp(f.data, "PK\3\4", 4)) ||
                 (f.size >= 3 && f.data[0] == 0x80 && f.data[1] == 2 && f.data[2] == 0x8a);
    ln_file_unmap(&f);
    return torch ? ln_torch_open(path, out, err) : ln_safetensors_open(path, out, err);
}
