/* Where results go and how they look. */
#include "cli/cli.h"

#include <errno.h>
#include <libgen.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- format and file ---- */
static const char *const format_names[FORMAT_COUNT] = {"text", "json", "jsonl", "csv", "md"};

static bool offers(const char *formats, const char *name) {
    size_t n = strlen(name);
    for (const char *p = formats; (p = strstr(p, name)); p += n)
        if ((p == formats || p[-1] == '|') && (!p[n] || p[n] == '|')) return true;
    return false;
}

static cli_format format_named(const char *s, size_t n) {
    for (int i = 0; i < FORMAT_COUNT; i++)
        if (strlen(format_names[i]) == n && !strncmp(format_names[i], s, n)) return (cli_format)i;
    return FORMAT_COUNT;
}

int cli_check_place(const char *path) {
    struct stat info;
    char *copy = strdup(path);
    if (!copy) return cli_out_of_memory("a name");
    const bool there = stat(path, &info) == 0, file = !there || S_ISREG(info.st_mode);
    const bool folder = there && S_ISDIR(info.st_mode);
    const int why = folder ? EISDIR : access(file ? dirname(copy) : path, W_OK) ? errno : 0;
    free(copy);
    if (!why) return CLI_OK;
    linnet_error err;
    ln_fail(&err, LINNET_ERR_IO, "%s: cannot write: %s; check the folder and its permissions", path,
            strerror(why));
    return cli_report(&err);
}

cli_format cli_format_of(const cli_options *o) {
    const char *formats = o->verb->formats;
    const char *given = cli_text(o, OPT_FORMAT, NULL), *path = cli_text(o, OPT_OUTPUT, NULL);
    if (given) return format_named(given, strlen(given));
    const char *dot = path ? strrchr(path, '.') : NULL;
    if (dot && offers(formats, dot + 1)) return format_named(dot + 1, strlen(dot + 1));
    return format_named(formats, strcspn(formats, "|"));
}

int cli_output_open(const cli_options *o, cli_output *out) {
    linnet_error err;
    *out = (cli_output){.f = stdout, .path = cli_text(o, OPT_OUTPUT, NULL)};
    if (!out->path) return CLI_OK;
    if (ln_writer_open(&out->writer, out->path, &err) != LINNET_OK) return cli_report(&err);
    out->f = out->writer.f;
    return CLI_OK;
}

int cli_output_finish(cli_output *out) {
    linnet_error err = {0};
    if (!out->path) return CLI_OK; /* main looks after standard output */
    if (ln_writer_commit(&out->writer, &err) != LINNET_OK) return cli_report(&err);
    return CLI_OK;
}

void cli_output_abandon(cli_output *out) {
    if (out->path) ln_writer_close(&out->writer);
}

int cli_out_of_memory(const char *what) {
    linnet_error err;
    ln_fail(&err, LINNET_ERR_OUT_OF_MEMORY, "out of memory for %s; use a smaller batch", what);
    return cli_report(&err);
}

int cli_put_text(const cli_options *o, const char *text) {
    cli_output out;
    int status = cli_output_open(o, &out);
    if (status) return status;
    char *plain = cli_plain(text, "\n\t");
    fputs(plain ? plain : "", out.f);
    free(plain);
    return cli_output_finish(&out);
}

int cli_put_json(const cli_options *o, cJSON *json) {
    char *text = json ? cJSON_Print(json) : NULL;
    cJSON_Delete(json);
    if (!text) return cli_out_of_memory("the result");
    cli_output out;
    int status = cli_output_open(o, &out);
    if (!status) {
        fprintf(out.f, "%s\n", text);
        status = cli_output_finish(&out);
    }
    cJSON_free(text);
    return status;
}

/* ---- JSON values ---- */
void cli_json_number(cJSON *object, const char *key, double v, int digits) {
    char text[40];
    snprintf(text, sizeof text, "%.*g", digits, v);
    cJSON_AddRawToObject(object, key, isfinite(v) ? text : "null");
}

void cli_json_int(cJSON *object, const char *key, int64_t v) {
    char text[24];
    snprintf(text, sizeof text, "%lld", (long long)v);
    cJSON_AddRawToObject(object, key, text);
}

/* Length of the well-formed UTF-8 sequence at s; 0 when it is none (RFC 3629). */
static int utf8_length(const unsigned char *s) {
    static const struct {
        unsigned char first_lo, first_hi, lo, hi; /* ranges of the first two bytes */
        int n;
    } rows[] = {
        {0x01, 0x7f, 0, 0, 1},       {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
        {0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
        {0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
    };
    for (size_t r = 0; r < LN_COUNT(rows); r++) {
        if (*s < rows[r].first_lo || *s > rows[r].first_hi) continue;
        if (rows[r].n > 1 && (s[1] < rows[r].lo || s[1] > rows[r].hi)) return 0;
        for (int i = 2; i < rows[r].n; i++)
            if ((s[i] & 0xc0) != 0x80) return 0;
        return rows[r].n;
    }
    return 0;
}

char *cli_utf8(const char *text) {
    ln_str s = {0};
    ln_str_put(&s, "", 0);
    for (const unsigned char *p = (const unsigned char *)text; *p;) {
        int n = utf8_length(p);
        if (n)
            ln_str_put(&s, (const char *)p, (size_t)n);
        else
            ln_str_put(&s, "\xef\xbf\xbd", 3); /* U+FFFD */
        p += n ? n : 1;
    }
    if (s.failed) ln_str_free(&s);
    return s.p;
}

char *cli_plain(const char *text, const char *keep) {
    ln_str s = {0};
    ln_str_put(&s, "", 0);
    for (const unsigned char *p = (const unsigned char *)text; *p;) {
        int n = utf8_length(p);
        bool control = !n || *p < 0x20 || *p == 0x7f || (*p == 0xc2 && p[1] < 0xa0);
        if (!control || strchr(keep, *p)) {
            ln_str_put(&s, (const char *)p, (size_t)n);
            p += n;
        } else if (*p == '\n' || *p == '\t' || *p == '\r') {
            ln_str_add(&s, "\\%c", *p == '\n' ? 'n' : *p == '\t' ? 't' : 'r');
            p++;
        } else {
            for (int k = 0; k < LN_MAX(n, 1); k++) ln_str_add(&s, "\\x%02x", *p++);
        }
    }
    if (s.failed) ln_str_free(&s);
    return s.p;
}

void cli_json_text(cJSON *object, const char *key, const char *text) {
    char *clean = cli_utf8(text);
    cJSON_AddStringToObject(object, key, clean ? clean : "");
    free(clean);
}

size_t cli_width(const char *utf8) {
    size_t n = 0;
    for (; *utf8; utf8++) n += ((unsigned char)*utf8 & 0xc0) != 0x80;
    return n;
}

const char *cli_bytes_text(uint64_t bytes, char buf[24]) {
    static const char *const unit[] = {"B", "kB", "MB", "GB", "TB"};
    double v = (double)bytes;
    size_t u = 0;
    for (; v >= 1000 && u + 1 < LN_COUNT(unit); u++) v /= 1000;
    snprintf(buf, 24, "%.*f %s", u && v < 100 ? 1 : 0, v, unit[u]);
    return buf;
}

const char *cli_shape_text(int rank, const int64_t *dim, char buf[96]) {
    size_t n = 0;
    buf[0] = 0;
    for (int i = 0; i < rank && n < 96; i++)
        n += (size_t)snprintf(buf + n, 96 - n, "%s%lld", i ? "x" : "", (long long)dim[i]);
    return buf;
}

/* ---- tables ---- */
void cli_cell(cli_table *t, const char *fmt, ...) {
    if (t->failed) return;
    char *text = NULL;
    va_list ap;
    va_start(ap, fmt);
    if (vasprintf(&text, fmt, ap) < 0) text = NULL;
    va_end(ap);
    if (t->cells == t->cap) {
        size_t cap = t->cap ? 2 * t->cap : 64;
        char **cell = realloc(t->cell, cap * sizeof *cell);
        if (!cell) {
            t->failed = true;
            free(text);
            return;
        }
        t->cell = cell;
        t->cap = cap;
    }
    if ((t->cell[t->cells] = text))
        t->cells++;
    else
        t->failed = true;
}

void cli_table_free(cli_table *t) {
    for (size_t i = 0; i < t->cells; i++) free(t->cell[i]);
    free(t->cell);
    t->cell = NULL;
    t->cells = t->cap = 0;
}

static void print_csv_cell(const char *s, FILE *f) {
    if (!strpbrk(s, ",\"\r\n")) {
        fputs(s, f);
        return;
    }
    fputc('"', f);
    for (; *s; s++) {
        if (*s == '"') fputc('"', f);
        fputc(*s, f);
    }
    fputc('"', f);
}

static void print_md_cell(const char *s, FILE *f) {
    fputs(" ", f);
    for (; *s; s++) {
        if (*s == '|') fputc('\\', f);
        fputc(*s, f);
    }
    fputs(" |", f);
}

static void print_aligned(const cli_table *t, FILE *f) {
    size_t rows = t->cells / (size_t)t->columns;
    for (size_t r = t->headless; r <= rows; r++) { /* row 0: the titles */
        for (int c = 0; c < t->columns; c++) {
            size_t width = cli_width(t->column[c].title);
            for (size_t i = 0; i < rows; i++)
                width = LN_MAX(width, cli_width(t->cell[i * (size_t)t->columns + (size_t)c]));
            const char *s =
                r ? t->cell[(r - 1) * (size_t)t->columns + (size_t)c] : t->column[c].title;
            int fill = (int)(width - cli_width(s));
            bool last = c + 1 == t->columns;
            fprintf(f, "%*s%s%*s", t->column[c].number ? fill : 0, "", s,
                    t->column[c].number || last ? 0 : fill, "");
            fputs(last ? "\n" : "  ", f);
        }
    }
}

static bool is_raw(const char *s) {
    char *end;
    double v = strtod(s, &end);
    if (!strcmp(s, "true") || !strcmp(s, "false")) return true;
    return end != s && !*end && isfinite(v);
}

static cJSON *table_row(const cli_table *t, size_t row) {
    cJSON *object = cJSON_CreateObject();
    for (int c = 0; c < t->columns; c++) {
        const char *s = t->cell[row * (size_t)t->columns + (size_t)c];
        if (t->column[c].number)
            cJSON_AddRawToObject(object, t->column[c].key, is_raw(s) ? s : "null");
        else
            cli_json_text(object, t->column[c].key, s);
    }
    return object;
}

static void print_json(const cli_table *t, bool lines, FILE *f) {
    size_t rows = t->cells / (size_t)t->columns;
    for (size_t r = 0; r < rows; r++) {
        cJSON *object = table_row(t, r);
        char *text = cJSON_PrintUnformatted(object);
        fprintf(f, "%s%s%s", lines ? "" : r ? ",\n " : "[", text ? text : "", lines ? "\n" : "");
        cJSON_free(text);
        cJSON_Delete(object);
    }
    if (!lines) fputs(rows ? "]\n" : "[]\n", f);
}

static void print_separated(const cli_table *t, bool md, FILE *f) {
    size_t columns = (size_t)t->columns, rows = t->cells / columns;
    for (size_t r = t->headless; r <= rows; r++) {
        if (md) fputc('|', f);
        for (size_t c = 0; c < columns; c++) {
            const char *head = md ? t->column[c].title : t->column[c].key;
            const char *s = r ? t->cell[(r - 1) * columns + c] : head;
            if (!md && c) fputc(',', f);
            if (md)
                print_md_cell(s, f);
            else
                print_csv_cell(s, f);
        }
        fputc('\n', f);
        if (!md || r) continue;
        fputc('|', f);
        for (size_t c = 0; c < columns; c++) fputs(t->column[c].number ? "---:|" : "---|", f);
        fputc('\n', f);
    }
}

void cli_table_print(const cli_table *t, cli_format format, FILE *f) {
    if (format == FORMAT_JSON || format == FORMAT_JSONL) {
        print_json(t, format == FORMAT_JSONL, f);
        return;
    }
    /* CSV has quotes for the ends of lines (RFC 4180). */
    cli_table plain = {.column = t->column, .columns = t->columns, .headless = t->headless};
    for (size_t i = 0; i < t->cells; i++) {
        char *s = cli_plain(t->cell[i], format == FORMAT_CSV ? "\r\n\t" : "");
        char layer[LN_LAYER_TEXT];
        const bool cut = format == FORMAT_TEXT && t->column[i % (size_t)t->columns].layer;
        cli_cell(&plain, "%s", !s ? "" : cut ? ln_layer_text(s, layer) : s);
        free(s);
    }
    if (format == FORMAT_TEXT)
        print_aligned(&plain, f);
    else
        print_separated(&plain, format == FORMAT_MD, f);
    cli_table_free(&plain);
}

int cli_put_table(const cli_options *o, const cli_table *t) {
    if (t->failed) return cli_out_of_memory("the result");
    cli_output out;
    int status = cli_output_open(o, &out);
    if (status) return status;
    cli_table_print(t, cli_format_of(o), out.f);
    return cli_output_finish(&out);
}
