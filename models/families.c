/* All rows, and finding one by name. */
#include "models/families.h"

#include <string.h>

static const ln_family_table *const tables[] = {
    &ln_family_v1,   &ln_family_v2,           &ln_family_v3,        &ln_family_v4,
    &ln_family_lite, &ln_family_efficientnet, &ln_family_mobilevit, &ln_family_others};

size_t ln_family_count(void) {
    size_t n = 0;
    for (size_t t = 0; t < LN_COUNT(tables); t++) n += tables[t]->count;
    return n;
}

const ln_family_row *ln_family_at(size_t i) {
    for (size_t t = 0; t < LN_COUNT(tables); t++) {
        if (i < tables[t]->count) return &tables[t]->rows[i];
        i -= tables[t]->count;
    }
    return NULL;
}

const ln_family_row *ln_block_at(size_t i) {
    return i < ln_family_blocks.count ? &ln_family_blocks.rows[i] : NULL;
}

static const ln_family_row *exact(const char *name, size_t len) {
    size_t families = ln_family_count();
    for (size_t i = 0; i < families + ln_family_blocks.count; i++) {
        const ln_family_row *r = i < families ? ln_family_at(i) : ln_block_at(i - families);
        if (strlen(r->name) == len && !memcmp(r->name, name, len)) return r;
    }
    return NULL;
}

/* The n rows nearest to name by edit distance, nearest first. */
static void nearest(const char *name, const ln_family_row **out, size_t n) {
    int best[8];
    size_t have = 0;
    for (size_t i = 0; i < ln_family_count(); i++) {
        const ln_family_row *r = ln_family_at(i);
        int d = ln_edit_distance(name, r->name);
        size_t at = have;
        while (at > 0 && best[at - 1] > d) at--;
        if (at >= n) continue;
        if (have < n) have++;
        memmove(best + at + 1, best + at, (have - at - 1) * sizeof *best);
        memmove(out + at + 1, out + at, (have - at - 1) * sizeof *out);
        best[at] = d;
        out[at] = r;
    }
}

const ln_family_row *ln_family_find(const char *name, linnet_error *err) {
    const ln_family_row *r = exact(name, strlen(name));
    /* "arch.tag", but ShuffleNetV1 has a dot of its own: cut at the last one */
    const char *dot = strrchr(name, '.');
    if (!r && dot) r = exact(name, (size_t)(dot - name));
    if (r) return r;
    const ln_family_row *near[3] = {0};
    nearest(name, near, 3);
    ln_fail(err, LINNET_ERR_UNSUPPORTED,
            "unknown model '%.80s'; the nearest are %s, %s, %s (see: linnet models)", name,
            near[0]->name, near[1]->name, near[2]->name);
    return NULL;
}
