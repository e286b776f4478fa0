/* Inside models/: files that Linnet writes of a family, and what they say of themselves. */
#ifndef LN_SAVE_H
#define LN_SAVE_H

#include "models/model.h"

/* Adds family, preprocessing and labels of m to what `to` says of itself. */
linnet_status ln_save_meta(const ln_model *m, ln_weights *to, linnet_error *err);
/* Writes tensors and metadata of w. */
linnet_status ln_save(const ln_weights *w, const char *path, linnet_error *err);

#endif
