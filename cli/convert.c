/* linnet convert: PyTorch checkpoints to Linnet's safetensors. */
#include "cli/cli.h"

#include <string.h>

static int run(const cli_options *o) {
    linnet_error err = {0};
    if (!strcmp(o->arg[1], "-"))
        return cli_usage_error("convert writes a file; give OUT.safetensors, not -");
    if (linnet_convert(o->arg[0], o->arg[1], cli_text(o, OPT_ARCH, NULL),
                       cli_text(o, OPT_LABELS, NULL), &err) != LINNET_OK)
        return cli_report(&err);
    if (!cli_quiet()) cli_message("linnet: wrote %s", o->arg[1]);
    return CLI_OK;
}

const cli_verb cli_verb_convert = {
    .name = "convert",
    .args = "IN OUT",
    .help = "PyTorch checkpoint or safetensors to Linnet's safetensors",
    .about =
        "Reads a PyTorch checkpoint (without running its pickle) or a safetensors file, checks\n"
        "every tensor of the family, and writes OUT with family, labels and preprocessing in\n"
        "its metadata. OUT is whole or not there. IN may be synthetic:SEED, deterministic\n"
        "weights that need no file; --arch names the family.",
    .options = BIT(ARCH) | BIT(LABELS),
    .min_arg = 2,
    .max_arg = 2,
    .run = run,
};
