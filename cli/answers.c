/* What classify says about each picture, in every form. */
#include "cli/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

struct cli_answers {
    const cli_options *options;
    const linnet_model *model;
    linnet_model_info info;
    cli_format format;
    bool single; /* one picture: its name needs no saying */
    bool any;    /* something was written */
    bool append; /* JSON lines into a file: written whole, line by line, through fd */
    int fd;
    bool marked; /* what the job was made with lies beside its file until it is done */
    cli_output out;
};

/* ---- one answer ---- */
static cJSON *answer_json(const cli_answers *a, const cli_answer *r) {
    cJSON *object = cJSON_CreateObject();
    cli_json_text(object, "image", r->image);
    if (r->error) {
        cli_json_text(object, "error", r->error);
        return object;
    }
    cli_json_text(object, "model", a->info.name);
    cJSON *top = cJSON_AddArrayToObject(object, "top");
    for (int i = 0; i < r->n_top; i++) {
        cJSON *entry = cJSON_CreateObject();
        const char *label = linnet_model_label(a->model, r->top[i].index);
        cli_json_int(entry, "class", r->top[i].index);
        if (label) cli_json_text(entry, "label", label);
        cli_json_number(entry, "probability", (double)r->top[i].probability, 6);
        cJSON_AddItemToArray(top, entry);
    }
    return object;
}

static const char *label_of(const cli_answers *a, const linnet_top *t, char buf[24]) {
    const char *label = linnet_model_label(a->model, t->index);
    if (label) return label;
    snprintf(buf, 24, "class %d", t->index);
    return buf;
}

static void print_plain(const char *text, FILE *f) {
    char *plain = cli_plain(text, "");
    fputs(plain ? plain : "", f);
    free(plain);
}

static void print_text(const cli_answers *a, const cli_answer *r, FILE *f) {
    size_t width = 0;
    char buf[24];
    if (r->error && a->single) return; /* standard error has it */
    if (!a->single) {
        print_plain(r->image, f);
        if (r->error) fputs(": ", f);
        print_plain(r->error ? r->error : "", f);
        fputc('\n', f);
    }
    for (int i = 0; i < r->n_top; i++)
        width = LN_MAX(width, cli_width(label_of(a, &r->top[i], buf)));
    for (int i = 0; i < r->n_top; i++) {
        const char *label = label_of(a, &r->top[i], buf);
        fputs(a->single ? "" : "  ", f);
        print_plain(label, f);
        fprintf(f, "%*s  %.4f\n", (int)(width - cli_width(label)), "",
                (double)r->top[i].probability);
    }
}

static void print_rows(const cli_answers *a, const cli_answer *r, FILE *f) {
    static const cli_column columns[] = {
        {"image", "image", false},
        {"rank", "rank", true},
        {"class", "class", true},
        {"label", "label", false},
        {"probability", "probability", true},
        {"error", "error", false},
    };
    cli_table t = {.column = columns, .columns = LN_COUNT(columns), .headless = a->any};
    for (int i = 0; i < (r->error ? 1 : r->n_top); i++) {
        cli_cell(&t, "%s", r->image);
        if (r->error) {
            for (int k = 0; k < 4; k++) cli_cell(&t, "%s", "");
        } else {
            const char *label = linnet_model_label(a->model, r->top[i].index);
            cli_cell(&t, "%d", i + 1);
            cli_cell(&t, "%d", r->top[i].index);
            cli_cell(&t, "%s", label ? label : "");
            cli_cell(&t, "%.6g", (double)r->top[i].probability);
        }
        cli_cell(&t, "%s", r->error ? r->error : "");
    }
    cli_table_print(&t, a->format, f);
    cli_table_free(&t);
}

/* ---- the job's file ---- */
int cli_cannot_write(const char *path) {
    linnet_error err;
    ln_fail(&err, LINNET_ERR_IO, "%s: cannot write: %s; check free space and permissions", path,
            strerror(errno));
    return cli_report(&err);
}

/* Opens the file to append to; without --resume it is emptied. */
static int open_job(cli_answers *a) {
    const char *path = a->out.path;
    struct stat info;
    a->fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (a->fd < 0 || fstat(a->fd, &info) != 0) return cli_cannot_write(path);
    if (!S_ISREG(info.st_mode)) return CLI_OK;
    if (flock(a->fd, LOCK_EX | LOCK_NB) != 0) {
        linnet_error err;
        ln_fail(&err, LINNET_ERR_IO, "%s: another linnet is writing it; wait for that one", path);
        return cli_report(&err);
    }
    if (!cli_has(a->options, OPT_RESUME) && ftruncate(a->fd, 0) != 0) return cli_cannot_write(path);
    a->marked = cli_job_mark(a->options, &a->info);
    return CLI_OK;
}

static int write_lines(cli_answers *a, const char *p, size_t n) {
    while (n) {
        ssize_t k = write(a->fd, p, n);
        if (k < 0 && errno == EINTR) continue;
        if (k < 0) return cli_cannot_write(a->out.path);
        p += k;
        n -= (size_t)k;
    }
    return CLI_OK;
}

/* ---- writing ---- */
int cli_answers_open(const cli_options *o, const linnet_model *m, bool single, cli_answers **out) {
    linnet_error err;
    cli_answers *a = calloc(1, sizeof *a);
    if (!a) return cli_out_of_memory("answers");
    *a = (cli_answers){.options = o,
                       .model = m,
                       .format = cli_format_of(o),
                       .single = single,
                       .fd = -1,
                       .out = {.f = stdout}};
    const char *path = cli_text(o, OPT_OUTPUT, NULL);
    a->append = path && a->format == FORMAT_JSONL;
    int status = CLI_OK;
    if (linnet_model_get_info(m, &a->info, &err) != LINNET_OK) status = cli_report(&err);
    if (!status && a->append) {
        a->out.path = path;
        status = open_job(a);
    } else if (!status) {
        status = cli_output_open(o, &a->out);
    }
    if (status) {
        if (a->fd >= 0) close(a->fd);
        free(a);
        return status;
    }
    *out = a;
    return CLI_OK;
}

static int put_json(cli_answers *a, const cli_answer *list, int n) {
    ln_str text = {0};
    bool lines = a->format == FORMAT_JSONL;
    for (int i = 0; i < n; i++) {
        cJSON *object = answer_json(a, &list[i]);
        char *one = cJSON_PrintUnformatted(object);
        ln_str_add(&text, "%s%s%s",
                   lines    ? ""
                   : a->any ? ",\n "
                            : "[",
                   one ? one : "null", lines ? "\n" : "");
        cJSON_free(one);
        cJSON_Delete(object);
        a->any = true;
    }
    int status = CLI_OK;
    if (text.failed)
        status = cli_out_of_memory("answers");
    else if (a->append)
        status = write_lines(a, text.p, text.len);
    else
        fputs(text.p ? text.p : "", a->out.f);
    ln_str_free(&text);
    return status;
}

int cli_answers_put(cli_answers *a, const cli_answer *list, int n) {
    if (!a->out.path) cli_bar_clear();
    if (a->format == FORMAT_JSON || a->format == FORMAT_JSONL) {
        int status = put_json(a, list, n);
        if (status) return status;
    } else {
        for (int i = 0; i < n; i++, a->any = true) {
            if (a->format == FORMAT_TEXT)
                print_text(a, &list[i], a->out.f);
            else
                print_rows(a, &list[i], a->out.f);
        }
    }
    if (a->append || (fflush(a->out.f) == 0 && !ferror(a->out.f))) return CLI_OK;
    return cli_cannot_write(a->out.path ? a->out.path : "standard output");
}

int cli_answers_close(cli_answers **answers, int status) {
    cli_answers *a = *answers;
    if (!a) return status;
    int closing = CLI_OK;
    if (a->append) {
        if (a->marked && !status) cli_job_unmark(a->options);
        if (close(a->fd) != 0) closing = cli_cannot_write(a->out.path);
    } else if (!status) {
        if (a->format == FORMAT_JSON) fputs(a->any ? "]\n" : "[]\n", a->out.f);
        closing = cli_output_finish(&a->out);
    } else {
        cli_output_abandon(&a->out);
    }
    free(a);
    *answers = NULL;
    return status ? status : closing;
}
