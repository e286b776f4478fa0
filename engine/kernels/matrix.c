/* Constants of convolution and fully connected layers, packed in panels of output channels. */
#include "engine/kernels/kernels.h"

#include <math.h>
#include <stdlib.h>

enum {
    ALIGN = 16, /* elements: the bias starts on 64 bytes */
    ZERO = 8    /* behind the bias: what a tap beyond the border reads */
};

int32_t ln_tiles(const ln_variant *v, int64_t items, int64_t each) {
    return (int32_t)LN_MAX(ln_ceil_div(items, each * v->local), 1);
}

int32_t ln_deep_pixels(const ln_site *s, const ln_args *a) {
    int64_t units = LN_MAX(s->caps->compute_units, 1), least = ln_ceil_div(4096, ln_cpad(a->oc));
    return (int32_t)LN_MAX(ln_ceil_div(a->m, units * 4), LN_MIN(least, a->m));
}

void ln_deep_cut(const ln_site *s, ln_args *a) {
    a->t1 = (int32_t)ln_ceil_div(a->m, ln_deep_pixels(s, a));
    a->tiles = a->t1;
}

int64_t ln_deep_chunks(int64_t pixels, int64_t units) {
    enum { BLOCK = 8, EACH = 6, LEAST = 3, MOST = 4 }; /* pixels; blocks of a chunk; chunks */
    const int64_t blocks = ln_ceil_div(pixels, BLOCK) / units;
    return blocks < LEAST ? 0 : LN_MAX(LN_MIN(MOST, blocks / EACH), 1);
}

bool ln_site_plain(const ln_site *s) {
    for (int i = 0; i < s->node->n_in; i++) {
        const ln_tensor *x = &s->graph->tensor[s->node->in[i]];
        if (x->kind == LN_TENSOR_CONST || ln_tensor_planar(x)) return false;
    }
    return true;
}

/* Limits of an activation that is a clamp and keeps zero at zero. */
static bool clamp_limits(const ln_act *a, float *lo, float *hi) {
    bool none = a->kind == LN_ACT_NONE;
    *lo = none ? -INFINITY : a->lo;
    *hi = none ? INFINITY : a->hi;
    return none || (a->kind == LN_ACT_CLAMP && a->lo <= 0 && a->hi >= 0);
}

void ln_clamp_bind(const ln_act *act, const ln_act *post, ln_args *a) {
    float lo, hi, plo, phi;
    if (!clamp_limits(act, &lo, &hi) || !clamp_limits(post, &plo, &phi)) return;
    if (a->res == LN_NO_OFF) { /* one clamp does both */
        hi = LN_MAX(LN_MIN(hi, phi), plo);
        lo = LN_MAX(LN_MIN(lo, phi), plo);
    }
    a->flags |= LN_FLAG_CLAMP;
    a->lo = lo, a->hi = hi, a->plo = plo, a->phi = phi;
}

ln_matrix ln_site_matrix(const ln_site *s) {
    const ln_shape *w = ln_site_shape(s, s->node->in[LN_CONV_W]);
    ln_matrix m = {.k = 1, .oc = w->dim[0], .ocp = ln_cpad(w->dim[0])};
    for (int i = 1; i < w->rank; i++) m.k *= w->dim[i];
    return m;
}

int ln_panel_count(int64_t ocp, int64_t wide) {
    return (int)ln_ceil_div(ocp, wide);
}

int64_t ln_panel_at(int64_t ocp, int64_t wide, int index) {
    int64_t unit = wide % 16 ? 8 : 16, count = ln_ceil_div(ocp, wide);
    return LN_MIN(ln_ceil_div(ocp, unit) * index / count * unit, ocp);
}

static int64_t bias_at(const ln_matrix *m) {
    return ln_round_up(m->k * m->ocp, ALIGN);
}

size_t ln_matrix_packed(const ln_variant *v, const ln_site *s) {
    (void)v;
    ln_matrix m = ln_site_matrix(s);
    return (size_t)(bias_at(&m) + m.ocp + ZERO);
}

void ln_matrix_bind(const ln_site *s, ln_args *a) {
    ln_matrix m = ln_site_matrix(s);
    a->w = 0;
    a->b = (ln_u32)bias_at(&m);
}

typedef struct rows {
    const float *at, *scale; /* of the first; scale: by row, or NULL */
    int64_t pitch, count;
} rows;

/* n rows become columns: few enough that both sides are walked along their lines. */
static inline void turn_some(const rows *r, int64_t o, int n, int64_t k_count, int64_t width,
                             float *panel) {
    const float *from = r->at + o * r->pitch;
    for (int64_t k = 0; k < k_count; k++)
        for (int j = 0; j < n; j++)
            panel[k * width + o + j] = from[j * r->pitch + k] * (r->scale ? r->scale[o + j] : 1.0f);
}

static void turn(const rows *r, int64_t k_count, int64_t width, float *panel) {
    enum { BLOCK = 8 };
    int64_t o = 0;
    for (; o + BLOCK <= r->count; o += BLOCK) turn_some(r, o, BLOCK, k_count, width, panel);
    turn_some(r, o, (int)(r->count - o), k_count, width, panel);
}

linnet_status ln_matrix_pack(const ln_site *s, int64_t wide, float *dst, linnet_error *err) {
    ln_matrix m = ln_site_matrix(s);
    const ln_tid t = s->node->in[LN_CONV_W];
    if (ln_site_has(s, LN_CONV_BIAS))
        LN_TRY(ln_const_copy_f32(s->graph, s->node->in[LN_CONV_BIAS], dst + bias_at(&m), err));
    rows all = {.scale = s->graph->tensor[t].view.scale};
    float *copy = NULL;
    all.at = ln_const_rows(s->graph, t, &all.pitch);
    if (!all.at) {
        size_t bytes = (size_t)(m.oc * m.k) * sizeof(float);
        if (!(copy = malloc(bytes))) return ln_fail_oom(err, s->node->name, bytes);
        linnet_status st = ln_const_copy_f32(s->graph, t, copy, err);
        if (st != LINNET_OK) {
            free(copy);
            return st;
        }
        all = (rows){.at = copy, .pitch = m.k};
    }
    int panels = ln_panel_count(m.ocp, wide);
    for (int i = 0; i < panels; i++) {
        int64_t at = ln_panel_at(m.ocp, wide, i), next = ln_panel_at(m.ocp, wide, i + 1);
        rows r = {all.at + at * all.pitch, all.scale ? all.scale + at : NULL, all.pitch,
                  LN_MIN(next, m.oc) - at};
        turn(&r, m.k, next - at, dst + at * m.k);
    }
    free(copy);
    return LINNET_OK;
}

linnet_status ln_matrix_pack_whole(const ln_variant *v, const ln_site *s, float *dst,
                                   linnet_error *err) {
    (void)v;
    return ln_matrix_pack(s, ln_site_matrix(s).ocp, dst, err);
}
