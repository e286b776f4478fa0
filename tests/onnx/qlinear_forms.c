/* By the formulas of ONNX's QLinearConv and QLinearMatMul and of ONNX Runtime's
 * docs/ContribOperators.md. */
#include "tests/onnx/qlinear_forms.h"

#define MS "com.microsoft/"

/* ---- files ---- */
static void integers(ln_str *g, const char *name, int type, const char *dims, const int *v, int n) {
    ln_str t = ow_tensor(name, type, dims);
    for (int i = 0; i < n; i++) pw_int(&t, 5, v[i]);
    ow_init(g, &t);
}

/* Scale NAMEs and zero point NAMEz. */
static void quant(ln_str *g, const char *name, int type, float scale, int zero) {
    char s[16], z[16];
    snprintf(s, sizeof s, "%ss", name);
    snprintf(z, sizeof z, "%sz", name);
    ow_floats(g, s, "", &scale, 1);
    integers(g, z, type, "", &zero, 1);
}

/* w of 3 rows of 4, its bias, one scale or three. */
static void weights(ln_str *g, int type, const char *dims, int zero, int channels) {
    static const float scale[3] = {0.01f, 0.02f, 0.005f};
    const int zeros[3] = {zero, zero, zero}, bias[3] = {100, -200, 300};
    int w[12];
    for (int i = 0; i < 12; i++) w[i] = zero + i * 11 % 60 - 25;
    integers(g, "w", type, dims, w, 12);
    integers(g, "b", I32, "3", bias, 3);
    ow_floats(g, "ws", channels > 1 ? "3" : "", scale, (size_t)channels);
    integers(g, "wz", type, channels > 1 ? "3" : "", zeros, channels);
}
static double w_at(int o, int i, bool each) {
    static const double scale[3] = {0.01, 0.02, 0.005};
    return scale[each ? o : 0] * (double)((o * 4 + i) * 11 % 60 - 25);
}
static double b_at(int o, bool each) {
    static const double bias[3] = {100, -200, 300}, scale[3] = {0.01, 0.02, 0.005};
    return bias[o] * scale[each ? o : 0] / 32;
}

/* ---- operators: q and r are x in bytes, t what becomes y ---- */
#define CONV "q,qs,qz,w,ws,wz,ts,tz,b"
static void conv_each(ln_str *g, int type) {
    (void)type;
    weights(g, S8, "3,4,1,1", 0, 3);
    ow_node(g, "QLinearConv", CONV, "t", NULL);
}
static void conv_zero(ln_str *g, int type) {
    (void)type;
    weights(g, U8, "3,4,1,1", 100, 1);
    ow_node(g, "QLinearConv", CONV, "t", NULL);
}
static void conv_zeros(ln_str *g, int type) { /* a zero point of its own for each channel */
    static const float scale[3] = {0.01f, 0.02f, 0.005f};
    int w[12], zero[3] = {3, -4, 5}, bias[3] = {100, -200, 300};
    (void)type;
    for (int i = 0; i < 12; i++) w[i] = zero[i / 4] + i * 11 % 60 - 25;
    integers(g, "w", S8, "3,4,1,1", w, 12);
    integers(g, "wz", S8, "3", zero, 3);
    integers(g, "b", I32, "3", bias, 3);
    ow_floats(g, "ws", "3", scale, 3);
    ow_node(g, "QLinearConv", CONV, "t", NULL);
}
static void conv_of_words(ln_str *g, int type) { /* what QuantizeLinear makes, through int32 */
    ln_str a = {0}, b = {0};
    ow_attr_int(&a, "to", I32);
    ow_node(g, "Cast", "q", "wide", &a);
    ow_attr_int(&b, "to", type);
    ow_node(g, "Cast", "wide", "narrow", &b);
    weights(g, S8, "3,4,1,1", 0, 3);
    ow_node(g, "QLinearConv", "narrow,qs,qz,w,ws,wz,ts,tz,b", "t", NULL);
}
static void conv_by_row(ln_str *g, int type) { /* scales of y for each row: not of one tensor */
    const float scale[2] = {0.02f, 0.02f};
    const int zero[2] = {type == U8 ? 128 : 0, type == U8 ? 128 : 0};
    weights(g, S8, "3,4,1,1", 0, 3);
    ow_floats(g, "vs", "2", scale, 2);
    integers(g, "vz", type, "2", zero, 2);
    ow_node(g, "QLinearConv", "q,qs,qz,w,ws,wz,vs,vz,b", "t", NULL);
}
static void layer(const float *x, double *y, bool each, bool bias) {
    for (int i = 0; i < 12; i++) {
        y[i] = bias ? b_at(i / 4, each) : 0;
        for (int c = 0; c < 4; c++) y[i] += w_at(i / 4, c, each) * (double)x[c * 4 + i % 4];
    }
}
static void want_each(const float *x, double *y) {
    layer(x, y, true, true);
}
static void want_one(const float *x, double *y) {
    layer(x, y, false, true);
}

/* x as 4 rows of 4, by 4x3 */
static void rows(ln_str *g) {
    const int shape[2] = {4, 4};
    ln_str t = ow_tensor("shape", LN_ONNX_INT64, "2");
    for (int i = 0; i < 2; i++) pw_int(&t, 7, shape[i]);
    ow_init(g, &t);
    ow_node(g, "Reshape", "q,shape", "m", NULL);
}
static void matmul(ln_str *g, int type) {
    (void)type;
    rows(g);
    weights(g, S8, "4,3", 0, 3);
    ow_node(g, "QLinearMatMul", "m,qs,qz,w,ws,wz,ts,tz", "t", NULL);
}
static void matmul_of_two(ln_str *g, int type) { /* nothing is a constant */
    (void)type;
    rows(g);
    ow_node(g, "QLinearMatMul", "m,qs,qz,m,qs,qz,ts,tz", "t", NULL);
}
static void want_matmul(const float *x, double *y) {
    static const double scale[3] = {0.01, 0.02, 0.005};
    for (int i = 0; i < 12; i++) {
        y[i] = 0;
        for (int k = 0; k < 4; k++)
            y[i] +=
                (double)x[i / 3 * 4 + k] * scale[i % 3] * (double)((k * 3 + i % 3) * 11 % 60 - 25);
    }
}
static void want_square(const float *x, double *y) {
    for (int i = 0; i < 16; i++) {
        y[i] = 0;
        for (int k = 0; k < 4; k++) y[i] += (double)x[i / 4 * 4 + k] * (double)x[k * 4 + i % 4];
    }
}
static void gemm_to(ln_str *g, const char *in, const char *out) {
    ln_str a = {0};
    rows(g);
    weights(g, S8, "3,4", 0, 3);
    ow_attr_int(&a, "transB", 1);
    ow_attr_float(&a, "alpha", 0.5f);
    ow_node(g, MS "QGemm", in, out, &a);
}
static void gemm(ln_str *g, int type) {
    (void)type;
    gemm_to(g, "m,qs,qz,w,ws,wz,b,ts,tz", "t");
}
static void gemm_to_float(ln_str *g, int type) {
    (void)type;
    gemm_to(g, "m,qs,qz,w,ws,wz,b", "y");
}
static void want_gemm(const float *x, double *y) {
    for (int i = 0; i < 12; i++) {
        y[i] = b_at(i % 3, true) / 2;
        for (int k = 0; k < 4; k++) y[i] += w_at(i % 3, k, true) * (double)x[i / 3 * 4 + k] / 2;
    }
}

static void two(ln_str *g, const char *op) {
    ow_node(g, op, "q,qs,qz,r,rs,rz,ts,tz", "t", NULL);
}
static void sum(ln_str *g, int type) {
    (void)type;
    two(g, MS "QLinearAdd");
}
static void product(ln_str *g, int type) {
    (void)type;
    two(g, MS "QLinearMul");
}
static void want_sum(const float *x, double *y) {
    for (int i = 0; i < N; i++) y[i] = 2 * (double)x[i];
}
static void want_product(const float *x, double *y) {
    for (int i = 0; i < N; i++) y[i] = (double)x[i] * (double)x[i];
}
static void concat(ln_str *g, int type) {
    ln_str a = {0};
    (void)type;
    ow_attr_int(&a, "axis", 1);
    ow_node(g, MS "QLinearConcat", "ts,tz,q,qs,qz,r,rs,rz", "t", &a);
}
static void want_concat(const float *x, double *y) {
    for (int i = 0; i < 2 * N; i++) y[i] = (double)x[i % N];
}

static void one(ln_str *g, const char *op, ln_str *attrs) {
    ow_node(g, op, "q,qs,qz,ts,tz", "t", attrs);
}
static void average(ln_str *g, int type) {
    ln_str a = {0};
    (void)type;
    ow_attr_ints(&a, "kernel_shape", (int64_t[]){2, 2}, 2);
    one(g, MS "QLinearAveragePool", &a);
}
static void mean(ln_str *g, int type) {
    ln_str a = {0};
    (void)type;
    ow_attr_int(&a, "channels_last", 0);
    one(g, MS "QLinearGlobalAveragePool", &a);
}
static void want_mean(const float *x, double *y) {
    for (int i = 0; i < 4; i++)
        y[i] = (double)(x[i * 4] + x[i * 4 + 1] + x[i * 4 + 2] + x[i * 4 + 3]) / 4;
}
static void sigmoid(ln_str *g, int type) {
    (void)type;
    one(g, MS "QLinearSigmoid", NULL);
}
static void want_sigmoid(const float *x, double *y) {
    for (int i = 0; i < N; i++) y[i] = 1 / (1 + exp(-(double)x[i]));
}
static void leaky(ln_str *g, int type) {
    ln_str a = {0};
    (void)type;
    ow_attr_float(&a, "alpha", 0.25f);
    one(g, MS "QLinearLeakyRelu", &a);
}
static void want_leaky(const float *x, double *y) {
    for (int i = 0; i < N; i++) y[i] = (double)x[i] * (x[i] < 0 ? 0.25 : 1);
}
/* Before operator set 13 all from the axis on are one row; no zero point where it may lack. */
static void softmax(ln_str *g, int type) {
    ln_str a = {0};
    (void)type;
    ow_attr_int(&a, "axis", 1);
    ow_attr_int(&a, "opset", 11);
    one(g, MS "QLinearSoftmax", &a);
}
static void want_softmax(const float *x, double *y) {
    double all = 0;
    for (int i = 0; i < N; i++) all += y[i] = exp((double)x[i]);
    for (int i = 0; i < N; i++) y[i] /= all;
}

/* What moves bytes keeps their scale: q's, which t's then is. */
static void pool_and_move(ln_str *g, int type) {
    ln_str a = {0}, b = {0}, c = {0}, d = {0};
    (void)type;
    ow_attr_ints(&a, "kernel_shape", (int64_t[]){2, 2}, 2);
    ow_node(g, "MaxPool", "q", "p", &a); /* 1x4x1x1 */
    ow_attr_ints(&b, "perm", (int64_t[]){0, 2, 1, 3}, 4);
    ow_node(g, "Transpose", "p", "u", &b);
    ow_attr_int(&c, "axis", 2);
    ow_node(g, "Flatten", "u", "f", &c); /* 1x4 */
    ow_attr_int(&d, "axis", 1);
    ow_node(g, "Split", "f", "unread,half", &d);
    ow_node(g, "Identity", "half", "moved", NULL);
    ow_node(g, "DequantizeLinear", "moved,qs,qz", "y", NULL);
}
static void want_moved(const float *x, double *y) {
    for (int c = 2; c < 4; c++) {
        y[c - 2] = -1e9;
        for (int i = 0; i < 4; i++) y[c - 2] = fmax(y[c - 2], (double)x[c * 4 + i]);
    }
}
static void no_zero_point(ln_str *g, int type) { /* of what is read: u8 has 0, as i8 */
    ow_floats(g, "plain", "", (float[]){1.0f / 32}, 1);
    ow_node(g, MS "QLinearAdd", "q,qs,qz,q,qs,qz,plain,", "t0", NULL);
    (void)type;
    ow_node(g, "DequantizeLinear", "t0,plain", "y", NULL);
}
static void want_clipped(const float *x, double *y) { /* of u8 */
    for (int i = 0; i < N; i++) y[i] = fmax(2 * (double)x[i], 0);
}
/* Who knows no bytes reads integers. */
static void as_words(ln_str *g, int type) {
    ln_str a = {0};
    (void)type;
    two(g, MS "QLinearAdd");
    ow_attr_int(&a, "to", F);
    ow_node(g, "Cast", "t", "y", &a);
}

/* ---- the same as pairs ---- */
static void pairs(ln_str *g, const char *x, const char *w, const char *y) {
    ln_str a = {0};
    ow_attr_int(&a, "axis", 0);
    ow_node(g, "DequantizeLinear", x, "xf", NULL);
    ow_node(g, "DequantizeLinear", w, "wf", &a);
    ow_node(g, "Conv", "xf,wf", "c", NULL);
    ow_node(g, "QuantizeLinear", y, "t", NULL);
}
static void pair(ln_str *g, int type) {
    (void)type;
    weights(g, S8, "3,4,1,1", 0, 3);
    pairs(g, "q,qs,qz", "w,ws,wz", "c,ts,tz");
}
static void pair_of_no_type(ln_str *g,
                            int type) { /* a zero point of another type than its tensor */
    (void)type;
    weights(g, S8, "3,4,1,1", 0, 3);
    integers(g, "other", S8, "", (int[]){118}, 1);
    pairs(g, "q,qs,other", "w,ws,wz", "c,ts,tz");
}
static void pair_at_run_time(ln_str *g, int type) { /* a scale that the network computes */
    (void)type;
    weights(g, S8, "3,4,1,1", 0, 3);
    ow_floats(g, "nought", "", (float[]){0}, 1);
    ow_node(g, "ReduceMax", "x", "most", NULL);
    ow_node(g, "Mul", "most,nought", "none", NULL);
    ow_node(g, "Add", "none,ts", "dynamic", NULL);
    pairs(g, "q,qs,qz", "w,ws,wz", "c,dynamic,tz");
}
static void pair_scaled(ln_str *g, float scale, int n) { /* by what is no scale, or so many */
    float scales[3] = {0.01f, scale, 0.005f};
    weights(g, S8, "3,4,1,1", 0, 3);
    ow_floats(g, "vs", n == 2 ? "2" : "3", scales, (size_t)n);
    pairs(g, "q,qs,qz", n == 2 ? "w,vs" : "w,vs,wz", "c,ts,tz");
}
static void pair_of_nothing(ln_str *g, int type) {
    (void)type;
    pair_scaled(g, 0, 3);
}
static void pair_negative(ln_str *g, int type) {
    (void)type;
    pair_scaled(g, -0.02f, 3);
}
static void pair_of_two(ln_str *g, int type) {
    (void)type;
    pair_scaled(g, 0.02f, 2);
}
static void want_pair(const float *x, double *y) {
    layer(x, y, true, false);
}
static void want_nothing(const float *x, double *y) {
    layer(x, y, true, false);
    for (int i = 4; i < 8; i++) y[i] = 0;
}
static void want_negative(const float *x, double *y) {
    layer(x, y, true, false);
    for (int i = 4; i < 8; i++) y[i] = -y[i];
}

const form forms[] = {
    {"conv, a scale each", U8, conv_each, want_each, 12, LN_OP_CONV2D, 1, 0.51, false},
    {"conv, a scale each", S8, conv_each, want_each, 12, LN_OP_CONV2D, 1, 0.51, false},
    {"conv, weights with a zero point", U8, conv_zero, want_one, 12, LN_OP_CONV2D, 1, 0.51, false},
    {"conv, with one each", U8, conv_zeros, want_each, 12, LN_OP_CONV2D, 0, 0.501, false},
    {"conv of words", U8, conv_of_words, want_each, 12, LN_OP_CONV2D, 1, 0.51, false},
    {"conv of words", S8, conv_of_words, want_each, 12, LN_OP_CONV2D, 1, 0.51, false},
    {"matmul", U8, matmul, want_matmul, 12, LN_OP_FC, 1, 0.51, false},
    {"matmul", S8, matmul, want_matmul, 12, LN_OP_FC, 1, 0.51, false},
    {"matmul of two", U8, matmul_of_two, want_square, 16, LN_OP_FC, 0, 0.501, false},
    {"gemm", U8, gemm, want_gemm, 12, LN_OP_FC, 1, 0.51, false},
    {"gemm", S8, gemm, want_gemm, 12, LN_OP_FC, 1, 0.51, false},
    {"gemm to floats", U8, gemm_to_float, want_gemm, 12, LN_OP_FC, 0, 1e-4, true},
    {"sum", U8, sum, want_sum, N, LN_OP_ADD, 1, 0.51, false},
    {"sum", S8, sum, want_sum, N, LN_OP_ADD, 1, 0.51, false},
    {"product", U8, product, want_product, N, LN_OP_MUL, 1, 0.51, false},
    {"concat", U8, concat, want_concat, 2 * N, LN_OP_CONCAT, 1, 0.51, false},
    {"concat", S8, concat, want_concat, 2 * N, LN_OP_CONCAT, 1, 0.51, false},
    {"average", U8, average, want_mean, 4, LN_OP_POOL, 1, 1.3,
     false}, /* rounded to q's scale first */
    {"mean", U8, mean, want_mean, 4, LN_OP_REDUCE, 1, 0.76, false},
    {"mean", S8, mean, want_mean, 4, LN_OP_REDUCE, 1, 0.76, false},
    {"sigmoid", U8, sigmoid, want_sigmoid, N, LN_OP_ACT, 1, 0.51, false},
    {"leaky", S8, leaky, want_leaky, N, LN_OP_ACT, 1, 0.76, false},
    {"softmax", U8, softmax, want_softmax, N, LN_OP_SOFTMAX, 0, 0.51, false},
    {"pool and move", U8, pool_and_move, want_moved, 2, LN_OP_POOL, 1, 1e-3, true},
    {"pool and move", S8, pool_and_move, want_moved, 2, LN_OP_POOL, 1, 1e-3, true},
    {"pair", U8, pair, want_pair, 12, LN_OP_CONV2D, 1, 0.51, false},
    {"pair", S8, pair, want_pair, 12, LN_OP_CONV2D, 1, 0.51, false},
    {"zero point of another type", U8, pair_of_no_type, want_pair, 12, LN_OP_CONV2D, 0, 0.501,
     false},
    {"scale at run time", U8, pair_at_run_time, want_pair, 12, LN_OP_CONV2D, 0, 0.501, false},
    {"scale of nothing", U8, pair_of_nothing, want_nothing, 12, LN_OP_CONV2D, 0, 0.501, false},
    {"negative scale", U8, pair_negative, want_negative, 12, LN_OP_CONV2D, 0, 0.501, false},
    {"no zero point", U8, no_zero_point, want_clipped, N, LN_OP_ADD, 1, 1.6, true},
};
const int form_count = LN_COUNT(forms);
const form sum_form = {"sum", U8, sum, want_sum, N, LN_OP_ADD, 1, 0, false};
const form words_form = {"words", U8, as_words, want_sum, N, LN_OP_ADD, 1, 0, true};

/* ---- refusals ---- */
static void odd_concat(ln_str *g, int type) {
    (void)type;
    ow_node(g, MS "QLinearConcat", "ts,tz,q,qs,qz,r", "t", NULL);
}
static void concat_without_scale(ln_str *g, int type) {
    (void)type;
    ow_node(g, MS "QLinearConcat", "ts,tz,q,qs,qz,r,,rz", "t", NULL);
}
static void pixels_first(ln_str *g, int type) {
    ln_str a = {0};
    (void)type;
    ow_attr_int(&a, "channels_last", 1);
    one(g, MS "QLinearGlobalAveragePool", &a);
}
static void future_softmax(ln_str *g, int type) {
    ln_str a = {0};
    (void)type;
    ow_attr_int(&a, "opset", INT64_MAX);
    one(g, MS "QLinearSoftmax", &a);
}
static void other_shapes(ln_str *g, int type) {
    (void)type;
    rows(g);
    ow_node(g, MS "QLinearAdd", "q,qs,qz,w3,rs,rz,ts,tz", "t", NULL);
    integers(g, "w3", U8, "3", (int[]){1, 2, 3}, 3);
}

const lie lies[] = {
    {odd_concat, "(QLinearConcat): 4 inputs are no triples"},
    {concat_without_scale, "(QLinearConcat): input 5 or its scale is missing"},
    {pixels_first, "(QLinearGlobalAveragePool): channels_last is not supported"},
    {future_softmax, "(QLinearSoftmax): operator set 22 of Softmax is not supported"},
    {other_shapes, "(QLinearAdd): 1x4x2x2 does not go with 3"},
    {pair_of_two, "(DequantizeLinear): a scale or zero point does not fit its tensor"},
    {conv_by_row, "(QLinearConv): the output has 2 scales, not one"},
};
const int lie_count = LN_COUNT(lies);

ln_str form_file(const form *f, const char *output, int type) {
    ln_str g = {0};
    const int mid = f->type == U8 ? 128 : 0;
    ow_value(&g, 11, "x", F, "1,4,2,2");
    ow_value(&g, 12, output, type, NULL);
    quant(&g, "q", f->type, 1.0f / 32, mid - 10);
    quant(&g, "r", f->type, 1.0f / 16, mid + 3);
    quant(&g, "t", f->type, (float)T_SCALE, mid + T_ZERO);
    ow_node(&g, "QuantizeLinear", "x,qs,qz", "q", NULL);
    ow_node(&g, "QuantizeLinear", "x,rs,rz", "r", NULL);
    f->make(&g, f->type);
    if (!strcmp(output, "dequantized")) ow_node(&g, "DequantizeLinear", "t,ts,tz", output, NULL);
    ln_str text = ow_model(&g, 8, 13);
    ow_import(&text, "com.microsoft", 1);
    return text;
}
