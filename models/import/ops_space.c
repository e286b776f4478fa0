/* Padding, and blocks of pixels that become channels or come from them. */
#include "models/import/ops.h"

static bool pad_mode(ln_imp *im, ln_pad_mode *out) {
    static const struct {
        const char *name;
        ln_pad_mode mode;
    } row[] = {{"constant", LN_PAD_CONSTANT},
               {"edge", LN_PAD_EDGE},
               {"reflect", LN_PAD_REFLECT},
               {"wrap", LN_PAD_WRAP}};
    const char *mode = ln_imp_string(im, "mode", "constant");
    for (size_t i = 0; i < LN_COUNT(row); i++)
        if (!strcmp(mode, row[i].name)) {
            *out = row[i].mode;
            return true;
        }
    return ln_imp_refuse(im, "mode %s is not supported", mode), false;
}

/* arg: 1 the sizes and the value are attributes */
void ln_imp_op_pad(ln_imp *im, const ln_imp_op *op) {
    const ln_val *v = ln_imp_in(im, 0);
    const int rank = v->shape.rank;
    size_t n = 0;
    const int64_t *attr = op->arg ? ln_imp_ints(im, "pads", &n) : NULL;
    if (op->arg && !attr) attr = ln_imp_ints(im, "paddings", &n); /* operator set 1 */
    const ln_host *in = op->arg ? NULL : ln_imp_const(im, 1, "the padding");
    const ln_host *value = !op->arg && ln_imp_in(im, 2) ? ln_imp_const(im, 2, "the value") : NULL;
    bool given;
    unsigned axes = op->arg ? 0 : ln_imp_axes(im, 3, "axes", rank, &given);
    ln_attr a = {0};
    if (!ln_imp_ok(im) || !pad_mode(im, &a.pad.mode)) return;
    if (!axes) axes = (1u << rank) - 1;
    if (in) n = (size_t)in->count;
    const ln_host *list = op->arg ? NULL : ln_imp_host(im, 3); /* in any order */
    const int parts = list && list->count ? (int)LN_MIN(list->count, LN_MAX_RANK + 1) : rank;
    if (parts != __builtin_popcount(axes)) {
        ln_imp_refuse(im, "an axis is named twice");
        return;
    }
    if (n != 2 * (size_t)parts) {
        ln_imp_refuse(im, "%zu sizes for %d dimensions", n, parts);
        return;
    }
    const ln_imp_layout l = ln_val_is_last(v) ? LN_LAST : LN_PLAIN;
    for (int k = 0; k < parts; k++) {
        const int d = list && list->count ? ln_imp_axis(im, ln_host_i(list, k), rank) : k;
        const int at = ln_imp_place(l, d, rank);
        a.pad.before[at] = in ? ln_host_i(in, k) : attr[k];
        a.pad.after[at] = in ? ln_host_i(in, k + parts) : attr[k + parts];
    }
    a.pad.value = value && value->count ? (float)ln_host_f(value, 0) : 0.0f;
    if (op->arg) a.pad.value = ln_imp_float(im, "value", 0.0f);
    if (rank)
        ln_imp_out(im, 0, ln_imp_1(im, LN_OP_PAD, a, ln_imp_get(im, v, l)), l, 0);
    else
        ln_imp_out_val(im, 0, v);
}

ln_tid ln_imp_depth_to_space(ln_imp *im, ln_tid x, int64_t b, bool crd) {
    const ln_shape s = *ln_imp_shape(im, x);
    if (!ln_imp_ok(im)) return LN_NONE;
    if (s.rank != 4 || b < 1 || b > INT16_MAX)
        return ln_imp_refuse(im, "blocks of %lld over an input of rank %d", (long long)b, s.rank);
    if (s.dim[3] % (b * b))
        return ln_imp_refuse(im, "%lld channels are no multiple of %lld", (long long)s.dim[3],
                             (long long)(b * b));
    const int64_t c = s.dim[3] / (b * b);
    const ln_shape dcr = {6, {s.dim[0], s.dim[1], s.dim[2], b, b, c}};
    const ln_shape cdr = {6, {s.dim[0], s.dim[1], s.dim[2], c, b, b}};
    const ln_shape to = ln_nhwc(s.dim[0], s.dim[1] * b, s.dim[2] * b, c);
    static const int from_dcr[] = {0, 1, 3, 2, 4, 5}, from_cdr[] = {0, 1, 4, 2, 5, 3};
    ln_tid y = ln_imp_reshape(im, x, crd ? &cdr : &dcr);
    y = ln_imp_permute(im, y, crd ? from_cdr : from_dcr);
    return ln_imp_reshape(im, y, &to);
}

ln_tid ln_imp_space_to_depth(ln_imp *im, ln_tid x, int64_t b) {
    const ln_shape s = *ln_imp_shape(im, x);
    if (!ln_imp_ok(im)) return LN_NONE;
    if (s.rank != 4 || b < 1 || b > INT16_MAX)
        return ln_imp_refuse(im, "blocks of %lld over an input of rank %d", (long long)b, s.rank);
    if (s.dim[1] % b || s.dim[2] % b) {
        return ln_imp_refuse(im, "%lldx%lld pixels are no multiple of %lld", (long long)s.dim[1],
                             (long long)s.dim[2], (long long)b);
    }
    const ln_shape wide = {6, {s.dim[0], s.dim[1] / b, b, s.dim[2] / b, b, s.dim[3]}};
    const ln_shape to = ln_nhwc(s.dim[0], s.dim[1] / b, s.dim[2] / b, s.dim[3] * b * b);
    const ln_tid y = ln_imp_permute(im, ln_imp_reshape(im, x, &wide), (int[]){0, 1, 3, 2, 4, 5});
    return ln_imp_reshape(im, y, &to);
}

void ln_imp_op_depth_to_space(ln_imp *im, const ln_imp_op *op) {
    const bool crd = !strcmp(ln_imp_string(im, "mode", "DCR"), "CRD");
    const ln_tid x = ln_imp_get(im, ln_imp_in(im, 0), LN_LAST);
    (void)op;
    const ln_tid y = ln_imp_depth_to_space(im, x, ln_imp_int(im, "blocksize", 0), crd);
    ln_imp_out(im, 0, y, LN_LAST, 0);
}

void ln_imp_op_space_to_depth(ln_imp *im, const ln_imp_op *op) {
    const ln_tid x = ln_imp_get(im, ln_imp_in(im, 0), LN_LAST);
    (void)op;
    ln_imp_out(im, 0, ln_imp_space_to_depth(im, x, ln_imp_int(im, "blocksize", 0)), LN_LAST, 0);
}
