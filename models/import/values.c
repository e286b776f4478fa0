/* Constants on the host: elements of every type, and what a type can hold. */
#include "models/import/import.h"

bool ln_type_is_float(int type) {
    return type == LN_ONNX_FLOAT || type == LN_ONNX_DOUBLE || type == LN_ONNX_FLOAT16 ||
           type == LN_ONNX_BFLOAT16;
}

void ln_type_range(int type, int64_t *lo, int64_t *hi) {
    switch (type) {
    case LN_ONNX_BOOL: *lo = 0, *hi = 1; return;
    case LN_ONNX_UINT8: *lo = 0, *hi = UINT8_MAX; return;
    case LN_ONNX_INT8: *lo = INT8_MIN, *hi = INT8_MAX; return;
    case LN_ONNX_UINT16: *lo = 0, *hi = UINT16_MAX; return;
    case LN_ONNX_INT16: *lo = INT16_MIN, *hi = INT16_MAX; return;
    case LN_ONNX_UINT32: *lo = 0, *hi = UINT32_MAX; return;
    case LN_ONNX_INT32: *lo = INT32_MIN, *hi = INT32_MAX; return;
    case LN_ONNX_UINT64: *lo = 0, *hi = INT64_MAX; return;
    default: *lo = INT64_MIN, *hi = INT64_MAX; return;
    }
}

int64_t ln_type_wrap(int type, int64_t v) {
    switch (type) {
    case LN_ONNX_BOOL: return v != 0;
    case LN_ONNX_UINT8: return (uint8_t)v;
    case LN_ONNX_INT8: return (int8_t)(uint8_t)v;
    case LN_ONNX_UINT16: return (uint16_t)v;
    case LN_ONNX_INT16: return (int16_t)(uint16_t)v;
    case LN_ONNX_UINT32: return (uint32_t)v;
    case LN_ONNX_INT32: return (int32_t)(uint32_t)v;
    default: return v;
    }
}

int64_t ln_type_from_f(int type, double v) {
    int64_t lo, hi;
    ln_type_range(type, &lo, &hi);
    if (type == LN_ONNX_BOOL) return v != 0.0;
    if (isnan(v)) return 0;
    if (v <= (double)lo) return lo;
    return v >= (double)hi ? hi : (int64_t)v;
}

/* Round to nearest even to 8 significant bits; NaN and infinity stay. */
static double round_bf16(double v) {
    const float f = (float)v;
    uint32_t bits;
    float back;
    memcpy(&bits, &f, 4);
    if ((bits & 0x7F800000u) == 0x7F800000u) return (double)f;
    bits += 0x7FFFu + (bits >> 16 & 1u);
    bits &= 0xFFFF0000u;
    memcpy(&back, &bits, 4);
    return (double)back;
}

double ln_type_round(int type, double v) {
    switch (type) {
    case LN_ONNX_FLOAT: return (double)(float)v;
    case LN_ONNX_FLOAT16: return (double)ln_f16_to_f32(ln_f32_to_f16((float)v));
    case LN_ONNX_BFLOAT16: return round_bf16(v);
    default: return v;
    }
}

int64_t ln_host_i(const ln_host *h, int64_t i) {
    const uint8_t *p = (const uint8_t *)h->data + i * (int64_t)ln_onnx_type_size(h->stored);
    union {
        uint16_t u16;
        int16_t i16;
        uint32_t u32;
        int32_t i32;
        uint64_t u64;
        int64_t i64;
    } u;
    switch (h->stored) { /* memcpy: files promise no alignment */
    case LN_ONNX_BOOL: return *p != 0;
    case LN_ONNX_UINT8: return *p;
    case LN_ONNX_INT8: return (int8_t)*p;
    case LN_ONNX_UINT16: memcpy(&u, p, 2); return u.u16;
    case LN_ONNX_INT16: memcpy(&u, p, 2); return u.i16;
    case LN_ONNX_UINT32: memcpy(&u, p, 4); return u.u32;
    case LN_ONNX_INT32: memcpy(&u, p, 4); return u.i32;
    case LN_ONNX_UINT64: memcpy(&u, p, 8); return u.u64 > INT64_MAX ? INT64_MAX : u.i64;
    case LN_ONNX_INT64: memcpy(&u, p, 8); return u.i64;
    default: return ln_type_from_f(LN_ONNX_INT64, ln_host_f(h, i));
    }
}

double ln_host_f(const ln_host *h, int64_t i) {
    switch (h->stored) {
    case LN_ONNX_FLOAT: return (double)ln_elem_f32(h->data, i, LN_F32);
    case LN_ONNX_FLOAT16: return (double)ln_elem_f32(h->data, i, LN_F16);
    case LN_ONNX_BFLOAT16: return (double)ln_elem_f32(h->data, i, LN_BF16);
    case LN_ONNX_DOUBLE: {
        double v;
        memcpy(&v, (const uint8_t *)h->data + 8 * i, 8);
        return v;
    }
    default: return (double)ln_host_i(h, i);
    }
}

bool ln_count(const ln_shape *s, int64_t *out) {
    int64_t n = 1;
    bool empty = false;
    for (int i = 0; i < s->rank; i++) {
        if (s->dim[i] < 0) return false;
        if (s->dim[i] == 0) {
            empty = true;
        } else if (!ln_mul_i64(n, s->dim[i], &n)) {
            return false;
        }
    }
    *out = empty ? 0 : n;
    return true;
}
