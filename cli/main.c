/* linnet: the command line. A verb is a row here and a file of its name. */
#include "cli/cli.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define VERBS(X)                                                                                   \
    X(devices)                                                                                     \
    X(doctor)                                                                                      \
    X(models)                                                                                      \
    X(info)                                                                                        \
    X(classify)                                                                                    \
    X(run)                                                                                         \
    X(diff)                                                                                        \
    X(bench)                                                                                       \
    X(profile)                                                                                     \
    X(tune)                                                                                        \
    X(convert)                                                                                     \
    X(quantize)                                                                                    \
    X(prune)                                                                                       \
    X(cache)

#define DECLARE(name) extern const cli_verb cli_verb_##name;
VERBS(DECLARE)
#define ROW(name) &cli_verb_##name,
static const cli_verb *const verbs[] = {VERBS(ROW)};

static const char *verb_name(int i) {
    return verbs[i]->name;
}

static const cli_verb *find_verb(const char *name) {
    for (size_t i = 0; i < LN_COUNT(verbs); i++)
        if (!strcmp(verbs[i]->name, name)) return verbs[i];
    return NULL;
}

static void print_verbs(FILE *f) {
    int width = 0;
    for (size_t i = 0; i < LN_COUNT(verbs); i++)
        width = LN_MAX(width, (int)(strlen(verbs[i]->name) + strlen(verbs[i]->args)));
    fprintf(f,
            "linnet %s: mobile vision networks on any OpenCL device\n\n"
            "usage: linnet VERB [ARGUMENTS] [OPTIONS]\n\n",
            linnet_version());
    for (size_t i = 0; i < LN_COUNT(verbs); i++)
        fprintf(f, "  %s %-*s  %s\n", verbs[i]->name,
                LN_MAX(0, width - (int)strlen(verbs[i]->name)), verbs[i]->args, verbs[i]->help);
    fprintf(f, "\n'linnet VERB --help' lists a verb's options; 'linnet --version' the version.\n");
}

/* Standard output is buffered: a full disk shows only when it is flushed. */
static int close_stdout(int status) {
    if (fflush(stdout) == 0 && !ferror(stdout)) return status;
    if (status > CLI_WRONG) return status; /* reported already */
    cli_message("linnet: standard output: cannot write; check free space");
    return CLI_FILE;
}

/* Half-written files go, and the signal does what it does. */
static void on_signal(int number) {
    ln_writer_unlink_all();
    linnet_remove_unfinished();
    signal(number, SIG_DFL);
    raise(number);
}

static void catch_signals(void) {
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    for (size_t i = 0; i < LN_COUNT(numbers); i++) {
        struct sigaction now, want = {.sa_handler = on_signal};
        if (sigaction(numbers[i], NULL, &now) == 0 && now.sa_handler != SIG_IGN)
            sigaction(numbers[i], &want, NULL);
    }
}

static int unknown_verb(const char *name) {
    if (cli_is_option(name))
        return cli_usage_error("%s: options follow the verb: linnet VERB ... %s", name, name);
    if (*name == '-') return cli_usage_error("unknown option %s; see linnet --help", name);
    const char *near = cli_nearest(name, verb_name, LN_COUNT(verbs));
    if (near) return cli_usage_error("unknown verb %s; did you mean %s?", name, near);
    return cli_usage_error("unknown verb %s; see linnet --help", name);
}

/* Before hours of work, not after them. */
static int check_places(const cli_options *o) {
    static const cli_opt places[] = {OPT_OUTPUT, OPT_TRACE, OPT_ROOFLINE};
    for (size_t i = 0; i < LN_COUNT(places); i++) {
        const char *path = cli_text(o, places[i], NULL);
        const int status = path ? cli_check_place(path) : CLI_OK;
        if (status) return status;
    }
    return CLI_OK;
}

static int run_verb(const cli_verb *verb, int argc, char **argv) {
    cli_options o = {0};
    int status = cli_options_parse(&o, verb, argc, argv);
    if (!status && cli_has(&o, OPT_HELP)) {
        cli_options_help(verb, stdout);
    } else if (!status && cli_has(&o, OPT_VERSION)) {
        printf("linnet %s\n", linnet_version());
    } else if (!status) {
        linnet_error err = {0};
        status = cli_log_start(&o);
        if (!status && linnet_set_cache_dir(cli_text(&o, OPT_CACHE_DIR, NULL), &err) != LINNET_OK)
            status = cli_report(&err);
        if (!status) status = check_places(&o);
        if (!status) status = verb->run(&o);
        cli_log_end();
    }
    cli_options_free(&o);
    return status;
}

int main(int argc, char **argv) {
    catch_signals();
    const char *first = argc > 1 ? argv[1] : "--help";
    if (!strcmp(first, "help")) { /* linnet help VERB is linnet VERB --help */
        static char help[] = "--help";
        if (argc > 2 && find_verb(argv[2]))
            return close_stdout(run_verb(find_verb(argv[2]), 1, (char *[]){help}));
        first = help;
    }
    if (!strcmp(first, "--help") || !strcmp(first, "-h")) {
        print_verbs(stdout);
        return close_stdout(CLI_OK);
    }
    if (!strcmp(first, "--version")) {
        printf("linnet %s\n", linnet_version());
        return close_stdout(CLI_OK);
    }
    const cli_verb *verb = find_verb(first);
    return close_stdout(verb ? run_verb(verb, argc - 2, argv + 2) : unknown_verb(first));
}
