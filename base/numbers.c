/* Conversions between types of numbers, and from text. */
#include "base/base.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

bool ln_parse_u64(const char *s, uint64_t *out) {
    char *end;
    errno = 0;
    *out = strtoull(s, &end, 10);
    return *s >= '0' && *s <= '9' && !*end && !errno;
}

/* IEEE 754 binary16: 1 sign, 5 exponent (bias 15), 10 fraction bits. */
float ln_f16_to_f32(uint16_t v) {
    const uint32_t sign = (uint32_t)(v & 0x8000u) << 16, exp = (v >> 10) & 31u, frac = v & 0x3FFu;
    uint32_t bits;
    float f;
    if (exp == 0) { /* zero or subnormal: frac * 2^-24, exact in f32 */
        f = (float)frac * 0x1p-24f;
        memcpy(&bits, &f, 4);
        bits |= sign;
    } else if (exp == 31) {
        bits = sign | 0x7F800000u | frac << 13;
    } else {
        bits = sign | (exp + 112) << 23 | frac << 13;
    }
    memcpy(&f, &bits, 4);
    return f;
}

/* Round to nearest, ties to even; overflow to infinity; NaN stays NaN. */
uint16_t ln_f32_to_f16(float v) {
    uint32_t bits;
    memcpy(&bits, &v, 4);
    const uint16_t sign = (uint16_t)(bits >> 16 & 0x8000u);
    const uint32_t mag = bits & 0x7FFFFFFFu;
    if (mag > 0x7F800000u) return sign | 0x7E00u;
    if (mag >= 0x477FF000u) return sign | 0x7C00u; /* 65520 and more */
    if (mag < 0x33000001u) return sign;            /* 2^-25 and less: ties go to zero */
    const int exp = (int)(mag >> 23) - 112;        /* exponent in binary16 */
    const int drop = exp > 0 ? 13 : 14 - exp;
    const uint32_t frac = (mag & 0x7FFFFFu) | 0x800000u;
    uint32_t half = frac >> drop;
    const uint32_t rest = frac & ((1u << drop) - 1), tie = 1u << (drop - 1);
    half += rest > tie || (rest == tie && (half & 1u));
    if (exp > 0) half += (uint32_t)(exp - 1) << 10; /* the hidden bit adds the other one */
    return (uint16_t)(sign | half);
}

int32_t ln_f64_to_i32(double v) {
    return v != v ? 0 : v >= 0x1p31 ? INT32_MAX : v <= -0x1p31 ? INT32_MIN : (int32_t)v;
}
