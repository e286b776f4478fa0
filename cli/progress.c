/* What goes to standard error: messages, the log, and how far a long job is. */
#include "cli/cli.h"
#include "base/env.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static bool bar_shown, quiet;
static FILE *log_file;

bool cli_quiet(void) {
    return quiet;
}

static void clear_bar(void) {
    if (bar_shown) fputs("\r\033[K", stderr);
    bar_shown = false;
}

void cli_bar_clear(void) {
    pthread_mutex_lock(&lock);
    clear_bar();
    pthread_mutex_unlock(&lock);
}

static void message(const char *fmt, va_list ap) {
    char *text = NULL, *plain = NULL;
    if (vasprintf(&text, fmt, ap) < 0) text = NULL;
    if (text) plain = cli_plain(text, "");
    pthread_mutex_lock(&lock);
    clear_bar();
    fprintf(stderr, "%s\n", plain ? plain : "linnet: out of memory for a message");
    pthread_mutex_unlock(&lock);
    free(plain);
    free(text);
}

void cli_message(const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    message(fmt, ap);
    va_end(ap);
}

int cli_usage_error(const char *fmt, ...) {
    linnet_error err; /* its text is one line whatever the arguments hold */
    char text[LINNET_ERROR_MESSAGE_MAX];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    ln_fail(&err, LINNET_ERR_INVALID_ARGUMENT, "%s", text);
    return cli_report(&err);
}

int cli_exit_status(linnet_status s) {
    switch (s) {
    case LINNET_OK: return CLI_OK;
    case LINNET_ERR_INVALID_ARGUMENT: return CLI_USAGE;
    case LINNET_ERR_UNSUPPORTED: return CLI_UNSUPPORTED;
    case LINNET_ERR_BAD_FILE:
    case LINNET_ERR_IO: return CLI_FILE;
    case LINNET_ERR_OUT_OF_MEMORY:
    case LINNET_ERR_DEVICE_LOST:
    case LINNET_ERR_NO_DEVICE:
    case LINNET_ERR_BUILD_FAILED:
    case LINNET_ERR_INTERNAL: break;
    }
    return CLI_DEVICE;
}

int cli_report(const linnet_error *err) {
    cli_message("linnet: %s", err->message);
    return cli_exit_status(err->status);
}

/* ---- the log ---- */
static void log_line(void *user, int level, const char *line) {
    static const char *const names[] = {"error", "warning", "info", "debug"};
    const int *most = user;
    const char *name = names[LN_MIN((unsigned)level, LN_COUNT(names) - 1)];
    if (level <= *most) cli_message("linnet: %s: %s", name, line);
    if (!log_file) return;
    struct timespec t;
    struct tm tm;
    char when[32] = "";
    clock_gettime(CLOCK_REALTIME, &t);
    if (gmtime_r(&t.tv_sec, &tm)) strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%S", &tm);
    char *plain = cli_plain(line, "");
    fprintf(log_file, "%s.%03ldZ %s: %s\n", when, t.tv_nsec / 1000000, name, plain ? plain : "");
    free(plain);
}

int cli_log_start(const cli_options *o) {
    static int most;
    const char *path = cli_text(o, OPT_LOG, NULL);
    quiet = cli_has(o, OPT_QUIET);
    most = LN_MIN(LINNET_LOG_WARN + o->count[OPT_VERBOSE], (int)LINNET_LOG_DEBUG);
    if (quiet) most = LINNET_LOG_ERROR;
    if (path && !(log_file = fopen(path, "a"))) {
        linnet_error err;
        ln_fail(&err, LINNET_ERR_IO, "%s: cannot write the log: %s; check the folder", path,
                strerror(errno));
        return cli_report(&err);
    }
    linnet_set_log(log_line, &most, path ? LINNET_LOG_DEBUG : (linnet_log_level)most);
    return CLI_OK;
}

void cli_log_end(void) {
    linnet_set_log(NULL, NULL, LINNET_LOG_ERROR);
    if (log_file) fclose(log_file);
    log_file = NULL;
}

/* ---- progress ---- */
#define BAR_WIDTH  28
#define BAR_EVERY  0.1 /* seconds */
#define LINE_EVERY 10.0

void cli_progress_start(cli_progress *p, const cli_options *o, const char *what, int64_t first,
                        int64_t total) {
    bool terminal = isatty(STDERR_FILENO);
    *p = (cli_progress){.what = what,
                        .first = first,
                        .total = total,
                        .start = ln_now(),
                        .bar = terminal,
                        .on = !cli_has(o, OPT_QUIET) && total != 1};
    p->last = p->start;
}

static void draw_bar(const cli_progress *p, double rate) {
    bool color = !ln_env(LN_ENV_NO_COLOR);
    char bar[BAR_WIDTH + 1];
    int full = p->total > 0 ? (int)(LN_MIN(p->done, p->total) * BAR_WIDTH / p->total) : 0;
    for (int i = 0; i < BAR_WIDTH; i++) bar[i] = i < full ? '#' : '.';
    bar[BAR_WIDTH] = 0;
    fprintf(stderr, "\r%s ", p->what);
    if (p->total > 0)
        fprintf(stderr, "%s%s%s %lld/%lld", color ? "\033[32m" : "", bar, color ? "\033[0m" : "",
                (long long)p->done, (long long)p->total);
    else
        fprintf(stderr, "%lld", (long long)p->done);
    fprintf(stderr, "  %.1f/s\033[K", rate);
    fflush(stderr);
    bar_shown = true;
}

void cli_progress_set(cli_progress *p, int64_t done) {
    double now = ln_now(), every = p->bar ? BAR_EVERY : LINE_EVERY;
    p->done = done;
    if (!p->on || now - p->last < every) return;
    p->last = now;
    double rate = (double)(done - p->first) / LN_MAX(now - p->start, 1e-9);
    if (!p->bar) {
        char total[32] = "";
        if (p->total > 0) snprintf(total, sizeof total, " of %lld", (long long)p->total);
        cli_message("linnet: %s: %lld%s done, %.1f/s", p->what, (long long)done, total, rate);
        return;
    }
    pthread_mutex_lock(&lock);
    draw_bar(p, rate);
    pthread_mutex_unlock(&lock);
}

void cli_progress_end(cli_progress *p) {
    pthread_mutex_lock(&lock);
    if (p->on) clear_bar();
    pthread_mutex_unlock(&lock);
}
