/* What the C halves of the kernel families share. */
#ifndef LN_KERNELS_H
#define LN_KERNELS_H

#include "engine/quant.h"
#include "engine/variant.h"

static inline const ln_shape *ln_site_shape(const ln_site *s, ln_tid t) {
    return &s->graph->tensor[t].shape;
}
static inline int64_t ln_site_channels(const ln_site *s, ln_tid t) {
    const ln_shape *x = ln_site_shape(s, t);
    return x->dim[x->rank - 1];
}
static inline bool ln_site_has(const ln_site *s, int slot) {
    return ln_node_in(s->node, slot) != LN_NONE;
}
static inline const ln_tensor *ln_site_second(const ln_site *s) {
    return &s->graph->tensor[s->node->in[1]];
}
/* Pixels of a sum's or product's second operand: as many as the output, one an image, or one. */
static inline int64_t ln_site_second_pixels(const ln_site *s) {
    const ln_shape *x = &ln_site_second(s)->shape;
    int64_t count = 1;
    for (int i = 0; i < x->rank - 1; i++) count *= x->dim[i];
    return count;
}
/* The quicker kernels take no other activation after a residual. */
static inline bool ln_site_post_is_clamp(const ln_site *s) {
    ln_act_kind k = s->node->attr.conv.post.kind;
    return k == LN_ACT_NONE || k == LN_ACT_CLAMP;
}
static inline int64_t ln_cpad(int64_t c) {
    return ln_round_up(c, LN_CPAD);
}

/* No constant or picture among the inputs; what kernels for padded maps ask. */
bool ln_site_plain(const ln_site *s);
/* Tiles for `items` work-items' worth of work, `each` to a work-item. */
int32_t ln_tiles(const ln_variant *v, int64_t items, int64_t each);

/* Pixels of a tile when a work-item walks them alone: tiles for every unit a few times over, but
 * none of less than about 4096 elements. */
int32_t ln_deep_pixels(const ln_site *s, const ln_args *a);
/* That many to a tile: t1 chunks of all pixels. */
void ln_deep_cut(const ln_site *s, ln_args *a);

/* Chunks for each unit that kernels of one work-item a group cut that many pixels into; 0: too few,
 * channels are cut instead. */
int64_t ln_deep_chunks(int64_t pixels, int64_t units);

/* ---- constants of convolution and fully connected: a matrix [K][ocp] and a bias [ocp] ----
 * K runs over kh, kw and the input channels of a group; ocp is the output channels padded to
 * LN_CPAD, cut into panels that lie one after another, each [K][panel width]. */
typedef struct ln_matrix {
    int64_t k, oc, ocp;
} ln_matrix;
ln_matrix ln_site_matrix(const ln_site *s);
size_t ln_matrix_packed(const ln_variant *v, const ln_site *s);
/* Panels of `wide` channels, ocp for one panel; the last ones are as ln_panel_at says. */
linnet_status ln_matrix_pack(const ln_site *s, int64_t wide, float *dst, linnet_error *err);
/* One panel of all channels: what the general and wide kernels read. */
linnet_status ln_matrix_pack_whole(const ln_variant *v, const ln_site *s, float *dst,
                                   linnet_error *err);
/* w and b of the packed block. */
void ln_matrix_bind(const ln_site *s, ln_args *a);

/* The rule for panels of at most `wide` channels (a multiple of 8; prelude.clh has the same one):
 * as few as can be, and even to a vector. */
int64_t ln_panel_at(int64_t ocp, int64_t wide, int index);
int ln_panel_count(int64_t ocp, int64_t wide);

/* ---- the same of I8: bytes from the front, then for each of the ocp channels the bias (int), the
 * mul (int) and unit (float) of ln_rescale, zero in padding lanes ---- */
size_t ln_bytes_packed(const ln_variant *v, const ln_site *s);
/* One panel of all channels, [K][ocp]; padding lanes are the weights' zero point. */
linnet_status ln_bytes_pack_whole(const ln_variant *v, const ln_site *s, float *dst,
                                  linnet_error *err);
/* The weights dense, [OC][K]; free() them. */
linnet_status ln_bytes_copy(const ln_site *s, int8_t **out, linnet_error *err);
/* The three vectors, ocp each. */
linnet_status ln_scales_pack(const ln_site *s, float *dst, linnet_error *err);
/* The multiplier of channel o of CONV2D or FC. */
ln_twice ln_site_twice(const ln_site *s, int64_t o);
/* Whether some multiplier is a quarter or more, beyond what ln_small16 of fixed.clh can do. */
bool ln_scales_large(const ln_site *s);
/* Whether those of a depthwise layer leave every sum in 32 bits, shifted to the left. */
bool ln_scales_fit(const ln_site *s);
/* Lane i of the tables that ln_twice of fixed.clh reads: mul, right, left, i32 [lanes] each, and h,
 * i64 [lanes], of each vector of width lanes the even ones first. */
void ln_twice_pack(ln_twice r, int64_t lanes, int64_t width, int64_t i, void *to);
/* The bias, zeros where there is none; free() it. */
linnet_status ln_bias_copy(const ln_site *s, int32_t **out, linnet_error *err);
/* How a device multiplies four bytes at once (dot8.clh). */
typedef enum ln_dot8 { LN_DOT8_PLAIN, LN_DOT8_KHR, LN_DOT8_QCOM, LN_DOT8_ARM } ln_dot8;
ln_dot8 ln_dot8_of(const ln_caps *c);
/* Words of `bytes` weights: where the vectors begin. */
int64_t ln_bytes_words(int64_t bytes);

/* Sets LN_FLAG_CLAMP, and limits that clamp nothing for an absent activation, when both are
 * clamps that keep the padding's zero. */
void ln_clamp_bind(const ln_act *act, const ln_act *post, ln_args *a);

#define LN_FAMILY(f) extern const ln_family ln_family_##f;
LN_FAMILY(conv_any)
LN_FAMILY(fc_any)
LN_FAMILY(conv_arena)
LN_FAMILY(fc_arena)
LN_FAMILY(conv_transpose)
LN_FAMILY(conv_transpose_arena)
LN_FAMILY(conv_transpose_deep)
LN_FAMILY(conv_deep)
LN_FAMILY(conv_bytes_any)
LN_FAMILY(conv_bytes_wide)
LN_FAMILY(conv_bytes_deep)
LN_FAMILY(conv_grouped_deep)
LN_FAMILY(conv_wide)
LN_FAMILY(conv_grouped_wide)
LN_FAMILY(pw_gemm)
LN_FAMILY(fc_gemm)
LN_FAMILY(pw_wide)
LN_FAMILY(fc_wide)
LN_FAMILY(dw)
LN_FAMILY(dw_deep)
LN_FAMILY(dw_any)
LN_FAMILY(pw_deep)
LN_FAMILY(fc_deep)
LN_FAMILY(pool)
LN_FAMILY(act)
LN_FAMILY(add)
LN_FAMILY(mul)
LN_FAMILY(batch_norm)
LN_FAMILY(softmax)
LN_FAMILY(quantize)
LN_FAMILY(quantize_table)
LN_FAMILY(dequantize)
LN_FAMILY(act_table)
LN_FAMILY(conv_i8)
LN_FAMILY(fc_i8)
LN_FAMILY(dw_i8)
LN_FAMILY(add_i8)
LN_FAMILY(quantize_deep)
LN_FAMILY(add_i8_deep)
LN_FAMILY(mul_i8_deep)
LN_FAMILY(mean_i8_deep)
LN_FAMILY(act_i8_vnni)
LN_FAMILY(quantize_i8_vnni)
LN_FAMILY(mul_i8)
LN_FAMILY(conv_i8_wide)
LN_FAMILY(pw_i8_wide)
LN_FAMILY(fc_i8_wide)
LN_FAMILY(dw_i8_wide)
LN_FAMILY(pool_i8)
LN_FAMILY(mean_i8)
LN_FAMILY(pw_i8_deep)
LN_FAMILY(fc_i8_deep)
LN_FAMILY(conv_i8_deep)
LN_FAMILY(stem_i8_deep)
LN_FAMILY(dw_i8_deep)
LN_FAMILY(pw_i8_vnni)
LN_FAMILY(fc_i8_vnni)
LN_FAMILY(conv_i8_vnni)
LN_FAMILY(stem_i8_vnni)
LN_FAMILY(dw_i8_vnni)
LN_FAMILY(se)
LN_FAMILY(se_wide)
LN_FAMILY(se_deep)
LN_FAMILY(reshape)
LN_FAMILY(concat)
LN_FAMILY(shuffle)
LN_FAMILY(slice)
LN_FAMILY(slice8)
LN_FAMILY(pad)
LN_FAMILY(pad8)
LN_FAMILY(resize)
LN_FAMILY(resize_nd)
LN_FAMILY(resize_i8)
LN_FAMILY(resize_i8_deep)
LN_FAMILY(layer_norm)
LN_FAMILY(group_norm_any)
LN_FAMILY(attention_any)
LN_FAMILY(attention_deep)
LN_FAMILY(layer_norm_deep)
LN_FAMILY(group_norm_deep)
LN_FAMILY(linear_attention_deep)
LN_FAMILY(pool_deep)
LN_FAMILY(slice_deep)
LN_FAMILY(concat_deep)
LN_FAMILY(zip_deep)
LN_FAMILY(shuffle_deep)
LN_FAMILY(linear_attention)
LN_FAMILY(group_norm_wide)
LN_FAMILY(attention_wide)
LN_FAMILY(linear_attention_wide)
LN_FAMILY(map)
LN_FAMILY(reduce)
LN_FAMILY(place_i8)
LN_FAMILY(place_i8_rows)
LN_FAMILY(permute)
LN_FAMILY(tile)
LN_FAMILY(slice_nd)
LN_FAMILY(pad_nd)
LN_FAMILY(permute_rows)
LN_FAMILY(tile_rows)
LN_FAMILY(slice_rows)
LN_FAMILY(pad_rows)
LN_FAMILY(permute_deep)
LN_FAMILY(matmul)
LN_FAMILY(matmul_deep)
LN_FAMILY(gather_rows)
LN_FAMILY(gather_lanes)
LN_FAMILY(gather_elements)
LN_FAMILY(gather_nd)
LN_FAMILY(concat_nd)
LN_FAMILY(concat_rows)
LN_FAMILY(topk)
LN_FAMILY(topk_count)
LN_FAMILY(nms)
LN_FAMILY(nms_rows)
#undef LN_FAMILY

#endif
