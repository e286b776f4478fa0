/* Smaller networks. */
#include "api/api.h"

#include <stdlib.h>

linnet_status linnet_prune(const linnet_model *m, const linnet_prune_params *p, const char *path,
                           linnet_pruned *out, linnet_error *err) {
    const ln_prune_params inner = {
        .channels = p->channels,
        .by = p->by == LINNET_PRUNE_BN ? LN_PRUNE_BN : LN_PRUNE_L1,
    };
    ln_pruning r;
    *out = (linnet_pruned){0};
    linnet_pruned_layer *list = NULL;
    LN_TRY(ln_prune(m->model, &inner, m->h, m->w, path, &r, err));
    list = calloc((size_t)r.count, sizeof *list);
    for (int i = 0; list && i < r.count; i++) {
        snprintf(list[i].name, sizeof list[i].name, "%s", r.layer[i].name);
        list[i].before = r.layer[i].before;
        list[i].after = r.layer[i].after;
    }
    *out = (linnet_pruned){.layers = list,
                           .n_layers = list ? (size_t)r.count : 0,
                           .params = {r.params[0], r.params[1]},
                           .macs = {r.macs[0], r.macs[1]}};
    ln_pruning_free(&r);
    return list ? LINNET_OK : ln_fail_oom(err, "the list of layers", 0);
}
