/* linnet profile: where the time of a run goes, step by step. */
#include "cli/profile.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define WARM_UPS   10
#define LEAST_RUNS 30
#define LEAST_TIME 1.0 /* seconds */
#define MOST_RUNS  1000

double profile_gflops(const profile_step *s) {
    return s->info.ms > 0 ? 2e-6 * (double)s->info.macs / s->info.ms : 0;
}

double profile_gbs(const profile_step *s) {
    return s->info.ms > 0 ? 1e-6 * (double)s->info.bytes / s->info.ms : 0;
}

double profile_intensity(const profile_step *s) {
    return s->info.bytes ? 2.0 * (double)s->info.macs / (double)s->info.bytes : 0;
}

/* ---- measuring ---- */

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Times of every step in every run: value[step * MOST_RUNS + run]. */
typedef struct samples {
    double *ms, *busy;
    size_t runs;
} samples;

static void read_step(const linnet_session *s, const profile_step *at, size_t part,
                      linnet_step_info *out) {
    if (at->part)
        linnet_session_part(s, at->of, part, out);
    else
        linnet_session_step(s, at->of, out);
}

/* Which part of its step entry i is: parts follow their step. */
static size_t part_index(const profile *p, size_t i) {
    size_t part = 0;
    while (p->step[i].part && p->step[i - 1 - part].part) part++;
    return part;
}

static int list_steps(const linnet_session *s, profile *p) {
    size_t cap = 0;
    linnet_step_info info;
    p->steps = linnet_session_steps(s);
    for (size_t i = 0; i < p->steps; i++) {
        linnet_session_step(s, i, &info);
        cap += 1 + info.parts;
    }
    p->step = calloc(cap + 1, sizeof *p->step);
    if (!p->step) return cli_out_of_memory("the steps");
    for (size_t i = 0; i < p->steps; i++) {
        linnet_session_step(s, i, &info);
        p->step[p->n++] = (profile_step){.info = info, .of = i};
        for (size_t k = 0; info.parts > 1 && k < info.parts; k++) {
            linnet_session_part(s, i, k, &p->step[p->n].info);
            p->step[p->n].of = i;
            p->step[p->n++].part = true;
        }
    }
    return CLI_OK;
}

static void sample(const linnet_session *s, const profile *p, samples *t) {
    for (size_t i = 0; i < p->n; i++) {
        linnet_step_info now;
        read_step(s, &p->step[i], part_index(p, i), &now);
        t->ms[i * MOST_RUNS + t->runs] = now.ms;
        t->busy[i * MOST_RUNS + t->runs] = now.busy_ms;
    }
    double whole = 0;
    for (size_t i = 0; i < p->n; i++)
        if (!p->step[i].part) whole += t->ms[i * MOST_RUNS + t->runs];
    t->ms[p->n * MOST_RUNS + t->runs] = whole;
    t->runs++;
}

static double median(double *v, size_t n) {
    qsort(v, n, sizeof *v, by_value);
    return 0.5 * (v[(n - 1) / 2] + v[n / 2]);
}

static void digest(profile *p, samples *t) {
    for (size_t i = 0; i < p->n; i++) {
        p->step[i].info.ms = median(t->ms + i * MOST_RUNS, t->runs);
        p->step[i].info.busy_ms = median(t->busy + i * MOST_RUNS, t->runs);
        p->step[i].min_ms = t->ms[i * MOST_RUNS];
    }
    double at = 0;
    for (size_t i = 0; i < p->n; i++) {
        p->step[i].info.start_ms = at;
        if (!p->step[i].part) at += p->step[i].info.ms;
    }
    double *whole = t->ms + p->n * MOST_RUNS;
    p->run_ms = median(whole, t->runs);
    p->min_run_ms = whole[0];
    p->runs = t->runs;
}

static int time_runs(linnet_session *s, const cli_tensors *in, const cli_tensors *out, profile *p) {
    linnet_error err = {0};
    samples t = {.ms = calloc((p->n + 1) * MOST_RUNS, sizeof *t.ms),
                 .busy = calloc((p->n + 1) * MOST_RUNS, sizeof *t.busy)};
    int status = t.ms && t.busy ? CLI_OK : cli_out_of_memory("the times");
    double start = 0;
    for (int i = -WARM_UPS;
         !status && t.runs < MOST_RUNS && (i < LEAST_RUNS || ln_now() - start < LEAST_TIME); i++) {
        if (i == 0) start = ln_now();
        if (linnet_session_run(s, (const void *const *)in->data, out->data, &err) != LINNET_OK)
            status = cli_report(&err);
        else if (i >= 0)
            sample(s, p, &t);
    }
    if (!status) digest(p, &t);
    free(t.ms);
    free(t.busy);
    return status;
}

static int measure_steps(const cli_options *o, linnet_model *m, linnet_device *d, profile *p) {
    linnet_session *s = NULL;
    cli_tensors in = {0}, out = {0};
    linnet_session_params params;
    linnet_model_info info;
    linnet_error err = {0};
    cli_session_params(o, p->batch, &params);
    params.profile = 1;
    int status = CLI_OK;
    if (linnet_model_get_info(m, &info, &err) != LINNET_OK ||
        linnet_session_create(m, d, &params, &s, &err) != LINNET_OK)
        return cli_report(&err);
    status = list_steps(s, p);
    if (!status) status = cli_tensors_create(s, false, &in);
    if (!status) status = cli_tensors_create(s, true, &out);
    if (!status) status = cli_tensors_synthetic(&in, cli_seed(o, OPT_SYNTHETIC, 1), info.nhwc);
    if (!status) status = time_runs(s, &in, &out, p);
    if (!status && linnet_session_get_stats(s, &p->stats) == LINNET_OK)
        p->resident = p->stats.resident;
    /* names outlive the session in copies */
    for (size_t i = 0; !status && i < p->n; i++) {
        linnet_step_info *f = &p->step[i].info;
        f->name = strdup(f->name);
        if (!f->name) status = cli_out_of_memory("the names");
    }
    if (status) p->n = 0;
    cli_tensors_free(&out);
    cli_tensors_free(&in);
    linnet_session_destroy(&s);
    return status;
}

/* ---- limits ---- */

static int measure_device(linnet_device *d, profile *p) {
    linnet_error err = {0};
    linnet_status st = linnet_device_peak(d, &p->peak, &err);
    for (size_t i = 0; i < PROFILE_SIZES && st == LINNET_OK; i++) {
        p->memory[i].bytes = (size_t)128 * 1024 << 2 * i;
        st = linnet_device_bandwidth(d, p->memory[i].bytes, &p->memory[i].gbs, &err);
    }
    return st == LINNET_OK ? CLI_OK : cli_report(&err);
}

/* Bandwidth over as much memory as the step touches. */
static double bandwidth_for(const profile *p, int64_t bytes) {
    size_t i = 0;
    while (i + 1 < PROFILE_SIZES && (int64_t)p->memory[i].bytes < bytes) i++;
    return p->memory[i].gbs;
}

static void find_limits(profile *p) {
    for (size_t i = 0; i < p->n; i++) {
        profile_step *s = &p->step[i];
        double work = 2e-6 * (double)s->info.macs / p->peak;
        double move = 1e-6 * (double)s->info.bytes / bandwidth_for(p, s->info.bytes);
        s->memory = move > work;
        s->share = s->info.ms > 0 ? LN_MAX(work, move) / s->info.ms : 0;
    }
}

/* ---- showing ---- */

static const char *limit_name(const profile_step *s) {
    return s->memory ? "memory" : "compute";
}

static cJSON *step_json(const profile *p, const profile_step *s) {
    cJSON *object = cJSON_CreateObject();
    if (!s->part) cli_json_int(object, "step", (int64_t)s->of);
    cli_json_text(object, "name", s->info.name);
    cli_json_text(object, "op", s->info.op);
    cli_json_text(object, "variant", s->info.variant);
    cli_json_number(object, "ms", s->info.ms, 6);
    cli_json_number(object, "min_ms", s->min_ms, 6);
    if (!s->part)
        cli_json_number(object, "wait_ms", p->resident ? s->info.ms - s->info.busy_ms : NAN, 4);
    cli_json_int(object, "macs", s->info.macs);
    cli_json_int(object, "bytes", s->info.bytes);
    cli_json_number(object, "gflops", profile_gflops(s), 5);
    cli_json_number(object, "gbs", profile_gbs(s), 5);
    cli_json_number(object, "intensity", profile_intensity(s), 5);
    cli_json_text(object, "limit", limit_name(s));
    cli_json_number(object, "of_limit", s->share, 4);
    return object;
}

static cJSON *steps_json(const profile *p) {
    cJSON *list = cJSON_CreateArray(), *parts = NULL;
    for (size_t i = 0; i < p->n; i++) {
        cJSON *object = step_json(p, &p->step[i]);
        if (p->step[i].part) {
            cJSON_AddItemToArray(parts, object);
            continue;
        }
        parts = cJSON_AddArrayToObject(object, "parts");
        cJSON_AddItemToArray(list, object);
    }
    return list;
}

static int put_json(const cli_options *o, const profile *p) {
    cJSON *object = cJSON_CreateObject();
    cli_json_int(object, "schema", 1);
    cli_json_text(object, "model", p->model);
    cli_json_text(object, "device", p->device.name);
    cli_json_text(object, "driver", p->device.driver);
    cli_json_text(object, "version", linnet_version());
    cli_json_text(object, "precision", p->precision);
    cli_json_text(object, "arithmetic", cli_arithmetic(p->precision, &p->stats));
    cli_json_int(object, "batch", p->batch);
    cli_json_int(object, "runs", (int64_t)p->runs);
    cli_json_text(object, "stream", p->resident ? "resident" : "launches");
    cli_json_number(object, "ms", p->run_ms, 6);
    cli_json_number(object, "min_ms", p->min_run_ms, 6);
    cli_json_number(object, "peak_gflops", p->peak, 5);
    cJSON *memory = cJSON_AddArrayToObject(object, "bandwidth");
    for (size_t i = 0; i < PROFILE_SIZES; i++) {
        cJSON *m = cJSON_CreateObject();
        cli_json_int(m, "bytes", (int64_t)p->memory[i].bytes);
        cli_json_number(m, "gbs", p->memory[i].gbs, 5);
        cJSON_AddItemToArray(memory, m);
    }
    cJSON_AddItemToObject(object, "steps", steps_json(p));
    return cli_put_json(o, object);
}

static void step_row(cli_table *t, const profile *p, const profile_step *s) {
    if (s->part)
        cli_cell(t, "-");
    else
        cli_cell(t, "%zu", s->of);
    cli_cell(t, "%s%s", s->part ? "  " : "", s->info.name);
    cli_cell(t, "%s", s->info.variant);
    cli_cell(t, "%.4f", s->info.ms);
    cli_cell(t, "%.4f", s->min_ms);
    cli_cell(t, "%.1f", 100.0 * s->info.ms / p->run_ms);
    if (s->part || !p->resident)
        cli_cell(t, "-");
    else
        cli_cell(t, "%.1f", 100.0 * (1.0 - s->info.busy_ms / s->info.ms));
    cli_cell(t, "%.1f", profile_gflops(s));
    cli_cell(t, "%.1f", profile_gbs(s));
    cli_cell(t, "%.2f", profile_intensity(s));
    cli_cell(t, "%s", limit_name(s));
    cli_cell(t, "%.1f", 100.0 * s->share);
}

double profile_run_gflops(const profile *p) {
    int64_t macs = 0;
    for (size_t i = 0; i < p->n; i++) macs += p->step[i].part ? 0 : p->step[i].info.macs;
    return 2e-6 * (double)macs / p->run_ms;
}

static void print_summary(const profile *p, FILE *f) {
    const double gflops = profile_run_gflops(p);
    fprintf(f, "%zu steps, %.3f ms (least %.3f) in %zu runs: %.1f GFLOP/s, %.1f %% of %.1f\n",
            p->steps, p->run_ms, p->min_run_ms, p->runs, gflops, 100 * gflops / p->peak, p->peak);
    fprintf(f, "memory: ");
    for (size_t i = 0; i < PROFILE_SIZES; i++) {
        char size[24];
        fprintf(f, "%s%.0f GB/s over %s", i ? ", " : "", p->memory[i].gbs,
                cli_bytes_text(p->memory[i].bytes, size));
    }
    fprintf(f, "\ntimes: medians; %s\n%s, driver %s, linnet %s, %s\n",
            p->resident ? "by the processor's clock inside one launch of all steps"
                        : "of single launches as the driver counts them, its own cost included",
            p->device.name, p->device.driver, linnet_version(),
            cli_arithmetic_text(p->precision, &p->stats));
}

static int put_table(const cli_options *o, const profile *p) {
    static const cli_column columns[] = {
        {"step", "step", true},
        {"name", "layer", false, true},
        {"variant", "variant", false},
        {"ms", "ms", true},
        {"min_ms", "least", true},
        {"percent", "% of run", true},
        {"wait_percent", "% wait", true},
        {"gflops", "GFLOP/s", true},
        {"gbs", "GB/s", true},
        {"intensity", "FLOP/B", true},
        {"limit", "limit", false},
        {"percent_of_limit", "% of it", true},
    };
    cli_table t = {.column = columns, .columns = LN_COUNT(columns)};
    for (size_t i = 0; i < p->n; i++) step_row(&t, p, &p->step[i]);
    cli_output out;
    int status = cli_output_open(o, &out);
    if (!status) {
        cli_table_print(&t, cli_format_of(o), out.f);
        if (cli_format_of(o) == FORMAT_TEXT) print_summary(p, out.f);
        status = cli_output_finish(&out);
    }
    cli_table_free(&t);
    return status;
}

static int show(const cli_options *o, const profile *p) {
    int status = CLI_OK;
    if (cli_has(o, OPT_TRACE)) status = profile_write_trace(p, cli_text(o, OPT_TRACE, NULL));
    if (!status && cli_has(o, OPT_ROOFLINE))
        status = profile_write_roofline(p, cli_text(o, OPT_ROOFLINE, NULL));
    if (status) return status;
    return cli_format_of(o) == FORMAT_JSON ? put_json(o, p) : put_table(o, p);
}

static int run(const cli_options *o) {
    linnet_model *m = NULL;
    linnet_device *d = NULL;
    linnet_model_info info;
    linnet_error err = {0};
    int status = cli_model_open(o, o->arg[0], true, false, &m);
    profile p = {.batch = status ? 1 : cli_batch(o, m, 1)};
    if (!status) status = cli_device_open(o, &d);
    if (!status) status = measure_device(d, &p);
    if (!status && (linnet_model_get_info(m, &info, &err) != LINNET_OK ||
                    linnet_device_get_info(d, &p.device) != LINNET_OK))
        status = cli_report(&err);
    if (!status) snprintf(p.model, sizeof p.model, "%s", info.name);
    if (!status) p.precision = cli_precision(o, m);
    if (!status) status = measure_steps(o, m, d, &p);
    if (!status) {
        find_limits(&p);
        status = show(o, &p);
    }
    for (size_t i = 0; i < p.n; i++) free((char *)(uintptr_t)p.step[i].info.name);
    free(p.step);
    linnet_device_close(&d);
    linnet_model_close(&m);
    return status;
}

const cli_verb cli_verb_profile = {
    .name = "profile",
    .args = "MODEL",
    .help = "time of each step, beside the device's limits",
    .about =
        "Runs the model 30 times or for a second, and shows for each step its time, its work\n"
        "and traffic, and how near it comes to the limit it is under: the measured peak of\n"
        "multiply-adds in f32, which int8 can pass, or the measured bandwidth over as much\n"
        "memory as it touches. Where all steps run in one launch they are timed inside it, and\n"
        "'% wait' is the share that the device's units spent waiting for each other; layers that\n"
        "run as one step (chains) are set in below it. Elsewhere times are those of single\n"
        "launches. Text cuts long names of layers, other formats have them whole.",
    .options = OPTS_RESULT | OPTS_MODEL | OPTS_RUN | BIT(TRACE) | BIT(ROOFLINE),
    .min_arg = 1,
    .max_arg = 1,
    .formats = "text|json|jsonl|csv|md",
    .run = run,
};
