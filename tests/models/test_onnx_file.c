/* The reader of ONNX files: what is in them comes out, and files that lie are refused. */
#include "models/onnx/onnx.h"
#include "tests/models/onnxwrite.h"

#include "tests/check_main.h"

#include <string.h>

static linnet_error err;

START_TEST(what_is_there) {
    ln_str g = ow_sample(), m = ow_model(&g, 8, 17), prop = {0};
    ln_net *o;
    pw_text(&prop, 1, "names");
    pw_text(&prop, 2, "a\nb");
    pw_message(&m, 14, &prop);
    ck_assert_int_eq(ow_open(&m, &o, &err), LINNET_OK);
    ck_assert_int_eq(o->ir_version, 8);
    ck_assert_int_eq(o->opset, 17);
    ck_assert_str_eq(o->producer, "test");
    ck_assert_str_eq(ln_net_find_meta(o, "names"), "a\nb");
    ck_assert_ptr_null(ln_net_find_meta(o, "labels"));
    ck_assert_int_eq(o->n_input, 1);
    ck_assert_int_eq(o->input[0].rank, 4);
    ck_assert_int_eq(o->input[0].dim[0].value, 0);
    ck_assert_str_eq(o->input[0].dim[0].symbol, "N");
    ck_assert_int_eq(o->input[0].dim[1].value, 3);
    ck_assert_int_eq(o->output[0].rank, 2);
    ck_assert_int_eq(o->n_node, 1);
    const ln_net_node *n = o->node;
    ck_assert_str_eq(n->op, "Foo");
    ck_assert_str_eq(n->name, "y"); /* it has none of its own */
    ck_assert_int_eq(n->version, 17);
    ck_assert_int_eq(n->n_in, 2);
    ck_assert_int_eq(o->value[n->in[0]].input, 0);
    ck_assert_int_eq(o->value[n->out[0]].node, 0);
    ck_assert_int_eq(ln_net_find_attr(n, "group")->i, 3);
    ck_assert_ptr_null(ln_net_find_attr(n, "axis"));
    const ln_net_tensor *w = o->value[n->in[1]].init;
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
            ln_str g = ow_sample(), t = ow_tensor("t", rows[i].type, "2");
            const int64_t pair[] = {-1, 7};
            ln_net *o;
            if (packed) {
                pw_packed(&t, rows[i].field, pair, 2);
            } else {
                pw_int(&t, rows[i].field, pair[0]);
                pw_int(&t, rows[i].field, pair[1]);
            }
            ow_init(&g, &t);
            ln_str m = ow_model(&g, 8, 17);
            ck_assert_int_eq(ow_open(&m, &o, &err), LINNET_OK);
            const ln_net_tensor *x = ow_find(o, "t")->init;
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
    ln_str g = ow_sample(), f = ow_tensor("f", LN_ONNX_FLOAT, "2"), d = ow_tensor("d", 11, "1");
    const double pi = 3.14159265358979;
    ln_net *o;
    pw_float(&f, 4, 1.5f);
    pw_float(&f, 4, -2.0f);
    pw_bytes(&d, 10, &pi, sizeof pi);
    ow_init(&g, &f);
    ow_init(&g, &d);
    ln_str m = ow_model(&g, 8, 17);
    ck_assert_int_eq(ow_open(&m, &o, &err), LINNET_OK);
    float v[2];
    double w;
    memcpy(v, ow_find(o, "f")->init->data, sizeof v);
    memcpy(&w, ow_find(o, "d")->init->data, sizeof w);
    ck_assert_float_eq(v[1], -2);
    ck_assert_double_eq(w, pi);
    ln_onnx_close(&o);
}
END_TEST

/* Scalars, empty tensors, and types that nobody can read, which are left to those who would. */
START_TEST(odd_tensors) {
    ln_str g = ow_sample(), a = ow_tensor("scalar", LN_ONNX_INT64, ""),
           b = ow_tensor("empty", LN_ONNX_FLOAT, "0,3"), c = ow_tensor("text", LN_ONNX_STRING, "1"),
           d = ow_tensor("eight", 17, "4");
    ln_net *o;
    pw_int(&a, 7, -5);
    pw_bytes(&c, 6, "word", 4);
    pw_bytes(&d, 9, "1234", 4);
    ow_init(&g, &a), ow_init(&g, &b), ow_init(&g, &c), ow_init(&g, &d);
    ln_str m = ow_model(&g, 8, 17);
    ck_assert_int_eq(ow_open(&m, &o, &err), LINNET_OK);
    const ln_net_tensor *scalar = ow_find(o, "scalar")->init;
    int64_t v;
    ck_assert_int_eq(scalar->shape.rank, 0);
    ck_assert_int_eq(scalar->count, 1);
    memcpy(&v, scalar->data, sizeof v);
    ck_assert_int_eq(v, -5);
    ck_assert_int_eq(ow_find(o, "empty")->init->count, 0);
    ck_assert_ptr_null(ow_find(o, "empty")->init->data);
    ck_assert_ptr_null(ow_find(o, "text")->init->data);
    ck_assert_ptr_null(ow_find(o, "eight")->init->data);
    ck_assert_str_eq(ln_onnx_type_name(17), "unknown");
    ln_onnx_close(&o);
}
END_TEST

/* Attributes of every kind, with and without a type, and one with a subgraph. */
START_TEST(attributes) {
    ln_str g = ow_sample(), n = {0}, a = {0}, t = ow_tensor("", LN_ONNX_FLOAT, "1"), sub = {0};
    const int64_t ints[] = {1, -1, INT64_MAX};
    const float half = 0.5f;
    ln_net *o;
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
    ck_assert_int_eq(ow_open(&m, &o, &err), LINNET_OK);
    const ln_net_node *bar = &o->node[1];
    ck_assert_int_eq(bar->in[1], LN_NONE);
    const ln_net_attr *x = ln_net_find_attr(bar, "value");
    ck_assert_int_eq(x->type, LN_ONNX_ATTR_TENSOR);
    ck_assert_int_eq(memcmp(x->t.data, &half, 4), 0);
    x = ln_net_find_attr(bar, "pads");
    ck_assert_uint_eq(x->n, 3);
    ck_assert_int_eq(x->ints[2], INT64_MAX);
    x = ln_net_find_attr(bar, "mode");
    ck_assert_int_eq(x->type, LN_ONNX_ATTR_STRING);
    ck_assert_uint_eq(x->s.len, 3);
    ck_assert_int_eq(x->s.p[3], 0);
    ck_assert_float_eq(ln_net_find_attr(bar, "alpha")->f, 0.25f);
    ck_assert_int_eq(ln_net_find_attr(bar, "axis")->i, -1);
    ck_assert_float_eq(ln_net_find_attr(bar, "scales")->floats[1], 3);
    ck_assert_str_eq(ln_net_find_attr(bar, "words")->strings[1].p, "q");
    ck_assert_int_eq(ln_net_find_attr(bar, "body")->type, LN_ONNX_ATTR_OTHER);
    ln_onnx_close(&o);
}
END_TEST

/* An initialiser that is listed as an input, as IR 3 wants, is no input. */
START_TEST(initialisers_among_the_inputs) {
    ln_str g = ow_sample();
    ln_net *o;
    ow_value(&g, 11, "w", LN_ONNX_FLOAT, "2,3");
    ln_str m = ow_model(&g, 3, 8);
    ck_assert_int_eq(ow_open(&m, &o, &err), LINNET_OK);
    ck_assert_int_eq(o->n_input, 1);
    ck_assert_int_eq(ow_find(o, "w")->input, -1);
    ln_onnx_close(&o);
}
END_TEST

START_TEST(nodes_in_any_order) {
    ln_str g = {0};
    ln_net *o;
    ow_node(&g, "C", "b,a", "y", NULL);
    ow_node(&g, "B", "a", "b", NULL);
    ow_node(&g, "A", "x", "a", NULL);
    ow_value(&g, 11, "x", LN_ONNX_FLOAT, "1");
    ow_value(&g, 12, "y", LN_ONNX_FLOAT, NULL);
    ln_str m = ow_model(&g, 8, 17);
    ck_assert_int_eq(ow_open(&m, &o, &err), LINNET_OK);
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(o->node[i].op[0], 'A' + i);
        ck_assert_int_eq(o->value[o->node[i].out[0]].node, i);
    }
    ck_assert_int_eq(o->output[0].rank, -1);
    ln_onnx_close(&o);
}
END_TEST

CHECK_MAIN("onnx file", what_is_there, typed_data_of_every_type, typed_floats, odd_tensors,
           attributes, initialisers_among_the_inputs, nodes_in_any_order)
