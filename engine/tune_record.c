/* Records: $cache/tune/<key>.json, a variant for each node of one network on one device. The key
 * covers the device, the driver, the kernels' sources and the graph; what does not fit or is
 * damaged is ignored, and the defaults stand. */
#include "base/env.h"
#include "base/file.h"
#include "engine/tune_parts.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

enum { FORMAT = 1, MOST_NODES = 100000 };

uint64_t ln_record_key(const ln_device *d, const ln_graph *g) {
    const uint64_t device = ln_device_key(d);
    const ln_caps *caps = ln_device_caps(d);
    uint64_t h = ln_hash(LN_HASH_INIT, &device, sizeof device);
    h = ln_hash(h, &caps->compute_units, sizeof caps->compute_units);
    h = ln_hash(h, &caps->features, sizeof caps->features);
    return ln_graph_key(g, ln_variant_hash(h));
}

static bool record_path(uint64_t key, char *buf, size_t size) {
    char sub[64];
    snprintf(sub, sizeof sub, "tune/%016llx.json", (unsigned long long)key);
    return ln_cache_path(buf, size, sub);
}

/* ---- reading ---- */

static const ln_variant *variant_named(const char *name) {
    for (int i = 0; i < ln_variant_count; i++)
        if (!strcmp(ln_variants[i].name, name)) return &ln_variants[i];
    return NULL;
}

static const char *const stream_names[] = {
#define LN_STREAM_NAME(id, name) name,
    LN_STREAMS(LN_STREAM_NAME)
#undef LN_STREAM_NAME
};

static bool read_stream(const cJSON *root, ln_record *r) {
    const cJSON *v = cJSON_GetObjectItemCaseSensitive(root, "stream");
    for (size_t i = 0; cJSON_IsString(v) && i < LN_COUNT(stream_names); i++)
        if (!strcmp(v->valuestring, stream_names[i])) {
            r->stream = (ln_stream)i;
            return true;
        }
    return false;
}

static bool read_nodes(const cJSON *root, ln_record *r) {
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(root, "variants");
    r->n_node = cJSON_GetArraySize(list);
    if (!cJSON_IsArray(list) || r->n_node < 1 || r->n_node > MOST_NODES) return false;
    r->variant = ln_pool_alloc(&r->pool, (size_t)r->n_node, sizeof *r->variant);
    r->chain_end = ln_pool_alloc(&r->pool, (size_t)r->n_node, sizeof *r->chain_end);
    if (!r->variant || !r->chain_end) return false;
    int i = 0;
    for (const cJSON *v = list->child; v; v = v->next, i++) {
        r->chain_end[i] = i;
        if (cJSON_IsNull(v)) continue;
        if (!cJSON_IsString(v) || !(r->variant[i] = variant_named(v->valuestring))) return false;
    }
    return true;
}

static bool read_chains(const cJSON *root, ln_record *r) {
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(root, "chains");
    if (!cJSON_IsArray(list)) return false;
    for (const cJSON *c = list->child; c; c = c->next) {
        const cJSON *a = c->child, *b = a ? a->next : NULL;
        if (!cJSON_IsNumber(a) || !cJSON_IsNumber(b) || b->next) return false;
        if (!(a->valuedouble >= 0 && b->valuedouble > a->valuedouble && b->valuedouble < r->n_node))
            return false;
        r->chain_end[(int)a->valuedouble] = (int)b->valuedouble;
    }
    return true;
}

static bool read_apart(const cJSON *root, ln_record *r) {
    const cJSON *list = cJSON_GetObjectItemCaseSensitive(root, "apart");
    int n = cJSON_GetArraySize(list);
    if (!cJSON_IsArray(list) || n > MOST_NODES) return false;
    r->apart = ln_pool_alloc(&r->pool, (size_t)n + 1, sizeof *r->apart);
    if (!r->apart) return false;
    for (const cJSON *v = list->child; v; v = v->next) {
        if (!cJSON_IsString(v)) return false;
        if (!(r->apart[r->n_apart++] = ln_pool_strdup(&r->pool, v->valuestring))) return false;
    }
    return true;
}

/* The text that the checksum covers: all but the checksum itself, which ends the file. */
static bool sound(const ln_file *f) {
    static const char mark[] = "\"crc\":\"";
    const size_t tail = sizeof mark - 1 + 8 + sizeof "\"}\n" - 1;
    if (f->size < tail || memcmp(f->data + f->size - tail, mark, sizeof mark - 1) != 0)
        return false;
    char want[16];
    snprintf(want, sizeof want, "%08x", (unsigned)ln_crc32(0, f->data, f->size - tail));
    return !memcmp(f->data + f->size - tail + sizeof mark - 1, want, 8);
}

static bool read_record(const ln_file *f, uint64_t key, ln_record *r) {
    if (!sound(f)) return false;
    cJSON *root = cJSON_ParseWithLength((const char *)f->data, f->size);
    const cJSON *format = cJSON_GetObjectItemCaseSensitive(root, "format");
    const cJSON *of = cJSON_GetObjectItemCaseSensitive(root, "key");
    char text[24];
    snprintf(text, sizeof text, "%016llx", (unsigned long long)key);
    bool ok = cJSON_IsNumber(format) && format->valuedouble == FORMAT && cJSON_IsString(of) &&
              !strcmp(of->valuestring, text) && read_stream(root, r) && read_nodes(root, r) &&
              read_chains(root, r) && read_apart(root, r);
    cJSON_Delete(root);
    return ok;
}

linnet_status ln_record_load(const ln_device *d, uint64_t key, ln_record **out, linnet_error *err) {
    char path[1200];
    ln_file f;
    *out = NULL;
    if (!record_path(key, path, sizeof path) || ln_file_map(path, &f, NULL) != LINNET_OK)
        return LINNET_OK;
    ln_record *r = calloc(1, sizeof *r);
    bool ok = r && read_record(&f, key, r);
    ln_file_unmap(&f);
    if (!r) return ln_fail_oom(err, "a record", sizeof *r);
    if (!ok) {
        ln_log(LN_LOG_INFO, "%s: %s is damaged or stale; using defaults", ln_device_caps(d)->name,
               path);
        ln_record_destroy(&r);
    }
    *out = r;
    return LINNET_OK;
}

void ln_record_destroy(ln_record **r) {
    if (!r || !*r) return;
    ln_pool_free(&(*r)->pool);
    free(*r);
    *r = NULL;
}

/* ---- planning ---- */

static const ln_variant *choose(void *user, const ln_site *s) {
    const ln_record *r = user;
    ptrdiff_t i = s->node - s->graph->node;
    const ln_variant *v = s->graph->n_node == r->n_node ? r->variant[i] : NULL;
    return v && ln_variant_can_run(v, s) ? v : ln_variant_choose(s);
}

static bool chain(void *user, const ln_plan *p, int first, int last) {
    const ln_record *r = user;
    if (p->graph->n_node != r->n_node) return ln_chain_default(NULL, p, first, last);
    return r->chain_end[first] == last;
}

static bool split(void *user, const ln_graph *g, int node) {
    const ln_record *r = user;
    for (int i = 0; i < r->n_apart; i++)
        if (!strcmp(r->apart[i], g->node[node].name)) return true;
    return false;
}

ln_plan_params ln_record_params(ln_record *r) {
    if (!r) return (ln_plan_params){0};
    return (ln_plan_params){.choose = choose, .chain = chain, .split = split, .user = r};
}

linnet_status ln_plan_by_record(const ln_device *d, const ln_caps *caps, ln_graph *g, ln_plan **out,
                                ln_stream *stream, bool *recorded, linnet_error *err) {
    ln_record *r = NULL;
    *out = NULL;
    LN_TRY(ln_record_load(d, ln_record_key(d, g), &r, err));
    const ln_plan_params params = ln_record_params(r);
    linnet_status st =
        ln_plan_create(g, caps ? caps : ln_device_caps(d), r ? &params : NULL, out, err);
    /* AUTO is resident where nothing speaks against it */
    *stream = r && r->stream != LN_STREAM_RESIDENT ? r->stream : LN_STREAM_AUTO;
    if (recorded) *recorded = r;
    ln_record_destroy(&r);
    return st;
}

/* ---- writing ---- */

static void put_text(ln_str *s, const char *text) {
    ln_str_add(s, "\"");
    for (const char *c = text; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == '"' || *c == '\\')
            ln_str_add(s, "\\u%04x", (unsigned char)*c);
        else
            ln_str_add(s, "%c", *c);
    ln_str_add(s, "\"");
}

static void put_record(const ln_device *d, uint64_t key, const ln_graph *g, const ln_record *r,
                       ln_str *s) {
    const ln_caps *caps = ln_device_caps(d);
    ln_str_add(s, "{\"format\":%d,\"key\":\"%016llx\",\"network\":", FORMAT,
               (unsigned long long)key);
    put_text(s, g->name);
    ln_str_add(s, ",\"device\":");
    put_text(s, caps->name);
    ln_str_add(s, ",\"driver\":");
    put_text(s, caps->driver);
    ln_str_add(s, ",\"stream\":\"%s\",\n\"variants\":[", stream_names[r->stream]);
    for (int i = 0; i < r->n_node; i++) {
        ln_str_add(s, i ? ",\n" : "\n");
        if (r->variant[i])
            put_text(s, r->variant[i]->name);
        else
            ln_str_add(s, "null");
    }
    ln_str_add(s, "],\n\"chains\":[");
    const char *comma = "";
    for (int i = 0; i < r->n_node; i++) {
        if (r->chain_end[i] == i) continue;
        ln_str_add(s, "%s[%d,%d]", comma, i, r->chain_end[i]);
        comma = ",";
    }
    ln_str_add(s, "],\n\"apart\":[");
    for (int i = 0; i < r->n_apart; i++) {
        ln_str_add(s, i ? "," : "");
        put_text(s, r->apart[i]);
    }
    ln_str_add(s, "],\n");
    uint32_t crc = s->p ? ln_crc32(0, s->p, s->len) : 0;
    ln_str_add(s, "\"crc\":\"%08x\"}\n", (unsigned)crc);
}

linnet_status ln_record_store(const ln_device *d, uint64_t key, const ln_graph *g,
                              const ln_record *r, linnet_error *err) {
    char dir[1200], path[1200];
    ln_writer w;
    ln_str s = {0};
    if (!ln_cache_path(dir, sizeof dir, "tune") || !record_path(key, path, sizeof path))
        return LINNET_OK;
    put_record(d, key, g, r, &s);
    linnet_status st = s.failed ? ln_fail_oom(err, "a record", s.len) : ln_mkdirs(dir, err);
    if (st == LINNET_OK) st = ln_writer_open(&w, path, err);
    if (st == LINNET_OK) {
        fwrite(s.p, 1, s.len, w.f); /* commit sees what fails */
        st = ln_writer_commit(&w, err);
    }
    ln_str_free(&s);
    return st;
}
