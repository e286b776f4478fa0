/* A session's inputs and outputs, in its own memory. */
#include "cli/cli.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

int cli_tensors_create(linnet_session *s, bool outputs, cli_tensors *out) {
    size_t n = outputs ? linnet_session_outputs(s) : linnet_session_inputs(s);
    linnet_error err = {0};
    *out = (cli_tensors){
        .n = n, .info = calloc(n + 1, sizeof *out->info), .data = calloc(n + 1, sizeof *out->data)};
    bool ok = out->info && out->data;
    if (!ok) ln_fail_oom(&err, "inputs and outputs", n * sizeof *out->info);
    for (size_t i = 0; ok && i < n; i++)
        ok = outputs ? linnet_session_output(s, i, &out->info[i]) == LINNET_OK &&
                           linnet_session_output_memory(s, i, &out->data[i], &err) == LINNET_OK
                     : linnet_session_input(s, i, &out->info[i]) == LINNET_OK &&
                           linnet_session_input_memory(s, i, &out->data[i], &err) == LINNET_OK;
    if (ok) return CLI_OK;
    cli_tensors_free(out);
    return cli_report(&err);
}

void cli_tensors_free(cli_tensors *t) {
    free(t->data);
    free(t->info);
    *t = (cli_tensors){0};
}

/* One input of `channels` planes, three from each of the deterministic pictures from `first` on;
 * spare: room for one of those. */
static void fill_planes(float *dst, int64_t channels, int64_t h, int64_t w, uint64_t first,
                        uint64_t seed, float *spare) {
    for (int64_t c = 0; c < channels; c += 3, first++) {
        size_t planes = (size_t)LN_MIN(channels - c, 3), plane = (size_t)(h * w);
        linnet_synthetic_image(first, seed, h, w, spare);
        memcpy(dst + (size_t)c * plane, spare, planes * plane * sizeof *dst);
    }
}

static int fill_pictures(const linnet_tensor_info *info, float *dst, uint64_t seed, bool nhwc) {
    const int64_t *d = info->dim, map = d[1] * d[2] * d[3];
    const int64_t c = nhwc ? d[3] : d[1], h = nhwc ? d[1] : d[2], w = nhwc ? d[2] : d[3];
    float *spare = ln_alloc_aligned((size_t)(3 * h * w), sizeof *spare);
    float *planes = nhwc ? ln_alloc_aligned((size_t)map, sizeof *planes) : NULL;
    const bool ok = spare && (planes || !nhwc);
    for (int64_t k = 0; ok && k < d[0]; k++) {
        float *to = dst + k * map;
        fill_planes(nhwc ? planes : to, c, h, w, (uint64_t)(k * ln_ceil_div(c, 3)), seed, spare);
        for (int64_t at = 0; nhwc && at < map; at++) to[at] = planes[at % c * (h * w) + at / c];
    }
    free(planes);
    free(spare);
    return ok ? CLI_OK : cli_out_of_memory("a synthetic input");
}

size_t cli_element_size(const linnet_tensor_info *info) {
    return info->dtype == LINNET_I8 || info->dtype == LINNET_U8 ? 1 : sizeof(float);
}

size_t cli_tensor_count(const linnet_tensor_info *info) {
    return info->bytes / cli_element_size(info);
}

void cli_from_reals(const linnet_tensor_info *info, const float *src, size_t n, void *dst) {
    const int low = info->dtype == LINNET_I8 ? -128 : 0;
    uint8_t *byte = dst;
    int32_t *word = dst;
    if (info->dtype == LINNET_F32) memcpy(dst, src, n * sizeof *src);
    for (size_t i = 0; info->dtype == LINNET_I32 && i < n; i++)
        word[i] = ln_f64_to_i32((double)src[i]);
    for (size_t i = 0; cli_element_size(info) == 1 && i < n; i++) {
        const float v = roundf(src[i] / info->scale) + (float)info->zero;
        byte[i] = (uint8_t)(int)fminf(fmaxf(v, (float)low), (float)(low + 255));
    }
}

void cli_to_reals(const linnet_tensor_info *info, const void *src, size_t from, size_t n,
                  float *dst) {
    for (size_t i = 0; i < n; i++) {
        const size_t k = from + i;
        switch (info->dtype) {
        case LINNET_I32: dst[i] = (float)((const int32_t *)src)[k]; break;
        case LINNET_I8:
            dst[i] = info->scale * (float)(((const int8_t *)src)[k] - info->zero);
            break;
        case LINNET_U8:
            dst[i] = info->scale * (float)(((const uint8_t *)src)[k] - info->zero);
            break;
        default: dst[i] = ((const float *)src)[k];
        }
    }
}

/* As many numbers as a picture of that width and one row has in its first plane; integers: 0 and 1
 * by their signs. */
static int fill_row(const linnet_tensor_info *info, float *dst, uint64_t seed) {
    const size_t n = cli_tensor_count(info);
    float *spare = ln_alloc_aligned(3 * n, sizeof *spare);
    if (!spare) return cli_out_of_memory("a synthetic input");
    linnet_synthetic_image(0, seed, 1, (int64_t)n, spare);
    for (size_t i = 0; i < n; i++)
        dst[i] = info->dtype == LINNET_I32 ? (float)(spare[i] > 0) : spare[i];
    free(spare);
    return CLI_OK;
}

int cli_tensors_synthetic(cli_tensors *t, uint64_t seed, bool nhwc) {
    int status = CLI_OK;
    for (size_t i = 0; i < t->n && !status; i++) {
        const linnet_tensor_info *info = &t->info[i];
        const size_t n = cli_tensor_count(info);
        const bool picture = info->rank == 4 && info->dtype != LINNET_I32;
        float *reals = ln_alloc_aligned(n, sizeof *reals);
        if (!reals) return cli_out_of_memory("a synthetic input");
        status = picture ? fill_pictures(info, reals, seed, nhwc) : fill_row(info, reals, seed);
        if (!status) cli_from_reals(info, reals, n, t->data[i]);
        free(reals);
    }
    return status;
}
