/* Inside the room: one decoder a format, and what they share. */
#ifndef LN_VISION_DECODE_H
#define LN_VISION_DECODE_H

#include "vision/vision.h"

#define LN_IMAGE_MAX_PIXELS ((size_t)1 << 28)

/* A file's bytes; name stands before every message. */
typedef struct ln_blob {
    const uint8_t *data;
    size_t size;
    const char *name;
} ln_blob;

/* A decoder gets bytes whose signature matched, fills out, and on failure leaves nothing behind
 * in it. Orientation is applied by the caller of all of them. */
typedef linnet_status ln_decode_fn(const ln_blob *b, ln_image *out, int *orientation,
                                   linnet_error *err);
ln_decode_fn ln_decode_jpeg, ln_decode_png, ln_decode_webp, ln_decode_bmp, ln_decode_pnm;

/* Checks the size, then allocates without clearing. */
linnet_status ln_image_alloc(ln_image *im, uint64_t width, uint64_t height, const char *name,
                             linnet_error *err);
/* Value of the orientation tag (1..8) in a TIFF block, with or without "Exif\0\0" before it;
 * 1 when it has none or is damaged. */
int ln_exif_orientation(const uint8_t *data, size_t size);
/* Turns and mirrors so that the picture is upright; orientation 1 changes nothing. */
linnet_status ln_image_orient(ln_image *im, int orientation, const char *name, linnet_error *err);

#endif
