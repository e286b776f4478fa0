/* Pictures that the tests make for themselves, encoded in memory. */
#ifndef LN_TEST_PICTURES_H
#define LN_TEST_PICTURES_H

#include <stddef.h>
#include <stdint.h>

typedef struct bytes {
    uint8_t *p;
    size_t n;
} bytes;
void bytes_put(bytes *b, const void *data, size_t n);
void bytes_free(bytes *b);

/* Sample c of pixel (x, y): edges and slopes, the same on every machine. */
uint8_t pattern(int x, int y, int c);
/* The pattern as dense rows of `channels` samples; release with free(). */
uint8_t *pattern_rows(int w, int h, int channels);

/* channels: 1 grey, 3 colour, 4 CMYK; exif may be NULL. */
bytes make_jpeg(int w, int h, int channels, int progressive, const void *exif, size_t exif_size);
/* One grey block, refined bit by bit in far more scans than any camera writes. */
bytes make_jpeg_scans(void);
/* color and depth as in IHDR; samples of more than 8 bits are the pattern's byte twice. */
bytes make_png(int w, int h, int color, int depth, int interlace);
bytes make_webp(int w, int h, int lossless);
/* An animation: one lossless frame of w x h at the corner of a canvas. */
bytes make_webp_frame(int w, int h, int canvas_w, int canvas_h);
bytes make_bmp(int w, int h, int bits); /* 24 or 32 */
bytes make_ppm(int w, int h);
/* A TIFF block with the orientation tag alone. */
bytes make_exif(int big_endian, int type, unsigned value);

#endif
