/* Pictures into a model's input, logits into answers. */
#include "api/api.h"
#include "models/weights.h"

#include <stdlib.h>
#include <string.h>

/* [3,h,w] to [h,w,3] */
static linnet_status interleave(float *dst, size_t pixels, linnet_error *err) {
    float *planes = malloc(3 * pixels * sizeof *planes);
    if (!planes) return ln_fail_oom(err, "a picture", 3 * pixels * sizeof *planes);
    memcpy(planes, dst, 3 * pixels * sizeof *planes);
    for (size_t i = 0; i < pixels; i++)
        for (size_t c = 0; c < 3; c++) dst[3 * i + c] = planes[c * pixels + i];
    free(planes);
    return LINNET_OK;
}

static linnet_status prepare(const linnet_model *m, ln_image *im, const char *name, float *dst,
                             linnet_error *err) {
    linnet_status st = ln_preprocess_image(im, &m->prep, dst, err);
    if (st == LINNET_OK && m->info.nhwc)
        st = interleave(dst, (size_t)m->prep.height * (size_t)m->prep.width, err);
    ln_image_free(im);
    if (st != LINNET_OK) ln_fail_prefix(err, "%s", name);
    return st;
}

static linnet_status check_model(const linnet_model *m, linnet_error *err) {
    if (m->info.height > 0 && m->info.channels == 3) return LINNET_OK;
    return ln_fail(err, LINNET_ERR_UNSUPPORTED, "%s: takes no pictures of three colours",
                   m->info.name);
}

linnet_status linnet_image_load(const linnet_model *m, const char *path, float *dst,
                                linnet_error *err) {
    ln_image im = {0};
    LN_TRY(check_model(m, err));
    LN_TRY(ln_image_load(path, &im, err));
    return prepare(m, &im, path, dst, err);
}

linnet_status linnet_image_decode(const linnet_model *m, const void *data, size_t size,
                                  const char *name, float *dst, linnet_error *err) {
    ln_image im = {0};
    LN_TRY(check_model(m, err));
    LN_TRY(ln_image_decode(data, size, name, &im, err));
    return prepare(m, &im, name, dst, err);
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
