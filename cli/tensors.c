/* Host memory for a session's inputs and outputs. */
#include "cli/cli.h"

#include <stdlib.h>
#include <string.h>

int cli_tensors_create(const linnet_session *s, bool outputs, cli_tensors *out) {
    size_t n = outputs ? linnet_session_outputs(s) : linnet_session_inputs(s);
    *out = (cli_tensors){
        .n = n, .info = calloc(n + 1, sizeof *out->info), .data = calloc(n + 1, sizeof *out->data)};
    bool ok = out->info && out->data;
    for (size_t i = 0; ok && i < n; i++) {
        linnet_tensor_info *info = &out->info[i];
        ok = (outputs ? linnet_session_output(s, i, info) : linnet_session_input(s, i, info)) ==
                 LINNET_OK &&
             (out->data[i] = ln_alloc_aligned(info->bytes / sizeof(float), sizeof(float)));
        if (ok) memset(out->data[i], 0, info->bytes);
    }
    if (ok) return CLI_OK;
    cli_tensors_free(out);
    return cli_out_of_memory("inputs and outputs");
}

void cli_tensors_free(cli_tensors *t) {
    for (size_t i = 0; t->data && i < t->n; i++) free(t->data[i]);
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

int cli_tensors_synthetic(cli_tensors *t, uint64_t seed) {
    for (size_t i = 0; i < t->n; i++) {
        const linnet_tensor_info *info = &t->info[i];
        if (info->rank != 4 || info->dtype != LINNET_F32) {
            linnet_error err;
            char shape[96];
            ln_fail(&err, LINNET_ERR_UNSUPPORTED,
                    "input %s is %s%s: only maps of floats have a synthetic form; give "
                    "--input %s=X.npy",
                    info->name, cli_shape_text(info->rank, info->dim, shape),
                    info->dtype == LINNET_F32 ? "" : " of integers", info->name);
            return cli_report(&err);
        }
        const int64_t *d = info->dim, map = d[1] * d[2] * d[3];
        float *spare = ln_alloc_aligned((size_t)(3 * d[2] * d[3]), sizeof *spare);
        if (!spare) return cli_out_of_memory("a synthetic input");
        for (int64_t k = 0; k < d[0]; k++)
            fill_planes((float *)t->data[i] + k * map, d[1], d[2], d[3],
                        (uint64_t)(k * ln_ceil_div(d[1], 3)), seed, spare);
        free(spare);
    }
    return CLI_OK;
}
