/* Norms and attention: rules, counts, and the reference against loops from the definitions. */
#include "util.h"

static ln_attention_attr heads(int n, int kv, int dim, int vdim, int ph, int pw) {
    return (ln_attention_attr){.heads = n,
                               .kv_heads = kv,
                               .dim = dim,
                               .vdim = vdim,
                               .patch_h = ph,
                               .patch_w = pw,
                               .scale = 1.0f / sqrtf((float)dim)};
}

static void expect(const tg *t, ln_tid y, ln_shape want) {
    char a[96], b[96];
    const ln_shape *s = &t->g->tensor[y].shape;
    ck_assert_msg(ln_shape_equal(s, &want), "%s, not %s", ln_shape_text(s, a),
                  ln_shape_text(&want, b));
}

START_TEST(attention_rules) {
    tg t;
    tg_open(&t, 1);
    const ln_tid q = tg_input(&t, 2, 4, 6, 16), k = tg_input(&t, 2, 2, 3, 4);
    const ln_tid v = tg_input(&t, 2, 2, 3, 5), one = tg_input(&t, 1, 2, 3, 4);
    ln_attr a = {.attention = heads(4, 1, 4, 5, 1, 1)}, b;
    const ln_tid y = TG(&t, ATTENTION, "mqa", a, q, k, v);
    expect(&t, y, ln_nhwc(2, 4, 6, 20));
    ck_assert_int_eq(t.g->macs, 2 * 24 * 6 * 4 * (4 + 5));
    ck_assert_int_eq(ln_node_macs(t.g, &t.g->node[0]), 2 * 24 * 6 * 4 * 9);
    TG_REFUSE(&t, ATTENTION, a, "takes 3 to 3 inputs", q, k);
    TG_REFUSE(&t, ATTENTION, a, "key 1x2x3x4 does not go with query and value", q, one, v);
    TG_REFUSE(&t, ATTENTION, a, "key 2x2x3x4 does not go", q, k, tg_input(&t, 2, 3, 2, 5));
    TG_REFUSE(&t, ATTENTION, a, "key 2x2x3x4 does not go", q, k, tg_input(&t, 2, 2, 4, 5));
    TG_REFUSE(&t, ATTENTION, a, "query has shape 4, rank 4", tg_vector(&t, "v", 4), k, v);
    b = a;
    b.attention.patch_h = b.attention.patch_w = 2;
    TG_REFUSE(&t, ATTENTION, b, "key 2x2x3x4 is not made of 2x2 patches", q, k, v);
    b.attention.patch_h = 0;
    TG_REFUSE(&t, ATTENTION, b, "is not made of 0x2 patches", q, k, v);
    b = a;
    b.attention.q_at = 1;
    TG_REFUSE(&t, ATTENTION, b, "query 2x4x6x16 has no 4 heads of 4 channels from channel 1", q, k,
              v);
    b.attention.q_at = -1;
    TG_REFUSE(&t, ATTENTION, b, "from channel -1", q, k, v);
    b = a;
    b.attention.heads = INT32_MAX;
    b.attention.dim = INT32_MAX;
    TG_REFUSE(&t, ATTENTION, b, "query", q, k, v);
    b = a;
    b.attention.kv_heads = 0;
    TG_REFUSE(&t, ATTENTION, b, "key 2x2x3x4 has no 0 heads", q, k, v);
    b = a;
    b.attention.vdim = 6;
    TG_REFUSE(&t, ATTENTION, b, "value 2x2x3x5 has no 1 heads of 6", q, k, v);
    b = a;
    b.attention.heads = 3;
    b.attention.kv_heads = 2;
    b.attention.dim = b.attention.vdim = 2;
    TG_REFUSE(&t, ATTENTION, b, "3 heads do not share 2 heads", q, k, v);
    tg_close(&t);
}
END_TEST

START_TEST(other_rules) {
    tg t;
    tg_open(&t, 1);
    const ln_tid x = tg_input(&t, 2, 4, 6, 9), g = tg_vector(&t, "g", 9);
    const ln_tid bad = tg_vector(&t, "bad", 8), rows = tg_input_shape(&t, (ln_shape){2, {3, 9}});
    ln_attr a = {.linear = {.dim = 4, .patch_h = 2, .patch_w = 2, .act = ln_act_relu()}};
    expect(&t, TG(&t, LINEAR_ATTENTION, "l", a, x), ln_nhwc(2, 4, 6, 4));
    ck_assert_int_eq(t.g->macs, 0);
    a.linear.dim = 3;
    TG_REFUSE(&t, LINEAR_ATTENTION, a, "2x4x6x9 has not 1 + 2 * 3 channels", x);
    a.linear.dim = 4;
    a.linear.patch_h = 3;
    TG_REFUSE(&t, LINEAR_ATTENTION, a, "is not made of 3x2 patches", x);
    a.linear.patch_h = 2;
    a.linear.act.kind = LN_ACT_COUNT;
    TG_REFUSE(&t, LINEAR_ATTENTION, a, "no activation", x);

    a = (ln_attr){.norm = {.eps = 1e-5f, .groups = 3}};
    expect(&t, TG(&t, LAYER_NORM, "ln", a, x, g, g), ln_nhwc(2, 4, 6, 9));
    expect(&t, TG(&t, LAYER_NORM, "ln", a, rows), (ln_shape){2, {3, 9}});
    expect(&t, TG(&t, GROUP_NORM, "gn", a, x, g), ln_nhwc(2, 4, 6, 9));
    TG_REFUSE(&t, LAYER_NORM, a, "gamma bad has shape 8", x, bad, g);
    TG_REFUSE(&t, LAYER_NORM, a, "beta bad has shape 8", x, LN_NONE, bad);
    TG_REFUSE(&t, GROUP_NORM, a, "rank 4 is needed", rows);
    a.norm.groups = 2;
    TG_REFUSE(&t, GROUP_NORM, a, "2 groups do not divide the channels of 2x4x6x9", x);
    a.norm.groups = 0;
    TG_REFUSE(&t, GROUP_NORM, a, "0 groups", x);
    a = (ln_attr){.norm = {.eps = -1, .groups = 1}};
    TG_REFUSE(&t, LAYER_NORM, a, "epsilon -1", x);
    TG_REFUSE(&t, GROUP_NORM, a, "epsilon -1", x);
    tg_close(&t);
}
END_TEST

/* MobileViT-S at 256x256: the attention products of its three stages. */
START_TEST(mobilevit_macs) {
    static const struct {
        int side, dim, depth;
    } stage[] = {{32, 144, 2}, {16, 192, 4}, {8, 240, 3}};
    tg t;
    tg_open(&t, 1);
    for (int s = 0; s < 3; s++) {
        const ln_tid qkv = tg_input(&t, 1, stage[s].side, stage[s].side, 3 * stage[s].dim);
        ln_attr a = {.attention = heads(4, 4, stage[s].dim / 4, stage[s].dim / 4, 2, 2)};
        a.attention.k_at = stage[s].dim;
        a.attention.v_at = 2 * stage[s].dim;
        for (int i = 0; i < stage[s].depth; i++) TG(&t, ATTENTION, "attn", a, qkv, qkv, qkv);
    }
    ck_assert_int_eq(t.g->macs, 177635328);
    tg_close(&t);
}
END_TEST

static ln_ref *run_kept(tg *t, float *const *x) {
    ln_ref *r;
    ck_assert_int_eq(ln_ref_create(t->g, &r, &t->err), LINNET_OK);
    for (int i = 0; i < t->g->n_input; i++)
        ck_assert_int_eq(ln_ref_set(r, t->g->input[i], x[i], &t->err), LINNET_OK);
    const linnet_status s = ln_ref_run(r, true, &t->err);
    ck_assert_msg(s == LINNET_OK, "%s", t->err.message);
    return r;
}

static float *values(tg *t, ln_tid x) {
    const int64_t n = tg_count(t->g, x);
    float *p = malloc((size_t)n * sizeof *p);
    ck_assert_ptr_nonnull(p);
    for (int64_t i = 0; i < n; i++) p[i] = 2 * tg_value(t);
    return p;
}

/* The published unfold: [C,H,W] -> (C*nh, ph, nw, pw) -> swap the middle -> (C, N, P). Gives for
 * each (patch-pixel p, token n) the pixel of the map. */
static void unfold(int h, int w, int ph, int pw, int *pixel_of) {
    const int nh = h / ph, nw = w / pw, tokens = nh * nw, inside = ph * pw;
    for (int flat = 0; flat < h * w; flat++) { /* index after the swap: (nh, nw, ph, pw) */
        const int d = flat % pw, b = flat / pw % ph, c = flat / (pw * ph) % nw;
        const int a = flat / (pw * ph * nw);
        const int before = ((a * ph + b) * nw + c) * pw + d; /* (nh, ph, nw, pw): the map */
        const int token = flat / inside, p = flat % inside;  /* (N, P) */
        pixel_of[p * tokens + token] = before;
    }
}

typedef struct att_case {
    int n, h, w, kh, kw, heads, kv, dim, vdim, ph, pw;
} att_case;
static const att_case att_cases[] = {
    {1, 3, 2, 3, 2, 1, 1, 4, 4, 1, 1}, {2, 4, 5, 2, 3, 4, 1, 3, 5, 1, 1},
    {1, 4, 6, 4, 6, 2, 2, 5, 5, 2, 2}, {2, 6, 4, 6, 4, 4, 2, 2, 3, 2, 2},
    {1, 1, 7, 1, 1, 3, 3, 2, 1, 1, 1}, {1, 6, 6, 6, 6, 2, 2, 3, 3, 3, 2},
    {3, 2, 2, 2, 2, 6, 3, 1, 2, 2, 2},
};

/* One output value, from the softmax written out. */
static double naive_attention(const att_case *c, const ln_attention_attr *a, const float *q, int qc,
                              const float *k, int kc, const float *v, int vc, const int *qpix,
                              const int *kpix, int n, int p, int t, int h, int o) {
    const int keys = c->kh * c->kw / (c->ph * c->pw), qt = c->h * c->w / (c->ph * c->pw);
    const int g = h / (c->heads / c->kv);
    const int qrow = n * c->h * c->w + qpix[p * qt + t];
    double sum = 0, norm = 0;
    for (int u = 0; u < keys; u++) {
        const int krow = n * c->kh * c->kw + kpix[p * keys + u];
        double dot = 0;
        for (int i = 0; i < c->dim; i++)
            dot += (double)q[qrow * qc + a->q_at + h * c->dim + i] *
                   k[krow * kc + a->k_at + g * c->dim + i];
        const double e = exp(dot * a->scale);
        norm += e;
        sum += e * v[krow * vc + a->v_at + g * c->vdim + o];
    }
    return sum / norm;
}

START_TEST(attention_values) {
    const att_case c = att_cases[_i];
    tg t;
    tg_open(&t, (uint64_t)_i + 1);
    ln_attr a = {.attention = heads(c.heads, c.kv, c.dim, c.vdim, c.ph, c.pw)};
    a.attention.q_at = 1, a.attention.k_at = 2, a.attention.v_at = 0;
    const int qc = c.heads * c.dim + 1, kc = c.kv * c.dim + 3, vc = c.kv * c.vdim + 1;
    const ln_tid q = tg_input(&t, c.n, c.h, c.w, qc), k = tg_input(&t, c.n, c.kh, c.kw, kc);
    const ln_tid v = tg_input(&t, c.n, c.kh, c.kw, vc);
    const ln_tid y = TG(&t, ATTENTION, "a", a, q, k, v);
    float *x[3] = {values(&t, q), values(&t, k), values(&t, v)};
    int qpix[64], kpix[64];
    unfold(c.h, c.w, c.ph, c.pw, qpix);
    unfold(c.kh, c.kw, c.ph, c.pw, kpix);
    ln_ref *r = run_kept(&t, x);
    const int inside = c.ph * c.pw, tokens = c.h * c.w / inside, oc = c.heads * c.vdim;
    for (int n = 0; n < c.n; n++)
        for (int p = 0; p < inside; p++)
            for (int i = 0; i < tokens; i++)
                for (int h = 0; h < c.heads; h++)
                    for (int o = 0; o < c.vdim; o++) {
                        const double want = naive_attention(&c, &a.attention, x[0], qc, x[1], kc,
                                                            x[2], vc, qpix, kpix, n, p, i, h, o);
                        const int row = n * c.h * c.w + qpix[p * tokens + i];
                        const float got = r->value[y][row * oc + h * c.vdim + o];
                        ck_assert_double_eq_tol((double)got, want, 2e-6);
                    }
    ln_ref_destroy(&r);
    for (int i = 0; i < 3; i++) free(x[i]);
    tg_close(&t);
}
END_TEST

/* One map that holds q, k and v gives what three maps give. */
START_TEST(attention_of_one_map) {
    enum { D = 4, P = 16 };
    tg t;
    tg_open(&t, 3);
    const ln_tid qkv = tg_input(&t, 1, 4, 4, 3 * D);
    ln_tid part[3];
    ln_attr a = {.attention = heads(2, 2, D / 2, D / 2, 2, 2)};
    for (int i = 0; i < 3; i++) {
        ln_attr s = {.slice = ln_slice_all(&t.g->tensor[qkv].shape)};
        s.slice.begin[3] = (int64_t)i * D;
        s.slice.size.dim[3] = D;
        part[i] = TG(&t, SLICE, "part", s, qkv);
    }
    const ln_tid apart = TG(&t, ATTENTION, "apart", a, part[0], part[1], part[2]);
    a.attention.k_at = D;
    a.attention.v_at = 2 * D;
    const ln_tid joint = TG(&t, ATTENTION, "joint", a, qkv, qkv, qkv);
    float *x[1] = {values(&t, qkv)};
    ln_ref *r = run_kept(&t, x);
    ck_assert_mem_eq(r->value[apart], r->value[joint], sizeof(float) * P * D);
    ln_ref_destroy(&r);
    free(x[0]);
    tg_close(&t);
}
END_TEST

/* Scores far beyond what exp can hold. */
START_TEST(attention_range) {
    tg t;
    tg_open(&t, 3);
    const ln_tid q = tg_input(&t, 1, 1, 1, 1), kv = tg_input(&t, 1, 1, 2, 2);
    ln_attr a = {.attention = heads(1, 1, 1, 1, 1, 1)};
    a.attention.v_at = 1;
    const ln_tid y = TG(&t, ATTENTION, "a", a, q, kv, kv);
    float query = 1e4f, keys[4] = {5, 10, -5, 20};
    float *x[2] = {&query, keys};
    ln_ref *r = run_kept(&t, x);
    ck_assert_float_eq(r->value[y][0], 10);
    keys[0] = NAN;
    ln_ref_destroy(&r);
    r = run_kept(&t, x);
    ck_assert(isnan(r->value[y][0]));
    ln_ref_destroy(&r);
    tg_close(&t);
}
END_TEST

START_TEST(linear_values) {
    enum { N = 2, H = 4, W = 6, D = 3, C = 1 + 2 * D };
    const int ph = _i ? 2 : 1, pw = _i ? 2 : 1, inside = ph * pw, tokens = H * W / inside;
    tg t;
    tg_open(&t, (uint64_t)_i + 1);
    const ln_tid x = tg_input(&t, N, H, W, C);
    const ln_attr a = {.linear = {.dim = D, .patch_h = ph, .patch_w = pw, .act = ln_act_relu()}};
    const ln_tid y = TG(&t, LINEAR_ATTENTION, "l", a, x);
    float *in[1] = {values(&t, x)};
    int pix[H * W];
    unfold(H, W, ph, pw, pix);
    ln_ref *r = run_kept(&t, in);
    for (int n = 0; n < N; n++)
        for (int p = 0; p < inside; p++)
            for (int d = 0; d < D; d++) {
                double norm = 0, sum = 0;
                for (int i = 0; i < tokens; i++) {
                    const float *row = in[0] + (n * H * W + pix[p * tokens + i]) * C;
                    norm += exp((double)row[0]);
                    sum += exp((double)row[0]) * row[1 + d];
                }
                for (int i = 0; i < tokens; i++) {
                    const int at = n * H * W + pix[p * tokens + i];
                    const double v = in[0][at * C + 1 + D + d];
                    const double want = (v > 0 ? v : 0) * sum / norm;
                    ck_assert_double_eq_tol((double)r->value[y][at * D + d], want, 1e-6);
                }
            }
    ln_ref_destroy(&r);
    free(in[0]);
    tg_close(&t);
}
END_TEST

/* Group norm with any number of groups and optional scale and shift; layer norm is the group norm
 * of single pixels. */
START_TEST(norm_values) {
    enum { N = 2, P = 6, C = 6 };
    static const int group_of[] = {1, 2, 3, 6};
    const int groups = group_of[_i % 4], len = C / groups;
    const bool affine = _i >= 4;
    tg t;
    tg_open(&t, (uint64_t)_i + 1);
    const ln_tid x = tg_input(&t, N, 2, 3, C);
    const ln_tid g = affine ? tg_vector(&t, "g", C) : LN_NONE;
    const ln_tid b = affine ? tg_vector(&t, "b", C) : LN_NONE;
    const ln_attr a = {.norm = {.eps = 1e-2f, .groups = groups}};
    const ln_tid gn = TG(&t, GROUP_NORM, "gn", a, x, g, b);
    const ln_tid layer = TG(&t, LAYER_NORM, "ln", a, x, g, b);
    float *in[1] = {values(&t, x)};
    ln_ref *r = run_kept(&t, in);
    for (int i = 0; i < N * P * C; i++) {
        const int c = i % C, n = i / (P * C), first = c / len * len;
        double sum[2] = {0}, square[2] = {0};
        for (int p = 0; p < P; p++)
            for (int k = first; k < first + len; k++) {
                const double v = in[0][(n * P + p) * C + k];
                sum[0] += v, square[0] += v * v;
            }
        for (int k = 0; k < C; k++) {
            const double v = in[0][i / C * C + k];
            sum[1] += v, square[1] += v * v;
        }
        for (int which = 0; which < 2; which++) {
            const double count = which ? C : P * len, mean = sum[which] / count;
            const double sd = sqrt(square[which] / count - mean * mean + 1e-2);
            double want = (in[0][i] - mean) / sd;
            if (affine) want = want * r->value[g][c] + r->value[b][c];
            ck_assert_double_eq_tol((double)r->value[which ? layer : gn][i], want, 1e-5);
        }
    }
    ln_ref_destroy(&r);
    free(in[0]);
    tg_close(&t);
}
END_TEST

/* A large common offset does not drown the variance. */
START_TEST(norm_offset) {
    tg t;
    tg_open(&t, 1);
    const ln_tid x = tg_input_shape(&t, (ln_shape){2, {1, 4}});
    const ln_tid y = TG(&t, LAYER_NORM, "ln", ((ln_attr){0}), x);
    float raw[4] = {1000001, 1000003, 1000001, 1000003}, *in[1] = {raw};
    ln_ref *r = run_kept(&t, in);
    for (int i = 0; i < 4; i++) ck_assert_float_eq(r->value[y][i], i % 2 ? 1.0f : -1.0f);
    ln_ref_destroy(&r);
    tg_close(&t);
}
END_TEST

static void fill(TCase *c) {
    tcase_add_test(c, attention_rules);
    tcase_add_test(c, other_rules);
    tcase_add_test(c, mobilevit_macs);
    tcase_add_loop_test(c, attention_values, 0, (int)LN_COUNT(att_cases));
    tcase_add_test(c, attention_of_one_map);
    tcase_add_test(c, attention_range);
    tcase_add_loop_test(c, linear_values, 0, 2);
    tcase_add_loop_test(c, norm_values, 0, 8);
    tcase_add_test(c, norm_offset);
}

int main(void) {
    return tg_main("token", fill);
}
