/* linnet prune: a network without the expanded channels that matter least. */
#include "cli/cli.h"

#include <stdlib.h>
#include <string.h>

static int report(const cli_options *o, const linnet_pruned *r, const char *path) {
    static const cli_column columns[] = {
        {"layer", "layer", false, true}, {"before", "before", true}, {"after", "after", true}};
    cli_table t = {.column = columns, .columns = LN_COUNT(columns)};
    for (size_t i = 0; i < r->n_layers; i++) {
        cli_cell(&t, "%s", r->layers[i].name);
        cli_cell(&t, "%d", r->layers[i].before);
        cli_cell(&t, "%d", r->layers[i].after);
    }
    const int status = t.failed ? cli_out_of_memory("the result") : CLI_OK;
    if (!status) cli_table_print(&t, cli_format_of(o), stdout);
    cli_table_free(&t);
    if (!status && !cli_quiet())
        cli_message("linnet: wrote %s: %.2f of %.2f million parameters, %.1f of %.1f million "
                    "multiply-adds",
                    path, (double)r->params[1] / 1e6, (double)r->params[0] / 1e6,
                    (double)r->macs[1] / 1e6, (double)r->macs[0] / 1e6);
    return status;
}

static int run(const cli_options *o) {
    const char *path = cli_text(o, OPT_OUTPUT, NULL);
    linnet_prune_params p = LINNET_PRUNE_PARAMS_INIT;
    linnet_pruned pruned;
    linnet_model *m = NULL;
    linnet_error err = {0};
    if (!path || !strcmp(path, "-"))
        return cli_usage_error("prune writes a file; give --output F.safetensors");
    if (!cli_has(o, OPT_CHANNELS))
        return cli_usage_error("prune: give --channels X, the share to remove, such as 0.3");
    p.channels = strtod(o->value[OPT_CHANNELS], NULL);
    p.by = !strcmp(cli_text(o, OPT_BY, "l1"), "bn") ? LINNET_PRUNE_BN : LINNET_PRUNE_L1;
    int status = cli_model_open(o, o->arg[0], false, false, &m);
    if (status) return status;
    if (linnet_prune(m, &p, path, &pruned, &err) != LINNET_OK) {
        status = cli_report(&err);
    } else {
        status = report(o, &pruned, path);
        linnet_free(pruned.layers);
    }
    linnet_model_close(&m);
    return status;
}

const cli_verb cli_verb_prune = {
    .name = "prune",
    .args = "MODEL",
    .help = "a smaller network: expanded channels removed",
    .about = "Removes the share --channels of the expanded channels of every bottleneck, those\n"
             "that matter least, and writes --output F.safetensors, which says how wide its\n"
             "layers are. To multiples of 8, at least 8 in each bottleneck are kept. By l1 (the\n"
             "default) a channel matters as much as the weights that read it sum up to, by bn as\n"
             "the scales of the norms on its way. Prints the channels of each bottleneck.",
    .options = OPTS_MODEL | OPTS_RESULT | BIT(LABELS) | BIT(CHANNELS) | BIT(BY),
    .min_arg = 1,
    .max_arg = 1,
    .formats = "text|json|jsonl|csv|md",
    .run = run,
};
