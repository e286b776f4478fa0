/* What is known lies in $cache/vet/<key>.txt, a line "good NAME", "wrong NAME" or "unfit NAME" for
 * a variant; the key covers the device, its driver and the kernels' sources. Lines that say
 * anything else count for nothing: their variant is checked again. */
#include "engine/vet.h"

#include "base/env.h"
#include "base/file.h"
#include "engine/diff.h"
#include "engine/ref/ref.h"

#include <stdlib.h>
#include <string.h>

typedef enum verdict { UNKNOWN, GOOD, WRONG, UNFIT, VERDICTS } verdict;
static const char *const words[VERDICTS] = {
    [GOOD] = "good ", [WRONG] = "wrong ", [UNFIT] = "unfit "};

static bool file_path(const ln_device *d, char *buf, size_t size) {
    const uint64_t device = ln_device_key(d);
    uint64_t key = ln_variant_hash(ln_hash(LN_HASH_INIT, &device, sizeof device));
    char sub[64];
    snprintf(sub, sizeof sub, "vet/%016llx.txt", (unsigned long long)key);
    return ln_cache_path(buf, size, sub);
}

static void read_line(const char *line, size_t len, verdict *known) {
    for (int w = GOOD; w < VERDICTS; w++) {
        size_t n = strlen(words[w]);
        if (len <= n || memcmp(line, words[w], n) != 0) continue;
        for (int v = 0; v < ln_variant_count; v++)
            if (strlen(ln_variants[v].name) == len - n &&
                !memcmp(ln_variants[v].name, line + n, len - n))
                known[v] = (verdict)w;
    }
}

/* What the cache knows, by row of the table. */
static void load(const ln_device *d, verdict *known) {
    char path[1200];
    ln_file f;
    memset(known, 0, (size_t)ln_variant_count * sizeof *known);
    if (!file_path(d, path, sizeof path) || ln_file_map(path, &f, NULL) != LINNET_OK) return;
    const char *at = (const char *)f.data, *end = at + f.size;
    for (const char *stop; at < end && (stop = memchr(at, '\n', (size_t)(end - at))); at = stop + 1)
        read_line(at, (size_t)(stop - at), known);
    ln_file_unmap(&f);
}

static linnet_status write_file(const char *path, const verdict *known, linnet_error *err) {
    ln_writer w;
    LN_TRY(ln_writer_open(&w, path, err));
    for (int v = 0; v < ln_variant_count; v++)
        if (known[v]) fprintf(w.f, "%s%s\n", words[known[v]], ln_variants[v].name);
    return ln_writer_commit(&w, err);
}

/* Without a cache every session checks anew. */
static void store(const ln_device *d, const verdict *known) {
    char dir[1200], path[1200];
    linnet_error why;
    if (!ln_cache_path(dir, sizeof dir, "vet") || !file_path(d, path, sizeof path)) return;
    if (ln_mkdirs(dir, &why) != LINNET_OK || write_file(path, known, &why) != LINNET_OK)
        ln_log(LN_LOG_INFO, "%s; kernels will be checked again", why.message);
}

static void mark(ln_caps *caps, int row) {
    caps->wrong[row / 32] |= 1u << row % 32;
}

void ln_vet_caps(const ln_device *d, ln_caps *out) {
    *out = *ln_device_caps(d);
    if (ln_caps_deep(out) && !ln_caps_quirk(out, LN_QUIRK_MISCOMPILES)) return;
    verdict *known = malloc((size_t)ln_variant_count * sizeof *known);
    if (known) load(d, known);
    for (int v = 0; known && v < ln_variant_count; v++)
        if (known[v] >= WRONG) mark(out, v);
    free(known);
}

void ln_vet_unfit(const ln_device *d, int row, ln_caps *caps) {
    verdict *known = malloc((size_t)ln_variant_count * sizeof *known);
    mark(caps, row);
    ln_log(LN_LOG_WARN,
           "%s: %s needs larger groups or more local memory than there is; another "
           "kernel is used",
           caps->name, ln_variants[row].name);
    if (known) {
        load(d, known);
        known[row] = UNFIT;
        store(d, known);
    }
    free(known);
}

/* ---- checking ---- */

static linnet_status check(ln_session *s, int step, ln_diff_layer *layer, linnet_error *err) {
    const ln_plan *p = ln_session_plan(s);
    const ln_node *n = &p->graph->node[p->step[step].node];
    ln_ref *ref = NULL;
    LN_TRY(ln_ref_create(p->graph, &ref, err));
    linnet_status st = LINNET_OK;
    for (int k = 0; k < n->n_in && st == LINNET_OK; k++)
        if (n->in[k] != LN_NONE && p->graph->tensor[n->in[k]].kind != LN_TENSOR_CONST)
            st = ln_ref_random(ref, n->in[k], err);
    if (st == LINNET_OK) st = ln_ref_node(ref, p->step[step].node, err);
    if (st == LINNET_OK) st = ln_diff_step(s, ref, step, layer, err);
    ln_ref_destroy(&ref);
    return st;
}

/* The step of least work among those of one variant; -1: the plan has none. */
static int smallest(const ln_plan *p, int row) {
    int best = -1;
    for (int i = 0; i < p->n_step; i++) {
        if (p->step[i].variant != &ln_variants[row]) continue;
        const ln_step *a = &p->step[i], *b = best < 0 ? a : &p->step[best];
        if (best < 0 || a->macs + a->bytes < b->macs + b->bytes) best = i;
    }
    return best;
}

static linnet_status check_all(ln_session *s, verdict *known, bool *news, ln_caps *caps,
                               bool *sound, linnet_error *err) {
    const ln_plan *p = ln_session_plan(s);
    for (int v = 0; v < ln_variant_count; v++) {
        int step = known[v] == GOOD ? -1 : smallest(p, v);
        ln_diff_layer layer;
        if (step < 0) continue;
        LN_TRY(check(s, step, &layer, err));
        known[v] = layer.pass ? GOOD : WRONG;
        *news = true;
        if (layer.pass) continue;
        *sound = false;
        mark(caps, v);
        ln_log(LN_LOG_WARN,
               "%s: its compiler makes %s wrong (%s is off by %.2g of its deviation); "
               "another kernel is used",
               caps->name, ln_variants[v].name, layer.name, layer.rel);
    }
    return LINNET_OK;
}

linnet_status ln_vet_session(const ln_device *d, ln_session *s, ln_caps *caps, bool *sound,
                             linnet_error *err) {
    *sound = true;
    if (!ln_caps_quirk(caps, LN_QUIRK_MISCOMPILES)) return LINNET_OK;
    verdict *known = malloc((size_t)ln_variant_count * sizeof *known);
    if (!known)
        return ln_fail_oom(err, "kernels' checks", (size_t)ln_variant_count * sizeof *known);
    bool news = false;
    load(d, known);
    linnet_status st = check_all(s, known, &news, caps, sound, err);
    if (news) store(d, known);
    free(known);
    return st;
}
