/* The command line: what its files share. On the public API and base/ alone. */
#ifndef LN_CLI_H
#define LN_CLI_H

#include <linnet/linnet.h>

#include "base/base.h"
#include "base/file.h"

#include <cjson/cJSON.h>
#include <stdatomic.h>

/* ---- exit statuses ---- */
enum {
    CLI_OK = 0,
    CLI_WRONG = 1,       /* a result is wrong, or some inputs failed */
    CLI_USAGE = 2,       /* the command line */
    CLI_UNSUPPORTED = 3, /* a model, op or option that is not supported */
    CLI_DEVICE = 4,      /* device, driver or memory */
    CLI_FILE = 5         /* a bad or unreadable file */
};
int cli_exit_status(linnet_status s);
/* "linnet: message" on standard error; returns the exit status of err. */
int cli_report(const linnet_error *err);
int cli_usage_error(const char *fmt, ...) LN_PRINTF(1, 2);

/* ---- options: one table for all verbs (options.c) ---- */
typedef enum cli_kind {
    CLI_FLAG,
    CLI_TEXT,
    CLI_INT,    /* lo..hi */
    CLI_INTS,   /* comma list of them, where the verb sweeps */
    CLI_SEED,   /* unsigned, 64 bit */
    CLI_REAL,   /* a finite number */
    CLI_REAL3,  /* three of them, or one for all */
    CLI_CHOICE, /* one of choices, "a|b|c" */
} cli_kind;

/* enum suffix, long name, short name (0: none), argument, kind, lo, hi, help */
#define CLI_OPTIONS(X)                                                                             \
    X(WEIGHTS, "weights", 'w', "F", CLI_TEXT, 0, 0, "weight file (.safetensors)")                  \
    X(SYNTHETIC, "synthetic", 0, "SEED", CLI_SEED, 0, 0, "deterministic weights, no file needed")  \
    X(ARCH, "arch", 0, "NAME", CLI_TEXT, 0, 0, "family of a file that does not name its own")      \
    X(DEVICE, "device", 'd', "D", CLI_TEXT, 0, 0,                                                  \
      "index, cpu, gpu, part of a name, or ref (C reference)")                                     \
    X(BATCH, "batch", 'b', "N", CLI_INTS, 1, 65536, "images in each run")                          \
    X(PRECISION, "precision", 0, "P", CLI_CHOICE, 0, 0, "f32|f16|int8")                            \
    X(FAST_MATH, "fast-math", 0, NULL, CLI_FLAG, 0, 0,                                             \
      "with --precision f16: sums in f16 too, where the device can")                               \
    X(SIZE, "size", 0, "N", CLI_INT, 1, 16384, "side of the input in pixels")                      \
    X(SHAPE, "shape", 0, "S", CLI_TEXT, 0, 0, "shape of an input: NAME=1x3x224x224")               \
    X(LAYOUT, "layout", 0, "L", CLI_CHOICE, 0, 0, "nchw|nhwc")                                     \
    X(MEAN, "mean", 0, "R,G,B", CLI_REAL3, 0, 0, "override the model's mean")                      \
    X(STD, "std", 0, "R,G,B", CLI_REAL3, 0, 0, "override the model's standard deviation")          \
    X(CROP_PCT, "crop-pct", 0, "X", CLI_REAL, 0, 0, "override the share kept by the crop")         \
    X(RESIZE, "resize", 0, "N", CLI_INT, 1, 65536, "shorter side before the crop, in pixels")      \
    X(LABELS, "labels", 0, "F", CLI_TEXT, 0, 0, "class names, one a line")                         \
    X(PASSES, "passes", 0, "LIST", CLI_TEXT, 0, 0, "all, none, or -NAME,... to leave some out")    \
    X(TUNE, "tune", 0, "T", CLI_CHOICE, 0, 0, "off|fast|full")                                     \
    X(WAIT, "wait", 0, "W", CLI_CHOICE, 0, 0, "spin|yield|sleep")                                  \
    X(OP, "op", 0, "NAME", CLI_TEXT, 0, 0, "layers instead of models: pw, clblast, ... or all")    \
    X(INPUT, "input", 0, "F", CLI_TEXT, 0, 0, "X.npy, NAME=X.npy or synthetic:SEED; repeatable")   \
    X(OUTPUT_DIR, "output-dir", 0, "DIR", CLI_TEXT, 0, 0, "folder for every output as NAME.npy")   \
    X(PLAN, "plan", 0, NULL, CLI_FLAG, 0, 0, "the fused plan: variants, tiles, arena offsets")     \
    X(GRAPH, "graph", 0, "F", CLI_TEXT, 0, 0, "write nodes and weights as one safetensors file")   \
    X(CHANNELS, "channels", 0, "X", CLI_REAL, 0, 0, "share of the expanded channels to remove")    \
    X(BY, "by", 0, "B", CLI_CHOICE, 0, 0, "l1|bn")                                                 \
    X(CALIBRATE, "calibrate", 0, "P", CLI_TEXT, 0, 0,                                              \
      "pictures to calibrate on: a folder or a glob")                                              \
    X(RANGE, "range", 0, "R", CLI_CHOICE, 0, 0, "minmax|percentile")                               \
    X(PERCENTILE, "percentile", 0, "X", CLI_REAL, 0, 0,                                            \
      "share of activations that a range covers")                                                  \
    X(EQUALIZE, "equalize", 0, "E", CLI_CHOICE, 0, 0, "auto|on|off")                               \
    X(BIAS, "bias", 0, "B", CLI_CHOICE, 0, 0, "correct|keep")                                      \
    X(ROUND, "round", 0, "R", CLI_CHOICE, 0, 0, "feedback|nearest")                                \
    X(LABELLED, "labelled", 0, "DIR", CLI_TEXT, 0, 0,                                              \
      "a folder of pictures for each class: top-1 before and after")                               \
    X(TRACE, "trace", 0, "F", CLI_TEXT, 0, 0, "write the steps as a trace for Perfetto (JSON)")    \
    X(ROOFLINE, "roofline", 0, "F", CLI_TEXT, 0, 0,                                                \
      "write the steps under the device's limits as a picture (SVG)")                              \
    X(DUMP, "dump", 0, NULL, CLI_FLAG, 0, 0, "the record of the chosen device that plans use")     \
    X(TOP, "top", 'k', "N", CLI_INT, 1, 100000, "classes to print")                                \
    X(RESUME, "resume", 0, NULL, CLI_FLAG, 0, 0, "go on with an interrupted --output F.jsonl")     \
    X(FORMAT, "format", 'o', "F", CLI_CHOICE, 0, 0, "text|json|jsonl|csv|md")                      \
    X(OUTPUT, "output", 0, "F", CLI_TEXT, 0, 0, "write the result here, not to standard output")   \
    X(CACHE_DIR, "cache-dir", 0, "DIR", CLI_TEXT, 0, 0, "cache folder, or off")                    \
    X(LOG, "log", 0, "F", CLI_TEXT, 0, 0, "append the log to a file")                              \
    X(QUIET, "quiet", 'q', NULL, CLI_FLAG, 0, 0, "errors only")                                    \
    X(VERBOSE, "verbose", 'v', NULL, CLI_FLAG, 0, 0, "say more; twice: debug")                     \
    X(HELP, "help", 'h', NULL, CLI_FLAG, 0, 0, "this text")                                        \
    X(VERSION, "version", 0, NULL, CLI_FLAG, 0, 0, "print the version")

typedef enum cli_opt {
#define CLI_OPT_ENUM(id, ...) OPT_##id,
    CLI_OPTIONS(CLI_OPT_ENUM)
#undef CLI_OPT_ENUM
        OPT_COUNT
} cli_opt;
#define BIT(id) (UINT64_C(1) << OPT_##id)
/* Sets of options that go together. */
#define OPTS_COMMON                                                                                \
    (BIT(CACHE_DIR) | BIT(LOG) | BIT(QUIET) | BIT(VERBOSE) | BIT(HELP) | BIT(VERSION))
#define OPTS_RESULT (BIT(FORMAT) | BIT(OUTPUT))
#define OPTS_MODEL                                                                                 \
    (BIT(WEIGHTS) | BIT(SYNTHETIC) | BIT(ARCH) | BIT(SIZE) | BIT(SHAPE) | BIT(LAYOUT))
#define OPTS_RUN                                                                                   \
    (BIT(DEVICE) | BIT(BATCH) | BIT(PRECISION) | BIT(FAST_MATH) | BIT(PASSES) | BIT(TUNE) |        \
     BIT(WAIT))

typedef struct cli_verb cli_verb;
typedef struct cli_options {
    const cli_verb *verb;
    const char *value[OPT_COUNT]; /* the last given; flags: "" */
    int count[OPT_COUNT];
    const char **input, **shape; /* every --input and --shape, in order */
    int n_input, n_shape;
    char **arg; /* positional */
    int n_arg;
} cli_options;

struct cli_verb {
    const char *name;
    const char *args;     /* "MODEL IMAGES..." */
    const char *help;     /* one line */
    const char *about;    /* a paragraph for VERB --help */
    uint64_t options;     /* besides OPTS_COMMON */
    int min_arg, max_arg; /* max -1: any number */
    bool sweeps;          /* --batch takes a comma list */
    const char *formats;  /* "text|json"; the first is the default; NULL: prints no result */
    int (*run)(const cli_options *o);
};

/* 0, or the exit status after the error has been printed. */
int cli_options_parse(cli_options *o, const cli_verb *verb, int argc, char **argv);
void cli_options_free(cli_options *o);
void cli_options_help(const cli_verb *verb, FILE *f);
static inline bool cli_has(const cli_options *o, cli_opt opt) {
    return o->count[opt] > 0;
}
const char *cli_text(const cli_options *o, cli_opt opt, const char *fallback);
int cli_int(const cli_options *o, cli_opt opt, int fallback);
uint64_t cli_seed(const cli_options *o, cli_opt opt, uint64_t fallback);
/* The i-th of a comma list; false behind its end. */
bool cli_int_at(const cli_options *o, cli_opt opt, int i, int *out);
void cli_real3(const cli_options *o, cli_opt opt, float out[3]);
/* "--name", "--name=..." or "-n" of any verb. */
bool cli_is_option(const char *word);
/* The nearest of n names for "did you mean", or NULL when none is near. */
const char *cli_nearest(const char *word, const char *(*name)(int i), int n);

/* ---- opening what the options name (open.c); 0 or an exit status, error printed ---- */
/* What most products are computed in: "int8" where the weights say so, else as asked, "f32". */
const char *cli_precision(const cli_options *o, const linnet_model *m);
/* What most products and sums of a session of that precision are computed in. */
const char *cli_arithmetic(const char *precision, const linnet_session_stats *s);
/* "f32", "int8", "f16, computed in f32" ... */
const char *cli_arithmetic_text(const char *precision, const linnet_session_stats *s);
bool cli_is_file(const char *model);
bool cli_has_graph(const char *model); /* a file with a network of its own */
int cli_model_open(const cli_options *o, const char *name, bool default_seed, bool shape_only,
                   linnet_model **out);
/* The same with n shapes for what the file leaves open. */
int cli_model_open_hints(const cli_options *o, const char *name, const char *const *hints, size_t n,
                         linnet_model **out);
int cli_device_open(const cli_options *o, linnet_device **out);
/* Starts with it in a thread of its own: cli_device_open then waits for that one, and says what
 * went wrong; cli_device_forget lets it go where it has not been called. */
void cli_device_begin(const cli_options *o);
void cli_device_forget(void);
void cli_session_params(const cli_options *o, int batch, linnet_session_params *out);
int cli_session_create(const cli_options *o, linnet_model *m, linnet_device *d, int batch,
                       linnet_session **out);
/* What --tune asks for before a session is made (tune.c). */
int cli_tune(const cli_options *o, linnet_model *m, linnet_device *d, int batch);
/* Batch of --batch, else of --shape or the model's file, else fallback. */
int cli_batch(const cli_options *o, const linnet_model *m, int fallback);

/* Every input or output of a session, in its own memory (tensors.c); freed before the session. */
typedef struct cli_tensors {
    size_t n;
    linnet_tensor_info *info;
    void **data; /* elements of the tensor's type, zeroed */
} cli_tensors;
int cli_tensors_create(linnet_session *s, bool outputs, cli_tensors *out);
void cli_tensors_free(cli_tensors *t);
/* Elements of one, and the bytes of an element. */
size_t cli_tensor_count(const linnet_tensor_info *info);
size_t cli_element_size(const linnet_tensor_info *info);
/* n numbers as elements, by scale and zero point of bytes; and elements from `from` on as numbers.
 */
void cli_from_reals(const linnet_tensor_info *info, const float *src, size_t n, void *dst);
void cli_to_reals(const linnet_tensor_info *info, const void *src, size_t from, size_t n,
                  float *dst);
/* Images 0.. of the deterministic input; what is no picture gets its numbers in a row. nhwc: the
 * model's pictures are [N,H,W,C]. */
int cli_tensors_synthetic(cli_tensors *t, uint64_t seed, bool nhwc);

/* ---- pictures to classify (source.c, decode.c) ---- */
typedef struct cli_source cli_source;
/* From files, folders (one level, by name), globs and "-" (a list on standard input). */
int cli_source_open(char *const *args, int n, cli_source **out);
void cli_source_close(cli_source **s);
/* How many there are; -1 when that is only known at the end. */
int64_t cli_source_count(const cli_source *s);
/* The next path in order, the caller's to free(); NULL at the end. A folder that cannot be read or
 * a glob without a match comes as its own name, with err filled (status LINNET_OK otherwise).
 * Gives up waiting for standard input once *stop is set (may be NULL). */
char *cli_source_next(cli_source *s, const atomic_bool *stop, linnet_error *err);
/* At its end: 0, or an exit status when standard input broke off, error printed. */
int cli_source_finish(const cli_source *s);

typedef struct cli_decoder cli_decoder;
typedef struct cli_picture {
    char *path;
    linnet_error err; /* status LINNET_OK: pixels are good */
    uint8_t *pixels;  /* [3,height,width], as linnet_image_load_bytes makes them */
} cli_picture;
/* Decodes on worker threads, at most `slots` pictures ahead, and hands them out in order. */
int cli_decoder_start(const linnet_model *m, cli_source *s, int slots, cli_decoder **out);
/* The next picture, NULL at the end; valid until the next call. */
const cli_picture *cli_decoder_next(cli_decoder *d);
void cli_decoder_stop(cli_decoder **d);

/* ---- pictures of known classes (labelled.c) ---- */
typedef struct cli_labelled_picture {
    char *path;
    int label;
} cli_labelled_picture;
typedef struct cli_labelled {
    cli_labelled_picture *picture;
    size_t count;
} cli_labelled;
/* dir has a folder for each class, named by its number or its label, with pictures in it. */
int cli_labelled_open(const char *dir, const linnet_model *m, cli_labelled *out);
void cli_labelled_free(cli_labelled *l);
/* How many of them m puts first. */
int cli_labelled_top1(const cli_options *o, const cli_labelled *l, linnet_model *m,
                      linnet_device *d, size_t *right);

/* ---- answers (answers.c, resume.c) ---- */
typedef struct cli_answer {
    char *image;
    char *error; /* NULL: top is good */
    linnet_top *top;
    int n_top;
} cli_answer;
typedef struct cli_answers cli_answers;
/* Classes in each answer: --top, at most all. */
int cli_top(const cli_options *o, const linnet_model_info *info);
/* Reads what an interrupted job left in the file of --output, drops a partial last line, and moves
 * the source past the pictures that are done. *done: lines kept; *failed: how many are errors. A
 * file that this job cannot have written is refused as it is. */
int cli_answers_resume(const cli_options *o, const linnet_model *m, cli_source *s, int64_t *done,
                       int64_t *failed);
/* Until it is done, a job keeps beside its file what its lines cannot show: a hash of the weights
 * and the options, as F.jsonl.resume. False when that cannot be written. */
bool cli_job_mark(const cli_options *o, const linnet_model_info *info);
void cli_job_unmark(const cli_options *o);
int cli_answers_open(const cli_options *o, const linnet_model *m, bool single, cli_answers **out);
/* In order; JSON lines reach the file whole, and before this returns. */
int cli_answers_put(cli_answers *a, const cli_answer *list, int n);
/* status: 0 makes the file final. Returns it, or what went wrong. */
int cli_answers_close(cli_answers **a, int status);

/* ---- results (output.c) ---- */
typedef enum cli_format {
    FORMAT_TEXT,
    FORMAT_JSON,
    FORMAT_JSONL,
    FORMAT_CSV,
    FORMAT_MD,
    FORMAT_COUNT
} cli_format;
/* What -o says, else what the name of --output says, else the verb's first. */
cli_format cli_format_of(const cli_options *o);
/* Where the result goes: standard output, or a file that is whole or not there. */
typedef struct cli_output {
    FILE *f;
    ln_writer writer;
    const char *path; /* NULL: standard output */
} cli_output;
int cli_output_open(const cli_options *o, cli_output *out);
/* Writes everything out; 0 or an exit status, error printed. */
int cli_output_finish(cli_output *out);
void cli_output_abandon(cli_output *out);
/* A finished text or JSON document; takes json. */
int cli_put_text(const cli_options *o, const char *text);
int cli_put_json(const cli_options *o, cJSON *json);
int cli_out_of_memory(const char *what);
int cli_cannot_write(const char *path); /* because of errno */
int cli_check_place(const char *path);  /* that a file may be made there, before long work */

/* A table whose rows are printed as aligned text, CSV, Markdown, JSON or JSON lines. */
typedef struct cli_column {
    const char *key;   /* in JSON and CSV */
    const char *title; /* in text and Markdown */
    bool number;       /* right-aligned; unquoted in JSON */
    bool layer;        /* names of files' layers: in text no longer than a table bears */
} cli_column;
typedef struct cli_table {
    const cli_column *column;
    int columns;
    char **cell;
    size_t cells, cap;
    bool headless; /* rows alone: a head went before */
    bool failed;
} cli_table;
void cli_cell(cli_table *t, const char *fmt, ...) LN_PRINTF(2, 3);
void cli_table_print(const cli_table *t, cli_format f, FILE *out);
int cli_put_table(const cli_options *o, const cli_table *t);
void cli_table_free(cli_table *t);

/* JSON numbers with no more digits than are meant; NaN and infinities become null. */
void cli_json_number(cJSON *object, const char *key, double v, int digits);
void cli_json_int(cJSON *object, const char *key, int64_t v);
void cli_json_text(cJSON *object, const char *key, const char *text); /* bad UTF-8 replaced */
/* Text for people: control characters outside keep, and bytes that are no UTF-8, as \n or \x1b;
 * free() it. */
char *cli_plain(const char *text, const char *keep);
/* The cleaning of JSON for a name that is compared with one from a JSON file; free() it. */
char *cli_utf8(const char *text);
/* "12.3 MB" */
const char *cli_bytes_text(uint64_t bytes, char buf[24]);
/* Columns that a string takes on a terminal. */
size_t cli_width(const char *utf8);

/* ---- progress and messages (progress.c) ---- */
typedef struct cli_progress {
    const char *what;           /* "classify" */
    int64_t done, first, total; /* first: done before the start; total -1: unknown */
    double start, last;
    bool bar, on;
} cli_progress;
void cli_progress_start(cli_progress *p, const cli_options *o, const char *what, int64_t first,
                        int64_t total);
void cli_progress_set(cli_progress *p, int64_t done);
void cli_progress_end(cli_progress *p);
void cli_bar_clear(void); /* before text of standard output, which may be the same terminal */
/* A line on standard error that does not tangle with a bar. */
void cli_message(const char *fmt, ...) LN_PRINTF(1, 2);
bool cli_quiet(void);
/* -q, -v and --log; 0 or an exit status. */
int cli_log_start(const cli_options *o);
void cli_log_end(void);

/* ---- blocks (blocks.c) ---- */
const char *cli_block_shape(const char *block); /* ":SHAPE", or NULL */
/* Appends the names, each with a comma, of the blocks that --op's list stands for. */
int cli_name_blocks(const char *ops, ln_str *names);

/* ---- .npy files (npy.c) ---- */
typedef struct cli_array {
    int rank;
    int64_t dim[6];
    size_t count;
    double *data; /* whatever the file has; owned */
    bool whole;   /* the file has integers */
} cli_array;
linnet_status cli_npy_read(const char *path, cli_array *out, linnet_error *err);
/* The array as elements of an input (saturated). Of quantized ones integers are the bytes
 * themselves, and other numbers what they stand for. */
void cli_array_elements(const cli_array *a, const linnet_tensor_info *t, void *dst);
/* The file has what t's model file declares. */
linnet_status cli_npy_write(const char *path, const linnet_tensor_info *t, const void *elements,
                            linnet_error *err);
void cli_array_free(cli_array *a);
/* "1x3x224x224" */
const char *cli_shape_text(int rank, const int64_t *dim, char buf[96]);

#endif
