/* linnet info: the layers of a model, or the plan a device would run. */
#include "cli/cli.h"

static cJSON *layer_json(const linnet_layer_info *l) {
    cJSON *object = cJSON_CreateObject(), *shape = cJSON_CreateArray();
    cli_json_text(object, "name", l->name);
    cli_json_text(object, "op", l->op);
    for (int i = 0; i < l->rank; i++)
        cJSON_AddItemToArray(shape, cJSON_CreateNumber((double)l->dim[i]));
    cJSON_AddItemToObject(object, "shape", shape);
    cli_json_int(object, "params", l->params);
    cli_json_int(object, "macs", l->macs);
    return object;
}

static int put_json(const cli_options *o, const linnet_model *m, int batch) {
    linnet_model_info info;
    linnet_layer_info *list = NULL;
    linnet_error err = {0};
    size_t n = 0;
    if (linnet_model_get_info(m, &info, &err) != LINNET_OK ||
        linnet_model_layers(m, batch, &list, &n, &err) != LINNET_OK)
        return cli_report(&err);
    cJSON *object = cJSON_CreateObject();
    cli_json_text(object, "name", info.name);
    cli_json_text(object, "family", info.family);
    cJSON_AddItemToObject(object, "input",
                          cJSON_CreateIntArray((int[]){info.height, info.width, info.channels}, 3));
    cli_json_int(object, "classes", info.classes);
    cli_json_int(object, "batch", batch);
    cli_json_int(object, "params", info.params);
    cli_json_int(object, "macs", info.macs);
    cli_json_text(object, "precision", cli_precision(o, m));
    cJSON *layers = cJSON_AddArrayToObject(object, "layers");
    for (size_t i = 0; i < n; i++) cJSON_AddItemToArray(layers, layer_json(&list[i]));
    linnet_free(list);
    return cli_put_json(o, object);
}

static int put_layers(const cli_options *o, const linnet_model *m, int batch) {
    static const cli_column columns[] = {
        {"name", "layer", false, true},  {"op", "op", false},
        {"shape", "output", false},      {"params", "params", true},
        {"macs", "multiply-adds", true},
    };
    cli_table t = {.column = columns, .columns = LN_COUNT(columns)};
    linnet_layer_info *list = NULL;
    linnet_error err = {0};
    size_t n = 0;
    if (linnet_model_layers(m, batch, &list, &n, &err) != LINNET_OK) return cli_report(&err);
    for (size_t i = 0; i < n; i++) {
        char shape[96];
        cli_cell(&t, "%s", list[i].name);
        cli_cell(&t, "%s", list[i].op);
        cli_cell(&t, "%s", cli_shape_text(list[i].rank, list[i].dim, shape));
        cli_cell(&t, "%lld", (long long)list[i].params);
        cli_cell(&t, "%lld", (long long)list[i].macs);
    }
    linnet_free(list);
    int status = cli_put_table(o, &t);
    cli_table_free(&t);
    return status;
}

static int put_plan(const cli_options *o, const linnet_model *m, int batch) {
    linnet_device *d = NULL;
    linnet_session_params p;
    linnet_error err = {0};
    char *text = NULL;
    if (cli_format_of(o) != FORMAT_TEXT) return cli_usage_error("info --plan: text only");
    int status = cli_device_open(o, &d);
    if (status) return status;
    cli_session_params(o, batch, &p);
    if (linnet_model_print_plan(m, d, &p, &text, &err) != LINNET_OK)
        status = cli_report(&err);
    else
        status = cli_put_text(o, text);
    linnet_free(text);
    linnet_device_close(&d);
    return status;
}

static int put_text(const cli_options *o, const linnet_model *m, int batch) {
    linnet_error err = {0};
    char *text = NULL;
    if (linnet_model_print(m, batch, &text, &err) != LINNET_OK) return cli_report(&err);
    int status = cli_put_text(o, text);
    linnet_free(text);
    return status;
}

static int write_graph(const cli_options *o, const linnet_model *m, int batch) {
    const char *path = cli_text(o, OPT_GRAPH, NULL);
    linnet_error err = {0};
    if (linnet_model_write_graph(m, batch, path, &err) != LINNET_OK) return cli_report(&err);
    if (!cli_quiet()) cli_message("linnet: wrote %s", path);
    return CLI_OK;
}

static int run(const cli_options *o) {
    linnet_model *m = NULL;
    int status = cli_model_open(o, o->arg[0], false, !cli_has(o, OPT_GRAPH), &m);
    if (status) return status;
    const int batch = cli_batch(o, m, 1);
    if (cli_has(o, OPT_PLAN))
        status = put_plan(o, m, batch);
    else if (cli_has(o, OPT_GRAPH))
        status = write_graph(o, m, batch);
    else if (cli_format_of(o) == FORMAT_TEXT)
        status = put_text(o, m, batch);
    else if (cli_format_of(o) == FORMAT_JSON)
        status = put_json(o, m, batch);
    else
        status = put_layers(o, m, batch);
    linnet_model_close(&m);
    return status;
}

const cli_verb cli_verb_info = {
    .name = "info",
    .args = "MODEL",
    .help = "layers, shapes, parameters, multiply-adds; the plan",
    .about =
        "Prints the layers of a model as they are before fusion, with shapes, parameters and\n"
        "multiply-adds. --plan prints what the device would run instead; neither needs weights.\n"
        "--graph writes the whole network before fusion for other programs to read.",
    .options = OPTS_RESULT | OPTS_MODEL | OPTS_RUN | BIT(PLAN) | BIT(GRAPH),
    .min_arg = 1,
    .max_arg = 1,
    .formats = "text|json|jsonl|csv|md",
    .run = run,
};
