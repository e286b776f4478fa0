/* A file with a graph of its own, from its bytes to a graph as ln_model_open takes it; the format
 * is FUZZ_FORMAT. */
#include "models/format.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    linnet_error err = {0};
    ln_file_info info = {.prep = {.size = 8}};
    void *file = NULL;
    ln_graph *g = NULL;
    const ln_model_params p = {.model = fuzz_file(data, size)};
    if (FUZZ_FORMAT.open(&p, &info, &file, &err) == LINNET_OK) {
        FUZZ_FORMAT.graph(file, 0, 0, 0, &g, &err);
        ln_graph_destroy(&g);
        FUZZ_FORMAT.graph(file, 2, 12, 0, &g, &err);
        ln_graph_destroy(&g);
    }
    FUZZ_FORMAT.close(file);
    return 0;
}
