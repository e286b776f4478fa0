/* Inside models/: names that other libraries give to the tensors of our families. */
#ifndef LN_RENAME_H
#define LN_RENAME_H

#include "models/arch.h"
#include "models/weights.h"

/* Gives tensors in EfficientNet-PyTorch's names (https://github.com/lukemelas/EfficientNet-PyTorch)
 * timm's, when the file has them and the family is of timm's names; else does nothing. */
linnet_status ln_weights_adapt(ln_weights *w, const ln_arch *a, linnet_error *err);
/* timm's name for one of EfficientNet-PyTorch's; false when it is none. */
bool ln_rename_lukemelas(const ln_arch *a, const char *in, char *out, size_t size);

#endif
