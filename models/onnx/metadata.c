/* What metadata_props say of pictures and classes. Keys:
 *   preprocessing, labels            as in Linnet's own files (models/meta.h)
 *   names, classes, class_names      labels as a JSON list, or a JSON or Python dict by number
 *   mean, std                        three numbers, of pixels from 0 to 1
 *   Image.BitmapPixelFormat, Image.NominalPixelRange
 *                                    https://onnx.ai/onnx/repo-docs/MetadataProps.html */
#include "models/meta.h"
#include "models/onnx/onnx.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool three(const char *text, float lowest, float out[3]) {
    int n = 0;
    for (const char *s = text; *s;) {
        char *end;
        if (strchr("[]() ,", *s)) {
            s++;
            continue;
        }
        const float v = strtof(s, &end);
        if (end == s || n == 3 || !isfinite(v) || !(v >= lowest)) return false;
        out[n++] = v;
        s = end;
    }
    return n == 3;
}

static bool set_range(const char *text, ln_preprocess *p) {
    static const struct {
        const char *name;
        float scale, mean, std;
    } row[] = {
        {"NominalRange_0_255", 1.0f, 0.0f, 1.0f},
        {"Normalized_0_1", 1.0f / 255.0f, 0.0f, 1.0f},
        {"Normalized_1_1", 1.0f / 255.0f, 0.5f, 0.5f},
    };
    for (size_t i = 0; i < LN_COUNT(row); i++) {
        if (strcmp(row[i].name, text) != 0) continue;
        p->scale = row[i].scale;
        for (int c = 0; c < 3; c++) p->mean[c] = row[i].mean, p->std[c] = row[i].std;
        return true;
    }
    return false;
}

linnet_status ln_onnx_read_prep(const ln_net *m, ln_preprocess *p, bool *known, linnet_error *err) {
    const char *own = ln_net_find_meta(m, LN_META_PREP);
    const char *format = ln_net_find_meta(m, "Image.BitmapPixelFormat");
    const char *range = ln_net_find_meta(m, "Image.NominalPixelRange");
    const char *mean = ln_net_find_meta(m, "mean"), *std = ln_net_find_meta(m, "std");
    *known = false;
    if (range) *known = set_range(range, p);
    if (format) p->bgr = !strncmp(format, "Bgr", 3);
    if (mean && std) {
        float a[3], b[3];
        if (!three(mean, -1e6f, a) || !three(std, 1e-9f, b))
            return ln_fail(err, LINNET_ERR_BAD_FILE,
                           "%.200s: metadata mean '%.60s', std '%.60s': not three numbers each",
                           m->path, mean, std);
        memcpy(p->mean, a, sizeof a);
        memcpy(p->std, b, sizeof b);
        *known = true;
    }
    if (!own) return LINNET_OK;
    *known = true;
    return ln_prep_parse(own, m->path, p, err);
}

/* ---- labels ---- */
/* A string in either kind of quotes, appended as a line; NULL when it is none. */
static const char *take_label(const char *s, ln_str *out) {
    const char quote = *s;
    if (quote != '"' && quote != '\'') return NULL;
    for (s++; *s && *s != quote; s++) {
        if (*s == '\\' && s[1]) s++;
        ln_str_put(out, *s == '\n' ? " " : s, 1);
    }
    return *s ? s + 1 : NULL;
}

static const char *skip(const char *s, const char *set) {
    return s + strspn(s, set);
}

/* ["a", "b"], {"0": "a", "1": "b"} or {0: 'a', 1: 'b'}: numbers must count from 0. */
static bool take_list(const char *s, ln_str *out) {
    const bool dict = *s == '{';
    long at = 0;
    for (s = skip(s + 1, " \n\t"); *s && *s != ']' && *s != '}'; at++) {
        if (dict) {
            char *end;
            s = skip(s, "\"'");
            if (*s < '0' || *s > '9' || strtol(s, &end, 10) != at) return false;
            s = skip(end, "\"' ");
            if (*s++ != ':') return false;
            s = skip(s, " ");
        }
        if (at) ln_str_put(out, "\n", 1);
        s = take_label(s, out);
        if (!s) return false;
        s = skip(s, " ,\n\t");
    }
    return *s && at > 0;
}

linnet_status ln_onnx_read_labels(const ln_net *m, ln_pool *pool, const char **labels,
                                  linnet_error *err) {
    static const char *const keys[] = {LN_META_LABELS, "names", "classes", "class_names"};
    const char *text = NULL;
    *labels = NULL;
    for (size_t i = 0; i < LN_COUNT(keys) && !text; i++) text = ln_net_find_meta(m, keys[i]);
    if (!text) return LINNET_OK;
    if (*text != '[' && *text != '{') {
        *labels = text;
        return LINNET_OK;
    }
    ln_str s = {0};
    const bool read = take_list(text, &s);
    if (read && !s.failed) *labels = ln_pool_strdup(pool, s.p ? s.p : "");
    ln_str_free(&s);
    if (*labels) return LINNET_OK;
    if (read) return ln_fail_oom(err, "labels", strlen(text));
    ln_log(LN_LOG_WARN, "%s: the class names in its metadata are in no form that is read", m->path);
    return LINNET_OK;
}
