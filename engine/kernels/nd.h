/* What kernels over operands of any rank share: strides, broadcasting, packed constants. Places of
 * up to LN_ND_IN inputs are in ln_args.u.nd.at and ps already (plan_args.c). */
#ifndef LN_ND_H
#define LN_ND_H

#include "engine/kernels/kernels.h"

/* No picture in the caller's layout among the inputs: the planner puts a copy before. */
bool ln_nd_can_run(const ln_variant *v, const ln_site *s);

/* Constants among the inputs lie one after another as elements of their type, the last dimension
 * padded with zeros to LN_CPAD as in the arena: ln_nd_words() each. */
int64_t ln_nd_words(const ln_tensor *t);
size_t ln_nd_packed(const ln_variant *v, const ln_site *s);
linnet_status ln_nd_pack(const ln_variant *v, const ln_site *s, float *dst, linnet_error *err);
/* at, ps and consts of packed constants, and ln_args.w; every bind calls it first. */
void ln_nd_bind_consts(const ln_site *s, ln_args *a);

/* Dimensions of a shape, and the strides of a tensor with this pixel stride, at the end of LN_ND
 * of them; those in front are 1, with stride 0. */
void ln_nd_dims(const ln_shape *x, ln_i32 dim[LN_ND]);
void ln_nd_strides(const ln_shape *x, int64_t ps, ln_i32 stride[LN_ND]);
/* The same for x repeated to y's shape as numpy does: stride 0 where it is repeated. */
void ln_nd_broadcast(const ln_shape *x, int64_t ps, const ln_shape *y, ln_i32 stride[LN_ND]);
/* dim and ystr of the output, xstr of `operands` inputs repeated to its shape. */
void ln_nd_bind_elementwise(const ln_site *s, int operands, ln_args *a);
/* Joins dimensions that all of y and `operands` inputs walk as one, so that the last is as long as
 * can be. Joined with the last they have no padding: only where the pixel strides allow it. */
void ln_nd_collapse(int operands, ln_nd *d);

#endif
