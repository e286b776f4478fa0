/* How long work may get before a device's watchdog ends it, and how it is cut: a step into ranges
 * of tiles, a run into flushes and waits. Knows a device only as ln_caps. */
#ifndef LN_PACE_H
#define LN_PACE_H

#include "engine/plan.h"

typedef struct ln_pace {
    double launch_s; /* most of one launch, and of what is queued without a flush; 0: no limit */
    double queue_s;  /* most that is queued without a wait; 0: no limit */
    double slower;   /* how much longer the last long run took than estimated, at least 1 */
} ln_pace;

/* Processors have no watchdog, unless a quirk says so. */
ln_pace ln_pace_of(const ln_caps *caps);
/* Seconds at a rate that the worst kernel on the slowest device of its kind reaches. */
double ln_pace_estimate(const ln_pace *pace, const ln_caps *caps, const ln_step *s);
/* Tiles of one launch of the step: at least one, at most all. */
int ln_pace_tiles(const ln_pace *pace, const ln_caps *caps, const ln_step *s);
/* True when all steps at once, as one launch or one recording, may be too long. */
bool ln_pace_too_long(const ln_pace *pace, const ln_plan *p);
/* After a run of the whole plan that took so long. */
void ln_pace_note(ln_pace *pace, const ln_plan *p, double seconds);

#endif
