/* The reader of ONNX files: what is in them comes out, and files that lie are refused. */
#include "models/onnx/onnx.h"
#include "tests/models/files.h"
#include "tests/models/onnxwrite.h"

#include "tests/check_main.h"

#include <math.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static linnet_error err;

static linnet_status open_bytes(ln_str *m, ln_onnx **out) {
    const linnet_status st = ln_onnx_open(file_of("m.onnx", m->p, m->len), out, &err);
    ln_str_free(m);
    ck_assert_int_eq(*out == NULL, st != LINNET_OK);
    return st;
}

/* x [N,3,8,8] -> Foo(x, w) -> y, w of six values. */
static ln_str sample(void) {
    static const float w[6] = {1, -2, 3, -4, 5, -6};
    ln_str g = {0}, a = {0};
    ow_attr_int(&a, "group", 3);
    ow_node(&g, "Foo", "x,w", "y", &a);
    ow_floats(&g, "w", "2,3", w, 6);
    ow_value(&g, 11, "x", LN_ONNX_FLOAT, "N,3,8,8");
    ow_value(&g, 12, "y", LN_ONNX_FLOAT, "N,?");
    return g;
}

static const ln_onnx_value *value(const ln_onnx *m, const char *name) {
    for (int i = 0; i < m->n_value; i++)
        if (!strcmp(m->value[i].name, name)) return &m->value[i];
    ck_abort_msg("no value %s", name);
    return NULL;
}

START_TEST(what_is_there) {
    ln_str g = sample(), m = ow_model(&g, 8, 17), prop = {0};
    ln_onnx *o;
    pw_text(&prop, 1, "names");
    pw_text(&prop, 2, "a\nb");
    pw_message(&m, 14, &prop);
    ck_assert_int_eq(open_bytes(&m, &o), LINNET_OK);
    ck_assert_int_eq(o->ir_version, 8);
    ck_assert_int_eq(o->opset, 17);
    ck_assert_str_eq(o->producer, "test");
    ck_assert_str_eq(ln_onnx_find_meta(o, "names"), "a\nb");
    ck_assert_ptr_null(ln_onnx_find_meta(o, "labels"));
    ck_assert_int_eq(o->n_input, 1);
    ck_assert_int_eq(o->input[0].rank, 4);
    ck_assert_int_eq(o->input[0].dim[0].value, 0);
    ck_assert_str_eq(o->input[0].dim[0].symbol, "N");
    ck_assert_int_eq(o->input[0].dim[1].value, 3);
    ck_assert_int_eq(o->output[0].rank, 2);
    ck_assert_int_eq(o->n_node, 1);
    const ln_onnx_node *n = o->node;
    ck_assert_str_eq(n->op, "Foo");
    ck_assert_str_eq(n->name, "y"); /* it has none of its own */
    ck_assert_int_eq(n->version, 17);
    ck_assert_int_eq(n->n_in, 2);
    ck_assert_int_eq(o->value[n->in[0]].input, 0);
    ck_assert_int_eq(o->value[n->out[0]].node, 0);
    ck_assert_int_eq(ln_onnx_find_attr(n, "group")->i, 3);
    ck_assert_ptr_null(ln_onnx_find_attr(n, "axis"));
    const ln_onnx_tensor *w = o->value[n->in[1]].init;
    ck_assert_int_eq(w->shape.rank, 2);
    ck_assert_int_eq(w->count, 6);
    float v[6];
    memcpy(v, w->data, sizeof v);
    ck_assert_float_eq(v[5], -6);
    ln_onnx_close(&o);
    ck_assert_ptr_null(o);
}
END_TEST

/* The list of each type in the file, and what a 7 in it is as an element. */
START_TEST(typed_data_of_every_type) {
    static const struct {
        int type, field, bytes;
        uint64_t seven;
    } rows[] = {
        {LN_ONNX_INT32, 5, 4, 7},   {LN_ONNX_INT16, 5, 2, 7},    {LN_ONNX_INT8, 5, 1, 7},
        {LN_ONNX_UINT16, 5, 2, 7},  {LN_ONNX_UINT8, 5, 1, 7},    {LN_ONNX_BOOL, 5, 1, 7},
        {LN_ONNX_FLOAT16, 5, 2, 7}, {LN_ONNX_BFLOAT16, 5, 2, 7}, {LN_ONNX_INT64, 7, 8, 7},
        {LN_ONNX_UINT32, 11, 4, 7}, {LN_ONNX_UINT64, 11, 8, 7},
    };
    for (size_t i = 0; i < LN_COUNT(rows); i++)
        for (int packed = 0; packed < 2; packed++) {
            ln_str g = sample(), t = ow_tensor("t", rows[i].type, "2");
            const int64_t pair[] = {-1, 7};
            ln_onnx *o;
            if (packed) {
                pw_packed(&t, rows[i].field, pair, 2);
            } else {
                pw_int(&t, rows[i].field, pair[0]);
                pw_int(&t, rows[i].field, pair[1]);
            }
            ow_init(&g, &t);
            ln_str m = ow_model(&g, 8, 17);
            ck_assert_int_eq(open_bytes(&m, &o), LINNET_OK);
            const ln_onnx_tensor *x = value(o, "t")->init;
            uint64_t ones = 0, seven = 0;
            memcpy(&ones, x->data, (size_t)rows[i].bytes);
            memcpy(&seven, (const char *)x->data + rows[i].bytes, (size_t)rows[i].bytes);
            ck_assert_uint_eq(seven, rows[i].seven);
            ck_assert_uint_eq(ones, UINT64_MAX >> (64 - 8 * rows[i].bytes));
            ck_assert_uint_eq(ln_onnx_type_size(rows[i].type), (size_t)rows[i].bytes);
            ln_onnx_close(&o);
        }
}
END_TEST

START_TEST(typed_floats) {
    ln_str g = sample(), f = ow_tensor("f", LN_ONNX_FLOAT, "2"), d = ow_tensor("d", 11, "1");
    const double pi = 3.14159265358979;
    ln_onnx *o;
    pw_float(&f, 4, 1.5f);
    pw_float(&f, 4, -2.0f);
    pw_bytes(&d, 10, &pi, sizeof pi);
    ow_init(&g, &f);
    ow_init(&g, &d);
    ln_str m = ow_model(&g, 8, 17);
    ck_assert_int_eq(open_bytes(&m, &o), LINNET_OK);
    float v[2];
    double w;
    memcpy(v, value(o, "f")->init->data, sizeof v);
    memcpy(&w, value(o, "d")->init->data, sizeof w);
    ck_assert_float_eq(v[1], -2);
    ck_assert_double_eq(w, pi);
    ln_onnx_close(&o);
}
END_TEST

/* Scalars, empty tensors, and types that nobody can read, which are left to those who would. */
START_TEST(odd_tensors) {
    ln_str g = sample(), a = ow_tensor("scalar", LN_ONNX_INT64, ""),
           b = ow_tensor("empty", LN_ONNX_FLOAT, "0,3"), c = ow_tensor("text", LN_ONNX_STRING, "1"),
           d = ow_tensor("eight", 17, "4");
    ln_onnx *o;
    pw_int(&a, 7, -5);
    pw_bytes(&c, 6, "word", 4);
    pw_bytes(&d, 9, "1234", 4);
    ow_init(&g, &a), ow_init(&g, &b), ow_init(&g, &c), ow_init(&g, &d);
    ln_str m = ow_model(&g, 8, 17);
    ck_assert_int_eq(open_bytes(&m, &o), LINNET_OK);
    const ln_onnx_tensor *scalar = value(o, "scalar")->init;
    int64_t v;
    ck_assert_int_eq(scalar->shape.rank, 0);
    ck_assert_int_eq(scalar->count, 1);
    memcpy(&v, scalar->data, sizeof v);
    ck_assert_int_eq(v, -5);
    ck_assert_int_eq(value(o, "empty")->init->count, 0);
    ck_assert_ptr_null(value(o, "empty")->init->data);
    ck_assert_ptr_null(value(o, "text")->init->data);
    ck_assert_ptr_null(value(o, "eight")->init->data);
    ck_assert_str_eq(ln_onnx_type_name(17), "unknown");
    ln_onnx_close(&o);
}
END_TEST

/* Attributes of every kind, with and without a type, and one with a subgraph. */
START_TEST(attributes) {
    ln_str g = sample(), n = {0}, a = {0}, t = ow_tensor("", LN_ONNX_FLOAT, "1"), sub = {0};
    const int64_t ints[] = {1, -1, INT64_MAX};
    const float half = 0.5f;
    ln_onnx *o;
    pw_bytes(&t, 9, &half, 4);
    ow_attr_tensor(&n, "value", &t);
    ow_attr_ints(&n, "pads", ints, 3);
    pw_text(&a, 1, "mode"), pw_bytes(&a, 4, "a\0b", 3), pw_message(&n, 5, &a);
    pw_text(&a, 1, "alpha"), pw_float(&a, 2, 0.25f), pw_message(&n, 5, &a);
    pw_text(&a, 1, "axis"), pw_int(&a, 3, -1), pw_message(&n, 5, &a);
    pw_text(&a, 1, "scales"), pw_float(&a, 7, 2), pw_float(&a, 7, 3), pw_message(&n, 5, &a);
    pw_text(&a, 1, "words"), pw_text(&a, 9, "p"), pw_text(&a, 9, "q"), pw_message(&n, 5, &a);
    pw_text(&sub, 2, "body");
    pw_text(&a, 1, "body"), pw_message(&a, 6, &sub), pw_int(&a, 20, 5), pw_message(&n, 5, &a);
    ow_node(&g, "Bar", "x,,w", "z", &n);
    ln_str m = ow_model(&g, 8, 17);
    ck_assert_int_eq(open_bytes(&m, &o), LINNET_OK);
    const ln_onnx_node *bar = &o->node[1];
    ck_assert_int_eq(bar->in[1], LN_NONE);
    const ln_onnx_attr *x = ln_onnx_find_attr(bar, "value");
    ck_assert_int_eq(x->type, LN_ONNX_ATTR_TENSOR);
    ck_assert_int_eq(memcmp(x->t.data, &half, 4), 0);
    x = ln_onnx_find_attr(bar, "pads");
    ck_assert_uint_eq(x->n, 3);
    ck_assert_int_eq(x->ints[2], INT64_MAX);
    x = ln_onnx_find_attr(bar, "mode");
    ck_assert_int_eq(x->type, LN_ONNX_ATTR_STRING);
    ck_assert_uint_eq(x->s.len, 3);
    ck_assert_int_eq(x->s.p[3], 0);
    ck_assert_float_eq(ln_onnx_find_attr(bar, "alpha")->f, 0.25f);
    ck_assert_int_eq(ln_onnx_find_attr(bar, "axis")->i, -1);
    ck_assert_float_eq(ln_onnx_find_attr(bar, "scales")->floats[1], 3);
    ck_assert_str_eq(ln_onnx_find_attr(bar, "words")->strings[1].p, "q");
    ck_assert_int_eq(ln_onnx_find_attr(bar, "body")->type, LN_ONNX_ATTR_OTHER);
    ln_onnx_close(&o);
}
END_TEST

/* An initialiser that is listed as an input, as IR 3 wants, is no input. */
START_TEST(initialisers_among_the_inputs) {
    ln_str g = sample();
    ln_onnx *o;
    ow_value(&g, 11, "w", LN_ONNX_FLOAT, "2,3");
    ln_str m = ow_model(&g, 3, 8);
    ck_assert_int_eq(open_bytes(&m, &o), LINNET_OK);
    ck_assert_int_eq(o->n_input, 1);
    ck_assert_int_eq(value(o, "w")->input, -1);
    ln_onnx_close(&o);
}
END_TEST

START_TEST(nodes_in_any_order) {
    ln_str g = {0};
    ln_onnx *o;
    ow_node(&g, "C", "b,a", "y", NULL);
    ow_node(&g, "B", "a", "b", NULL);
    ow_node(&g, "A", "x", "a", NULL);
    ow_value(&g, 11, "x", LN_ONNX_FLOAT, "1");
    ow_value(&g, 12, "y", LN_ONNX_FLOAT, NULL);
    ln_str m = ow_model(&g, 8, 17);
    ck_assert_int_eq(open_bytes(&m, &o), LINNET_OK);
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(o->node[i].op[0], 'A' + i);
        ck_assert_int_eq(o->value[o->node[i].out[0]].node, i);
    }
    ck_assert_int_eq(o->output[0].rank, -1);
    ln_onnx_close(&o);
}
END_TEST

/* ---- files that lie ---- */
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
        ln_onnx *o;
        ln_str g = sample();
        rows[i].change(&g);
        ln_str m = ow_model(&g, 8, 17);
        ck_assert_msg(open_bytes(&m, &o) == rows[i].status, "row %zu: %s", i, err.message);
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
        ln_onnx *o;
        ln_str g = sample(), m = ow_model(&g, rows[i].ir, rows[i].opset);
        ck_assert_msg(open_bytes(&m, &o) == rows[i].status, "row %zu: %s", i, err.message);
        ln_onnx_close(&o);
    }
    ln_onnx *o;
    ln_str g = sample(), m = {0};
    pw_int(&m, 1, 8);
    pw_message(&m, 7, &g);
    ck_assert_int_eq(open_bytes(&m, &o), LINNET_ERR_BAD_FILE);
    ck_assert_ptr_nonnull(strstr(err.message, "operator set"));
    pw_int(&m, 1, 8);
    ck_assert_int_eq(open_bytes(&m, &o), LINNET_ERR_BAD_FILE);
    ck_assert_ptr_nonnull(strstr(err.message, "no graph"));
}
END_TEST

/* A million graphs within graphs: nothing may recurse into them. */
START_TEST(nesting_bomb) {
    enum { DEPTH = 200000 };
    ln_str body = {0};
    for (int i = 0; i < DEPTH; i++) ln_str_put(&body, "\x32\x80\x80\x80\x00", 5); /* lies of 0 */
    ln_str g = sample(), n = {0}, a = {0};
    ln_onnx *o;
    pw_text(&a, 1, "body"), pw_message(&a, 6, &body), pw_message(&n, 5, &a);
    ow_node(&g, "Loop", "x", "z", &n);
    ln_str m = ow_model(&g, 8, 17);
    ck_assert_int_eq(open_bytes(&m, &o), LINNET_OK);
    ck_assert_int_eq(o->node[1].attr[0].type, LN_ONNX_ATTR_OTHER);
    ln_onnx_close(&o);
    /* the same depth in groups, protobuf's old form of messages */
    ln_str groups = {0};
    for (int i = 0; i < DEPTH; i++) ln_str_put(&groups, "\x0b", 1);
    ck_assert_int_eq(open_bytes(&groups, &o), LINNET_ERR_BAD_FILE);
    /* types within types: sequences of sequences */
    ln_str t = {0};
    for (int i = 0; i < 3000; i++) {
        ln_str outer = {0}, seq = {0};
        pw_message(&seq, 1, &t);
        pw_message(&outer, 4, &seq);
        t = outer;
    }
    ln_str v = {0}, h = sample();
    pw_text(&v, 1, "v");
    pw_message(&v, 2, &t);
    pw_message(&h, 11, &v);
    m = ow_model(&h, 8, 17);
    ck_assert_int_eq(open_bytes(&m, &o), LINNET_ERR_UNSUPPORTED);
}
END_TEST

/* Every cut and every flipped byte gives an answer; sanitizers watch. */
START_TEST(cuts_and_flips) {
    ln_str g = sample(), n = {0}, m;
    const int64_t ints[] = {1, 2, 3};
    ow_attr_ints(&n, "pads", ints, 3);
    ow_node(&g, "Bar", "y", "z", &n);
    m = ow_model(&g, 8, 17);
    ln_onnx *o;
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
    ln_str g = sample();
    for (int i = 0; i < 4000000; i++) ln_str_put(&g, "\x0a\x00", 2);
    ln_str m = ow_model(&g, 8, 17);
    ln_onnx *o;
    ck_assert_int_eq(open_bytes(&m, &o), LINNET_ERR_OUT_OF_MEMORY);
}
END_TEST

/* ---- external data ---- */
static ln_str external(const char *location, const char *offset, const char *length) {
    ln_str g = sample(), t = ow_tensor("t", LN_ONNX_FLOAT, "2"), e = {0};
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
        ln_onnx *o;
        const linnet_status st = ln_onnx_open(file_of("d/m.onnx", m.p, m.len), &o, &err);
        ck_assert_msg(st == rows[i].status, "row %zu: %d, %s", i, st, err.message);
        if (rows[i].says)
            ck_assert_msg(strstr(err.message, rows[i].says) != NULL, "row %zu: %s", i, err.message);
        if (st == LINNET_OK) {
            float first;
            memcpy(&first, value(o, "t")->init->data, sizeof first);
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

CHECK_MAIN("onnx file", what_is_there, typed_data_of_every_type, typed_floats, odd_tensors,
           attributes, initialisers_among_the_inputs, nodes_in_any_order, lies, versions,
           nesting_bomb, cuts_and_flips, empty_messages_do_not_fill_memory, data_beside_the_model)
