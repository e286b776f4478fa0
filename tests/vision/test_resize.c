#include "pictures.h"
#include "base/env.h"
#include "vision/decode.h"
#include "vision/resize.h"
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static linnet_error err;

static ln_image picture(int w, int h) {
    return (ln_image){w, h, pattern_rows(w, h, 3)};
}

/* CRC-32 of the resized pattern: with antialias as Pillow 9.4 gives it (13.0 rounds some pixels
 * one level apart); without, our own, which lies within one level of OpenCV 5.0 at every pixel. */
static const struct row {
    int w, h, to_w, to_h;
    ln_filter filter;
    bool antialias;
    uint32_t crc;
} rows[] = {
    {1, 1, 5, 3, LN_FILTER_BILINEAR, true, 0x94bf7a91},
    {2, 1, 9, 1, LN_FILTER_BILINEAR, true, 0x30a827e3},
    {5, 7, 3, 2, LN_FILTER_BILINEAR, true, 0x11c6ed1c},
    {17, 31, 16, 16, LN_FILTER_BILINEAR, true, 0xe3167077},
    {64, 48, 64, 20, LN_FILTER_BILINEAR, true, 0x7d847136},
    {64, 48, 21, 48, LN_FILTER_BILINEAR, true, 0x2cbe2179},
    {100, 37, 224, 83, LN_FILTER_BILINEAR, true, 0xd88da806},
    {640, 480, 341, 256, LN_FILTER_BILINEAR, true, 0x5ac49a6b},
    {1023, 3, 7, 9, LN_FILTER_BILINEAR, true, 0x32a87bb1},
    {300, 500, 1, 1, LN_FILTER_BILINEAR, true, 0xc8f1ffeb},
    {33, 33, 66, 66, LN_FILTER_BILINEAR, true, 0x69a4a0af},
    {64, 64, 32, 32, LN_FILTER_BILINEAR, true, 0x5ddd7ad7},
    {1, 1, 5, 3, LN_FILTER_BICUBIC, true, 0x94bf7a91},
    {2, 1, 9, 1, LN_FILTER_BICUBIC, true, 0x691610e1},
    {5, 7, 3, 2, LN_FILTER_BICUBIC, true, 0xe5e81afd},
    {17, 31, 16, 16, LN_FILTER_BICUBIC, true, 0x476467b3},
    {64, 48, 64, 20, LN_FILTER_BICUBIC, true, 0xdebf57a9},
    {64, 48, 21, 48, LN_FILTER_BICUBIC, true, 0x4ec08506},
    {100, 37, 224, 83, LN_FILTER_BICUBIC, true, 0x9017f689},
    {640, 480, 341, 256, LN_FILTER_BICUBIC, true, 0x20db9855},
    {1023, 3, 7, 9, LN_FILTER_BICUBIC, true, 0xe3261185},
    {300, 500, 1, 1, LN_FILTER_BICUBIC, true, 0xc8f1ffeb},
    {33, 33, 66, 66, LN_FILTER_BICUBIC, true, 0x47158838},
    {64, 64, 32, 32, LN_FILTER_BICUBIC, true, 0x908f8543},
    {1, 1, 5, 3, LN_FILTER_BILINEAR, false, 0x94bf7a91},
    {2, 1, 9, 1, LN_FILTER_BILINEAR, false, 0x30a827e3},
    {5, 7, 3, 2, LN_FILTER_BILINEAR, false, 0xdd552ff5},
    {17, 31, 16, 16, LN_FILTER_BILINEAR, false, 0xe0f2afb6},
    {64, 48, 64, 20, LN_FILTER_BILINEAR, false, 0xb9cae20b},
    {64, 48, 21, 48, LN_FILTER_BILINEAR, false, 0xeeefd6a4},
    {100, 37, 224, 83, LN_FILTER_BILINEAR, false, 0x6123f85a},
    {640, 480, 341, 256, LN_FILTER_BILINEAR, false, 0x920fd980},
    {1023, 3, 7, 9, LN_FILTER_BILINEAR, false, 0x0b5f4f45},
    {300, 500, 1, 1, LN_FILTER_BILINEAR, false, 0x79616aba},
    {33, 33, 66, 66, LN_FILTER_BILINEAR, false, 0x163c6927},
    {64, 64, 32, 32, LN_FILTER_BILINEAR, false, 0xfdcf4353},
    {1, 1, 5, 3, LN_FILTER_BICUBIC, false, 0x94bf7a91},
    {2, 1, 9, 1, LN_FILTER_BICUBIC, false, 0x159e63fe},
    {5, 7, 3, 2, LN_FILTER_BICUBIC, false, 0xd59360cf},
    {17, 31, 16, 16, LN_FILTER_BICUBIC, false, 0x11e0b4e2},
    {64, 48, 64, 20, LN_FILTER_BICUBIC, false, 0xa691f710},
    {64, 48, 21, 48, LN_FILTER_BICUBIC, false, 0xfa3217e6},
    {100, 37, 224, 83, LN_FILTER_BICUBIC, false, 0xc7528314},
    {640, 480, 341, 256, LN_FILTER_BICUBIC, false, 0xb081acf1},
    {1023, 3, 7, 9, LN_FILTER_BICUBIC, false, 0xf1ee5094},
    {300, 500, 1, 1, LN_FILTER_BICUBIC, false, 0x20bb2105},
    {33, 33, 66, 66, LN_FILTER_BICUBIC, false, 0x0939bc17},
    {64, 64, 32, 32, LN_FILTER_BICUBIC, false, 0x40e199c1},
};

START_TEST(resized_pixels) {
    for (size_t i = 0; i < LN_COUNT(rows); i++) {
        const struct row *r = &rows[i];
        ln_image in = picture(r->w, r->h), out;
        ck_assert_int_eq(
            ln_image_resize(&in, r->to_w, r->to_h, r->filter, r->antialias, &out, &err), LINNET_OK);
        ck_assert(out.width == r->to_w && out.height == r->to_h);
        uint32_t crc = ln_crc32(0, out.rgb, (size_t)out.width * (size_t)out.height * 3);
        ck_assert_msg(crc == r->crc, "row %zu: %08x", i, crc);
        ln_image_free(&in);
        ln_image_free(&out);
    }
}
END_TEST

START_TEST(same_size_is_a_copy) {
    ln_image in = picture(37, 23), out;
    for (int k = 0; k < 4; k++) {
        ck_assert_int_eq(ln_image_resize(&in, 37, 23,
                                         k & 1 ? LN_FILTER_BICUBIC : LN_FILTER_BILINEAR, k & 2,
                                         &out, &err),
                         LINNET_OK);
        ck_assert_mem_eq(in.rgb, out.rgb, 37 * 23 * 3);
        ln_image_free(&out);
    }
    ln_image_free(&in);
}
END_TEST

START_TEST(a_window_holds_the_pixels_of_the_whole) {
    static const int sizes[][2] = {{61, 40}, {61, 97}, {150, 40}, {30, 20}, {200, 131}};
    ln_image in = picture(61, 40), whole, part;
    for (size_t s = 0; s < LN_COUNT(sizes) * 4; s++) {
        int w = sizes[s / 4][0], h = sizes[s / 4][1];
        ln_filter f = s & 1 ? LN_FILTER_BICUBIC : LN_FILTER_BILINEAR;
        ln_axis x = {w, w / 3, w / 2}, y = {h, h / 4, h / 2 + 1};
        ck_assert_int_eq(ln_image_resize(&in, w, h, f, s & 2, &whole, &err), LINNET_OK);
        ck_assert_int_eq(ln_resize_window(&in, x, y, f, s & 2, &part, &err), LINNET_OK);
        for (int j = 0; j < y.count; j++)
            ck_assert_mem_eq(part.rgb + j * x.count * 3,
                             whole.rgb + ((y.from + j) * w + x.from) * 3, (size_t)x.count * 3);
        ln_image_free(&whole);
        ln_image_free(&part);
    }
    ln_image_free(&in);
}
END_TEST

START_TEST(sizes_that_cannot_be) {
    static const ln_axis bad[] = {{0, 0, 0}, {-3, 0, 1}, {5, 0, 0}, {5, 3, 3}, {5, -1, 2}};
    ln_image in = picture(5, 4), out, none = {0};
    ln_axis ok = {5, 0, 5};
    for (size_t i = 0; i < LN_COUNT(bad) * 2; i++) {
        ln_axis x = i & 1 ? ok : bad[i / 2], y = i & 1 ? bad[i / 2] : ok;
        ck_assert_int_eq(ln_resize_window(&in, x, y, LN_FILTER_BICUBIC, true, &out, &err),
                         LINNET_ERR_INVALID_ARGUMENT);
        ck_assert_ptr_null(out.rgb);
    }
    ck_assert_int_eq(ln_image_resize(&none, 5, 5, LN_FILTER_BICUBIC, true, &out, &err),
                     LINNET_ERR_INVALID_ARGUMENT);
    ck_assert_int_eq(ln_image_resize(&in, 1 << 20, 1 << 20, LN_FILTER_BICUBIC, true, &out, &err),
                     LINNET_ERR_BAD_FILE);
    ln_image_free(&in);
}
END_TEST

static ln_prep_spec spec(int h, int w, int resize) {
    return (ln_prep_spec){.height = h,
                          .width = w,
                          .resize = resize,
                          .filter = LN_FILTER_BICUBIC,
                          .antialias = true,
                          .scale = 1,
                          .mean = {0, 10, 20},
                          .std = {1, 2, 4}};
}

/* The centre of the resized picture, by hand, at the size and offset that the rule gives. */
static const struct crop {
    int w, h, to_h, to_w, resize, whole_w, whole_h, x, y;
} crops[] = {
    {60, 40, 32, 32, 32, 48, 32, 8, 0}, {40, 61, 32, 32, 36, 36, 55, 2, 12},
    {40, 40, 33, 33, 40, 40, 40, 4, 4}, /* 3.5 goes to the even 4 */
    {40, 40, 35, 35, 40, 40, 40, 2, 2}, /* and so does 2.5 to 2 */
    {64, 43, 20, 20, 21, 31, 21, 6, 0}, /* 31.26 by 21 */
    {50, 50, 24, 36, 28, 42, 42, 3, 9}, /* not square: covers 42 by 28 */
    {90, 40, 24, 36, 24, 54, 24, 9, 0}, {1, 1, 8, 8, 9, 9, 9, 0, 0},
};

START_TEST(preprocessing_takes_the_centre) {
    for (size_t i = 0; i < LN_COUNT(crops); i++) {
        const struct crop *c = &crops[i];
        ln_image in = picture(c->w, c->h), whole;
        ln_prep_spec s = spec(c->to_h, c->to_w, c->resize);
        size_t plane = (size_t)c->to_h * (size_t)c->to_w;
        float *got = malloc(plane * 3 * sizeof *got);
        ck_assert_int_eq(ln_image_resize(&in, c->whole_w, c->whole_h, s.filter, true, &whole, &err),
                         0);
        for (int bgr = 0; bgr < 2; bgr++) {
            s.bgr = bgr;
            ck_assert_int_eq(ln_preprocess_image(&in, &s, got, &err), LINNET_OK);
            for (int k = 0; k < 3 * (int)plane; k++) {
                int ch = k / (int)plane, y = k % (int)plane / c->to_w, x = k % c->to_w;
                const uint8_t *p = whole.rgb + ((y + c->y) * c->whole_w + x + c->x) * 3;
                float want = ((float)p[bgr ? 2 - ch : ch] - s.mean[ch]) / s.std[ch];
                ck_assert_msg(got[k] == want, "crop %zu at %d: %g, expected %g", i, k,
                              (double)got[k], (double)want);
            }
        }
        free(got);
        ln_image_free(&whole);
        ln_image_free(&in);
    }
}
END_TEST

/* Photographs decoded, resized to 256 and cropped to 224 are the reference's crops. */
START_TEST(photographs_give_their_crops) {
    static const char *const names[] = {"bird_segmentation.bmp", "grace_hopper.bmp", "cat_720p.jpg",
                                        "hot_dog.jpg",           "owl.jpg",          "parrot.jpg"};
    enum { N = 224 * 224 };
    static float got[3 * N];
    const char *folder = ln_env(LN_ENV_TEST_DATA);
    if (!folder) {
        printf("skipped: LINNET_TEST_DATA is not set, no photographs to crop\n");
        return;
    }
    for (size_t i = 0; i < LN_COUNT(names); i++) {
        char path[4096];
        int stem = (int)(strchr(names[i], '.') - names[i]);
        ln_image in, want;
        ln_prep_spec s = spec(224, 224, 256);
        snprintf(path, sizeof path, "%s/images/%s", folder, names[i]);
        ck_assert_msg(ln_image_load(path, &in, &err) == LINNET_OK, "%s", err.message);
        snprintf(path, sizeof path, "%s/images/crops/%.*s.ppm", folder, stem, names[i]);
        ck_assert_msg(ln_image_load(path, &want, &err) == LINNET_OK, "%s", err.message);
        ck_assert_int_eq(ln_preprocess_image(&in, &s, got, &err), LINNET_OK);
        int differ = 0;
        for (int k = 0; k < 3 * N; k++) {
            float level = got[k] * s.std[k / N] + s.mean[k / N];
            float d = fabsf(level - want.rgb[k % N * 3 + k / N]);
            ck_assert_msg(d < 1.001f, "%s: sample %d is %g levels off", names[i], k, (double)d);
            differ += d > 0.001f;
        }
        printf("%s: %d samples differ by one level\n", names[i], differ);
        ln_image_free(&in);
        ln_image_free(&want);
    }
}
END_TEST

START_TEST(what_is_too_small_gets_black_borders) {
    ln_image in = picture(6, 4);
    ln_prep_spec s = spec(8, 9, 4);
    float got[3 * 72];
    ck_assert_int_eq(ln_preprocess_image(&in, &s, got, &err), LINNET_OK);
    /* the box that is covered is 4 (of 8) by 4.5 (of 9), so the picture stays 6 by 4 */
    for (int i = 0; i < 3 * 72; i++) {
        int c = i / 72, y = i % 72 / 9 - 2, x = i % 9 - 1;
        bool inside = y >= 0 && y < 4 && x >= 0 && x < 6;
        float v = inside ? pattern(x, y, c) : 0;
        ck_assert(got[i] == (v - s.mean[c]) / s.std[c]);
    }
    ln_image_free(&in);
}
END_TEST

START_TEST(preprocessing_refuses) {
    ln_image in = picture(6, 4), none = {0}, thread = picture(1, 70000);
    float got[192];
    ln_prep_spec bad[] = {spec(0, 8, 8),  spec(8, 0, 8), spec(8, 8, 0),
                          spec(8, 8, -1), spec(8, 8, 8), spec(8, 8, 8)};
    bad[4].std[1] = 0;
    bad[5].std[2] = NAN;
    for (size_t i = 0; i < LN_COUNT(bad); i++)
        ck_assert_int_eq(ln_preprocess_image(&in, &bad[i], got, &err), LINNET_ERR_INVALID_ARGUMENT);
    ln_prep_spec s = spec(8, 8, 8), far = spec(8, 8, 100000);
    ck_assert_int_eq(ln_preprocess_image(&none, &s, got, &err), LINNET_ERR_INVALID_ARGUMENT);
    ck_assert_int_eq(ln_preprocess_image(&thread, &far, got, &err), LINNET_ERR_INVALID_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(err.message, "1 x 70000 pixels is too long"));
    ck_assert_int_eq(ln_preprocess_image(&thread, &s, got, &err), LINNET_OK);
    ln_image_free(&in);
    ln_image_free(&thread);
}
END_TEST

START_TEST(top_of_logits) {
    const float l[] = {1, 3, NAN, 2, 3, -INFINITY, NAN};
    static const int order[] = {1, 4, 3, 0, 5, 2, 6};
    double sum = 2 + exp(-1) + exp(-2);
    ln_top t[8];
    for (int k = -1; k <= 8; k++) {
        int n = LN_MAX(LN_MIN(k, 7), 0);
        ck_assert_int_eq(ln_topk(l, 7, k, t), n);
        for (int i = 0; i < n; i++) ck_assert_int_eq(t[i].index, order[i]);
    }
    ck_assert_float_eq(t[0].probability, (float)(1 / sum));
    ck_assert_float_eq(t[2].probability, (float)(exp(-1) / sum));
    ck_assert_float_eq(t[2].logit, 2);
    ck_assert_float_eq(t[4].probability, 0);
    ck_assert(isnan(t[5].probability) && isnan(t[6].probability));
    ck_assert_int_eq(ln_topk(l, 0, 5, t), 0);
}
END_TEST

START_TEST(top_of_extremes) {
    const float nan[] = {NAN, NAN}, inf[] = {0, INFINITY, INFINITY}, big[] = {3e38f, -3e38f};
    const float low[] = {-INFINITY, -INFINITY};
    ln_top t[3];
    ck_assert(ln_topk(nan, 2, 2, t) == 2 && t[0].index == 0 && isnan(t[0].probability));
    ck_assert(ln_topk(inf, 3, 3, t) == 3 && t[0].index == 1 && t[2].index == 0);
    ck_assert(t[0].probability == 0.5f && t[1].probability == 0.5f && t[2].probability == 0);
    ck_assert(ln_topk(big, 2, 2, t) == 2 && t[0].probability == 1 && t[1].probability == 0);
    ck_assert(ln_topk(low, 2, 1, t) == 1 && t[0].index == 0 && t[0].probability == 0.5f);
}
END_TEST

START_TEST(top_agrees_with_sorting) {
    float l[500];
    ln_top t[500];
    uint32_t r = 7;
    for (int i = 0; i < 500; i++) {
        r = r * 1664525u + 1013904223u;
        l[i] = (float)(r >> 24) / 16; /* many ties */
    }
    ck_assert_int_eq(ln_topk(l, 500, 500, t), 500);
    double sum = 0;
    for (int i = 0; i < 500; i++) {
        sum += (double)t[i].probability;
        ck_assert(t[i].logit == l[t[i].index]);
        if (i)
            ck_assert(t[i - 1].logit > t[i].logit ||
                      (t[i - 1].logit == t[i].logit && t[i - 1].index < t[i].index));
    }
    ck_assert_double_eq_tol(sum, 1, 1e-5);
}
END_TEST

int main(void) {
    Suite *s = suite_create("vision-resize");
    TCase *t = tcase_create("resize");
    tcase_set_timeout(t, 120);
    tcase_add_test(t, resized_pixels);
    tcase_add_test(t, same_size_is_a_copy);
    tcase_add_test(t, a_window_holds_the_pixels_of_the_whole);
    tcase_add_test(t, sizes_that_cannot_be);
    tcase_add_test(t, preprocessing_takes_the_centre);
    tcase_add_test(t, photographs_give_their_crops);
    tcase_add_test(t, what_is_too_small_gets_black_borders);
    tcase_add_test(t, preprocessing_refuses);
    tcase_add_test(t, top_of_logits);
    tcase_add_test(t, top_of_extremes);
    tcase_add_test(t, top_agrees_with_sorting);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
