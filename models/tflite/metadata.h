/* Inside models/tflite/: how pictures are prepared. */
#ifndef LN_TFLITE_METADATA_H
#define LN_TFLITE_METADATA_H

#include "models/model.h"
#include "models/tflite/import.h"

/* By the metadata in the file, else by custom: floats from -1 to 1; of a quantized input the pixels
 * themselves. *p holds what is taken where the file says nothing. */
linnet_status ln_tfl_read_prep(const ln_tfl_file *f, const ln_net *net, ln_preprocess *p,
                               linnet_error *err);

#endif
