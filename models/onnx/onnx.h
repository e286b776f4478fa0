/* An ONNX file as a network (models/import/net.h). */
#ifndef LN_ONNX_H
#define LN_ONNX_H

#include "models/import/bind.h"

/* Bad files give LINNET_ERR_BAD_FILE, versions that are not read LINNET_ERR_UNSUPPORTED. */
linnet_status ln_onnx_open(const char *path, ln_net **out, linnet_error *err);
void ln_onnx_close(ln_net **m);
/* Preprocessing and labels of metadata_props. *labels: in pool, a label a line, or NULL. */
linnet_status ln_onnx_read_prep(const ln_net *m, ln_preprocess *prep, bool *known,
                                linnet_error *err);
linnet_status ln_onnx_read_labels(const ln_net *m, ln_pool *pool, const char **labels,
                                  linnet_error *err);

#endif
