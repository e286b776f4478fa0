/* Networks of floats to networks of bytes, given scales. */
#include "engine/quantize.h"
#include "util.h"

/* Rows for the input and whatever is named, by what the floats reach over a few inputs. */
static int rows_of(tg *t, const char *const *name, int n, ln_quant_row *row) {
    int count = 0;
    row[count++] =
        (ln_quant_row){.name = t->g->tensor[t->g->input[0]].name, .q = ln_quant_cover(-1, 1)};
    ln_ref *r;
    ck_assert_int_eq(ln_ref_create(t->g, &r, &t->err), LINNET_OK);
    const int64_t size = tg_count(t->g, t->g->input[0]);
    float *x = calloc((size_t)size, sizeof *x);
    for (int64_t i = 0; i < size; i++) x[i] = tg_value(t);
    ck_assert_int_eq(ln_ref_set(r, t->g->input[0], x, &t->err), LINNET_OK);
    ck_assert_int_eq(ln_ref_run(r, true, &t->err), LINNET_OK);
    for (int k = 0; k < n; k++)
        for (int i = 0; i < t->g->n_node; i++) {
            if (strcmp(t->g->node[i].name, name[k])) continue;
            const ln_tid y = t->g->node[i].out[0];
            float lo = 0, hi = 0;
            for (int64_t e = 0; e < tg_count(t->g, y); e++) {
                lo = fminf(lo, r->value[y][e]);
                hi = fmaxf(hi, r->value[y][e]);
            }
            row[count++] =
                (ln_quant_row){.name = name[k], .q = ln_quant_cover(lo * 1.2f, hi * 1.2f)};
        }
    ck_assert_int_eq(count, n + 1);
    ln_ref_destroy(&r);
    free(x);
    return count;
}

static double deviation(const float *v, int64_t n) {
    double sum = 0, square = 0;
    for (int64_t i = 0; i < n; i++) {
        sum += (double)v[i];
        square += (double)v[i] * (double)v[i];
    }
    return sqrt(square / (double)n - sum / (double)n * sum / (double)n);
}

/* Prepares the graph, quantizes it by rows for these names, and holds the answer against that of
 * the floats, rms over the deviation. */
static void quantize(tg *t, const char *const *name, int n, double most) {
    ln_quant_row row[16];
    ck_assert_int_eq(ln_quantize_prepare(t->g, &t->err), LINNET_OK);
    tg_all_bytes(t);
    const int count = rows_of(t, name, n, row);
    const int64_t size = tg_count(t->g, t->g->output[0]), params = t->g->params, macs = t->g->macs;
    float *want = tg_run(t, 7, 0);
    ck_assert_msg(ln_quantize_graph(t->g, row, count, &t->err) == LINNET_OK, "%s", t->err.message);
    ck_assert_int_eq(t->g->params, params);
    ck_assert_int_eq(t->g->macs, macs);
    ck_assert_int_eq(t->g->tensor[t->g->output[0]].dtype, LN_F32);
    float *got = tg_run(t, 7, 0);
    double sum = 0;
    for (int64_t i = 0; i < size; i++)
        sum += ((double)got[i] - (double)want[i]) * ((double)got[i] - (double)want[i]);
    const double off = sqrt(sum / (double)size) / deviation(want, size);
    ck_assert_msg(off < most, "%g of the deviation", off);
    ck_assert_msg(off > 1e-6, "nothing was quantized");
    free(want);
    free(got);
}

/* An inverted bottleneck with its residual, a mean and a classifier. */
START_TEST(bottleneck) {
    static const char *const names[] = {"expand", "dw", "project", "add", "mean", "fc"};
    tg t;
    tg_open(&t, 1);
    const ln_tid x = tg_input(&t, 1, 8, 8, 16);
    ln_tid y = tg_act(&t, "a1", tg_bn(&t, "b1", tg_conv(&t, "expand", x, 48, 1, 1, 1, false)),
                      ln_act_relu6());
    y = tg_act(&t, "a2", tg_bn(&t, "b2", tg_conv(&t, "dw", y, 48, 3, 1, 48, false)),
               ln_act_relu6());
    y = tg_bn(&t, "b3", tg_conv(&t, "project", y, 16, 1, 1, 1, false));
    y = TG(&t, ADD, "add", ((ln_attr){.binary = {{0}}}), y, x);
    y = TG(&t, POOL, "mean", ((ln_attr){.pool = {.kind = LN_POOL_AVG, .global = true}}), y);
    y = TG(&t, FC, "fc", ((ln_attr){.fc = {{0}}}), y,
           tg_const(&t, "fc.weight", (ln_shape){2, {10, 16}}, false, true));
    tg_output(&t, y);
    quantize(&t, names, 6, 0.15);
    ck_assert_int_eq(tg_count_type(&t, LN_OP_CONV2D, LN_I8), 3);
    ck_assert_int_eq(tg_count_type(&t, LN_OP_ADD, LN_I8), 1);
    ck_assert_int_eq(tg_count_type(&t, LN_OP_FC, LN_I8), 1);
    ck_assert_int_eq(tg_count_type(&t, LN_OP_REDUCE, LN_I8), 1); /* a mean has a scale of its own */
    ck_assert_int_eq(tg_count_op(&t, LN_OP_QUANTIZE), 1);
    ck_assert_int_eq(tg_count_op(&t, LN_OP_DEQUANTIZE), 1);
    ck_assert_int_eq(tg_count_op(&t, LN_OP_BATCH_NORM), 0);
    tg_close(&t);
}
END_TEST

/* Squeeze-and-excitation in floats between bytes; hard swish by table. */
START_TEST(gate) {
    static const char *const names[] = {"conv", "conv.act", "mean", "gate", "mul", "last"};
    tg t;
    tg_open(&t, 2);
    const ln_tid x = tg_input(&t, 2, 6, 6, 8);
    const ln_tid m = tg_act(&t, "conv.act", tg_conv(&t, "conv", x, 16, 3, 1, 1, true),
                            ln_act_of(LN_ACT_HARD_SWISH));
    ln_tid s = TG(&t, POOL, "mean", ((ln_attr){.pool = {.kind = LN_POOL_AVG, .global = true}}), m);
    s = tg_act(&t, "gate", tg_conv(&t, "gate.conv", s, 16, 1, 1, 1, true),
               ln_act_of(LN_ACT_HARD_SIGMOID));
    const ln_tid y = TG(&t, MUL, "mul", ((ln_attr){.binary = {{0}}}), m, s);
    tg_output(&t, tg_conv(&t, "last", y, 8, 1, 1, 1, false));
    quantize(&t, names, 6, 0.1);
    ck_assert_int_eq(tg_count_type(&t, LN_OP_CONV2D, LN_I8), 2);
    ck_assert_int_eq(tg_count_type(&t, LN_OP_CONV2D, LN_F32), 1);
    ck_assert_int_eq(tg_count_type(&t, LN_OP_ACT, LN_I8), 1);
    ck_assert_int_eq(tg_count_type(&t, LN_OP_MUL, LN_I8), 1);
    ck_assert_int_eq(tg_count_op(&t, LN_OP_QUANTIZE), 2);
    tg_close(&t);
}
END_TEST

/* What moves bytes; a concat brings its operands to one scale; a shuffle is a permutation. */
START_TEST(movers) {
    static const char *const names[] = {"a", "b", "join", "last"};
    tg t;
    tg_open(&t, 3);
    const ln_tid x = tg_input(&t, 1, 6, 6, 8);
    const ln_tid a = tg_conv(&t, "a", x, 8, 1, 1, 1, false),
                 b = tg_conv(&t, "b", x, 8, 3, 1, 2, true);
    ln_tid y = TG(&t, CONCAT, "join", ((ln_attr){.concat = {0}}), a, b);
    y = TG(&t, CHANNEL_SHUFFLE, "shuffle", ((ln_attr){.shuffle = {.groups = 2}}), y);
    ln_attr cut = {.slice = ln_slice_all(&t.g->tensor[y].shape)};
    cut.slice.size.dim[3] = 8;
    cut.slice.begin[3] = 4;
    y = tg_node(&t, LN_OP_SLICE, "slice", cut, 1, &y);
    const ln_window win = {3, 3, 2, 2, 1, 1, 1, 1, 1, 1};
    y = TG(&t, POOL, "pool", ((ln_attr){.pool = {.kind = LN_POOL_MAX, .win = win}}), y);
    tg_output(&t, tg_conv(&t, "last", y, 8, 1, 1, 1, false));
    quantize(&t, names, 4, 0.1);
    ck_assert_int_eq(tg_count_type(&t, LN_OP_CONV2D, LN_I8), 3);
    ck_assert_int_eq(tg_count_type(&t, LN_OP_CONCAT, LN_I8), 1);
    ck_assert_int_eq(tg_count_type(&t, LN_OP_SLICE, LN_I8), 1);
    ck_assert_int_eq(tg_count_type(&t, LN_OP_POOL, LN_I8), 1);
    ck_assert_int_eq(tg_count_op(&t, LN_OP_CHANNEL_SHUFFLE), 0);
    ck_assert_int_eq(tg_count_op(&t, LN_OP_PERMUTE), 1);
    ck_assert_int_eq(tg_count_op(&t, LN_OP_QUANTIZE), 2); /* the input, the narrower operand */
    tg_close(&t);
}
END_TEST

/* Without rows, or without bytes, nodes stay as they are. */
START_TEST(what_is_left_alone) {
    tg t;
    tg_open(&t, 4);
    const ln_tid x = tg_input(&t, 1, 4, 4, 8);
    ln_tid y = tg_conv(&t, "a", x, 8, 1, 1, 1, false);
    y = TG(&t, LAYER_NORM, "norm", ((ln_attr){.norm = {.eps = 1e-5f, .groups = 1}}), y);
    y = tg_conv(&t, "b", y, 8, 1, 1, 1, false);
    tg_output(&t, y);
    ck_assert_int_eq(ln_quantize_prepare(t.g, &t.err), LINNET_OK);
    tg_bytes(&t, &t.g->node[0]);
    const ln_quant_row row[] = {{t.g->tensor[x].name, ln_quant_cover(-1, 1)},
                                {"a", ln_quant_cover(-4, 4)},
                                {"b", ln_quant_cover(-4, 4)}};
    ck_assert_int_eq(ln_quantize_graph(t.g, row, 3, &t.err), LINNET_OK);
    ck_assert_int_eq(tg_count_type(&t, LN_OP_CONV2D, LN_I8), 1);
    ck_assert_int_eq(tg_count_type(&t, LN_OP_CONV2D, LN_F32), 1); /* its weights are floats */
    ck_assert_int_eq(tg_count_op(&t, LN_OP_DEQUANTIZE), 1);
    tg_close(&t);
}
END_TEST

START_TEST(names_that_lie) {
    static const struct {
        const char *name[2];
        int n;
        const char *says;
    } lies[] = {{{"nothing"}, 1, "a scale is given for 'nothing', which"},
                {{"a", "a"}, 2, "two scales are given for 'a'"}};
    for (size_t i = 0; i < LN_COUNT(lies); i++) {
        tg t;
        ln_quant_row row[2];
        tg_open(&t, 5);
        tg_output(&t, tg_conv(&t, "a", tg_input(&t, 1, 4, 4, 8), 8, 1, 1, 1, false));
        for (int k = 0; k < lies[i].n; k++)
            row[k] = (ln_quant_row){lies[i].name[k], ln_quant_cover(-1, 1)};
        ck_assert_int_eq(ln_quantize_graph(t.g, row, lies[i].n, &t.err), LINNET_ERR_BAD_FILE);
        ck_assert_msg(strstr(t.err.message, lies[i].says), "%s", t.err.message);
        tg_close(&t);
    }
}
END_TEST

START_TEST(covers) {
    ln_quant q = ln_quant_cover(0, 6);
    ck_assert_int_eq(q.zero, -128);
    ck_assert_float_eq_tol(q.scale, 6.0f / 255, 1e-6f);
    q = ln_quant_cover(-1, 3);
    ck_assert_int_eq(q.zero, -64);
    q = ln_quant_cover(2, 4); /* zero is always there */
    ck_assert_int_eq(q.zero, -128);
    ck_assert_float_eq_tol(q.scale, 4.0f / 255, 1e-6f);
    q = ln_quant_cover(-5, -1);
    ck_assert_int_eq(q.zero, 127);
    q = ln_quant_cover(0, 0);
    ck_assert(q.scale > 0 && q.on);
}
END_TEST

static void fill(TCase *c) {
    tcase_add_test(c, bottleneck);
    tcase_add_test(c, gate);
    tcase_add_test(c, movers);
    tcase_add_test(c, what_is_left_alone);
    tcase_add_test(c, names_that_lie);
    tcase_add_test(c, covers);
}

int main(void) {
    return tg_main("quantize", fill);
}
