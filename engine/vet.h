/* Kernels that are in the table and no good on a device: those whose groups are more than it allows
 * once they are built, and those of compilers that are known to make wrong ones
 * (LN_QUIRK_MISCOMPILES): each variant runs once against the reference before it is relied on, and
 * one that is wrong is used no more. */
#ifndef LN_VET_H
#define LN_VET_H

#include "engine/session.h"

/* The device's record to plan by, less the variants that the cache knows to be wrong. */
void ln_vet_caps(const ln_device *d, ln_caps *out);
/* Checks those variants of the session's plan that nothing is known of, each at its smallest step
 * and with random inputs, and notes in the cache what came of it. *sound: none was wrong; else the
 * rows are in caps->wrong, by which to plan anew. Does nothing on devices without the quirk. */
linnet_status ln_vet_session(const ln_device *d, ln_session *s, ln_caps *caps, bool *sound,
                             linnet_error *err);

/* The variant of a row cannot run on the device as built: noted in caps->wrong and the cache. */
void ln_vet_unfit(const ln_device *d, int row, ln_caps *caps);

#endif
