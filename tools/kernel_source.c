/* kernel_source OUT: writes the program of each kernel variant, at each vector width, to
 * OUT/VARIANT_WIDTH.cl, and prints a line of name, file and compiler options; of those that compute
 * in halves also with halves acted (VARIANT_WIDTH_acted.cl). */
#include "engine/variant.h"

#include <stdlib.h>

static int write_one(const char *out, int index, uint32_t width, bool acted) {
    linnet_error err = {0};
    ln_caps caps = {.vector_float = width, .acted_halves = acted};
    ln_str text = {0}, options = {0}, path = {0};
    int bad =
        ln_variant_source(&index, 1, LN_PROGRAM_KERNELS, &caps, &text, &options, &err) != LINNET_OK;
    ln_str_add(&path, "%s/%s_%u%s.cl", out, ln_variants[index].name, (unsigned)width,
               acted ? "_acted" : "");
    FILE *f = bad || path.failed ? NULL : fopen(path.p, "w");
    bad = !f || fwrite(text.p, 1, text.len, f) != text.len;
    if (f) bad |= fclose(f) != 0;
    if (bad)
        fprintf(stderr, "kernel_source: %s: %s\n", ln_variants[index].name, err.message);
    else
        printf("%s %s %s\n", ln_variants[index].name, path.p, options.p);
    ln_str_free(&text);
    ln_str_free(&options);
    ln_str_free(&path);
    return bad;
}

int main(int argc, char **argv) {
    static const uint32_t widths[] = {1, 8, 16};
    if (argc != 2) return 2;
    int bad = 0;
    for (int v = 0; v < ln_variant_count; v++)
        for (size_t w = 0; w < LN_COUNT(widths); w++) {
            bad |= write_one(argv[1], v, widths[w], false);
            if (ln_variant_is_fast(&ln_variants[v])) bad |= write_one(argv[1], v, widths[w], true);
        }
    return bad;
}
