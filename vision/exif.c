/* EXIF 2.3: a TIFF 6.0 header and its first directory of 12-byte entries. */
#include "vision/decode.h"
#include <string.h>

enum { TAG_ORIENTATION = 0x0112, TYPE_SHORT = 3, TYPE_LONG = 4 };

typedef struct tiff {
    const uint8_t *p;
    size_t size;
    bool big_endian;
} tiff;

/* Reads past the end give 0, which no caller takes for a valid value. */
static uint32_t get16(const tiff *t, size_t at) {
    if (t->size < 2 || at > t->size - 2) return 0;
    const uint8_t *p = t->p + at;
    return t->big_endian ? (uint32_t)(p[0] << 8 | p[1]) : (uint32_t)(p[1] << 8 | p[0]);
}
static uint32_t get32(const tiff *t, size_t at) {
    uint32_t a = get16(t, at), b = get16(t, at + 2);
    return t->big_endian ? a << 16 | b : b << 16 | a;
}

int ln_exif_orientation(const uint8_t *data, size_t size) {
    if (size >= 6 && !memcmp(data, "Exif\0\0", 6)) data += 6, size -= 6;
    tiff t = {data, size, false};
    if (size < 8) return 1;
    if (!memcmp(data, "MM\0*", 4))
        t.big_endian = true;
    else if (memcmp(data, "II*\0", 4) != 0)
        return 1;
    size_t dir = get32(&t, 4);
    if (dir < 8) return 1;
    uint32_t entries = get16(&t, dir);
    for (uint32_t i = 0; i < entries; i++) {
        size_t at = dir + 2 + (size_t)i * 12;
        if (at > size || size - at < 12) return 1;
        if (get16(&t, at) != TAG_ORIENTATION) continue;
        uint32_t type = get16(&t, at + 2), v = 0;
        if (get32(&t, at + 4) == 1 && (type == TYPE_SHORT || type == TYPE_LONG))
            v = type == TYPE_SHORT ? get16(&t, at + 8) : get32(&t, at + 8);
        return v >= 1 && v <= 8 ? (int)v : 1;
    }
    return 1;
}
