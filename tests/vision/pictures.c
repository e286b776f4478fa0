#include "pictures.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <jpeglib.h>
#include <spng.h>
#include <webp/encode.h>

void bytes_put(bytes *b, const void *data, size_t n) {
    b->p = realloc(b->p, b->n + n);
    if (n) memcpy(b->p + b->n, data, n);
    b->n += n;
}
void bytes_free(bytes *b) {
    free(b->p);
    *b = (bytes){0};
}

uint8_t pattern(int x, int y, int c) {
    return (uint8_t)((x * 7 + y * 13 + c * 29) ^ (x * y >> 3));
}
uint8_t *pattern_rows(int w, int h, int channels) {
    uint8_t *p = malloc((size_t)w * (size_t)h * (size_t)channels), *d = p;
    for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++)
            for (int c = 0; c < channels; c++) *d++ = pattern(x, y, c);
    return p;
}

static bytes finish_jpeg(struct jpeg_compress_struct *c, const uint8_t *rows) {
    size_t stride = (size_t)c->image_width * (size_t)c->input_components;
    while (c->next_scanline < c->image_height) {
        JSAMPROW row = (JSAMPROW)(uintptr_t)(rows + c->next_scanline * stride);
        jpeg_write_scanlines(c, &row, 1);
    }
    jpeg_finish_compress(c);
    return (bytes){0};
}

static void start_jpeg(struct jpeg_compress_struct *c, struct jpeg_error_mgr *e, int w, int h,
                       int channels, unsigned char **mem, unsigned long *size) {
    c->err = jpeg_std_error(e);
    jpeg_create_compress(c);
    jpeg_mem_dest(c, mem, size);
    c->image_width = (JDIMENSION)w, c->image_height = (JDIMENSION)h;
    c->input_components = channels;
    c->in_color_space = channels == 1 ? JCS_GRAYSCALE : channels == 3 ? JCS_RGB : JCS_CMYK;
    jpeg_set_defaults(c);
    jpeg_set_quality(c, 90, TRUE);
}

bytes make_jpeg(int w, int h, int channels, int progressive, const void *exif, size_t exif_size) {
    struct jpeg_compress_struct c;
    struct jpeg_error_mgr e;
    unsigned char *mem = NULL;
    unsigned long size = 0;
    uint8_t *rows = pattern_rows(w, h, channels);
    start_jpeg(&c, &e, w, h, channels, &mem, &size);
    if (progressive) jpeg_simple_progression(&c);
    jpeg_start_compress(&c, TRUE);
    if (exif) jpeg_write_marker(&c, JPEG_APP0 + 1, exif, (unsigned)exif_size);
    finish_jpeg(&c, rows);
    jpeg_destroy_compress(&c);
    free(rows);
    return (bytes){mem, size};
}

bytes make_jpeg_scans(void) {
    enum { LEVELS = 11, SCANS = 1 + 63 * LEVELS };
    static jpeg_scan_info scans[SCANS];
    struct jpeg_compress_struct c;
    struct jpeg_error_mgr e;
    unsigned char *mem = NULL;
    unsigned long size = 0;
    uint8_t *rows = pattern_rows(8, 8, 1);
    scans[0] = (jpeg_scan_info){.comps_in_scan = 1};
    for (int k = 1, n = 1; k < 64; k++)
        for (int level = LEVELS - 1; level >= 0; level--, n++)
            scans[n] = (jpeg_scan_info){.comps_in_scan = 1,
                                        .Ss = k,
                                        .Se = k,
                                        .Ah = level == LEVELS - 1 ? 0 : level + 1,
                                        .Al = level};
    start_jpeg(&c, &e, 8, 8, 1, &mem, &size);
    c.scan_info = scans;
    c.num_scans = SCANS;
    jpeg_start_compress(&c, TRUE);
    finish_jpeg(&c, rows);
    jpeg_destroy_compress(&c);
    free(rows);
    return (bytes){mem, size};
}

/* Rows as PNG stores them, before filtering: samples of `depth` bits, high bits first. */
static uint8_t *png_rows(int w, int h, int channels, int depth, size_t *size) {
    size_t stride = ((size_t)w * (size_t)channels * (size_t)depth + 7) / 8;
    uint8_t *p = calloc(stride, (size_t)h);
    *size = stride * (size_t)h;
    for (int y = 0; y < h; y++)
        for (int i = 0; i < w * channels; i++) {
            uint8_t v = pattern(i / channels, y, i % channels), *row = p + (size_t)y * stride;
            if (depth == 16)
                row[2 * i] = row[2 * i + 1] = v;
            else if (depth == 8)
                row[i] = v;
            else
                row[i * depth / 8] |=
                    (uint8_t)((v & ((1 << depth) - 1)) << (8 - depth - i * depth % 8));
        }
    return p;
}

bytes make_png(int w, int h, int color, int depth, int interlace) {
    static const int channels[7] = {1, 0, 3, 1, 2, 0, 4};
    spng_ctx *ctx = spng_ctx_new(SPNG_CTX_ENCODER);
    struct spng_ihdr ihdr = {.width = (uint32_t)w,
                             .height = (uint32_t)h,
                             .bit_depth = (uint8_t)depth,
                             .color_type = (uint8_t)color,
                             .interlace_method = (uint8_t)interlace};
    spng_set_option(ctx, SPNG_ENCODE_TO_BUFFER, 1);
    spng_set_ihdr(ctx, &ihdr);
    if (color == 3) {
        struct spng_plte plte = {.n_entries = 1u << depth};
        for (int i = 0; i < 1 << depth; i++)
            plte.entries[i] = (struct spng_plte_entry){
                .red = pattern(i, 1, 0), .green = pattern(i, 2, 1), .blue = pattern(i, 3, 2)};
        spng_set_plte(ctx, &plte);
    }
    size_t size;
    uint8_t *rows = png_rows(w, h, channels[color], depth, &size);
    int e = spng_encode_image(ctx, rows, size, SPNG_FMT_RAW, SPNG_ENCODE_FINALIZE);
    bytes b = {0};
    if (!e) b.p = spng_get_png_buffer(ctx, &b.n, &e);
    spng_ctx_free(ctx);
    free(rows);
    return b;
}

bytes make_webp(int w, int h, int lossless) {
    uint8_t *rows = pattern_rows(w, h, 3), *mem = NULL;
    bytes b = {0};
    size_t n = lossless ? WebPEncodeLosslessRGB(rows, w, h, w * 3, &mem)
                        : WebPEncodeRGB(rows, w, h, w * 3, 80, &mem);
    bytes_put(&b, mem, n);
    WebPFree(mem);
    free(rows);
    return b;
}

static void put_le(bytes *b, unsigned v, int n) {
    for (int i = 0; i < n; i++, v >>= 8) bytes_put(b, &(uint8_t){(uint8_t)v}, 1);
}

bytes make_webp_frame(int w, int h, int canvas_w, int canvas_h) {
    bytes still = make_webp(w, h, 1), b = {0};
    unsigned chunk = (unsigned)still.n - 12; /* what follows RIFF, size, WEBP */
    bytes_put(&b, "RIFF", 4);
    put_le(&b, 4 + 18 + 14 + 24 + chunk, 4);
    bytes_put(&b, "WEBPVP8X", 8);
    put_le(&b, 10, 4);
    put_le(&b, 2, 4); /* flags: animation */
    put_le(&b, (unsigned)canvas_w - 1, 3);
    put_le(&b, (unsigned)canvas_h - 1, 3);
    bytes_put(&b, "ANIM\6\0\0\0\0\0\0\0\0\0ANMF", 18);
    put_le(&b, 16 + chunk, 4);
    bytes_put(&b, "\0\0\0\0\0\0", 6);
    put_le(&b, (unsigned)w - 1, 3);
    put_le(&b, (unsigned)h - 1, 3);
    put_le(&b, 0, 4); /* duration and flags */
    bytes_put(&b, still.p + 12, chunk);
    bytes_free(&still);
    return b;
}

bytes make_bmp(int w, int h, int bits) {
    bytes b = {0};
    unsigned stride = ((unsigned)w * (unsigned)bits + 31) / 32 * 4;
    unsigned head[] = {40, (unsigned)w, (unsigned)h, 1u | (unsigned)bits << 16, 0, 0, 0, 0, 0, 0};
    bytes_put(&b, "BM", 2);
    put_le(&b, 54 + stride * (unsigned)h, 4);
    put_le(&b, 0, 4);
    put_le(&b, 54, 4);
    for (int i = 0; i < 10; i++) put_le(&b, head[i], 4);
    for (int y = h - 1; y >= 0; y--) {
        for (int x = 0; x < w; x++) {
            for (int c = 2; c >= 0; c--) put_le(&b, pattern(x, y, c), 1);
            if (bits == 32) put_le(&b, 0, 1);
        }
        put_le(&b, 0, (int)stride - w * bits / 8);
    }
    return b;
}

bytes make_ppm(int w, int h) {
    char head[64];
    bytes b = {0};
    uint8_t *rows = pattern_rows(w, h, 3);
    bytes_put(&b, head, (size_t)snprintf(head, sizeof head, "P6\n%d %d\n255\n", w, h));
    bytes_put(&b, rows, (size_t)w * (size_t)h * 3);
    free(rows);
    return b;
}

bytes make_exif(int big_endian, int type, unsigned value) {
    uint8_t be[] = "Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\0\0\0\0\x01\0\0\0\0\0\0\0\0";
    uint8_t le[] = "Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\0\0\x01\0\0\0\0\0\0\0\0\0\0\0";
    uint8_t *p = big_endian ? be : le;
    int size = type == 3 ? 2 : 4;
    p[big_endian ? 19 : 18] = (uint8_t)type;
    for (int i = 0; i < size; i++)
        p[24 + i] = (uint8_t)(value >> 8 * (big_endian ? size - 1 - i : i));
    bytes b = {0};
    bytes_put(&b, p, sizeof be - 1);
    return b;
}
