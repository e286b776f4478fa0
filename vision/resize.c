/* Separable resizing: rows first, then columns. With antialias the rows are rounded to 8 bits in
 * between and a pass that changes nothing is left out, as Pillow does; without, the sums stay
 * whole until the end, as in OpenCV. */
#include "vision/decode.h"
#include "vision/resize.h"
#include <stdlib.h>
#include <string.h>

static uint8_t clip8(int32_t v) {
    return (uint8_t)LN_MIN(LN_MAX(v, 0), 255);
}

/* Input rows that the window needs: [from, from + count), inside the picture. */
static ln_axis rows_needed(const ln_taps *t, int height) {
    int lo = t->first[0], hi = 0;
    for (int i = 0; i < t->count; i++) {
        lo = LN_MIN(lo, t->first[i]);
        hi = LN_MAX(hi, t->first[i] + t->n[i]);
    }
    lo = LN_MIN(LN_MAX(lo, 0), height - 1), hi = LN_MAX(LN_MIN(hi, height), lo + 1);
    return (ln_axis){height, lo, hi - lo};
}

/* One row of sums; border samples are repeated where taps leave the row. */
static void sum_row(const uint8_t *row, int width, const ln_taps *t, int32_t *sums) {
    for (int i = 0; i < t->count; i++, sums += 3) {
        const int32_t *w = t->weight + (size_t)i * (size_t)t->taps;
        int32_t r = 0, g = 0, b = 0;
        int first = t->first[i], n = t->n[i];
        if (first >= 0 && first + n <= width) {
            const uint8_t *s = row + (size_t)first * 3;
            for (int k = 0; k < n; k++, s += 3)
                r += w[k] * s[0], g += w[k] * s[1], b += w[k] * s[2];
        } else {
            for (int k = 0; k < n; k++) {
                const uint8_t *s = row + (size_t)LN_MIN(LN_MAX(first + k, 0), width - 1) * 3;
                r += w[k] * s[0], g += w[k] * s[1], b += w[k] * s[2];
            }
        }
        sums[0] = r, sums[1] = g, sums[2] = b;
    }
}

#define ANTIALIAS_HALF (1 << 21)

/* The needed rows, resized across, as 8-bit pixels. */
static void across(const ln_image *in, ln_axis rows, const ln_taps *tx, int32_t *sums,
                   uint8_t *dst) {
    size_t n = (size_t)tx->count * 3;
    for (int y = 0; y < rows.count; y++) {
        const uint8_t *row = in->rgb + (size_t)(rows.from + y) * (size_t)in->width * 3;
        sum_row(row, in->width, tx, sums);
        for (size_t i = 0; i < n; i++) *dst++ = clip8((sums[i] + ANTIALIAS_HALF) >> 22);
    }
}

/* Columns: src holds rows of n bytes, the first of them input row `from`. */
static void down(const uint8_t *src, int from, const ln_taps *ty, size_t n, int32_t *sums,
                 uint8_t *dst) {
    for (int y = 0; y < ty->count; y++, dst += n) {
        const int32_t *w = ty->weight + (size_t)y * (size_t)ty->taps;
        const uint8_t *s = src + (size_t)(ty->first[y] - from) * n;
        for (size_t i = 0; i < n; i++) sums[i] = ANTIALIAS_HALF;
        for (int k = 0; k < ty->n[y]; k++, s += n)
            for (size_t i = 0; i < n; i++) sums[i] += w[k] * s[i];
        for (size_t i = 0; i < n; i++) dst[i] = clip8(sums[i] >> 22);
    }
}

/* A part of the input as it is. */
static void copy(const ln_image *in, ln_axis rows, ln_axis x, uint8_t *dst) {
    size_t n = (size_t)x.count * 3;
    for (int y = 0; y < rows.count; y++, dst += n)
        memcpy(dst, in->rgb + ((size_t)(rows.from + y) * (size_t)in->width + (size_t)x.from) * 3,
               n);
}

static linnet_status resize_antialias(const ln_image *in, ln_axis x, ln_axis y, const ln_taps *tx,
                                      const ln_taps *ty, ln_image *out, linnet_error *err) {
    bool do_x = x.size != in->width, do_y = y.size != in->height;
    ln_axis rows = do_y ? rows_needed(ty, in->height) : (ln_axis){y.size, y.from, y.count};
    size_t n = (size_t)x.count * 3;
    int32_t *sums = malloc(n * sizeof *sums);
    uint8_t *mid = do_y ? malloc(n * (size_t)rows.count) : out->rgb;
    linnet_status st = LINNET_OK;
    if (!sums || !mid) {
        st = ln_fail_oom(err, "a resized picture", n * (size_t)rows.count);
    } else {
        if (do_x)
            across(in, rows, tx, sums, mid);
        else
            copy(in, rows, x, mid);
        if (do_y) down(mid, rows.from, ty, n, sums, out->rgb);
    }
    if (do_y) free(mid);
    free(sums);
    return st;
}

/* A few rows of sums are kept, found by input row modulo the number of taps. */
static linnet_status resize_sampled(const ln_image *in, const ln_taps *tx, const ln_taps *ty,
                                    ln_image *out, linnet_error *err) {
    size_t n = (size_t)tx->count * 3, taps = (size_t)ty->taps;
    int32_t *ring = malloc(n * taps * sizeof *ring);
    int held[4] = {-1, -1, -1, -1};
    if (!ring) return ln_fail_oom(err, "a resized picture", n * taps * sizeof *ring);
    for (int y = 0; y < ty->count; y++) {
        const int32_t *rows[4] = {0}, *w = ty->weight + (size_t)y * taps;
        for (size_t k = 0; k < taps; k++) {
            int row = LN_MIN(LN_MAX(ty->first[y] + (int)k, 0), in->height - 1);
            size_t slot = (size_t)row % taps;
            int32_t *r = ring + slot * n;
            if (held[slot] != row)
                sum_row(in->rgb + (size_t)row * (size_t)in->width * 3, in->width, tx, r);
            held[slot] = row;
            rows[k] = r;
        }
        uint8_t *dst = out->rgb + (size_t)y * n;
        for (size_t i = 0; i < n; i++) {
            int32_t v = 1 << 21;
            for (size_t k = 0; k < taps; k++) v += w[k] * rows[k][i];
            dst[i] = clip8(v >> 22);
        }
    }
    free(ring);
    return LINNET_OK;
}

static bool axis_ok(ln_axis a) {
    return a.size > 0 && a.count > 0 && a.from >= 0 && a.from <= a.size - a.count;
}

linnet_status ln_resize_window(const ln_image *in, ln_axis x, ln_axis y, ln_filter filter,
                               bool antialias, ln_image *out, linnet_error *err) {
    *out = (ln_image){0};
    if (!in->rgb || in->width < 1 || in->height < 1 || !axis_ok(x) || !axis_ok(y))
        return ln_fail(err, LINNET_ERR_INVALID_ARGUMENT,
                       "cannot resize a picture of %d x %d pixels to %d x %d", in->width,
                       in->height, x.size, y.size);
    ln_taps tx = {0}, ty = {0};
    linnet_status (*make)(ln_taps *, int, ln_axis, ln_filter, linnet_error *) =
        antialias ? ln_taps_antialias : ln_taps_sampled;
    linnet_status st =
        ln_image_alloc(out, (uint64_t)x.count, (uint64_t)y.count, "resized picture", err);
    if (st == LINNET_OK) st = make(&tx, in->width, x, filter, err);
    if (st == LINNET_OK) st = make(&ty, in->height, y, filter, err);
    if (st == LINNET_OK)
        st = antialias ? resize_antialias(in, x, y, &tx, &ty, out, err)
                       : resize_sampled(in, &tx, &ty, out, err);
    ln_taps_free(&tx);
    ln_taps_free(&ty);
    if (st != LINNET_OK) ln_image_free(out);
    return st;
}

linnet_status ln_image_resize(const ln_image *in, int width, int height, ln_filter filter,
                              bool antialias, ln_image *out, linnet_error *err) {
    ln_axis x = {width, 0, width}, y = {height, 0, height};
    return ln_resize_window(in, x, y, filter, antialias, out, err);
}
