#include "models/json.h"

#include <math.h>

enum { MAX_DEPTH = 32 };

/* False when brackets outside strings nest deeper than MAX_DEPTH, or a NUL hides the rest. */
static bool shallow(const char *text, size_t len) {
    int depth = 0;
    bool in_string = false;
    for (size_t i = 0; i < len; i++) {
        char c = text[i];
        if (c == '\0') return false;
        if (in_string) {
            if (c == '\\')
                i++;
            else if (c == '"')
                in_string = false;
            continue;
        }
        if (c == '"') in_string = true;
        if ((c == '{' || c == '[') && ++depth > MAX_DEPTH) return false;
        if (c == '}' || c == ']') depth--;
    }
    return true;
}

linnet_status ln_json_object(const char *text, size_t len, const char *where, cJSON **out,
                             linnet_error *err) {
    *out = NULL;
    if (!shallow(text, len))
        return ln_fail(err, LINNET_ERR_BAD_FILE,
                       "%s: JSON nested deeper than %d levels or with a NUL byte", where,
                       MAX_DEPTH);
    const char *end = NULL;
    cJSON *v = cJSON_ParseWithLengthOpts(text, len, &end, 0);
    if (!v)
        return ln_fail(err, LINNET_ERR_BAD_FILE, "%s: not JSON at byte %zu", where,
                       end ? (size_t)(end - text) : 0);
    while (end < text + len && (*end == ' ' || *end == '\n' || *end == '\r' || *end == '\t')) end++;
    if (!cJSON_IsObject(v) || end != text + len) {
        cJSON_Delete(v);
        return ln_fail(err, LINNET_ERR_BAD_FILE, "%s: expected one JSON object", where);
    }
    *out = v;
    return LINNET_OK;
}

bool ln_json_u53(const cJSON *v, uint64_t *out) {
    if (!cJSON_IsNumber(v)) return false;
    double d = v->valuedouble;
    if (!(d >= 0 && d <= 9007199254740992.0) || d != floor(d)) return false;
    *out = (uint64_t)d;
    return true;
}
