/* linnet doctor: is everything there that Linnet needs? */
#include "cli/cli.h"

static const char *verdict(int ok) {
    return ok > 0 ? "ok" : ok < 0 ? "note" : "bad";
}

static int put_text(const cli_options *o, const linnet_check *list, size_t n) {
    cli_output out;
    int status = cli_output_open(o, &out);
    if (status) return status;
    for (size_t i = 0; i < n; i++) {
        const linnet_check *c = &list[i];
        fprintf(out.f, "%-4s  %-9s  %s%s%s\n", verdict(c->ok), c->name, c->detail,
                *c->remedy ? "; " : "", c->remedy);
    }
    return cli_output_finish(&out);
}

static int put_rows(const cli_options *o, const linnet_check *list, size_t n) {
    static const cli_column columns[] = {
        {"name", "check", false},
        {"verdict", "verdict", false},
        {"detail", "detail", false},
        {"remedy", "remedy", false},
    };
    cli_table t = {.column = columns, .columns = LN_COUNT(columns)};
    for (size_t i = 0; i < n; i++) {
        cli_cell(&t, "%s", list[i].name);
        cli_cell(&t, "%s", verdict(list[i].ok));
        cli_cell(&t, "%s", list[i].detail);
        cli_cell(&t, "%s", list[i].remedy);
    }
    int status = cli_put_table(o, &t);
    cli_table_free(&t);
    return status;
}

static int run(const cli_options *o) {
    linnet_check *list = NULL;
    linnet_error err = {0};
    size_t n = 0;
    bool bad = false;
    if (linnet_doctor(cli_text(o, OPT_DEVICE, NULL), &list, &n, &err) != LINNET_OK)
        return cli_report(&err);
    for (size_t i = 0; i < n; i++) bad = bad || !list[i].ok;
    int status = cli_format_of(o) == FORMAT_TEXT ? put_text(o, list, n) : put_rows(o, list, n);
    linnet_free(list);
    return status ? status : bad ? CLI_DEVICE : CLI_OK;
}

const cli_verb cli_verb_doctor = {
    .name = "doctor",
    .args = "",
    .help = "check loader, drivers, compiler and caches",
    .about = "Checks what Linnet needs, a line each, with a remedy where something is wrong.\n"
             "The exit status is 4 when a check is bad.",
    .options = OPTS_RESULT | BIT(DEVICE),
    .formats = "text|json|jsonl|csv|md",
    .run = run,
};
