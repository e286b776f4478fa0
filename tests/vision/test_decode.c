#include "pictures.h"
#include "vision/decode.h"
#include <check.h>
#include <stdlib.h>
#include <string.h>

#define W 45
#define H 31

static linnet_error err;

/* Decodes from a copy of exactly that size, so that the address sanitizer sees a read past it. */
static linnet_status decode(const uint8_t *p, size_t n, ln_image *im) {
    uint8_t *copy = malloc(n ? n : 1);
    memcpy(copy, p, n);
    err = (linnet_error){0};
    linnet_status st = ln_image_decode(copy, n, "pic", im, &err);
    free(copy);
    return st;
}

static void assert_error(const uint8_t *p, size_t n, linnet_status want, const char *text) {
    ln_image im;
    linnet_status st = decode(p, n, &im);
    ck_assert_msg(st == want, "status %d, expected %d: %s", (int)st, (int)want, err.message);
    ck_assert_msg(strstr(err.message, text) != NULL, "'%s' lacks '%s'", err.message, text);
    ck_assert(!strncmp(err.message, "pic: ", 5) && !strchr(err.message, '\n'));
    ck_assert_ptr_null(im.rgb);
}

static void assert_pattern(bytes b, int tolerance, const char *what) {
    ln_image im;
    ck_assert_msg(decode(b.p, b.n, &im) == LINNET_OK, "%s: %s", what, err.message);
    ck_assert_int_eq(im.width, W);
    ck_assert_int_eq(im.height, H);
    double sum = 0;
    for (int i = 0; i < W * H * 3; i++)
        sum += abs(im.rgb[i] - pattern(i / 3 % W, i / 3 / W, i % 3));
    ck_assert_msg(sum <= (double)tolerance * W * H * 3, "%s: mean error %g", what,
                  sum / (W * H * 3));
    ln_image_free(&im);
    bytes_free(&b);
}

START_TEST(lossless_formats_give_the_pixels_back) {
    assert_pattern(make_ppm(W, H), 0, "ppm");
    assert_pattern(make_bmp(W, H, 24), 0, "bmp 24");
    assert_pattern(make_bmp(W, H, 32), 0, "bmp 32");
    assert_pattern(make_webp(W, H, 1), 0, "webp");
    for (int interlace = 0; interlace < 2; interlace++) {
        assert_pattern(make_png(W, H, 2, 8, interlace), 0, "png rgb8");
        assert_pattern(make_png(W, H, 2, 16, interlace), 0, "png rgb16");
        assert_pattern(make_png(W, H, 6, 8, interlace), 0, "png rgba8");
        assert_pattern(make_png(W, H, 6, 16, interlace), 0, "png rgba16");
    }
}
END_TEST

START_TEST(png_grey_and_palette) {
    static const struct {
        int color, depth;
    } kinds[] = {{0, 1},  {0, 2}, {0, 4}, {0, 8}, {0, 16}, {4, 8},
                 {4, 16}, {3, 1}, {3, 2}, {3, 4}, {3, 8}};
    for (size_t k = 0; k < LN_COUNT(kinds) * 2; k++) {
        int color = kinds[k / 2].color, depth = kinds[k / 2].depth;
        bytes b = make_png(W, H, color, depth, (int)(k & 1));
        ln_image im;
        ck_assert_msg(decode(b.p, b.n, &im) == LINNET_OK, "%s", err.message);
        int top = depth >= 8 ? 255 : (1 << depth) - 1;
        for (int i = 0; i < W * H * 3; i++) {
            int v = pattern(i / 3 % W, i / 3 / W, 0) & top, c = i % 3;
            int want = color == 3 ? pattern(v, c + 1, c) : v * 255 / top;
            ck_assert_msg(im.rgb[i] == want, "color %d depth %d at %d", color, depth, i);
        }
        ln_image_free(&im);
        bytes_free(&b);
    }
}
END_TEST

START_TEST(jpeg_of_one_three_and_four_channels) {
    for (int progressive = 0; progressive < 2; progressive++)
        for (int channels = 1; channels <= 4; channels += channels == 1 ? 2 : 1) {
            bytes b = make_jpeg(W, H, channels, progressive, NULL, 0);
            ln_image im;
            ck_assert_msg(decode(b.p, b.n, &im) == LINNET_OK, "%s", err.message);
            double sum = 0;
            for (int i = 0; i < W * H * 3; i++) {
                int x = i / 3 % W, y = i / 3 / W, c = channels == 1 ? 0 : i % 3;
                double want = pattern(x, y, c);
                if (channels == 4) want = want * pattern(x, y, 3) / 255; /* ink is inverted */
                sum += abs(im.rgb[i] - (int)want);
            }
            /* noise at full contrast: subsampled colour keeps half of it */
            ck_assert_msg(sum / (W * H * 3) < (channels == 3 ? 30 : 6), "%d channels: %g", channels,
                          sum / (W * H * 3));
            ln_image_free(&im);
            bytes_free(&b);
        }
}
END_TEST

START_TEST(bmp_rows_run_either_way) {
    bytes b = make_bmp(W, H, 24);
    ln_image up, down;
    ck_assert_int_eq(decode(b.p, b.n, &up), LINNET_OK);
    int32_t h = -H;
    memcpy(b.p + 22, &h, 4);
    ck_assert_int_eq(decode(b.p, b.n, &down), LINNET_OK);
    for (int y = 0; y < H; y++)
        ck_assert_mem_eq(up.rgb + y * W * 3, down.rgb + (H - 1 - y) * W * 3, W * 3);
    ln_image_free(&up);
    ln_image_free(&down);
    bytes_free(&b);
}
END_TEST

/* A B    upright, from each of the eight ways of storing it
 * C D
 * E F  */
START_TEST(orientations) {
    static const char *const stored[9] = {
        [1] = "ABCDEF", [2] = "BADCFE", [3] = "FEDCBA", [4] = "EFCDAB",
        [5] = "ACEBDF", [6] = "BDFACE", [7] = "FDBECA", [8] = "ECAFDB"};
    for (int o = 0; o <= 9; o++) {
        const char *s = o >= 1 && o <= 8 ? stored[o] : stored[1];
        ln_image im;
        int w = o >= 5 && o <= 8 ? 3 : 2;
        ck_assert_int_eq(ln_image_alloc(&im, (uint64_t)w, (uint64_t)(6 / w), "pic", &err), 0);
        for (int i = 0; i < 18; i++) im.rgb[i] = (uint8_t)s[i / 3];
        ck_assert_int_eq(ln_image_orient(&im, o, "pic", &err), LINNET_OK);
        ck_assert_int_eq(im.width, 2);
        ck_assert_int_eq(im.height, 3);
        for (int i = 0; i < 18; i++) ck_assert_msg(im.rgb[i] == "ABCDEF"[i / 3], "%d at %d", o, i);
        ln_image_free(&im);
    }
}
END_TEST

START_TEST(exif_orientation_is_read_from_any_byte_order) {
    for (int k = 0; k < 4; k++)
        for (unsigned v = 0; v < 10; v++) {
            bytes e = make_exif(k & 1, k & 2 ? 4 : 3, v);
            int want = v >= 1 && v <= 8 ? (int)v : 1;
            ck_assert_int_eq(ln_exif_orientation(e.p, e.n), want);
            ck_assert_int_eq(ln_exif_orientation(e.p + 6, e.n - 6), want);
            bytes j = make_jpeg(W, H, 3, 0, e.p, e.n);
            ln_image im;
            ck_assert_int_eq(decode(j.p, j.n, &im), LINNET_OK);
            ck_assert_int_eq(im.width, want >= 5 ? H : W);
            ln_image_free(&im);
            bytes_free(&j);
            bytes_free(&e);
        }
}
END_TEST

START_TEST(exif_that_lies_is_upright) {
    static const struct {
        size_t at;
        uint8_t value;
    } damage[] = {
        {6, 'X'},   /* byte order */
        {8, 1},     /* magic */
        {10, 0xFF}, /* directory far outside */
        {10, 0},    /* directory inside the header */
        {15, 0},    /* no entries */
        {16, 2},    /* another tag */
        {19, 5},    /* another type */
        {23, 2},    /* another count */
    };
    for (size_t i = 0; i < LN_COUNT(damage); i++) {
        bytes e = make_exif(1, 3, 6);
        if (damage[i].at == 10 && !damage[i].value) e.p[13] = 0;
        e.p[damage[i].at] = damage[i].value;
        ck_assert_msg(ln_exif_orientation(e.p, e.n) == 1, "damage %zu", i);
        bytes_free(&e);
    }
    bytes e = make_exif(1, 3, 6);
    for (size_t n = 0; n < e.n; n++) {
        uint8_t *copy = malloc(n + 1);
        memcpy(copy + 1, e.p, n);
        int want = n >= 28 ? 6 : 1; /* the entry's twelve bytes end there */
        ck_assert_msg(ln_exif_orientation(copy + 1, n) == want, "cut to %zu", n);
        free(copy);
    }
    bytes_free(&e);
}
END_TEST

START_TEST(truncated_jpeg_names_the_byte) {
    for (int progressive = 0; progressive < 2; progressive++) {
        bytes e = make_exif(1, 3, 6), b = make_jpeg(W, H, 3, progressive, e.p, e.n);
        for (size_t n = 3; n < b.n; n += n < 64 || n + 64 > b.n ? 1 : 97) {
            char want[64];
            snprintf(want, sizeof want, "truncated JPEG at byte %zu", n);
            assert_error(b.p, n, LINNET_ERR_BAD_FILE, want);
        }
        bytes_free(&b);
        bytes_free(&e);
    }
}
END_TEST

START_TEST(truncation_of_the_other_formats) {
    bytes all[] = {make_png(W, H, 2, 8, 0), make_png(W, H, 3, 4, 1), make_webp(W, H, 1),
                   make_webp(W, H, 0),      make_bmp(W, H, 24),      make_ppm(W, H)};
    for (size_t k = 0; k < LN_COUNT(all); k++) {
        /* a PNG is whole without the checksum and end that follow its pixels */
        size_t end = k < 2 ? all[k].n - 20 : all[k].n - 1;
        for (size_t n = 0; n <= end; n += n < 64 || n + 98 > end ? 1 : 97)
            assert_error(all[k].p, n, LINNET_ERR_BAD_FILE, n ? "pic: " : "the file is empty");
        bytes_free(&all[k]);
    }
}
END_TEST

/* Any bytes may come: the answer is a picture or one line, never a crash or a leak. */
START_TEST(damaged_files_never_crash) {
    bytes all[] = {make_jpeg(W, H, 3, 0, NULL, 0),
                   make_jpeg(W, H, 4, 1, NULL, 0),
                   make_png(W, H, 6, 16, 0),
                   make_png(W, H, 3, 2, 1),
                   make_webp(W, H, 1),
                   make_webp(W, H, 0),
                   make_bmp(W, H, 24),
                   make_ppm(W, H)};
    uint32_t r = 12345;
    int failed = 0;
    for (size_t k = 0; k < LN_COUNT(all); k++) {
        for (int i = 0; i < 300; i++) {
            bytes b = {0};
            bytes_put(&b, all[k].p, all[k].n);
            for (int flips = 0; flips <= i % 4; flips++) {
                r = r * 1664525u + 1013904223u;
                size_t at = i < 128 ? (size_t)(i + flips) % b.n : (r >> 8) % b.n;
                b.p[at] ^= (uint8_t)(1u << (r >> 29));
            }
            ln_image im;
            if (decode(b.p, b.n, &im) != LINNET_OK) {
                ck_assert(strlen(err.message) > 5 && !strchr(err.message, '\n'));
                ck_assert_ptr_null(im.rgb);
                failed++;
            }
            ln_image_free(&im);
            bytes_free(&b);
        }
        bytes_free(&all[k]);
    }
    ck_assert_int_gt(failed, 300);
}
END_TEST

#define TEXT(s) (const uint8_t *)(s), sizeof(s) - 1

START_TEST(what_is_not_a_picture) {
    assert_error(TEXT(""), LINNET_ERR_BAD_FILE, "the file is empty");
    assert_error(TEXT("Dear reader, this is a text file.\n"), LINNET_ERR_BAD_FILE,
                 "not a picture that can be read");
    assert_error(TEXT("\x12\xF3\x00\x9A\x44\x01"), LINNET_ERR_BAD_FILE, "not a picture");
    assert_error(TEXT("GIF89a\x01\0\x01\0"), LINNET_ERR_BAD_FILE, "not a picture");
    ln_image im;
    ck_assert_int_eq(ln_image_load("/nonexistent/photo.jpg", &im, &err), LINNET_ERR_IO);
    ck_assert_ptr_nonnull(strstr(err.message, "/nonexistent/photo.jpg: "));
}
END_TEST

START_TEST(huge_claims_are_refused) {
    bytes b = make_png(W, H, 2, 8, 0), j = make_jpeg(W, H, 1, 0, NULL, 0);
    assert_error(TEXT("P6 20000 20000 255\n"), LINNET_ERR_BAD_FILE, "more than the limit");
    assert_error(TEXT("P6 10000 10000 255\n"), LINNET_ERR_BAD_FILE, "truncated P6");
    assert_error(TEXT("P5 99999 2 65535\n1"), LINNET_ERR_BAD_FILE, "truncated P5");
    assert_error(TEXT("P4 99999 2\n1"), LINNET_ERR_BAD_FILE, "truncated P4");
    size_t sof = 0;
    while (j.p[sof] != 0xFF || j.p[sof + 1] != 0xC0) sof++;
    memset(j.p + sof + 5, 0xFA, 4);
    assert_error(j.p, j.n, LINNET_ERR_BAD_FILE, "truncated JPEG");
    static const struct {
        char size[9];
        const char *text;
    } claims[] = {{"\0\0\x40\0\0\0\x40\0", "cannot hold"},
                  {"\0\1\0\0\0\1\0\0", "more than the limit"},
                  {"\x7F\xFF\xFF\xFF\x7F\xFF\xFF\xFF", "bad PNG"}};
    for (size_t k = 0; k < LN_COUNT(claims); k++) {
        memcpy(b.p + 16, claims[k].size, 8);
        uint32_t crc = ln_crc32(0, b.p + 12, 17);
        for (int i = 0; i < 4; i++) b.p[29 + i] = (uint8_t)(crc >> (24 - 8 * i));
        assert_error(b.p, b.n, LINNET_ERR_BAD_FILE, claims[k].text);
    }
    bytes bmp = make_bmp(W, H, 24);
    memset(bmp.p + 18, 0x7F, 8);
    assert_error(bmp.p, bmp.n, LINNET_ERR_BAD_FILE, "more than the limit");
    memcpy(bmp.p + 18, "\0\x10\0\0\0\x10\0\0", 8);
    assert_error(bmp.p, bmp.n, LINNET_ERR_BAD_FILE, "truncated BMP");
    bytes_free(&bmp);
    bytes_free(&b);
    bytes_free(&j);
}
END_TEST

/* An animation's canvas is its header's word alone: it must be worth the file's bytes. */
START_TEST(webp_canvases) {
    bytes b = make_webp_frame(9, 7, 64, 48);
    ln_image im;
    ck_assert_msg(decode(b.p, b.n, &im) == LINNET_OK, "%s", err.message);
    ck_assert_int_eq(im.width, 64);
    ck_assert_int_eq(im.height, 48);
    ck_assert_int_eq(im.rgb[3 * 8], pattern(8, 0, 0));
    ck_assert_int_eq(im.rgb[3 * 9], 0);
    ln_image_free(&im);
    bytes_free(&b);
    b = make_webp_frame(9, 7, 16383, 16383);
    assert_error(b.p, b.n, LINNET_ERR_BAD_FILE, "claims 16383 x 16383 pixels, but its");
    bytes_free(&b);
    b = make_webp_frame(9, 7, 20000, 20000);
    assert_error(b.p, b.n, LINNET_ERR_BAD_FILE, "more than the limit");
    bytes_free(&b);
    b = make_webp_frame(9, 7, 64, 48);
    b.p[76] ^= 1; /* the frame's signature */
    assert_error(b.p, b.n, LINNET_ERR_BAD_FILE, "WebP");
    bytes_free(&b);
}
END_TEST

START_TEST(jpeg_with_endless_scans) {
    bytes b = make_jpeg_scans();
    assert_error(b.p, b.n, LINNET_ERR_BAD_FILE, "more than 500 scans");
    bytes_free(&b);
}
END_TEST

/* Libjpeg would fill the rest with grey and warn. */
START_TEST(jpeg_that_ends_early_is_an_error) {
    bytes b = make_jpeg(W, H, 3, 0, NULL, 0);
    memcpy(b.p + b.n - 300, "\xFF\xD9", 2);
    assert_error(b.p, b.n, LINNET_ERR_BAD_FILE, "premature end of data segment");
    bytes_free(&b);
}
END_TEST

static int lines;
static void count_line(void *user, int level, const char *line) {
    (void)user;
    lines += level == LN_LOG_WARN && strstr(line, "extraneous") != NULL;
}
START_TEST(harmless_faults_of_a_jpeg_are_logged) {
    bytes b = make_jpeg(W, H, 3, 0, NULL, 0), junk = {0};
    bytes_put(&junk, b.p, 20); /* SOI and APP0 */
    bytes_put(&junk, "junk", 4);
    bytes_put(&junk, b.p + 20, b.n - 20);
    ln_log_set(count_line, NULL, LN_LOG_WARN);
    ln_image im;
    ck_assert_msg(decode(junk.p, junk.n, &im) == LINNET_OK, "%s", err.message);
    ln_log_set(NULL, NULL, LN_LOG_WARN);
    ck_assert_int_eq(lines, 1);
    ln_image_free(&im);
    bytes_free(&junk);
    bytes_free(&b);
}
END_TEST

START_TEST(bmp_headers_that_lie) {
    static const struct {
        size_t at, n;
        const char *bytes;
        linnet_status status;
        const char *text;
    } rows[] = {
        {14, 4, "\x0D\0\0\0", LINNET_ERR_BAD_FILE, "header of 12 or 40 to 124 bytes, found 13"},
        {14, 4, "\x7D\0\0\0", LINNET_ERR_BAD_FILE, "found 125"},
        {30, 4, "\x01\0\0\0", LINNET_ERR_UNSUPPORTED, "run-length coded"},
        {30, 4, "\x02\0\0\0", LINNET_ERR_UNSUPPORTED, "run-length coded"},
        {30, 4, "\x04\0\0\0", LINNET_ERR_UNSUPPORTED, "24 bits with compression 4"},
        {28, 2, "\x07\0", LINNET_ERR_UNSUPPORTED, "7 bits"},
        {18, 4, "\xFF\xFF\xFF\xFF", LINNET_ERR_BAD_FILE, "width and height that fit"},
        {22, 4, "\0\0\0\x80", LINNET_ERR_BAD_FILE, "width and height that fit"},
        {22, 4, "\0\0\0\0", LINNET_ERR_BAD_FILE, "45 x 0 pixels, empty"},
        {10, 4, "\xFF\xFF\xFF\x7F", LINNET_ERR_BAD_FILE, "BMP pixels"},
    };
    for (size_t i = 0; i < LN_COUNT(rows); i++) {
        bytes b = make_bmp(W, H, 24);
        memcpy(b.p + rows[i].at, rows[i].bytes, rows[i].n);
        assert_error(b.p, b.n, rows[i].status, rows[i].text);
        bytes_free(&b);
    }
}
END_TEST

START_TEST(bmp_of_os2_and_masks) {
    static const uint8_t os2[] = "BM\x24\0\0\0\0\0\0\0\x20\0\0\0\x0C\0\0\0\x02\0\x01\0\x01\0\x01\0"
                                 "\x03\x02\x01\xFF\x80\x40\x40\0\0\0";
    static const uint8_t mask[] =
        "BM\x4A\0\0\0\0\0\0\0\x42\0\0\0\x28\0\0\0\x01\0\0\0\x01\0\0\0\x01\0\x20\0\x03\0\0\0"
        "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\xFF\x03\0\0\0\xFC\x0F\0\0\0\0\0\xFF\x03\x08\x20";
    ln_image im;
    ck_assert_msg(decode(os2, sizeof os2 - 1, &im) == LINNET_OK, "%s", err.message);
    ck_assert_mem_eq(im.rgb, "\1\2\3\x40\x80\xFF", 6);
    ln_image_free(&im);
    /* ten bits of red at the top of their range, 512 of 1023 in green, blue without a mask */
    ck_assert_msg(decode(mask, sizeof mask - 1, &im) == LINNET_OK, "%s", err.message);
    ck_assert_int_eq(im.rgb[0], 255);
    ck_assert_int_eq(im.rgb[1], 512 * 255 / 1023);
    ck_assert_int_eq(im.rgb[2], 0);
    ln_image_free(&im);
}
END_TEST

START_TEST(pnm_text_that_lies) {
    static const struct {
        const char *text, *message;
    } rows[] = {
        {"P6", "not a picture"},
        {"P6 ", "truncated P6"},
        {"P6 3 x 255\n", "picture height as a decimal number"},
        {"P6 999999999 1 255\n", "picture width of at most"},
        {"P5 1 1 0\n1", "largest value above 0"},
        {"P5 1 1 65536\n1", "largest value of at most 65535"},
        {"P5 1 1 255x1", "white space before the pixels"},
        {"P5 1 1 255", "truncated P5"},
        {"P5 0 1 255\n", "0 x 1 pixels, empty"},
        {"P1 2 1 1 2", "expected 0 or 1"},
        {"P1 2 2 1 0 1 #", "truncated P1"},
        {"P2 2 1 9 1 10", "a sample of at most 9"},
        {"P3 1 1 9 1 # 2 3\n 4 ", "truncated P3"},
    };
    for (size_t i = 0; i < LN_COUNT(rows); i++)
        assert_error((const uint8_t *)rows[i].text, strlen(rows[i].text), LINNET_ERR_BAD_FILE,
                     rows[i].message);
    ln_image im;
    ck_assert_int_eq(decode(TEXT("P1#w\n3 1#h\n1 01"), &im), LINNET_OK);
    ck_assert_mem_eq(im.rgb, "\0\0\0\xFF\xFF\xFF\0\0\0", 9);
    ln_image_free(&im);
    ck_assert_int_eq(decode(TEXT("P3 1 1 10 # sample\n 5 0 10"), &im), LINNET_OK);
    ck_assert_mem_eq(im.rgb, "\x80\0\xFF", 3);
    ln_image_free(&im);
}
END_TEST

int main(void) {
    Suite *s = suite_create("vision-decode");
    TCase *t = tcase_create("decode");
    tcase_set_timeout(t, 120);
    tcase_add_test(t, lossless_formats_give_the_pixels_back);
    tcase_add_test(t, png_grey_and_palette);
    tcase_add_test(t, jpeg_of_one_three_and_four_channels);
    tcase_add_test(t, bmp_rows_run_either_way);
    tcase_add_test(t, bmp_of_os2_and_masks);
    tcase_add_test(t, orientations);
    tcase_add_test(t, exif_orientation_is_read_from_any_byte_order);
    tcase_add_test(t, exif_that_lies_is_upright);
    tcase_add_test(t, truncated_jpeg_names_the_byte);
    tcase_add_test(t, truncation_of_the_other_formats);
    tcase_add_test(t, damaged_files_never_crash);
    tcase_add_test(t, what_is_not_a_picture);
    tcase_add_test(t, huge_claims_are_refused);
    tcase_add_test(t, webp_canvases);
    tcase_add_test(t, jpeg_with_endless_scans);
    tcase_add_test(t, jpeg_that_ends_early_is_an_error);
    tcase_add_test(t, harmless_faults_of_a_jpeg_are_logged);
    tcase_add_test(t, bmp_headers_that_lie);
    tcase_add_test(t, pnm_text_that_lies);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
