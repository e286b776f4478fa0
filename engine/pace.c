#include "engine/pace.h"

/* What a compute unit does at the least, in multiply-adds and bytes a second. Phones' GPUs of a
 * single unit have peaks 40 times that; work is cut finer than need be, which costs a launch for
 * each tenth of a second. */
#define UNIT_MACS  1e9
#define UNIT_BYTES 0.5e9

/* Watchdogs bite after 0.6 s (a batch of Intel's on Linux) to 10 s; those that count what is
 * queued, after about 14 s (intel/compute-runtime#904). */
#define LAUNCH_S    0.1
#define QUEUE_S     2.0
#define MOST_SLOWER 16.0

ln_pace ln_pace_of(const ln_caps *caps) {
    bool quirk = ln_caps_quirk(caps, LN_QUIRK_SHORT_QUEUE);
    bool watched = quirk || !ln_caps_deep(caps);
    return (ln_pace){watched ? LAUNCH_S : 0, quirk ? QUEUE_S : 0, 1.0};
}

double ln_pace_estimate(const ln_pace *pace, const ln_caps *caps, const ln_step *s) {
    double units = LN_MAX(caps->compute_units, 1u);
    return pace->slower * ((double)s->macs / UNIT_MACS + (double)s->bytes / UNIT_BYTES) / units;
}

int ln_pace_tiles(const ln_pace *pace, const ln_caps *caps, const ln_step *s) {
    double seconds = ln_pace_estimate(pace, caps, s);
    if (pace->launch_s <= 0 || seconds <= pace->launch_s) return s->args.tiles;
    return LN_MAX((int)(s->args.tiles * (pace->launch_s / seconds)), 1);
}

static double whole(const ln_pace *pace, const ln_plan *p) {
    double sum = 0;
    for (int i = 0; i < p->n_step; i++) sum += ln_pace_estimate(pace, &p->caps, &p->step[i]);
    return sum;
}

bool ln_pace_too_long(const ln_pace *pace, const ln_plan *p) {
    return pace->launch_s > 0 && whole(pace, p) > pace->launch_s;
}

void ln_pace_note(ln_pace *pace, const ln_plan *p, double seconds) {
    if (pace->launch_s <= 0 || seconds <= pace->launch_s) return;
    pace->slower = 1;
    double factor = seconds / LN_MAX(whole(pace, p), 1e-9);
    pace->slower = LN_MIN(LN_MAX(factor, 1.0), MOST_SLOWER);
}
