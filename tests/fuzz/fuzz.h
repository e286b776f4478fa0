/* What every fuzz target shares. A target defines LLVMFuzzerTestOneInput; libFuzzer drives it in
 * ./dev fuzz, and replay.c drives it with a fixed set of mutations in the ordinary tests. */
#ifndef LN_FUZZ_H
#define LN_FUZZ_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Puts the bytes into a nameless file and returns a path to it: for readers that map files. */
const char *fuzz_file(const uint8_t *data, size_t size);

#endif
