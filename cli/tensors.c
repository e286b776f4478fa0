/* Host memory for a session's inputs and outputs. */
#include "cli/cli.h"

#include <stdlib.h>

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
        for (size_t k = 0; ok && k < info->bytes / sizeof(float); k++) out->data[i][k] = 0;
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

int cli_tensors_synthetic(cli_tensors *t, uint64_t seed) {
    for (size_t i = 0; i < t->n; i++) {
        const linnet_tensor_info *info = &t->info[i];
        if (info->rank != 4 || info->dim[1] != 3) {
            linnet_error err;
            char shape[96];
            ln_fail(&err, LINNET_ERR_UNSUPPORTED,
                    "input %s is %s: only pictures (Nx3xHxW) have a synthetic form; give "
                    "--input %s=X.npy",
                    info->name, cli_shape_text(info->rank, info->dim, shape), info->name);
            return cli_report(&err);
        }
        int64_t image = 3 * info->dim[2] * info->dim[3];
        for (int64_t k = 0; k < info->dim[0]; k++)
            linnet_synthetic_image((uint64_t)k, seed, info->dim[2], info->dim[3],
                                   t->data[i] + k * image);
    }
    return CLI_OK;
}
