/* What the device can do at most, measured. */
#ifndef LN_PEAK_H
#define LN_PEAK_H

#include "host/host.h"

/* GB/s read and written by y = x * a over `bytes` of memory, half of them x; the best of several
 * launches. */
linnet_status ln_peak_bandwidth(ln_device *d, size_t bytes, double *gbs, linnet_error *err);
/* f32 multiply-add peak in GFLOP/s, the best of several launches; takes some 50 ms. */
linnet_status ln_peak_gflops(ln_device *d, double *gflops, linnet_error *err);
/* How long one of `units` processors worked for a launch of all: of the wall's time and the
 * process's, whichever says less: too little where units are unlike. units, or the process's time,
 * 0: the wall's. */
double ln_peak_unit_ns(double wall_ns, double cpu_ns, int units);

#endif
