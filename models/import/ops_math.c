/* Element by element. What has constants alone for operands is computed at import. */
#include "models/import/ops.h"

#include <limits.h>

bool ln_imp_is_f32(const ln_imp *im, ln_tid x) {
    return x == LN_NONE || im->g->tensor[x].dtype == LN_F32;
}

ln_tid ln_imp_map(ln_imp *im, ln_map_kind kind, const ln_tid *in, int n) {
    const ln_attr a = {.map = {.kind = kind}};
    return ln_imp_node(im, LN_OP_MAP, &a, in, n);
}

ln_tid ln_imp_map1(ln_imp *im, ln_map_kind kind, ln_tid x) {
    return ln_imp_map(im, kind, &x, 1);
}

ln_tid ln_imp_map2(ln_imp *im, ln_map_kind kind, ln_tid x, ln_tid y) {
    return ln_imp_map(im, kind, (const ln_tid[]){x, y}, 2);
}

ln_tid ln_imp_to_f32(ln_imp *im, ln_tid x) {
    return ln_imp_is_f32(im, x) ? x : ln_imp_map1(im, LN_MAP_TO_F32, x);
}

ln_tid ln_imp_to_i32(ln_imp *im, ln_tid x) {
    return ln_imp_is_f32(im, x) ? ln_imp_map1(im, LN_MAP_TO_I32, x) : x;
}

static void *scalar(ln_imp *im, size_t size) {
    void *p = ln_imp_ok(im) ? ln_pool_alloc(&im->g->pool, 1, size) : NULL;
    if (!p && ln_imp_ok(im)) im->status = ln_fail_oom(im->err, "a constant", size);
    return p;
}

ln_tid ln_imp_scalar(ln_imp *im, float v) {
    const ln_shape s = {1, {1}};
    float *p = scalar(im, sizeof *p);
    if (!p) return LN_NONE;
    *p = v;
    return ln_imp_const_f32(im, im->node->name, &s, p);
}

ln_tid ln_imp_scalar_i(ln_imp *im, int32_t v) {
    const ln_shape s = {1, {1}};
    int32_t *p = scalar(im, sizeof *p);
    if (!p) return LN_NONE;
    *p = v;
    return ln_imp_const_i32(im, im->node->name, &s, p);
}

/* ---- layouts ---- */
/* A value of fewer dimensions stretched to `rank` and laid out LAST. */
static ln_tid stretched(ln_imp *im, const ln_val *v, int rank) {
    int64_t n = 0, stride[LN_MAX_RANK], dense[LN_MAX_RANK];
    ln_val wide = *v;
    wide.shape = (ln_shape){.rank = rank};
    for (int i = 0; i < rank; i++) {
        const int k = i - rank + v->shape.rank;
        wide.shape.dim[i] = k < 0 ? 1 : v->shape.dim[k];
    }
    const ln_shape last = ln_shape_to_last(&wide.shape);
    if (ln_count(&v->shape, &n) && n == 1) return ln_imp_get(im, v, LN_PLAIN); /* anywhere */
    if (!v->host) {
        const ln_tid t = ln_imp_reshape(im, ln_imp_get(im, v, LN_PLAIN), &wide.shape);
        wide.tid[LN_PLAIN] = t;
        wide.tid[LN_LAST] = LN_NONE;
        return ln_imp_get(im, &wide, LN_LAST);
    }
    ln_shape_strides(&wide.shape, dense);
    stride[0] = dense[0];
    for (int i = 1; i < rank - 1; i++) stride[i] = dense[i + 1];
    stride[rank - 1] = dense[1];
    /* one value a channel: a vector is what adds and products fuse with */
    int64_t c = last.dim[rank - 1];
    const ln_shape vec = {1, {c}};
    if (n == c) return ln_imp_const_view(im, v->name, v->host, &vec, stride + rank - 1, v->param);
    return ln_imp_const_view(im, v->name, v->host, &last, stride, v->param);
}

ln_imp_layout ln_imp_align(ln_imp *im, const ln_val *const *v, int n, ln_tid *out) {
    int rank = 0;
    bool last = false;
    int64_t count;
    for (int i = 0; i < n; i++) rank = LN_MAX(rank, v[i]->shape.rank);
    for (int i = 0; i < n; i++)
        last |= v[i]->shape.rank == rank && ln_val_is_last(v[i]) &&
                (n == 1 || !ln_count(&v[i]->shape, &count) || count > 1);
    for (int i = 0; i < n; i++) {
        if (!last)
            out[i] = ln_imp_get(im, v[i], LN_PLAIN);
        else if (v[i]->shape.rank == rank && !v[i]->host)
            out[i] = ln_imp_get(im, v[i], LN_LAST);
        else
            out[i] = stretched(im, v[i], rank);
    }
    return last ? LN_LAST : LN_PLAIN;
}

/* ---- what each computes ---- */
enum { SAME, TRUTH }; /* type of the result: the first operand's, or bool */
typedef enum how {
    PLAIN,   /* kind(a, b) */
    SWAPPED, /* kind(b, a) */
    NOT,     /* kind(a, 0), integers */
    ONE_OVER /* kind(1, a) */
} how;
typedef struct math_row {
    ln_map_kind kind;
    how how;
    int result;
    ln_fold fold; /* f NULL: not computed at import */
} math_row;

#define D(name, expr)                                                                              \
    static double d_##name(double a, double b) {                                                   \
        (void)a, (void)b;                                                                          \
        return (double)(expr);                                                                     \
    }
#define I(name, expr)                                                                              \
    static int64_t i_##name(int64_t a, int64_t b) {                                                \
        (void)a, (void)b;                                                                          \
        return (int64_t)(expr);                                                                    \
    }
/* clang-format off */
D(add, a + b) D(sub, a - b) D(mul, a * b) D(div, a / b) D(mod, a - floor(a / b) * b)
D(pow, pow(a, b)) D(min, isnan(a) || a < b ? a : b) D(max, isnan(a) || a > b ? a : b)
D(equal, a == b) D(greater, a > b) D(less, a < b) D(greater_equal, a >= b) D(less_equal, a <= b)
D(and, a != 0 && b != 0) D(or, a != 0 || b != 0) D(xor, (a != 0) != (b != 0)) D(not, a == 0)
D(neg, -a) D(abs, fabs(a)) D(sqrt, sqrt(a)) D(exp, exp(a)) D(log, log(a)) D(erf, erf(a))
D(floor, floor(a)) D(ceil, ceil(a)) D(round, nearbyint(a)) D(reciprocal, 1.0 / a)
D(not_equal, a != b) D(rsqrt, 1.0 / sqrt(a)) D(squared, (a - b) * (a - b)) D(sin, sin(a))
D(cos, cos(a)) D(floor_div, floor(a / b))
D(sign, (a > 0) - (a < 0)) D(softplus, fmax(a, 0) + log1p(exp(-fabs(a))))
I(add, (uint64_t)a + (uint64_t)b) I(sub, (uint64_t)a - (uint64_t)b)
I(mul, (uint64_t)a * (uint64_t)b) I(neg, 0 - (uint64_t)a)
I(abs, a < 0 ? 0 - (uint64_t)a : (uint64_t)a)
I(div, b == -1 ? 0 - (uint64_t)a : (uint64_t)(a / b))
I(mod, b == -1 ? 0 : a % b && (a % b < 0) != (b < 0) ? a % b + b : a % b)
I(min, a < b ? a : b) I(max, a > b ? a : b) I(equal, a == b) I(greater, a > b) I(less, a < b)
I(not_equal, a != b) I(squared, ((uint64_t)a - (uint64_t)b) * ((uint64_t)a - (uint64_t)b))
I(greater_equal, a >= b) I(less_equal, a <= b) I(sign, (a > 0) - (a < 0))
/* clang-format on */
#undef D
#undef I

    /* clang-format off */
static const math_row rows[] = {
    [LN_MATH_ADD]           = {LN_MAP_ADD, PLAIN, SAME, {d_add, i_add, false}},
    [LN_MATH_SUB]           = {LN_MAP_SUB, PLAIN, SAME, {d_sub, i_sub, false}},
    [LN_MATH_MUL]           = {LN_MAP_MUL, PLAIN, SAME, {d_mul, i_mul, false}},
    [LN_MATH_DIV]           = {LN_MAP_DIV, PLAIN, SAME, {d_div, i_div, true}},
    [LN_MATH_MOD]           = {LN_MAP_MOD, PLAIN, SAME, {d_mod, i_mod, true}},
    [LN_MATH_POW]           = {LN_MAP_POW, PLAIN, SAME, {d_pow, NULL, false}},
    [LN_MATH_MIN]           = {LN_MAP_MIN, PLAIN, SAME, {d_min, i_min, false}},
    [LN_MATH_MAX]           = {LN_MAP_MAX, PLAIN, SAME, {d_max, i_max, false}},
    [LN_MATH_EQUAL]         = {LN_MAP_EQUAL, PLAIN, TRUTH, {d_equal, i_equal, false}},
    [LN_MATH_GREATER]       = {LN_MAP_LESS, SWAPPED, TRUTH, {d_greater, i_greater, false}},
    [LN_MATH_LESS]          = {LN_MAP_LESS, PLAIN, TRUTH, {d_less, i_less, false}},
    [LN_MATH_GREATER_EQUAL] = {LN_MAP_LESS_EQUAL, SWAPPED, TRUTH, {d_greater_equal, i_greater_equal, false}},
    [LN_MATH_LESS_EQUAL]    = {LN_MAP_LESS_EQUAL, PLAIN, TRUTH, {d_less_equal, i_less_equal, false}},
    [LN_MATH_AND]           = {LN_MAP_MIN, PLAIN, TRUTH, {d_and, NULL, false}},
    [LN_MATH_OR]            = {LN_MAP_MAX, PLAIN, TRUTH, {d_or, NULL, false}},
    [LN_MATH_XOR]           = {LN_MAP_NOT_EQUAL, PLAIN, TRUTH, {d_xor, NULL, false}},
    [LN_MATH_NOT]           = {LN_MAP_EQUAL, NOT, TRUTH, {d_not, NULL, false}},
    [LN_MATH_NEG]           = {LN_MAP_NEG, PLAIN, SAME, {d_neg, i_neg, false}},
    [LN_MATH_ABS]           = {LN_MAP_ABS, PLAIN, SAME, {d_abs, i_abs, false}},
    [LN_MATH_SIGN]          = {LN_MAP_SIGN, PLAIN, SAME, {d_sign, i_sign, false}},
    [LN_MATH_SQRT]          = {LN_MAP_SQRT, PLAIN, SAME, {d_sqrt, NULL, false}},
    [LN_MATH_EXP]           = {LN_MAP_EXP, PLAIN, SAME, {d_exp, NULL, false}},
    [LN_MATH_LOG]           = {LN_MAP_LOG, PLAIN, SAME, {d_log, NULL, false}},
    [LN_MATH_ERF]           = {LN_MAP_ERF, PLAIN, SAME, {d_erf, NULL, false}},
    [LN_MATH_FLOOR]         = {LN_MAP_FLOOR, PLAIN, SAME, {d_floor, NULL, false}},
    [LN_MATH_CEIL]          = {LN_MAP_CEIL, PLAIN, SAME, {d_ceil, NULL, false}},
    [LN_MATH_ROUND]         = {LN_MAP_ROUND, PLAIN, SAME, {d_round, NULL, false}},
    [LN_MATH_RECIPROCAL]    = {LN_MAP_DIV, ONE_OVER, SAME, {d_reciprocal, NULL, false}},
    [LN_MATH_SOFTPLUS]      = {LN_MAP_SOFTPLUS, PLAIN, SAME, {d_softplus, NULL, false}},
    [LN_MATH_NOT_EQUAL]     = {LN_MAP_NOT_EQUAL, PLAIN, TRUTH, {d_not_equal, i_not_equal, false}},
    [LN_MATH_FLOOR_DIV]     = {LN_MAP_FLOOR_DIV, PLAIN, SAME, {d_floor_div, NULL, true}},
    [LN_MATH_SQUARED_DIFFERENCE] = {LN_MAP_SQUARED_DIFFERENCE, PLAIN, SAME, {d_squared, i_squared, false}},
    [LN_MATH_RSQRT]         = {LN_MAP_RSQRT, PLAIN, SAME, {d_rsqrt, NULL, false}},
    [LN_MATH_SIN]           = {LN_MAP_SIN, PLAIN, SAME, {d_sin, NULL, false}},
    [LN_MATH_COS]           = {LN_MAP_COS, PLAIN, SAME, {d_cos, NULL, false}},
    [LN_MATH_ELU]           = {LN_MAP_ELU, PLAIN, SAME, {NULL, NULL, false}},
};
/* clang-format on */

const ln_fold *ln_math_fold(ln_math m) {
    return &rows[m].fold;
}

static int result_type(const math_row *r, const ln_val *v) {
    return r->result == TRUTH ? LN_ONNX_BOOL : v->type;
}

/* ---- unary ---- */
void ln_imp_op_unary(ln_imp *im, const ln_imp_op *op) {
    const math_row *r = &rows[op->arg];
    const ln_val *v = ln_imp_in(im, 0);
    if (v->host && r->fold.f) {
        ln_imp_out_host(im, 0, ln_host_map(im, &r->fold, result_type(r, v), v->host, NULL));
        return;
    }
    const ln_imp_layout l = ln_val_is_last(v) ? LN_LAST : LN_PLAIN;
    ln_attr a = {.map = {.kind = r->kind}};
    if (r->kind == LN_MAP_ELU) a.map.alpha = ln_imp_float(im, "alpha", 1.0f);
    ln_tid x = ln_imp_get(im, v, l);
    if (r->how == NOT)
        x = ln_imp_map2(im, r->kind, x, ln_imp_scalar_i(im, 0));
    else if (r->how == ONE_OVER)
        x = ln_imp_map2(im, r->kind, ln_imp_scalar(im, 1.0f), x);
    else
        x = ln_imp_1(im, LN_OP_MAP, a, x);
    ln_imp_out_as(im, 0, x, l, result_type(r, v), &v->shape);
}

/* ---- binary ---- */
/* Before operator set 7 the second operand's first dimension lies at `axis` of the first's. */
static void old_broadcast(ln_imp *im, const ln_val *x, ln_val *y) {
    const int behind = x->shape.rank - y->shape.rank; /* where it lies in numpy's way */
    const int64_t axis = ln_imp_int(im, "axis", behind);
    if (!ln_imp_int(im, "broadcast", 0) || !y->shape.rank || !ln_imp_ok(im)) return;
    if (axis < 0 || axis > behind) {
        ln_imp_refuse(im, "axis %lld does not place the second operand", (long long)axis);
        return;
    }
    if (axis == behind) return;
    ln_shape s = {.rank = x->shape.rank - (int)axis};
    for (int i = 0; i < s.rank; i++) s.dim[i] = i < y->shape.rank ? y->shape.dim[i] : 1;
    const ln_tid t = y->host ? LN_NONE : ln_imp_reshape(im, ln_imp_get(im, y, LN_PLAIN), &s);
    if (y->host) y->host = ln_host_reshape(im, y->host, &s);
    y->tid[LN_PLAIN] = t;
    y->tid[LN_LAST] = LN_NONE;
    y->shape = s;
}

static bool is_const(const ln_imp *im, ln_tid t) {
    return im->g->tensor[t].kind == LN_TENSOR_CONST;
}

/* Whether y goes with x in the ops that convolutions fuse: the same shape, a gate, or a constant
 * for each channel. */
static bool goes_with(const ln_imp *im, ln_tid x, ln_tid y) {
    const ln_shape *a = ln_imp_shape(im, x), *b = ln_imp_shape(im, y);
    if (!ln_imp_is_f32(im, x) || !ln_imp_is_f32(im, y) || is_const(im, x)) return false;
    if (is_const(im, y)) return b->rank == 1 && b->dim[0] > 1 && b->dim[0] == a->dim[a->rank - 1];
    if (ln_shape_equal(a, b)) return true;
    return a->rank == 4 && b->rank == 4 && b->dim[0] == a->dim[0] && b->dim[1] == 1 &&
           b->dim[2] == 1 && b->dim[3] == a->dim[3];
}

static ln_tid combine(ln_imp *im, const math_row *r, const ln_tid *in) {
    const ln_map_kind kind = r->kind;
    const ln_op op = kind == LN_MAP_ADD ? LN_OP_ADD : LN_OP_MUL;
    const ln_tid swapped[2] = {in[1], in[0]};
    if (!ln_imp_ok(im)) return LN_NONE;
    if (r->how == SWAPPED) return ln_imp_map(im, kind, swapped, 2);
    if (kind == LN_MAP_ADD || kind == LN_MAP_MUL) {
        if (goes_with(im, in[0], in[1])) return ln_imp_node(im, op, NULL, in, 2);
        if (goes_with(im, in[1], in[0])) return ln_imp_node(im, op, NULL, swapped, 2);
    }
    return ln_imp_map(im, kind, in, 2);
}

/* Integers of fewer than 32 bits wrap. */
static ln_tid wrapped(ln_imp *im, ln_tid x, int type) {
    int64_t lo, hi;
    ln_type_range(type, &lo, &hi);
    if (ln_type_is_float(type) || type == LN_ONNX_BOOL || hi > UINT16_MAX) return x;
    const ln_tid range = ln_imp_scalar_i(im, (int32_t)(hi - lo + 1));
    if (lo) x = ln_imp_map2(im, LN_MAP_SUB, x, ln_imp_scalar_i(im, (int32_t)lo));
    x = ln_imp_map2(im, LN_MAP_MOD, x, range);
    return lo ? ln_imp_map2(im, LN_MAP_ADD, x, ln_imp_scalar_i(im, (int32_t)lo)) : x;
}

/* Powers are computed on floats. */
static ln_tid power(ln_imp *im, const ln_tid *in, int type) {
    const ln_tid f[2] = {ln_imp_to_f32(im, in[0]), ln_imp_to_f32(im, in[1])};
    const bool whole = !ln_imp_is_f32(im, in[0]) && !ln_imp_is_f32(im, in[1]);
    ln_tid y = ln_imp_map(im, LN_MAP_POW, f, 2);
    if (ln_type_is_float(type)) return y;
    return ln_imp_to_i32(im, whole ? ln_imp_map1(im, LN_MAP_ROUND, y) : y);
}

static void two(ln_imp *im, const math_row *r, const ln_val *const *v, int slot) {
    ln_tid in[2];
    ln_shape s;
    char a[96], b[96];
    if (!ln_imp_ok(im)) return;
    if (!ln_broadcast(&v[0]->shape, &v[1]->shape, &s)) {
        ln_imp_refuse(im, "%s does not go with %s", ln_shape_text(&v[0]->shape, a),
                      ln_shape_text(&v[1]->shape, b));
        return;
    }
    const ln_imp_layout l = ln_imp_align(im, v, 2, in);
    const bool wraps = r->kind == LN_MAP_ADD || r->kind == LN_MAP_SUB || r->kind == LN_MAP_MUL;
    ln_tid y = r->kind == LN_MAP_POW ? power(im, in, v[0]->type) : combine(im, r, in);
    if (wraps) y = wrapped(im, y, v[0]->type);
    ln_imp_out_as(im, slot, y, l, result_type(r, v[0]), &s);
}

void ln_imp_binary(ln_imp *im, ln_math m, const ln_val *a, const ln_val *b) {
    const math_row *r = &rows[m];
    const ln_val *v[2] = {a, b};
    if (a->host && b->host && r->fold.f)
        ln_imp_out_host(im, 0, ln_host_map(im, &r->fold, result_type(r, a), a->host, b->host));
    else
        two(im, r, v, 0);
}

/* arg: ln_math. Before operator set 7 shapes broadcast by attributes. */
void ln_imp_op_binary(ln_imp *im, const ln_imp_op *op) {
    ln_val y = *ln_imp_in(im, 1);
    const ln_val *v[2] = {ln_imp_in(im, 0), &y};
    if (op->arg == LN_MATH_MOD && ln_imp_int(im, "fmod", 0))
        ln_imp_refuse(im, "a remainder with the dividend's sign (fmod) is not supported");
    if (op->to < 7) old_broadcast(im, v[0], &y);
    if (!ln_imp_ok(im)) return;
    ln_imp_binary(im, (ln_math)op->arg, v[0], v[1]);
}

/* Min, Max, Sum: any number of operands, two at a time. */
void ln_imp_op_variadic(ln_imp *im, const ln_imp_op *op) {
    const math_row *r = &rows[op->arg];
    ln_val so_far = *ln_imp_in(im, 0);
    if (!ln_imp_wants(im, 0)) return;
    if (im->node->n_in == 1) ln_imp_out_val(im, 0, &so_far);
    for (int i = 1; i < im->node->n_in && ln_imp_ok(im); i++) {
        const ln_val *v[2] = {&so_far, ln_imp_in(im, i)};
        if (!v[1]) {
            ln_imp_refuse(im, "input %d is missing", i);
        } else if (v[0]->host && v[1]->host) {
            ln_imp_out_host(im, 0, ln_host_map(im, &r->fold, so_far.type, v[0]->host, v[1]->host));
        } else {
            two(im, r, v, 0);
        }
        so_far = im->val[im->node->out[0]];
    }
}

void ln_imp_op_where(ln_imp *im, const ln_imp_op *op) {
    const ln_val *v[3] = {ln_imp_in(im, 0), ln_imp_in(im, 1), ln_imp_in(im, 2)};
    ln_tid in[3];
    ln_shape s;
    (void)op;
    if (v[0]->host && v[1]->host && v[2]->host) {
        ln_imp_out_host(im, 0, ln_host_where(im, v[0]->host, v[1]->host, v[2]->host));
        return;
    }
    if (!ln_broadcast(&v[0]->shape, &v[1]->shape, &s) || !ln_broadcast(&s, &v[2]->shape, &s)) {
        ln_imp_refuse(im, "the shapes do not go together");
        return;
    }
    const ln_imp_layout l = ln_imp_align(im, v, 3, in);
    ln_imp_out_as(im, 0, ln_imp_map(im, LN_MAP_WHERE, in, 3), l, v[1]->type, &s);
}

/* ---- types ---- */
static ln_tid cast(ln_imp *im, ln_tid x, int from, int to) {
    int64_t lo, hi;
    if (to == LN_ONNX_BOOL)
        return ln_imp_map2(im, LN_MAP_NOT_EQUAL, x,
                           ln_imp_is_f32(im, x) ? ln_imp_scalar(im, 0) : ln_imp_scalar_i(im, 0));
    if (!ln_type_is_float(to)) {
        ln_type_range(to, &lo, &hi);
        const bool was_float = ln_type_is_float(from);
        x = ln_imp_to_i32(im, x);
        if (!was_float) return wrapped(im, x, to);
        if (hi > INT32_MAX) return x;
        x = ln_imp_map2(im, LN_MAP_MAX, x, ln_imp_scalar_i(im, (int32_t)lo));
        return ln_imp_map2(im, LN_MAP_MIN, x, ln_imp_scalar_i(im, (int32_t)hi));
    }
    x = ln_imp_to_f32(im, x);
    if (to == LN_ONNX_FLOAT16 && from != to) return ln_imp_map1(im, LN_MAP_TO_F16, x);
    if (to == LN_ONNX_BFLOAT16 && from != to) return ln_imp_map1(im, LN_MAP_TO_BF16, x);
    return x;
}

void ln_imp_op_cast(ln_imp *im, const ln_imp_op *op) {
    const ln_val *v = ln_imp_in(im, 0);
    const int64_t to = ln_imp_int(im, "to", 0);
    (void)op;
    if (to < 0 || to > INT_MAX || !ln_onnx_type_size((int)to)) {
        ln_imp_refuse(im, "a cast to %s is not supported",
                      ln_onnx_type_name(to < 0 || to > INT_MAX ? 0 : (int)to));
        return;
    }
    if (v->host) {
        ln_imp_out_host(im, 0, ln_host_cast(im, v->host, (int)to));
        return;
    }
    const ln_imp_layout l = ln_val_is_last(v) ? LN_LAST : LN_PLAIN;
    const ln_tid x = cast(im, ln_imp_get(im, v, l), v->type, (int)to);
    ln_imp_out_as(im, 0, x, l, (int)to, &v->shape);
}
