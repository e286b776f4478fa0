/* linnet quantize: a network of floats to one of int8, calibrated on pictures. */
#include "cli/cli.h"

#include <stdlib.h>
#include <string.h>

enum { SYNTHETIC = 16 };            /* pictures of --calibrate synthetic:SEED */
#define MOST_KEPT ((size_t)1 << 29) /* bytes of decoded pictures that stay in memory */

typedef struct job {
    const cli_options *o;
    linnet_model *model;
    linnet_device *device;
    linnet_model_info info;
    char **path;    /* of good pictures; synthetic ones have none */
    float **pixels; /* NULL: read again when asked for */
    size_t n, words, kept;
    bool synthetic;
    uint64_t seed;
    int64_t bad;
    cli_progress progress;
    cli_labelled labelled;
    size_t right[2];
} job;

/* ---- pictures ---- */
static int add(job *j, char *path) {
    char **paths = realloc(j->path, (j->n + 1) * sizeof *paths);
    if (paths) j->path = paths;
    float **pixels = realloc(j->pixels, (j->n + 1) * sizeof *pixels);
    if (pixels) j->pixels = pixels;
    float *p = paths && pixels ? ln_alloc_aligned(j->words, sizeof *p) : NULL;
    linnet_error err = {0};
    if (!p) {
        free(path);
        return cli_out_of_memory("pictures");
    }
    if (linnet_image_load(j->model, path, p, &err) != LINNET_OK) {
        cli_message("linnet: %s; skipped", err.message);
        j->bad++;
        free(path);
        free(p);
        return err.status == LINNET_ERR_UNSUPPORTED ? CLI_UNSUPPORTED : CLI_OK;
    }
    if (j->kept + j->words * sizeof *p > MOST_KEPT) {
        free(p);
        p = NULL;
    } else {
        j->kept += j->words * sizeof *p;
    }
    j->path[j->n] = path;
    j->pixels[j->n++] = p;
    return CLI_OK;
}

static int read_pictures(job *j) {
    char *arg = (char *)cli_text(j->o, OPT_CALIBRATE, NULL), *path;
    cli_source *s = NULL;
    linnet_error err = {0};
    int status = cli_source_open(&arg, 1, &s);
    while (!status && (path = cli_source_next(s, NULL, &err))) {
        if (err.status == LINNET_OK) {
            status = add(j, path);
        } else {
            status = cli_report(&err);
            free(path);
        }
    }
    if (!status) status = cli_source_finish(s);
    cli_source_close(&s);
    if (status || j->n) return status;
    ln_fail(&err, LINNET_ERR_IO, "%s: no picture to calibrate on", arg);
    return cli_report(&err);
}

static int find_pictures(job *j) {
    const char *from = cli_text(j->o, OPT_CALIBRATE, NULL), *colon = strchr(from, ':');
    j->words = (size_t)j->info.channels * (size_t)j->info.height * (size_t)j->info.width;
    if (strncmp(from, "synthetic:", 10)) return read_pictures(j);
    if (!ln_parse_u64(colon + 1, &j->seed))
        return cli_usage_error("--calibrate %s: give synthetic:SEED, a number", from);
    if (j->info.channels != 3) {
        linnet_error err;
        ln_fail(&err, LINNET_ERR_UNSUPPORTED, "%s: takes no pictures of three colours",
                j->info.name);
        return cli_report(&err);
    }
    j->synthetic = true;
    j->n = SYNTHETIC;
    return CLI_OK;
}

static linnet_status picture(void *user, size_t i, float *out, linnet_error *err) {
    const job *j = user;
    if (j->synthetic)
        linnet_synthetic_image(i, j->seed, j->info.height, j->info.width, out);
    else if (!j->pixels[i])
        return linnet_image_load(j->model, j->path[i], out, err);
    else
        memcpy(out, j->pixels[i], j->words * sizeof *out);
    return LINNET_OK;
}

static void progress(void *user, size_t done, size_t total) {
    job *j = user;
    if (!j->progress.what) cli_progress_start(&j->progress, j->o, "quantize", 0, (int64_t)total);
    cli_progress_set(&j->progress, (int64_t)done);
}

/* ---- the report ---- */
static void put_layers(cJSON *o, const linnet_quantized *q) {
    cJSON *list = cJSON_AddArrayToObject(o, "layers");
    for (size_t i = 0; i < q->n_layers; i++) {
        const linnet_quantized_layer *l = &q->layers[i];
        cJSON *row = cJSON_CreateObject();
        cli_json_text(row, "name", l->name);
        cli_json_text(row, "op", l->op);
        cli_json_number(row, "lo", (double)l->lo, 6);
        cli_json_number(row, "hi", (double)l->hi, 6);
        cli_json_number(row, "scale", (double)l->scale, 9);
        cli_json_int(row, "zero", l->zero);
        cli_json_number(row, "sqnr_db", l->sqnr_db, 4);
        cli_json_number(row, "cosine", l->cosine, 8);
        cJSON_AddItemToArray(list, row);
    }
}

static int put_json(const job *j, const linnet_quantized *q) {
    cJSON *o = cJSON_CreateObject();
    cli_json_text(o, "model", j->info.name);
    cli_json_int(o, "pictures", (int64_t)j->n);
    cJSON_AddBoolToObject(o, "equalized", q->equalized);
    cli_json_int(o, "measured", (int64_t)q->measured);
    cli_json_number(o, "sqnr_db", q->sqnr_db, 4);
    cli_json_number(o, "cosine", q->cosine, 8);
    if (j->labelled.count) {
        const double n = (double)j->labelled.count;
        cJSON *top1 = cJSON_AddObjectToObject(o, "top1");
        cli_json_int(top1, "pictures", (int64_t)j->labelled.count);
        cli_json_number(top1, "before", (double)j->right[0] / n, 6);
        cli_json_number(top1, "after", (double)j->right[1] / n, 6);
    }
    put_layers(o, q);
    char *text = cJSON_Print(o);
    cJSON_Delete(o);
    if (!text) return cli_out_of_memory("the result");
    puts(text);
    cJSON_free(text);
    return CLI_OK;
}

static int put_text(const job *j, const linnet_quantized *q) {
    static const cli_column columns[] = {
        {"name", "layer", false, true}, {"op", "op", false},
        {"lo", "from", true},           {"hi", "to", true},
        {"scale", "scale", true},       {"zero", "zero", true},
        {"sqnr_db", "SQNR (dB)", true}, {"cosine", "cosine", true}};
    cli_table t = {.column = columns, .columns = LN_COUNT(columns)};
    for (size_t i = 0; i < q->n_layers; i++) {
        const linnet_quantized_layer *l = &q->layers[i];
        cli_cell(&t, "%s", l->name);
        cli_cell(&t, "%s", l->op);
        cli_cell(&t, "%.4g", (double)l->lo);
        cli_cell(&t, "%.4g", (double)l->hi);
        cli_cell(&t, "%.4g", (double)l->scale);
        cli_cell(&t, "%d", l->zero);
        cli_cell(&t, "%.1f", l->sqnr_db);
        cli_cell(&t, "%.6f", l->cosine);
    }
    const int status = t.failed ? cli_out_of_memory("the result") : CLI_OK;
    if (!status) cli_table_print(&t, FORMAT_TEXT, stdout);
    cli_table_free(&t);
    if (status) return status;
    printf("answers: SQNR %.1f dB, cosine %.6f over %zu pictures%s\n", q->sqnr_db, q->cosine,
           q->measured, q->equalized ? "; channels equalised between layers" : "");
    if (j->labelled.count)
        printf("top-1: %zu of %zu before, %zu after\n", j->right[0], j->labelled.count,
               j->right[1]);
    return CLI_OK;
}

/* ---- the verb ---- */
static linnet_equalize equalize(const cli_options *o) {
    const char *s = cli_text(o, OPT_EQUALIZE, "auto");
    if (!strcmp(s, "on")) return LINNET_EQUALIZE_ON;
    return strcmp(s, "off") ? LINNET_EQUALIZE_AUTO : LINNET_EQUALIZE_OFF;
}

static int top1_after(job *j, const char *path) {
    linnet_model_params p = LINNET_MODEL_PARAMS_INIT;
    linnet_model *m = NULL;
    linnet_error err = {0};
    p.model = path;
    p.height = j->info.height;
    p.width = j->info.width;
    if (linnet_model_open(&p, &m, &err) != LINNET_OK) return cli_report(&err);
    const int status = cli_labelled_top1(j->o, &j->labelled, m, j->device, &j->right[1]);
    linnet_model_close(&m);
    return status;
}

static int quantize(job *j, const char *path) {
    linnet_quantize_params p = LINNET_QUANTIZE_PARAMS_INIT;
    linnet_quantized q;
    linnet_error err = {0};
    p.n_pictures = j->n;
    p.picture = picture;
    p.progress = progress;
    p.user = j;
    p.equalize = equalize(j->o);
    p.keep_bias = !strcmp(cli_text(j->o, OPT_BIAS, "correct"), "keep");
    p.nearest = !strcmp(cli_text(j->o, OPT_ROUND, "feedback"), "nearest");
    if (!strcmp(cli_text(j->o, OPT_RANGE, "minmax"), "percentile"))
        p.range = LINNET_RANGE_PERCENTILE;
    if (cli_has(j->o, OPT_PERCENTILE)) p.percentile = strtod(j->o->value[OPT_PERCENTILE], NULL);
    const linnet_status st = linnet_quantize(j->model, j->device, &p, path, &q, &err);
    cli_progress_end(&j->progress);
    if (st != LINNET_OK) return cli_report(&err);
    int status = CLI_OK;
    if (j->labelled.count) {
        status = cli_labelled_top1(j->o, &j->labelled, j->model, j->device, &j->right[0]);
        if (!status) status = top1_after(j, path);
    }
    const bool json = cli_format_of(j->o) == FORMAT_JSON;
    if (!status) status = json ? put_json(j, &q) : put_text(j, &q);
    if (!status && !cli_quiet()) cli_message("linnet: wrote %s", path);
    linnet_free(q.layers);
    return status;
}

static int work(job *j, const char *path) {
    linnet_error err = {0};
    int status = cli_model_open(j->o, j->o->arg[0], false, false, &j->model);
    if (status) return status;
    if (linnet_model_get_info(j->model, &j->info, &err) != LINNET_OK) return cli_report(&err);
    if (cli_has(j->o, OPT_LABELLED))
        status = cli_labelled_open(cli_text(j->o, OPT_LABELLED, NULL), j->model, &j->labelled);
    if (!status) status = find_pictures(j);
    if (!status) status = cli_device_open(j->o, &j->device);
    if (!status) status = quantize(j, path);
    return status || !j->bad ? status : CLI_WRONG;
}

static int check(const cli_options *o, const char *path) {
    if (!path || !strcmp(path, "-"))
        return cli_usage_error("quantize writes a file; give --output F.safetensors");
    if (!cli_has(o, OPT_CALIBRATE))
        return cli_usage_error(
            "quantize: give --calibrate P, pictures like those that it will see");
    if (!cli_has(o, OPT_PERCENTILE)) return CLI_OK;
    const double x = strtod(o->value[OPT_PERCENTILE], NULL);
    if (strcmp(cli_text(o, OPT_RANGE, "minmax"), "percentile"))
        return cli_usage_error("--percentile: goes with --range percentile");
    if (x > 50 && x <= 100) return CLI_OK;
    return cli_usage_error("--percentile %g: give more than 50, at most 100", x);
}

static int run(const cli_options *o) {
    const char *path = cli_text(o, OPT_OUTPUT, NULL);
    job j = {.o = o};
    int status = check(o, path);
    if (!status) status = work(&j, path);
    for (size_t i = 0; !j.synthetic && i < j.n; i++) {
        free(j.path[i]);
        free(j.pixels[i]);
    }
    free(j.path);
    free(j.pixels);
    cli_labelled_free(&j.labelled);
    linnet_device_close(&j.device);
    linnet_model_close(&j.model);
    return status;
}

const cli_verb cli_verb_quantize = {
    .name = "quantize",
    .args = "MODEL",
    .help = "a network of int8, calibrated on pictures",
    .about =
        "Runs MODEL over the pictures of --calibrate with every activation observed, and writes\n"
        "--output F.safetensors, whose layers are int8: weights with a scale for each output\n"
        "channel, activations with the range that was seen. It runs in every verb. Prints what\n"
        "each layer loses: the ratio of signal to noise, and the cosine between its values before\n"
        "and after. Squeeze-and-excitation, attention and the like stay f32.",
    .options = OPTS_MODEL | OPTS_RESULT | BIT(LABELS) | BIT(DEVICE) | BIT(CALIBRATE) | BIT(RANGE) |
               BIT(PERCENTILE) | BIT(EQUALIZE) | BIT(BIAS) | BIT(ROUND) | BIT(LABELLED),
    .min_arg = 1,
    .max_arg = 1,
    .formats = "text|json",
    .run = run,
};
