/* linnet models: the families, counted and published. */
#include "cli/cli.h"

#include <fnmatch.h>

static void published_json(cJSON *object, const linnet_family_info *f) {
    static const double none = 0.0 / 0.0; /* printed as null */
    cJSON *p = cJSON_AddObjectToObject(object, "published");
    cli_json_number(p, "params_m", f->published_params_m ? (double)f->published_params_m : none, 6);
    cli_json_number(p, "macs_m", f->published_macs_m ? (double)f->published_macs_m : none, 6);
    cli_json_number(p, "top1", f->published_top1 ? (double)f->published_top1 : none, 6);
    cli_json_text(p, "source", f->source);
}

static cJSON *family_json(const linnet_family_info *f) {
    cJSON *object = cJSON_CreateObject();
    cli_json_text(object, "name", f->name);
    cli_json_text(object, "family", f->family);
    cJSON_AddItemToObject(object, "input", cJSON_CreateIntArray(f->input, 3));
    cli_json_int(object, "params", f->params);
    cli_json_int(object, "macs", f->macs);
    published_json(object, f);
    return object;
}

static void family_row(cli_table *t, const linnet_family_info *f) {
    cli_cell(t, "%s", f->name);
    cli_cell(t, "%s", f->family);
    cli_cell(t, "%dx%dx%d", f->input[0], f->input[1], f->input[2]);
    cli_cell(t, "%.3f", 1e-6 * (double)f->params);
    cli_cell(t, "%.1f", 1e-6 * (double)f->macs);
    const float published[] = {f->published_params_m, f->published_macs_m, f->published_top1};
    for (size_t i = 0; i < LN_COUNT(published); i++)
        if (published[i])
            cli_cell(t, "%.5g", (double)published[i]);
        else
            cli_cell(t, "-");
    cli_cell(t, "%s", f->source);
    cli_cell(t, "%s", f->note);
}

static int put(const cli_options *o, const cli_table *t, cJSON *json) {
    if (cli_format_of(o) == FORMAT_JSON) return cli_put_json(o, json);
    cJSON_Delete(json);
    return cli_put_table(o, t);
}

static int run(const cli_options *o) {
    static const cli_column columns[] = {
        {"name", "name", false},
        {"family", "family", false},
        {"input", "input", false},
        {"params_m", "params M", true},
        {"macs_m", "MACs M", true},
        {"published_params_m", "published", true},
        {"published_macs_m", "MACs M", true},
        {"top1", "top-1", true},
        {"source", "source", false},
        {"note", "note", false},
    };
    const char *glob = o->n_arg ? o->arg[0] : "*";
    cli_table t = {.column = columns, .columns = LN_COUNT(columns)};
    cJSON *json = cJSON_CreateArray();
    linnet_error err = {0};
    int status = CLI_OK, found = 0;
    for (size_t i = 0; i < linnet_family_count() && !status; i++) {
        linnet_family_info f;
        if (linnet_family_get(i, &f, &err) != LINNET_OK) {
            status = cli_report(&err);
        } else if (fnmatch(glob, f.name, FNM_CASEFOLD) == 0) {
            cJSON_AddItemToArray(json, family_json(&f));
            family_row(&t, &f);
            found++;
        }
    }
    if (!status && !found) {
        ln_fail(&err, LINNET_ERR_UNSUPPORTED, "no family matches %s; see linnet models", glob);
        status = cli_report(&err);
    }
    if (status)
        cJSON_Delete(json);
    else
        status = put(o, &t, json);
    cli_table_free(&t);
    return status;
}

const cli_verb cli_verb_models = {
    .name = "models",
    .args = "[GLOB]",
    .help = "families with counted and published figures",
    .about = "Lists the families whose names match GLOB (all without one): input size, parameters\n"
             "and multiply-adds as counted here, and the published figures beside them.",
    .options = OPTS_RESULT,
    .max_arg = 1,
    .formats = "text|json|jsonl|csv|md",
    .run = run,
};
