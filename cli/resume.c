/* A job's file, gone on with: only when every line, and what stands beside it, is of this job. */
#include "cli/cli.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

int cli_top(const cli_options *o, const linnet_model_info *info) {
    return LN_MIN(cli_int(o, OPT_TOP, 5), LN_MAX(info->classes, 1));
}

/* ---- what the lines cannot show ---- */
static uint64_t hash_text(uint64_t h, const char *s) {
    return ln_hash(h, s, strlen(s) + 1);
}

/* A file by its size and time, not by its name: it may have moved, or been exchanged. */
static uint64_t hash_file(uint64_t h, const char *path) {
    struct stat st = {0};
    if (stat(path, &st) != 0) return hash_text(h, path);
    int64_t id[] = {st.st_size, st.st_mtim.tv_sec, st.st_mtim.tv_nsec};
    return ln_hash(h, id, sizeof id);
}

static uint64_t hash_job(const cli_options *o, const linnet_model_info *info) {
    static const cli_opt options[] = {OPT_SYNTHETIC, OPT_ARCH,     OPT_PRECISION, OPT_MEAN,
                                      OPT_STD,       OPT_CROP_PCT, OPT_RESIZE,    OPT_PASSES};
    int figures[] = {info->height, info->width, info->classes, cli_top(o, info)};
    uint64_t h = hash_text(ln_hash(LN_HASH_INIT, figures, sizeof figures), info->name);
    for (size_t i = 0; i < LN_COUNT(options); i++) h = hash_text(h, cli_text(o, options[i], ""));
    if (cli_has(o, OPT_LABELS)) h = hash_file(h, o->value[OPT_LABELS]);
    if (cli_has(o, OPT_SYNTHETIC)) return h;
    char dir[1200], path[1600];
    linnet_cache_dir(dir, sizeof dir);
    snprintf(path, sizeof path, "%s/models/%.256s.safetensors", dir, o->arg[0]);
    return hash_file(h, cli_text(o, OPT_WEIGHTS, cli_is_file(o->arg[0]) ? o->arg[0] : path));
}

static char *mark_path(const cli_options *o) {
    ln_str s = {0};
    ln_str_add(&s, "%s.resume", o->value[OPT_OUTPUT]);
    return s.p;
}

bool cli_job_mark(const cli_options *o, const linnet_model_info *info) {
    char *path = mark_path(o);
    ln_writer w;
    linnet_error err = {0};
    bool ok = path && ln_writer_open(&w, path, &err) == LINNET_OK;
    if (ok) {
        fprintf(w.f, "%016llx\n", (unsigned long long)hash_job(o, info));
        ok = ln_writer_commit(&w, &err) == LINNET_OK;
    }
    if (!ok && !cli_quiet())
        cli_message("linnet: %s; --resume will not notice other options", err.message);
    free(path);
    return ok;
}

void cli_job_unmark(const cli_options *o) {
    char *path = mark_path(o);
    if (path) unlink(path);
    free(path);
}

/* True unless a mark is there and says otherwise. */
static bool mark_agrees(const cli_options *o, const linnet_model_info *info) {
    char *path = mark_path(o), have[24] = "", want[24];
    FILE *f = path ? fopen(path, "r") : NULL;
    free(path);
    if (!f) return true;
    bool read = fgets(have, sizeof have, f);
    fclose(f);
    snprintf(want, sizeof want, "%016llx\n", (unsigned long long)hash_job(o, info));
    return read && !strcmp(have, want);
}

/* ---- what they show ---- */
typedef struct check {
    const cli_options *o;
    linnet_model_info info;
    cli_source *source;
    const char *path;
    int64_t done, failed; /* lines */
    off_t keep;           /* bytes of them */
} check;

static int not_ours(const check *c, const char *why) {
    linnet_error err;
    ln_fail(&err, LINNET_ERR_BAD_FILE, "%s: line %lld: %s; choose another --output", c->path,
            (long long)c->done + 1, why);
    return cli_report(&err);
}

/* One line against the picture that must be its own. */
static int check_line(check *c, const char *text) {
    linnet_error err;
    cJSON *object = cJSON_Parse(text);
    const char *image = cJSON_GetStringValue(cJSON_GetObjectItem(object, "image"));
    const char *name = cJSON_GetStringValue(cJSON_GetObjectItem(object, "model"));
    int top = cJSON_GetArraySize(cJSON_GetObjectItem(object, "top"));
    bool error = cJSON_GetObjectItem(object, "error");
    char *next = image ? cli_source_next(c->source, NULL, &err) : NULL,
         *want = next ? cli_utf8(next) : NULL;
    int status = CLI_OK;
    if (!image)
        status = not_ours(c, "not a line of classify");
    else if (!want)
        status = not_ours(c, "more lines than pictures");
    else if (strcmp(image, want))
        status = not_ours(c, "another picture stands in this place of the list");
    else if (!error && (!name || strcmp(name, c->info.name)))
        status = not_ours(c, "made with another model");
    else if (!error && top != cli_top(c->o, &c->info))
        status = not_ours(c, "made with another --top");
    c->failed += error;
    free(want);
    free(next);
    cJSON_Delete(object);
    return status;
}

/* A line that was cut off may go only if it began as ours do. */
static bool began_as_ours(const char *tail, size_t n) {
    static const char start[] = "{\"image\":\"";
    return !memcmp(tail, start, LN_MIN(n, sizeof start - 1)) && !memchr(tail, 0, n);
}

static int check_lines(check *c, FILE *f) {
    char *line = NULL;
    size_t cap = 0;
    int status = CLI_OK;
    for (ssize_t n; !status && (n = getline(&line, &cap, f)) > 0;) {
        if (line[n - 1] != '\n') {
            if (!began_as_ours(line, (size_t)n)) status = not_ours(c, "not a line of classify");
            break;
        }
        status = check_line(c, line);
        if (status) break;
        c->keep += n;
        c->done++;
    }
    free(line);
    return status;
}

static int check_file(check *c, FILE *f) {
    linnet_error err;
    struct stat st;
    if (flock(fileno(f), LOCK_EX | LOCK_NB) != 0) {
        ln_fail(&err, LINNET_ERR_IO, "%s: another linnet is writing it; wait for that one",
                c->path);
        return cli_report(&err);
    }
    int status = check_lines(c, f);
    if (status) return status;
    if (ferror(f)) return cli_cannot_write(c->path);
    if (c->done && !mark_agrees(c->o, &c->info)) {
        ln_fail(&err, LINNET_ERR_BAD_FILE,
                "%s: begun with other weights or options (see %s.resume); give those again, or "
                "choose another --output",
                c->path, c->path);
        return cli_report(&err);
    }
    if (fstat(fileno(f), &st) == 0 && S_ISREG(st.st_mode) && st.st_size > c->keep &&
        ftruncate(fileno(f), c->keep) != 0)
        return cli_cannot_write(c->path);
    return CLI_OK;
}

int cli_answers_resume(const cli_options *o, const linnet_model *m, cli_source *s, int64_t *done,
                       int64_t *failed) {
    check c = {.o = o, .source = s, .path = cli_text(o, OPT_OUTPUT, NULL)};
    linnet_error err;
    struct stat st;
    *done = *failed = 0;
    if (!c.path || cli_format_of(o) != FORMAT_JSONL)
        return cli_usage_error("--resume goes with --output F.jsonl");
    if (linnet_model_get_info(m, &c.info, &err) != LINNET_OK) return cli_report(&err);
    if (stat(c.path, &st) != 0 && errno == ENOENT) return CLI_OK;
    FILE *f = fopen(c.path, "r+");
    if (!f) return cli_cannot_write(c.path);
    int status = check_file(&c, f);
    fclose(f);
    *done = c.done;
    *failed = c.failed;
    return status;
}
