#include "tests/fuzz/fuzz.h"
#include "vision/vision.h"
#include <stdlib.h>
#include <string.h>

/* FUZZ_FORMAT: the decoder that gets every input, by writing its signature over the first bytes
 * ('?' stays as it is); without it the input chooses. */
#ifdef FUZZ_FORMAT
static const char *const signatures[] = {"\xFF\xD8\xFF", "\x89PNG\r\n\x1A\n", "RIFF????WEBP", "BM",
                                         "P"};
static void stamp(uint8_t *p, size_t size) {
    const char *s = signatures[FUZZ_FORMAT];
    for (size_t i = 0; s[i] && i < size; i++)
        if (s[i] != '?') p[i] = (uint8_t)s[i];
}
#else
static void stamp(uint8_t *p, size_t size) {
    (void)p, (void)size;
}
#endif

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    linnet_error err = {0};
    ln_image image = {0};
    uint8_t *copy = malloc(size ? size : 1);
    if (!copy) return 0;
    if (size) memcpy(copy, data, size);
    stamp(copy, size);
    if (ln_image_decode(copy, size, "fuzz", &image, &err) == LINNET_OK) ln_image_free(&image);
    free(copy);
    return 0;
}
