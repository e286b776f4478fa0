/* Inside models/tflite/: a FlexBuffer whose root is a map, as custom operators keep their options
 * in (https://flatbuffers.dev/flexbuffers/). Nothing is believed. */
#ifndef LN_FLEX_H
#define LN_FLEX_H

#include "base/base.h"

typedef struct ln_flex {
    const uint8_t *data;
    size_t size;
    size_t map, keys; /* places of element 0 */
    size_t width, key_width;
    uint64_t count;
} ln_flex;

/* False where there is no map, or one that does not lie inside. */
bool ln_flex_map(const uint8_t *data, size_t size, ln_flex *out);
/* The entry under a key as a number (booleans are 0 and 1); false when there is none. */
bool ln_flex_number(const ln_flex *f, const char *key, double *out);

#endif
