/* Softmax and the movers of data: one work-item a pixel, or one a lane. */
#include "engine/kernels/kernels.h"

static bool can_run(const ln_variant *v, const ln_site *s) {
    (void)v;
    return ln_site_plain(s);
}

static void bind_pixels(const ln_variant *v, const ln_site *s, ln_args *a) {
    (void)s;
    a->tiles = ln_tiles(v, a->m, 1);
}

static void bind_lanes(const ln_variant *v, const ln_site *s, ln_args *a) {
    (void)s;
    a->tiles = ln_tiles(v, (int64_t)a->m * ln_cpad(a->oc), 1);
}

const ln_family ln_family_softmax = {"softmax", LN_OP_SOFTMAX, can_run, NULL, NULL, bind_pixels};
const ln_family ln_family_reshape = {"reshape", LN_OP_RESHAPE, can_run, NULL, NULL, bind_lanes};
