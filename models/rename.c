#include "models/rename.h"

#include "models/weights_impl.h"

#include <stdlib.h>
#include <string.h>

typedef struct pair {
    const char *theirs, *ours;
} pair;

static const pair outside[] = {
    {"_conv_stem.", "conv_stem."}, {"_bn0.", "bn1."},
    {"_conv_head.", "conv_head."}, {"_bn1.", "bn2."},
    {"_fc.", "classifier."},
};
/* Blocks without an expansion, and with one. */
static const pair plain[] = {
    {"_depthwise_conv.", "conv_dw."},   {"_bn1.", "bn1."},
    {"_se_reduce.", "se.conv_reduce."}, {"_se_expand.", "se.conv_expand."},
    {"_project_conv.", "conv_pw."},     {"_bn2.", "bn2."},
};
static const pair expanded[] = {
    {"_expand_conv.", "conv_pw."},      {"_bn0.", "bn1."},
    {"_depthwise_conv.", "conv_dw."},   {"_bn1.", "bn2."},
    {"_se_reduce.", "se.conv_reduce."}, {"_se_expand.", "se.conv_expand."},
    {"_project_conv.", "conv_pwl."},    {"_bn2.", "bn3."},
};

static bool apply(const pair *table, size_t n, const char *prefix, const char *in, char *out,
                  size_t size) {
    for (size_t i = 0; i < n; i++) {
        size_t t = strlen(table[i].theirs);
        if (strncmp(in, table[i].theirs, t)) continue;
        int len = snprintf(out, size, "%s%s%s", prefix, table[i].ours, in + t);
        return len > 0 && (size_t)len < size;
    }
    return false;
}

bool ln_rename_lukemelas(const ln_arch *a, const char *in, char *out, size_t size) {
    static const char head[] = "_blocks.";
    if (strncmp(in, head, sizeof head - 1))
        return apply(outside, LN_COUNT(outside), "", in, out, size);
    char *rest, prefix[48];
    long n = strtol(in + sizeof head - 1, &rest, 10);
    if (*rest != '.' || n < 0) return false;
    for (const ln_stage *s = a->stages; s->kind != LN_BLOCK_END; s++) {
        int repeats = ln_arch_repeats(a, s);
        if (n >= repeats) {
            n -= repeats;
            continue;
        }
        snprintf(prefix, sizeof prefix, "blocks.%d.%ld.", s->stage, n);
        if (s->kind == LN_BLOCK_DS)
            return apply(plain, LN_COUNT(plain), prefix, rest + 1, out, size);
        return apply(expanded, LN_COUNT(expanded), prefix, rest + 1, out, size);
    }
    return false;
}

linnet_status ln_weights_adapt(ln_weights *w, const ln_arch *a, linnet_error *err) {
    if (a->names != &ln_names_timm || !ln_weights_lookup(w, "_conv_stem.weight")) return LINNET_OK;
    size_t n = w->count;
    ln_weight **old = malloc(n * sizeof *old);
    if (!old) return ln_fail_oom(err, "tensor names", n * sizeof *old);
    memcpy(old, w->item, n * sizeof *old);
    memset(w->slot, 0, w->n_slot * sizeof *w->slot);
    w->count = 0;
    linnet_status st = LINNET_OK;
    for (size_t i = 0; i < n && st == LINNET_OK; i++) {
        char name[256];
        ln_weight t = *old[i];
        if (ln_rename_lukemelas(a, t.name, name, sizeof name)) t.name = name;
        st = ln_weights_add(w, &t, true, err);
    }
    free(old);
    return st;
}
