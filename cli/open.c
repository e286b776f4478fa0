/* From options to models, devices and sessions. */
#include "cli/cli.h"

#include <stdlib.h>
#include <string.h>

/* What this version runs; the rest of an option's choices is refused, not ignored. */
static const struct {
    cli_opt opt;
    const char *works, *instead;
} limits[] = {
    {OPT_PRECISION, "f32", "use f32"},
    {OPT_LAYOUT, "nchw", "use nchw"},
};

const char *cli_works(cli_opt opt) {
    for (size_t i = 0; i < LN_COUNT(limits); i++)
        if (limits[i].opt == opt) return limits[i].works;
    return NULL;
}

int cli_check_limits(const cli_options *o) {
    for (size_t i = 0; i < LN_COUNT(limits); i++) {
        const char *v = cli_text(o, limits[i].opt, NULL);
        if (!v || !strcmp(v, limits[i].works)) continue;
        static const char *const name[OPT_COUNT] = {
            [OPT_PRECISION] = "precision", [OPT_LAYOUT] = "layout"};
        linnet_error err;
        ln_fail(&err, LINNET_ERR_UNSUPPORTED, "--%s %s: not supported by this version; %s",
                name[limits[i].opt], v, limits[i].instead);
        return cli_report(&err);
    }
    return CLI_OK;
}

/* --shape [NAME=]NxCxHxW; all 0 when it is not given. */
static bool parse_shape(const cli_options *o, int dim[4]) {
    const char *given = cli_text(o, OPT_SHAPE, NULL), *s = given ? strrchr(given, '=') : NULL;
    memset(dim, 0, 4 * sizeof *dim);
    s = s ? s + 1 : given;
    for (int i = 0; s && i < 4; i++) {
        char *end;
        long v = strtol(s, &end, 10);
        bool digit = *s >= '0' && *s <= '9';
        if (!digit || v < 1 || v > 65536 || *end != (i < 3 ? 'x' : 0)) return false;
        dim[i] = (int)v;
        s = end + 1;
    }
    return true;
}

static int check_shape(const cli_options *o, const linnet_model *m, const int dim[4]) {
    linnet_model_info info;
    linnet_error err;
    if (!cli_has(o, OPT_SHAPE)) return CLI_OK;
    if (linnet_model_get_info(m, &info, &err) != LINNET_OK) return cli_report(&err);
    if (dim[1] == info.channels && dim[2] == info.height && dim[3] == info.width) return CLI_OK;
    ln_fail(&err, LINNET_ERR_UNSUPPORTED, "--shape %s: %s takes Nx%dxHxW", o->value[OPT_SHAPE],
            info.name, info.channels);
    return cli_report(&err);
}

/* A path brings its weights; a family's name does not. */
bool cli_is_file(const char *model) {
    static const char *const ends[] = {".safetensors", ".onnx", ".tflite"};
    const char *dot = strrchr(model, '.');
    for (size_t i = 0; dot && i < LN_COUNT(ends); i++)
        if (!strcmp(dot, ends[i])) return true;
    return strchr(model, '/');
}

int cli_model_open(const cli_options *o, const char *name, bool default_seed, bool shape_only,
                   linnet_model **out) {
    int dim[4];
    int status = cli_check_limits(o);
    if (status) return status;
    if (!parse_shape(o, dim))
        return cli_usage_error("--shape %s: give NAME=NxCxHxW, such as input=1x3x224x224",
                               o->value[OPT_SHAPE]);
    if (cli_has(o, OPT_WEIGHTS) && cli_has(o, OPT_SYNTHETIC))
        return cli_usage_error("--weights and --synthetic: give one of them");
    linnet_model_params p = LINNET_MODEL_PARAMS_INIT;
    p.model = name;
    p.weights = cli_text(o, OPT_WEIGHTS, NULL);
    p.arch = cli_text(o, OPT_ARCH, NULL);
    p.labels = cli_text(o, OPT_LABELS, NULL);
    bool is_file = cli_is_file(name);
    p.synthetic = cli_has(o, OPT_SYNTHETIC) || (default_seed && !p.weights && !is_file);
    p.seed = cli_seed(o, OPT_SYNTHETIC, 1);
    p.shape_only = shape_only && !p.synthetic && !p.weights && !is_file;
    p.size = cli_int(o, OPT_SIZE, 0);
    p.height = dim[2];
    p.width = dim[3];
    if ((p.set_mean = cli_has(o, OPT_MEAN))) cli_real3(o, OPT_MEAN, p.mean);
    if ((p.set_std = cli_has(o, OPT_STD))) cli_real3(o, OPT_STD, p.std);
    if ((p.set_crop_pct = cli_has(o, OPT_CROP_PCT)))
        p.crop_pct = strtof(o->value[OPT_CROP_PCT], NULL);
    if ((p.set_resize = cli_has(o, OPT_RESIZE))) p.resize = cli_int(o, OPT_RESIZE, 0);
    linnet_error err = {0};
    if (linnet_model_open(&p, out, &err) != LINNET_OK) return cli_report(&err);
    status = check_shape(o, *out, dim);
    if (status) linnet_model_close(out);
    return status;
}

int cli_device_open(const cli_options *o, linnet_device **out) {
    linnet_error err = {0};
    if (linnet_device_open(cli_text(o, OPT_DEVICE, NULL), out, &err) != LINNET_OK)
        return cli_report(&err);
    return CLI_OK;
}

int cli_batch(const cli_options *o, int fallback) {
    int dim[4];
    if (cli_has(o, OPT_BATCH)) return cli_int(o, OPT_BATCH, fallback);
    return parse_shape(o, dim) && dim[0] ? dim[0]
                                         : fallback; /* a wrong one is reported elsewhere */
}

void cli_session_params(const cli_options *o, int batch, linnet_session_params *out) {
    static const struct {
        const char *name;
        linnet_wait wait;
    } waits[] = {
        {"spin", LINNET_WAIT_SPIN}, {"yield", LINNET_WAIT_YIELD}, {"sleep", LINNET_WAIT_SLEEP}};
    *out = (linnet_session_params)LINNET_SESSION_PARAMS_INIT;
    out->batch = batch;
    out->passes = cli_text(o, OPT_PASSES, NULL);
    out->untuned = !strcmp(cli_text(o, OPT_TUNE, ""), "off");
    for (size_t i = 0; i < LN_COUNT(waits); i++)
        if (!strcmp(cli_text(o, OPT_WAIT, ""), waits[i].name)) out->wait = waits[i].wait;
}

int cli_session_create(const cli_options *o, linnet_model *m, linnet_device *d, int batch,
                       linnet_session **out) {
    linnet_session_params p;
    linnet_error err = {0};
    int status = cli_tune(o, m, d, batch);
    if (status) return status;
    cli_session_params(o, batch, &p);
    if (linnet_session_create(m, d, &p, out, &err) != LINNET_OK) return cli_report(&err);
    return CLI_OK;
}
