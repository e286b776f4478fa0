/* linnet diff: every layer on the device against the C reference. */
#include "cli/cli.h"

#include <stdlib.h>

static cJSON *layer_json(const linnet_diff_layer *l) {
    cJSON *object = cJSON_CreateObject();
    cli_json_text(object, "name", l->name);
    cli_json_text(object, "op", l->op);
    cli_json_number(object, "max_abs", l->max_abs, 6);
    cli_json_number(object, "rel", l->rel, 6);
    if (l->overflow) cli_json_int(object, "overflow", l->overflow);
    return object;
}

static int put_json(const cli_options *o, const char *model, const linnet_diff_report *r) {
    cJSON *object = cJSON_CreateObject();
    cli_json_text(object, "model", model);
    cJSON *layers = cJSON_AddArrayToObject(object, "layers");
    for (size_t i = 0; i < r->layers; i++) cJSON_AddItemToArray(layers, layer_json(&r->layer[i]));
    cJSON_AddItemToObject(object, "worst",
                          r->layers ? layer_json(&r->layer[r->worst]) : cJSON_CreateNull());
    cli_json_number(object, "end_to_end", r->end_to_end, 6);
    cJSON_AddBoolToObject(object, "pass", r->pass);
    return cli_put_json(o, object);
}

static void print_summary(const linnet_diff_report *r, FILE *f) {
    const linnet_diff_layer *worst = r->layers ? &r->layer[r->worst] : NULL;
    if (worst) fprintf(f, "worst: %s, %.2e of its standard deviation\n", worst->name, worst->rel);
    if (r->first_bad >= 0) fprintf(f, "first over tolerance: %s\n", r->layer[r->first_bad].name);
    for (size_t i = 0; i < r->layers; i++)
        if (r->layer[i].overflow)
            fprintf(f, "overflow: %s, %lld elements are beyond 65504\n", r->layer[i].name,
                    (long long)r->layer[i].overflow);
    fprintf(f, "end to end: %.2e of the logits' standard deviation\n%s\n", r->end_to_end,
            r->pass ? "pass" : "FAIL");
}

static int put_table(const cli_options *o, const linnet_diff_report *r) {
    static const cli_column columns[] = {
        {"name", "layer", false, true}, {"op", "op", false}, {"max_abs", "max error", true},
        {"rel", "over std", true},      {"pass", "", false},
    };
    cli_table t = {.column = columns, .columns = LN_COUNT(columns)};
    for (size_t i = 0; i < r->layers; i++) {
        cli_cell(&t, "%s", r->layer[i].name);
        cli_cell(&t, "%s", r->layer[i].op);
        cli_cell(&t, "%.3e", r->layer[i].max_abs);
        cli_cell(&t, "%.3e", r->layer[i].rel);
        cli_cell(&t, "%s", r->layer[i].overflow ? "OVERFLOW" : r->layer[i].pass ? "ok" : "WRONG");
    }
    cli_output out;
    int status = cli_output_open(o, &out);
    if (!status) {
        cli_table_print(&t, cli_format_of(o), out.f);
        if (cli_format_of(o) == FORMAT_TEXT) print_summary(r, out.f);
        status = cli_output_finish(&out);
    }
    cli_table_free(&t);
    return status;
}

static int compare(const cli_options *o, const linnet_model *m, linnet_session *s) {
    linnet_diff_report r = {0};
    linnet_model_info info;
    linnet_error err = {0};
    cli_tensors in;
    if (linnet_model_get_info(m, &info, &err) != LINNET_OK) return cli_report(&err);
    int status = cli_tensors_create(s, false, &in);
    if (status) return status;
    status = cli_tensors_synthetic(&in, cli_seed(o, OPT_SYNTHETIC, 1), info.nhwc);
    if (!status && linnet_session_diff(s, (const void *const *)in.data, &r, &err) != LINNET_OK)
        status = cli_report(&err);
    if (!status)
        status = cli_format_of(o) == FORMAT_JSON ? put_json(o, info.name, &r) : put_table(o, &r);
    if (!status && !r.pass) status = CLI_WRONG;
    linnet_free(r.layer);
    cli_tensors_free(&in);
    return status;
}

static int run(const cli_options *o) {
    linnet_model *m = NULL;
    linnet_device *d = NULL;
    linnet_session *s = NULL;
    int status = cli_model_open(o, o->arg[0], true, false, &m);
    if (!status) status = cli_device_open(o, &d);
    if (!status) status = cli_session_create(o, m, d, cli_batch(o, m, 1), &s);
    if (!status) status = compare(o, m, s);
    linnet_session_destroy(&s);
    linnet_device_close(&d);
    linnet_model_close(&m);
    return status;
}

const cli_verb cli_verb_diff = {
    .name = "diff",
    .args = "MODEL",
    .help = "every layer on the device against the C reference",
    .about = "Runs each step on the device with the reference's inputs and compares, then the\n"
             "whole network once. Weights are synthetic (seed 1) unless given. The exit status is\n"
             "1 when a layer is beyond its tolerance.",
    .options = OPTS_RESULT | OPTS_MODEL | OPTS_RUN,
    .min_arg = 1,
    .max_arg = 1,
    .formats = "text|json|jsonl|csv|md",
    .run = run,
};
