/* The reference against naive loops written from the definitions, on odd shapes. */
#include "util.h"

static int64_t dim(const tg *t, ln_tid x, int i) {
    return t->g->tensor[x].shape.dim[i];
}

/* A run that keeps everything. */
static ln_ref *run_kept(tg *t, const float *x) {
    ln_ref *r;
    ck_assert_int_eq(ln_ref_create(t->g, &r, &t->err), LINNET_OK);
    ck_assert_int_eq(ln_ref_set(r, t->g->input[0], x, &t->err), LINNET_OK);
    const linnet_status s = ln_ref_run(r, true, &t->err);
    ck_assert_msg(s == LINNET_OK, "%s", t->err.message);
    return r;
}

static float *random_array(tg *t, int64_t n) {
    float *p = malloc((size_t)n * sizeof *p);
    ck_assert_ptr_nonnull(p);
    for (int64_t i = 0; i < n; i++) p[i] = tg_value(t);
    return p;
}

/* One output of a convolution, straight from the formula. */
static double naive_conv(const tg *t, const ln_ref *r, const ln_node *n, const int64_t at[4]) {
    const ln_conv_attr *c = &n->attr.conv;
    const float *x = r->value[n->in[0]], *w = r->value[n->in[1]];
    const ln_tid bias = ln_node_in(n, LN_CONV_BIAS), res = ln_node_in(n, LN_CONV_RES);
    const ln_tid gate = ln_node_in(n, LN_CONV_GATE);
    const int64_t ih = dim(t, n->in[0], 1), iw = dim(t, n->in[0], 2), ic = dim(t, n->in[0], 3);
    const int64_t icg = ic / c->groups, ocg = dim(t, n->in[1], 0) / c->groups;
    double sum = bias == LN_NONE ? 0.0 : (double)r->value[bias][at[3]];
    for (int64_t ky = 0; ky < c->win.kh; ky++)
        for (int64_t kx = 0; kx < c->win.kw; kx++)
            for (int64_t i = 0; i < icg; i++) {
                const int64_t iy = at[1] * c->win.sh - c->win.top + ky * c->win.dh;
                const int64_t ix = at[2] * c->win.sw - c->win.left + kx * c->win.dw;
                if (iy < 0 || ix < 0 || iy >= ih || ix >= iw) continue;
                const int64_t gr = at[3] / ocg;
                const int64_t ch = c->interleaved ? i * c->groups + gr : gr * icg + i;
                double v = x[((at[0] * ih + iy) * iw + ix) * ic + ch];
                if (gate != LN_NONE) v *= (double)r->value[gate][at[0] * ic + ch];
                sum += v * (double)w[((at[3] * c->win.kh + ky) * c->win.kw + kx) * icg + i];
            }
    sum = ln_act_eval(&c->act, sum);
    const ln_shape *y = &t->g->tensor[n->out[0]].shape;
    const int64_t flat = ((at[0] * y->dim[1] + at[1]) * y->dim[2] + at[2]) * y->dim[3] + at[3];
    if (res != LN_NONE) sum += (double)r->value[res][flat];
    return ln_act_eval(&c->post, sum);
}

static void check_conv(const tg *t, const ln_ref *r, const ln_node *n) {
    const ln_shape *s = &t->g->tensor[n->out[0]].shape;
    const float *y = r->value[n->out[0]];
    int64_t at[4];
    for (at[0] = 0; at[0] < s->dim[0]; at[0]++)
        for (at[1] = 0; at[1] < s->dim[1]; at[1]++)
            for (at[2] = 0; at[2] < s->dim[2]; at[2]++)
                for (at[3] = 0; at[3] < s->dim[3]; at[3]++, y++) {
                    const double want = naive_conv(t, r, n, at);
                    ck_assert_double_eq_tol((double)*y, want, 1e-6 * (1.0 + fabs(want)));
                }
}

/* Random windows, groups and optional inputs; dense, grouped, depthwise and with a multiplier. */
START_TEST(conv_random) {
    tg t;
    tg_open(&t, (uint64_t)_i + 1);
    const int form = _i % 4, groups = form == 0 ? 1 : 1 + tg_pick(&t, 5);
    const int icg = form < 2 ? 1 + tg_pick(&t, 9) : 1;
    const int ocg = form < 2 ? 1 + tg_pick(&t, 11) : form == 2 ? 1 : 1 + tg_pick(&t, 3);
    const int ic = icg * groups, oc = ocg * groups;
    const ln_tid x = tg_input(&t, 1 + tg_pick(&t, 3), 5 + tg_pick(&t, 7), 5 + tg_pick(&t, 7), ic);
    ln_attr a = tg_conv_attr(1, 1, 0, groups);
    ln_window *w = &a.conv.win;
    w->kh = 1 + tg_pick(&t, 4), w->kw = 1 + tg_pick(&t, 4);
    w->sh = 1 + tg_pick(&t, 3), w->sw = 1 + tg_pick(&t, 3);
    w->dh = 1 + tg_pick(&t, 2), w->dw = 1 + tg_pick(&t, 2);
    w->top = 2 + tg_pick(&t, 2), w->left = tg_pick(&t, 5);
    w->bottom = tg_pick(&t, 2), w->right = 2 + tg_pick(&t, 4);
    const ln_tid weight = tg_const(&t, "w", (ln_shape){4, {oc, w->kh, w->kw, icg}}, false, true);
    const ln_tid bias = tg_pick(&t, 2) ? tg_vector(&t, "b", oc) : LN_NONE;
    ln_tid res = LN_NONE, gate = LN_NONE;
    if (tg_pick(&t, 2)) {
        const ln_tid w2 = tg_const(&t, "w2", (ln_shape){4, {oc, w->kh, w->kw, icg}}, false, true);
        res = TG(&t, CONV2D, "res", a, x, w2);
    }
    if (tg_pick(&t, 2))
        gate = TG(&t, POOL, "gate", ((ln_attr){.pool = {.global = true, .kind = LN_POOL_MAX}}), x);
    a.conv.interleaved = tg_pick(&t, 2);
    if (tg_pick(&t, 2)) a.conv.act = ln_act_relu6();
    if (tg_pick(&t, 2)) a.conv.post = ln_act_of(LN_ACT_HARD_SWISH);
    TG(&t, CONV2D, "conv", a, x, weight, bias, res, gate);
    float *in = random_array(&t, tg_count(t.g, x));
    ln_ref *r = run_kept(&t, in);
    check_conv(&t, r, &t.g->node[t.g->n_node - 1]);
    ln_ref_destroy(&r);
    free(in);
    tg_close(&t);
}
END_TEST

START_TEST(conv_by_hand) {
    tg t;
    tg_open(&t, 1);
    const ln_tid x = tg_input(&t, 1, 2, 2, 1);
    float *d;
    const ln_tid w = ln_graph_const_new(t.g, "w", (ln_shape){4, {1, 3, 3, 1}}, &d, &t.err);
    for (int i = 0; i < 9; i++) d[i] = (float)(i + 1);
    const ln_tid y = TG(&t, CONV2D, "c", tg_conv_attr(3, 1, 1, 1), x, w);
    const float in[4] = {1, 10, 100, 1000};
    ln_ref *r = run_kept(&t, in);
    const float want[4] = {5 + 60 + 800 + 9000, 4 + 50 + 700 + 8000, 2 + 30 + 500 + 6000,
                           1 + 20 + 400 + 5000};
    for (int i = 0; i < 4; i++) ck_assert_float_eq(r->value[y][i], want[i]);
    ln_ref_destroy(&r);
    tg_close(&t);
}
END_TEST

START_TEST(fc_random) {
    tg t;
    tg_open(&t, (uint64_t)_i + 100);
    const int n = 1 + tg_pick(&t, 3), ic = 1 + tg_pick(&t, 40), oc = 1 + tg_pick(&t, 20);
    const ln_tid x =
        _i % 2 ? tg_input(&t, n, 1, 1, ic) : tg_input_shape(&t, (ln_shape){2, {n, ic}});
    const ln_tid w = tg_const(&t, "w", (ln_shape){2, {oc, ic}}, false, true);
    const ln_tid b = _i % 3 ? tg_vector(&t, "b", oc) : LN_NONE;
    const ln_attr a = {.fc = {.act = ln_act_of(LN_ACT_SWISH)}};
    const ln_tid y = TG(&t, FC, "fc", a, x, w, b);
    float *in = random_array(&t, tg_count(t.g, x));
    ln_ref *r = run_kept(&t, in);
    for (int i = 0; i < n; i++)
        for (int o = 0; o < oc; o++) {
            double sum = b == LN_NONE ? 0.0 : (double)r->value[b][o];
            for (int k = 0; k < ic; k++) sum += (double)in[i * ic + k] * r->value[w][o * ic + k];
            sum = ln_act_eval(&a.fc.act, sum);
            ck_assert_double_eq_tol((double)r->value[y][i * oc + o], sum, 1e-6 * (1 + fabs(sum)));
        }
    ln_ref_destroy(&r);
    free(in);
    tg_close(&t);
}
END_TEST

START_TEST(pool_random) {
    tg t;
    tg_open(&t, (uint64_t)_i + 200);
    const int h = 4 + tg_pick(&t, 6), w = 4 + tg_pick(&t, 6), ch = 1 + tg_pick(&t, 5);
    const ln_tid x = tg_input(&t, 2, h, w, ch);
    ln_pool_attr p = {.kind = _i % 2 ? LN_POOL_MAX : LN_POOL_AVG, .global = _i % 5 == 0};
    p.count_pad = tg_pick(&t, 2);
    p.win =
        (ln_window){3, 2, 1 + tg_pick(&t, 3), 1 + tg_pick(&t, 3), 1, 1, 2, 0, tg_pick(&t, 3), 1};
    const ln_tid y = TG(&t, POOL, "p", ((ln_attr){.pool = p}), x);
    float *in = random_array(&t, tg_count(t.g, x));
    ln_ref *r = run_kept(&t, in);
    if (p.global) p.win = (ln_window){h, w, 1, 1, 1, 1, 0, 0, 0, 0};
    const float *got = r->value[y];
    for (int64_t n = 0; n < 2; n++)
        for (int64_t oy = 0; oy < dim(&t, y, 1); oy++)
            for (int64_t ox = 0; ox < dim(&t, y, 2); ox++)
                for (int64_t c = 0; c < ch; c++, got++) {
                    double sum = 0, top = -1e30;
                    int real = 0;
                    for (int64_t k = 0; k < p.win.kh * p.win.kw; k++) {
                        const int64_t iy = oy * p.win.sh - p.win.top + k / p.win.kw;
                        const int64_t ix = ox * p.win.sw - p.win.left + k % p.win.kw;
                        if (iy < 0 || ix < 0 || iy >= h || ix >= w) continue;
                        const double v = in[((n * h + iy) * w + ix) * ch + c];
                        sum += v, real++;
                        if (v > top) top = v;
                    }
                    const double mean = sum / (p.count_pad ? p.win.kh * p.win.kw : real);
                    ck_assert_double_eq_tol((double)*got, p.kind == LN_POOL_MAX ? top : mean, 1e-6);
                }
    ln_ref_destroy(&r);
    free(in);
    tg_close(&t);
}
END_TEST

START_TEST(elementwise) {
    tg t;
    tg_open(&t, 3);
    enum { N = 2, P = 6, C = 3 };
    const ln_tid x = tg_input(&t, N, 2, 3, C), v = tg_vector(&t, "v", C);
    const ln_tid gate = TG(&t, POOL, "g", ((ln_attr){.pool = {.global = true}}), x);
    const ln_attr relu = {.binary = {.act = ln_act_relu()}}, plain = {0};
    const ln_tid sum = TG(&t, ADD, "sum", relu, x, x), gated = TG(&t, MUL, "gated", plain, x, gate);
    const ln_tid scaled = TG(&t, MUL, "scaled", plain, x, v);
    const ln_tid shifted = TG(&t, ADD, "shifted", plain, x, v);
    const ln_tid act = tg_act(&t, "act", x, ln_act_of(LN_ACT_GELU));
    const ln_tid soft = TG(&t, SOFTMAX, "soft", plain, x);
    const ln_tid bn = tg_bn(&t, "bn", x);
    const ln_tid cat = TG(&t, CONCAT, "cat", plain, x, scaled);
    const ln_tid re = TG(&t, RESHAPE, "re", ((ln_attr){.reshape = {.shape = {2, {4, 9}}}}), scaled);
    float *in = random_array(&t, N * P * C);
    ln_ref *r = run_kept(&t, in);
    const ln_node *b = &t.g->node[7];
    ck_assert_int_eq(b->op, LN_OP_BATCH_NORM);
    const ln_act gelu = ln_act_of(LN_ACT_GELU);
    for (int i = 0; i < N * P * C; i++) {
        const int n = i / (P * C), c = i % C;
        const float f = in[i], k = r->value[v][c];
        ck_assert_float_eq(r->value[sum][i], f > 0 ? 2 * f : 0);
        ck_assert_float_eq(r->value[gated][i], f * r->value[gate][n * C + c]);
        ck_assert_float_eq(r->value[scaled][i], f * k);
        ck_assert_float_eq(r->value[shifted][i], f + k);
        ck_assert_float_eq(r->value[act][i], ln_act_apply(&gelu, f));
        ck_assert_float_eq(r->value[cat][i / C * 2 * C + c], f);
        ck_assert_float_eq(r->value[cat][i / C * 2 * C + C + c], f * k);
        ck_assert_float_eq(r->value[re][i], f * k);
        double e = 0;
        for (int j = 0; j < C; j++) e += exp((double)in[i / C * C + j]);
        ck_assert_double_eq_tol((double)r->value[soft][i], exp((double)f) / e, 1e-6);
        const double norm = ((double)f - r->value[b->in[3]][c]) /
                                sqrt((double)r->value[b->in[4]][c] + 1e-3) * r->value[b->in[1]][c] +
                            r->value[b->in[2]][c];
        ck_assert_double_eq_tol((double)r->value[bn][i], norm, 1e-5);
    }
    ln_ref_destroy(&r);
    free(in);
    tg_close(&t);
}
END_TEST

/* Softmax of huge values stays finite. */
START_TEST(softmax_range) {
    tg t;
    tg_open(&t, 3);
    const ln_tid x = tg_input_shape(&t, (ln_shape){2, {2, 3}});
    const ln_tid y = TG(&t, SOFTMAX, "s", (ln_attr){0}, x);
    const float in[6] = {1e30f, 1e30f, -1e30f, -5000, -5000, -5000};
    ln_ref *r = run_kept(&t, in);
    const float want[6] = {0.5f, 0.5f, 0, 1.0f / 3, 1.0f / 3, 1.0f / 3};
    for (int i = 0; i < 6; i++) ck_assert_float_eq(r->value[y][i], want[i]);
    ln_ref_destroy(&r);
    tg_close(&t);
}
END_TEST

/* One bad pixel reaches just the outputs that read it. */
START_TEST(nan_and_inf) {
    const float bad = _i ? INFINITY : NAN;
    tg t;
    tg_open(&t, 4);
    const ln_tid x = tg_input(&t, 1, 5, 5, 4);
    const ln_tid w = tg_const(&t, "w", (ln_shape){4, {4, 3, 3, 4}}, true, true);
    const ln_tid dw = tg_const(&t, "dw", (ln_shape){4, {4, 3, 3, 1}}, true, true);
    ln_attr relu = tg_conv_attr(3, 1, 1, 1);
    relu.conv.act = ln_act_relu();
    const ln_window win = {3, 3, 1, 1, 1, 1, 1, 1, 1, 1};
    const ln_tid y[4] = {
        TG(&t, CONV2D, "conv", relu, x, w),
        TG(&t, CONV2D, "dw", tg_conv_attr(3, 1, 1, 4), x, dw),
        TG(&t, POOL, "max", ((ln_attr){.pool = {.kind = LN_POOL_MAX, .win = win}}), x),
        TG(&t, POOL, "avg", ((ln_attr){.pool = {.kind = LN_POOL_AVG, .win = win}}), x),
    };
    float in[100];
    for (int i = 0; i < 100; i++) in[i] = fabsf(tg_value(&t)) + 0.1f;
    in[(2 * 5 + 1) * 4 + 3] = bad;
    ln_ref *r = run_kept(&t, in);
    for (int k = 0; k < 4; k++)
        for (int i = 0; i < 100; i++) {
            const int py = i / 20, px = i / 4 % 5, c = i % 4;
            const bool near = abs(py - 2) <= 1 && abs(px - 1) <= 1 && (k == 0 || c == 3);
            const float v = r->value[y[k]][i];
            ck_assert(near ? (_i ? isinf(v) != 0 : isnan(v) != 0) : isfinite(v) != 0);
        }
    ln_ref_destroy(&r);
    tg_close(&t);
}
END_TEST

/* Any number of threads, kept or dropped activations, a second run: the same bits. */
START_TEST(runs_agree) {
    tg t;
    tg_open(&t, 5);
    const ln_tid x = tg_input(&t, 2, 9, 7, 5);
    const ln_tid a = tg_conv(&t, "a", x, 7, 3, 1, 1, true);
    const ln_tid b = tg_bn(&t, "b", tg_conv(&t, "c", a, 7, 3, 1, 7, true));
    tg_act(&t, "unread", b, ln_act_relu());
    const ln_tid y = TG(&t, ADD, "sum", (ln_attr){0}, a, b);
    tg_output(&t, y);
    float *in = random_array(&t, tg_count(t.g, x));
    ln_ref *kept = run_kept(&t, in), *r;
    ck_assert_int_eq(ln_ref_create(t.g, &r, &t.err), LINNET_OK);
    ck_assert_int_eq(ln_ref_set(r, x, in, &t.err), LINNET_OK);
    for (r->threads = 1; r->threads <= 3; r->threads++) {
        ck_assert_int_eq(ln_ref_run(r, false, &t.err), LINNET_OK);
        ck_assert_ptr_null(r->value[a]);
        ck_assert_ptr_null(r->value[b]);
        ck_assert_ptr_nonnull(r->value[x]);
        ck_assert_mem_eq(r->value[y], kept->value[y], (size_t)tg_count(t.g, y) * sizeof(float));
    }
    ck_assert_ptr_nonnull(kept->value[a]);
    r->threads = -1;
    ck_assert_int_eq(ln_ref_run(r, false, &t.err), LINNET_ERR_INVALID_ARGUMENT);
    ln_ref_destroy(&r);
    ln_ref_destroy(&kept);
    free(in);
    tg_close(&t);
}
END_TEST

START_TEST(ref_errors) {
    tg t;
    tg_open(&t, 6);
    const ln_tid x = tg_input(&t, 1, 2, 2, 2);
    const ln_shape ws = {4, {2, 1, 1, 2}};
    const ln_tid w =
        ln_graph_const(t.g, "empty", ws, ln_view_dense(&ws, LN_F32, NULL), true, &t.err);
    TG(&t, CONV2D, "conv", tg_conv_attr(1, 1, 0, 1), x, w);
    const float in[8] = {0};
    ln_ref *r;
    ck_assert_int_eq(ln_ref_create(t.g, &r, &t.err), LINNET_OK);
    ck_assert_int_eq(ln_ref_run(r, true, &t.err), LINNET_ERR_INVALID_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(t.err.message, "conv: input x has no value"));
    ck_assert_int_eq(ln_ref_set(r, x, in, &t.err), LINNET_OK);
    for (int keep = 0; keep < 2; keep++) {
        ck_assert_int_eq(ln_ref_run(r, keep, &t.err), LINNET_ERR_INVALID_ARGUMENT);
        ck_assert_ptr_nonnull(strstr(t.err.message, "empty: no data"));
    }
    ck_assert_int_eq(ln_ref_set(r, w, in, &t.err), LINNET_ERR_INVALID_ARGUMENT);
    ck_assert_int_eq(ln_ref_set(r, 99, in, &t.err), LINNET_ERR_INVALID_ARGUMENT);
    ck_assert_int_eq(ln_ref_set(r, -1, in, &t.err), LINNET_ERR_INVALID_ARGUMENT);
    ck_assert_int_eq(ln_ref_node(r, 1, &t.err), LINNET_ERR_INVALID_ARGUMENT);
    ck_assert_int_eq(ln_ref_node(r, -1, &t.err), LINNET_ERR_INVALID_ARGUMENT);
    ln_ref_destroy(&r);
    ln_ref_destroy(&r);
    ln_ref_destroy(NULL);
    tg_close(&t);
}
END_TEST

/* Memory that is not there is an error with the tensor's name. */
START_TEST(ref_out_of_memory) {
    tg t;
    tg_open(&t, 6);
    const ln_tid x = tg_input(&t, 1 << 12, 1 << 12, 1 << 12, 1 << 12);
    const float in[1] = {0};
    ln_ref *r;
    ck_assert_int_eq(ln_ref_create(t.g, &r, &t.err), LINNET_OK);
    ck_assert_int_eq(ln_ref_set(r, x, in, &t.err), LINNET_ERR_OUT_OF_MEMORY);
    ck_assert_ptr_nonnull(strstr(t.err.message, "x"));
    ln_ref_destroy(&r);
    tg_close(&t);
}
END_TEST

/* Of both types of numbers, and the same each time: a check of kernels sees something. */
START_TEST(random_values_are_values) {
    for (int half = 0; half < 2; half++) {
        tg t;
        ln_ref *r;
        tg_open(&t, 1);
        const ln_tid x = tg_input(&t, 1, 3, 5, 7);
        if (half) t.g->tensor[x].dtype = LN_F16;
        ck_assert_int_eq(ln_ref_create(t.g, &r, &t.err), LINNET_OK);
        ck_assert_int_eq(ln_ref_random(r, x, &t.err), LINNET_OK);
        for (int i = 0; i < 3 * 5 * 7; i++) {
            const float v = r->value[x][i];
            ck_assert(v != 0 && v >= -1 && v <= 1);
            ck_assert(i == 0 || v != r->value[x][i - 1]);
            if (half) ck_assert(v == ln_f16_to_f32(ln_f32_to_f16(v)));
        }
        ln_ref_destroy(&r);
        tg_close(&t);
    }
}
END_TEST

/* Strided half-precision weights with a scale give what the same dense weights give. */
START_TEST(mapped_weights) {
    enum { O = 6, I = 5 };
    uint16_t half[O * I * 9];
    float scale[O];
    tg t;
    tg_open(&t, 7);
    for (int i = 0; i < O * I * 9; i++) half[i] = ln_f32_to_f16(tg_value(&t));
    for (int i = 0; i < O; i++) scale[i] = tg_value(&t);
    const ln_tid x = tg_input(&t, 1, 4, 5, I);
    const ln_shape ws = {4, {O, 3, 3, I}};
    const ln_view v = {half, LN_F16, {I * 9, 3, 1, 9}, scale}; /* OIHW */
    const ln_tid w = ln_graph_const(t.g, "w", ws, v, true, &t.err);
    float *d;
    const ln_tid dense = ln_graph_const_new(t.g, "d", ws, &d, &t.err);
    for (int o = 0; o < O; o++)
        for (int k = 0; k < 9; k++)
            for (int i = 0; i < I; i++)
                d[(o * 9 + k) * I + i] = ln_f16_to_f32(half[(o * I + i) * 9 + k]) * scale[o];
    const ln_tid a = TG(&t, CONV2D, "a", tg_conv_attr(3, 1, 1, 1), x, w);
    const ln_tid b = TG(&t, CONV2D, "b", tg_conv_attr(3, 1, 1, 1), x, dense);
    float *in = random_array(&t, 4 * 5 * I);
    ln_ref *r = run_kept(&t, in);
    ck_assert_mem_eq(r->value[a], r->value[b], sizeof(float) * 4 * 5 * O);
    ck_assert(r->borrowed[dense]);
    ck_assert(!r->borrowed[w]);
    ln_ref_destroy(&r);
    free(in);
    tg_close(&t);
}
END_TEST

static void fill(TCase *c) {
    tcase_add_loop_test(c, conv_random, 0, 80);
    tcase_add_test(c, conv_by_hand);
    tcase_add_loop_test(c, fc_random, 0, 12);
    tcase_add_loop_test(c, pool_random, 0, 40);
    tcase_add_test(c, elementwise);
    tcase_add_test(c, softmax_range);
    tcase_add_loop_test(c, nan_and_inf, 0, 2);
    tcase_add_test(c, runs_agree);
    tcase_add_test(c, ref_errors);
    tcase_add_test(c, ref_out_of_memory);
    tcase_add_test(c, random_values_are_values);
    tcase_add_test(c, mapped_weights);
}

int main(void) {
    return tg_main("ref", fill);
}
