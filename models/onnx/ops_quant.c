/* Quantized tensors. Integers of 8 bits are exact in f32, and so are their products summed up to
 * 2^24: the arithmetic is done there, between the quantize and dequantize that the operators are
 * defined by. */
#include "models/onnx/ops.h"

/* A scale or zero point along ONNX's dimension `axis` of a value of `rank` dimensions, so that it
 * broadcasts in ONNX's order. */
static ln_val along(ln_imp *im, const ln_val *v, int rank, int axis) {
    ln_val r = *v;
    int64_t n = 0;
    ln_count(&v->shape, &n);
    if (n == 1 || v->shape.rank != 1) return r;
    r.shape = (ln_shape){.rank = rank - axis};
    for (int i = 0; i < r.shape.rank; i++) r.shape.dim[i] = i ? 1 : n;
    r.tid[LN_PLAIN] = LN_NONE; /* what is made of the vector has its shape */
    if (r.host)
        r.host = ln_host_reshape(im, v->host, &r.shape);
    else
        r.tid[LN_PLAIN] = ln_imp_reshape(im, ln_imp_get(im, v, LN_PLAIN), &r.shape);
    return r;
}

static ln_val as_float(ln_imp *im, const ln_val *v) {
    ln_val r = *v;
    r.type = LN_ONNX_FLOAT;
    if (r.host) {
        r.host = ln_host_cast(im, r.host, LN_ONNX_FLOAT);
        r.tid[0] = r.tid[1] = LN_NONE;
        return r;
    }
    for (int l = 0; l < 2; l++)
        if (r.tid[l] != LN_NONE) r.tid[l] = ln_imp_to_f32(im, r.tid[l]);
    return r;
}

/* a op b on floats: on the host when both are constants. */
static ln_val combined(ln_imp *im, ln_math m, ln_map_kind kind, const ln_val *a, const ln_val *b) {
    ln_val r = *a;
    const ln_val *v[2] = {a, b};
    ln_tid in[2];
    if (!ln_imp_ok(im)) return r;
    if (!ln_broadcast(&a->shape, &b->shape, &r.shape)) {
        ln_imp_refuse(im, "a scale or zero point does not fit its tensor");
        return r;
    }
    r.tid[0] = r.tid[1] = LN_NONE;
    r.host = a->host && b->host ? ln_host_map(im, ln_math_fold(m), LN_ONNX_FLOAT, a->host, b->host)
                                : NULL;
    if (r.host || !ln_imp_ok(im)) return r;
    const ln_imp_layout l = ln_imp_align(im, v, 2, in);
    r.tid[r.shape.rank < 3 ? LN_PLAIN : l] = ln_imp_map(im, kind, in, 2);
    return r;
}

/* x - zero as floats; zero: the slot of the zero point, along `axis`. */
static ln_val centred(ln_imp *im, const ln_val *x, int zero, int axis) {
    const ln_val f = as_float(im, x), *z = ln_imp_in(im, zero);
    if (!z) return f;
    const ln_val zf = as_float(im, z), za = along(im, &zf, x->shape.rank, axis);
    return combined(im, LN_MATH_SUB, LN_MAP_SUB, &f, &za);
}

/* ---- as bytes ---- */
/* A scale and zero point for the whole tensor, constants; u8 is shifted to I8. */
bool ln_imp_whole_quant(const ln_imp *im, int scale, int type, ln_quant *q) {
    const ln_host *s = ln_imp_host(im, scale), *z = ln_imp_host(im, scale + 1);
    const ln_val *zero = ln_imp_in(im, scale + 1);
    if (!s || s->count != 1 || (zero && (!z || z->count != 1 || zero->type != type))) return false;
    if (type != LN_ONNX_UINT8 && type != LN_ONNX_INT8) return false;
    const double real = ln_host_f(s, 0);
    if (!(real >= 1e-30 && real <= 1e30)) return false;
    const int64_t at = (z ? ln_host_i(z, 0) : 0) - (type == LN_ONNX_UINT8 ? 128 : 0);
    if (at < INT8_MIN || at > INT8_MAX) return false;
    *q = ln_quant_of((float)real, (int32_t)at);
    return true;
}

ln_tid ln_imp_to_bytes(ln_imp *im, ln_tid x, const ln_quant *q) {
    const ln_tid t = ln_imp_1(im, LN_OP_QUANTIZE, (ln_attr){.quantize = {.even = true}}, x);
    if (ln_imp_ok(im)) im->status = ln_graph_set_quant(im->g, t, q->scale, q->zero, im->err);
    return ln_imp_ok(im) ? t : LN_NONE;
}

/* Output 0 as a tensor of bytes, where it is one: else false. */
static bool as_bytes(ln_imp *im, const ln_val *x, int scale, int type) {
    ln_quant q;
    if (!ln_imp_ok(im) || x->host || x->type != LN_ONNX_FLOAT ||
        !ln_imp_whole_quant(im, scale, type, &q))
        return false;
    const ln_imp_layout l = ln_val_is_last(x) ? LN_LAST : LN_PLAIN;
    ln_imp_out_bytes(im, 0, ln_imp_to_bytes(im, ln_imp_get(im, x, l), &q), l, type, &x->shape);
    return true;
}

/* x, of slot 0, is there as the bytes that scale and zero point say. */
static bool has_bytes(const ln_imp *im, const ln_val *x, int scale) {
    ln_quant q;
    return x->quantized && ln_imp_whole_quant(im, scale, x->type, &q) &&
           ln_quant_equal(&im->g->tensor[x->bytes].q, &q);
}

/* Bytes of constant x with one zero point, dequantized along `axis`; NULL: not such. */
static const ln_host_bytes *constant_bytes(ln_imp *im, const ln_host *x, int axis) {
    const ln_host *s = ln_imp_host(im, 1), *z = ln_imp_host(im, 2);
    const int64_t shift = x->type == LN_ONNX_UINT8 ? 128 : 0;
    const int64_t zero = z && z->count ? ln_host_i(z, 0) : 0;
    if ((x->type != LN_ONNX_INT8 && x->type != LN_ONNX_UINT8) || !s || !x->count || !s->count ||
        (ln_imp_in(im, 2) && (!z || z->type != x->type)))
        return NULL;
    for (int64_t i = 0; z && i < z->count; i++)
        if (ln_host_i(z, i) != zero) return NULL;
    if (s->count > 1 && (x->shape.rank <= axis || x->shape.dim[axis] != s->count)) return NULL;
    ln_host_bytes *b = ln_pool_alloc(&im->g->pool, 1, sizeof *b);
    float *scale = ln_imp_floats_of(im, s);
    int8_t *data =
        ln_imp_spend(im, x->count) ? ln_pool_alloc(&im->g->pool, (size_t)x->count, 1) : 0;
    if (!b || !scale || !data) {
        if (ln_imp_ok(im)) im->status = ln_fail_oom(im->err, "weights", (size_t)x->count);
        return NULL;
    }
    for (int64_t i = 0; i < s->count; i++)
        if (!(scale[i] >= 1e-30F && scale[i] <= 1e30F)) return NULL;
    for (int64_t i = 0; i < x->count; i++) data[i] = (int8_t)(ln_host_i(x, i) - shift);
    *b = (ln_host_bytes){data, scale, s->count, 1, (int32_t)(zero - shift)};
    for (int d = x->shape.rank - 1; s->count > 1 && d > axis; d--) b->inner *= x->shape.dim[d];
    return b;
}

/* Output 0: clamp(round(x / scale) + zero) in the type of the zero point. */
static void quantized(ln_imp *im, const ln_val *x, int scale, int zero, int axis) {
    const ln_val *s = ln_imp_in(im, scale), *z = ln_imp_in(im, zero);
    int64_t lo, hi;
    if (!ln_imp_ok(im)) return;
    const int64_t said = ln_imp_int(im, "output_dtype", 0); /* from operator set 21 on */
    const int type = z ? z->type : said >= 1 && said <= INT16_MAX ? (int)said : LN_ONNX_UINT8;
    if ((said && said != type) || type < LN_ONNX_UINT8 || type > LN_ONNX_INT16) {
        ln_imp_refuse(im, "quantization to %s is not supported",
                      ln_onnx_type_name(said ? (int)said : type));
        return;
    }
    if (as_bytes(im, x, scale, type)) return;
    const ln_val xf = as_float(im, x), sa = along(im, s, x->shape.rank, axis);
    ln_val y = combined(im, LN_MATH_DIV, LN_MAP_DIV, &xf, &sa);
    const ln_imp_layout l = ln_val_is_last(&y) ? LN_LAST : LN_PLAIN;
    ln_type_range(type, &lo, &hi);
    y.host = NULL; /* constants too: this is seldom worth more */
    y.tid[l] = ln_imp_map1(im, LN_MAP_ROUND, y.tid[l]);
    if (z) {
        const ln_val zf = as_float(im, z), za = along(im, &zf, x->shape.rank, axis);
        y = combined(im, LN_MATH_ADD, LN_MAP_ADD, &y, &za);
    }
    const ln_imp_layout out = ln_val_is_last(&y) ? LN_LAST : LN_PLAIN;
    ln_tid t = ln_imp_get(im, &y, out);
    const ln_act clamp = {.kind = LN_ACT_CLAMP, .lo = (float)lo, .hi = (float)hi};
    t = ln_imp_1(im, LN_OP_ACT, (ln_attr){.act = clamp}, t);
    ln_imp_out_as(im, 0, ln_imp_to_i32(im, t), out, type, &y.shape);
}

/* Negative axes count from the end; a tensor with one scale has none. */
static int axis_of(ln_imp *im, const ln_val *x, const ln_val *scale) {
    int64_t n = 0;
    if (ln_imp_int(im, "block_size", 0)) ln_imp_refuse(im, "blocks of scales are not supported");
    if (!ln_count(&scale->shape, &n) || n == 1) return 0;
    return ln_imp_axis(im, ln_imp_int(im, "axis", 1), x->shape.rank);
}

void ln_imp_op_quantize(ln_imp *im, const ln_imp_op *op) {
    const ln_val *x = ln_imp_in(im, 0);
    (void)op;
    ln_val v = *x;
    if (v.host) { /* into the graph, where all else is */
        v.tid[LN_PLAIN] = ln_imp_get(im, x, LN_PLAIN);
        v.host = NULL;
    }
    quantized(im, &v, 1, 2, axis_of(im, x, ln_imp_in(im, 1)));
}

void ln_imp_op_dequantize(ln_imp *im, const ln_imp_op *op) {
    const ln_val *x = ln_imp_in(im, 0), *s = ln_imp_in(im, 1);
    const int axis = axis_of(im, x, s);
    (void)op;
    if (!ln_imp_ok(im)) return;
    if (has_bytes(im, x, 1)) {
        const ln_tid t = ln_imp_1(im, LN_OP_DEQUANTIZE, (ln_attr){0}, x->bytes);
        ln_imp_out_as(im, 0, t, x->bytes_at, LN_ONNX_FLOAT, &x->shape);
        return;
    }
    ln_imp_words(im, 0);
    const ln_val c = centred(im, x, 2, axis), sa = along(im, s, x->shape.rank, axis);
    const ln_val y = combined(im, LN_MATH_MUL, LN_MAP_MUL, &c, &sa);
    if (y.host) {
        ln_host *h = ln_pool_alloc(&im->g->pool, 1, sizeof *h);
        if (!h) {
            im->status = ln_fail_oom(im->err, "a constant", sizeof *h);
            return;
        }
        *h = *y.host;
        h->bytes = constant_bytes(im, x->host, axis);
        ln_imp_out_host(im, 0, h);
        return;
    }
    const ln_imp_layout l = ln_val_is_last(&y) ? LN_LAST : LN_PLAIN;
    ln_imp_out_as(im, 0, ln_imp_get(im, &y, l), l, LN_ONNX_FLOAT, &y.shape);
}

/* ---- convolutions and products ---- */
static ln_tid convolved(ln_imp *im, int x_zero, int w, int w_zero, ln_tid bias) {
    const ln_val x = centred(im, ln_imp_in(im, 0), x_zero, 0);
    const ln_val weight = centred(im, ln_imp_in(im, w), w_zero, 0);
    if (!ln_imp_ok(im)) return LN_NONE;
    return ln_imp_convolve(im, ln_imp_get(im, &x, LN_LAST), &weight, bias);
}

void ln_imp_op_conv_integer(ln_imp *im, const ln_imp_op *op) {
    (void)op;
    const ln_tid y = convolved(im, 2, 1, 3, LN_NONE);
    ln_imp_out(im, 0, ln_imp_to_i32(im, y), LN_LAST, LN_ONNX_INT32);
}

/* A result of sums, times the scales of both operands, in the output's quantization. */
static void rescaled(ln_imp *im, ln_tid y, ln_imp_layout l, int a_scale, const ln_val *b_scale,
                     int y_scale) {
    const ln_shape g = *ln_imp_shape(im, y);
    const ln_shape s = l == LN_LAST ? ln_shape_from_last(&g) : g;
    ln_val v = {.known = true, .type = LN_ONNX_FLOAT, .shape = s, .tid = {LN_NONE, LN_NONE}};
    v.tid[s.rank < 3 ? LN_PLAIN : l] = y;
    if (!ln_imp_ok(im)) return;
    const ln_val f = combined(im, LN_MATH_MUL, LN_MAP_MUL, ln_imp_in(im, a_scale), b_scale);
    v = combined(im, LN_MATH_MUL, LN_MAP_MUL, &v, &f);
    quantized(im, &v, y_scale, y_scale + 1, 0);
}

void ln_imp_qlinear_conv(ln_imp *im) {
    const ln_val *b = ln_imp_in(im, 8);
    ln_tid bias = LN_NONE;
    int64_t scales = 0;
    if (!ln_count(&ln_imp_in(im, 6)->shape, &scales) || scales != 1) {
        ln_imp_refuse(im, "the output has %lld scales, not one", (long long)scales);
        return;
    }
    if (b) {
        const ln_val f = as_float(im, b);
        bias = ln_imp_get(im, &f, LN_PLAIN);
    }
    const int rank = ln_imp_in(im, 0)->shape.rank;
    const ln_tid y = convolved(im, 2, 3, 5, bias);
    const ln_val scale = along(im, ln_imp_in(im, 4), rank, 1);
    rescaled(im, y, LN_LAST, 1, &scale, 6);
}

/* A zero point or scale of matrix rows ([M] as a column) or columns. */
static ln_val by_row(ln_imp *im, const ln_val *x, int zero) {
    return centred(im, x, zero, LN_MAX(x->shape.rank - 2, 0));
}

static ln_tid multiplied(ln_imp *im, int a_zero, int b, int b_zero) {
    const ln_val *x = ln_imp_in(im, 0), *w = ln_imp_in(im, b);
    if (x->shape.rank < 2 || w->shape.rank < 2)
        return ln_imp_refuse(im, "a product with a vector is not supported");
    const ln_val l = by_row(im, x, a_zero);
    const ln_val r = centred(im, w, b_zero, w->shape.rank - 1);
    return ln_imp_product(im, ln_imp_get(im, &l, LN_PLAIN), ln_imp_get(im, &r, LN_PLAIN), false,
                          false);
}

void ln_imp_op_matmul_integer(ln_imp *im, const ln_imp_op *op) {
    (void)op;
    const ln_tid y = multiplied(im, 2, 1, 3);
    ln_imp_out(im, 0, ln_imp_to_i32(im, y), LN_PLAIN, LN_ONNX_INT32);
}

void ln_imp_qlinear_matmul(ln_imp *im) {
    const ln_tid y = multiplied(im, 2, 3, 5);
    rescaled(im, y, LN_PLAIN, 1, ln_imp_in(im, 4), 6);
}
