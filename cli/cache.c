/* linnet cache: what is kept between runs. */
#include "cli/cli.h"

#include <string.h>

static int list(const cli_options *o) {
    static const cli_column columns[] = {{"path", "file", false}, {"bytes", "bytes", true}};
    cli_table t = {.column = columns, .columns = LN_COUNT(columns)};
    linnet_cache_entry *entry = NULL;
    linnet_error err = {0};
    size_t n = 0;
    uint64_t total = 0;
    if (linnet_cache_list(&entry, &n, &err) != LINNET_OK) return cli_report(&err);
    for (size_t i = 0; i < n; i++) {
        cli_cell(&t, "%s", entry[i].path);
        cli_cell(&t, "%llu", (unsigned long long)entry[i].bytes);
        total += entry[i].bytes;
    }
    linnet_free(entry);
    cli_output out;
    int status = cli_output_open(o, &out);
    if (!status) {
        char folder[1200], size[24];
        linnet_cache_dir(folder, sizeof folder);
        if (cli_format_of(o) != FORMAT_TEXT || n) cli_table_print(&t, cli_format_of(o), out.f);
        if (cli_format_of(o) == FORMAT_TEXT)
            fprintf(out.f, "%zu files, %s in %s\n", n, cli_bytes_text(total, size),
                    *folder ? folder : "no folder: the cache is off");
        status = cli_output_finish(&out);
    }
    cli_table_free(&t);
    return status;
}

static int clear(void) {
    linnet_error err = {0};
    size_t removed = 0;
    if (linnet_cache_clear(&removed, &err) != LINNET_OK) return cli_report(&err);
    if (!cli_quiet()) cli_message("linnet: removed %zu files", removed);
    return CLI_OK;
}

static int run(const cli_options *o) {
    if (!strcmp(o->arg[0], "info")) return list(o);
    if (!strcmp(o->arg[0], "clear")) return clear();
    return cli_usage_error("cache %s: give info or clear", o->arg[0]);
}

const cli_verb cli_verb_cache = {
    .name = "cache",
    .args = "info|clear",
    .help = "what is cached, where, how large; remove it",
    .about = "info lists compiled programs, tuning records and models under the cache folder.\n"
             "clear removes programs and tuning records; models stay.",
    .options = OPTS_RESULT,
    .min_arg = 1,
    .max_arg = 1,
    .formats = "text|json|jsonl|csv|md",
    .run = run,
};
