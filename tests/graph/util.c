#include "util.h"

static uint64_t next(uint64_t *s) { /* splitmix64 */
    uint64_t z = *s += 0x9E3779B97F4A7C15ull;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9ull;
    z = (z ^ z >> 27) * 0x94D049BB133111EBull;
    return z ^ z >> 31;
}

static float uniform(uint64_t *s) {
    return (float)((double)(next(s) >> 40) / 8388608.0 - 1.0);
}

void tg_open(tg *t, uint64_t seed) {
    memset(t, 0, sizeof *t);
    t->seed = seed;
    ck_assert_int_eq(ln_graph_create("test", &t->g, &t->err), LINNET_OK);
}

void tg_close(tg *t) {
    ln_graph_destroy(&t->g);
    ck_assert_ptr_null(t->g);
}

int tg_pick(tg *t, int n) {
    return (int)(next(&t->seed) % (uint64_t)n);
}

float tg_value(tg *t) {
    return uniform(&t->seed);
}

ln_tid tg_input_shape(tg *t, ln_shape s) {
    const ln_tid x = ln_graph_input(t->g, "x", s, &t->err);
    ck_assert_msg(x != LN_NONE, "%s", t->err.message);
    return x;
}

ln_tid tg_input(tg *t, int n, int h, int w, int c) {
    return tg_input_shape(t, ln_nhwc(n, h, w, c));
}

int64_t tg_count(const ln_graph *g, ln_tid id) {
    int64_t n = 0;
    ck_assert(ln_shape_count(&g->tensor[id].shape, &n));
    return n;
}

ln_tid tg_const(tg *t, const char *name, ln_shape s, bool positive, bool param) {
    int64_t count;
    ck_assert(ln_shape_count(&s, &count));
    float *p = ln_pool_alloc(&t->g->pool, (size_t)count, sizeof *p);
    ck_assert_ptr_nonnull(p);
    for (int64_t i = 0; i < count; i++) p[i] = tg_value(t) * (positive ? 0.5f : 1.0f) + positive;
    const ln_tid c = ln_graph_const(t->g, name, s, ln_view_dense(&s, LN_F32, p), param, &t->err);
    ck_assert_msg(c != LN_NONE, "%s", t->err.message);
    return c;
}

ln_tid tg_vector(tg *t, const char *name, int64_t n) {
    return tg_const(t, name, (ln_shape){1, {n}}, false, true);
}

ln_tid tg_node(tg *t, ln_op op, const char *name, ln_attr a, int n_in, const ln_tid *in) {
    const ln_tid y = ln_graph_node(t->g, op, name, &a, in, n_in, &t->err);
    ck_assert_msg(y != LN_NONE, "%s", t->err.message);
    return y;
}

void tg_refuse(tg *t, ln_op op, const char *name, ln_attr a, int n_in, const ln_tid *in,
               const char *text) {
    const int nodes = t->g->n_node, tensors = t->g->n_tensor;
    t->err = (linnet_error){0};
    ck_assert_int_eq(ln_graph_node(t->g, op, name, &a, in, n_in, &t->err), LN_NONE);
    ck_assert_int_eq(t->err.status, LINNET_ERR_INVALID_ARGUMENT);
    ck_assert_msg(strstr(t->err.message, name) != NULL, "no name: %s", t->err.message);
    ck_assert_msg(strstr(t->err.message, text) != NULL, "not \"%s\": %s", text, t->err.message);
    ck_assert_int_eq(t->g->n_node, nodes);
    ck_assert_int_eq(t->g->n_tensor, tensors);
    /* no error record is fine too */
    ck_assert_int_eq(ln_graph_node(t->g, op, name, &a, in, n_in, NULL), LN_NONE);
}

ln_attr tg_conv_attr(int k, int stride, int pad, int groups) {
    return (ln_attr){
        .conv = {.win = {k, k, stride, stride, 1, 1, pad, pad, pad, pad}, .groups = groups}};
}

ln_tid tg_conv(tg *t, const char *name, ln_tid x, int oc, int k, int stride, int groups,
               bool bias) {
    const int64_t ic = t->g->tensor[x].shape.dim[3];
    const ln_tid w = tg_const(t, "weight", (ln_shape){4, {oc, k, k, ic / groups}}, false, true);
    const ln_tid b = bias ? tg_vector(t, "bias", oc) : LN_NONE;
    return TG(t, CONV2D, name, tg_conv_attr(k, stride, k / 2, groups), x, w, b);
}

ln_tid tg_bn(tg *t, const char *name, ln_tid x) {
    const ln_shape *s = &t->g->tensor[x].shape;
    const ln_shape v = {1, {s->dim[s->rank - 1]}};
    const ln_tid gamma = tg_const(t, "gamma", v, true, true), beta = tg_vector(t, "beta", v.dim[0]);
    const ln_tid mean = tg_const(t, "mean", v, false, false);
    const ln_tid var = tg_const(t, "var", v, true, false);
    const ln_attr a = {.bn = {.eps = 1e-3f}};
    return TG(t, BATCH_NORM, name, a, x, gamma, beta, mean, var);
}

ln_tid tg_act(tg *t, const char *name, ln_tid x, ln_act act) {
    const ln_attr a = {.act = act};
    return TG(t, ACT, name, a, x);
}

void tg_output(tg *t, ln_tid y) {
    ck_assert_int_eq(ln_graph_output(t->g, y, &t->err), LINNET_OK);
}

float *tg_run(tg *t, uint64_t seed, int output) {
    ln_ref *r;
    ck_assert_int_eq(ln_ref_create(t->g, &r, &t->err), LINNET_OK);
    for (int i = 0; i < t->g->n_input; i++) {
        const int64_t count = tg_count(t->g, t->g->input[i]);
        float *x = malloc((size_t)count * sizeof *x);
        ck_assert_ptr_nonnull(x);
        for (int64_t k = 0; k < count; k++) x[k] = uniform(&seed);
        ck_assert_int_eq(ln_ref_set(r, t->g->input[i], x, &t->err), LINNET_OK);
        free(x);
    }
    const linnet_status s = ln_ref_run(r, false, &t->err);
    ck_assert_msg(s == LINNET_OK, "%s", t->err.message);
    const ln_tid y = t->g->output[output];
    const size_t bytes = (size_t)tg_count(t->g, y) * sizeof(float);
    float *copy = malloc(bytes);
    ck_assert_ptr_nonnull(copy);
    memcpy(copy, r->value[y], bytes);
    ln_ref_destroy(&r);
    return copy;
}

/* The weights of a convolution or FC as bytes with a scale for each output channel, the rest of a
 * step lost. */
void tg_bytes(tg *t, ln_node *n) {
    const ln_tensor w = t->g->tensor[n->in[1]];
    const int64_t count = tg_count(t->g, n->in[1]), rows = w.shape.dim[0], per = count / rows;
    float *real = calloc((size_t)count, sizeof *real);
    int8_t *q = ln_pool_alloc(&t->g->pool, (size_t)count, 1);
    float *scale = ln_pool_alloc(&t->g->pool, (size_t)rows, sizeof *scale);
    ck_assert_int_eq(ln_const_copy_f32(t->g, n->in[1], real, &t->err), LINNET_OK);
    for (int64_t o = 0; o < rows; o++) {
        for (int64_t i = 0; i < per; i++)
            scale[o] = fmaxf(scale[o], fabsf(real[o * per + i]) / 127);
        for (int64_t i = 0; i < per; i++)
            q[o * per + i] = (int8_t)roundf(real[o * per + i] / scale[o]);
    }
    free(real);
    ln_view v = ln_view_dense(&w.shape, LN_I8, q);
    v.scale = scale;
    n->in[1] = ln_graph_const(t->g, w.name, w.shape, v, true, &t->err);
    ck_assert_int_ne(n->in[1], LN_NONE);
}

void tg_all_bytes(tg *t) {
    for (int i = 0; i < t->g->n_node; i++)
        if (t->g->node[i].op == LN_OP_CONV2D || t->g->node[i].op == LN_OP_FC)
            tg_bytes(t, &t->g->node[i]);
}

int tg_count_type(const tg *t, ln_op op, ln_dtype type) {
    int n = 0;
    for (int i = 0; i < t->g->n_node; i++)
        n += t->g->node[i].op == op && t->g->tensor[t->g->node[i].out[0]].dtype == type;
    return n;
}

int tg_count_op(const tg *t, ln_op op) {
    int n = 0;
    for (int i = 0; i < t->g->n_node; i++) n += t->g->node[i].op == op;
    return n;
}

int tg_main(const char *name, void (*fill)(TCase *c)) {
    Suite *s = suite_create(name);
    TCase *c = tcase_create(name);
    tcase_set_timeout(c, 120);
    fill(c);
    suite_add_tcase(s, c);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    const int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
