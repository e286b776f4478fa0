/* linnet devices: what OpenCL offers here, and which of it is used. */
#include "cli/cli.h"

static int dump(const cli_options *o) {
    linnet_device *d = NULL;
    linnet_error err = {0};
    char *json = NULL;
    int status = cli_device_open(o, &d);
    if (status) return status;
    if (linnet_device_dump(d, &json, &err) != LINNET_OK)
        status = cli_report(&err);
    else
        status = cli_put_text(o, json);
    linnet_free(json);
    linnet_device_close(&d);
    return status;
}

static void print_device(const linnet_device_info *d, size_t i, FILE *f) {
    char a[24], b[24], c[24];
    fprintf(f, "%c %zu  %s\n", d->chosen ? '*' : ' ', i, d->name);
    fprintf(f, "     %-14s %s, driver %s, %s\n",
            d->is_cpu   ? "CPU"
            : d->is_gpu ? "GPU"
                        : "other",
            d->platform, d->driver, d->version);
    fprintf(f, "     %-14s %u compute units, work-groups of %u, vectors of %u floats\n", "compute",
            d->compute_units, d->max_work_group, d->vector_float);
    fprintf(f, "     %-14s %s, at most %s a buffer, local %s\n", "memory",
            cli_bytes_text(d->global_mem, a), cli_bytes_text(d->max_alloc, b),
            cli_bytes_text(d->local_mem, c));
    fprintf(f, "     %-14s %s\n", "features", *d->features ? d->features : "none");
    fprintf(f, "     %-14s %s\n", "choice", d->why);
}

static int put_text(const cli_options *o, const linnet_device_info *list, size_t n) {
    cli_output out;
    int status = cli_output_open(o, &out);
    if (status) return status;
    for (size_t i = 0; i < n; i++) print_device(&list[i], i, out.f);
    return cli_output_finish(&out);
}

static int put_rows(const cli_options *o, const linnet_device_info *list, size_t n) {
    static const cli_column columns[] = {
        {"index", "#", true},
        {"name", "device", false},
        {"platform", "platform", false},
        {"vendor", "vendor", false},
        {"driver", "driver", false},
        {"version", "version", false},
        {"kind", "kind", false},
        {"chosen", "chosen", true},
        {"why", "why", false},
        {"compute_units", "units", true},
        {"max_work_group", "work-group", true},
        {"vector_float", "floats", true},
        {"global_mem", "memory", true},
        {"max_alloc", "largest buffer", true},
        {"local_mem", "local memory", true},
        {"features", "features", false},
    };
    cli_table t = {.column = columns, .columns = LN_COUNT(columns)};
    for (size_t i = 0; i < n; i++) {
        const linnet_device_info *d = &list[i];
        cli_cell(&t, "%zu", i);
        cli_cell(&t, "%s", d->name);
        cli_cell(&t, "%s", d->platform);
        cli_cell(&t, "%s", d->vendor);
        cli_cell(&t, "%s", d->driver);
        cli_cell(&t, "%s", d->version);
        cli_cell(&t, "%s", d->is_cpu ? "cpu" : d->is_gpu ? "gpu" : "other");
        cli_cell(&t, "%s", d->chosen ? "true" : "false");
        cli_cell(&t, "%s", d->why);
        cli_cell(&t, "%u", d->compute_units);
        cli_cell(&t, "%u", d->max_work_group);
        cli_cell(&t, "%u", d->vector_float);
        cli_cell(&t, "%llu", (unsigned long long)d->global_mem);
        cli_cell(&t, "%llu", (unsigned long long)d->max_alloc);
        cli_cell(&t, "%llu", (unsigned long long)d->local_mem);
        cli_cell(&t, "%s", d->features);
    }
    int status = cli_put_table(o, &t);
    cli_table_free(&t);
    return status;
}

static int run(const cli_options *o) {
    linnet_device_info *list = NULL;
    linnet_error err = {0};
    size_t n = 0;
    if (cli_has(o, OPT_DUMP)) return dump(o);
    if (linnet_devices(cli_text(o, OPT_DEVICE, NULL), &list, &n, &err) != LINNET_OK)
        return cli_report(&err);
    int status = cli_format_of(o) == FORMAT_TEXT ? put_text(o, list, n) : put_rows(o, list, n);
    linnet_free(list);
    return status;
}

const cli_verb cli_verb_devices = {
    .name = "devices",
    .args = "",
    .help = "OpenCL devices, their limits, and which one is chosen",
    .about = "Lists every OpenCL device with the limits and features that matter, and marks with\n"
             "a star the one that is used. --dump prints the record that plans are made from.",
    .options = OPTS_RESULT | BIT(DEVICE) | BIT(DUMP),
    .formats = "text|json|jsonl|csv|md",
    .run = run,
};
