/* Einsum of one or two operands: what only one of them has and the result lacks is summed first,
 * then both become stacks of matrices, [batch, left, common] by [batch, common, right]. */
#include "models/onnx/ops.h"

#define MAX_LABELS (2 * LN_MAX_RANK + 2)

typedef struct term {
    int n;
    char label[LN_MAX_RANK + 1];
    ln_tid x;
} term;

static unsigned bits(const term *t) { /* letters as a set */
    unsigned set = 0;
    for (int i = 0; i < t->n; i++) set |= 1u << t->label[i];
    return set;
}

/* One comma-separated part. "..." stands for `dots` labels from 26 down. */
static bool parse(ln_imp *im, const char **p, const char *stop, int dots, term *t) {
    static const int first = 25;
    t->n = 0;
    for (; **p && !strchr(stop, **p); (*p)++) {
        const char c = **p;
        if (c == ' ') continue;
        int many = 1, label = c - 'a';
        if (!strncmp(*p, "...", 3)) {
            many = dots;
            label = first - dots + 1;
            *p += 2;
        } else if (c < 'a' || c > 'z' - dots) { /* the last letters stand for the dots */
            return ln_imp_refuse(im, "'%c' in the equation is not supported", c), false;
        }
        for (int i = 0; i < many; i++) {
            if (t->n == LN_MAX_RANK)
                return ln_imp_refuse(im, "more than %d labels", LN_MAX_RANK), false;
            t->label[t->n++] = (char)(label + i);
        }
    }
    return true;
}

/* Labels of an operand without its "...", and whether it has one. */
static int letters(const char *p, const char *stop, bool *dots) {
    int n = 0;
    *dots = false;
    for (; *p && !strchr(stop, *p); p++) {
        n += *p != ' ' && *p != '.';
        *dots |= *p == '.';
    }
    return n;
}

/* A label twice in one operand picks the diagonal of its dimensions. */
static void diagonal(ln_imp *im, term *t) {
    for (int i = 0; i < t->n; i++)
        for (int k = i + 1; k < t->n; k++) {
            if (t->label[i] != t->label[k]) continue;
            const ln_shape s = *ln_imp_shape(im, t->x);
            if (k != i + 1 || s.dim[i] != s.dim[k]) {
                ln_imp_refuse(im, "a diagonal of dimensions %d and %d is not supported", i, k);
                return;
            }
            ln_shape flat = s; /* every (n+1)-th of n*n */
            flat.dim[i] = s.dim[i] * s.dim[i];
            for (int d = k; d < s.rank - 1; d++) flat.dim[d] = s.dim[d + 1];
            flat.rank--;
            t->x = ln_imp_reshape(im, t->x, &flat);
            ln_attr a = {.slice = ln_slice_all(&flat)};
            a.slice.step[i] = s.dim[i] + 1;
            a.slice.size.dim[i] = s.dim[i];
            t->x = ln_imp_1(im, LN_OP_SLICE, a, t->x);
            memmove(t->label + k, t->label + k + 1, (size_t)(t->n - k - 1));
            t->n--;
        }
}

/* Sums what is in no other place. */
static void sum_alone(ln_imp *im, term *t, unsigned needed) {
    unsigned axes = 0;
    int n = 0;
    for (int i = 0; i < t->n; i++)
        if (!(needed >> t->label[i] & 1u)) axes |= 1u << i;
    if (!axes) return;
    t->x = ln_imp_reduce(im, LN_REDUCE_SUM, t->x, axes, true);
    ln_shape s = *ln_imp_shape(im, t->x), kept = {0};
    for (int i = 0; i < t->n; i++)
        if (!(axes >> i & 1u)) {
            kept.dim[kept.rank++] = s.dim[i];
            t->label[n++] = t->label[i];
        }
    t->n = n;
    kept = ln_shape_graph(&kept);
    t->x = ln_imp_reshape(im, t->x, &kept);
}

static void reorder(ln_imp *im, term *t, const char *label) {
    int perm[LN_MAX_RANK];
    for (int i = 0; i < t->n; i++)
        perm[i] = (int)((const char *)memchr(t->label, label[i], (size_t)t->n) - t->label);
    if (t->n > 1) t->x = ln_imp_permute(im, t->x, perm);
    memcpy(t->label, label, (size_t)t->n);
}

/* Labels of t in the sets in turn; sizes of the three groups. */
static void grouped(ln_imp *im, term *t, const unsigned set[3], const term *order, ln_shape *s) {
    char label[LN_MAX_RANK];
    int n = 0;
    *s = (ln_shape){3, {1, 1, 1}};
    for (int g = 0; g < 3; g++)
        for (int i = 0; i < order->n; i++)
            if (set[g] >> order->label[i] & 1u && n < t->n) label[n++] = order->label[i];
    if (n != t->n) {
        ln_imp_refuse(im, "more than %d labels", LN_MAX_RANK);
        return;
    }
    reorder(im, t, label);
    for (int i = 0; i < t->n; i++)
        for (int g = 0; g < 3; g++)
            if (set[g] >> t->label[i] & 1u) s->dim[g] *= ln_imp_shape(im, t->x)->dim[i];
    t->x = ln_imp_reshape(im, t->x, s);
}

static void product(ln_imp *im, term *a, term *b, const term *out) {
    const unsigned sa = bits(a), sb = bits(b), so = bits(out);
    const unsigned batch = sa & sb & so, common = sa & sb & ~so, left = sa & ~sb, right = sb & ~sa;
    const ln_shape da = *ln_imp_shape(im, a->x), db = *ln_imp_shape(im, b->x);
    term y = {0};
    ln_shape s = {0}, ga, gb;
    for (int i = 0; i < a->n; i++)
        for (int k = 0; k < b->n; k++)
            if (a->label[i] == b->label[k] && da.dim[i] != db.dim[k]) {
                ln_imp_refuse(im, "dimensions %lld and %lld share a label", (long long)da.dim[i],
                              (long long)db.dim[k]);
                return;
            }
    for (int g = 0; g < 3; g++)
        for (int i = 0; i < out->n; i++) {
            const char l = out->label[i];
            if (!((g == 0 ? batch : g == 1 ? left : right) >> l & 1u)) continue;
            const char *in_a = memchr(a->label, l, (size_t)a->n);
            const char *in_b = memchr(b->label, l, (size_t)b->n);
            s.dim[s.rank++] = in_a ? da.dim[in_a - a->label] : db.dim[in_b - b->label];
            y.label[y.n++] = l;
        }
    term order_a = *out, order_b = *out; /* the result's order, then what is summed in a's */
    for (int i = 0; i < a->n && order_a.n < LN_MAX_RANK; i++)
        if (common >> a->label[i] & 1u)
            order_a.label[order_a.n++] = order_b.label[order_b.n++] = a->label[i];
    grouped(im, a, (const unsigned[]){batch, left, common}, &order_a, &ga);
    grouped(im, b, (const unsigned[]){batch, common, right}, &order_b, &gb);
    y.x = ln_imp_product(im, a->x, b->x, false, false);
    const ln_shape g = ln_shape_graph(&s);
    y.x = ln_imp_reshape(im, y.x, &g);
    *a = y;
}

/* Without "->": every label that comes once, by the alphabet, after the dots. */
static void implied(const term *a, const term *b, int dots, term *out) {
    int count[32] = {0};
    for (int i = 0; i < a->n; i++) count[(int)a->label[i]]++;
    for (int i = 0; i < b->n; i++) count[(int)b->label[i]]++;
    out->n = 0;
    for (int i = 26 - dots; i < 26; i++) out->label[out->n++] = (char)i;
    for (int i = 0; i < 26 - dots && out->n < LN_MAX_RANK; i++)
        if (count[i] == 1) out->label[out->n++] = (char)i;
}

static void evaluate(ln_imp *im, const char *eq, const char *arrow, int dots) {
    term t[2] = {0}, out = {0};
    const char *p = eq;
    const int n = im->node->n_in;
    const unsigned none = 0;
    for (int i = 0; i < n; i++, p += *p == ',') {
        const ln_val *v = ln_imp_in(im, i);
        if (!parse(im, &p, ",-", dots, &t[i])) return;
        if (t[i].n != v->shape.rank) {
            ln_imp_refuse(im, "operand %d has rank %d, the equation %d labels", i, v->shape.rank,
                          t[i].n);
            return;
        }
        t[i].x = ln_imp_to_f32(im, ln_imp_get(im, v, LN_PLAIN));
    }
    p = arrow ? arrow + 2 : "";
    if (!parse(im, &p, "", dots, &out)) return;
    if (!arrow) implied(&t[0], &t[1], dots, &out);
    for (int i = 0; i < n; i++) diagonal(im, &t[i]);
    const unsigned so = bits(&out), sa = bits(&t[0]), sb = n > 1 ? bits(&t[1]) : none;
    if (so & ~(sa | sb)) ln_imp_refuse(im, "the result has a label that no operand has");
    sum_alone(im, &t[0], so | sb);
    if (n > 1) sum_alone(im, &t[1], so | sa);
    if (n > 1 && ln_imp_ok(im)) product(im, &t[0], &t[1], &out);
    if (!ln_imp_ok(im)) return;
    if (t[0].n != out.n || bits(&t[0]) != so) {
        ln_imp_refuse(im, "the equation is not supported");
        return;
    }
    reorder(im, &t[0], out.label);
    const ln_shape s = out.n ? *ln_imp_shape(im, t[0].x) : (ln_shape){0};
    ln_imp_out_as(im, 0, t[0].x, LN_PLAIN, 0, &s);
}

void ln_imp_op_einsum(ln_imp *im, const ln_imp_op *op) {
    const char *eq = ln_imp_string(im, "equation", ""), *arrow = strstr(eq, "->"), *p = eq;
    int dots = 0, n = 1;
    (void)op;
    for (int i = 0; eq[i] && eq + i != arrow; i++) n += eq[i] == ',';
    if (n != im->node->n_in || n > 2) {
        ln_imp_refuse(im, "equation %s: one or two operands are supported", eq);
        return;
    }
    for (int i = 0; i < n; i++) {
        bool has;
        if (!ln_imp_in(im, i)) {
            ln_imp_refuse(im, "input %d is missing", i);
            return;
        }
        const int rank = ln_imp_in(im, i)->shape.rank, own = letters(p, ",-", &has);
        if (has) dots = LN_MAX(dots, rank - own);
        p += strcspn(p, ",");
        p += *p == ',';
    }
    if (dots < 0 || dots > LN_MAX_RANK)
        ln_imp_refuse(im, "equation %s does not fit the operands", eq);
    if (ln_imp_ok(im)) evaluate(im, eq, arrow, dots);
}
