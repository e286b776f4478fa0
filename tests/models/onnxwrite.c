#include "tests/models/onnxwrite.h"
#include "tests/models/files.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

static void varint(ln_str *s, uint64_t v) {
    for (; v > 0x7F; v >>= 7) ln_str_put(s, (const char[]){(char)(v | 0x80)}, 1);
    ln_str_put(s, (const char[]){(char)v}, 1);
}

static void tag(ln_str *s, int field, int wire) {
    varint(s, (uint64_t)field << 3 | (uint64_t)wire);
}

void pw_int(ln_str *s, int field, int64_t v) {
    tag(s, field, 0);
    varint(s, (uint64_t)v);
}

void pw_float(ln_str *s, int field, float v) {
    tag(s, field, 5);
    ln_str_put(s, (const char *)&v, sizeof v);
}

void pw_bytes(ln_str *s, int field, const void *p, size_t n) {
    tag(s, field, 2);
    varint(s, n);
    ln_str_put(s, p, n);
}

void pw_text(ln_str *s, int field, const char *text) {
    pw_bytes(s, field, text, strlen(text));
}

void pw_message(ln_str *s, int field, ln_str *m) {
    pw_bytes(s, field, m->p ? m->p : "", m->len);
    ln_str_free(m);
}

void pw_packed(ln_str *s, int field, const int64_t *v, size_t n) {
    ln_str m = {0};
    for (size_t i = 0; i < n; i++) varint(&m, (uint64_t)v[i]);
    pw_message(s, field, &m);
}

static void attribute(ln_str *attrs, const char *name, int type, ln_str *a) {
    pw_text(a, 1, name);
    pw_int(a, 20, type);
    pw_message(attrs, 5, a);
}

void ow_attr_int(ln_str *attrs, const char *name, int64_t v) {
    ln_str a = {0};
    pw_int(&a, 3, v);
    attribute(attrs, name, 2, &a);
}

void ow_attr_float(ln_str *attrs, const char *name, float v) {
    ln_str a = {0};
    pw_float(&a, 2, v);
    attribute(attrs, name, 1, &a);
}

void ow_attr_ints(ln_str *attrs, const char *name, const int64_t *v, size_t n) {
    ln_str a = {0};
    pw_packed(&a, 8, v, n);
    attribute(attrs, name, 7, &a);
}

void ow_attr_tensor(ln_str *attrs, const char *name, ln_str *tensor) {
    ln_str a = {0};
    pw_message(&a, 5, tensor);
    attribute(attrs, name, 4, &a);
}

static void names(ln_str *s, int field, const char *list) {
    for (const char *p = list; *p;) {
        const size_t n = strcspn(p, ",");
        pw_bytes(s, field, p, n);
        p += n + (p[n] == ',');
    }
}

void ow_node(ln_str *graph, const char *op, const char *in, const char *out, ln_str *attrs) {
    ln_str n = {0};
    names(&n, 1, in);
    names(&n, 2, out);
    const char *name = strchr(op, '/');
    pw_text(&n, 4, name ? name + 1 : op);
    if (name) pw_bytes(&n, 7, op, (size_t)(name - op));
    if (attrs) {
        ln_str_put(&n, attrs->p, attrs->len);
        ln_str_free(attrs);
    }
    pw_message(graph, 1, &n);
}

static void dim(ln_str *shape, const char *text, size_t n) {
    ln_str d = {0};
    if ((*text >= '0' && *text <= '9') || *text == '-')
        pw_int(&d, 1, strtoll(text, NULL, 10));
    else if (*text != '?')
        pw_bytes(&d, 2, text, n);
    pw_message(shape, 1, &d);
}

void ow_value(ln_str *graph, int field, const char *name, int type, const char *dims) {
    ln_str v = {0}, t = {0}, tensor = {0}, shape = {0};
    pw_int(&tensor, 1, type);
    for (const char *p = dims ? dims : ""; *p;) {
        const size_t n = strcspn(p, ",");
        dim(&shape, p, n);
        p += n + (p[n] == ',');
    }
    if (dims) pw_message(&tensor, 2, &shape);
    pw_message(&t, 1, &tensor);
    pw_text(&v, 1, name);
    pw_message(&v, 2, &t);
    pw_message(graph, field, &v);
}

ln_str ow_tensor(const char *name, int type, const char *dims) {
    ln_str t = {0};
    for (const char *p = dims; *p;) {
        char *end;
        pw_int(&t, 1, strtoll(p, &end, 10));
        p = *end ? end + 1 : end;
    }
    pw_int(&t, 2, type);
    pw_text(&t, 8, name);
    return t;
}

void ow_init(ln_str *graph, ln_str *tensor) {
    pw_message(graph, 5, tensor);
}

void ow_floats(ln_str *graph, const char *name, const char *dims, const float *v, size_t n) {
    ln_str t = ow_tensor(name, 1, dims);
    pw_bytes(&t, 9, v, n * sizeof *v);
    ow_init(graph, &t);
}

void ow_import(ln_str *model, const char *domain, int version) {
    ln_str o = {0};
    pw_text(&o, 1, domain);
    pw_int(&o, 2, version);
    pw_message(model, 8, &o);
}

ln_str ow_model(ln_str *graph, int ir, int opset) {
    ln_str m = {0};
    pw_int(&m, 1, ir);
    pw_text(&m, 2, "test");
    pw_message(&m, 7, graph);
    ow_import(&m, "", opset);
    return m;
}

ln_str ow_sample(void) {
    static const float w[6] = {1, -2, 3, -4, 5, -6};
    ln_str g = {0}, a = {0};
    ow_attr_int(&a, "group", 3);
    ow_node(&g, "Foo", "x,w", "y", &a);
    ow_floats(&g, "w", "2,3", w, 6);
    ow_value(&g, 11, "x", 1, "N,3,8,8");
    ow_value(&g, 12, "y", 1, "N,?");
    return g;
}

linnet_status ow_open(ln_str *m, ln_net **out, linnet_error *err) {
    const linnet_status st = ln_onnx_open(file_of("m.onnx", m->p, m->len), out, err);
    ln_str_free(m);
    ck_assert_int_eq(*out == NULL, st != LINNET_OK);
    return st;
}

const ln_net_value *ow_find(const ln_net *m, const char *name) {
    for (int i = 0; i < m->n_value; i++)
        if (!strcmp(m->value[i].name, name)) return &m->value[i];
    ck_abort_msg("no value %s", name);
    return NULL;
}
