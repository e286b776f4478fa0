#include "engine/tensor.h"
#include <math.h>
#include <string.h>

const char *const ln_dtype_names[LN_DTYPE_COUNT] = {"f32", "f16", "bf16", "f64", "i8",
                                                    "u8",  "i16", "i32",  "i64", "bool"};

size_t ln_dtype_size(ln_dtype t) {
    static const size_t size[LN_DTYPE_COUNT] = {4, 2, 2, 8, 1, 1, 2, 4, 8, 1};
    return (unsigned)t < LN_DTYPE_COUNT ? size[t] : 0;
}

bool ln_dtype_is_float(ln_dtype t) {
    return t == LN_F32 || t == LN_F16 || t == LN_BF16 || t == LN_F64;
}

bool ln_quant_equal(const ln_quant *a, const ln_quant *b) {
    return a->on == b->on && (!a->on || (a->scale == b->scale && a->zero == b->zero));
}

bool ln_shape_equal(const ln_shape *a, const ln_shape *b) {
    if (a->rank != b->rank) return false;
    for (int i = 0; i < a->rank; i++)
        if (a->dim[i] != b->dim[i]) return false;
    return true;
}

bool ln_shape_count(const ln_shape *s, int64_t *out) {
    int64_t n = 1;
    if (s->rank < 1 || s->rank > LN_MAX_RANK) return false;
    for (int i = 0; i < s->rank; i++)
        if (s->dim[i] <= 0 || !ln_mul_i64(n, s->dim[i], &n)) return false;
    *out = n;
    return true;
}

const char *ln_shape_text(const ln_shape *s, char buf[96]) {
    size_t at = 0;
    const int rank = s->rank < LN_MAX_RANK ? s->rank : LN_MAX_RANK;
    memcpy(buf, "scalar", 7);
    for (int i = 0; i < rank; i++) {
        const int n = snprintf(buf + at, 96 - at, i ? "x%lld" : "%lld", (long long)s->dim[i]);
        if (n < 0 || (size_t)n >= 96 - at) break; /* cut, never overrun */
        at += (size_t)n;
    }
    return buf;
}

void ln_shape_strides(const ln_shape *s, int64_t stride[LN_MAX_RANK]) {
    int64_t at = 1;
    for (int i = LN_MAX_RANK - 1; i >= 0; i--) {
        stride[i] = i < s->rank ? at : 0;
        if (i < s->rank) at *= s->dim[i];
    }
}

/* dst[n][b][a] = src[n][a][b] */
#define LN_SWAP_INNER(name, type)                                                                  \
    static void name(const type *src, type *dst, int64_t n, int64_t a, int64_t b) {                \
        for (int64_t i = 0; i < n; i++)                                                            \
            for (int64_t y = 0; y < b; y++)                                                        \
                for (int64_t x = 0; x < a; x++)                                                    \
                    dst[(i * b + y) * a + x] = src[(i * a + x) * b + y];                           \
    }
LN_SWAP_INNER(swap_bytes, uint8_t)
LN_SWAP_INNER(swap_halves, uint16_t)
LN_SWAP_INNER(swap_words, uint32_t)

static void swap_inner(ln_dtype t, const void *src, void *dst, int64_t n, int64_t a, int64_t b) {
    switch (ln_dtype_size(t)) {
    case 1: swap_bytes(src, dst, n, a, b); break;
    case 2: swap_halves(src, dst, n, a, b); break;
    default: swap_words(src, dst, n, a, b);
    }
}

void ln_nchw_to_nhwc(const ln_shape *s, ln_dtype t, const void *src, void *dst) {
    swap_inner(t, src, dst, s->dim[0], s->dim[3], s->dim[1] * s->dim[2]);
}

void ln_nhwc_to_nchw(const ln_shape *s, ln_dtype t, const void *src, void *dst) {
    swap_inner(t, src, dst, s->dim[0], s->dim[1] * s->dim[2], s->dim[3]);
}

ln_view ln_view_dense(const ln_shape *s, ln_dtype t, const void *data) {
    ln_view v = {.data = data, .dtype = t};
    ln_shape_strides(s, v.stride);
    return v;
}

float ln_elem_f32(const void *base, int64_t index, ln_dtype t) {
    const uint8_t *p = (const uint8_t *)base + index * (int64_t)ln_dtype_size(t);
    union {
        float f32;
        double f64;
        uint16_t u16;
        int16_t i16;
        int32_t i32;
        int64_t i64;
        uint32_t u32;
    } u;
    switch (t) { /* memcpy: mapped files promise no alignment */
    case LN_F32: memcpy(&u, p, 4); return u.f32;
    case LN_F16: memcpy(&u, p, 2); return ln_f16_to_f32(u.u16);
    case LN_BF16: {
        uint16_t half;
        memcpy(&half, p, 2);
        u.u32 = (uint32_t)half << 16;
        return u.f32;
    }
    case LN_F64: memcpy(&u, p, 8); return (float)u.f64;
    case LN_I8: return (float)(int8_t)*p;
    case LN_U8: return (float)*p;
    case LN_I16: memcpy(&u, p, 2); return (float)u.i16;
    case LN_I32: memcpy(&u, p, 4); return (float)u.i32;
    case LN_I64: memcpy(&u, p, 8); return (float)u.i64;
    case LN_BOOL: return *p ? 1.0f : 0.0f;
    case LN_DTYPE_COUNT: break;
    }
    return 0.0f;
}

int32_t ln_elem_i32(const void *base, int64_t index, ln_dtype t) {
    const uint8_t *p = (const uint8_t *)base + index * (int64_t)ln_dtype_size(t);
    int32_t i32;
    int64_t i64;
    double f64;
    switch (t) {
    case LN_I32: memcpy(&i32, p, 4); return i32;
    case LN_I64: memcpy(&i64, p, 8); return (int32_t)LN_MIN(LN_MAX(i64, INT32_MIN), INT32_MAX);
    case LN_F64: memcpy(&f64, p, 8); return ln_f64_to_i32(f64);
    default: return ln_f64_to_i32((double)ln_elem_f32(base, index, t));
    }
}

/* Half to float without a branch a loop could not take: a multiplication by 2^112 moves the
 * exponent, subnormals with it. */
void ln_from_halves(float *dst, const uint16_t *src, size_t n) {
    for (size_t i = n; i-- > 0;) {
        const uint32_t h = src[i], mag = (h & 0x7FFFu) << 13, sign = (h & 0x8000u) << 16;
        float v;
        memcpy(&v, &mag, 4);
        v *= 0x1p112f;
        uint32_t bits;
        memcpy(&bits, &v, 4);
        bits |= sign | (mag >= 0x0F800000u ? 0x7F800000u : 0); /* infinity, NaN */
        memcpy(&dst[i], &bits, 4);
    }
}

void ln_to_halves(uint16_t *dst, const float *src, size_t n) {
    for (size_t i = 0; i < n; i++) {
        uint32_t bits, low;
        memcpy(&bits, &src[i], 4);
        const uint32_t sign = bits >> 16 & 0x8000u, mag = bits & 0x7FFFFFFFu;
        const uint32_t normal = (mag - 0x38000000u + 0xFFFu + (mag >> 13 & 1u)) >> 13;
        float v; /* adding 1/2 leaves a subnormal half in the low bits, rounded */
        memcpy(&v, &mag, 4);
        v += 0.5f;
        memcpy(&low, &v, 4);
        uint32_t half = mag < 0x38800000u ? low - 0x3F000000u : normal;
        half = mag >= 0x47800000u ? 0x7C00u : half;
        half = mag > 0x7F800000u ? 0x7E00u : half;
        dst[i] = (uint16_t)(sign | half);
    }
}

size_t ln_round_to_halves(float *v, size_t n) {
    size_t over = 0;
    uint16_t part[256];
    for (size_t at = 0; at < n; at += LN_COUNT(part)) {
        const size_t some = LN_MIN(n - at, LN_COUNT(part));
        for (size_t i = 0; i < some; i++) /* 65520 and more round to infinity */
            over += fabsf(v[at + i]) >= 65520.0f && fabsf(v[at + i]) < INFINITY;
        ln_to_halves(part, v + at, some);
        ln_from_halves(v + at, part, some);
    }
    return over;
}
