#include "base/file.h"

static linnet_status short_of(ln_cursor *c, size_t n, const char *what) {
    return ln_fail(c->err, LINNET_ERR_BAD_FILE,
                   "%s: byte %zu: expected %s (%zu bytes), but the file has %zu more", c->path,
                   c->pos, what, n, c->size - c->pos);
}

linnet_status ln_cur_bytes(ln_cursor *c, size_t n, const uint8_t **out, const char *what) {
    if (n > c->size - c->pos) return short_of(c, n, what);
    if (out) *out = c->data + c->pos;
    c->pos += n;
    return LINNET_OK;
}

static linnet_status little_endian(ln_cursor *c, size_t n, uint64_t *out, const char *what) {
    const uint8_t *p;
    LN_TRY(ln_cur_bytes(c, n, &p, what));
    uint64_t v = 0;
    for (size_t i = n; i-- > 0;) v = v << 8 | p[i];
    *out = v;
    return LINNET_OK;
}

linnet_status ln_cur_u8(ln_cursor *c, uint8_t *out, const char *what) {
    uint64_t v;
    LN_TRY(little_endian(c, 1, &v, what));
    *out = (uint8_t)v;
    return LINNET_OK;
}

linnet_status ln_cur_u16(ln_cursor *c, uint16_t *out, const char *what) {
    uint64_t v;
    LN_TRY(little_endian(c, 2, &v, what));
    *out = (uint16_t)v;
    return LINNET_OK;
}

linnet_status ln_cur_u32(ln_cursor *c, uint32_t *out, const char *what) {
    uint64_t v;
    LN_TRY(little_endian(c, 4, &v, what));
    *out = (uint32_t)v;
    return LINNET_OK;
}

linnet_status ln_cur_u64(ln_cursor *c, uint64_t *out, const char *what) {
    return little_endian(c, 8, out, what);
}

linnet_status ln_cur_seek(ln_cursor *c, size_t pos, const char *what) {
    if (pos > c->size)
        return ln_fail(c->err, LINNET_ERR_BAD_FILE,
                       "%s: byte %zu: %s points at byte %zu, past the end at %zu", c->path, c->pos,
                       what, pos, c->size);
    c->pos = pos;
    return LINNET_OK;
}

linnet_status ln_cur_fail(ln_cursor *c, const char *fmt, ...) {
    char text[LINNET_ERROR_MESSAGE_MAX];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    return ln_fail(c->err, LINNET_ERR_BAD_FILE, "%s: byte %zu: %s", c->path, c->pos, text);
}
