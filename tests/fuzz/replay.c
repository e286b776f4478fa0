/* replay COUNT SEED_FILES...: runs a fuzz target on each file, on cuts of it, and on COUNT seeded
 * mutations of it. A target that returns is all that is asked: crashes, sanitizer reports and
 * time-outs fail the test. */
#include "tests/fuzz/fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t state = 0x9E3779B97F4A7C15u;

static uint64_t draw(uint64_t below) { /* xorshift64 */
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return below ? state % below : 0;
}

static void run(const uint8_t *data, size_t size) {
    /* A block of its own size, so that the sanitizer sees the first byte beyond it. */
    uint8_t *copy = malloc(size ? size : 1);
    if (!copy) abort();
    memcpy(copy, data, size);
    LLVMFuzzerTestOneInput(copy, size);
    free(copy);
}

static const uint8_t edges[] = {0x00, 0x01, 0x7F, 0x80, 0xFE, 0xFF, '9', '{', '"', '-'};

/* One to four changes: most of them near the start, where headers are. */
static void mutate(uint8_t *p, size_t size) {
    for (uint64_t n = 1 + draw(4); n > 0; n--) {
        size_t reach = draw(3) ? (size < 512 ? size : 512) : size, at = draw(reach);
        switch (draw(4)) {
        case 0: p[at] ^= (uint8_t)(1u << draw(8)); break;
        case 1: p[at] = edges[draw(sizeof edges)]; break;
        case 2: memset(p + at, draw(2) ? 0xFF : 0, size - at < 4 ? size - at : 4); break;
        default: p[at] = p[draw(size)]; break;
        }
    }
}

static void replay(const uint8_t *data, size_t size, long count, uint8_t *scratch) {
    run(data, size);
    for (size_t cut = 0; cut < size; cut += size < 4096 ? 1 + size / 64 : size / 64) run(data, cut);
    for (long i = 0; i < count && size; i++) {
        memcpy(scratch, data, size);
        mutate(scratch, size);
        run(scratch, size);
    }
}

static uint8_t *slurp(const char *path, size_t *size) {
    FILE *f = fopen(path, "rb");
    uint8_t *data = NULL;
    if (f && fseek(f, 0, SEEK_END) == 0 && (*size = (size_t)ftell(f)) <= 1u << 24) {
        rewind(f);
        data = malloc(*size + 1);
        if (data && fread(data, 1, *size, f) != *size) {
            free(data);
            data = NULL;
        }
    }
    if (f) fclose(f);
    return data;
}

int main(int argc, char **argv) {
    long count = argc > 1 ? atol(argv[1]) : 0;
    if (argc < 3 || count <= 0) {
        fprintf(stderr, "usage: replay COUNT FILES...\n");
        return 2;
    }
    for (int i = 2; i < argc; i++) {
        size_t size = 0;
        uint8_t *data = slurp(argv[i], &size), *scratch = malloc(size + 1);
        if (!data || !scratch) {
            fprintf(stderr, "replay: cannot read %s\n", argv[i]);
            return 2;
        }
        replay(data, size, count, scratch);
        free(data);
        free(scratch);
    }
    printf("%d seeds, %ld mutations each\n", argc - 2, count);
    return 0;
}
