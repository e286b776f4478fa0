/* General convolution and fully connected: conv_any.cl. */
#include "engine/kernels/kernels.h"

static bool can_run(const ln_variant *v, const ln_site *s) {
    (void)v;
    (void)s;
    return true;
}

static size_t packed(const ln_variant *v, const ln_site *s) {
    (void)v;
    return ln_matrix_packed(s);
}

static linnet_status pack(const ln_variant *v, const ln_site *s, float *dst, linnet_error *err) {
    (void)v;
    return ln_matrix_pack(s, ln_site_matrix(s).ocp, dst, err);
}

static void bind(const ln_variant *v, const ln_site *s, ln_args *a) {
    ln_matrix_bind(s, a);
    a->tiles = ln_tiles(v, (int64_t)a->m * ln_cpad(a->oc), 1);
}

const ln_family ln_family_conv_any = {"conv_any", LN_OP_CONV2D, can_run, packed, pack, bind};
const ln_family ln_family_fc_any = {"fc_any", LN_OP_FC, can_run, packed, pack, bind};
