/* Safetensors: what is written comes back, and headers that lie are refused. */
#include "models/weights.h"
#include "tests/models/files.h"

#include "tests/check_main.h"

#include <stdlib.h>
#include <string.h>

/* Three tensors, metadata, one of them strided, one a scalar, as one file's bytes. */
static void sample(ln_str *out) {
    static const float six[6] = {0, 1, 2, 3, 4, 5};
    static const uint16_t half[2] = {0x3c00, 0xc000};
    static const int64_t steps = 5;
    ln_weight w[] = {
        {.name = "conv.weight", .shape = {2, {2, 3}}, .data = six, .stride = {1, 2}},
        {.name = "bn.weight", .shape = {1, {2}}, .dtype = LN_F16, .data = half, .stride = {1}},
        {.name = "bn.num_batches_tracked", .dtype = LN_I64, .data = &steps},
    };
    ln_meta meta[] = {{"family", "x\"y\\z\n"}, {"note", "\xc3\xa9"}};
    linnet_error err = {0};
    const char *path = scratch("sample.safetensors");
    ck_assert_msg(ln_safetensors_write(path, w, 3, meta, 2, &err) == LINNET_OK, "%s", err.message);
    read_back(path, out);
}

START_TEST(round_trip) {
    ln_str bytes = {0};
    ln_weights *w;
    linnet_error err = {0};
    sample(&bytes);
    const char *path = file_of("back.safetensors", bytes.p, bytes.len);
    ck_assert_msg(ln_weights_open(path, &w, &err) == LINNET_OK, "%s", err.message);
    ck_assert_uint_eq(ln_weights_count(w), 3);
    ck_assert(!ln_weights_is_synthetic(w));
    ck_assert_str_eq(ln_weights_meta(w, "family"), "x\"y\\z\n");
    ck_assert_str_eq(ln_weights_meta(w, "note"), "\xc3\xa9");
    ck_assert_ptr_null(ln_weights_meta(w, "absent"));
    ck_assert_str_eq(ln_weights_path(w), path);
    const ln_weight *c = ln_weights_find(w, "conv.weight", NULL, &err);
    const float dense[6] = {0, 2, 4, 1, 3, 5};
    for (int i = 0; i < 6; i++) ck_assert_float_eq(ln_elem_f32(c->data, i, c->dtype), dense[i]);
    ck_assert_uint_eq((uintptr_t)c->data % 8, 0);
    const ln_weight *b = ln_weights_find(w, "bn.weight", NULL, &err);
    ck_assert_int_eq(b->dtype, LN_F16);
    ck_assert_float_eq(ln_elem_f32(b->data, 1, b->dtype), -2.0f);
    ck_assert_ptr_eq(ln_weights_at(w, 1), b);
    ck_assert_ptr_null(ln_weights_at(w, 3));
    ck_assert_ptr_null(ln_weights_find(w, "conv.bias", NULL, &err));
    ln_weights_close(&w);
    ck_assert_ptr_null(w);
    ln_weights_close(&w);
    ln_str_free(&bytes);
}
END_TEST

static void must_fail(const void *bytes, size_t n, const char *says) {
    ln_weights *w;
    linnet_error err = {0};
    const char *path = file_of("bad.safetensors", bytes, n);
    ck_assert_msg(ln_safetensors_open(path, &w, &err) == LINNET_ERR_BAD_FILE, "taken: %s", says);
    ck_assert_ptr_null(w);
    ck_assert_msg(strstr(err.message, says) && strstr(err.message, "bad.safetensors"),
                  "'%s' does not say '%s'", err.message, says);
    ck_assert_ptr_null(strchr(err.message, '\n'));
}

START_TEST(cut_short_anywhere) {
    ln_str bytes = {0};
    sample(&bytes);
    for (size_t n = 0; n < bytes.len; n++) must_fail(bytes.p, n, "");
    ln_str_put(&bytes, "x", 1);
    must_fail(bytes.p, bytes.len, "1 data bytes after the last tensor");
    ln_str_free(&bytes);
}
END_TEST

#define T(fields) "{\"a\":{" fields "}}"
#define OK_SHAPE  "\"dtype\":\"F32\",\"shape\":[2,2],"
/* A header over 16 bytes of data, and what the message must say. */
static const struct {
    const char *header, *says;
} lies[] = {
    {"", "not JSON"},
    {"{", "not JSON"},
    {"[]", "expected one JSON object"},
    {"{} {}", "expected one JSON object"},
    {"{}", "16 data bytes after the last tensor"},
    {T("\"dtype\":\"F32\""), "no shape"},
    {T("\"shape\":[2,2],\"data_offsets\":[0,16]"), "no dtype"},
    {T("\"dtype\":\"F8_E4M3\",\"shape\":[16],\"data_offsets\":[0,16]"), "'F8_E4M3'"},
    {T("\"dtype\":7,\"shape\":[2,2],\"data_offsets\":[0,16]"), "no dtype"},
    {T(OK_SHAPE "\"data_offsets\":[0,17]"), "cut short"},
    {T(OK_SHAPE "\"data_offsets\":[0,12]"), "needs 16 bytes, its offsets give 12"},
    {T(OK_SHAPE "\"data_offsets\":[16,0]"), "data_offsets"},
    {T(OK_SHAPE "\"data_offsets\":[-4,12]"), "data_offsets"},
    {T(OK_SHAPE "\"data_offsets\":[0.5,16]"), "data_offsets"},
    {T(OK_SHAPE "\"data_offsets\":[0,1e300]"), "data_offsets"},
    {T(OK_SHAPE "\"data_offsets\":[0,18446744073709551632]"), "data_offsets"},
    {T(OK_SHAPE "\"data_offsets\":[0]"), "data_offsets"},
    {T(OK_SHAPE "\"data_offsets\":\"0,16\""), "data_offsets"},
    {T("\"dtype\":\"F32\",\"shape\":[4294967296,4294967296],\"data_offsets\":[0,16]"), "overflows"},
    {T("\"dtype\":\"F32\",\"shape\":[0,9007199254740991,9007199254740991],\"data_offsets\":[0,0]"),
     "dimension 2 is no size or overflows"},
    {T("\"dtype\":\"F32\",\"shape\":[4611686018427387904],\"data_offsets\":[0,16]"), "dimension 0"},
    {T("\"dtype\":\"F32\",\"shape\":[-2,-2],\"data_offsets\":[0,16]"), "dimension 0"},
    {T("\"dtype\":\"F32\",\"shape\":[1.5],\"data_offsets\":[0,16]"), "dimension 0"},
    {T("\"dtype\":\"F32\",\"shape\":[1,1,1,1,1,1,4],\"data_offsets\":[0,16]"), "dimensions"},
    {T("\"dtype\":\"F32\",\"shape\":4,\"data_offsets\":[0,16]"), "no shape"},
    {"{\"a\":4}", "not an object"},
    {"{\"__metadata__\":4}", "not an object"},
    {"{\"__metadata__\":{\"family\":4}}", "not a string"},
    {"{\"a\":{\"dtype\":\"U8\",\"shape\":[12],\"data_offsets\":[0,12]},"
     "\"b\":{\"dtype\":\"U8\",\"shape\":[8],\"data_offsets\":[8,16]}}",
     "overlap"},
    {"{\"a\":{\"dtype\":\"U8\",\"shape\":[4],\"data_offsets\":[0,4]},"
     "\"b\":{\"dtype\":\"U8\",\"shape\":[8],\"data_offsets\":[8,16]}}",
     "belong to none"},
    {"{\"a\":{\"dtype\":\"U8\",\"shape\":[8],\"data_offsets\":[0,8]},"
     "\"a\":{\"dtype\":\"U8\",\"shape\":[8],\"data_offsets\":[8,16]}}",
     "there twice"},
};

static void with_header(ln_str *out, const char *header, size_t len, uint64_t claimed) {
    for (int i = 0; i < 8; i++) {
        char c = (char)(claimed >> 8 * i);
        ln_str_put(out, &c, 1);
    }
    ln_str_put(out, header, len);
    ln_str_put(out, "0123456789abcdef", 16);
}

START_TEST(headers_that_lie) {
    for (size_t i = 0; i < LN_COUNT(lies); i++) {
        ln_str bytes = {0};
        size_t len = strlen(lies[i].header);
        with_header(&bytes, lies[i].header, len, len);
        must_fail(bytes.p, bytes.len, lies[i].says);
        ln_str_free(&bytes);
    }
}
END_TEST

START_TEST(lengths_that_lie) {
    static const uint64_t claim[] = {3, 19, 1u << 20, UINT32_MAX, 1ull << 40, UINT64_MAX};
    for (size_t i = 0; i < LN_COUNT(claim); i++) {
        ln_str bytes = {0};
        with_header(&bytes, "{}", 2, claim[i]);
        must_fail(bytes.p, bytes.len, "header");
        ln_str_free(&bytes);
    }
}
END_TEST

START_TEST(deep_nesting_and_nul) {
    ln_str header = {0}, bytes = {0};
    ln_str_add(&header, "{\"a\":");
    for (int i = 0; i < 200000; i++) ln_str_put(&header, "[", 1);
    with_header(&bytes, header.p, header.len, header.len);
    must_fail(bytes.p, bytes.len, "nested deeper");
    bytes.len = 0;
    with_header(&bytes, "{\"a\0b\":1}", 9, 9);
    must_fail(bytes.p, bytes.len, "NUL");
    ln_str_free(&header);
    ln_str_free(&bytes);
}
END_TEST

START_TEST(writing_is_whole_or_not_there) {
    static const float one = 1;
    ln_weight w = {.name = "a", .shape = {2, {INT64_MAX / 2, 8}}, .data = &one, .stride = {0, 0}};
    linnet_error err = {0};
    const char *path = scratch("huge.safetensors");
    ck_assert_int_eq(ln_safetensors_write(path, &w, 1, NULL, 0, &err), LINNET_ERR_INVALID_ARGUMENT);
    w.shape = (ln_shape){1, {1}};
    ck_assert_int_eq(ln_safetensors_write("/nowhere/x.safetensors", &w, 1, NULL, 0, &err),
                     LINNET_ERR_IO);
    w.shape = (ln_shape){1, {1 << 20}};
    ck_assert_int_eq(ln_safetensors_write("/dev/full", &w, 1, NULL, 0, &err), LINNET_ERR_IO);
    FILE *f = fopen(path, "rb");
    ck_assert_ptr_null(f);
    ck_assert_int_eq(ln_safetensors_open(scratch("absent"), &(ln_weights *){0}, &err),
                     LINNET_ERR_IO);
}
END_TEST

CHECK_MAIN("safetensors", round_trip, cut_short_anywhere, headers_that_lie, lengths_that_lie,
           deep_nesting_and_nul, writing_is_whole_or_not_there)
