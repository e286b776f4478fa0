/* All rows, and finding one by name. */
#include "models/families.h"

#include <string.h>

enum { MOST_NEAR = 3, LEAST_PART = 3 };

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

/* Letters between them; none where one is a part of the other. */
static int distance(const char *name, const char *row) {
    return strlen(name) >= LEAST_PART && strstr(row, name) ? 0 : ln_edit_distance(name, row);
}

/* Rows that may have been meant, nearest first; returns how many of at most n. */
static size_t nearest(const char *name, const ln_family_row **out, size_t n) {
    int best[MOST_NEAR];
    size_t have = 0;
    for (size_t i = 0; i < ln_family_count(); i++) {
        const ln_family_row *r = ln_family_at(i);
        int d = distance(name, r->name);
        if (d > 1 + (int)strlen(name) / 3) continue;
        size_t at = have;
        while (at > 0 && best[at - 1] > d) at--;
        if (at >= n) continue;
        if (have < n) have++;
        memmove(best + at + 1, best + at, (have - at - 1) * sizeof *best);
        memmove(out + at + 1, out + at, (have - at - 1) * sizeof *out);
        best[at] = d;
        out[at] = r;
    }
    return have;
}

const ln_family_row *ln_family_find(const char *name, linnet_error *err) {
    const ln_family_row *r = exact(name, strlen(name));
    /* "arch.tag", but ShuffleNetV1 has a dot of its own: cut at the last one */
    const char *dot = strrchr(name, '.');
    if (!r && dot) r = exact(name, (size_t)(dot - name));
    if (r) return r;
    const ln_family_row *near[MOST_NEAR];
    char names[160] = "";
    size_t n = nearest(name, near, MOST_NEAR), len = 0;
    for (size_t i = 0; i < n && len < sizeof names; i++)
        len += (size_t)snprintf(names + len, sizeof names - len, "%s %s",
                                i ? "," : "; the nearest are", near[i]->name);
    ln_fail(err, LINNET_ERR_UNSUPPORTED, "unknown model '%.80s'%s (to list them: linnet models)",
            name, names);
    return NULL;
}
