/* From options to models, devices and sessions. */
#include "cli/cli.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

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

bool cli_has_graph(const char *model) {
    static const char *const ends[] = {".onnx", ".tflite"};
    const char *dot = strrchr(model, '.');
    for (size_t i = 0; dot && i < LN_COUNT(ends); i++)
        if (!strcmp(dot, ends[i])) return true;
    return false;
}

/* A path brings its weights; a family's name does not. */
bool cli_is_file(const char *model) {
    const char *dot = strrchr(model, '.');
    return cli_has_graph(model) || (dot && !strcmp(dot, ".safetensors")) || strchr(model, '/');
}

/* What a family takes of --shape and --layout. */
static int family_shape(const cli_options *o, const char *name, int dim[4]) {
    linnet_error err;
    if (!parse_shape(o, dim))
        return cli_usage_error("--shape %s: give NAME=NxCxHxW, such as input=1x3x224x224",
                               o->value[OPT_SHAPE]);
    if (strcmp(cli_text(o, OPT_LAYOUT, "nchw"), "nchw") == 0) return CLI_OK;
    ln_fail(&err, LINNET_ERR_UNSUPPORTED, "--layout nhwc: %s takes nchw; use nchw", name);
    return cli_report(&err);
}

static void fill_params(const cli_options *o, linnet_model_params *p) {
    p->weights = cli_text(o, OPT_WEIGHTS, NULL);
    p->arch = cli_text(o, OPT_ARCH, NULL);
    p->labels = cli_text(o, OPT_LABELS, NULL);
    p->seed = cli_seed(o, OPT_SYNTHETIC, 1);
    p->size = cli_int(o, OPT_SIZE, 0);
    if ((p->set_mean = cli_has(o, OPT_MEAN))) cli_real3(o, OPT_MEAN, p->mean);
    if ((p->set_std = cli_has(o, OPT_STD))) cli_real3(o, OPT_STD, p->std);
    if ((p->set_crop_pct = cli_has(o, OPT_CROP_PCT)))
        p->crop_pct = strtof(o->value[OPT_CROP_PCT], NULL);
    if ((p->set_resize = cli_has(o, OPT_RESIZE))) p->resize = cli_int(o, OPT_RESIZE, 0);
}

static bool is_int8(const linnet_model *m) {
    linnet_model_info info;
    linnet_error err;
    return linnet_model_get_info(m, &info, &err) == LINNET_OK && info.macs_i8 > info.macs / 2;
}

/* int8 is a matter of the weights: asked for, it must be there. */
static int check_precision(const cli_options *o, const linnet_model *m) {
    linnet_model_info info;
    linnet_error err;
    if (strcmp(cli_text(o, OPT_PRECISION, ""), "int8") != 0 || is_int8(m)) return CLI_OK;
    if (linnet_model_get_info(m, &info, &err) != LINNET_OK) return cli_report(&err);
    ln_fail(
        &err, LINNET_ERR_UNSUPPORTED,
        "--precision int8: %s computes with floats, int8 comes with the weights; linnet quantize "
        "makes such a file",
        info.name);
    return cli_report(&err);
}

static int open_params(const cli_options *o, linnet_model_params *p, linnet_model **out) {
    int dim[4] = {0};
    linnet_error err = {0};
    const bool graph = cli_has_graph(p->model);
    int status = CLI_OK;
    if (cli_has(o, OPT_FAST_MATH) && strcmp(cli_text(o, OPT_PRECISION, ""), "f16") != 0)
        return cli_usage_error("--fast-math: computes in f16; give --precision f16 with it");
    if (!graph) status = family_shape(o, p->model, dim);
    if (status) return status;
    if (cli_has(o, OPT_WEIGHTS) && cli_has(o, OPT_SYNTHETIC))
        return cli_usage_error("--weights and --synthetic: give one of them");
    if (graph) {
        const char *layout = cli_text(o, OPT_LAYOUT, "");
        p->shapes = o->shape;
        p->n_shapes = (size_t)o->n_shape;
        if (!strcmp(layout, "nhwc")) p->layout = LINNET_LAYOUT_NHWC;
        if (!strcmp(layout, "nchw")) p->layout = LINNET_LAYOUT_NCHW;
    }
    p->height = dim[2];
    p->width = dim[3];
    if (linnet_model_open(p, out, &err) != LINNET_OK) return cli_report(&err);
    if (!graph) status = check_shape(o, *out, dim);
    if (!status) status = check_precision(o, *out);
    if (status) linnet_model_close(out);
    return status;
}

int cli_model_open(const cli_options *o, const char *name, bool default_seed, bool shape_only,
                   linnet_model **out) {
    linnet_model_params p = LINNET_MODEL_PARAMS_INIT;
    const bool is_file = cli_is_file(name);
    p.model = name;
    fill_params(o, &p);
    p.synthetic = cli_has(o, OPT_SYNTHETIC) || (default_seed && !p.weights && !is_file);
    p.shape_only = shape_only && !p.synthetic && !p.weights && !is_file;
    return open_params(o, &p, out);
}

int cli_model_open_hints(const cli_options *o, const char *name, const char *const *hints, size_t n,
                         linnet_model **out) {
    linnet_model_params p = LINNET_MODEL_PARAMS_INIT;
    p.model = name;
    fill_params(o, &p);
    p.synthetic = cli_has(o, OPT_SYNTHETIC);
    p.hints = hints;
    p.n_hints = n;
    return open_params(o, &p, out);
}

/* A device being opened while the model is. */
static struct opening {
    pthread_t thread;
    bool begun;
    const char *spec;
    linnet_device *device;
    linnet_status status;
    linnet_error err;
} opening;

static void *open_device(void *user) {
    struct opening *p = user;
    p->status = linnet_device_open(p->spec, &p->device, &p->err);
    return NULL;
}

void cli_device_begin(const cli_options *o) {
    opening = (struct opening){.spec = cli_text(o, OPT_DEVICE, NULL)};
    opening.begun = pthread_create(&opening.thread, NULL, open_device, &opening) == 0;
}

int cli_device_open(const cli_options *o, linnet_device **out) {
    if (opening.begun) {
        pthread_join(opening.thread, NULL);
    } else {
        opening = (struct opening){.spec = cli_text(o, OPT_DEVICE, NULL)};
        open_device(&opening);
    }
    opening.begun = false;
    *out = opening.device;
    return opening.status == LINNET_OK ? CLI_OK : cli_report(&opening.err);
}

void cli_device_forget(void) {
    if (!opening.begun) return;
    pthread_join(opening.thread, NULL);
    linnet_device_close(&opening.device);
    opening.begun = false;
}

int cli_batch(const cli_options *o, const linnet_model *m, int fallback) {
    int dim[4];
    linnet_model_info info;
    linnet_error err;
    if (cli_has(o, OPT_BATCH)) return cli_int(o, OPT_BATCH, fallback);
    if (linnet_model_get_info(m, &info, &err) == LINNET_OK && info.batch) return info.batch;
    /* a wrong shape is reported elsewhere */
    return parse_shape(o, dim) && dim[0] ? dim[0] : fallback;
}

const char *cli_precision(const cli_options *o, const linnet_model *m) {
    return is_int8(m) ? "int8" : cli_text(o, OPT_PRECISION, "f32");
}

const char *cli_arithmetic(const char *precision, const linnet_session_stats *s) {
    if (!strcmp(precision, "int8")) return precision;
    return s->macs_f16 > s->macs / 2 ? "f16" : "f32";
}

const char *cli_arithmetic_text(const char *precision, const linnet_session_stats *s) {
    if (strcmp(precision, "f16") != 0) return precision;
    return s->macs_f16 > s->macs / 2 ? "f16, computed in f16" : "f16, computed in f32";
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
    if (!strcmp(cli_text(o, OPT_PRECISION, ""), "f16")) out->precision = LINNET_PRECISION_F16;
    out->fast_math = cli_has(o, OPT_FAST_MATH);
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
