/* ONNX files that lie: each gets one clear line and the right status. */
#include "models/onnx/onnx.h"
#include "tests/models/files.h"
#include "tests/models/onnxwrite.h"

#include "tests/check_main.h"

#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static linnet_error err;

typedef void (*breaker)(ln_str *g);

static void cycle(ln_str *g) {
    ow_node(g, "A", "q", "p", NULL);
    ow_node(g, "B", "p", "q", NULL);
    ow_node(g, "Behind", "q", "r", NULL);
}
static void itself(ln_str *g) {
    ow_node(g, "A", "p", "p", NULL);
}
static void missing_input(ln_str *g) {
    ow_node(g, "A", "nobody", "p", NULL);
}
static void missing_output(ln_str *g) {
    ow_value(g, 12, "nobody", 1, NULL);
}
static void made_twice(ln_str *g) {
    ow_node(g, "A", "x", "y", NULL);
}
static void input_twice(ln_str *g) {
    ow_value(g, 11, "x", 1, "1");
}
static void initialiser_twice(ln_str *g) {
    ow_floats(g, "w", "1", &(float){1}, 1);
}
static void makes_an_input(ln_str *g) {
    ow_node(g, "A", "w", "x", NULL);
}
static void negative_dim(ln_str *g) {
    ow_floats(g, "t", "-2,3", &(float){1}, 1);
}
static void overflowing_dims(ln_str *g) {
    ow_floats(g, "t", "0,4611686018427387904,4611686018427387904", NULL, 0);
}
static void terabyte(ln_str *g) {
    ow_floats(g, "t", "1024,1024,1024,256", &(float){1}, 1);
}
static void terabyte_of_nothing(ln_str *g) {
    ln_str t = ow_tensor("t", 7, "1024,1024,1024,128");
    ow_init(g, &t);
}
static void seven_dims(ln_str *g) {
    ow_floats(g, "t", "1,1,1,1,1,1,1", &(float){1}, 1);
}
static void short_list(ln_str *g) {
    ln_str t = ow_tensor("t", 7, "3");
    pw_int(&t, 7, 1);
    ow_init(g, &t);
}
static void negative_input(ln_str *g) {
    ow_value(g, 11, "v", 1, "1,-3");
}
static void huge_input(ln_str *g) {
    ow_value(g, 11, "v", 1, "9223372036854775807");
}
static void empty_input(ln_str *g) {
    ow_value(g, 11, "v", 1, "1,0");
}
static void text_input(ln_str *g) {
    ow_value(g, 11, "v", LN_ONNX_STRING, "1");
}
static void sequence_input(ln_str *g) {
    ln_str v = {0}, t = {0}, s = {0}, inner = {0};
    pw_message(&s, 1, &inner);
    pw_message(&t, 4, &s);
    pw_text(&v, 1, "v");
    pw_message(&v, 2, &t);
    pw_message(g, 11, &v);
}
static void wide_input(ln_str *g) {
    ow_value(g, 11, "v", 1, "1,1,1,1,1,1,1");
}
static void sparse(ln_str *g) {
    ln_str s = {0};
    pw_message(g, 15, &s);
}
static void hollow_attribute(ln_str *g) {
    ln_str n = {0}, a = {0};
    pw_text(&a, 1, "value"), pw_int(&a, 20, LN_ONNX_ATTR_TENSOR), pw_message(&n, 5, &a);
    ow_node(g, "Constant", "", "c", &n);
}
static void external_nowhere(ln_str *g) {
    ln_str t = ow_tensor("t", 1, "1");
    pw_int(&t, 14, 1);
    ow_init(g, &t);
}
static void stored_oddly(ln_str *g) {
    ln_str t = ow_tensor("t", 1, "1");
    pw_int(&t, 14, 2);
    ow_init(g, &t);
}

START_TEST(lies) {
    static const struct {
        breaker change;
        linnet_status status;
        const char *says;
    } rows[] = {
        {cycle, LINNET_ERR_BAD_FILE, "cycle"},
        {itself, LINNET_ERR_BAD_FILE, "cycle"},
        {missing_input, LINNET_ERR_BAD_FILE, "reads nobody, which nobody makes"},
        {missing_output, LINNET_ERR_BAD_FILE, "output nobody"},
        {made_twice, LINNET_ERR_BAD_FILE, "output y: another value has that name"},
        {input_twice, LINNET_ERR_BAD_FILE, "input x: another"},
        {initialiser_twice, LINNET_ERR_BAD_FILE, "initialiser w: another"},
        {makes_an_input, LINNET_ERR_BAD_FILE, "output x: another"},
        {negative_dim, LINNET_ERR_BAD_FILE, "dimension 0 of -2"},
        {overflowing_dims, LINNET_ERR_BAD_FILE, "overflows"},
        {terabyte, LINNET_ERR_BAD_FILE, "needs 1099511627776 bytes, its data has 4"},
        {terabyte_of_nothing, LINNET_ERR_BAD_FILE, "its data has 0"},
        {seven_dims, LINNET_ERR_UNSUPPORTED, "7 dimensions"},
        {short_list, LINNET_ERR_BAD_FILE, "needs 3 elements, its data has 1"},
        {negative_input, LINNET_ERR_BAD_FILE, "input v has a dimension of -3"},
        {huge_input, LINNET_ERR_BAD_FILE, "input v has a dimension of 92233"},
        {empty_input, LINNET_ERR_UNSUPPORTED, "dimension of 0"},
        {text_input, LINNET_ERR_UNSUPPORTED, "string"},
        {sequence_input, LINNET_ERR_UNSUPPORTED, "no tensor"},
        {wide_input, LINNET_ERR_UNSUPPORTED, "7 dimensions"},
        {sparse, LINNET_ERR_UNSUPPORTED, "sparse"},
        {hollow_attribute, LINNET_ERR_BAD_FILE, "attribute value has no tensor"},
        {external_nowhere, LINNET_ERR_BAD_FILE, "not a file in the model's folder"},
        {stored_oddly, LINNET_ERR_BAD_FILE, "do not fit"},
    };
    for (size_t i = 0; i < LN_COUNT(rows); i++) {
        ln_net *o;
        ln_str g = ow_sample();
        rows[i].change(&g);
        ln_str m = ow_model(&g, 8, 17);
        ck_assert_msg(ow_open(&m, &o, &err) == rows[i].status, "row %zu: %s", i, err.message);
        ck_assert_msg(strstr(err.message, rows[i].says) != NULL, "row %zu: %s", i, err.message);
        ck_assert_msg(strstr(err.message, "m.onnx") != NULL, "row %zu: %s", i, err.message);
    }
}
END_TEST

START_TEST(versions) {
    static const struct {
        int ir, opset;
        linnet_status status;
    } rows[] = {
        {2, 8, LINNET_ERR_UNSUPPORTED},
        {3, 1, LINNET_OK},
        {3, 6, LINNET_OK},
        {10, 21, LINNET_OK},
        {11, 21, LINNET_ERR_UNSUPPORTED},
        {8, 22, LINNET_ERR_UNSUPPORTED},
        {8, 0, LINNET_ERR_UNSUPPORTED},
        {0, 17, LINNET_ERR_UNSUPPORTED},
    };
    for (size_t i = 0; i < LN_COUNT(rows); i++) {
        ln_net *o;
        ln_str g = ow_sample(), m = ow_model(&g, rows[i].ir, rows[i].opset);
        ck_assert_msg(ow_open(&m, &o, &err) == rows[i].status, "row %zu: %s", i, err.message);
        ln_onnx_close(&o);
    }
    ln_net *o;
    ln_str g = ow_sample(), m = {0};
    pw_int(&m, 1, 8);
    pw_message(&m, 7, &g);
    ck_assert_int_eq(ow_open(&m, &o, &err), LINNET_ERR_BAD_FILE);
    ck_assert_ptr_nonnull(strstr(err.message, "operator set"));
    pw_int(&m, 1, 8);
    ck_assert_int_eq(ow_open(&m, &o, &err), LINNET_ERR_BAD_FILE);
    ck_assert_ptr_nonnull(strstr(err.message, "no graph"));
}
END_TEST

/* Graphs within graphs within graphs: nothing may recurse into them. */
START_TEST(nesting_bomb) {
    enum { DEPTH = 200000 };
    ln_str body = {0};
    for (int i = 0; i < DEPTH; i++) ln_str_put(&body, "\x32\x80\x80\x80\x00", 5); /* lies of 0 */
    ln_str g = ow_sample(), n = {0}, a = {0};
    ln_net *o;
    pw_text(&a, 1, "body"), pw_message(&a, 6, &body), pw_message(&n, 5, &a);
    ow_node(&g, "Loop", "x", "z", &n);
    ln_str m = ow_model(&g, 8, 17);
    ck_assert_int_eq(ow_open(&m, &o, &err), LINNET_OK);
    ck_assert_int_eq(o->node[1].attr[0].type, LN_ONNX_ATTR_OTHER);
    ln_onnx_close(&o);
    /* the same depth in groups, protobuf's old form of messages */
    ln_str groups = {0};
    for (int i = 0; i < DEPTH; i++) ln_str_put(&groups, "\x0b", 1);
    ck_assert_int_eq(ow_open(&groups, &o, &err), LINNET_ERR_BAD_FILE);
    /* types within types: sequences of sequences */
    ln_str t = {0};
    for (int i = 0; i < 3000; i++) {
        ln_str outer = {0}, seq = {0};
        pw_message(&seq, 1, &t);
        pw_message(&outer, 4, &seq);
        t = outer;
    }
    ln_str v = {0}, h = ow_sample();
    pw_text(&v, 1, "v");
    pw_message(&v, 2, &t);
    pw_message(&h, 11, &v);
    m = ow_model(&h, 8, 17);
    ck_assert_int_eq(ow_open(&m, &o, &err), LINNET_ERR_UNSUPPORTED);
}
END_TEST

/* Every cut and every flipped byte gives an answer; sanitizers watch. */
START_TEST(cuts_and_flips) {
    ln_str g = ow_sample(), n = {0}, m;
    const int64_t ints[] = {1, 2, 3};
    ow_attr_ints(&n, "pads", ints, 3);
    ow_node(&g, "Bar", "y", "z", &n);
    m = ow_model(&g, 8, 17);
    ln_net *o;
    for (size_t cut = 0; cut < m.len; cut++) {
        if (ln_onnx_open(file_of("c.onnx", m.p, cut), &o, &err) != LINNET_OK) {
            ck_assert_ptr_null(o);
            ck_assert_ptr_nonnull(strstr(err.message, "c.onnx"));
        }
        ln_onnx_close(&o);
    }
    for (size_t at = 0; at < m.len; at++)
        for (int bit = 0; bit < 8; bit += 3) {
            m.p[at] = (char)(m.p[at] ^ 1 << bit);
            ln_onnx_open(file_of("c.onnx", m.p, m.len), &o, &err);
            ln_onnx_close(&o);
            m.p[at] = (char)(m.p[at] ^ 1 << bit);
        }
    ln_str_free(&m);
    ck_assert_int_eq(ln_onnx_open(scratch("absent.onnx"), &o, &err), LINNET_ERR_IO);
}
END_TEST

/* Records of two bytes each grow by what a record takes, and no more than that is given. */
START_TEST(empty_messages_do_not_fill_memory) {
    ln_str g = ow_sample();
    for (int i = 0; i < 4000000; i++) ln_str_put(&g, "\x0a\x00", 2);
    ln_str m = ow_model(&g, 8, 17);
    ln_net *o;
    ck_assert_int_eq(ow_open(&m, &o, &err), LINNET_ERR_OUT_OF_MEMORY);
}
END_TEST

/* ---- external data ---- */
static ln_str external(const char *location, const char *offset, const char *length) {
    ln_str g = ow_sample(), t = ow_tensor("t", LN_ONNX_FLOAT, "2"), e = {0};
    const char *const text[3][2] = {{"location", location}, {"offset", offset}, {"length", length}};
    for (int i = 0; i < 3; i++) {
        if (!text[i][1]) continue;
        pw_text(&e, 1, text[i][0]);
        pw_text(&e, 2, text[i][1]);
        pw_message(&t, 13, &e);
    }
    pw_int(&t, 14, 1);
    ow_init(&g, &t);
    return ow_model(&g, 8, 17);
}

START_TEST(data_beside_the_model) {
    static const float v[4] = {1, 2, 3, 4};
    static const struct {
        const char *location, *offset, *length;
        linnet_status status;
        const char *says;
    } rows[] = {
        {"w.bin", NULL, NULL, LINNET_OK, NULL},
        {"w.bin", "8", "8", LINNET_OK, NULL},
        {"./w.bin", "8", NULL, LINNET_OK, NULL},
        {"sub/w.bin", NULL, NULL, LINNET_OK, NULL},
        {"w.bin", "12", "8", LINNET_ERR_BAD_FILE, "wants 8 bytes at 12 of w.bin, which has 16"},
        {"w.bin", "18446744073709551615", "8", LINNET_ERR_BAD_FILE, "wants 8 bytes"},
        {"w.bin", "18446744073709551616", "8", LINNET_ERR_BAD_FILE, "do not fit"},
        {"w.bin", "-8", "8", LINNET_ERR_BAD_FILE, "do not fit"},
        {"w.bin", "", "8", LINNET_ERR_BAD_FILE, "do not fit"},
        {"w.bin", "0", "16", LINNET_ERR_BAD_FILE, "do not fit"},
        {"none.bin", "0", "8", LINNET_ERR_BAD_FILE, "keep both files in one folder"},
        {"../w.bin", NULL, NULL, LINNET_ERR_BAD_FILE, "refused"},
        {"sub/../../w.bin", NULL, NULL, LINNET_ERR_BAD_FILE, "refused"},
        {"sub/..", NULL, NULL, LINNET_ERR_BAD_FILE, "refused"},
        {"/etc/passwd", NULL, NULL, LINNET_ERR_BAD_FILE, "refused"},
        {"link.bin", NULL, NULL, LINNET_ERR_BAD_FILE, "link out of the model's folder"},
        {"inside.bin", "4", NULL, LINNET_OK, NULL},
        {"sub", NULL, NULL, LINNET_ERR_IO, "not a regular file"},
    };
    char path[600];
    snprintf(path, sizeof path, "%s", scratch("d"));
    mkdir(path, 0700);
    mkdir(scratch("d/sub"), 0700);
    file_of("d/w.bin", v, sizeof v);
    file_of("d/sub/w.bin", v, sizeof v);
    const char *out = file_of("w.bin", v, sizeof v);
    ck_assert_int_eq(symlink(out, scratch("d/link.bin")), 0);
    ck_assert_int_eq(symlink("w.bin", scratch("d/inside.bin")), 0);
    for (size_t i = 0; i < LN_COUNT(rows); i++) {
        ln_str m = external(rows[i].location, rows[i].offset, rows[i].length);
        ln_net *o;
        const linnet_status st = ln_onnx_open(file_of("d/m.onnx", m.p, m.len), &o, &err);
        ck_assert_msg(st == rows[i].status, "row %zu: %d, %s", i, st, err.message);
        if (rows[i].says)
            ck_assert_msg(strstr(err.message, rows[i].says) != NULL, "row %zu: %s", i, err.message);
        if (st == LINNET_OK) {
            float first;
            memcpy(&first, ow_find(o, "t")->init->data, sizeof first);
            const int skipped = rows[i].offset ? atoi(rows[i].offset) / 4 : 0;
            ck_assert_float_eq(first, v[skipped]);
        }
        ln_onnx_close(&o);
        ln_str_free(&m);
    }
    static const char *const made[] = {"d/link.bin", "d/inside.bin", "d/w.bin", "d/m.onnx",
                                       "d/sub/w.bin"};
    for (size_t i = 0; i < LN_COUNT(made); i++) unlink(scratch(made[i]));
    rmdir(scratch("d/sub"));
    rmdir(scratch("d"));
}
END_TEST

/* ---- graphs that nothing can be made of ---- */
static void joined_scalars(ln_str *g) {
    ln_str n = {0}, t = ow_tensor("s", LN_ONNX_INT64, "");
    pw_int(&t, 7, 1);
    ow_init(g, &t);
    ow_attr_int(&n, "axis", 0);
    ow_node(g, "Concat", "s,s", "y", &n);
}

/* Found by the fuzzer, each of them: the importer divided by nothing, or worse. */
START_TEST(graphs) {
    static const struct {
        breaker make;
        linnet_status status;
        const char *says;
    } rows[] = {
        {joined_scalars, LINNET_ERR_UNSUPPORTED, "scalars have no dimension"},
    };
    for (size_t i = 0; i < LN_COUNT(rows); i++) {
        char message[1000] = "";
        ln_model *model = NULL;
        ln_str g = {0};
        rows[i].make(&g);
        ow_value(&g, 11, "x", LN_ONNX_FLOAT, "1");
        ow_value(&g, 12, "y", LN_ONNX_FLOAT, NULL);
        ln_str m = ow_model(&g, 8, 17);
        const ln_model_params p = {.model = file_of("g.onnx", m.p, m.len)};
        ck_assert_int_eq(ln_test_open(&p, &model, message), rows[i].status);
        ck_assert_msg(strstr(message, rows[i].says) != NULL, "row %zu: %s", i, message);
        ln_str_free(&m);
    }
}
END_TEST

CHECK_MAIN("onnx lies", lies, graphs, versions, nesting_bomb, cuts_and_flips,
           empty_messages_do_not_fill_memory, data_beside_the_model)
