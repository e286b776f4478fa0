/* PBM, PGM and PPM, plain (P1 to P3) and raw (P4 to P6), any maxval up to 65535. */
#include "vision/decode.h"
#include "base/file.h"

typedef struct pnm {
    ln_cursor c;
    int kind; /* 1..6 */
    uint32_t width, height, maxval;
    int channels;
    uint8_t scaled[256]; /* of values up to 255 when maxval is not above it */
} pnm;

static bool is_space(uint8_t b) {
    return b == ' ' || (b >= '\t' && b <= '\r');
}

/* White space and comments, which run from # to the end of the line. */
static void skip_space(ln_cursor *c) {
    bool comment = false;
    for (; c->pos < c->size; c->pos++) {
        uint8_t b = c->data[c->pos];
        if (comment)
            comment = b != '\n' && b != '\r';
        else if (b == '#')
            comment = true;
        else if (!is_space(b))
            return;
    }
}

static linnet_status truncated(const pnm *p) {
    return ln_fail(p->c.err, LINNET_ERR_BAD_FILE,
                   "%s: truncated P%d picture at byte %zu: %u x %u pixels were announced",
                   p->c.path, p->kind, p->c.size, p->width, p->height);
}

/* A decimal number, at most max. */
static linnet_status number(pnm *p, uint32_t max, uint32_t *out, const char *what) {
    ln_cursor *c = &p->c;
    skip_space(c);
    if (c->pos == c->size) return truncated(p);
    uint32_t v = 0;
    size_t start = c->pos;
    for (; c->pos < c->size && c->data[c->pos] >= '0' && c->data[c->pos] <= '9'; c->pos++) {
        v = v * 10 + (uint32_t)(c->data[c->pos] - '0');
        if (v > max) return ln_cur_fail(c, "expected %s of at most %u", what, max);
    }
    if (c->pos == start) return ln_cur_fail(c, "expected %s as a decimal number", what);
    *out = v;
    return LINNET_OK;
}

/* v * 255 / maxval, ties to even. */
static uint8_t scale(uint32_t v, uint32_t maxval) {
    uint32_t n = LN_MIN(v, maxval) * 255, q = n / maxval, twice = n % maxval * 2;
    return (uint8_t)(q + (twice > maxval || (twice == maxval && (q & 1))));
}

static linnet_status read_header(pnm *p) {
    p->c.pos = 2;
    LN_TRY(number(p, 100000000, &p->width, "a picture width"));
    LN_TRY(number(p, 100000000, &p->height, "a picture height"));
    p->maxval = 1;
    if (p->kind != 1 && p->kind != 4) LN_TRY(number(p, 65535, &p->maxval, "a largest value"));
    if (!p->maxval) return ln_cur_fail(&p->c, "expected a largest value above 0");
    p->channels = p->kind == 3 || p->kind == 6 ? 3 : 1;
    for (uint32_t v = 0; v < 256; v++) p->scaled[v] = scale(v, p->maxval);
    if (p->kind >= 4) { /* exactly one white space before the raw bytes */
        if (p->c.pos == p->c.size) return truncated(p);
        if (!is_space(p->c.data[p->c.pos]))
            return ln_cur_fail(&p->c, "expected white space before the pixels");
        p->c.pos++;
    }
    return LINNET_OK;
}

static void put(uint8_t *rgb, size_t i, int channels, uint8_t v) {
    if (channels == 3)
        rgb[i] = v;
    else
        rgb[i * 3] = rgb[i * 3 + 1] = rgb[i * 3 + 2] = v;
}

static linnet_status read_plain(pnm *p, ln_image *out) {
    size_t n = (size_t)p->width * p->height * (size_t)p->channels;
    for (size_t i = 0; i < n; i++) {
        uint32_t v;
        if (p->kind == 1) { /* digits may touch each other */
            skip_space(&p->c);
            if (p->c.pos == p->c.size) return truncated(p);
            v = p->c.data[p->c.pos] - (uint32_t)'0';
            if (v > 1) return ln_cur_fail(&p->c, "expected 0 or 1");
            p->c.pos++;
            v ^= 1; /* 1 is black */
        } else {
            LN_TRY(number(p, p->maxval, &v, "a sample"));
        }
        put(out->rgb, i, p->channels, scale(v, p->maxval));
    }
    return LINNET_OK;
}

static void read_bits(const pnm *p, const uint8_t *s, ln_image *out) {
    size_t stride = ((size_t)p->width + 7) / 8;
    for (size_t y = 0; y < p->height; y++, s += stride)
        for (size_t x = 0; x < p->width; x++)
            put(out->rgb, y * p->width + x, 1, s[x >> 3] >> (7 - (x & 7)) & 1 ? 0 : 255);
}

static void read_samples(const pnm *p, const uint8_t *s, ln_image *out) {
    size_t n = (size_t)p->width * p->height * (size_t)p->channels;
    for (size_t i = 0; i < n; i++) {
        uint8_t v = p->maxval > 255 ? scale((uint32_t)s[2 * i] << 8 | s[2 * i + 1], p->maxval)
                                    : p->scaled[s[i]];
        put(out->rgb, i, p->channels, v);
    }
}

/* The least bytes that the pixels take, before any memory is taken for them. */
static linnet_status check_bytes(const pnm *p) {
    uint64_t n = (uint64_t)p->width * p->height * (uint64_t)p->channels, need = n;
    if (p->kind == 4) need = ((uint64_t)p->width + 7) / 8 * p->height;
    if (p->kind > 4 && p->maxval > 255) need = n * 2;
    if (p->kind == 2 || p->kind == 3) need = n ? n * 2 - 1 : 0;
    if ((uint64_t)p->width * p->height > LN_IMAGE_MAX_PIXELS) return LINNET_OK;
    return need > p->c.size - p->c.pos ? truncated(p) : LINNET_OK;
}

linnet_status ln_decode_pnm(const ln_blob *b, ln_image *out, int *orientation, linnet_error *err) {
    (void)orientation;
    pnm p = {.c = {b->data, b->size, 0, b->name, err}, .kind = b->data[1] - '0'};
    LN_TRY(read_header(&p));
    LN_TRY(check_bytes(&p));
    LN_TRY(ln_image_alloc(out, p.width, p.height, b->name, err));
    linnet_status st = LINNET_OK;
    if (p.kind <= 3)
        st = read_plain(&p, out);
    else if (p.kind == 4)
        read_bits(&p, b->data + p.c.pos, out);
    else
        read_samples(&p, b->data + p.c.pos, out);
    if (st != LINNET_OK) ln_image_free(out);
    return st;
}
