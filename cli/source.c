/* The pictures a job is about: files, folders, globs, a list on standard input. */
#include "cli/cli.h"

#include <dirent.h>
#include <errno.h>
#include <glob.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#define POLL_MS 100

struct cli_source {
    char *const *arg;
    int n_arg, next; /* next: the argument to look at when the list is used up */
    char **list;     /* of the folder or glob now being read */
    size_t n_list, at;
    bool in_stdin;
    char buf[65536]; /* of standard input */
    size_t used, pos;
    ln_str line;
    int broken; /* errno of a read of standard input that failed */
    int64_t count;
};

/* ---- what a name stands for ---- */
static bool is_picture(const char *name) {
    static const char *const ends[] = {".jpg", ".jpeg", ".png", ".webp", ".bmp",
                                       ".ppm", ".pgm",  ".pnm", ".jpe"};
    const char *dot = strrchr(name, '.');
    for (size_t i = 0; dot && i < LN_COUNT(ends); i++)
        if (!strcasecmp(dot, ends[i])) return true;
    return false;
}

static int keep_pictures(const struct dirent *d) {
    return d->d_name[0] != '.' && is_picture(d->d_name);
}

static int by_bytes(const struct dirent **a, const struct dirent **b) {
    return strcmp((*a)->d_name, (*b)->d_name);
}

static bool is_folder(const char *path) {
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

static bool is_pattern(const char *arg) {
    struct stat info;
    return strpbrk(arg, "*?[") && lstat(arg, &info) != 0;
}

static void drop_list(cli_source *s) {
    for (size_t i = 0; i < s->n_list; i++) free(s->list[i]);
    free(s->list);
    s->list = NULL;
    s->n_list = s->at = 0;
}

/* ---- folders and globs ---- */
static linnet_status list_folder(cli_source *s, const char *path, linnet_error *err) {
    struct dirent **entry = NULL;
    int n = scandir(path, &entry, keep_pictures, by_bytes);
    if (n < 0)
        return ln_fail(err, LINNET_ERR_IO, "%s: cannot read the folder: %s; check its permissions",
                       path, strerror(errno));
    s->list = calloc((size_t)n + 1, sizeof *s->list);
    bool ok = s->list;
    size_t length = strlen(path);
    const char *slash = length && path[length - 1] == '/' ? "" : "/";
    for (int i = 0; i < n; i++) {
        if (ok && asprintf(&s->list[i], "%s%s%s", path, slash, entry[i]->d_name) >= 0)
            s->n_list++;
        else
            ok = false;
        free(entry[i]);
    }
    free(entry);
    if (!ok) {
        drop_list(s);
        return ln_fail_oom(err, path, (size_t)n * 64);
    }
    if (!n) return ln_fail(err, LINNET_ERR_IO, "%s: no pictures in this folder", path);
    return LINNET_OK;
}

static linnet_status list_glob(cli_source *s, const char *pattern, linnet_error *err) {
    glob_t g;
    int rc = glob(pattern, GLOB_TILDE_CHECK, NULL, &g);
    if (rc == GLOB_NOMATCH)
        return ln_fail(err, LINNET_ERR_IO, "%s: no file matches; check the pattern", pattern);
    if (rc) return ln_fail(err, LINNET_ERR_IO, "%s: cannot be searched", pattern);
    s->list = calloc(g.gl_pathc + 1, sizeof *s->list);
    bool ok = s->list;
    for (size_t i = 0; i < g.gl_pathc && ok; i++)
        if ((ok = (s->list[i] = strdup(g.gl_pathv[i])))) s->n_list++;
    globfree(&g);
    if (ok) return LINNET_OK;
    drop_list(s);
    return ln_fail_oom(err, pattern, 64);
}

/* ---- standard input ---- */
/* False at its end, or when *stop was set meanwhile. */
static bool refill(cli_source *s, const atomic_bool *stop) {
    struct pollfd fd = {.fd = STDIN_FILENO, .events = POLLIN};
    for (;;) {
        if (stop && atomic_load(stop)) return false;
        int ready = poll(&fd, 1, POLL_MS);
        if (!ready || (ready < 0 && errno == EINTR)) continue;
        ssize_t n = read(STDIN_FILENO, s->buf, sizeof s->buf);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) s->broken = errno;
        s->pos = 0;
        s->used = n > 0 ? (size_t)n : 0;
        return n > 0;
    }
}

/* The next line that is not empty; NULL at the end. */
static char *next_line(cli_source *s, const atomic_bool *stop) {
    s->line.len = 0;
    for (bool more = true; more;) {
        more = s->pos < s->used || refill(s, stop);
        const char *start = s->buf + s->pos;
        const char *end = more ? memchr(start, '\n', s->used - s->pos) : NULL;
        size_t n = more ? (end ? (size_t)(end - start) : s->used - s->pos) : 0;
        ln_str_put(&s->line, start, n);
        s->pos += n + (end ? 1 : 0);
        if (more && !end) continue;
        if (s->line.len && s->line.p[s->line.len - 1] == '\r') s->line.p[--s->line.len] = 0;
        if (s->line.len) return s->line.failed ? NULL : strdup(s->line.p);
    }
    return NULL;
}

/* ---- the source ---- */
static int64_t count_arg(const char *arg) {
    cli_source tmp = {0};
    linnet_error err;
    if (!strcmp(arg, "-")) return -1;
    if (is_folder(arg)) {
        int64_t n = 0;
        DIR *dir = opendir(arg);
        for (struct dirent *d; dir && (d = readdir(dir));) n += keep_pictures(d);
        if (dir) closedir(dir);
        return n ? n : 1;
    }
    if (!is_pattern(arg) || list_glob(&tmp, arg, &err) != LINNET_OK) return 1;
    int64_t n = (int64_t)tmp.n_list;
    drop_list(&tmp);
    return n;
}

int cli_source_open(char *const *args, int n, cli_source **out) {
    cli_source *s = calloc(1, sizeof *s);
    if (!s) return cli_out_of_memory("the list of pictures");
    s->arg = args;
    s->n_arg = n;
    for (int i = 0; i < n && s->count >= 0; i++) {
        int64_t k = count_arg(args[i]);
        s->count = k < 0 ? -1 : s->count + k;
    }
    *out = s;
    return CLI_OK;
}

void cli_source_close(cli_source **s) {
    if (!*s) return;
    drop_list(*s);
    ln_str_free(&(*s)->line);
    free(*s);
    *s = NULL;
}

int64_t cli_source_count(const cli_source *s) {
    return s->count;
}

char *cli_source_next(cli_source *s, const atomic_bool *stop, linnet_error *err) {
    err->status = LINNET_OK;
    for (;;) {
        if (s->at < s->n_list) {
            char *path = s->list[s->at];
            s->list[s->at++] = NULL;
            return path;
        }
        drop_list(s);
        char *name = s->in_stdin ? next_line(s, stop) : NULL;
        if (!name) {
            s->in_stdin = false;
            if (s->broken || s->next == s->n_arg || (stop && atomic_load(stop))) return NULL;
            const char *arg = s->arg[s->next++];
            if ((s->in_stdin = !strcmp(arg, "-"))) continue;
            if (!(name = strdup(arg))) return NULL;
        }
        if (is_folder(name))
            list_folder(s, name, err);
        else if (is_pattern(name))
            list_glob(s, name, err);
        else
            return name;
        if (err->status != LINNET_OK) return name;
        free(name);
    }
}

int cli_source_finish(const cli_source *s) {
    linnet_error err;
    if (!s->broken) return CLI_OK;
    ln_fail(&err, LINNET_ERR_IO,
            "standard input: cannot read the list: %s; give it as a file: - < F",
            strerror(s->broken));
    return cli_report(&err);
}
