/* What the device can do at most, measured. */
#ifndef LN_PEAK_H
#define LN_PEAK_H

#include "host/host.h"

/* f32 multiply-add peak in GFLOP/s, the best of several launches; takes some 50 ms. */
linnet_status ln_peak_gflops(ln_device *d, double *gflops, linnet_error *err);

#endif
