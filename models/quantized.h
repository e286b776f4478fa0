/* Inside models/: families whose layers are bytes. A file of such says under "quantization", as
 * JSON:
 *   {"version": 1, "scales": {NAME: [scale, zero point, "open"?], ...}}
 * for the input and for what each layer makes ("open": its clamp has no upper end). Norms are
 * folded into the layers before them and not there; NAME.weight of bytes, symmetric, has
 * NAME.weight_scale, a float for each output channel; biases are floats. */
#ifndef LN_QUANTIZED_H
#define LN_QUANTIZED_H

#include "engine/quantize.h"
#include "models/model.h"

#define LN_META_QUANT "quantization"

typedef struct ln_quant_rows {
    ln_quant_row *row;
    int count; /* 0: floats */
    ln_pool pool;
} ln_quant_rows;
/* What the metadata of w says; none is no error. */
linnet_status ln_quant_rows_read(const ln_weights *w, ln_quant_rows *out, linnet_error *err);
void ln_quant_rows_free(ln_quant_rows *r);

#endif
