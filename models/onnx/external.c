/* Data in a file beside the model
 * (https://onnx.ai/onnx/repo-docs/ExternalData.html): keys location, offset, length. */
#include "models/onnx/store.h"
#include "models/weights_impl.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* A name that stays in the folder: relative, without "..". Links are looked at later. */
static bool stays_inside(const char *name) {
    if (!*name || *name == '/') return false;
    for (const char *p = name; p; p = strchr(p, '/')) {
        p += *p == '/';
        if (!strncmp(p, "..", 2) && (p[2] == '/' || !p[2])) return false;
    }
    return true;
}

/* The real path of `location` in the model's folder, which links must not leave. */
static linnet_status resolve(const char *model, const char *location, char out[PATH_MAX],
                             linnet_error *err) {
    char folder[PATH_MAX], joined[2 * PATH_MAX];
    const char *slash = strrchr(model, '/');
    const int len = slash ? (int)(slash - model) + 1 : 0;
    snprintf(joined, sizeof joined, "%.*s.", LN_MIN(len, PATH_MAX - 2), model);
    if (!realpath(joined, folder))
        return ln_fail(err, LINNET_ERR_IO, "%s: %s", joined, strerror(errno));
    snprintf(joined, sizeof joined, "%s/%.*s", folder, PATH_MAX - 1, location);
    if (!realpath(joined, out))
        return ln_fail(err, LINNET_ERR_BAD_FILE,
                       "%s: its external data %.200s: %s; keep both files in one folder", model,
                       location, strerror(errno));
    const size_t n = strlen(folder);
    if (!strncmp(out, folder, n) && (out[n] == '/' || n == 1)) return LINNET_OK;
    return ln_fail(err, LINNET_ERR_BAD_FILE,
                   "%s: its external data %.200s is a link out of the model's folder; refused",
                   model, location);
}

static linnet_status open_extra(ln_onnx_store *s, const char *location, const ln_file **out,
                                linnet_error *err) {
    char path[PATH_MAX];
    for (size_t i = 0; i < s->n_extra; i++)
        if (!strcmp(s->extra[i].path, location)) {
            *out = &s->extra[i].file;
            return LINNET_OK;
        }
    if (!stays_inside(location))
        return ln_fail(
            err, LINNET_ERR_BAD_FILE,
            "%s: its external data '%.200s' is not a file in the model's folder; refused",
            s->model.path, location);
    LN_TRY(resolve(s->model.path, location, path, err));
    LN_TRY(ln_grow((void **)&s->extra, &s->cap_extra, s->n_extra + 1, sizeof *s->extra, err));
    ln_onnx_extra *e = &s->extra[s->n_extra];
    e->path = location;
    LN_TRY(ln_file_map(path, &e->file, err));
    s->n_extra++;
    *out = &e->file;
    return LINNET_OK;
}

/* Digits alone. */
static bool number(const char *text, uint64_t *out) {
    uint64_t v = 0;
    if (!*text) return false;
    for (; *text; text++) {
        if (*text < '0' || *text > '9' || __builtin_mul_overflow(v, 10, &v) ||
            __builtin_add_overflow(v, (uint64_t)(*text - '0'), &v))
            return false;
    }
    *out = v;
    return true;
}

linnet_status ln_onnx_external(ln_onnx_store *s, const Ln__PbTensor *pb, size_t n, const void **out,
                               linnet_error *err) {
    const char *location = "", *name = pb->name ? pb->name : "";
    uint64_t offset = 0, length = n;
    bool ok = pb->data_location == 1;
    for (size_t i = 0; i < pb->n_external_data; i++) {
        const char *key = pb->external_data[i]->key, *value = pb->external_data[i]->value;
        if (!key || !value) continue;
        if (!strcmp(key, "location")) location = value;
        if (!strcmp(key, "offset")) ok = ok && number(value, &offset);
        if (!strcmp(key, "length")) ok = ok && number(value, &length);
    }
    if (!ok || length != n)
        return ln_fail(err, LINNET_ERR_BAD_FILE,
                       "%s: tensor %.100s: its shape needs %zu bytes; location, offset and length "
                       "of its external data do not fit",
                       s->model.path, name, n);
    const ln_file *f;
    LN_TRY(open_extra(s, location, &f, err));
    if (offset > f->size || n > f->size - offset)
        return ln_fail(err, LINNET_ERR_BAD_FILE,
                       "%s: tensor %.100s wants %zu bytes at %llu of %.200s, which has %zu",
                       s->model.path, name, n, (unsigned long long)offset, location, f->size);
    *out = f->data + offset;
    return LINNET_OK;
}
