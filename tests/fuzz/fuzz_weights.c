/* FUZZ_OPEN: the reader; every tensor that it names must be readable to its last byte. */
#include "models/weights.h"
#include "tests/fuzz/fuzz.h"

static volatile unsigned sink;

static void touch(const ln_weight *w) {
    int64_t last = 0;
    for (int d = 0; d < w->shape.rank; d++) {
        if (w->shape.dim[d] == 0) return;
        last += (w->shape.dim[d] - 1) * w->stride[d];
    }
    const uint8_t *p = w->data;
    size_t bytes = ln_dtype_size(w->dtype);
    sink += p[0] + p[(size_t)last * bytes + bytes - 1];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    linnet_error err = {0};
    ln_weights *w = NULL;
    if (FUZZ_OPEN(fuzz_file(data, size), &w, &err) == LINNET_OK)
        for (size_t i = 0; i < ln_weights_count(w); i++) touch(ln_weights_at(w, i));
    ln_weights_close(&w);
    return 0;
}
