/* What a kernel that sums in halves makes of a node, operation by operation (cl_kernels/half.clh).
 */
#ifndef LN_HALF_SUMS_H
#define LN_HALF_SUMS_H

#include "engine/ref/ref.h"

/* The output of a convolution, fully connected layer, sum or product of values that ref holds.
 * off: how far each may be from the exact sum, u times the sizes of all numbers that were rounded.
 */
void ln_half_sums(const ln_ref *ref, const ln_node *n, float *y, double *off);

#endif
