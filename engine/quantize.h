/* A network of floats whose tensors have been given scales becomes one of bytes. */
#ifndef LN_QUANTIZE_H
#define LN_QUANTIZE_H

#include "engine/graph.h"

/* What the bytes of a tensor stand for. */
typedef struct ln_quant_row {
    const char *name; /* of the node that makes it, or of the graph's input */
    ln_quant q;
} ln_quant_row;

/* The form in which a network is quantized: norms and scales folded into the layers before them,
 * clamps applied where their input is made, other activations by themselves. */
linnet_status ln_quantize_prepare(ln_graph *g, linnet_error *err);

/* Nodes of I8 in a prepared graph, in place: convolutions and FC whose weights are bytes with a
 * scale for each channel, and what else can, where the rows say what their results stand for. The
 * rest stays F32 between DEQUANTIZE and QUANTIZE. An unknown name is LINNET_ERR_BAD_FILE. */
linnet_status ln_quantize_graph(ln_graph *g, const ln_quant_row *row, int count, linnet_error *err);

/* Nodes of I8 where a network says itself what its tensors' bytes stand for, by QUANTIZE and
 * DEQUANTIZE around them. In place; the rest stays F32. */
linnet_status ln_quantize_fold(ln_graph *g, linnet_error *err);

/* Scale and zero point that cover lo to hi, and zero exactly. */
ln_quant ln_quant_cover(float lo, float hi);

#endif
