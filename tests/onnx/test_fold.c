/* Constants on the host: what the shapes of a network are computed with at import. */
#include "../check_main.h"
#include "models/onnx/ops.h"

typedef struct lab {
    ln_net model;
    ln_net_node node;
    ln_imp im;
    linnet_error err;
} lab;

static void begin(lab *l) {
    *l = (lab){.model = {.path = "x.onnx"}, .node = {.op = "Op", .name = "n", .domain = ""}};
    l->im = (ln_imp){.m = &l->model, .node = &l->node, .room = 1 << 20, .err = &l->err};
    ck_assert_int_eq(ln_graph_create("g", &l->im.g, &l->err), LINNET_OK);
}

static void end(lab *l) {
    ln_graph_destroy(&l->im.g);
}

#define INTS(...)                                                                                  \
    ints(&l.im, LN_ONNX_INT64, (int64_t[]){__VA_ARGS__},                                           \
         sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t))
#define FLOATS(...)                                                                                \
    floats(&l.im, (double[]){__VA_ARGS__}, sizeof((double[]){__VA_ARGS__}) / sizeof(double))
static const ln_host *ints(ln_imp *im, int type, const int64_t *v, size_t n) {
    const ln_shape s = {1, {(int64_t)n}};
    void *data;
    ln_host *h = ln_host_new(im, type, &s, &data);
    memcpy(data, v, n * sizeof *v);
    return h;
}

static const ln_host *floats(ln_imp *im, const double *v, size_t n) {
    const ln_shape s = {1, {(int64_t)n}};
    void *data;
    ln_host *h = ln_host_new(im, LN_ONNX_FLOAT, &s, &data);
    memcpy(data, v, n * sizeof *v);
    return h;
}

static const ln_host *shaped(lab *l, const ln_host *h, int rank, int64_t a, int64_t b) {
    const ln_shape s = {rank, {a, b}};
    return ln_host_reshape(&l->im, h, &s);
}

static void expect(const lab *l, const ln_host *h, const char *want) {
    char text[256] = "", shape[96];
    ck_assert_msg(h != NULL, "%s", l->err.message);
    for (int64_t i = 0; i < h->count; i++) {
        const size_t at = strlen(text);
        if (ln_type_is_float(h->type))
            snprintf(text + at, sizeof text - at, i ? ",%g" : "%g", ln_host_f(h, i));
        else
            snprintf(text + at, sizeof text - at, i ? ",%lld" : "%lld", (long long)ln_host_i(h, i));
    }
    const size_t at = strlen(text);
    snprintf(text + at, sizeof text - at, " %s", ln_shape_text(&h->shape, shape));
    ck_assert_str_eq(text, want);
}

static void refused(lab *l, const ln_host *h, const char *part) {
    ck_assert(h == NULL);
    ck_assert_int_eq(l->im.status, LINNET_ERR_UNSUPPORTED);
    ck_assert_msg(strstr(l->err.message, part) != NULL, "%s", l->err.message);
    ck_assert_msg(strstr(l->err.message, "node n (Op)") != NULL, "%s", l->err.message);
    end(l);
    begin(l);
}

START_TEST(elements_of_every_type) {
    const struct {
        int type;
        uint8_t bytes[8];
        double f;
        int64_t i;
    } row[] = {
        {LN_ONNX_UINT8, {200}, 200, 200},
        {LN_ONNX_INT8, {200}, -56, -56},
        {LN_ONNX_UINT16, {0xFE, 0xFF}, 65534, 65534},
        {LN_ONNX_INT16, {0xFE, 0xFF}, -2, -2},
        {LN_ONNX_UINT32, {0xFF, 0xFF, 0xFF, 0xFF}, 4294967295.0, 4294967295},
        {LN_ONNX_INT32, {0xFF, 0xFF, 0xFF, 0xFF}, -1, -1},
        {LN_ONNX_INT64, {0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF}, -1, -1},
        {LN_ONNX_UINT64, {0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF}, 0x1p63, INT64_MAX},
        {LN_ONNX_BOOL, {7}, 1, 1},
        {LN_ONNX_FLOAT, {0, 0, 0x20, 0xC0}, -2.5, -2},
        {LN_ONNX_FLOAT16, {0, 0xC1}, -2.5, -2},
        {LN_ONNX_BFLOAT16, {0x20, 0xC0}, -2.5, -2},
        {LN_ONNX_DOUBLE, {0, 0, 0, 0, 0, 0, 4, 0xC0}, -2.5, -2},
    };
    for (size_t k = 0; k < LN_COUNT(row); k++) {
        const ln_host h = {row[k].type, row[k].type, {1, {1}}, 1, row[k].bytes};
        ck_assert_msg(ln_host_f(&h, 0) == row[k].f, "type %d", row[k].type);
        ck_assert_msg(ln_host_i(&h, 0) == row[k].i, "type %d", row[k].type);
    }
}
END_TEST

START_TEST(types_hold_what_they_can) {
    ck_assert_int_eq(ln_type_wrap(LN_ONNX_INT8, 200), -56);
    ck_assert_int_eq(ln_type_wrap(LN_ONNX_UINT8, -1), 255);
    ck_assert_int_eq(ln_type_wrap(LN_ONNX_INT16, 40000), -25536);
    ck_assert_int_eq(ln_type_wrap(LN_ONNX_UINT16, 65537), 1);
    ck_assert_int_eq(ln_type_wrap(LN_ONNX_INT32, 1ll << 31), INT32_MIN);
    ck_assert_int_eq(ln_type_wrap(LN_ONNX_UINT32, -1), UINT32_MAX);
    ck_assert_int_eq(ln_type_wrap(LN_ONNX_BOOL, 5), 1);
    ck_assert_int_eq(ln_type_from_f(LN_ONNX_INT8, 300), 127);
    ck_assert_int_eq(ln_type_from_f(LN_ONNX_UINT8, -3), 0);
    ck_assert_int_eq(ln_type_from_f(LN_ONNX_INT64, 1e30), INT64_MAX);
    ck_assert_int_eq(ln_type_from_f(LN_ONNX_INT32, (double)NAN), 0);
    ck_assert_int_eq(ln_type_from_f(LN_ONNX_BOOL, 0.25), 1);
    ck_assert(ln_type_round(LN_ONNX_FLOAT16, 65519.0) == 65504.0);
    ck_assert(isinf(ln_type_round(LN_ONNX_FLOAT16, 65520.0)));
    ck_assert(ln_type_round(LN_ONNX_BFLOAT16, 1.00390625) == 1.0); /* a tie goes to even */
    ck_assert(ln_type_round(LN_ONNX_BFLOAT16, 1.01171875) == 1.015625);
    ck_assert(isnan(ln_type_round(LN_ONNX_BFLOAT16, (double)NAN)));
}
END_TEST

START_TEST(arithmetic) {
    lab l;
    begin(&l);
    const ln_host *a = INTS(7, -7, 9), *b = INTS(2, 2, -4);
    expect(&l, ln_host_map(&l.im, ln_math_fold(LN_MATH_DIV), LN_ONNX_INT64, a, b), "3,-3,-2 3");
    expect(&l, ln_host_map(&l.im, ln_math_fold(LN_MATH_MOD), LN_ONNX_INT64, a, b), "1,1,-3 3");
    expect(&l, ln_host_map(&l.im, ln_math_fold(LN_MATH_LESS), LN_ONNX_BOOL, a, b), "0,1,0 3");
    expect(&l, ln_host_map(&l.im, ln_math_fold(LN_MATH_NEG), LN_ONNX_INT64, a, NULL), "-7,7,-9 3");
    const ln_host *most = INTS(INT64_MAX), *column = shaped(&l, INTS(10, 20), 2, 2, 1);
    expect(&l, ln_host_map(&l.im, ln_math_fold(LN_MATH_ADD), LN_ONNX_INT64, column, a),
           "17,3,19,27,13,29 2x3");
    expect(&l, ln_host_map(&l.im, ln_math_fold(LN_MATH_ADD), LN_ONNX_INT64, most, INTS(1)),
           "-9223372036854775808 1");
    expect(&l,
           ln_host_map(&l.im, ln_math_fold(LN_MATH_FLOOR), LN_ONNX_FLOAT, FLOATS(-1.5, 2.5), NULL),
           "-2,2 2");
    expect(&l,
           ln_host_map(&l.im, ln_math_fold(LN_MATH_ROUND), LN_ONNX_FLOAT, FLOATS(-1.5, 2.5), NULL),
           "-2,2 2");
    const ln_host *third =
        ln_host_map(&l.im, ln_math_fold(LN_MATH_DIV), LN_ONNX_FLOAT, FLOATS(1), FLOATS(3));
    ck_assert(ln_host_f(third, 0) == (double)(1.0f / 3.0f)); /* in the type's precision */
    refused(&l, ln_host_map(&l.im, ln_math_fold(LN_MATH_DIV), LN_ONNX_INT64, INTS(1), INTS(0)),
            "division by zero");
    refused(&l,
            ln_host_map(&l.im, ln_math_fold(LN_MATH_ADD), LN_ONNX_INT64, INTS(1, 2), INTS(1, 2, 3)),
            "2 does not go with 3");
    end(&l);
}
END_TEST

START_TEST(moving) {
    lab l;
    begin(&l);
    const ln_host *m = shaped(&l, INTS(1, 2, 3, 4, 5, 6), 2, 2, 3);
    const ln_shape turned = {2, {3, 2}}, wide = {2, {2, 2}};
    expect(&l, ln_host_view(&l.im, m, &turned, (const int64_t[]){1, 3}, 0), "1,4,2,5,3,6 3x2");
    expect(&l, ln_host_view(&l.im, m, &wide, (const int64_t[]){0, -2}, 5), "6,4,6,4 2x2");
    expect(&l, ln_host_gather(&l.im, m, INTS(-1, 0), 1), "3,1,6,4 2x2");
    const ln_host *both[] = {m, shaped(&l, INTS(7, 8), 2, 2, 1)};
    expect(&l, ln_host_concat(&l.im, both, 2, 1), "1,2,3,7,4,5,6,8 2x4");
    expect(&l, ln_host_where(&l.im, INTS(1, 0), INTS(5, 6), INTS(7)), "5,7 2");
    expect(&l, ln_host_cast(&l.im, FLOATS(2.9, -2.9, 300), LN_ONNX_INT8), "2,-2,127 3");
    expect(&l, ln_host_cast(&l.im, INTS(300, -1), LN_ONNX_UINT8), "44,255 2");
    expect(&l, ln_host_gather(&l.im, m, ln_host_ints(&l.im, NULL, 0), 0), " 0x3");
    refused(&l, ln_host_gather(&l.im, INTS(1, 2), INTS(2), 0), "index 2 is outside");
    const ln_host *odd[] = {INTS(1), shaped(&l, INTS(1), 2, 1, 1)};
    refused(&l, ln_host_concat(&l.im, odd, 2, 0), "does not go behind");
    refused(&l, ln_host_where(&l.im, INTS(1, 0), INTS(5, 6), INTS(7, 8, 9)), "do not go together");
    end(&l);
}
END_TEST

START_TEST(reducing) {
    lab l;
    begin(&l);
    const ln_host *m = shaped(&l, INTS(1, 2, 3, 4, 5, 9), 2, 2, 3);
    const ln_fold *add = ln_math_fold(LN_MATH_ADD), *mul = ln_math_fold(LN_MATH_MUL);
    expect(&l, ln_host_reduce(&l.im, add, false, m, 1u, false), "5,7,12 3");
    expect(&l, ln_host_reduce(&l.im, mul, false, m, 2u, true), "6,180 2x1");
    expect(&l, ln_host_reduce(&l.im, add, true, m, 3u, false), "4 scalar");
    refused(&l, ln_host_reduce(&l.im, add, false, ln_host_ints(&l.im, NULL, 0), 1u, true),
            "nothing to reduce");
    end(&l);
}
END_TEST

START_TEST(too_large) {
    lab l;
    void *data;
    begin(&l);
    const ln_shape huge = {2, {1ll << 40, 1ll << 40}}, many = {1, {1ll << 40}};
    refused(&l, ln_host_new(&l.im, LN_ONNX_FLOAT, &huge, &data), "too large");
    refused(&l, ln_host_new(&l.im, LN_ONNX_FLOAT, &many, &data), "too large");
    end(&l);
}
END_TEST

CHECK_MAIN("onnx fold", elements_of_every_type, types_hold_what_they_can, arithmetic, moving,
           reducing, too_large)
