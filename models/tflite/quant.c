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

/* ---- activations ---- */
static bool is_bytes(int type) {
    return type == LN_ONNX_INT8 || type == LN_ONNX_UINT8;
}

bool ln_tfl_is_quant(const ln_imp *im, int id) {
    return id >= 0 && im->m->value[id].quant && is_bytes(im->m->value[id].type);
}

ln_quant ln_tfl_quant(const ln_imp *im, int id) {
    const ln_net_value *v = &im->m->value[id];
    return ln_quant_of(v->quant->scale[0],
                       v->quant->zero[0] - (v->type == LN_ONNX_UINT8 ? 128 : 0));
}

ln_tid ln_tfl_quantized(ln_imp *im, ln_tid t, int slot) {
    if (!ln_imp_ok(im)) return LN_NONE;
    const ln_quant q = ln_tfl_quant(im, im->node->out[slot]);
    im->status = ln_graph_set_quant(im->g, t, q.scale, q.zero, im->err);
    return t;
}

static ln_tid quantize(ln_imp *im, ln_tid x, int slot) {
    return ln_tfl_quantized(im, ln_imp_1(im, LN_OP_QUANTIZE, (ln_attr){0}, x), slot);
}

void ln_tfl_out(ln_imp *im, int slot, ln_tid t) {
    if (!ln_imp_ok(im)) return;
    const int id = im->node->out[slot];
    const ln_quant q = ln_tfl_quant(im, id);
    if (!ln_quant_equal(&im->g->tensor[t].q, &q)) t = quantize(im, t, slot);
    ln_imp_out(im, slot, t, LN_PLAIN, im->m->value[id].type);
}

/* ---- operators ---- */
void ln_tfl_op_dequantize(ln_imp *im, const ln_imp_op *op) {
    const ln_val *v = ln_imp_in(im, 0);
    const int id = im->node->in[0];
    const ln_file_quant *q = im->m->value[id].quant;
    (void)op;
    if (v->host && q) {
        ln_imp_out_host(im, 0, ln_tfl_real(im, v, q));
    } else if (v->host && v->type == LN_ONNX_FLOAT16) {
        ln_imp_out_host(im, 0, widened(im, v->host));
    } else if (ln_type_is_float(v->type)) {
        ln_imp_out_as(im, 0, ln_imp_get(im, v, LN_PLAIN), LN_PLAIN, LN_ONNX_FLOAT, &v->shape);
    } else if (ln_tfl_is_quant(im, id)) {
        const ln_tid x = ln_imp_get(im, v, LN_PLAIN);
        ln_imp_out_as(im, 0, ln_imp_1(im, LN_OP_DEQUANTIZE, (ln_attr){0}, x), LN_PLAIN,
                      LN_ONNX_FLOAT, &v->shape);
    } else {
        ln_imp_refuse(im, "an input of type %s", ln_onnx_type_name(v->type));
    }
}

void ln_tfl_op_quantize(ln_imp *im, const ln_imp_op *op) {
    const int id = im->node->in[0], out = im->node->out[0];
    ln_val v = *ln_imp_in(im, 0);
    (void)op;
    if (!ln_tfl_is_quant(im, out) || (v.type != LN_ONNX_FLOAT && !ln_tfl_is_quant(im, id))) {
        ln_imp_refuse(im, "from type %s to %s", ln_onnx_type_name(v.type),
                      ln_onnx_type_name(im->m->value[out].type));
        return;
    }
    if (v.host && ln_tfl_is_quant(im, id)) {
        v.host = ln_tfl_real(im, &v, im->m->value[id].quant);
        v.tid[0] = v.tid[1] = LN_NONE;
    }
    const ln_tid y = quantize(im, ln_imp_get(im, &v, LN_PLAIN), 0);
    ln_imp_out_as(im, 0, y, LN_PLAIN, im->m->value[out].type, &v.shape);
}

/* ---- around a converter ---- */
void ln_tfl_input(ln_imp *im, ln_val *v, ln_tid t) {
    const int id = (int)(v - im->val);
    ln_tensor *x = &im->g->tensor[t];
    x->as_is = true;
    if (!ln_tfl_is_quant(im, id)) return;
    const ln_quant q = ln_tfl_quant(im, id);
    x->dtype = LN_I8;
    im->status = ln_graph_set_quant(im->g, t, q.scale, q.zero, im->err);
}

void ln_tfl_fused(ln_imp *im) {
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

int ln_tfl_shadow(ln_imp *im, int id) {
    const int real = id + im->m->n_value / 2;
    const ln_val *v = &im->val[id];
    ln_val *r = &im->val[real];
    if (!ln_imp_ok(im) || r->known) return real;
    r->shape = v->shape;
    r->type = LN_ONNX_FLOAT;
    r->param = v->param;
    r->known = true;
    if (v->host)
        r->host = ln_tfl_real(im, v, im->m->value[id].quant);
    else
        r->tid[LN_PLAIN] = ln_imp_1(im, LN_OP_DEQUANTIZE, (ln_attr){0}, v->tid[LN_PLAIN]);
    return real;
}

static bool is_real_constant(const ln_imp *im, int id) {
    return id >= 0 && im->m->value[id].quant && im->val[id].host;
}

/* The operator on real numbers: its quantized inputs and outputs are their shadows meanwhile. */
static void on_reals(ln_imp *im, const ln_imp_op *op) {
    const ln_net_node *own = im->node;
    const int half = im->m->n_value / 2;
    ln_net_node real = *own;
    int *id = ln_pool_alloc(&im->g->pool, (size_t)(own->n_in + own->n_out), sizeof *id);
    if (!id) {
        im->status = ln_fail_oom(im->err, "operands", (size_t)own->n_in * sizeof *id);
        return;
    }
    real.in = id;
    real.out = id + own->n_in;
    for (int i = 0; i < own->n_in; i++) {
        id[i] = own->in[i];
        if (ln_tfl_is_quant(im, id[i]) || is_real_constant(im, id[i]))
            id[i] = ln_tfl_shadow(im, id[i]);
    }
    for (int i = 0; i < own->n_out; i++) {
        const bool q = ln_tfl_is_quant(im, own->out[i]);
        id[own->n_in + i] = own->out[i] + (q ? half : 0);
        if (q) im->val[own->out[i] + half].read = im->val[own->out[i]].read;
    }
    if (!ln_imp_ok(im)) return;
    im->node = &real;
    op->convert(im, op);
    ln_tfl_fused(im);
    im->node = own;
    for (int i = 0; i < own->n_out && ln_imp_ok(im); i++) {
        ln_val *r = &im->val[own->out[i] + half];
        if (!ln_tfl_is_quant(im, own->out[i]) || !ln_imp_wants(im, i) || !r->known) continue;
        const ln_tid y = quantize(im, ln_imp_get(im, r, LN_PLAIN), i);
        ln_imp_out_as(im, i, y, LN_PLAIN, im->m->value[own->out[i]].type, &r->shape);
        r->known = false; /* who reads it reads what became of it in bytes */
        r->host = NULL;
        r->tid[0] = r->tid[1] = LN_NONE;
    }
}

/* Activations have one scale, and bytes. */
static bool checked(ln_imp *im, int id, bool *any) {
    if (id < 0 || !im->m->value[id].quant) return true;
    const ln_net_value *v = &im->m->value[id];
    *any = true;
    if (im->val[id].host) return true;
    if (v->quant->count == 1 && is_bytes(v->type)) return true;
    if (v->quant->count > 1)
        ln_imp_refuse(im, "%s has a scale for each of %d channels; activations have one", v->name,
                      v->quant->count);
    else
        ln_imp_refuse(im, "%s is quantized to %s; bytes are supported", v->name,
                      ln_onnx_type_name(v->type));
    return false;
}

void ln_tfl_convert(ln_imp *im, const ln_imp_op *op) {
    const ln_tfl_row *row = (const ln_tfl_row *)op; /* its first member */
    bool any = false;
    for (int i = 0; i < im->node->n_in; i++)
        if (!checked(im, im->node->in[i], &any)) return;
    for (int i = 0; i < im->node->n_out; i++)
        if (!checked(im, im->node->out[i], &any)) return;
    if (!any) {
        op->convert(im, op);
        ln_tfl_fused(im);
    } else if (!row->quant || !row->quant(im, op)) {
        on_reals(im, op);
    }
}
