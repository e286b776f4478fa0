/* JPEG by libjpeg. Its errors leave by longjmp, so everything that must be released lives in one
 * struct outside the frame that setjmp guards. */
#include "vision/decode.h"
#include <setjmp.h>
#include <string.h>
#include <jpeglib.h>
#include <jerror.h>

/* A progressive file may hold any number of scans, each as costly as a whole picture. */
#define MAX_SCANS 500

typedef struct decoder {
    struct jpeg_decompress_struct cinfo;
    struct jpeg_error_mgr errors;
    struct jpeg_source_mgr source;
    struct jpeg_progress_mgr progress;
    const ln_blob *blob;
    linnet_error *err;
    linnet_status status;
    jmp_buf leave;
} decoder;

static size_t offset_of(const decoder *d) {
    return d->blob->size - d->source.bytes_in_buffer;
}

static void on_error(j_common_ptr c) {
    decoder *d = c->client_data;
    char text[JMSG_LENGTH_MAX];
    c->err->format_message(c, text);
    bool oom = c->err->msg_code == JERR_OUT_OF_MEMORY;
    d->status = ln_fail(d->err, oom ? LINNET_ERR_OUT_OF_MEMORY : LINNET_ERR_BAD_FILE,
                        "%s: bad JPEG near byte %zu: %s", d->blob->name, offset_of(d), text);
    longjmp(d->leave, 1);
}

/* Warnings of libjpeg after which the rest of the picture is grey or noise are errors here;
 * the harmless ones (bytes between segments, unknown revisions) are logged. */
static void on_message(j_common_ptr c, int level) {
    if (level >= 0) return;
    switch (c->err->msg_code) {
    case JWRN_HIT_MARKER:
    case JWRN_HUFF_BAD_CODE:
    case JWRN_ARITH_BAD_CODE:
    case JWRN_MUST_RESYNC:
    case JWRN_BOGUS_PROGRESSION: on_error(c); return;
    default: break;
    }
    const decoder *d = c->client_data;
    char text[JMSG_LENGTH_MAX];
    c->err->format_message(c, text);
    ln_log(LN_LOG_WARN, "%s: %s", d->blob->name, text);
}
static void no_output(j_common_ptr c) {
    (void)c;
}

static void truncated(j_decompress_ptr c) {
    decoder *d = c->client_data;
    d->status = ln_fail(d->err, LINNET_ERR_BAD_FILE, "%s: truncated JPEG at byte %zu",
                        d->blob->name, d->blob->size);
    longjmp(d->leave, 1);
}
static void source_nothing(j_decompress_ptr c) {
    (void)c;
}
static boolean source_fill(j_decompress_ptr c) {
    truncated(c);
    return FALSE;
}
static void source_skip(j_decompress_ptr c, long n) {
    if (n <= 0) return;
    if ((size_t)n > c->src->bytes_in_buffer) truncated(c);
    c->src->next_input_byte += n;
    c->src->bytes_in_buffer -= (size_t)n;
}

static void on_progress(j_common_ptr c) {
    decoder *d = c->client_data;
    if (d->cinfo.input_scan_number <= MAX_SCANS) return;
    d->status = ln_fail(d->err, LINNET_ERR_BAD_FILE, "%s: JPEG with more than %d scans at byte %zu",
                        d->blob->name, MAX_SCANS, offset_of(d));
    longjmp(d->leave, 1);
}

static void attach(decoder *d) {
    d->cinfo.err = jpeg_std_error(&d->errors);
    d->errors.error_exit = on_error;
    d->errors.emit_message = on_message;
    d->errors.output_message = no_output;
    d->cinfo.client_data = d;
    d->source = (struct jpeg_source_mgr){
        .next_input_byte = d->blob->data,
        .bytes_in_buffer = d->blob->size,
        .init_source = source_nothing,
        .fill_input_buffer = source_fill,
        .skip_input_data = source_skip,
        .resync_to_restart = jpeg_resync_to_restart,
        .term_source = source_nothing,
    };
    d->progress.progress_monitor = on_progress;
}

/* a * b / 255, rounded, as Pillow's MULDIV255 */
static int mul255(int a, int b) {
    int t = a * b + 128;
    return ((t >> 8) + t) >> 8;
}

/* Adobe's convention, which all known writers follow: ink is stored inverted, 255 is none.
 * In Pillow's order of rounding: k - (255 - c) * k / 255. */
static void cmyk_row(const uint8_t *s, uint8_t *d, size_t width) {
    for (size_t x = 0; x < width; x++, s += 4, d += 3)
        for (int c = 0; c < 3; c++) d[c] = (uint8_t)LN_MAX(s[3] - mul255(255 - s[c], s[3]), 0);
}

static int orientation_of(j_decompress_ptr c) {
    for (jpeg_saved_marker_ptr m = c->marker_list; m; m = m->next)
        if (m->data_length >= 6 && !memcmp(m->data, "Exif\0\0", 6))
            return ln_exif_orientation(m->data, m->data_length);
    return 1;
}

/* Every 8x8 block takes at least one bit of Huffman code, so a few bytes that claim a huge picture
 * are refused before memory is taken for it. */
static linnet_status check_size(const decoder *d) {
    const struct jpeg_decompress_struct *c = &d->cinfo;
    uint64_t blocks = 0;
    for (int i = 0; i < c->num_components; i++)
        blocks += (uint64_t)c->comp_info[i].width_in_blocks * c->comp_info[i].height_in_blocks;
    if (c->arith_code || blocks / 8 <= d->blob->size) return LINNET_OK;
    return ln_fail(d->err, LINNET_ERR_BAD_FILE,
                   "%s: truncated JPEG at byte %zu: %u x %u pixels were announced", d->blob->name,
                   d->blob->size, c->image_width, c->image_height);
}

/* May leave by longjmp at any call of libjpeg. */
static linnet_status decode(decoder *d, ln_image *out, int *orientation) {
    j_decompress_ptr c = &d->cinfo;
    jpeg_create_decompress(c);
    c->src = &d->source;
    c->progress = &d->progress;
    jpeg_save_markers(c, JPEG_APP0 + 1, 0xFFFF);
    jpeg_read_header(c, TRUE);
    *orientation = orientation_of(c);
    bool cmyk = c->num_components == 4;
    c->out_color_space = cmyk ? JCS_CMYK : JCS_RGB;
    LN_TRY(check_size(d));
    LN_TRY(ln_image_alloc(out, c->image_width, c->image_height, d->blob->name, d->err));
    jpeg_start_decompress(c);
    size_t width = c->output_width;
    JSAMPARRAY line = NULL;
    if (cmyk) line = c->mem->alloc_sarray((j_common_ptr)c, JPOOL_IMAGE, c->output_width * 4, 1);
    while (c->output_scanline < c->output_height) {
        uint8_t *row = out->rgb + (size_t)c->output_scanline * width * 3;
        jpeg_read_scanlines(c, cmyk ? line : &row, 1);
        if (cmyk) cmyk_row(line[0], row, width);
    }
    jpeg_finish_decompress(c);
    return LINNET_OK;
}

static void guarded(decoder *d, ln_image *out, int *orientation) {
    if (!setjmp(d->leave)) d->status = decode(d, out, orientation);
}

linnet_status ln_decode_jpeg(const ln_blob *b, ln_image *out, int *orientation, linnet_error *err) {
    decoder d = {.blob = b, .err = err};
    attach(&d);
    guarded(&d, out, orientation);
    jpeg_destroy_decompress(&d.cinfo);
    if (d.status != LINNET_OK) ln_image_free(out);
    return d.status;
}
