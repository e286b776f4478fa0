/* Constants of quantized convolution and fully connected layers. */
#include "engine/kernels/kernels.h"
#include "engine/quant.h"

#include <stdlib.h>
#include <string.h>

enum { ALIGN = 16 }; /* words: the vectors start on 64 bytes */

int64_t ln_bytes_words(int64_t bytes) {
    return ln_round_up(ln_ceil_div(bytes, (int64_t)sizeof(float)), ALIGN);
}

size_t ln_bytes_packed(const ln_variant *v, const ln_site *s) {
    (void)v;
    const ln_matrix m = ln_site_matrix(s);
    return (size_t)(ln_bytes_words(m.k * m.ocp) + 3 * m.ocp);
}

linnet_status ln_bytes_copy(const ln_site *s, int8_t **out, linnet_error *err) {
    const ln_matrix m = ln_site_matrix(s);
    *out = malloc((size_t)(m.oc * m.k));
    if (!*out) return ln_fail_oom(err, s->node->name, (size_t)(m.oc * m.k));
    const linnet_status st = ln_const_copy(s->graph, s->node->in[LN_CONV_W], *out, err);
    if (st != LINNET_OK) free(*out);
    return st;
}

linnet_status ln_bias_copy(const ln_site *s, int32_t **out, linnet_error *err) {
    const size_t oc = (size_t)ln_site_matrix(s).oc;
    *out = calloc(oc, sizeof **out);
    if (!*out) return ln_fail_oom(err, s->node->name, oc * sizeof **out);
    if (!ln_site_has(s, LN_CONV_BIAS)) return LINNET_OK;
    const linnet_status st = ln_const_copy(s->graph, s->node->in[LN_CONV_BIAS], *out, err);
    if (st != LINNET_OK) free(*out);
    return st;
}

ln_twice ln_site_twice(const ln_site *s, int64_t o) {
    return ln_twice_of(ln_fixed_of(ln_quant_factor(s->graph, s->node, o)));
}

bool ln_scales_large(const ln_site *s) {
    const int64_t oc = ln_site_matrix(s).oc;
    for (int64_t o = 0; o < oc; o++)
        if (ln_site_twice(s, o).left) return true;
    return false;
}

bool ln_scales_fit(const ln_site *s) {
    const ln_matrix m = ln_site_matrix(s);
    int32_t *bias;
    linnet_error none;
    if (!ln_scales_large(s)) return true;
    if (ln_bias_copy(s, &bias, &none) != LINNET_OK)
        return false; /* the general rows ask for less */
    bool fit = true;
    for (int64_t o = 0; o < m.oc && fit; o++) {
        const int left = ln_site_twice(s, o).left;
        const int64_t most = m.k * 255 * 255 + llabs(bias[o]);
        fit = !left || (left < 31 && most <= INT32_MAX >> left);
    }
    free(bias);
    return fit;
}

void ln_twice_pack(ln_twice r, int64_t lanes, int64_t width, int64_t i, void *to) {
    int32_t *of = to;
    int64_t *h = (int64_t *)(of + 3 * lanes) + i / width * width;
    of[i] = r.mul, of[lanes + i] = r.right, of[2 * lanes + i] = r.left;
    h[i % 2 * (width / 2) + i % width / 2] = r.h;
}

linnet_status ln_scales_pack(const ln_site *s, float *dst, linnet_error *err) {
    const ln_matrix m = ln_site_matrix(s);
    if (ln_site_has(s, LN_CONV_BIAS))
        LN_TRY(ln_const_copy(s->graph, s->node->in[LN_CONV_BIAS], dst, err));
    for (int64_t o = 0; o < m.oc; o++) {
        const ln_fixed f = ln_fixed_of(ln_quant_factor(s->graph, s->node, o));
        const ln_rescale r = ln_rescale_of(f);
        ((int32_t *)dst)[m.ocp + o] = r.mul;
        dst[2 * m.ocp + o] = r.unit;
    }
    return LINNET_OK;
}

linnet_status ln_bytes_pack_whole(const ln_variant *v, const ln_site *s, float *dst,
                                  linnet_error *err) {
    (void)v;
    const ln_matrix m = ln_site_matrix(s);
    const ln_tensor *t = &s->graph->tensor[s->node->in[LN_CONV_W]];
    int8_t *w, *to = (int8_t *)dst;
    LN_TRY(ln_bytes_copy(s, &w, err));
    memset(to, t->q.zero, (size_t)(m.k * m.ocp));
    for (int64_t o = 0; o < m.oc; o++)
        for (int64_t k = 0; k < m.k; k++) to[k * m.ocp + o] = w[o * m.k + k];
    free(w);
    return ln_scales_pack(s, dst + ln_bytes_words(m.k * m.ocp), err);
}
