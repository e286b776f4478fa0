/* The list of passes, and which of them run. */
#include "engine/passes/passes.h"
#include "engine/passes/rewrite.h"
#include <string.h>

const ln_pass ln_passes[] = {
    {"fold_constants", "evaluate what depends on constants alone", ln_pass_fold_constants},
    {"remove_noops", "drop reshapes, pools and activations that change nothing",
     ln_pass_remove_noops},
    {"move_bytes", "move quantized values as bytes, and drop what takes them back and forth",
     ln_pass_move_bytes},
    {"recognize_act", "find hard swish, swish and GELU where they are written out",
     ln_pass_recognize_act},
    {"recognize_norm", "find layer norm written out", ln_pass_recognize_norm},
    {"recognize_attention", "find attention written as products and a softmax",
     ln_pass_recognize_attention},
    {"sink_rows", "leave tokens of attention where their pixels lie", ln_pass_sink_rows},
    {"recognize_shuffle", "find channel shuffles written as reshapes and a permutation",
     ln_pass_recognize_shuffle},
    {"merge_permutes", "put permutations off until they cancel or must be", ln_pass_merge_permutes},
    {"fold_pad", "pad with zeros inside the convolution that reads them", ln_pass_fold_pad},
    {"fold_bn", "fold batch norm into the convolution before it", ln_pass_fold_bn},
    {"fold_scale", "fold a layer's scale or bias into the convolution before it",
     ln_pass_fold_scale},
    {"fuse_activation", "apply activations where their input is made", ln_pass_fuse_activation},
    {"fuse_residual", "add the residual inside the last convolution of a block",
     ln_pass_fuse_residual},
    {"fuse_se_block", "make a squeeze-and-excitation gate in one step", ln_pass_fuse_se_block},
    {"fuse_se", "apply the squeeze-and-excitation gate where the next convolution reads",
     ln_pass_fuse_se},
    {"fuse_shuffle", "read channels in shuffled order instead of moving them first",
     ln_pass_fuse_shuffle},
    {NULL, NULL, NULL},
};
enum { PASS_COUNT = LN_COUNT(ln_passes) - 1 };

static linnet_status unknown(const char *item, size_t len, linnet_error *err) {
    ln_str known = {0};
    for (int i = 0; i < PASS_COUNT; i++)
        ln_str_add(&known, "%s-%s", i ? ", " : "", ln_passes[i].name);
    const linnet_status s =
        ln_fail(err, LINNET_ERR_INVALID_ARGUMENT,
                "no pass is switched off by \"%.*s\"; give all, none, or some of %s",
                (int)LN_MIN(len, 100), item, known.p ? known.p : "");
    ln_str_free(&known);
    return s;
}

/* Clears the items of a comma list from on[]. */
static linnet_status switch_off(const char *list, bool *on, linnet_error *err) {
    while (*list) {
        const size_t len = strcspn(list, ",");
        bool found = false;
        for (int i = 0; i < PASS_COUNT; i++)
            if (*list == '-' && strlen(ln_passes[i].name) == len - 1 &&
                strncmp(ln_passes[i].name, list + 1, len - 1) == 0) {
                on[i] = false;
                found = true;
            }
        if (!found) return unknown(list, len, err);
        list += len;
        if (*list == ',') list++;
    }
    return LINNET_OK;
}

linnet_status ln_passes_run(ln_graph *g, const char *list, linnet_error *err) {
    bool on[PASS_COUNT];
    const bool none = list && strcmp(list, "none") == 0;
    for (int i = 0; i < PASS_COUNT; i++) on[i] = !none;
    if (list && !none && strcmp(list, "all") != 0) LN_TRY(switch_off(list, on, err));
    for (int i = 0; i < PASS_COUNT; i++) {
        int changed = 0;
        if (!on[i]) continue;
        const linnet_status s = ln_passes[i].run(g, &changed, err);
        if (s != LINNET_OK) {
            ln_fail_prefix(err, "pass %s", ln_passes[i].name);
            return s;
        }
        if (changed) ln_log(LN_LOG_DEBUG, "pass %s: %d changes", ln_passes[i].name, changed);
    }
    return LINNET_OK;
}
