/* Every allocation of ours fails in turn: one clear error each time, and nothing kept. The
 * allocator of the whole program is replaced, so the codecs' own allocations fail too. */
#include "pictures.h"
#include "vision/decode.h"
#include <check.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

void *__libc_malloc(size_t n);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t n);
void __libc_free(void *p);

static long fail_at = -1, count, live; /* fail_at: which allocation, counted from 0; -1 none */
static bool counting;

static bool refuse(void) {
    return counting && count++ == fail_at;
}
void *malloc(size_t n) {
    void *p = refuse() ? NULL : __libc_malloc(n);
    live += p && counting;
    return p;
}
void *calloc(size_t n, size_t size) {
    void *p = refuse() ? NULL : __libc_calloc(n, size);
    live += p && counting;
    return p;
}
void *realloc(void *old, size_t n) {
    if (refuse()) return NULL;
    void *p = __libc_realloc(old, n);
    live += p && !old && counting;
    return p;
}
void free(void *p) {
    live -= p && counting;
    __libc_free(p);
}

static linnet_status work(const bytes *b, bool antialias, linnet_error *err) {
    static float x[3 * 16 * 16];
    ln_image im;
    ln_prep_spec s = {.height = 16,
                      .width = 16,
                      .resize = 18,
                      .antialias = antialias,
                      .scale = 1,
                      .std = {1, 1, 1}};
    LN_TRY(ln_image_decode(b->p, b->n, "pic", &im, err));
    linnet_status st = ln_preprocess_image(&im, &s, x, err);
    ln_image_free(&im);
    return st;
}

START_TEST(every_allocation_fails_in_turn) {
    bytes exif = make_exif(1, 3, 6);
    bytes all[] = {make_jpeg(45, 31, 3, 0, exif.p, exif.n),
                   make_jpeg(45, 31, 4, 1, NULL, 0),
                   make_png(45, 31, 6, 16, 1),
                   make_png(45, 31, 3, 4, 0),
                   make_webp(45, 31, 1),
                   make_webp(45, 31, 0),
                   make_bmp(45, 31, 24),
                   make_ppm(45, 31)};
    for (size_t k = 0; k < LN_COUNT(all) * 2; k++) {
        linnet_error err = {0};
        linnet_status st = LINNET_ERR_INTERNAL;
        ck_assert_int_eq(work(&all[k / 2], k & 1, &err), LINNET_OK);
        int failures = 0;
        for (long n = 0; n < 2000 && st != LINNET_OK; n++) {
            memset(&err, 0, sizeof err);
            fail_at = n, count = 0, live = 0, counting = true;
            st = work(&all[k / 2], k & 1, &err);
            counting = false;
            ck_assert_msg(live == 0, "picture %zu, allocation %ld: %ld blocks kept", k, n, live);
            if (st == LINNET_OK && count > n) st = LINNET_ERR_INTERNAL; /* done without it */
            if (!err.message[0]) continue;
            ck_assert_msg(err.status == LINNET_ERR_OUT_OF_MEMORY, "picture %zu, allocation %ld: %s",
                          k, n, err.message);
            failures++;
        }
        ck_assert_int_eq(st, LINNET_OK);
        ck_assert_int_ge(failures, 6);
    }
    for (size_t k = 0; k < LN_COUNT(all); k++) bytes_free(&all[k]);
    bytes_free(&exif);
}
END_TEST

int main(void) {
    Suite *s = suite_create("vision-memory");
    TCase *t = tcase_create("memory");
    tcase_set_timeout(t, 120);
    tcase_add_test(t, every_allocation_fails_in_turn);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed != 0;
}
