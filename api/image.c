/* Pictures into a model's input, logits into answers. */
#include "api/api.h"
#include "models/weights.h"

#include <stdlib.h>
#include <string.h>

/* The picture's bytes as the model has its pixels. */
static linnet_status prepare(const linnet_model *m, ln_image *im, const char *name, uint8_t *dst,
                             linnet_error *err) {
    linnet_status st = ln_preprocess_bytes(im, &m->prep, dst, err);
    ln_image_free(im);
    if (st != LINNET_OK) ln_fail_prefix(err, "%s", name);
    return st;
}

static linnet_status check_model(const linnet_model *m, linnet_error *err) {
    if (m->info.height > 0 && m->info.channels == 3) return LINNET_OK;
    return ln_fail(err, LINNET_ERR_UNSUPPORTED, "%s: takes no pictures of three colours",
                   m->info.name);
}

linnet_status linnet_image_load_bytes(const linnet_model *m, const char *path, uint8_t *dst,
                                      linnet_error *err) {
    ln_image im = {0};
    LN_TRY(check_model(m, err));
    LN_TRY(ln_image_load(path, &im, err));
    return prepare(m, &im, path, dst, err);
}

void linnet_image_normalise(const linnet_model *m, const uint8_t *bytes, float *dst) {
    const size_t pixels = (size_t)m->prep.height * (size_t)m->prep.width;
    if (!m->info.nhwc) {
        ln_normalise(&m->prep, bytes, dst);
        return;
    }
    for (size_t c = 0; c < 3; c++) /* [3,h,w] to [h,w,3] */
        for (size_t i = 0; i < pixels; i++, bytes++)
            dst[3 * i + c] = ((float)*bytes * m->prep.scale - m->prep.mean[c]) / m->prep.std[c];
}

/* Bytes of a picture for the model; NULL: out of memory. */
static uint8_t *bytes_of(const linnet_model *m, linnet_error *err) {
    size_t size = 3 * (size_t)m->prep.height * (size_t)m->prep.width;
    uint8_t *bytes = malloc(size);
    if (!bytes) ln_fail_oom(err, "a picture", size);
    return bytes;
}

linnet_status linnet_image_load(const linnet_model *m, const char *path, float *dst,
                                linnet_error *err) {
    LN_TRY(check_model(m, err));
    uint8_t *bytes = bytes_of(m, err);
    linnet_status st =
        bytes ? linnet_image_load_bytes(m, path, bytes, err) : LINNET_ERR_OUT_OF_MEMORY;
    if (st == LINNET_OK) linnet_image_normalise(m, bytes, dst);
    free(bytes);
    return st;
}

linnet_status linnet_image_decode(const linnet_model *m, const void *data, size_t size,
                                  const char *name, float *dst, linnet_error *err) {
    ln_image im = {0};
    LN_TRY(check_model(m, err));
    LN_TRY(ln_image_decode(data, size, name, &im, err));
    uint8_t *bytes = bytes_of(m, err);
    linnet_status st = bytes ? prepare(m, &im, name, bytes, err) : LINNET_ERR_OUT_OF_MEMORY;
    if (st == LINNET_OK) linnet_image_normalise(m, bytes, dst);
    if (!bytes) ln_image_free(&im);
    free(bytes);
    return st;
}

int linnet_topk(const float *logits, int classes, int k, linnet_top *out) {
    _Static_assert(sizeof(linnet_top) == sizeof(ln_top) &&
                       offsetof(linnet_top, probability) == offsetof(ln_top, probability) &&
                       offsetof(linnet_top, logit) == offsetof(ln_top, logit),
                   "the public record is the inner one");
    return ln_topk(logits, classes, k, (ln_top *)out);
}

void linnet_synthetic_image(uint64_t index, uint64_t seed, int64_t height, int64_t width,
                            float *dst) {
    ln_synthetic_image(index, seed, height, width, dst);
}
