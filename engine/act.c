/* Activations: names and definitions. */
#include "engine/graph.h"
#include <math.h>

const char *const ln_act_names[LN_ACT_COUNT] = {
    "none",  "clamp", "hard_swish", "hard_sigmoid", "sigmoid",
    "swish", "gelu",  "gelu_tanh",  "tanh",         "leaky_relu"};

ln_act ln_act_relu(void) {
    return (ln_act){.kind = LN_ACT_CLAMP, .lo = 0.0f, .hi = INFINITY};
}

ln_act ln_act_relu6(void) {
    return (ln_act){.kind = LN_ACT_CLAMP, .lo = 0.0f, .hi = 6.0f};
}

/* Comparisons are false for NaN, so that NaN passes through. */
static double clamp(double x, double lo, double hi) {
    return x < lo ? lo : x > hi ? hi : x;
}

double ln_act_eval(const ln_act *a, double x) {
    switch (a->kind) {
    case LN_ACT_CLAMP: return clamp(x, a->lo, a->hi);
    case LN_ACT_HARD_SWISH: return x * clamp(x + 3.0, 0.0, 6.0) / 6.0;
    case LN_ACT_HARD_SIGMOID: return clamp(x * a->alpha + a->beta, 0.0, 1.0);
    case LN_ACT_SIGMOID: return 1.0 / (1.0 + exp(-x));
    case LN_ACT_SWISH: return x / (1.0 + exp(-x));
    case LN_ACT_GELU: return 0.5 * x * (1.0 + erf(x * 0.70710678118654752440)); /* x / sqrt 2 */
    case LN_ACT_GELU_TANH: /* sqrt(2/pi) (x + 0.044715 x^3) */
        return 0.5 * x * (1.0 + tanh(0.79788456080286535588 * (x + 0.044715 * x * x * x)));
    case LN_ACT_TANH: return tanh(x);
    case LN_ACT_LEAKY_RELU: return x < 0.0 ? a->alpha * x : x;
    case LN_ACT_NONE:
    case LN_ACT_COUNT: break;
    }
    return x;
}

float ln_act_apply(const ln_act *a, float x) {
    return (float)ln_act_eval(a, (double)x);
}

const char *ln_act_text(const ln_act *a, char buf[64]) {
    buf[0] = 0;
    if ((unsigned)a->kind >= LN_ACT_COUNT || a->kind == LN_ACT_NONE) return buf;
    if (a->kind != LN_ACT_CLAMP)
        snprintf(buf, 64, "%s", ln_act_names[a->kind]);
    else if (a->lo == 0.0f && isinf(a->hi))
        snprintf(buf, 64, "relu");
    else if (a->lo == 0.0f && a->hi == 6.0f)
        snprintf(buf, 64, "relu6");
    else
        snprintf(buf, 64, "clamp(%g,%g)", (double)a->lo, (double)a->hi);
    return buf;
}
