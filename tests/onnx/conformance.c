/* Runs the ONNX project's backend tests (Debian: libonnx-testdata) and prints a table by op.
 *
 * conformance [--list FILE] [--write FILE] [-v] [PART...]
 *   --list FILE   fails when a test that FILE names does not pass
 *   --write FILE  writes the names of those that pass
 *   -v            a line for each test that does not pass
 *   PART          only tests whose name contains it
 *
 * Tests run in child processes, so that one that crashes or hangs is one that failed. */
#include "tests/onnx/conformance.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WORKERS = 2, SECONDS = 60 }; /* for a test */

typedef struct test {
    char *name; /* "node/test_abs" */
    char ops[256], why[256];
    verdict verdict;
    bool done, listed;
} test;

typedef struct run {
    const char *data;
    test *item;
    size_t n, cap;
    const char **part;
    int n_part;
    bool verbose;
} run;

typedef struct worker {
    pid_t pid;
    int fd;
    size_t next, at; /* the test to go on with; the one that is under way */
    char line[1024];
    size_t used;
} worker;

/* ---- which tests ---- */
static bool wanted(const run *r, const char *name) {
    for (int i = 0; i < r->n_part; i++)
        if (strstr(name, r->part[i])) return true;
    return !r->n_part;
}

static void add_test(run *r, const char *group, const char *name) {
    char full[512], path[1024];
    snprintf(full, sizeof full, "%s/%s", group, name);
    snprintf(path, sizeof path, "%s/%s/model.onnx", r->data, full);
    if (!wanted(r, full) || access(path, R_OK)) return;
    if (r->n == r->cap) {
        r->cap = r->cap ? 2 * r->cap : 256;
        r->item = realloc(r->item, r->cap * sizeof *r->item);
    }
    test *t = &r->item[r->n++];
    *t = (test){.name = strdup(full)};
    cf_ops(path, t->ops, sizeof t->ops);
}

static void add_group(run *r, const char *group) {
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", r->data, group);
    DIR *d = opendir(path);
    for (struct dirent *e; d && (e = readdir(d));)
        if (*e->d_name != '.') add_test(r, group, e->d_name);
    if (d) closedir(d);
}

static int by_name(const void *a, const void *b) {
    return strcmp(((const test *)a)->name, ((const test *)b)->name);
}

static void find_tests(run *r) {
    static const char *const group[] = {"node", "pytorch-converted", "pytorch-operator", "simple"};
    for (size_t i = 0; i < LN_COUNT(group); i++) add_group(r, group[i]);
    if (r->n) qsort(r->item, r->n, sizeof *r->item, by_name);
}

/* ---- the child ---- */
static void say(int fd, const char *fmt, ...) LN_PRINTF(2, 3);
static void say(int fd, const char *fmt, ...) {
    char line[1024];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(line, sizeof line - 1, fmt, ap);
    va_end(ap);
    n = LN_MIN(n, (int)sizeof line - 2);
    for (int i = 0; i < n; i++)
        if (line[i] == '\n') line[i] = ' ';
    line[n++] = '\n';
    if (write(fd, line, (size_t)n) != n) _exit(3);
}

static void work(const run *r, size_t from, int fd) {
    ln_device *d = NULL;
    linnet_error err = {0};
    if (ln_device_open(NULL, &d, &err) != LINNET_OK) {
        fprintf(stderr, "no device: %s\n", err.message);
        _exit(2);
    }
    for (size_t i = from; i < r->n; i += WORKERS) {
        char folder[1024], why[256];
        snprintf(folder, sizeof folder, "%s/%s", r->data, r->item[i].name);
        say(fd, "start %zu", i);
        alarm(SECONDS);
        const verdict v = cf_run(d, folder, why, sizeof why);
        alarm(0);
        say(fd, "done %zu %d %s", i, (int)v, why);
    }
    ln_device_release(&d);
    _exit(0);
}

/* ---- the parent ---- */
static void start(const run *r, worker *w) {
    int fd[2];
    if (pipe(fd)) exit(2);
    fflush(NULL);
    w->pid = fork();
    if (w->pid == 0) {
        close(fd[0]);
        work(r, w->next, fd[1]);
    }
    close(fd[1]);
    w->fd = fd[0];
    w->used = 0;
    w->at = r->n;
}

static void take_line(run *r, worker *w, const char *line) {
    size_t i;
    int v, at = 0;
    if (sscanf(line, "start %zu", &i) == 1 && i < r->n) w->at = i;
    if (sscanf(line, "done %zu %d %n", &i, &v, &at) < 2 || i >= r->n) return;
    r->item[i].done = true;
    r->item[i].verdict = (verdict)v;
    snprintf(r->item[i].why, sizeof r->item[i].why, "%s", line + at);
    w->next = i + WORKERS;
    w->at = r->n;
}

/* False at the end of the pipe. */
static bool take(run *r, worker *w) {
    const ssize_t n = read(w->fd, w->line + w->used, sizeof w->line - 1 - w->used);
    if (n <= 0) return n < 0 && errno == EINTR;
    w->used += (size_t)n;
    w->line[w->used] = 0;
    for (char *end; (end = memchr(w->line, '\n', w->used));) {
        *end = 0;
        take_line(r, w, w->line);
        w->used -= (size_t)(end + 1 - w->line);
        memmove(w->line, end + 1, w->used + 1);
    }
    return true;
}

/* Its end: the test under way has crashed, and another child goes on behind it. */
static void finish(run *r, worker *w) {
    int status = 0;
    close(w->fd);
    w->fd = -1;
    waitpid(w->pid, &status, 0);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 2) exit(2);
    if (w->at < r->n) {
        test *t = &r->item[w->at];
        t->done = true;
        t->verdict = FAILED;
        snprintf(t->why, sizeof t->why, "the process ended with signal %d",
                 WIFSIGNALED(status) ? WTERMSIG(status) : 0);
        w->next = w->at + WORKERS;
    } else if (w->next < r->n) {
        fprintf(stderr, "a child ended early\n");
        exit(2);
    }
    if (w->next < r->n) start(r, w);
}

static void run_all(run *r) {
    worker w[WORKERS] = {0};
    for (size_t i = 0; i < WORKERS; i++) {
        w[i].fd = -1;
        w[i].next = i;
        if (i < r->n) start(r, &w[i]);
    }
    for (;;) {
        struct pollfd p[WORKERS];
        int open = 0;
        for (int i = 0; i < WORKERS; i++) {
            p[i] = (struct pollfd){.fd = w[i].fd, .events = POLLIN};
            open += w[i].fd >= 0;
        }
        if (!open) return;
        if (poll(p, WORKERS, -1) < 0) continue;
        for (int i = 0; i < WORKERS; i++)
            if (p[i].revents && !take(r, &w[i])) finish(r, &w[i]);
    }
}

/* ---- the list of those that must pass ---- */
static int check_list(run *r, const char *path) {
    char line[512];
    int lost = 0;
    FILE *f = fopen(path, "r");
    if (!f) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        return 1;
    }
    while (fgets(line, sizeof line, f)) {
        line[strcspn(line, "\n")] = 0;
        const test key = {.name = line};
        if (!*line || *line == '#' || !wanted(r, line)) continue;
        test *t = r->n ? bsearch(&key, r->item, r->n, sizeof *r->item, by_name) : NULL;
        if (t) t->listed = true;
        if (t && t->verdict == PASSED) continue;
        printf("%s must pass: %s\n", line, t ? t->why : "it is not there");
        lost++;
    }
    fclose(f);
    for (size_t i = 0; i < r->n; i++)
        if (r->item[i].verdict == PASSED && !r->item[i].listed)
            printf("%s passes now; add it to %s\n", r->item[i].name, path);
    return lost;
}

static int write_list(const run *r, const char *path) {
    FILE *f = fopen(path, "w");
    if (!f) return 1;
    for (size_t i = 0; i < r->n; i++)
        if (r->item[i].verdict == PASSED) fprintf(f, "%s\n", r->item[i].name);
    return fclose(f) != 0;
}

/* ---- the table ---- */
typedef struct row {
    char op[64];
    int count[VERDICTS];
} row;

static int by_op(const void *a, const void *b) {
    return strcmp(((const row *)a)->op, ((const row *)b)->op);
}

static void count_op(row *rows, size_t *n, const char *op, size_t len, verdict v) {
    size_t i = 0;
    while (i < *n && (strlen(rows[i].op) != len || memcmp(rows[i].op, op, len))) i++;
    if (i == *n) {
        rows[i] = (row){0};
        memcpy(rows[i].op, op, LN_MIN(len, sizeof rows[i].op - 1));
        (*n)++;
    }
    rows[i].count[v]++;
}

static void print_table(const run *r) {
    static row rows[1024];
    size_t n = 0;
    int all[VERDICTS] = {0};
    for (size_t i = 0; i < r->n; i++) {
        const test *t = &r->item[i];
        all[t->verdict]++;
        for (const char *p = t->ops; *p && n < LN_COUNT(rows) - 1;) {
            const size_t len = strcspn(p, ",");
            count_op(rows, &n, p, len, t->verdict);
            p += len + (p[len] == ',');
        }
        if (r->verbose && t->verdict != PASSED)
            printf("%s: %s: %s\n", t->name, t->verdict == FAILED ? "failed" : "unsupported",
                   t->why);
    }
    qsort(rows, n, sizeof *rows, by_op);
    printf("%-24s %6s %6s %11s\n", "op", "passed", "failed", "unsupported");
    for (size_t i = 0; i < n; i++)
        printf("%-24s %6d %6d %11d\n", rows[i].op, rows[i].count[PASSED], rows[i].count[FAILED],
               rows[i].count[UNSUPPORTED]);
    printf("%-24s %6d %6d %11d\n", "tests", all[PASSED], all[FAILED], all[UNSUPPORTED]);
}

int main(int argc, char **argv) {
    const char *list = NULL, *write_to = NULL, *data = getenv("ONNX_TEST_DATA");
    run r = {.data = data ? data : "/usr/share/libonnx-testdata/data"};
    r.part = calloc((size_t)argc + 1, sizeof *r.part);
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--list") && i + 1 < argc)
            list = argv[++i];
        else if (!strcmp(argv[i], "--write") && i + 1 < argc)
            write_to = argv[++i];
        else if (!strcmp(argv[i], "-v"))
            r.verbose = true;
        else
            r.part[r.n_part++] = argv[i];
    }
    find_tests(&r);
    if (!r.n) {
        printf("no tests under %s (Debian: libonnx-testdata); skipped\n", r.data);
        return 77;
    }
    run_all(&r);
    print_table(&r);
    int status = list && check_list(&r, list);
    if (write_to && write_list(&r, write_to)) status = 2;
    return status;
}
