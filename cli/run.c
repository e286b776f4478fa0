/* linnet run: raw tensors in and out. */
#include "cli/cli.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* One --input, read before the device is opened. */
typedef struct given {
    const char *text, *path; /* path: behind NAME= */
    size_t name;             /* length of NAME, 0: none */
    bool synthetic;
    uint64_t seed;
    cli_array array;
} given;

static int read_input(given *g, const char *text) {
    static const char prefix[] = "synthetic:";
    const char *eq = strchr(text, '=');
    linnet_error err = {0};
    *g = (given){.text = text, .path = eq ? eq + 1 : text, .name = eq ? (size_t)(eq - text) : 0};
    if (!strncmp(g->path, prefix, sizeof prefix - 1)) {
        g->synthetic = true;
        if (ln_parse_u64(g->path + sizeof prefix - 1, &g->seed)) return CLI_OK;
        return cli_usage_error("--input %s: give synthetic:SEED, a number from 0", text);
    }
    if (cli_npy_read(g->path, &g->array, &err) != LINNET_OK) return cli_report(&err);
    return CLI_OK;
}

/* ---- inputs to the session's ---- */
/* The input that a --input means: by name, or by its place among the unnamed. */
static int find_input(const given *g, const cli_tensors *in, const bool *filled, size_t *out) {
    linnet_error err;
    for (size_t i = 0; i < in->n; i++) {
        bool match = g->name ? strlen(in->info[i].name) == g->name &&
                                   !strncmp(in->info[i].name, g->text, g->name)
                             : !filled[i];
        if (!match) continue;
        if (filled[i]) return cli_usage_error("--input %s: given twice", g->text);
        *out = i;
        return CLI_OK;
    }
    if (!g->name)
        return cli_usage_error("--input %s: one too many; the model has %zu input%s", g->text,
                               in->n, in->n == 1 ? "" : "s");
    ln_str names = {0};
    for (size_t i = 0; i < in->n; i++) ln_str_add(&names, i ? ", %s" : "%s", in->info[i].name);
    ln_fail(&err, LINNET_ERR_INVALID_ARGUMENT, "--input %s: no such input; the model has %s",
            g->text, names.p ? names.p : "none");
    ln_str_free(&names);
    return cli_report(&err);
}

static int fill_input(const given *g, cli_tensors *in, size_t i, bool nhwc) {
    const linnet_tensor_info *want = &in->info[i];
    if (g->synthetic) {
        cli_tensors one = {.n = 1, .info = &in->info[i], .data = &in->data[i]};
        return cli_tensors_synthetic(&one, g->seed, nhwc);
    }
    bool same = g->array.rank == want->file_rank;
    for (int k = 0; same && k < want->file_rank; k++) same = g->array.dim[k] == want->dim[k];
    if (!same) {
        char a[96], b[96];
        linnet_error err;
        ln_fail(&err, LINNET_ERR_BAD_FILE, "%s: shape %s, but input %s is %s; %s", g->path,
                cli_shape_text(g->array.rank, g->array.dim, a), want->name,
                cli_shape_text(want->rank, want->dim, b),
                g->array.rank == want->rank ? "see -b and --size"
                                            : "give an array of that many dimensions");
        return cli_report(&err);
    }
    cli_array_elements(&g->array, want, in->data[i]);
    return CLI_OK;
}

static int fill_inputs(const given *g, int n, cli_tensors *in, bool nhwc) {
    bool *filled = calloc(in->n + 1, sizeof *filled);
    if (!filled) return cli_out_of_memory("inputs");
    int status = CLI_OK;
    for (int k = 0; k < n && !status; k++) {
        size_t i = 0;
        status = find_input(&g[k], in, filled, &i);
        if (!status) status = fill_input(&g[k], in, i, nhwc);
        filled[i] = true;
    }
    for (size_t i = 0; i < in->n && !status; i++)
        if (!filled[i])
            status = cli_usage_error("input %s is missing; give --input %s=X.npy", in->info[i].name,
                                     in->info[i].name);
    free(filled);
    return status;
}

/* ---- outputs ---- */
static int write_output(const char *path, const cli_tensors *out, size_t i) {
    linnet_error err = {0};
    return cli_npy_write(path, &out->info[i], out->data[i], &err) == LINNET_OK ? CLI_OK
                                                                               : cli_report(&err);
}

/* A tensor's name may hold anything; a file's name must stay in its folder. */
static int write_into(const char *dir, const cli_tensors *out, size_t i) {
    ln_str path = {0};
    ln_str_add(&path, "%s/", dir);
    for (const char *c = out->info[i].name; *c; c++)
        ln_str_put(&path, *c == '/' || *c == '\\' || (unsigned char)*c < ' ' ? "_" : c, 1);
    if (!*out->info[i].name || *out->info[i].name == '.') ln_str_add(&path, "output%zu", i);
    ln_str_add(&path, ".npy");
    int status = path.failed ? cli_out_of_memory("a name") : write_output(path.p, out, i);
    ln_str_free(&path);
    return status;
}

static int write_all(const cli_options *o, const cli_tensors *out) {
    const char *dir = cli_text(o, OPT_OUTPUT_DIR, NULL), *path = cli_text(o, OPT_OUTPUT, NULL);
    linnet_error err = {0};
    int status = CLI_OK;
    if (path && out->n != 1)
        return cli_usage_error("--output: the model has %zu outputs; give --output-dir", out->n);
    if (path) status = write_output(path, out, 0);
    if (dir && !status && ln_mkdirs(dir, &err) != LINNET_OK) status = cli_report(&err);
    for (size_t i = 0; dir && i < out->n && !status; i++) status = write_into(dir, out, i);
    return status;
}

static int print_summary(const cli_options *o, const cli_tensors *out) {
    static const cli_column columns[] = {
        {"name", "output", false}, {"shape", "shape", false}, {"min", "min", true},
        {"max", "max", true},      {"mean", "mean", true},    {"std", "std", true},
    };
    cli_table t = {.column = columns, .columns = LN_COUNT(columns)};
    for (size_t i = 0; i < out->n; i++) {
        const linnet_tensor_info *info = &out->info[i];
        size_t n = cli_tensor_count(info);
        double sum = 0, squares = 0, lo = INFINITY, hi = -INFINITY;
        bool nan = false; /* then nothing is known of any figure */
        for (size_t k = 0; k < n; k++) {
            float real;
            cli_to_reals(info, out->data[i], k, 1, &real);
            double v = info->dtype == LINNET_I32 ? (double)((const int32_t *)out->data[i])[k]
                                                 : (double)real;
            nan = nan || isnan(v);
            sum += v;
            squares += v * v;
            lo = fmin(lo, v);
            hi = fmax(hi, v);
        }
        nan = nan || n == 0;
        double mean = sum / (double)n, var = squares / (double)n - mean * mean;
        char shape[96];
        cli_cell(&t, "%s", info->name);
        cli_cell(&t, "%s", cli_shape_text(info->rank, info->dim, shape));
        const double figures[] = {lo, hi, mean, sqrt(var < 0 ? 0 : var)};
        for (size_t k = 0; k < LN_COUNT(figures); k++)
            cli_cell(&t, "%.6g", nan ? (double)NAN : figures[k]);
    }
    int status = cli_put_table(o, &t);
    cli_table_free(&t);
    return status;
}

/* Outputs of a length that only the run tells keep what means anything. */
static int trim(linnet_session *s, cli_tensors *out) {
    for (size_t i = 0; i < out->n; i++) {
        linnet_tensor_info *info = &out->info[i];
        linnet_error err = {0};
        int64_t rows = 0;
        if (linnet_session_rows(s, i, &rows, &err) != LINNET_OK) return cli_report(&err);
        if (rows == info->dim[0]) continue;
        info->bytes = info->bytes / (size_t)info->dim[0] * (size_t)rows;
        info->dim[0] = rows;
    }
    return CLI_OK;
}

/* ---- the verb ---- */
static int run_session(const cli_options *o, const given *g, int n, const linnet_model *m,
                       linnet_session *s) {
    cli_tensors in = {0}, out = {0};
    linnet_model_info info;
    linnet_error err = {0};
    if (linnet_model_get_info(m, &info, &err) != LINNET_OK) return cli_report(&err);
    int status = cli_tensors_create(s, false, &in);
    if (!status) status = cli_tensors_create(s, true, &out);
    if (!status) status = fill_inputs(g, n, &in, info.nhwc);
    if (!status && linnet_session_run(s, (const void *const *)in.data, out.data, &err) != LINNET_OK)
        status = cli_report(&err);
    if (!status) status = trim(s, &out);
    if (!status)
        status = cli_has(o, OPT_OUTPUT) || cli_has(o, OPT_OUTPUT_DIR) ? write_all(o, &out)
                                                                      : print_summary(o, &out);
    cli_tensors_free(&out);
    cli_tensors_free(&in);
    return status;
}

/* The shapes of the arrays, for inputs whose own are open: "NAME=1x3x224x224" for each. */
static char **shape_hints(const given *g, size_t n, size_t *count) {
    char **hint = calloc(n + 1, sizeof *hint);
    *count = 0;
    for (size_t i = 0; hint && i < n; i++) {
        ln_str s = {0};
        if (g[i].synthetic || !g[i].array.rank || (!g[i].name && n > 1)) continue;
        ln_str_add(&s, "%.*s%s", (int)g[i].name, g[i].text, g[i].name ? "=" : "");
        for (int k = 0; k < g[i].array.rank; k++)
            ln_str_add(&s, k ? "x%lld" : "%lld", (long long)g[i].array.dim[k]);
        if (s.failed)
            ln_str_free(&s);
        else
            hint[(*count)++] = s.p;
    }
    return hint;
}

static int open_and_run(const cli_options *o, const given *g, int n) {
    linnet_model *m = NULL;
    linnet_device *d = NULL;
    linnet_session *s = NULL;
    size_t hints = 0;
    char **hint = shape_hints(g, (size_t)n, &hints);
    int64_t first = g[0].synthetic || g[0].array.rank != 4 ? 1 : g[0].array.dim[0];
    cli_device_begin(o);
    int status = hint ? cli_model_open_hints(o, o->arg[0], (const char *const *)hint, hints, &m)
                      : cli_out_of_memory("shapes");
    const int batch = cli_has_graph(o->arg[0]) ? 0 : first > 65536 ? 65536 : (int)first;
    if (!status) status = cli_device_open(o, &d);
    if (!status) status = cli_session_create(o, m, d, cli_batch(o, m, batch), &s);
    if (!status) status = run_session(o, g, n, m, s);
    fflush(stdout); /* who reads waits for the answer alone; main reports what fails */
    for (size_t i = 0; i < hints; i++) free(hint[i]);
    free(hint);
    linnet_session_destroy(&s);
    cli_device_forget();
    linnet_device_close(&d);
    linnet_model_close(&m);
    return status;
}

/* Tensors go out as .npy; a format is for the summary, which goes to standard output. */
static int check_output(const cli_options *o) {
    const char *path = cli_text(o, OPT_OUTPUT, NULL), *dot = path ? strrchr(path, '.') : NULL;
    struct stat st;
    if ((path || cli_has(o, OPT_OUTPUT_DIR)) && cli_has(o, OPT_FORMAT))
        return cli_usage_error("--format %s is of the summary; leave --output and --output-dir out",
                               o->value[OPT_FORMAT]);
    bool special = path && stat(path, &st) == 0 && !S_ISREG(st.st_mode);
    if (!path || special || (dot && !strcmp(dot, ".npy"))) return CLI_OK;
    return cli_usage_error("--output %s: run writes F.npy", path);
}

static int run(const cli_options *o) {
    int wrong = check_output(o);
    if (wrong) return wrong;
    if (!o->n_input && !cli_has_graph(o->arg[0])) /* a file may have none */
        return cli_usage_error("run needs --input X.npy; see linnet run --help");
    given *g = calloc((size_t)o->n_input + 1, sizeof *g);
    if (!g) return cli_out_of_memory("inputs");
    int status = CLI_OK;
    for (int i = 0; i < o->n_input && !status; i++) status = read_input(&g[i], o->input[i]);
    if (!status) status = open_and_run(o, g, o->n_input);
    for (int i = 0; i < o->n_input; i++) cli_array_free(&g[i].array);
    free(g);
    return status;
}

const cli_verb cli_verb_run = {
    .name = "run",
    .args = "MODEL",
    .help = "raw tensors in and out as .npy",
    .about =
        "Runs a model once on .npy arrays (little-endian floats or integers, C order), laid\n"
        "out NCHW. --output F.npy takes a single output, --output-dir all of them, in the types\n"
        "that the model file declares; without either, a summary of each output is printed. The\n"
        "batch is the input's unless given.",
    .options = OPTS_RESULT | OPTS_MODEL | OPTS_RUN | BIT(INPUT) | BIT(OUTPUT_DIR),
    .min_arg = 1,
    .max_arg = 1,
    .formats = "text|json|jsonl|csv|md",
    .run = run,
};
