/* What calibration keeps of activations. */
#include "engine/ptq_parts.h"

#include <math.h>

void ln_ptq_see(ln_ptq_stats *s, const float *v, int64_t count) {
    if (!s->count) s->lo = s->hi = 0;
    for (int64_t i = 0, c = 0; i < count; i++) {
        if (isfinite(v[i])) {
            s->lo = fminf(s->lo, v[i]);
            s->hi = fmaxf(s->hi, v[i]);
            s->top[c] = fmaxf(s->top[c], fabsf(v[i]));
        }
        if (++c == s->channels) c = 0;
    }
    s->count += count;
}

void ln_ptq_count(ln_ptq_stats *s, const float *v, int64_t count) {
    const float per = s->hi > s->lo ? LN_PTQ_BINS / (s->hi - s->lo) : 0;
    for (int64_t i = 0; i < count; i++) {
        if (!isfinite(v[i])) continue;
        const int at = (int)((v[i] - s->lo) * per);
        s->bin[LN_MAX(LN_MIN(at, LN_PTQ_BINS - 1), 0)]++;
    }
}

void ln_ptq_range(const ln_ptq_stats *s, double percentile, float *lo, float *hi) {
    *lo = s->lo;
    *hi = s->hi;
    if (!s->bin) return;
    int64_t total = 0, gone = 0;
    for (int i = 0; i < LN_PTQ_BINS; i++) total += s->bin[i];
    const double most = (double)total * (100 - percentile) / 200;
    const double width = ((double)s->hi - (double)s->lo) / LN_PTQ_BINS;
    int first = 0, last = LN_PTQ_BINS - 1;
    while (first < last && (double)(gone + s->bin[first]) <= most) gone += s->bin[first++];
    for (gone = 0; last > first && (double)(gone + s->bin[last]) <= most; last--)
        gone += s->bin[last];
    *lo = (float)((double)s->lo + first * width);
    *hi = (float)((double)s->lo + (last + 1) * width);
}
