#include "tests/fuzz/fuzz.h"
#include "vision/vision.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    linnet_error err = {0};
    ln_image image = {0};
    if (ln_image_decode(data, size, "fuzz", &image, &err) == LINNET_OK) ln_image_free(&image);
    return 0;
}
