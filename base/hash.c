#include "base/base.h"

#include <pthread.h>

uint64_t ln_hash(uint64_t h, const void *data, size_t bytes) {
    const uint8_t *p = data;
    for (size_t i = 0; i < bytes; i++) h = (h ^ p[i]) * 0x100000001B3ull;
    return h;
}

/* CRC-32 of IEEE 802.3, reflected, four bytes a step ("slicing by 4"). */
static uint32_t table[4][256];
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void make_table(void) {
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t c = i;
        for (int k = 0; k < 8; k++) c = c & 1 ? c >> 1 ^ 0xEDB88320u : c >> 1;
        table[0][i] = c;
    }
    for (int t = 1; t < 4; t++)
        for (int i = 0; i < 256; i++)
            table[t][i] = table[t - 1][i] >> 8 ^ table[0][table[t - 1][i] & 255];
}

uint32_t ln_crc32(uint32_t crc, const void *data, size_t bytes) {
    pthread_once(&once, make_table);
    const uint8_t *p = data;
    uint32_t c = ~crc;
    for (; bytes >= 4; bytes -= 4, p += 4) {
        c ^= (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
        c = table[3][c & 255] ^ table[2][c >> 8 & 255] ^ table[1][c >> 16 & 255] ^
            table[0][c >> 24];
    }
    for (; bytes; bytes--, p++) c = c >> 8 ^ table[0][(c ^ *p) & 255];
    return ~c;
}
