/* linnet tune: what runs fastest on the device, and why it was chosen; --tune of the other verbs.
 */
#include "cli/cli.h"

#include <stdlib.h>
#include <string.h>

static bool timed(const linnet_tune_candidate *c) {
    return c->least_us > 0;
}

/* The fastest of the others that was timed; NULL: none. */
static const linnet_tune_candidate *runner_up(const linnet_tune_contest *c) {
    const linnet_tune_candidate *best = NULL;
    for (size_t i = 0; i < c->candidates; i++)
        if (i != c->chosen && timed(&c->candidate[i]) &&
            (!best || c->candidate[i].least_us < best->least_us))
            best = &c->candidate[i];
    return best;
}

static size_t count_of(const linnet_tune_contest *c, linnet_verdict v) {
    size_t n = 0;
    for (size_t i = 0; i < c->candidates; i++) n += c->candidate[i].verdict == v;
    return n;
}

/* "1.32 times pw_f32_deep's speed", "the default: conv_f32_deep gains 1 %", ... */
static void put_why(const linnet_tune_contest *c, ln_str *s) {
    static const linnet_verdict odd[] = {LINNET_VERDICT_WRONG, LINNET_VERDICT_FAILED,
                                         LINNET_VERDICT_STOPPED, LINNET_VERDICT_PRUNED,
                                         LINNET_VERDICT_UNTRIED};
    const linnet_tune_candidate *won = &c->candidate[c->chosen], *other = runner_up(c);
    if (won->verdict != LINNET_VERDICT_CHOSEN)
        ln_str_add(s, "the default, %s", linnet_verdict_text(won->verdict));
    else if (c->candidates == 1)
        ln_str_add(s, "the only one");
    else if (!timed(won) || !other)
        ln_str_add(s, "the only one left");
    else if (c->chosen == 0 && other->least_us < won->least_us)
        ln_str_add(s, "the default: %s is within the noise", other->name);
    else
        ln_str_add(s, "%.2f times as fast as %s", other->least_us / won->least_us, other->name);
    for (size_t i = 0; i < LN_COUNT(odd); i++) {
        size_t n = count_of(c, odd[i]) - (won->verdict == odd[i]);
        if (n) ln_str_add(s, "; %zu %s", n, linnet_verdict_text(odd[i]));
    }
}

static void row(cli_table *t, const linnet_tune_contest *c) {
    const linnet_tune_candidate *won = &c->candidate[c->chosen], *first = &c->candidate[0];
    ln_str why = {0};
    put_why(c, &why);
    cli_cell(t, "%s", c->name);
    cli_cell(t, "%s", c->op);
    cli_cell(t, "%d", c->uses);
    cli_cell(t, "%s", won->name);
    const double us[] = {first->least_us, won->least_us, won->median_us, c->bound_us};
    for (size_t i = 0; i < LN_COUNT(us); i++)
        if (us[i] > 0)
            cli_cell(t, "%.1f", us[i]);
        else
            cli_cell(t, "-");
    cli_cell(t, "%.0f", c->bytes ? 100.0 * (double)c->saved / (double)c->bytes : 0);
    cli_cell(t, "%s", why.failed ? "" : why.p);
    ln_str_free(&why);
}

static const char *stream_text(linnet_stream s) {
    return s == LINNET_STREAM_RESIDENT   ? "all steps in one launch"
           : s == LINNET_STREAM_COMMANDS ? "a recorded command buffer"
                                         : "a launch a step";
}

static void print_summary(const linnet_tune_report *r, FILE *f) {
    fprintf(f, "network: %.3f ms by default, %.3f ms %s; %s\n", r->default_ms, r->tuned_ms,
            r->kept ? "tuned" : "kept as it is", stream_text(r->stream));
    fprintf(f, "%.1f s%s\n", r->seconds,
            r->complete ? "" : "; the time limit left candidates untried (--tune full has none)");
    if (r->busy) fprintf(f, "The machine was busy: tune again when it is not.\n");
}

static int put_table(const cli_options *o, const linnet_tune_report *r) {
    static const cli_column columns[] = {
        {"name", "nodes", false},
        {"op", "op", false},
        {"uses", "uses", true},
        {"chosen", "chosen", false},
        {"default_us", "default us", true},
        {"least_us", "chosen us", true},
        {"median_us", "median", true},
        {"bound_us", "bound", true},
        {"traffic_saved", "traffic saved %", true},
        {"why", "why", false},
    };
    cli_table t = {.column = columns, .columns = LN_COUNT(columns)};
    cli_output out;
    for (size_t i = 0; i < r->contests; i++) row(&t, &r->contest[i]);
    int status = cli_output_open(o, &out);
    if (!status) {
        cli_table_print(&t, cli_format_of(o), out.f);
        if (cli_format_of(o) == FORMAT_TEXT) print_summary(r, out.f);
        status = cli_output_finish(&out);
    }
    cli_table_free(&t);
    return status;
}

static cJSON *contest_json(const linnet_tune_contest *c) {
    cJSON *object = cJSON_CreateObject();
    cli_json_text(object, "name", c->name);
    cli_json_text(object, "op", c->op);
    cli_json_int(object, "uses", c->uses);
    cli_json_text(object, "chosen", c->candidate[c->chosen].name);
    cli_json_number(object, "bound_us", c->bound_us, 4);
    cli_json_int(object, "bytes", c->bytes);
    cli_json_int(object, "saved", c->saved);
    cJSON *list = cJSON_AddArrayToObject(object, "candidates");
    for (size_t i = 0; i < c->candidates; i++) {
        const linnet_tune_candidate *x = &c->candidate[i];
        cJSON *one = cJSON_CreateObject();
        cli_json_text(one, "name", x->name);
        cli_json_text(one, "verdict", linnet_verdict_text(x->verdict));
        if (timed(x)) {
            cli_json_number(one, "least_us", x->least_us, 5);
            cli_json_number(one, "median_us", x->median_us, 5);
            cli_json_number(one, "error", x->error, 3);
        }
        cJSON_AddItemToArray(list, one);
    }
    return object;
}

static int put_json(const cli_options *o, const char *model, int batch,
                    const linnet_tune_report *r) {
    cJSON *object = cJSON_CreateObject();
    cli_json_text(object, "model", model);
    cli_json_int(object, "batch", batch);
    cJSON *list = cJSON_AddArrayToObject(object, "contests");
    for (size_t i = 0; i < r->contests; i++)
        cJSON_AddItemToArray(list, contest_json(&r->contest[i]));
    cli_json_number(object, "default_ms", r->default_ms, 5);
    cli_json_number(object, "tuned_ms", r->tuned_ms, 5);
    cli_json_text(object, "stream", stream_text(r->stream));
    cJSON_AddBoolToObject(object, "kept", r->kept);
    cJSON_AddBoolToObject(object, "complete", r->complete);
    cJSON_AddBoolToObject(object, "busy", r->busy);
    cli_json_number(object, "seconds", r->seconds, 3);
    return cli_put_json(o, object);
}

static void show(void *user, const char *contest, const char *candidate) {
    cli_progress *p = user;
    (void)contest;
    (void)candidate;
    cli_progress_set(p, p->done + 1);
}

static int tune(const cli_options *o, linnet_model *m, linnet_device *d, int batch, bool full,
                linnet_tune_report *r) {
    linnet_session_params p;
    linnet_error err = {0};
    cli_progress bar;
    cli_session_params(o, batch, &p);
    linnet_tune_params t = LINNET_TUNE_PARAMS_INIT;
    t.full = full;
    t.progress = show;
    t.user = &bar;
    cli_progress_start(&bar, o, "tune", 0, -1);
    linnet_status st = linnet_tune(m, d, &p, &t, r, &err);
    cli_progress_end(&bar);
    return st == LINNET_OK ? CLI_OK : cli_report(&err);
}

int cli_tune(const cli_options *o, linnet_model *m, linnet_device *d, int batch) {
    const char *how = cli_text(o, OPT_TUNE, "off");
    linnet_tune_report r = {0};
    if (!strcmp(how, "off")) return CLI_OK;
    int status = tune(o, m, d, batch, !strcmp(how, "full"), &r);
    linnet_free(r.contest);
    return status;
}

static int run(const cli_options *o) {
    const char *how = cli_text(o, OPT_TUNE, "fast");
    linnet_model *m = NULL;
    linnet_device *d = NULL;
    linnet_tune_report r = {0};
    linnet_model_info info;
    linnet_error err = {0};
    int batch = 1;
    if (!strcmp(how, "off")) return cli_usage_error("tune --tune off: give fast or full");
    int status = cli_model_open(o, o->arg[0], true, false, &m);
    if (!status) batch = cli_batch(o, m, 1);
    if (!status) status = cli_device_open(o, &d);
    if (!status) status = tune(o, m, d, batch, !strcmp(how, "full"), &r);
    if (!status && linnet_model_get_info(m, &info, &err) != LINNET_OK) status = cli_report(&err);
    if (!status)
        status =
            cli_format_of(o) == FORMAT_JSON ? put_json(o, info.name, batch, &r) : put_table(o, &r);
    linnet_free(r.contest);
    linnet_device_close(&d);
    linnet_model_close(&m);
    return status;
}

const cli_verb cli_verb_tune = {
    .name = "tune",
    .args = "MODEL",
    .help = "times the candidates, keeps the verified winners",
    .about =
        "Times what could run each node of the model on the device, holds every result against\n"
        "the C reference, and keeps the winners in the cache, where the other verbs find them.\n"
        "--tune fast (the default) takes at most 18 seconds and leaves out what cannot win;\n"
        "full tries everything, in more rounds. Weights are synthetic (seed 1) unless given:\n"
        "speed does not depend on them.",
    .options = OPTS_RESULT | OPTS_MODEL | OPTS_RUN,
    .min_arg = 1,
    .max_arg = 1,
    .formats = "text|json|jsonl|csv|md",
    .run = run,
};
