/* linnet convert: any checkpoint that Linnet reads, to its own safetensors. */
#include "models/build.h"
#include "models/meta.h"
#include "models/quantized.h"
#include "models/rename.h"

#include <stdlib.h>
#include <string.h>

/* The file's text of labels, a line each: from a file, or what the source already carries. */
static linnet_status labels_text(const ln_weights *w, const char *path, int classes, ln_str *out,
                                 linnet_error *err) {
    const char *own = ln_weights_meta(w, LN_META_LABELS);
    ln_labels l = {0};
    linnet_status st = LINNET_OK;
    if (path)
        st = ln_labels_read(path, classes, &l, err);
    else if (own)
        st = ln_labels_parse(own, strlen(own), ln_weights_path(w), classes, &l, err);
    for (size_t i = 0; i < l.count; i++) ln_str_add(out, "%s%s", i ? "\n" : "", l.item[i]);
    ln_labels_free(&l);
    if (st == LINNET_OK && out->failed) st = ln_fail_oom(err, "labels", out->len);
    return st;
}

static linnet_status prep_text(const ln_weights *w, const ln_family_row *row, ln_str *out,
                               linnet_error *err) {
    const char *own = ln_weights_meta(w, LN_META_PREP);
    ln_preprocess p = row->prep;
    if (own) LN_TRY(ln_prep_parse(own, ln_weights_path(w), &p, err));
    ln_prep_print(&p, out);
    return out->failed ? ln_fail_oom(err, "preprocessing", out->len) : LINNET_OK;
}

static linnet_status write(ln_weights *w, const ln_graph *g, const ln_family_row *row,
                           const char *prep, const ln_str *labels, const char *path,
                           linnet_error *err) {
    const char *widths = ln_weights_meta(w, LN_META_WIDTHS);
    ln_meta meta[5] = {{"format", "pt"}, {LN_META_FAMILY, row->name}, {LN_META_PREP, prep}};
    size_t n_meta = 3;
    if (labels->len) meta[n_meta++] = (ln_meta){LN_META_LABELS, labels->p};
    if (widths) meta[n_meta++] = (ln_meta){LN_META_WIDTHS, widths};
    ln_weight *list = calloc((size_t)g->n_tensor, sizeof *list);
    size_t n = 0;
    if (!list) return ln_fail_oom(err, "a list of tensors", (size_t)g->n_tensor * sizeof *list);
    for (int i = 0; i < g->n_tensor; i++) {
        if (g->tensor[i].kind != LN_TENSOR_CONST) continue;
        const ln_weight *t = ln_weights_find(w, g->tensor[i].name, NULL, err);
        if (t) list[n++] = *t; /* else a constant of the network, not of the file */
    }
    linnet_status st = ln_safetensors_write(path, list, n, meta, n_meta, err);
    free(list);
    return st;
}

static linnet_status convert(ln_weights *w, const char *out, const char *arch, const char *labels,
                             linnet_error *err) {
    const char *name = arch ? arch : ln_weights_meta(w, LN_META_FAMILY);
    if (!name)
        return ln_fail(err, LINNET_ERR_INVALID_ARGUMENT,
                       "%s: the file does not name its family; give --arch NAME",
                       ln_weights_path(w));
    const ln_family_row *row = ln_family_find(name, err);
    if (!row) return LINNET_ERR_UNSUPPORTED;
    if (ln_weights_meta(w, LN_META_QUANT))
        return ln_fail(err, LINNET_ERR_UNSUPPORTED,
                       "%s: quantized already; convert the weights of floats, then quantize",
                       ln_weights_path(w));
    LN_TRY(ln_weights_adapt(w, row->arch, err));
    ln_str text = {0}, prep = {0};
    ln_graph *g = NULL;
    linnet_status st = labels_text(w, labels, row->classes, &text, err);
    if (st == LINNET_OK) st = prep_text(w, row, &prep, err);
    if (st == LINNET_OK)
        st = ln_network_build(row->arch, row->name, row->classes, w, 1, row->prep.size,
                              row->prep.size, &g, err);
    if (st == LINNET_OK) st = write(w, g, row, prep.p, &text, out, err);
    ln_graph_destroy(&g);
    ln_str_free(&prep);
    ln_str_free(&text);
    return st;
}

linnet_status ln_convert(const char *in, const char *out, const char *arch, const char *labels,
                         linnet_error *err) {
    static const char synthetic[] = "synthetic:";
    const size_t n = sizeof synthetic - 1;
    ln_weights *w;
    uint64_t seed;
    if (strncmp(in, synthetic, n) != 0)
        LN_TRY(ln_weights_open(in, &w, err));
    else if (ln_parse_u64(in + n, &seed))
        LN_TRY(ln_synthetic_open(seed, &w, err));
    else
        return ln_fail(err, LINNET_ERR_INVALID_ARGUMENT, "%s: give synthetic:SEED, a number from 0",
                       in);
    linnet_status st = convert(w, out, arch, labels, err);
    ln_weights_close(&w);
    return st;
}
