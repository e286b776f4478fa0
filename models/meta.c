#include "models/meta.h"

#include "base/file.h"
#include "models/json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- preprocessing ---- */
static bool number(const cJSON *o, const char *key, double lo, double hi, float *out) {
    const cJSON *v = cJSON_GetObjectItemCaseSensitive(o, key);
    if (!v) return true;
    if (!cJSON_IsNumber(v) || !(v->valuedouble >= lo && v->valuedouble <= hi)) return false;
    *out = (float)v->valuedouble;
    return true;
}

static bool side(const cJSON *o, const char *key, int lo, int *out) {
    float f = (float)*out;
    if (!number(o, key, lo, 16384, &f) || f != floorf(f)) return false;
    *out = (int)f;
    return true;
}

static bool triple(const cJSON *o, const char *key, double lo, float out[3]) {
    const cJSON *v = cJSON_GetObjectItemCaseSensitive(o, key);
    if (!v) return true;
    if (!cJSON_IsArray(v) || cJSON_GetArraySize(v) != 3) return false;
    for (int i = 0; i < 3; i++) {
        const cJSON *e = cJSON_GetArrayItem(v, i);
        if (!cJSON_IsNumber(e) || !(e->valuedouble >= lo && e->valuedouble <= 1e6)) return false;
        out[i] = (float)e->valuedouble;
    }
    return true;
}

static bool flag(const cJSON *o, const char *key, bool *out) {
    const cJSON *v = cJSON_GetObjectItemCaseSensitive(o, key);
    if (v && !cJSON_IsBool(v)) return false;
    if (v) *out = cJSON_IsTrue(v);
    return true;
}

/* One of two words; the second sets *out. */
static bool word(const cJSON *o, const char *key, const char *no, const char *yes, bool *out) {
    const cJSON *v = cJSON_GetObjectItemCaseSensitive(o, key);
    if (!v) return true;
    if (!cJSON_IsString(v)) return false;
    *out = !strcmp(v->valuestring, yes);
    return *out || !strcmp(v->valuestring, no);
}

linnet_status ln_prep_parse(const char *text, const char *where, ln_preprocess *p,
                            linnet_error *err) {
    char at[300];
    cJSON *o;
    snprintf(at, sizeof at, "%.256s: metadata " LN_META_PREP, where);
    LN_TRY(ln_json_object(text, strlen(text), at, &o, err));
    bool bicubic = p->interp == LN_INTERP_BICUBIC;
    const struct {
        const char *key;
        bool ok;
    } field[] = {
        {"size", side(o, "size", 1, &p->size)},
        {"crop_pct", number(o, "crop_pct", 0.05, 1, &p->crop_pct)},
        {"resize", side(o, "resize", 0, &p->resize)},
        {"interpolation", word(o, "interpolation", "bilinear", "bicubic", &bicubic)},
        {"antialias", flag(o, "antialias", &p->antialias)},
        {"channels", word(o, "channels", "rgb", "bgr", &p->bgr)},
        {"scale", number(o, "scale", 1e-9, 1e6, &p->scale)},
        {"mean", triple(o, "mean", -1e6, p->mean)},
        {"std", triple(o, "std", 1e-9, p->std)},
    };
    p->interp = bicubic ? LN_INTERP_BICUBIC : LN_INTERP_BILINEAR;
    cJSON_Delete(o);
    for (size_t i = 0; i < LN_COUNT(field); i++)
        if (!field[i].ok)
            return ln_fail(err, LINNET_ERR_BAD_FILE, "%s: '%s' has a wrong type or range", at,
                           field[i].key);
    return LINNET_OK;
}

void ln_prep_print(const ln_preprocess *p, ln_str *out) {
    ln_str_add(out,
               "{\"size\":%d,\"crop_pct\":%.9g,\"resize\":%d,\"interpolation\":\"%s\","
               "\"antialias\":%s,\"channels\":\"%s\",\"scale\":%.9g,"
               "\"mean\":[%.9g,%.9g,%.9g],\"std\":[%.9g,%.9g,%.9g]}",
               p->size, (double)p->crop_pct, p->resize,
               p->interp == LN_INTERP_BICUBIC ? "bicubic" : "bilinear",
               p->antialias ? "true" : "false", p->bgr ? "bgr" : "rgb", (double)p->scale,
               (double)p->mean[0], (double)p->mean[1], (double)p->mean[2], (double)p->std[0],
               (double)p->std[1], (double)p->std[2]);
}

linnet_status ln_prep_check(const ln_preprocess *p, linnet_error *err) {
    for (int i = 0; i < 3; i++)
        if (!(fabsf(p->std[i]) > 0) || !isfinite(p->std[i]) || !isfinite(p->mean[i]))
            return ln_fail(err, LINNET_ERR_INVALID_ARGUMENT,
                           "mean %g, std %g: give finite numbers, std not 0", (double)p->mean[i],
                           (double)p->std[i]);
    return LINNET_OK;
}

linnet_status ln_prep_resize_side(const ln_preprocess *p, int side, const int *resize,
                                  const float *crop_pct, int *out, linnet_error *err) {
    enum { MOST = 65536 };
    if (crop_pct && !(*crop_pct > 0 && *crop_pct <= 1))
        return ln_fail(err, LINNET_ERR_INVALID_ARGUMENT, "crop-pct %g: give more than 0, at most 1",
                       (double)*crop_pct);
    const float pct = crop_pct ? *crop_pct : p->crop_pct;
    double to = floor(side / (pct > 0 ? (double)pct : 1.0) + 1e-6);
    if (resize)
        to = *resize;
    else if (!crop_pct && p->resize)
        to = (double)((int64_t)p->resize * side / (p->size ? p->size : side));
    if (resize && *resize < side)
        return ln_fail(err, LINNET_ERR_INVALID_ARGUMENT,
                       "resize %d: smaller than the network's input; give %d or more", *resize,
                       side);
    if (to > MOST)
        return ln_fail(err, LINNET_ERR_INVALID_ARGUMENT,
                       "a shorter side of %g pixels before the crop: at most %d is supported; give "
                       "a larger crop-pct or a smaller resize",
                       to, (int)MOST);
    *out = (int)to;
    return LINNET_OK;
}

/* ---- widths ---- */
static linnet_status parse_widths(const char *text, const char *where, ln_widths *out,
                                  linnet_error *err) {
    enum { MOST = 65536, LAYERS = 4096 };
    char at[300];
    const cJSON *v;
    cJSON *o;
    linnet_status st = LINNET_OK;
    snprintf(at, sizeof at, "%.256s: metadata " LN_META_WIDTHS, where);
    LN_TRY(ln_json_object(text, strlen(text), at, &o, err));
    const size_t n = (size_t)cJSON_GetArraySize(o);
    if (n > LAYERS) {
        cJSON_Delete(o);
        return ln_fail(err, LINNET_ERR_BAD_FILE, "%s: %zu layers; at most %d are taken", at, n,
                       (int)LAYERS);
    }
    out->item = ln_pool_alloc(&out->pool, n + 1, sizeof *out->item);
    if (!out->item) st = ln_fail_oom(err, at, n * sizeof *out->item);
    for (v = o->child; v && st == LINNET_OK; v = v->next) {
        uint64_t channels = 0;
        if (!ln_json_u53(v, &channels) || channels < 1 || channels > MOST)
            st = ln_fail(err, LINNET_ERR_BAD_FILE, "%s: '%.100s' is no number from 1 to %d", at,
                         v->string, (int)MOST);
        else if (ln_widths_find(out, v->string))
            st = ln_fail(err, LINNET_ERR_BAD_FILE, "%s: '%.100s' is there twice", at, v->string);
        if (st != LINNET_OK) break;
        ln_width *w = &out->item[out->count++];
        *w = (ln_width){.name = ln_pool_strdup(&out->pool, v->string), .channels = (int)channels};
        if (!w->name) st = ln_fail_oom(err, at, strlen(v->string));
    }
    cJSON_Delete(o);
    return st;
}

linnet_status ln_widths_read(const ln_weights *w, ln_widths *out, linnet_error *err) {
    const char *text = w ? ln_weights_meta(w, LN_META_WIDTHS) : NULL;
    *out = (ln_widths){0};
    if (!text) return LINNET_OK;
    linnet_status st = parse_widths(text, ln_weights_path(w), out, err);
    if (st != LINNET_OK) ln_widths_free(out);
    return st;
}

ln_width *ln_widths_find(const ln_widths *w, const char *name) {
    for (size_t i = 0; i < w->count; i++)
        if (!strcmp(w->item[i].name, name)) return &w->item[i];
    return NULL;
}

void ln_widths_free(ln_widths *w) {
    ln_pool_free(&w->pool);
    *w = (ln_widths){0};
}

/* ---- labels ---- */
void ln_labels_free(ln_labels *l) {
    free(l->item);
    free(l->text);
    *l = (ln_labels){0};
}

static size_t count_lines(const char *text, size_t len) {
    size_t n = 0;
    for (size_t i = 0; i < len; i++) n += text[i] == '\n';
    return n + (len && text[len - 1] != '\n');
}

linnet_status ln_labels_parse(const char *text, size_t len, const char *where, int classes,
                              ln_labels *out, linnet_error *err) {
    size_t n = count_lines(text, len), want = (size_t)classes;
    bool background = n == want + 1 && len >= 10 && !memcmp(text, "background", 10);
    *out = (ln_labels){0};
    if (n != want && !background)
        return ln_fail(err, LINNET_ERR_BAD_FILE,
                       "%s: %zu labels for %d classes; give each class a line", where, n, classes);
    if (memchr(text, 0, len))
        return ln_fail(err, LINNET_ERR_BAD_FILE, "%s: a NUL byte among the labels", where);
    out->text = malloc(len + 1);
    out->item = calloc(want + 1, sizeof *out->item);
    if (!out->text || !out->item) {
        ln_labels_free(out);
        return ln_fail_oom(err, "labels", len);
    }
    memcpy(out->text, text, len);
    out->text[len] = '\0';
    for (char *p = out->text; out->count < want; p++) {
        char *end = strchr(p, '\n');
        if (!end) end = p + strlen(p);
        bool skip = background;
        background = false;
        bool last = !*end;
        *end = '\0';
        if (end > p && end[-1] == '\r') end[-1] = '\0';
        if (!skip) out->item[out->count++] = p;
        if (last) break;
        p = end;
    }
    return LINNET_OK;
}

linnet_status ln_labels_read(const char *path, int classes, ln_labels *out, linnet_error *err) {
    ln_file f;
    *out = (ln_labels){0};
    LN_TRY(ln_file_map(path, &f, err));
    linnet_status st = ln_labels_parse((const char *)f.data, f.size, path, classes, out, err);
    ln_file_unmap(&f);
    return st;
}
