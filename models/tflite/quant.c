/* Between quantized and real numbers. */
#include "models/tflite/import.h"

/* ---- constants ---- */
/* Index of dimension `axis` of element i. */
static int64_t along(const ln_shape *s, int axis, int64_t i) {
    for (int d = s->rank - 1; d > axis; d--) i /= s->dim[d];
    return s->dim[axis] ? i % s->dim[axis] : 0;
}

const ln_host *ln_tfl_real(ln_imp *im, const ln_val *v, const ln_file_quant *q) {
    const ln_host *from = v->host;
    if (!ln_imp_spend(im, from->count)) return NULL;
    float *to = ln_pool_alloc(&im->g->pool, (size_t)from->count + 1, sizeof *to);
    ln_host *h = ln_pool_alloc(&im->g->pool, 1, sizeof *h);
    if (!to || !h) {
        im->status = ln_fail_oom(im->err, "a constant", (size_t)from->count * sizeof *to);
        return NULL;
    }
    for (int64_t i = 0; i < from->count; i++) {
        const int64_t k = q->count > 1 ? along(&from->shape, q->axis, i) : 0;
        to[i] = q->scale[k] * (float)(ln_host_i(from, i) - q->zero[k]);
    }
    *h = (ln_host){LN_ONNX_FLOAT, LN_ONNX_FLOAT, from->shape, from->count, to};
    return h;
}

/* Halves are floats from here on, where they lie. */
static const ln_host *widened(ln_imp *im, const ln_host *from) {
    ln_host *h = ln_pool_alloc(&im->g->pool, 1, sizeof *h);
    if (!h) {
        im->status = ln_fail_oom(im->err, "a constant", sizeof *h);
        return NULL;
    }
    *h = *from;
    h->type = LN_ONNX_FLOAT;
    return h;
}

/* ---- operators ---- */
void ln_tfl_op_dequantize(ln_imp *im, const ln_imp_op *op) {
    const ln_val *v = ln_imp_in(im, 0);
    const ln_file_quant *q = im->m->value[im->node->in[0]].quant;
    (void)op;
    if (v->host && q) {
        ln_imp_out_host(im, 0, ln_tfl_real(im, v, q));
    } else if (v->host && v->type == LN_ONNX_FLOAT16) {
        ln_imp_out_host(im, 0, widened(im, v->host));
    } else if (ln_type_is_float(v->type)) {
        ln_imp_out_as(im, 0, ln_imp_get(im, v, LN_PLAIN), LN_PLAIN, LN_ONNX_FLOAT, &v->shape);
    } else {
        ln_imp_refuse(im, "an input of type %s", ln_onnx_type_name(v->type));
    }
}

void ln_tfl_op_quantize(ln_imp *im, const ln_imp_op *op) {
    (void)op;
    ln_imp_refuse(im, "quantized activations are not supported");
}

/* ---- around a converter ---- */
void ln_tfl_input(ln_imp *im, ln_val *v, ln_tid t) {
    (void)v;
    im->g->tensor[t].as_is = true;
}

/* The activation fused into the operator, as a node behind it. */
static void fused(ln_imp *im) {
    ln_act a;
    if (!ln_imp_ok(im) || !ln_imp_wants(im, 0) ||
        !ln_tfl_act(im, ln_imp_int(im, "act", LN_TFL_ACT_NONE), &a))
        return;
    ln_val *v = &im->val[im->node->out[0]];
    if (!ln_type_is_float(v->type)) {
        ln_imp_refuse(im, "an activation fused into integers is not supported");
        return;
    }
    const ln_tid x = ln_imp_get(im, v, LN_PLAIN);
    v->tid[LN_PLAIN] = ln_imp_1(im, LN_OP_ACT, (ln_attr){.act = a}, x);
    v->host = NULL;
}

void ln_tfl_convert(ln_imp *im, const ln_imp_op *op) {
    op->convert(im, op);
    fused(im);
}
