#include "models/save.h"

#include "models/build.h"
#include "models/weights_impl.h"

#include <stdlib.h>

linnet_status ln_save_meta(const ln_model *m, ln_weights *to, linnet_error *err) {
    ln_str prep = {0}, labels = {0};
    ln_prep_print(ln_model_prep(m), &prep);
    for (int i = 0; ln_model_label(m, i); i++)
        ln_str_add(&labels, "%s%s", i ? "\n" : "", ln_model_label(m, i));
    linnet_status st = LINNET_OK;
    if (prep.failed || labels.failed) st = ln_fail_oom(err, "metadata", labels.len);
    const ln_meta meta[] = {{"format", "pt"},
                            {LN_META_FAMILY, ln_model_row(m)->name},
                            {LN_META_PREP, prep.p},
                            {LN_META_LABELS, labels.p}};
    for (size_t i = 0; i < LN_COUNT(meta) && st == LINNET_OK; i++)
        if (meta[i].value) st = ln_weights_meta_add(to, meta[i].key, meta[i].value, err);
    ln_str_free(&prep);
    ln_str_free(&labels);
    return st;
}

linnet_status ln_save(const ln_weights *w, const char *path, linnet_error *err) {
    ln_weight *list = calloc(w->count + 1, sizeof *list);
    if (!list) return ln_fail_oom(err, "a list of tensors", w->count * sizeof *list);
    for (size_t i = 0; i < w->count; i++) list[i] = *w->item[i];
    const linnet_status st = ln_safetensors_write(path, list, w->count, w->meta, w->n_meta, err);
    free(list);
    return st;
}
