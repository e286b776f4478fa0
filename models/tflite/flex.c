#include "models/tflite/flex.h"

#include <string.h>

/* Types of values; the low two bits of a packed type are log2 of a width in bytes. */
enum { INT = 1, UINT = 2, FLOAT = 3, INDIRECT_INT = 6, INDIRECT_FLOAT = 8, MAP = 9, BOOL = 26 };
enum { SOME_INDIRECT = INDIRECT_INT - INT };

static bool inside(const ln_flex *f, size_t at, size_t bytes) {
    return at <= f->size && bytes <= f->size - at;
}

static bool read_uint(const ln_flex *f, size_t at, size_t width, uint64_t *out) {
    if (!inside(f, at, width)) return false;
    *out = 0;
    for (size_t i = width; i-- > 0;) *out = *out << 8 | f->data[at + i];
    return true;
}

/* Offsets point back from where they stand. */
static bool follow(const ln_flex *f, size_t at, size_t width, size_t *to) {
    uint64_t back;
    if (!read_uint(f, at, width, &back) || !back || back > at) return false;
    *to = at - (size_t)back;
    return true;
}

/* In front of a map's values: where its keys are, the width of those, how many there are. */
bool ln_flex_map(const uint8_t *data, size_t size, ln_flex *out) {
    ln_flex f = {.data = data, .size = size};
    uint64_t width;
    *out = f;
    if (size < 3) return false;
    const size_t root = data[size - 1]; /* the last byte: width of the root */
    if (data[size - 2] >> 2 != MAP || (root != 1 && root != 2 && root != 4 && root != 8) ||
        size - 2 < root || !follow(&f, size - 2 - root, root, &f.map))
        return false;
    f.width = (size_t)1 << (data[size - 2] & 3);
    if (f.map < 3 * f.width || !read_uint(&f, f.map - f.width, f.width, &f.count) ||
        !read_uint(&f, f.map - 2 * f.width, f.width, &width) ||
        !follow(&f, f.map - 3 * f.width, f.width, &f.keys))
        return false;
    if (width != 1 && width != 2 && width != 4 && width != 8) return false;
    f.key_width = (size_t)width;
    const uint64_t most = size / (f.width + 1); /* each has a value and the byte of its type */
    if (f.count > most || !inside(&f, f.map, (size_t)f.count * (f.width + 1)) ||
        !inside(&f, f.keys, (size_t)f.count * f.key_width))
        return false;
    *out = f;
    return true;
}

static bool is_key(const ln_flex *f, size_t i, const char *key) {
    size_t at;
    const size_t n = strlen(key) + 1;
    return follow(f, f->keys + i * f->key_width, f->key_width, &at) && inside(f, at, n) &&
           !memcmp(f->data + at, key, n);
}

static bool number(const ln_flex *f, size_t at, size_t width, int type, double *out) {
    uint64_t bits;
    if (!read_uint(f, at, width, &bits)) return false;
    if (type == FLOAT) {
        const uint32_t low = (uint32_t)bits;
        float single;
        memcpy(&single, &low, sizeof single);
        if (width == 8) memcpy(out, &bits, sizeof *out);
        if (width == 4) *out = (double)single;
        return width >= 4;
    }
    const unsigned unused = 64 - 8 * (unsigned)width;
    *out = type == INT ? (double)((int64_t)(bits << unused) >> unused) : (double)bits;
    return true;
}

bool ln_flex_number(const ln_flex *f, const char *key, double *out) {
    for (size_t i = 0; i < f->count; i++) {
        if (!is_key(f, i, key)) continue;
        const uint8_t packed = f->data[f->map + (size_t)f->count * f->width + i];
        size_t at = f->map + i * f->width, width = f->width;
        int type = packed >> 2;
        if (type >= INDIRECT_INT && type <= INDIRECT_FLOAT) {
            if (!follow(f, at, width, &at)) return false;
            width = (size_t)1 << (packed & 3);
            type -= SOME_INDIRECT;
        }
        if (type != INT && type != UINT && type != FLOAT && type != BOOL) return false;
        return number(f, at, width, type, out);
    }
    return false;
}
