/* Post-training quantization: a network of floats, and pictures to calibrate it on, to bytes.
 *
 * The network is run over the pictures with every activation observed; weights get a scale for each
 * output channel, activations the range that was seen. What is lost is measured layer by layer. */
#ifndef LN_PTQ_H
#define LN_PTQ_H

#include "engine/quantize.h"
#include "host/host.h"

typedef enum ln_range_kind { LN_RANGE_MINMAX, LN_RANGE_PERCENTILE } ln_range_kind;
/* Cross-layer equalisation (Nagel et al. 2019, arXiv:1906.04721, section 4.1). */
typedef enum ln_equalize { LN_EQUALIZE_AUTO, LN_EQUALIZE_OFF, LN_EQUALIZE_ON } ln_equalize;

typedef struct ln_ptq_params {
    /* The network as it was built, of one image, with weights; called several times. */
    linnet_status (*graph)(void *user, ln_graph **out, linnet_error *err);
    /* Picture i as the network's input, in the caller's order. */
    linnet_status (*picture)(void *user, size_t i, float *out, linnet_error *err);
    void (*progress)(void *user, size_t done, size_t total); /* may be NULL */
    void *user;
    size_t pictures;
    ln_device *device; /* NULL: the C reference */
    ln_range_kind range;
    double percentile; /* of the elements that a range covers; above 50, at most 100 */
    ln_equalize equalize;
    bool keep_bias; /* no correction of biases */
    bool nearest;   /* weights are rounded one by one, without feedback */
} ln_ptq_params;

typedef struct ln_ptq_layer {
    const char *name, *op;
    float lo, hi;  /* observed */
    ln_quant q;    /* off: the layer stays F32 */
    double sqnr;   /* dB: the square of its values over that of what quantization changed */
    double cosine; /* between the two */
} ln_ptq_layer;

typedef struct ln_ptq {
    ln_graph *graph; /* prepared; weights of quantized layers are bytes with scales */
    ln_quant_row *row;
    int n_row;
    ln_ptq_layer *layer; /* in order */
    int n_layer;
    bool equalized;
    double cosine, sqnr; /* of the outputs, against the network before */
    size_t measured;     /* pictures that these are of */
    ln_pool pool;
} ln_ptq;

linnet_status ln_ptq_run(const ln_ptq_params *p, ln_ptq *out, linnet_error *err);
void ln_ptq_free(ln_ptq *p);

#endif
