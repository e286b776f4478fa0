/* One table of options for all verbs: names, kinds and help mean the same everywhere. */
#include "cli/cli.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct option {
    const char *name;
    char letter;
    const char *arg;
    cli_kind kind;
    int lo, hi;
    const char *help; /* of a choice: the choices */
} option;

static const option options[OPT_COUNT] = {
#define ROW(id, name, letter, arg, kind, lo, hi, help)                                             \
    [OPT_##id] = {name, letter, arg, kind, lo, hi, help},
    CLI_OPTIONS(ROW)
#undef ROW
};

/* What the choices are for; their list is printed behind. */
static const struct {
    cli_opt opt;
    const char *text;
} choice_help[] = {
    {OPT_PRECISION, "arithmetic; int8 comes with the weights"},
    {OPT_LAYOUT, "order of the input's dimensions"},
    {OPT_TUNE, "search for kernels"},
    {OPT_WAIT, "how to wait for the device"},
    {OPT_FORMAT, "form of the result"},
    {OPT_BY, "what a channel is judged by"},
    {OPT_RANGE, "ranges of activations"},
    {OPT_EQUALIZE, "equalise channels between layers"},
    {OPT_BIAS, "biases, for the errors of weights"},
    {OPT_ROUND, "rounding of weights"},
};

/* ---- nearest names ---- */
const char *cli_nearest(const char *word, const char *(*name)(int i), int n) {
    const char *best = NULL;
    int least = 1 + (int)strlen(word) / 2;
    for (int i = 0; i < n; i++) {
        int d = ln_edit_distance(word, name(i));
        if (d < least) {
            least = d;
            best = name(i);
        }
    }
    return best;
}

static const char *option_name(int i) {
    return options[i].name;
}

static bool takes(const cli_verb *v, cli_opt o) {
    return ((v->options | OPTS_COMMON) >> o) & 1;
}

/* ---- values ---- */
static bool parse_long(const char *s, char **end, long lo, long hi, long *out) {
    errno = 0;
    *out = strtol(s, end, 10);
    return *end != s && !errno && *out >= lo && *out <= hi && *s != ' ' && *s != '+';
}

static bool parse_real(const char *s, char **end, double *out) {
    errno = 0;
    *out = strtod(s, end);
    return *end != s && !errno && isfinite(*out) && *s != ' ';
}

static bool is_choice(const char *choices, const char *s) {
    size_t n = strlen(s);
    for (const char *c = choices; n; c = strchr(c, '|') + 1) {
        if (!strncmp(c, s, n) && (c[n] == '|' || !c[n])) return true;
        if (!strchr(c, '|')) break;
    }
    return false;
}

static bool good_list(const option *o, const char *s) {
    for (char *end;; s = end + 1) {
        long v;
        if (!parse_long(s, &end, o->lo, o->hi, &v)) return false;
        if (*end != ',') return !*end;
    }
}

static bool good_reals(const char *s, int max) {
    int n = 1;
    for (char *end;; s = end + 1, n++) {
        double v;
        if (!parse_real(s, &end, &v)) return false;
        if (*end != ',') return !*end && (n == 1 || n == max);
    }
}

/* Checks a value by its kind, so that what verbs read later is known to be well formed. */
static int check_value(const cli_verb *v, const option *o, const char *value) {
    char *end;
    long n;
    uint64_t seed;
    bool ok = true;
    switch (o->kind) {
    case CLI_FLAG: return CLI_OK;
    case CLI_TEXT:
        if (*value) return CLI_OK;
        return cli_usage_error("--%s: empty; give %s", o->name, o->arg);
    case CLI_INT:
    case CLI_INTS:
        ok = o->kind == CLI_INTS && v->sweeps ? good_list(o, value)
                                              : parse_long(value, &end, o->lo, o->hi, &n) && !*end;
        if (ok) return CLI_OK;
        return cli_usage_error("--%s %s: give a number from %d to %d", o->name, value, o->lo,
                               o->hi);
    case CLI_SEED:
        if (ln_parse_u64(value, &seed)) return CLI_OK;
        return cli_usage_error("--%s %s: give a number from 0 to 2^64-1", o->name, value);
    case CLI_REAL:
        if (good_reals(value, 1)) return CLI_OK;
        return cli_usage_error("--%s %s: give a number", o->name, value);
    case CLI_REAL3:
        if (good_reals(value, 3)) return CLI_OK;
        return cli_usage_error("--%s %s: give three numbers as R,G,B, or one for all", o->name,
                               value);
    case CLI_CHOICE: break;
    }
    const char *choices = o == &options[OPT_FORMAT] && v->formats ? v->formats : o->help;
    if (is_choice(choices, value)) return CLI_OK;
    return cli_usage_error("--%s %s: give one of %s", o->name, value, choices);
}

const char *cli_text(const cli_options *o, cli_opt opt, const char *fallback) {
    return cli_has(o, opt) ? o->value[opt] : fallback;
}

int cli_int(const cli_options *o, cli_opt opt, int fallback) {
    return cli_has(o, opt) ? (int)strtol(o->value[opt], NULL, 10) : fallback;
}

uint64_t cli_seed(const cli_options *o, cli_opt opt, uint64_t fallback) {
    return cli_has(o, opt) ? strtoull(o->value[opt], NULL, 10) : fallback;
}

bool cli_int_at(const cli_options *o, cli_opt opt, int i, int *out) {
    if (!cli_has(o, opt)) return false;
    const char *s = o->value[opt];
    for (; i > 0; i--) {
        if (!(s = strchr(s, ','))) return false;
        s++;
    }
    *out = (int)strtol(s, NULL, 10);
    return true;
}

void cli_real3(const cli_options *o, cli_opt opt, float out[3]) {
    const char *s = o->value[opt];
    for (int i = 0; i < 3; i++) {
        char *end;
        out[i] = (float)strtod(s, &end);
        if (*end == ',') s = end + 1; /* a single number serves all three */
    }
}

/* ---- parsing ---- */
bool cli_is_option(const char *word) {
    size_t n = strcspn(word, "=");
    for (int i = 0; i < OPT_COUNT; i++) {
        const option *o = &options[i];
        if (n > 2 && !strncmp(word, "--", 2) && strlen(o->name) == n - 2 &&
            !strncmp(o->name, word + 2, n - 2))
            return true;
        if (o->letter && word[0] == '-' && word[1] == o->letter) return true;
    }
    return false;
}

static int unknown_option(const cli_verb *verb, const char *given) {
    char word[64];
    snprintf(word, sizeof word, "%.*s", (int)strcspn(given, "="), given);
    const char *near =
        word[0] == '-' && word[1] == '-' ? cli_nearest(word + 2, option_name, OPT_COUNT) : NULL;
    if (near)
        return cli_usage_error("unknown option %s; did you mean --%s? See linnet %s --help", word,
                               near, verb->name);
    return cli_usage_error("unknown option %s; see linnet %s --help", word, verb->name);
}

static int set_option(cli_options *o, cli_opt opt, const char *value) {
    const option *row = &options[opt];
    if (!takes(o->verb, opt))
        return cli_usage_error("%s does not take --%s; see linnet %s --help", o->verb->name,
                               row->name, o->verb->name);
    int status = check_value(o->verb, row, value);
    if (status) return status;
    if (opt == OPT_OUTPUT && !strcmp(value, "-")) { /* standard output, as without it */
        o->count[opt] = 0;
        return CLI_OK;
    }
    o->value[opt] = value;
    o->count[opt]++;
    if (opt == OPT_INPUT) o->input[o->n_input++] = value;
    if (opt == OPT_SHAPE) o->shape[o->n_shape++] = value;
    return CLI_OK;
}

/* --name, --name=value, --name value. Returns how many more arguments it used, or -1. */
static int parse_long_option(cli_options *o, const char *arg, const char *next, int *status) {
    size_t n = strcspn(arg + 2, "=");
    const char *value = arg[2 + n] == '=' ? arg + 3 + n : NULL;
    for (int i = 0; i < OPT_COUNT; i++) {
        if (strncmp(options[i].name, arg + 2, n) || options[i].name[n]) continue;
        if (options[i].kind == CLI_FLAG) {
            *status = value ? cli_usage_error("--%s takes no value", options[i].name)
                            : set_option(o, (cli_opt)i, "");
            return 0;
        }
        if (!value && !next) {
            *status = cli_usage_error("--%s needs a value: --%s %s", options[i].name,
                                      options[i].name, options[i].arg);
            return 0;
        }
        *status = set_option(o, (cli_opt)i, value ? value : next);
        return value ? 0 : 1;
    }
    *status = unknown_option(o->verb, arg);
    return 0;
}

/* -q, -vv, -k 5, -k5. */
static int parse_short_options(cli_options *o, const char *arg, const char *next, int *status) {
    for (const char *c = arg + 1; *c && !*status; c++) {
        int i = 0;
        while (i < OPT_COUNT && options[i].letter != *c) i++;
        if (i == OPT_COUNT) {
            *status = unknown_option(o->verb, (char[]){'-', *c, 0});
        } else if (options[i].kind == CLI_FLAG) {
            *status = set_option(o, (cli_opt)i, "");
        } else {
            const char *value = c[1] == '=' ? c + 2 : c[1] ? c + 1 : next;
            *status = value ? set_option(o, (cli_opt)i, value)
                            : cli_usage_error("-%c needs a value: -%c %s", *c, *c, options[i].arg);
            return c[1] ? 0 : 1;
        }
    }
    return 0;
}

static int check_count(const cli_options *o) {
    const cli_verb *v = o->verb;
    if (cli_has(o, OPT_HELP) || cli_has(o, OPT_VERSION)) return CLI_OK;
    if (o->n_arg < v->min_arg)
        return cli_usage_error("%s needs %s; see linnet %s --help", v->name, v->args, v->name);
    if (v->max_arg >= 0 && o->n_arg > v->max_arg)
        return cli_usage_error("%s: one argument too many: %s; see linnet %s --help", v->name,
                               o->arg[v->max_arg], v->name);
    return CLI_OK;
}

int cli_options_parse(cli_options *o, const cli_verb *verb, int argc, char **argv) {
    *o = (cli_options){.verb = verb};
    o->arg = calloc((size_t)argc + 1, sizeof *o->arg);
    o->input = calloc((size_t)argc + 1, sizeof *o->input);
    o->shape = calloc((size_t)argc + 1, sizeof *o->shape);
    if (!o->arg || !o->input || !o->shape) {
        linnet_error err;
        ln_fail_oom(&err, "the command line", (size_t)argc * sizeof *o->arg);
        return cli_report(&err);
    }
    int status = CLI_OK;
    bool only_args = false;
    for (int i = 0; i < argc && !status; i++) {
        char *a = argv[i];
        const char *next = i + 1 < argc ? argv[i + 1] : NULL;
        if (only_args || a[0] != '-' || !a[1])
            o->arg[o->n_arg++] = a;
        else if (!strcmp(a, "--"))
            only_args = true;
        else if (a[1] == '-')
            i += parse_long_option(o, a, next, &status);
        else
            i += parse_short_options(o, a, next, &status);
    }
    return status ? status : check_count(o);
}

void cli_options_free(cli_options *o) {
    free(o->arg);
    free(o->input);
    free(o->shape);
}

/* ---- help ---- */
static const char *option_left(int i, char *buf, size_t size) {
    const option *o = &options[i];
    char letter[8] = "    ";
    if (o->letter) snprintf(letter, sizeof letter, "-%c, ", o->letter);
    snprintf(buf, size, "%s--%s%s%s", letter, o->name, o->arg ? " " : "", o->arg ? o->arg : "");
    return buf;
}

static void print_option(const cli_verb *verb, int i, int width, FILE *f) {
    char left[64];
    const option *o = &options[i];
    fprintf(f, "  %-*s  ", width, option_left(i, left, sizeof left));
    if (o->kind != CLI_CHOICE) {
        fprintf(f, "%s%s\n", o->help,
                o->kind == CLI_INTS && verb->sweeps ? "; a comma list sweeps" : "");
        return;
    }
    for (size_t c = 0; c < LN_COUNT(choice_help); c++)
        if ((int)choice_help[c].opt == i)
            fprintf(f, "%s: %s", choice_help[c].text,
                    i == OPT_FORMAT && verb->formats ? verb->formats : o->help);
    fputc('\n', f);
}

void cli_options_help(const cli_verb *verb, FILE *f) {
    char left[64];
    int width = 0;
    for (int i = 0; i < OPT_COUNT; i++)
        if (takes(verb, (cli_opt)i))
            width = LN_MAX(width, (int)strlen(option_left(i, left, sizeof left)));
    fprintf(f, "usage: linnet %s%s%s [OPTIONS]\n\n%s\n\noptions:\n", verb->name,
            *verb->args ? " " : "", verb->args, verb->about);
    for (int i = 0; i < OPT_COUNT; i++)
        if (takes(verb, (cli_opt)i)) print_option(verb, i, width, f);
}
