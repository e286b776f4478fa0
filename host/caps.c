#include "host/caps.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *const ln_feature_names[LN_FEAT_COUNT] = {
    [LN_FEAT_FP16] = "fp16",
    [LN_FEAT_SUBGROUPS] = "subgroups",
    [LN_FEAT_INT_DOT] = "int_dot",
    [LN_FEAT_QCOM_DOT] = "qcom_dot",
    [LN_FEAT_ARM_DOT] = "arm_dot",
    [LN_FEAT_VNNI] = "vnni",
    [LN_FEAT_COMMAND_BUFFER] = "command_buffer",
    [LN_FEAT_UNIFIED_MEMORY] = "unified_memory",
    [LN_FEAT_LOCAL_MEMORY] = "local_memory",
    [LN_FEAT_BARRIER] = "barrier",
    [LN_FEAT_SHARED_BUFFERS] = "shared_buffers",
};
static const char *const kind_names[] = {"cpu", "gpu", "other"};

static const char *feature_name(int i) {
    return i < LN_FEAT_COUNT ? ln_feature_names[i] : NULL;
}
static const char *quirk_name(int i) {
    return i < LN_QUIRK_COUNT ? ln_quirk_infos[i].name : NULL;
}

/* ---- the record's fields ---- */
typedef enum type { TEXT, KIND, U32, U32X3, U64, FEATURES, QUIRKS } type;
typedef struct field {
    const char *key;
    type type;
    size_t at, size;
} field;
#define FIELD(name, type)                                                                          \
    { #name, type, offsetof(ln_caps, name), sizeof(((ln_caps *)0)->name) }
static const field fields[] = {
    FIELD(platform, TEXT),       FIELD(name, TEXT),         FIELD(vendor, TEXT),
    FIELD(driver, TEXT),         FIELD(version, TEXT),      FIELD(kind, KIND),
    FIELD(cl_version, U32),      FIELD(compute_units, U32), FIELD(max_work_group, U32),
    FIELD(max_work_item, U32X3), FIELD(vector_float, U32),  FIELD(mem_align, U32),
    FIELD(global_mem, U64),      FIELD(max_alloc, U64),     FIELD(local_mem, U64),
    FIELD(features, FEATURES),   FIELD(quirks, QUIRKS),
};
#undef FIELD
#define SCHEMA 1

/* ---- to JSON ---- */
static cJSON *names_of(uint32_t bits, const char *(*name)(int)) {
    cJSON *list = cJSON_CreateArray();
    for (int i = 0; name(i); i++)
        if (bits >> i & 1u) cJSON_AddItemToArray(list, cJSON_CreateString(name(i)));
    return list;
}

static cJSON *field_to_json(const field *f, const void *at) {
    uint32_t u32[3] = {0};
    uint64_t u64 = 0;
    if (f->type == TEXT) return cJSON_CreateString(at);
    if (f->type == KIND) return cJSON_CreateString(kind_names[*(const ln_device_kind *)at]);
    memcpy(f->type == U64 ? (void *)&u64 : u32, at, f->size);
    if (f->type == U64) return cJSON_CreateNumber((double)u64);
    if (f->type == U32) return cJSON_CreateNumber(u32[0]);
    if (f->type == FEATURES) return names_of(u32[0], feature_name);
    if (f->type == QUIRKS) return names_of(u32[0], quirk_name);
    cJSON *list = cJSON_CreateArray();
    for (int i = 0; i < 3; i++) cJSON_AddItemToArray(list, cJSON_CreateNumber(u32[i]));
    return list;
}

void ln_caps_to_json(const ln_caps *c, ln_str *out) {
    cJSON *root = cJSON_CreateObject();
    cJSON_AddNumberToObject(root, "schema", SCHEMA);
    for (size_t i = 0; i < LN_COUNT(fields); i++)
        cJSON_AddItemToObject(root, fields[i].key,
                              field_to_json(&fields[i], (const char *)c + fields[i].at));
    char *text = cJSON_Print(root);
    cJSON_Delete(root);
    if (text)
        ln_str_add(out, "%s\n", text);
    else
        out->failed = true;
    cJSON_free(text);
}

/* ---- from JSON ---- */
static bool whole(const cJSON *v, double most, double *out) {
    if (!cJSON_IsNumber(v) || !(v->valuedouble >= 0 && v->valuedouble <= most)) return false;
    *out = v->valuedouble;
    return floor(*out) == *out;
}

static bool bits_of(const cJSON *list, const char *(*name)(int), uint32_t *out) {
    if (!cJSON_IsArray(list)) return false;
    *out = 0;
    for (const cJSON *v = list->child; v; v = v->next) {
        int i = 0;
        if (!cJSON_IsString(v)) return false;
        while (name(i) && strcmp(name(i), v->valuestring) != 0) i++;
        if (!name(i)) return false;
        *out |= 1u << i;
    }
    return true;
}

static bool field_from_json(const field *f, const cJSON *v, void *at) {
    uint32_t u32[3] = {0};
    uint64_t u64;
    double d;
    switch (f->type) {
    case TEXT:
        if (!cJSON_IsString(v) || strlen(v->valuestring) >= f->size) return false;
        strcpy(at, v->valuestring);
        return true;
    case KIND:
        for (int i = 0; cJSON_IsString(v) && i < (int)LN_COUNT(kind_names); i++)
            if (!strcmp(v->valuestring, kind_names[i])) {
                *(ln_device_kind *)at = (ln_device_kind)i;
                return true;
            }
        return false;
    case U64:
        if (!whole(v, (double)LN_CAPS_MOST, &d)) return false;
        u64 = (uint64_t)d;
        memcpy(at, &u64, sizeof u64);
        return true;
    case U32:
        if (!whole(v, UINT32_MAX, &d)) return false;
        u32[0] = (uint32_t)d;
        break;
    case U32X3:
        if (!cJSON_IsArray(v) || cJSON_GetArraySize(v) != 3) return false;
        for (int i = 0; i < 3; i++) {
            if (!whole(cJSON_GetArrayItem(v, i), UINT32_MAX, &d)) return false;
            u32[i] = (uint32_t)d;
        }
        break;
    case FEATURES:
        if (!bits_of(v, feature_name, u32)) return false;
        break;
    case QUIRKS:
        if (!bits_of(v, quirk_name, u32)) return false;
        break;
    }
    memcpy(at, u32, f->size);
    return true;
}

static linnet_status read_record(const cJSON *root, ln_caps *out, linnet_error *err) {
    double schema;
    if (!whole(cJSON_GetObjectItemCaseSensitive(root, "schema"), 1000, &schema) || schema != SCHEMA)
        return ln_fail(
            err, LINNET_ERR_BAD_FILE,
            "device record: \"schema\" is not %d; write it anew by `linnet devices --dump`",
            SCHEMA);
    uint32_t seen = 0;
    for (const cJSON *v = root->child; v; v = v->next) {
        if (!strcmp(v->string, "schema") || !strcmp(v->string, "source")) continue;
        size_t i = 0;
        while (i < LN_COUNT(fields) && strcmp(fields[i].key, v->string) != 0) i++;
        if (i == LN_COUNT(fields))
            return ln_fail(err, LINNET_ERR_BAD_FILE, "device record: unknown key \"%s\"; remove it",
                           v->string);
        if (!field_from_json(&fields[i], v, (char *)out + fields[i].at))
            return ln_fail(
                err, LINNET_ERR_BAD_FILE,
                "device record: bad value of \"%s\"; compare with `linnet devices --dump`",
                v->string);
        seen |= 1u << i;
    }
    for (size_t i = 0; i < LN_COUNT(fields); i++)
        if (!(seen >> i & 1u))
            return ln_fail(err, LINNET_ERR_BAD_FILE, "device record: \"%s\" is missing; add it",
                           fields[i].key);
    return LINNET_OK;
}

linnet_status ln_caps_from_json(const char *text, ln_caps *out, linnet_error *err) {
    *out = (ln_caps){0};
    const char *end = NULL;
    cJSON *root = cJSON_ParseWithOpts(text, &end, true);
    if (!cJSON_IsObject(root)) {
        cJSON_Delete(root);
        return ln_fail(err, LINNET_ERR_BAD_FILE,
                       "device record: not a JSON object; it goes wrong at byte %zu",
                       (size_t)(end && !root ? end - text : 0));
    }
    linnet_status st = read_record(root, out, err);
    cJSON_Delete(root);
    return st;
}
