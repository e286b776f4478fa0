/* Windows and OS/2 bitmaps: 1, 4, 8, 16, 24 and 32 bits, with or without channel masks, either
 * way up. Run-length coded ones are refused. Alpha is dropped. */
#include "vision/decode.h"
#include "base/file.h"

enum { BI_RGB = 0, BI_BITFIELDS = 3, BI_ALPHABITFIELDS = 6 };

typedef struct bmp {
    uint32_t data_at, header, width, height, bits, compression, colors;
    bool top_down;
    uint32_t mask[3];
    uint8_t palette[256][3];
} bmp;

static linnet_status skip(ln_cursor *c, size_t n, const char *what) {
    const uint8_t *unused;
    return ln_cur_bytes(c, n, &unused, what);
}

/* BITMAPCOREHEADER: 12 bytes, sizes of 16 bits, palette entries of three bytes. */
static linnet_status read_core(ln_cursor *c, bmp *h) {
    uint16_t w, ht, bits;
    LN_TRY(ln_cur_u16(c, &w, "BMP width"));
    LN_TRY(ln_cur_u16(c, &ht, "BMP height"));
    LN_TRY(skip(c, 2, "BMP planes"));
    LN_TRY(ln_cur_u16(c, &bits, "BMP bit count"));
    h->width = w, h->height = ht, h->bits = bits;
    return LINNET_OK;
}

/* BITMAPINFOHEADER and its longer successors, whose masks start at the same place as those
 * that follow a short header. */
static linnet_status read_info(ln_cursor *c, bmp *h, size_t start) {
    uint32_t w, ht;
    uint16_t bits;
    LN_TRY(ln_cur_u32(c, &w, "BMP width"));
    LN_TRY(ln_cur_u32(c, &ht, "BMP height"));
    LN_TRY(skip(c, 2, "BMP planes"));
    LN_TRY(ln_cur_u16(c, &bits, "BMP bit count"));
    LN_TRY(ln_cur_u32(c, &h->compression, "BMP compression"));
    LN_TRY(skip(c, 12, "BMP resolution"));
    LN_TRY(ln_cur_u32(c, &h->colors, "BMP color count"));
    LN_TRY(skip(c, 4, "BMP important colors"));
    if (w > INT32_MAX || ht == 0x80000000u)
        return ln_cur_fail(c, "expected a BMP width and height that fit, found %u x %u", w, ht);
    h->top_down = ht > INT32_MAX;
    h->width = w, h->height = h->top_down ? 0u - ht : ht, h->bits = bits;
    if (h->compression == BI_BITFIELDS || h->compression == BI_ALPHABITFIELDS) {
        for (int i = 0; i < 3; i++) LN_TRY(ln_cur_u32(c, &h->mask[i], "BMP channel mask"));
        if (h->header == 40) /* the masks lie between header and palette */
            start += h->compression == BI_BITFIELDS ? 12 : 16;
    }
    return ln_cur_seek(c, start + h->header, "BMP palette");
}

static linnet_status check_kind(const ln_cursor *c, bmp *h) {
    bool masks = h->compression == BI_BITFIELDS || h->compression == BI_ALPHABITFIELDS;
    if (h->compression == 1 || h->compression == 2)
        return ln_fail(c->err, LINNET_ERR_UNSUPPORTED,
                       "%s: run-length coded BMP is not read; save it uncompressed or as PNG",
                       c->path);
    bool known = h->bits == 1 || h->bits == 4 || h->bits == 8 || h->bits == 24;
    if (!((known && h->compression == BI_RGB) ||
          ((h->bits == 16 || h->bits == 32) && (masks || h->compression == BI_RGB))))
        return ln_fail(c->err, LINNET_ERR_UNSUPPORTED,
                       "%s: BMP of %u bits with compression %u is not read; save it as PNG",
                       c->path, h->bits, h->compression);
    if (!masks) {
        static const uint32_t mask16[3] = {0x7C00, 0x3E0, 0x1F};
        static const uint32_t mask32[3] = {0xFF0000, 0xFF00, 0xFF};
        for (int i = 0; i < 3; i++) h->mask[i] = h->bits == 16 ? mask16[i] : mask32[i];
    }
    return LINNET_OK;
}

static linnet_status read_palette(ln_cursor *c, bmp *h) {
    size_t entry = h->header == 12 ? 3 : 4, count = (size_t)1 << h->bits;
    if (h->colors && h->colors < count) count = h->colors;
    if (h->header == 12 && h->data_at > c->pos) /* OS/2 files may store fewer */
        count = LN_MIN(count, (h->data_at - c->pos) / entry);
    const uint8_t *p;
    LN_TRY(ln_cur_bytes(c, count * entry, &p, "BMP palette"));
    for (size_t i = 0; i < count; i++, p += entry)
        for (int k = 0; k < 3; k++) h->palette[i][k] = p[2 - k];
    return LINNET_OK;
}

/* Shift and largest value of a mask; a mask with gaps keeps its lowest run of ones. */
typedef struct field {
    int shift;
    uint32_t max;
} field;
static field field_of(uint32_t mask) {
    field f = {0, 0};
    if (!mask) return f;
    while (!(mask >> f.shift & 1)) f.shift++;
    for (mask >>= f.shift; mask & 1; mask >>= 1) f.max = f.max << 1 | 1;
    return f;
}

static void row_indexed(const bmp *h, const uint8_t *s, uint8_t *d) {
    uint32_t bits = h->bits, top = (1u << bits) - 1;
    for (uint32_t x = 0; x < h->width; x++, d += 3) {
        uint32_t bit = x * bits; /* at most 2^28 * 8 */
        uint32_t i = (uint32_t)s[bit >> 3] >> (8 - bits - (bit & 7)) & top;
        for (int k = 0; k < 3; k++) d[k] = h->palette[i][k];
    }
}
static void row_bgr24(const bmp *h, const uint8_t *s, uint8_t *d) {
    for (uint32_t x = 0; x < h->width; x++, s += 3, d += 3) d[0] = s[2], d[1] = s[1], d[2] = s[0];
}
static void row_masked(const bmp *h, const uint8_t *s, uint8_t *d) {
    field f[3];
    uint32_t step = h->bits / 8;
    for (int k = 0; k < 3; k++) f[k] = field_of(h->mask[k]);
    for (uint32_t x = 0; x < h->width; x++, s += step, d += 3) {
        uint32_t v = (uint32_t)s[0] | (uint32_t)s[1] << 8;
        if (step == 4) v |= (uint32_t)s[2] << 16 | (uint32_t)s[3] << 24;
        for (int k = 0; k < 3; k++)
            d[k] =
                f[k].max ? (uint8_t)((uint64_t)(v >> f[k].shift & f[k].max) * 255 / f[k].max) : 0;
    }
}

static linnet_status read_pixels(ln_cursor *c, const bmp *h, ln_image *out) {
    uint64_t stride = ((uint64_t)h->width * h->bits + 31) / 32 * 4;
    if ((uint64_t)h->width <= LN_IMAGE_MAX_PIXELS / LN_MAX(h->height, 1u) &&
        (c->pos > c->size || stride * h->height > c->size - c->pos))
        return ln_fail(c->err, LINNET_ERR_BAD_FILE,
                       "%s: truncated BMP at byte %zu: %u x %u pixels of %u bits were announced",
                       c->path, c->size, h->width, h->height, h->bits);
    LN_TRY(ln_image_alloc(out, h->width, h->height, c->path, c->err));
    const uint8_t *p = c->data + c->pos;
    for (uint32_t y = 0; y < h->height; y++, p += stride) {
        uint32_t to = h->top_down ? y : h->height - 1 - y;
        uint8_t *d = out->rgb + (size_t)to * h->width * 3;
        if (h->bits <= 8)
            row_indexed(h, p, d);
        else if (h->bits == 24)
            row_bgr24(h, p, d);
        else
            row_masked(h, p, d);
    }
    return LINNET_OK;
}

linnet_status ln_decode_bmp(const ln_blob *b, ln_image *out, int *orientation, linnet_error *err) {
    (void)orientation;
    ln_cursor c = {b->data, b->size, 0, b->name, err};
    bmp h = {0};
    LN_TRY(skip(&c, 10, "BMP file header"));
    LN_TRY(ln_cur_u32(&c, &h.data_at, "BMP data offset"));
    LN_TRY(ln_cur_u32(&c, &h.header, "BMP header size"));
    if (h.header == 12)
        LN_TRY(read_core(&c, &h));
    else if (h.header >= 40 && h.header <= 124)
        LN_TRY(read_info(&c, &h, 14));
    else
        return ln_cur_fail(&c, "expected a BMP header of 12 or 40 to 124 bytes, found %u",
                           h.header);
    LN_TRY(check_kind(&c, &h));
    if (h.bits <= 8) LN_TRY(read_palette(&c, &h));
    LN_TRY(ln_cur_seek(&c, h.data_at, "BMP pixels"));
    return read_pixels(&c, &h, out);
}
