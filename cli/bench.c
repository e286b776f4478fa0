/* linnet bench: latency and throughput of whole networks, and of single blocks beside each other.
 */
#include "cli/cli.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define WARM_UPS   10
#define LEAST_RUNS 50
#define LEAST_TIME 2.0 /* seconds */
#define MOST_RUNS  1000000

typedef struct result {
    char model[128];
    const char *precision;
    int batch;
    linnet_device_info device;
    linnet_session_stats stats;
    double *s; /* seconds of each run, sorted at the end */
    size_t runs;
    double total, cpu; /* seconds, wall and processor, of all timed runs */
    int64_t macs;      /* of one image */
    double peak;       /* GFLOP/s; 0: not known */
    uint64_t peak_rss;
    char base[128]; /* a block: the one of the last op named, at the same shape and batch */
    double of_base, of_base_min; /* median and least time over that block's */
} result;

static double cpu_seconds(void) {
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
           1e-6 * (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec);
}

static uint64_t peak_rss(void) {
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (uint64_t)u.ru_maxrss * 1024; /* kibibytes on Linux */
}

static int by_value(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Nearest rank: the smallest time that p percent of the runs do not exceed. */
static double percentile(const result *r, double p) {
    size_t rank = (size_t)ceil(p / 100.0 * (double)r->runs);
    return 1e3 * r->s[rank ? rank - 1 : 0];
}

static double median(const result *r) {
    return 1e3 * 0.5 * (r->s[(r->runs - 1) / 2] + r->s[r->runs / 2]);
}

static double gflops(const result *r) {
    return 2e-9 * (double)r->macs * r->batch / (1e-3 * median(r));
}

/* ---- measuring ---- */
static int time_runs(linnet_session *s, const cli_tensors *in, const cli_tensors *out, result *r) {
    linnet_error err = {0};
    size_t cap = 1024;
    if (!(r->s = malloc(cap * sizeof *r->s))) return cli_out_of_memory("the times");
    for (int i = 0; i <= WARM_UPS; i++) /* the first is counted as the first run */
        if (linnet_session_run(s, (const void *const *)in->data, out->data, &err) != LINNET_OK)
            return cli_report(&err);
    double cpu = cpu_seconds(), start = ln_now();
    for (double now = start; r->runs < LEAST_RUNS || now - start < LEAST_TIME;) {
        if (r->runs == cap) {
            double *more = cap < MOST_RUNS ? realloc(r->s, 2 * cap * sizeof *more) : NULL;
            if (!more) break;
            r->s = more;
            cap *= 2;
        }
        if (linnet_session_run(s, (const void *const *)in->data, out->data, &err) != LINNET_OK)
            return cli_report(&err);
        double end = ln_now();
        r->s[r->runs++] = end - now;
        now = end;
        r->total = now - start;
    }
    r->cpu = cpu_seconds() - cpu;
    qsort(r->s, r->runs, sizeof *r->s, by_value);
    return CLI_OK;
}

static int measure(const cli_options *o, linnet_model *m, linnet_device *d, result *r) {
    linnet_session *s = NULL;
    cli_tensors in = {0}, out = {0};
    linnet_model_info info;
    linnet_error err = {0};
    if (linnet_model_get_info(m, &info, &err) != LINNET_OK) return cli_report(&err);
    int status = cli_session_create(o, m, d, r->batch, &s);
    if (!status) status = cli_tensors_create(s, false, &in);
    if (!status) status = cli_tensors_create(s, true, &out);
    if (!status) status = cli_tensors_synthetic(&in, cli_seed(o, OPT_SYNTHETIC, 1), info.nhwc);
    if (!status) status = time_runs(s, &in, &out, r);
    if (!status && (linnet_session_get_stats(s, &r->stats) != LINNET_OK ||
                    linnet_device_get_info(d, &r->device) != LINNET_OK))
        status = cli_report(&err);
    if (!status) {
        snprintf(r->model, sizeof r->model, "%s", info.name);
        r->macs = info.macs;
        r->peak_rss = peak_rss();
    }
    cli_tensors_free(&out);
    cli_tensors_free(&in);
    linnet_session_destroy(&s);
    return status;
}

/* ---- results ---- */
static void latency_json(cJSON *object, const result *r) {
    cJSON *l = cJSON_AddObjectToObject(object, "latency_ms");
    cli_json_number(l, "median", median(r), 6);
    cli_json_number(l, "mean", 1e3 * r->total / (double)r->runs, 6);
    cli_json_number(l, "min", 1e3 * r->s[0], 6);
    cli_json_number(l, "max", 1e3 * r->s[r->runs - 1], 6);
    cli_json_number(l, "p90", percentile(r, 90), 6);
    cli_json_number(l, "p95", percentile(r, 95), 6);
    cli_json_number(l, "p99", percentile(r, 99), 6);
}

static double images_per_s(const result *r) {
    return (double)r->runs * r->batch / r->total;
}

static cJSON *result_json(const result *r) {
    cJSON *object = cJSON_CreateObject();
    cli_json_int(object, "schema", 1);
    cli_json_text(object, "model", r->model);
    cli_json_text(object, "device", r->device.name);
    cli_json_text(object, "driver", r->device.driver);
    cli_json_text(object, "version", linnet_version());
    cli_json_text(object, "precision", r->precision);
    cli_json_int(object, "batch", r->batch);
    cli_json_int(object, "runs", (int64_t)r->runs);
    latency_json(object, r);
    cli_json_number(object, "images_per_s", images_per_s(r), 6);
    cJSON *start = cJSON_AddObjectToObject(object, "start_ms");
    cli_json_number(start, "load", r->stats.load_ms, 6);
    cli_json_number(start, "build", r->stats.build_ms, 6);
    cli_json_number(start, "upload", r->stats.upload_ms, 6);
    cli_json_number(start, "first_run", r->stats.first_run_ms, 6);
    cJSON *cache = cJSON_AddObjectToObject(object, "cache");
    cli_json_int(cache, "hits", (int64_t)r->stats.cache_hits);
    cli_json_int(cache, "misses", (int64_t)r->stats.cache_misses);
    cJSON *memory = cJSON_AddObjectToObject(object, "memory");
    cli_json_int(memory, "weights", (int64_t)r->stats.weight_bytes);
    cli_json_int(memory, "arena", (int64_t)r->stats.arena_bytes);
    cli_json_int(memory, "peak_rss", (int64_t)r->peak_rss);
    cli_json_int(object, "macs", r->macs);
    cli_json_number(object, "gflops", gflops(r), 6);
    cli_json_number(object, "peak_fraction", r->peak > 0 ? gflops(r) / r->peak : NAN, 4);
    if (*r->base) {
        cJSON *ratio = cJSON_AddObjectToObject(object, "ratio");
        cli_json_text(ratio, "to", r->base);
        cli_json_number(ratio, "median", r->of_base, 4);
        cli_json_number(ratio, "min", r->of_base_min, 4);
    }
    if (!strcmp(r->precision, "f16"))
        cli_json_text(object, "arithmetic", cli_arithmetic(r->precision, &r->stats));
    return object;
}

static int put_json(const cli_options *o, const result *r, size_t n) {
    if (cli_format_of(o) == FORMAT_JSON && n == 1) return cli_put_json(o, result_json(r));
    cJSON *list = cJSON_CreateArray();
    ln_str lines = {0};
    for (size_t i = 0; i < n; i++) cJSON_AddItemToArray(list, result_json(&r[i]));
    if (cli_format_of(o) == FORMAT_JSON) return cli_put_json(o, list);
    for (size_t i = 0; i < n; i++) {
        char *line = cJSON_PrintUnformatted(cJSON_GetArrayItem(list, (int)i));
        ln_str_add(&lines, "%s\n", line ? line : "");
        cJSON_free(line);
    }
    cJSON_Delete(list);
    int status = lines.failed ? cli_out_of_memory("the result") : cli_put_text(o, lines.p);
    ln_str_free(&lines);
    return status;
}

static void result_row(cli_table *t, const result *r) {
    double runs = (double)r->runs;
    cli_cell(t, "%s", r->model);
    cli_cell(t, "%d", r->batch);
    cli_cell(t, "%zu", r->runs);
    cli_cell(t, "%.3f", median(r));
    cli_cell(t, "%.3f", 1e3 * r->s[0]);
    cli_cell(t, "%.3f", percentile(r, 95));
    cli_cell(t, "%.3f", 1e3 * r->cpu / runs);
    cli_cell(t, "%.1f", images_per_s(r));
    cli_cell(t, "%.2f", gflops(r));
    if (r->peak > 0)
        cli_cell(t, "%.3f", gflops(r) / r->peak);
    else
        cli_cell(t, "-");
    cli_cell(t, "%.1f", r->stats.load_ms + r->stats.build_ms + r->stats.upload_ms);
    cli_cell(t, "%.1f", r->stats.first_run_ms);
    cli_cell(t, "%llu/%llu", (unsigned long long)r->stats.cache_hits,
             (unsigned long long)(r->stats.cache_hits + r->stats.cache_misses));
    cli_cell(t, "%.1f", 1e-6 * (double)r->peak_rss);
}

static void ratio_cells(cli_table *t, const result *r) {
    const double ratio[] = {r->of_base, r->of_base_min};
    for (size_t i = 0; i < LN_COUNT(ratio); i++)
        if (*r->base)
            cli_cell(t, "%.3f", ratio[i]);
        else
            cli_cell(t, "-");
}

/* Names of the ops that others are compared with: "mhsa, clblast". */
static void add_base(ln_str *list, const char *block) {
    char op[128];
    snprintf(op, sizeof op, "%.*s", (int)strcspn(block, ":"), block);
    if (!*op || (list->p && strstr(list->p, op))) return;
    ln_str_add(list, "%s%s", list->p ? ", " : "", op);
}

static int put_table(const cli_options *o, const result *r, size_t n) {
    static const cli_column columns[] = {
        {"model", "model", false},      {"batch", "batch", true},
        {"runs", "runs", true},         {"median_ms", "median ms", true},
        {"min_ms", "min", true},        {"p95_ms", "p95", true},
        {"cpu_ms", "cpu ms", true},     {"images_per_s", "images/s", true},
        {"gflops", "GFLOP/s", true},    {"peak_fraction", "of peak", true},
        {"start_ms", "start ms", true}, {"first_run_ms", "first run", true},
        {"cached", "cached", false},    {"peak_rss_mb", "RSS MB", true},
        {"ratio", "ratio", true},       {"ratio_min", "of mins", true},
    };
    ln_str bases = {0};
    for (size_t i = 0; i < n; i++) add_base(&bases, r[i].base);
    const bool compared = bases.p;
    cli_table t = {.column = columns, .columns = LN_COUNT(columns) - (compared ? 0 : 2)};
    cli_output out;
    for (size_t i = 0; i < n; i++) {
        result_row(&t, &r[i]);
        if (compared) ratio_cells(&t, &r[i]);
    }
    int status = cli_output_open(o, &out);
    if (!status) {
        cli_table_print(&t, cli_format_of(o), out.f);
        if (cli_format_of(o) == FORMAT_TEXT && compared)
            fprintf(out.f, "ratio: time over that of %s at the same shape\n", bases.p);
        if (cli_format_of(o) == FORMAT_TEXT)
            fprintf(out.f, "%s, driver %s, linnet %s, %s\n", r->device.name, r->device.driver,
                    linnet_version(), cli_arithmetic_text(r->precision, &r->stats));
        status = cli_output_finish(&out);
    }
    cli_table_free(&t);
    ln_str_free(&bases);
    return status;
}

/* ---- the sweep ---- */
typedef struct sweep {
    result *r;
    size_t n, cap;
} sweep;

static result *next_result(sweep *w) {
    if (w->n == w->cap) {
        size_t cap = w->cap ? 2 * w->cap : 8;
        result *r = realloc(w->r, cap * sizeof *r);
        if (!r) return NULL;
        w->r = r;
        w->cap = cap;
    }
    w->r[w->n] = (result){0};
    return &w->r[w->n++];
}

static int bench_model(const cli_options *o, const char *name, linnet_device *d, double peak,
                       sweep *w) {
    linnet_model *m = NULL;
    int status = cli_model_open(o, name, true, false, &m);
    int batch = status ? 1 : cli_batch(o, m, 1);
    for (int i = 0; !status && (cli_int_at(o, OPT_BATCH, i, &batch) || !i); i++) {
        result *r = next_result(w);
        if (!r) {
            status = cli_out_of_memory("the results");
            break;
        }
        r->batch = batch;
        r->precision = cli_precision(o, m);
        r->peak = peak;
        status = measure(o, m, d, r);
    }
    linnet_model_close(&m);
    return status;
}

/* A name misspelt at the end of a long list is better found before the first is timed. */
static int check_names(const cli_options *o, const char *names) {
    char name[256];
    int status = CLI_OK;
    for (const char *s = names; *s && !status; s += strspn(s, ",")) {
        size_t n = strcspn(s, ",");
        linnet_model *m = NULL;
        linnet_error err = {0};
        snprintf(name, sizeof name, "%.*s", (int)n, s);
        linnet_model_params p = {.model = name, .shape_only = 1, .size = cli_int(o, OPT_SIZE, 0)};
        if (n && !cli_is_file(name) && linnet_model_open(&p, &m, &err) != LINNET_OK)
            status = cli_report(&err);
        linnet_model_close(&m);
        s += n;
    }
    return status;
}

/* Each block beside the last one in the list that has the same shape and batch. */
static void compare(sweep *w) {
    for (size_t i = 0; i < w->n; i++) {
        result *r = &w->r[i];
        const char *shape = cli_block_shape(r->model);
        const result *base = r;
        for (size_t k = 0; k < w->n && shape; k++) {
            const char *other = cli_block_shape(w->r[k].model);
            if (other && w->r[k].batch == r->batch && !strcmp(other, shape)) base = &w->r[k];
        }
        if (!strcmp(base->model, r->model)) continue;
        snprintf(r->base, sizeof r->base, "%s", base->model);
        r->of_base = median(r) / median(base);
        r->of_base_min = r->s[0] / base->s[0];
    }
}

static int bench_all(const cli_options *o, char *names, linnet_device *d, sweep *w) {
    linnet_error err = {0};
    double peak = 0;
    linnet_status st = linnet_device_peak(d, &peak, &err);
    if (st != LINNET_OK && st != LINNET_ERR_UNSUPPORTED) return cli_report(&err);
    int status = CLI_OK;
    char *rest = NULL;
    for (char *name = strtok_r(names, ",", &rest); name && !status;
         name = strtok_r(NULL, ",", &rest))
        status = bench_model(o, name, d, peak, w);
    if (status) return status;
    compare(w);
    cli_format f = cli_format_of(o);
    return f == FORMAT_JSON || f == FORMAT_JSONL ? put_json(o, w->r, w->n)
                                                 : put_table(o, w->r, w->n);
}

static int run(const cli_options *o) {
    const char *ops = cli_text(o, OPT_OP, NULL);
    if (!o->n_arg == !ops)
        return cli_usage_error("bench needs MODEL[,MODEL...] or --op; see linnet bench --help");
    ln_str names = {0};
    linnet_device *d = NULL;
    sweep w = {0};
    int status = CLI_OK;
    if (ops) status = cli_name_blocks(ops, &names);
    if (!ops) ln_str_add(&names, "%s", o->arg[0]);
    if (!status && names.failed) status = cli_out_of_memory("the names");
    if (!status && (!names.p || !names.p[strspn(names.p, ",")]))
        status = cli_usage_error("bench: no model named");
    if (!status) status = check_names(o, names.p);
    if (!status) status = cli_device_open(o, &d);
    if (!status) status = bench_all(o, names.p, d, &w);
    linnet_device_close(&d);
    for (size_t i = 0; i < w.n; i++) free(w.r[i].s);
    free(w.r);
    ln_str_free(&names);
    return status;
}

const cli_verb cli_verb_bench = {
    .name = "bench",
    .args = "MODEL[,MODEL...]",
    .help = "latency and throughput",
    .about =
        "Times whole runs, from input in host memory to output in host memory: 10 warm-ups,\n"
        "then at least 50 runs and 2 seconds. Comma lists of models and batches sweep.\n"
        "Weights are synthetic (seed 1) unless given. Memory is the process's peak so far.\n"
        "--op times single kinds of layer at the shapes that networks have them in, and beside\n"
        "each other where it names several: attention (mqa, mhsa), pointwise, depthwise and\n"
        "fully connected layers (pw, dw, fc), the products by CLBlast (clblast).",
    .options = OPTS_RESULT | OPTS_MODEL | OPTS_RUN | BIT(OP),
    .max_arg = 1,
    .sweeps = true,
    .formats = "text|json|jsonl|csv|md",
    .run = run,
};
