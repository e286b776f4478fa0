#include "host/caps.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* What to rely on where the limit that a device claims does not hold: no report that quirks.inc
 * names is of smaller groups. */
#define SMALL_GROUP 64u

const ln_quirk_info ln_quirk_infos[LN_QUIRK_COUNT] = {
#define LN_QUIRK(id, name, avoids, handled, what) [LN_QUIRK_##id] = {name, avoids, handled, what},
#include "host/quirks.inc"
#undef LN_QUIRK
};

typedef struct rule {
    ln_quirk quirk;
    const char *platform, *device, *before, *from, *until, *link;
} rule;
static const rule rules[] = {
#define LN_QUIRK_RULE(id, platform, device, before, from, until, link)                             \
    {LN_QUIRK_##id, platform, device, before, from, until, link},
#include "host/quirks.inc"
#undef LN_QUIRK_RULE
};

int ln_version_compare(const char *a, const char *b) {
    for (;;) {
        bool in_a = isdigit((unsigned char)*a), in_b = isdigit((unsigned char)*b);
        if (!in_a && !in_b) return 0;
        char *end_a = (char *)(uintptr_t)a, *end_b = (char *)(uintptr_t)b;
        unsigned long long va = in_a ? strtoull(a, &end_a, 10) : 0;
        unsigned long long vb = in_b ? strtoull(b, &end_b, 10) : 0;
        if (va != vb) return va < vb ? -1 : 1;
        a = end_a + (*end_a == '.');
        b = end_b + (*end_b == '.');
    }
}

static bool in_range(const rule *r, const char *text) {
    const char *at = strstr(text, r->before);
    if (!at) return false;
    at += strlen(r->before);
    if (!isdigit((unsigned char)*at)) return false;
    return (!*r->from || ln_version_compare(at, r->from) >= 0) &&
           (!*r->until || ln_version_compare(at, r->until) < 0);
}

static bool matches(const rule *r, const ln_caps *c) {
    if (!strcasestr(c->platform, r->platform) || !strcasestr(c->name, r->device)) return false;
    if (!*r->before && !*r->from && !*r->until) return true;
    return in_range(r, c->driver) || in_range(r, c->version);
}

void ln_caps_apply_quirks(ln_caps *c) {
    c->quirks = 0;
    for (size_t i = 0; i < LN_COUNT(rules); i++) {
        if (!matches(&rules[i], c)) continue;
        const ln_quirk_info *q = &ln_quirk_infos[rules[i].quirk];
        if (!ln_caps_quirk(c, rules[i].quirk))
            ln_log(LN_LOG_INFO, "%s: known fault %s%s %s (%s)", c->name, q->name,
                   q->handled ? ": avoiding" : ", not worked around: beware of", q->what,
                   rules[i].link);
        c->quirks |= 1u << rules[i].quirk;
        c->features &= ~q->avoids;
    }
    if (ln_caps_quirk(c, LN_QUIRK_SMALL_GROUPS))
        c->max_work_group = LN_MIN(c->max_work_group, SMALL_GROUP);
}

void ln_caps_disable(ln_caps *c, const char *list) {
    while (list && *list) {
        size_t n = strcspn(list, ",");
        for (int f = 0; f < LN_FEAT_COUNT; f++)
            if (strlen(ln_feature_names[f]) == n && !strncasecmp(list, ln_feature_names[f], n))
                c->features &= ~(1u << f);
        list += n + (list[n] == ',');
    }
}
