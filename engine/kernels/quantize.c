/* Conversions and tables of bytes: quantize.cl, quantize_deep.cl, table_i8_vnni.cl. */
#include "engine/kernels/kernels.h"
#include "engine/quant.h"

static bool any(const ln_variant *v, const ln_site *s) {
    (void)v;
    (void)s;
    return true;
}

static void cut(const ln_variant *v, ln_args *a) {
    a->t1 = 8;
    a->tiles = ln_tiles(v, (int64_t)a->m * ln_cpad(a->oc) / 8, a->t1);
}

static void convert_bind(const ln_variant *v, const ln_site *s, ln_args *a) {
    const bool back = s->node->op == LN_OP_DEQUANTIZE;
    const ln_quant *q = &s->graph->tensor[back ? s->node->in[0] : s->node->out[0]].q;
    a->alpha = q->scale;
    a->t0 = q->zero;
    a->t2 = !back && s->node->attr.quantize.even;
    cut(v, a);
}

/* Pictures, or maps without padding lanes. */
static bool deep_can_run(const ln_variant *v, const ln_site *s) {
    const int64_t c = ln_site_channels(s, s->node->in[0]);
    (void)v;
    return ln_site_planar(s) ? c <= LN_CPAD : c % LN_CPAD == 0;
}

static void deep_bind(const ln_variant *v, const ln_site *s, ln_args *a) {
    convert_bind(v, s, a);
    ln_deep_cut(s, a);
}

static size_t table_packed(const ln_variant *v, const ln_site *s) {
    (void)v;
    (void)s;
    return 256 / sizeof(float);
}

static linnet_status table_pack(const ln_variant *v, const ln_site *s, float *dst,
                                linnet_error *err) {
    (void)v;
    (void)err;
    ln_quant_table(s->graph, s->node, (int8_t *)dst);
    return LINNET_OK;
}

static void table_bind(const ln_variant *v, const ln_site *s, ln_args *a) {
    (void)s;
    a->w = 0;
    cut(v, a);
}

static bool table_deep_can_run(const ln_variant *v, const ln_site *s) {
    (void)v;
    return !ln_site_planar(s) && ln_site_channels(s, s->node->in[0]) % LN_CPAD == 0;
}

static void table_deep_bind(const ln_variant *v, const ln_site *s, ln_args *a) {
    (void)v;
    a->w = 0;
    ln_deep_cut(s, a);
}

const ln_family ln_family_quantize = {"quantize", LN_OP_QUANTIZE, any, NULL, NULL, convert_bind};
const ln_family ln_family_quantize_deep = {
    "quantize_deep", LN_OP_QUANTIZE, deep_can_run, NULL, NULL, deep_bind};
const ln_family ln_family_dequantize = {"dequantize", LN_OP_DEQUANTIZE, any, NULL,
                                        NULL,         convert_bind};
const ln_family ln_family_quantize_table = {"quantize_table", LN_OP_QUANTIZE, any,
                                            table_packed,     table_pack,     table_bind};
const ln_family ln_family_act_table = {"act_table",  LN_OP_ACT,  any,
                                       table_packed, table_pack, table_bind};
const ln_family ln_family_quantize_i8_vnni = {"quantize_i8_vnni", LN_OP_QUANTIZE,
                                              table_deep_can_run, table_packed,
                                              table_pack,         table_deep_bind};
const ln_family ln_family_act_i8_vnni = {"act_i8_vnni", LN_OP_ACT,  table_deep_can_run,
                                         table_packed,  table_pack, table_deep_bind};
