/* WebP by libwebp. Of an animation, the first frame on a black canvas; alpha is dropped. */
#include "vision/decode.h"
#include <string.h>
#include <webp/decode.h>
#include <webp/demux.h>

static linnet_status fail(const ln_blob *b, VP8StatusCode code, linnet_error *err) {
    static const char *const text[] = {
        [VP8_STATUS_INVALID_PARAM] = "a size that does not fit",
        [VP8_STATUS_BITSTREAM_ERROR] = "the bitstream is damaged",
        [VP8_STATUS_UNSUPPORTED_FEATURE] = "a feature that libwebp does not read",
        [VP8_STATUS_USER_ABORT] = "aborted",
    };
    if (code == VP8_STATUS_SUSPENDED || code == VP8_STATUS_NOT_ENOUGH_DATA)
        return ln_fail(err, LINNET_ERR_BAD_FILE, "%s: truncated WebP at byte %zu", b->name,
                       b->size);
    if (code == VP8_STATUS_OUT_OF_MEMORY)
        return ln_fail(err, LINNET_ERR_OUT_OF_MEMORY, "%s: no memory to decode this WebP", b->name);
    const char *why = (size_t)code < LN_COUNT(text) && text[code] ? text[code] : "unknown fault";
    return ln_fail(err, LINNET_ERR_BAD_FILE, "%s: bad WebP: %s", b->name, why);
}

/* A few bytes that claim a huge picture are refused before memory is taken for it. A picture of one
 * colour takes next to no bytes whatever its size, so up to 16 Mi pixels are always believed. */
enum { BELIEVED = 1 << 24, MAX_PIXELS_A_BYTE = 1 << 14 };
static linnet_status check_size(const ln_blob *b, int width, int height, linnet_error *err) {
    uint64_t pixels = (uint64_t)width * (uint64_t)height;
    if (pixels > BELIEVED && pixels <= LN_IMAGE_MAX_PIXELS && pixels / MAX_PIXELS_A_BYTE > b->size)
        return ln_fail(err, LINNET_ERR_BAD_FILE,
                       "%s: the WebP claims %d x %d pixels, but its %zu bytes cannot hold them",
                       b->name, width, height, b->size);
    return LINNET_OK;
}

/* Decodes one still bitstream to (x, y) of the canvas, which holds it. */
static VP8StatusCode decode_at(const uint8_t *data, size_t size, ln_image *canvas, size_t x,
                               size_t y) {
    WebPDecoderConfig cfg;
    if (!WebPInitDecoderConfig(&cfg)) return VP8_STATUS_INVALID_PARAM;
    size_t stride = (size_t)canvas->width * 3, skip = y * stride + x * 3;
    cfg.output.colorspace = MODE_RGB;
    cfg.output.is_external_memory = 1;
    cfg.output.u.RGBA.rgba = canvas->rgb + skip;
    cfg.output.u.RGBA.stride = (int)stride;
    cfg.output.u.RGBA.size = stride * (size_t)canvas->height - skip;
    VP8StatusCode code = WebPDecode(data, size, &cfg);
    WebPFreeDecBuffer(&cfg.output);
    return code;
}

static linnet_status decode_still(const ln_blob *b, const WebPBitstreamFeatures *f, ln_image *out,
                                  linnet_error *err) {
    LN_TRY(ln_image_alloc(out, (uint64_t)f->width, (uint64_t)f->height, b->name, err));
    VP8StatusCode code = decode_at(b->data, b->size, out, 0, 0);
    return code == VP8_STATUS_OK ? LINNET_OK : fail(b, code, err);
}

static linnet_status decode_frame(const ln_blob *b, WebPDemuxer *demux, ln_image *out,
                                  linnet_error *err) {
    uint32_t w = WebPDemuxGetI(demux, WEBP_FF_CANVAS_WIDTH);
    uint32_t h = WebPDemuxGetI(demux, WEBP_FF_CANVAS_HEIGHT);
    WebPIterator it;
    if (!WebPDemuxGetFrame(demux, 1, &it)) return fail(b, VP8_STATUS_BITSTREAM_ERROR, err);
    linnet_status st = LINNET_OK;
    if (it.x_offset < 0 || it.y_offset < 0 || it.width < 1 || it.height < 1 ||
        (uint64_t)it.x_offset + (uint64_t)it.width > w ||
        (uint64_t)it.y_offset + (uint64_t)it.height > h)
        st = ln_fail(err, LINNET_ERR_BAD_FILE, "%s: bad WebP: the first frame leaves its canvas",
                     b->name);
    WebPBitstreamFeatures f;
    VP8StatusCode code = WebPGetFeatures(it.fragment.bytes, it.fragment.size, &f);
    if (code == VP8_STATUS_OK && (f.width != it.width || f.height != it.height))
        code = VP8_STATUS_BITSTREAM_ERROR;
    if (st == LINNET_OK && code != VP8_STATUS_OK) st = fail(b, code, err);
    if (st == LINNET_OK) st = ln_image_alloc(out, w, h, b->name, err);
    if (st == LINNET_OK) {
        memset(out->rgb, 0, (size_t)w * h * 3);
        code = decode_at(it.fragment.bytes, it.fragment.size, out, (size_t)it.x_offset,
                         (size_t)it.y_offset);
        if (code != VP8_STATUS_OK) st = fail(b, code, err);
    }
    WebPDemuxReleaseIterator(&it);
    return st;
}

static void read_exif(WebPDemuxer *demux, int *orientation) {
    WebPChunkIterator it;
    if (WebPDemuxGetChunk(demux, "EXIF", 1, &it))
        *orientation = ln_exif_orientation(it.chunk.bytes, it.chunk.size);
    WebPDemuxReleaseChunkIterator(&it);
}

linnet_status ln_decode_webp(const ln_blob *b, ln_image *out, int *orientation, linnet_error *err) {
    WebPBitstreamFeatures f;
    VP8StatusCode code = WebPGetFeatures(b->data, b->size, &f);
    if (code != VP8_STATUS_OK) return fail(b, code, err);
    LN_TRY(check_size(b, f.width, f.height, err));
    WebPData data = {b->data, b->size};
    WebPDemuxer *demux = WebPDemux(&data);
    linnet_status st;
    if (!f.has_animation)
        st = decode_still(b, &f, out, err);
    else if (demux)
        st = decode_frame(b, demux, out, err);
    else
        st = fail(b, VP8_STATUS_NOT_ENOUGH_DATA, err);
    if (demux) read_exif(demux, orientation);
    WebPDemuxDelete(demux);
    if (st != LINNET_OK) ln_image_free(out);
    return st;
}
