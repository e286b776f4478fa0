#include "models/import/bind.h"
#include "models/import/import.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

static bool is_picture(const ln_net_port *p) {
    return p->rank == 4 && (p->quantized || ln_type_is_float(p->type));
}

const ln_net_port *ln_net_picture(const ln_net *m) {
    for (int i = 0; i < m->n_input; i++)
        if (is_picture(&m->input[i])) return &m->input[i];
    return NULL;
}

static bool is_colours(const ln_net_dim *d) {
    return d->value == 1 || d->value == 3 || d->value == 4;
}

bool ln_net_is_nhwc(const ln_net_port *p, ln_layout layout) {
    if (!is_picture(p)) return false;
    if (layout != LN_LAYOUT_AUTO) return layout == LN_LAYOUT_NHWC;
    return is_colours(&p->dim[3]) && !is_colours(&p->dim[1]);
}

/* ---- "NAME=1x3x224x224" ---- */
/* The text behind "name="; NULL when nothing is said of it. Names may hold a '='. */
static const char *find(const char *const *list, size_t n, const char *name, bool only) {
    while (n-- > 0) {
        const char *s = list[n], *eq = strrchr(s, '=');
        if (!eq && only) return s;
        if (eq && strlen(name) == (size_t)(eq - s) && !memcmp(s, name, (size_t)(eq - s)))
            return eq + 1;
    }
    return NULL;
}

static const char *said_of(const ln_net_given *g, const char *name, bool only) {
    return find(g->shape, g->n_shape, name, only);
}

static bool parse_dims(const char *s, ln_shape *out) {
    *out = (ln_shape){0};
    for (;; s++) {
        char *end;
        const long long v = strtoll(s, &end, 10);
        if (*s < '0' || *s > '9' || v < 1 || v > INT_MAX || out->rank == LN_MAX_RANK) return false;
        out->dim[out->rank++] = v;
        s = end;
        if (!*s) return true;
        if (*s != 'x' && *s != ',') return false;
    }
}

static int64_t symbol_value(const ln_net_given *g, const char *symbol) {
    ln_shape s;
    const char *said = *symbol ? said_of(g, symbol, false) : NULL;
    return said && parse_dims(said, &s) && s.rank == 1 ? s.dim[0] : 0;
}

static bool is_symbol(const ln_net *m, const char *name, size_t len) {
    for (int i = 0; i < m->n_input; i++)
        for (int k = 0; k < m->input[i].rank; k++) {
            const char *s = m->input[i].dim[k].symbol;
            if (strlen(s) == len && !memcmp(s, name, len)) return true;
        }
    return false;
}

static linnet_status list_names(const ln_net *m, const char *given, linnet_error *err) {
    ln_str s = {0};
    for (int i = 0; i < m->n_input && s.len < 600; i++) {
        const ln_net_port *p = &m->input[i];
        ln_str_add(&s, "%s%.100s (", i ? ", " : "", p->name);
        for (int k = 0; k < p->rank; k++) {
            if (k) ln_str_add(&s, "x");
            if (p->dim[k].value)
                ln_str_add(&s, "%lld", (long long)p->dim[k].value);
            else
                ln_str_add(&s, "%.40s", *p->dim[k].symbol ? p->dim[k].symbol : "?");
        }
        ln_str_add(&s, p->rank < 0 ? "any shape)" : ")");
    }
    ln_fail(err, LINNET_ERR_INVALID_ARGUMENT,
            "shape %.100s: give NAME=1x3x224x224 for an input or SYMBOL=4 for a dimension; inputs: "
            "%s",
            given, s.p ? s.p : "none");
    ln_str_free(&s);
    return LINNET_ERR_INVALID_ARGUMENT;
}

/* Every shape that is given must be of something that is there. */
static linnet_status check_given(const ln_net *m, const ln_net_given *g, linnet_error *err) {
    for (size_t i = 0; i < g->n_shape; i++) {
        const char *s = g->shape[i], *eq = strrchr(s, '=');
        const size_t len = eq ? (size_t)(eq - s) : 0;
        ln_shape shape;
        bool known = !eq && m->n_input == 1;
        for (int k = 0; eq && k < m->n_input && !known; k++)
            known = strlen(m->input[k].name) == len && !memcmp(m->input[k].name, s, len);
        const bool dims = parse_dims(eq ? eq + 1 : s, &shape);
        if (!known && dims && len && shape.rank == 1) known = is_symbol(m, s, len);
        if (!known || !dims) return list_names(m, s, err);
    }
    return LINNET_OK;
}

/* ---- dimensions ---- */
int64_t ln_net_batch(const ln_net *m, const ln_net_given *g) {
    for (int i = 0; i < m->n_input; i++) {
        const ln_net_port *p = &m->input[i];
        const char *said = said_of(g, p->name, m->n_input == 1);
        ln_shape s;
        if (said && parse_dims(said, &s) && s.rank > 1) return s.dim[0];
        if (p->rank > 1)
            return p->dim[0].value ? p->dim[0].value : symbol_value(g, p->dim[0].symbol);
    }
    return 0;
}

typedef struct binder {
    const ln_net *m;
    const ln_net_given *g;
    int64_t batch, own; /* wanted; the file's, 0 for any */
    linnet_error *err;
} binder;

static bool is_batch_symbol(const ln_net *m, const char *symbol) {
    for (int i = 0; *symbol && i < m->n_input; i++)
        if (m->input[i].rank > 0 && !strcmp(m->input[i].dim[0].symbol, symbol)) return true;
    return false;
}

static int64_t hint_of(const binder *b, const ln_net_port *p, int i) {
    const char *said = find(b->g->hint, b->g->n_hint, p->name, b->m->n_input == 1);
    ln_shape s;
    return said && parse_dims(said, &s) && s.rank == p->rank ? s.dim[i] : 0;
}

/* Dimension i of an input of which no shape is given; 0: nobody says. */
static int64_t dim_of(const binder *b, const ln_net_port *p, int i) {
    const ln_net_dim *d = &p->dim[i];
    const int row = ln_net_is_nhwc(p, b->g->layout) ? 1 : 2;
    const int64_t symbol = symbol_value(b->g, d->symbol), hint = hint_of(b, p, i);
    if (!i && p->rank > 1 && b->batch && (!d->value || d->value == b->own)) return b->batch;
    if (is_picture(p) && i == row && b->g->h) return b->g->h;
    if (is_picture(p) && i == row + 1 && b->g->w) return b->g->w;
    if (d->value) return d->value;
    if (symbol || hint) return symbol ? symbol : hint;
    if (!i || is_batch_symbol(b->m, d->symbol)) return b->batch ? b->batch : 1;
    return is_picture(p) && (i == row || i == row + 1) ? b->g->side : 0;
}

static linnet_status bind_given(const binder *b, const ln_net_port *p, const char *said,
                                ln_shape *out) {
    if (!parse_dims(said, out)) return list_names(b->m, said, b->err);
    if (p->rank >= 0 && p->rank != out->rank)
        return ln_fail(b->err, LINNET_ERR_INVALID_ARGUMENT,
                       "shape %.100s: input %.100s of %.200s has %d dimensions", said, p->name,
                       b->m->path, p->rank);
    if (b->batch && out->rank > 1) out->dim[0] = b->batch;
    return LINNET_OK;
}

static linnet_status bind_input(const binder *b, const ln_net_port *p, ln_net_bind *out) {
    const bool only = b->m->n_input == 1;
    const char *said = said_of(b->g, p->name, only);
    if (!said && p->rank < 0) said = find(b->g->hint, b->g->n_hint, p->name, only);
    int64_t count;
    *out = (ln_net_bind){.planar = is_picture(p) && !ln_net_is_nhwc(p, b->g->layout)};
    if (said) {
        LN_TRY(bind_given(b, p, said, &out->shape));
    } else if (p->rank < 0) {
        return ln_fail(b->err, LINNET_ERR_INVALID_ARGUMENT,
                       "%.200s: input %.100s has no shape in the file; give --shape %.100s=1x...",
                       b->m->path, p->name, p->name);
    } else {
        out->shape.rank = p->rank;
        for (int i = 0; i < p->rank; i++) {
            out->shape.dim[i] = dim_of(b, p, i);
            if (!out->shape.dim[i])
                return ln_fail(b->err, LINNET_ERR_INVALID_ARGUMENT,
                               "%.200s: dimension %d of input %.100s is open (%.60s); give --shape "
                               "%.100s=... or --shape %.60s=N",
                               b->m->path, i, p->name, *p->dim[i].symbol ? p->dim[i].symbol : "?",
                               p->name, *p->dim[i].symbol ? p->dim[i].symbol : "NAME");
        }
    }
    if (!out->shape.rank || (ln_shape_count(&out->shape, &count) && count <= INT_MAX))
        return LINNET_OK;
    return ln_fail(b->err, LINNET_ERR_UNSUPPORTED,
                   "%.200s: input %.100s has more than 2^31 elements", b->m->path, p->name);
}

linnet_status ln_net_bind_inputs(const ln_net *m, const ln_net_given *g, ln_net_bind *bind,
                                 linnet_error *err) {
    const binder b = {.m = m, .g = g, .batch = g->batch, .own = ln_net_batch(m, g), .err = err};
    LN_TRY(check_given(m, g, err));
    for (int i = 0; i < m->n_input; i++) LN_TRY(bind_input(&b, &m->input[i], &bind[i]));
    return LINNET_OK;
}

/* ---- ops without a converter ---- */
enum { KINDS = 40 };

linnet_status ln_net_check_ops(const ln_net *m, linnet_error *err) {
    struct {
        const ln_net_node *node;
        int count;
    } kind[KINDS];
    int kinds = 0, nodes = 0;
    for (int i = 0; i < m->n_node; i++) {
        const ln_net_node *n = &m->node[i];
        if (ln_net_op_known(m, n)) continue;
        int k = 0;
        while (k < kinds && (strcmp(kind[k].node->op, n->op) != 0 ||
                             strcmp(kind[k].node->domain, n->domain) != 0))
            k++;
        nodes++;
        if (k == KINDS) continue; /* no message has room for more */
        if (k == kinds) kind[kinds++].node = n, kind[k].count = 0;
        kind[k].count++;
    }
    if (!nodes) return LINNET_OK;
    ln_str s = {0};
    for (int k = 0; k < kinds; k++) {
        ln_str_add(&s, "%s%s%s%s", k ? ", " : "", kind[k].node->domain,
                   *kind[k].node->domain ? "." : "", kind[k].node->op);
        if (m->dialect) ln_str_add(&s, " %d", kind[k].node->version);
        ln_str_add(&s, " x%d", kind[k].count);
    }
    char set[40] = "";
    if (!m->dialect) snprintf(set, sizeof set, " (operator set %d)", m->opset);
    ln_fail(err, LINNET_ERR_UNSUPPORTED,
            "%.200s: %d of its %d nodes are ops that are not supported%s: %s%s", m->path, nodes,
            m->n_node, set, s.p ? s.p : "", kinds == KINDS ? ", ..." : "");
    ln_str_free(&s);
    return LINNET_ERR_UNSUPPORTED;
}
