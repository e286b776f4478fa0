/* Strings, pool, hash, checked arithmetic, errors. */
#include "base/base.h"
#include "tests/check_main.h"
#include "tests/oom.h"

START_TEST(fail_formats_one_line) {
    linnet_error e;
    ck_assert_int_eq(ln_fail(&e, LINNET_ERR_IO, "%s: %d", "a\nb\tc\x7f", 3), LINNET_ERR_IO);
    ck_assert_int_eq(e.status, LINNET_ERR_IO);
    ck_assert_str_eq(e.message, "a b c : 3");
    ck_assert_int_eq(ln_fail(NULL, LINNET_ERR_IO, "x"), LINNET_ERR_IO);
}
END_TEST

START_TEST(fail_may_quote_itself_and_is_cut) {
    linnet_error e;
    ln_fail(&e, LINNET_ERR_IO, "inner");
    ln_fail(&e, LINNET_ERR_INTERNAL, "outer: %s", e.message);
    ck_assert_str_eq(e.message, "outer: inner");
    ln_fail(&e, LINNET_ERR_IO, "%03000d", 7);
    ck_assert_uint_eq(strlen(e.message), sizeof e.message - 1);
}
END_TEST

START_TEST(prefix_keeps_status) {
    linnet_error e;
    ln_fail(&e, LINNET_ERR_BAD_FILE, "short");
    ck_assert_int_eq(ln_fail_prefix(&e, "layer %d", 4), LINNET_ERR_BAD_FILE);
    ck_assert_str_eq(e.message, "layer 4: short");
    ck_assert_int_eq(ln_fail_prefix(NULL, "x"), LINNET_ERR_INTERNAL);
    ln_fail_prefix(&e, "%03000d", 7);
    ck_assert_uint_eq(strlen(e.message), sizeof e.message - 1);
    ck_assert_int_eq(ln_fail_oom(&e, "a plan", 99), LINNET_ERR_OUT_OF_MEMORY);
    ck_assert_ptr_nonnull(strstr(e.message, "99 bytes for a plan"));
}
END_TEST

START_TEST(layer_names_fit_a_table) {
    static const char *const rows[][2] = {
        {"conv1", "conv1"},
        {"", ""},
        {";", ";"},
        {"net/Relu6;net/BatchNorm;net/Conv2D", "net/Relu6"},
        {"  net/add;net/Conv2D", "  net/add"},
        {"MobileNetV2/expanded_conv_10/depthwise/depthwise/BiasAdd",
         "...leNetV2/expanded_conv_10/depthwise/depthwise/BiasAdd"},
        {"  MobileNetV2/expanded_conv_10/depthwise/depthwise/BiasAdd",
         "  ...NetV2/expanded_conv_10/depthwise/depthwise/BiasAdd"},
        {"MobileNetV2/expanded_conv_10/depthwise/depthwise/Bias;",
         "MobileNetV2/expanded_conv_10/depthwise/depthwise/Bias"},
        {"many letters in front "
         "\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc"
         "\u00fc\u00fc\u00fc\u00fc\u00fc"
         "\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fcn",
         "..."
         "\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc"
         "\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fc\u00fcn"},
    };
    char out[LN_LAYER_TEXT], spaces[80];
    for (size_t i = 0; i < LN_COUNT(rows); i++)
        ck_assert_str_eq(ln_layer_text(rows[i][0], out), rows[i][1]);
    memset(spaces, ' ', sizeof spaces);
    spaces[sizeof spaces - 1] = 0;
    ck_assert_uint_lt(strlen(ln_layer_text(spaces, out)), sizeof out);
}
END_TEST

START_TEST(sizes_do_not_overflow) {
    size_t s;
    int64_t v;
    ck_assert(ln_mul_size(SIZE_MAX / 2, 2, &s));
    ck_assert_uint_eq(s, SIZE_MAX - 1);
    ck_assert(!ln_mul_size(SIZE_MAX / 2 + 1, 2, &s));
    ck_assert(ln_add_size(SIZE_MAX - 1, 1, &s));
    ck_assert(!ln_add_size(SIZE_MAX, 1, &s));
    ck_assert(ln_mul_i64(INT64_MIN / 2, 2, &v));
    ck_assert(!ln_mul_i64(INT64_MIN, -1, &v));
    ck_assert_int_eq(ln_round_up(13, 6), 18);
    ck_assert_int_eq(ln_round_up(0, 64), 0);
    ck_assert_int_eq(ln_ceil_div(13, 6), 3);
}
END_TEST

START_TEST(hashes_are_the_published_ones) {
    ck_assert_uint_eq(ln_hash(LN_HASH_INIT, "", 0), 0xCBF29CE484222325ull);
    ck_assert_uint_eq(ln_hash(LN_HASH_INIT, "a", 1), 0xAF63DC4C8601EC8Cull); /* FNV's own table */
    ck_assert_uint_eq(ln_hash(ln_hash(LN_HASH_INIT, "foo", 3), "bar", 3), 0x85944171F73967E8ull);
    ck_assert_uint_eq(ln_crc32(0, "123456789", 9), 0xCBF43926u); /* the check value of CRC-32 */
    uint32_t whole = ln_crc32(0, "The quick brown fox jumps over the lazy dog", 43);
    ck_assert_uint_eq(whole, 0x414FA339u);
    for (size_t cut = 0; cut < 43; cut++) {
        const char *t = "The quick brown fox jumps over the lazy dog";
        ck_assert_uint_eq(ln_crc32(ln_crc32(0, t, cut), t + cut, 43 - cut), whole);
    }
}
END_TEST

START_TEST(str_grows) {
    ln_str s = {0};
    ln_str_put(&s, NULL, 0);
    ck_assert_str_eq(s.p, "");
    for (int i = 0; i < 1000; i++) ln_str_add(&s, "%d,", i % 10);
    ln_str_put(&s, "\0z", 2);
    ck_assert(!s.failed);
    ck_assert_uint_eq(s.len, 2002);
    ck_assert_int_eq(s.p[2002], 0);
    ck_assert_int_eq(s.p[2001], 'z');
    ln_str_free(&s);
    ck_assert_ptr_null(s.p);
}
END_TEST

START_TEST(str_remembers_failure) {
    ln_str s = {0};
    oom_fail_nth(1);
    ln_str_add(&s, "lost");
    ck_assert(s.failed);
    ln_str_add(&s, "also lost");
    ln_str_put(&s, "x", 1);
    ck_assert_uint_eq(s.len, 0);
    ln_str_free(&s);
    ln_str_put(&s, "x", 1);
    ln_str_put(&s, "y", SIZE_MAX - 1); /* len + n overflows before any byte is read */
    ck_assert(s.failed);
    ck_assert_str_eq(s.p, "x");
    ln_str_free(&s);
    ln_str_put(&s, "y", SIZE_MAX / 2 + 1); /* no power of two is large enough */
    ck_assert(s.failed);
    ln_str_free(&s);
}
END_TEST

START_TEST(pool_gives_zeroed_aligned_memory) {
    ln_pool p = {0};
    for (size_t i = 0; i < 3000; i++) {
        size_t n = i % 97;
        unsigned char *b = ln_pool_alloc(&p, n, 1);
        ck_assert_ptr_nonnull(b);
        ck_assert_uint_eq((uintptr_t)b % 16, 0);
        for (size_t k = 0; k < n; k++) ck_assert_uint_eq(b[k], 0);
        memset(b, 0xAB, n);
    }
    unsigned char *small = ln_pool_alloc(&p, 1, 8), *large = ln_pool_alloc(&p, 1 << 20, 1);
    ck_assert_ptr_nonnull(large);
    memset(large, 1, 1 << 20);
    ck_assert_ptr_eq(ln_pool_alloc(&p, 1, 1), small + 16); /* the head's rest stays in use */
    ck_assert_uint_ge(p.total, 1 << 20);
    ck_assert_str_eq(ln_pool_strdup(&p, "dup"), "dup");
    ck_assert_str_eq(ln_pool_printf(&p, "%s-%d", "a", 5), "a-5");
    ln_pool_free(&p);
    ck_assert_ptr_null(p.head);
    ck_assert_uint_eq(p.total, 0);
}
END_TEST

START_TEST(pool_fails_cleanly) {
    ln_pool p = {0};
    ck_assert_ptr_null(ln_pool_alloc(&p, SIZE_MAX, 2));
    ck_assert_ptr_null(ln_pool_alloc(&p, SIZE_MAX, 1));
    oom_fail_nth(1);
    ck_assert_ptr_null(ln_pool_alloc(&p, 1, 1));
    oom_fail_nth(1);
    ck_assert_ptr_null(ln_pool_strdup(&p, "x"));
    oom_fail_nth(1);
    ck_assert_ptr_null(ln_pool_printf(&p, "x"));
    ck_assert_ptr_nonnull(ln_pool_alloc(&p, 1, 1));
    ln_pool_free(&p);
}
END_TEST

START_TEST(aligned_blocks) {
    void *p = ln_alloc_aligned(3, 7), *none = ln_alloc_aligned(0, 4);
    ck_assert_uint_eq((uintptr_t)p % 64, 0);
    ck_assert_ptr_nonnull(none);
    free(p);
    free(none);
    ck_assert_ptr_null(ln_alloc_aligned(SIZE_MAX, 2));
    ck_assert_ptr_null(ln_alloc_aligned(SIZE_MAX - 10, 1));
    oom_fail_nth(1);
    ck_assert_ptr_null(ln_alloc_aligned(1, 1));
}
END_TEST

START_TEST(edit_distances) {
    ck_assert_int_eq(ln_edit_distance("", ""), 0);
    ck_assert_int_eq(ln_edit_distance("abc", ""), 3);
    ck_assert_int_eq(ln_edit_distance("", "abc"), 3);
    ck_assert_int_eq(ln_edit_distance("kitten", "sitting"), 3);
    ck_assert_int_eq(ln_edit_distance("MobileNet", "mobilenet"), 0);
    char a[300], b[300];
    memset(a, 'a', 299);
    memset(b, 'b', 299);
    a[299] = b[299] = 0;
    ck_assert_int_eq(ln_edit_distance(a, b), 127); /* only so many letters are compared */
}
END_TEST

CHECK_MAIN("base text", fail_formats_one_line, fail_may_quote_itself_and_is_cut,
           prefix_keeps_status, layer_names_fit_a_table, sizes_do_not_overflow,
           hashes_are_the_published_ones, str_grows, str_remembers_failure,
           pool_gives_zeroed_aligned_memory, pool_fails_cleanly, aligned_blocks, edit_distances)
