/* PNG by libspng, to 8-bit RGB: 16-bit samples keep their high byte, 1, 2 and 4 bits spread over
 * 0..255, alpha and tRNS are dropped. (Pillow differs for 16-bit grey alone, which it clips at
 * 255, so that nearly all of such a picture is white.) */
#include "vision/decode.h"
#include <string.h>
#include <spng.h>

#define MAX_CHUNK ((size_t)64 << 20)
/* Deflate cannot expand more than this (zlib's technical notes: 1032 to 1). */
#define MAX_INFLATE 1032

typedef struct source {
    const ln_blob *blob;
    size_t pos;
} source;

static int read_bytes(spng_ctx *ctx, void *user, void *dst, size_t n) {
    source *s = user;
    (void)ctx;
    if (n > s->blob->size - s->pos) return SPNG_IO_EOF;
    memcpy(dst, s->blob->data + s->pos, n);
    s->pos += n;
    return 0;
}

static linnet_status fail(const source *s, int code, linnet_error *err) {
    if (code == SPNG_IO_EOF)
        return ln_fail(err, LINNET_ERR_BAD_FILE, "%s: truncated PNG at byte %zu", s->blob->name,
                       s->blob->size);
    if (code == SPNG_EMEM)
        return ln_fail(err, LINNET_ERR_OUT_OF_MEMORY, "%s: no memory to decode this PNG",
                       s->blob->name);
    return ln_fail(err, LINNET_ERR_BAD_FILE, "%s: bad PNG near byte %zu: %s", s->blob->name, s->pos,
                   spng_strerror(code));
}

/* A few bytes that claim a huge picture are refused before memory is taken for it. */
static linnet_status check_size(const ln_blob *b, const struct spng_ihdr *h, linnet_error *err) {
    static const uint8_t channels[7] = {1, 0, 3, 1, 2, 0, 4};
    uint64_t bits = (uint64_t)h->width * h->height * channels[h->color_type % 7] * h->bit_depth;
    if ((uint64_t)h->width * h->height <= LN_IMAGE_MAX_PIXELS && bits / 8 / MAX_INFLATE > b->size)
        return ln_fail(err, LINNET_ERR_BAD_FILE,
                       "%s: the PNG claims %u x %u pixels, but its %zu bytes cannot hold them",
                       b->name, h->width, h->height, b->size);
    return LINNET_OK;
}

/* Sides that PNG forbids: read where its header has them, behind signature, length and type. */
static linnet_status bad_size(const ln_blob *b, linnet_error *err) {
    uint32_t side[2] = {0};
    for (size_t i = 0; i < 8 && b->size >= 24; i++)
        side[i / 4] = side[i / 4] << 8 | b->data[16 + i];
    return ln_fail(err, LINNET_ERR_BAD_FILE,
                   "%s: the PNG claims %u x %u pixels; a side is from 1 to 2147483647", b->name,
                   side[0], side[1]);
}

static linnet_status decode(spng_ctx *ctx, source *s, ln_image *out, int *orientation,
                            linnet_error *err) {
    struct spng_ihdr h;
    struct spng_exif exif;
    int e = spng_set_crc_action(ctx, SPNG_CRC_ERROR, SPNG_CRC_DISCARD);
    if (!e) e = spng_set_chunk_limits(ctx, MAX_CHUNK, MAX_CHUNK);
    if (!e) e = spng_set_png_stream(ctx, read_bytes, s);
    if (!e) e = spng_get_ihdr(ctx, &h);
    if (e == SPNG_EWIDTH || e == SPNG_EHEIGHT || e == SPNG_EUSER_WIDTH || e == SPNG_EUSER_HEIGHT)
        return bad_size(s->blob, err);
    if (e) return fail(s, e, err);
    LN_TRY(check_size(s->blob, &h, err));
    LN_TRY(ln_image_alloc(out, h.width, h.height, s->blob->name, err));
    size_t bytes = (size_t)h.width * h.height * 3;
    e = spng_decode_image(ctx, out->rgb, bytes, SPNG_FMT_RGB8, 0);
    if (e) return fail(s, e, err);
    if (!spng_get_exif(ctx, &exif))
        *orientation = ln_exif_orientation((const uint8_t *)exif.data, exif.length);
    return LINNET_OK;
}

linnet_status ln_decode_png(const ln_blob *b, ln_image *out, int *orientation, linnet_error *err) {
    source s = {b, 0};
    spng_ctx *ctx = spng_ctx_new(0);
    if (!ctx) return ln_fail_oom(err, "the PNG decoder", 1);
    linnet_status st = decode(ctx, &s, out, orientation, err);
    spng_ctx_free(ctx);
    if (st != LINNET_OK) ln_image_free(out);
    return st;
}
