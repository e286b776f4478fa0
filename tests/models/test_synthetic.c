/* The synthetic stream: vectors that an independent program computed. */
#include "models/weights.h"

#include "tests/check_main.h"

#include <pthread.h>
#include <stdlib.h>

static const struct {
    const char *key;
    ln_shape shape;
    float first[4], last;
    uint32_t crc;
} vectors[] = {
    {"conv_stem.weight",
     {4, {32, 3, 3, 3}},
     {-0x1.d45472p+1f, -0x1.0e99cep+1f, 0x1.f3b8c4p+1f, -0x1.8f7e64p+1f},
     -0x1.de9016p+1f,
     0x41bf3093},
    {"blocks.1.0.bn1.running_var",
     {1, {96}},
     {0x1.16a5f8p+0f, 0x1.c74fdep-1f, 0x1.04cfbap+0f, 0x1.dfb49ep-1f},
     0x1.baa58cp-1f,
     0x9f4a05b2},
    {"blocks.2.0.se.conv_expand.bias",
     {1, {72}},
     {0x1.747da8p+1f, 0x1.3b4108p+1f, 0x1.7089c4p+1f, 0x1.bab69ep+0f},
     0x1.5393dp+1f,
     0xd81637eb},
    {"blocks.0.0.conv_dw.weight",
     {4, {32, 1, 3, 3}},
     {0x1.d65a02p-2f, 0x1.5cb128p-7f, 0x1.4d8792p-1f, 0x1.35de62p-1f},
     -0x1.eab294p-6f,
     0x55a69561},
    {"classifier.weight",
     {2, {1000, 1280}},
     {-0x1.2cec72p-7f, 0x1.f5d588p-10f, 0x1.1ee8f4p-5f, -0x1.04ccdap-5f},
     0x1.a6efe2p-8f,
     0xf13decbd},
    {"features.1.weight",
     {4, {64, 64, 3, 3}},
     {0x1.03926ap-3f, 0x1.427316p-5f, 0x1.aab3fp-6f, 0x1.e17a92p-5f},
     -0x1.15c9aap-6f,
     0x2173adc5},
};

START_TEST(weights) {
    for (size_t i = 0; i < LN_COUNT(vectors); i++) {
        int64_t n;
        ck_assert(ln_shape_count(&vectors[i].shape, &n));
        float *t = malloc((size_t)n * sizeof *t);
        ln_synthetic_tensor(vectors[i].key, &vectors[i].shape, 1, t);
        for (int k = 0; k < 4; k++) ck_assert_float_eq(t[k], vectors[i].first[k]);
        ck_assert_float_eq(t[n - 1], vectors[i].last);
        ck_assert_uint_eq(ln_crc32(0, t, (size_t)n * 4), vectors[i].crc);
        free(t);
    }
}
END_TEST

START_TEST(image) {
    size_t n = 3 * 224 * 224;
    float *t = malloc(n * sizeof *t);
    ln_synthetic_image(0, 1, 224, 224, t);
    ck_assert_float_eq(t[0], -0x1.8a939cp-2f);
    ck_assert_float_eq(t[n - 1], 0x1.d7e528p-3f);
    ck_assert_uint_eq(ln_crc32(0, t, n * 4), 0x474e7826);
    free(t);
}
END_TEST

static void *ask(void *w) {
    linnet_error err = {0};
    for (int i = 0; i < 64; i++) {
        char name[32];
        ln_shape shape = {2, {16, 16}};
        snprintf(name, sizeof name, "fc.%d.weight", i);
        if (!ln_weights_find(w, name, &shape, &err)) return w;
    }
    return NULL;
}

START_TEST(a_source_is_shared_by_threads) {
    ln_weights *w;
    linnet_error err = {0};
    pthread_t t[4];
    ck_assert_int_eq(ln_synthetic_open(1, &w, &err), LINNET_OK);
    ck_assert(ln_weights_is_synthetic(w));
    for (int i = 0; i < 4; i++) pthread_create(&t[i], NULL, ask, w);
    for (int i = 0; i < 4; i++) {
        void *failed;
        pthread_join(t[i], &failed);
        ck_assert_ptr_null(failed);
    }
    ck_assert_uint_eq(ln_weights_count(w), 64);
    ln_shape none = {1, {0}};
    ck_assert_ptr_null(ln_weights_find(w, "empty", &none, &err));
    ln_weights_close(&w);
}
END_TEST

CHECK_MAIN("synthetic", weights, image, a_source_is_shared_by_threads)
