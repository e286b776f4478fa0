#include "vision/vision.h"
#include <math.h>
#include <string.h>

/* NaN after every number. */
static bool before(float a, float b) {
    return isnan(b) ? !isnan(a) : a > b;
}

/* Sum over all of exp(logit - best); an infinite best counts as one of its like. */
static double weight(float logit, float best) {
    if (isnan(logit)) return 0;
    return logit == best ? 1 : exp((double)logit - (double)best);
}

int ln_topk(const float *logits, int count, int k, ln_top *out) {
    int n = 0;
    k = LN_MIN(k, count);
    if (k <= 0) return 0;
    for (int i = 0; i < count; i++) {
        if (n == k && !before(logits[i], out[n - 1].logit)) continue;
        int lo = 0, hi = n; /* after every entry that is not less: ties keep their order */
        while (lo < hi) {
            int mid = (lo + hi) / 2;
            if (before(logits[i], out[mid].logit))
                hi = mid;
            else
                lo = mid + 1;
        }
        if (n < k) n++;
        memmove(out + lo + 1, out + lo, (size_t)(n - 1 - lo) * sizeof *out);
        out[lo] = (ln_top){.index = i, .logit = logits[i]};
    }
    double sum = 0;
    float best = out[0].logit;
    for (int i = 0; i < count; i++) sum += weight(logits[i], best);
    for (int i = 0; i < n; i++)
        out[i].probability = isnan(out[i].logit) ? NAN : (float)(weight(out[i].logit, best) / sum);
    return n;
}
