/* Linnet: an OpenCL inference engine for mobile vision networks. The stable C API.
 * SPDX-License-Identifier: Apache-2.0
 *
 * Conventions. Create functions take a params struct, made by its LINNET_..._INIT; destroy
 * functions accept a pointer to NULL and null it. Every call that can fail returns a
 * linnet_status and fills the linnet_error (may be NULL); what it would have made (*out, *list,
 * *text, ...) is then NULL. Other pointers must not be NULL unless that is said where they stand;
 * destroy and close functions take NULL too. Strings returned as const char * belong to the object
 * they came from. Nothing here prints, exits or aborts.
 *
 * Threads. Devices and models may be shared between threads; a session is used by one thread at
 * a time, and any number of sessions may run at once. */
#ifndef LINNET_H
#define LINNET_H

#include <linnet/status.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(_WIN32)
#    define LINNET_API __declspec(dllexport)
#else
#    define LINNET_API __attribute__((visibility("default")))
#endif

#define LINNET_VERSION_MAJOR 0
#define LINNET_VERSION_MINOR 1
#define LINNET_VERSION_PATCH 0

/* What the LINNET_..._INIT macros hold: every field 0. */
#ifdef __cplusplus
#    define LINNET_ALL_ZERO                                                                        \
        {}
#else
#    define LINNET_ALL_ZERO                                                                        \
        { 0 }
#endif

LINNET_API const char *linnet_version(void); /* "0.1.0" */
LINNET_API const char *linnet_status_text(linnet_status s);

/* ---- log and caches (process-wide) ---- */
typedef enum linnet_log_level {
    LINNET_LOG_ERROR,
    LINNET_LOG_WARN,
    LINNET_LOG_INFO,
    LINNET_LOG_DEBUG
} linnet_log_level;
typedef void (*linnet_log_fn)(void *user, int level, const char *line);
/* NULL drops all lines (the default). The function may be called from any thread, from several
 * at once, and may call linnet_set_log; a call under way in another thread when linnet_set_log
 * returns still ends in the old function. */
LINNET_API void linnet_set_log(linnet_log_fn fn, void *user, linnet_log_level most);
/* A folder, "off", or NULL for $XDG_CACHE_HOME/linnet. */
LINNET_API linnet_status linnet_set_cache_dir(const char *dir, linnet_error *err);
/* The folder in use; "" when caching is off or no home is known. */
LINNET_API void linnet_cache_dir(char *buf, size_t size);
typedef struct linnet_cache_entry {
    char path[1536];
    uint64_t bytes;
} linnet_cache_entry;
/* What the cache holds, models included; *entries is released with linnet_free. */
LINNET_API linnet_status linnet_cache_list(linnet_cache_entry **entries, size_t *count,
                                           linnet_error *err);
/* Removes compiled programs and tuning records; downloaded models stay. */
LINNET_API linnet_status linnet_cache_clear(size_t *removed, linnet_error *err);
LINNET_API void linnet_free(void *p);
/* Removes the unfinished files that this process is writing (each is renamed to its name when it is
 * whole). For a signal handler that ends the process: async-signal-safe. */
LINNET_API void linnet_remove_unfinished(void);

/* ---- devices ---- */
typedef struct linnet_device linnet_device;
typedef struct linnet_device_info {
    char platform[64], name[128], vendor[64], driver[64], version[128];
    int is_cpu, is_gpu, chosen;
    char why[128]; /* why it was chosen, or not */
    uint32_t compute_units, max_work_group, vector_float;
    uint64_t global_mem, max_alloc, local_mem; /* bytes */
    char features[256];                        /* space-separated */
} linnet_device_info;
/* All OpenCL devices, released with linnet_free. spec as for linnet_device_open: the one that it
 * opens is marked `chosen` (none for "ref"). LINNET_ERR_NO_DEVICE when there are none, or none that
 * spec names. */
LINNET_API linnet_status linnet_devices(const char *spec, linnet_device_info **list, size_t *count,
                                        linnet_error *err);
/* spec: index, "cpu", "gpu", part of a name, "ref" (the C reference, no OpenCL), or NULL for
 * $LINNET_DEVICE, else the first GPU, else the first CPU. */
LINNET_API linnet_status linnet_device_open(const char *spec, linnet_device **out,
                                            linnet_error *err);
LINNET_API void linnet_device_close(linnet_device **d);
LINNET_API linnet_status linnet_device_get_info(const linnet_device *d, linnet_device_info *out);
/* The record of limits and features that the planner sees, as JSON; released with linnet_free. */
LINNET_API linnet_status linnet_device_dump(const linnet_device *d, char **json, linnet_error *err);
/* Multiply-add peak of the device in GFLOP/s, measured by a loop. */
LINNET_API linnet_status linnet_device_peak(linnet_device *d, double *gflops, linnet_error *err);
/* GB/s that a simple loop reads and writes together over `bytes` of memory, measured. */
LINNET_API linnet_status linnet_device_bandwidth(linnet_device *d, size_t bytes, double *gbs,
                                                 linnet_error *err);

/* One line of `linnet doctor`. */
typedef struct linnet_check {
    char name[32];
    int ok; /* 1 good, 0 bad, -1 worth a look */
    char detail[256];
    char remedy[256]; /* empty when good */
} linnet_check;
/* spec: as for linnet_device_open. *list is released with linnet_free. */
LINNET_API linnet_status linnet_doctor(const char *spec, linnet_check **list, size_t *count,
                                       linnet_error *err);

/* ---- families and models ---- */
typedef struct linnet_family_info {
    const char *name, *family;
    int input[3]; /* height, width, channels */
    int classes;
    int64_t params, macs; /* counted: learnable elements; multiply-adds of one image */
    float published_params_m, published_macs_m, published_top1; /* 0: not published */
    const char *source;
    const char *note; /* why counted and published differ, or "" */
} linnet_family_info;
LINNET_API size_t linnet_family_count(void);
LINNET_API linnet_status linnet_family_get(size_t i, linnet_family_info *out, linnet_error *err);

/* Single kinds of block that linnet_model_open takes beside the families, to be timed on their own:
 * a map in, a map out, no classes but for fully connected ones. "OP:SHAPE"; NULL behind the last.
 * Those whose library (CLBlast) is not on the machine are left out. */
LINNET_API const char *linnet_block_name(size_t i);

typedef struct linnet_model linnet_model;
/* Order of the dimensions of a picture in an .onnx file. AUTO: by where its colours are. */
typedef enum linnet_layout {
    LINNET_LAYOUT_AUTO,
    LINNET_LAYOUT_NCHW,
    LINNET_LAYOUT_NHWC
} linnet_layout;
typedef struct linnet_model_params {
    const char *model;   /* family name, or path to a model file (.safetensors, .onnx) */
    const char *weights; /* path; NULL: models/NAME.safetensors under the cache folder */
    const char *arch;    /* family of a weight file that does not name its own */
    const char *labels;  /* text file, a label a line; NULL: the model's own */
    int synthetic;       /* deterministic weights from seed, for tests and benchmarks */
    uint64_t seed;
    int shape_only;    /* no weights: info only */
    int size;          /* input side in pixels; 0: the model's own */
    int height, width; /* or both sides; 0: size */
    /* .onnx: "NAME=1x3x224x224" for an input, "SYMBOL=4" for an open dimension */
    const char *const *shapes;
    size_t n_shapes;
    const char *const *hints; /* the same, taken only for what the file leaves open */
    size_t n_hints;
    linnet_layout layout;
    /* preprocessing that overrides the model's; used where the flag says so */
    int set_mean, set_std, set_crop_pct, set_resize;
    float mean[3], std[3], crop_pct;
    int resize;
} linnet_model_params;
#define LINNET_MODEL_PARAMS_INIT LINNET_ALL_ZERO
LINNET_API linnet_status linnet_model_open(const linnet_model_params *p, linnet_model **out,
                                           linnet_error *err);
LINNET_API void linnet_model_close(linnet_model **m);
typedef struct linnet_model_info {
    const char *name, *family;
    int height, width, channels, classes;
    int64_t params, macs;
    int batch;         /* the file is made for batches of this; 0: any */
    int nhwc;          /* pictures are [N,H,W,C] outside, not [N,C,H,W] */
    int probabilities; /* the answers are a softmax's, not logits */
    int prep_unknown;  /* the file does not say how pictures are prepared: as for ImageNet */
    int64_t macs_i8;   /* of macs: those of int8 numbers, which come with the weights */
} linnet_model_info;
LINNET_API linnet_status linnet_model_get_info(const linnet_model *m, linnet_model_info *out,
                                               linnet_error *err);
LINNET_API const char *linnet_model_label(const linnet_model *m, int index); /* NULL: none */
/* Layers, shapes, parameters and MACs as text; released with linnet_free. */
LINNET_API linnet_status linnet_model_print(const linnet_model *m, int batch, char **text,
                                            linnet_error *err);
/* The same as data: one array, released with linnet_free (its strings with it). */
typedef struct linnet_layer_info {
    const char *name, *op;
    int rank;
    int64_t dim[6]; /* of the output: N,H,W,C */
    int64_t params, macs;
} linnet_layer_info;
LINNET_API linnet_status linnet_model_layers(const linnet_model *m, int batch,
                                             linnet_layer_info **list, size_t *count,
                                             linnet_error *err);
/* The network with its weights, before fusion, as one safetensors file for other programs: the
 * constants under their numbers, the nodes as JSON in the metadata. */
LINNET_API linnet_status linnet_model_write_graph(const linnet_model *m, int batch,
                                                  const char *path, linnet_error *err);
/* Converts a PyTorch checkpoint, a safetensors file or synthetic:SEED. labels: may be NULL. */
LINNET_API linnet_status linnet_convert(const char *in, const char *out, const char *arch,
                                        const char *labels, linnet_error *err);

/* ---- smaller networks ---- */
typedef enum linnet_prune_by {
    LINNET_PRUNE_L1, /* magnitudes of the weights that read a channel */
    LINNET_PRUNE_BN  /* scales of the norms on its way */
} linnet_prune_by;
typedef struct linnet_prune_params {
    double channels; /* share of the expanded channels to remove: above 0, below 1 */
    linnet_prune_by by;
} linnet_prune_params;
#define LINNET_PRUNE_PARAMS_INIT LINNET_ALL_ZERO
/* The convolution that makes the expanded channels of a bottleneck, and how many it made. */
typedef struct linnet_pruned_layer {
    char name[96];
    int before, after;
} linnet_pruned_layer;
typedef struct linnet_pruned {
    linnet_pruned_layer *layers; /* released with linnet_free */
    size_t n_layers;
    int64_t params[2], macs[2]; /* of the network before and after */
} linnet_pruned;
/* Writes the model without the expanded channels that matter least, as a safetensors file that says
 * how wide its layers are. The model: a family with weights. */
LINNET_API linnet_status linnet_prune(const linnet_model *m, const linnet_prune_params *p,
                                      const char *path, linnet_pruned *out, linnet_error *err);

typedef enum linnet_range {
    LINNET_RANGE_MINMAX,
    LINNET_RANGE_PERCENTILE /* by a histogram; cuts off what is seldom */
} linnet_range;
/* Cross-layer equalisation. AUTO: where it brings the answers nearer. */
typedef enum linnet_equalize {
    LINNET_EQUALIZE_AUTO,
    LINNET_EQUALIZE_OFF,
    LINNET_EQUALIZE_ON
} linnet_equalize;
typedef struct linnet_quantize_params {
    size_t n_pictures; /* to calibrate on */
    /* Fills out with picture i as the model's input, [3,height,width]; called several times for
     * each. A failure ends the whole. */
    linnet_status (*picture)(void *user, size_t i, float *out, linnet_error *err);
    void (*progress)(void *user, size_t done, size_t total); /* NULL: none */
    void *user;
    linnet_range range;
    double percentile; /* 0: 99.99 */
    linnet_equalize equalize;
    int keep_bias; /* biases are not corrected for the errors of weights */
    int nearest;   /* weights are rounded one by one, no error fed to those that follow */
} linnet_quantize_params;
#define LINNET_QUANTIZE_PARAMS_INIT LINNET_ALL_ZERO
/* What a layer lost: its values with bytes against those with floats. */
typedef struct linnet_quantized_layer {
    char name[96], op[24];
    float lo, hi; /* observed */
    float scale;
    int zero;
    double sqnr_db, cosine;
} linnet_quantized_layer;
typedef struct linnet_quantized {
    linnet_quantized_layer *layers; /* released with linnet_free */
    size_t n_layers;
    int equalized;
    double sqnr_db, cosine; /* of the answers */
    size_t measured;        /* pictures that errors were measured on */
} linnet_quantized;
/* Writes the model with layers of int8, as a safetensors file that runs as such: weights symmetric
 * with a scale for each output channel, activations with a range that was seen on the pictures. The
 * model: a family with weights. d: where the pictures are run; may be "ref". */
LINNET_API linnet_status linnet_quantize(const linnet_model *m, linnet_device *d,
                                         const linnet_quantize_params *p, const char *path,
                                         linnet_quantized *out, linnet_error *err);

/* ---- sessions ---- */
typedef struct linnet_session linnet_session;
/* SLEEP lets the driver wait (the default); the others poll and cost a core. */
typedef enum linnet_wait { LINNET_WAIT_SLEEP, LINNET_WAIT_YIELD, LINNET_WAIT_SPIN } linnet_wait;
/* How steps reach the device. AUTO: as linnet_tune found best, else all in one launch where
 * work-groups are known to run at once (CPU-like devices, after a trial), else one launch a step.
 * COMMANDS: launches recorded once as a cl_khr_command_buffer. What a device cannot becomes
 * launches. */
typedef enum linnet_stream {
    LINNET_STREAM_AUTO,
    LINNET_STREAM_LAUNCHES,
    LINNET_STREAM_RESIDENT,
    LINNET_STREAM_COMMANDS
} linnet_stream;
/* F16: weights and activations are stored as halves and summed in f32, on every device (but see
 * fast_math); what the caller gives and gets stays f32. Numbers beyond 65504 become infinite:
 * linnet_session_diff says where. */
typedef enum linnet_precision { LINNET_PRECISION_F32, LINNET_PRECISION_F16 } linnet_precision;
typedef struct linnet_session_params {
    int batch;          /* images in each run; 0: as the model's file says, else 1 */
    const char *passes; /* NULL: all; "none"; "-name,..." to switch some off */
    linnet_wait wait;
    linnet_stream stream;
    int profile; /* record a time for each step */
    int untuned; /* plan by the defaults even where linnet_tune has left records */
    linnet_precision precision;
    int bytes;     /* the picture as linnet_image_load_bytes makes it, where the network can read
                      such: linnet_session_input then says U8, else F32 as ever */
    int fast_math; /* F16: multiply and add in halves too, where the device has kernels for it
                      (GPUs with cl_khr_fp16): runs of at most 32 products are summed in halves,
                      each then added to a sum in f32. Faster, coarser, and a product or such a run
                      beyond 65504 is infinite. Elsewhere a warning is logged and sums are f32 */
} linnet_session_params;
#define LINNET_SESSION_PARAMS_INIT LINNET_ALL_ZERO
/* Builds the graph, plans it, uploads weights, builds kernels. p: NULL for the defaults. The model
 * and the device must outlive the session. */
LINNET_API linnet_status linnet_session_create(linnet_model *m, linnet_device *d,
                                               const linnet_session_params *p, linnet_session **out,
                                               linnet_error *err);
LINNET_API void linnet_session_destroy(linnet_session **s);
/* The plan that a session of these would run, as text: variants, tiles, arena offsets. Nothing is
 * built or uploaded. p: NULL for the defaults. Released with linnet_free. */
LINNET_API linnet_status linnet_model_print_plan(const linnet_model *m, const linnet_device *d,
                                                 const linnet_session_params *p, char **text,
                                                 linnet_error *err);
typedef enum linnet_dtype {
    LINNET_F32,
    LINNET_F16,
    LINNET_BF16,
    LINNET_F64,
    LINNET_I8,
    LINNET_U8,
    LINNET_I16,
    LINNET_I32,
    LINNET_I64,
    LINNET_BOOL
} linnet_dtype;
/* Tensors of the session; images are [N,C,H,W] (of some files [N,H,W,C]), logits [N,classes].
 * Elements are words of 4 bytes: LINNET_F32, or LINNET_I32 for whatever the model file has as
 * integers or truth values; or of a quantized model bytes, LINNET_I8 or LINNET_U8, that stand for
 * scale * (element - zero). With linnet_session_params.bytes a picture may be LINNET_U8 with a
 * scale of 0: what a photograph has. */
typedef struct linnet_tensor_info {
    const char *name;
    int rank;
    int64_t dim[6];
    size_t bytes;
    linnet_dtype dtype;      /* of in[i] and out[i] */
    linnet_dtype file_dtype; /* as the model file declares it */
    int file_rank;           /* 0: a scalar, here [1]; else rank */
    float scale;             /* of bytes; else 0 */
    int zero;
} linnet_tensor_info;
LINNET_API size_t linnet_session_inputs(const linnet_session *s);
LINNET_API size_t linnet_session_outputs(const linnet_session *s);
LINNET_API linnet_status linnet_session_input(const linnet_session *s, size_t i,
                                              linnet_tensor_info *out);
LINNET_API linnet_status linnet_session_output(const linnet_session *s, size_t i,
                                               linnet_tensor_info *out);
/* Memory of the session for in[i] or out[i] of linnet_session_run, of as many bytes as
 * linnet_session_input or linnet_session_output tells, until the session is destroyed. A run that
 * is given it instead of the caller's copies nothing where the device shares memory with the host
 * and has the tensor in the same order (pictures in, logits out: processors). Inputs keep what was
 * written there, outputs until the next run. */
LINNET_API linnet_status linnet_session_input_memory(linnet_session *s, size_t i, void **out,
                                                     linnet_error *err);
LINNET_API linnet_status linnet_session_output_memory(linnet_session *s, size_t i, void **out,
                                                      linnet_error *err);
/* in[i] and out[i]: dense arrays of the shapes and types above, in order. Blocks until out is
 * whole. */
LINNET_API linnet_status linnet_session_run(linnet_session *s, const void *const *in,
                                            void *const *out, linnet_error *err);
/* How long the first dimension of output i was in the last run. Where a network finds out only then
 * (boxes that are left), it is at most what linnet_session_output tells, and out[i] holds no more
 * than these rows that mean anything. */
LINNET_API linnet_status linnet_session_rows(linnet_session *s, size_t i, int64_t *rows,
                                             linnet_error *err);
typedef struct linnet_session_stats {
    double load_ms, build_ms, upload_ms, first_run_ms;
    /* Counts of the device while the session was made: sessions made on it at the same time add to
     * each other's. */
    uint64_t cache_hits, cache_misses, builds;
    uint64_t weight_bytes, arena_bytes;
    int64_t macs;     /* of one run, the whole batch */
    int resident;     /* the steps run in one launch */
    int64_t macs_f16; /* of the plan's: those computed in halves (fast_math) */
} linnet_session_stats;
LINNET_API linnet_status linnet_session_get_stats(const linnet_session *s,
                                                  linnet_session_stats *out);
/* The session's plan as text; released with linnet_free. */
LINNET_API linnet_status linnet_session_print_plan(const linnet_session *s, char **text,
                                                   linnet_error *err);
typedef struct linnet_step_info {
    const char *name, *op, *variant;
    double start_ms, ms; /* in the last run; 0 unless the session profiles */
    double busy_ms; /* of ms, what a unit spent in kernels; 0: not known. The rest is waiting */
    int64_t macs, bytes; /* work, and what must be read and written at least */
    size_t parts;        /* layers that run as one step; 1: the step itself */
} linnet_step_info;
LINNET_API size_t linnet_session_steps(const linnet_session *s);
/* Times of steps inside one launch are read from the processor's clock as the run goes on; those of
 * single launches are the driver's, laid end to end. */
LINNET_API linnet_status linnet_session_step(const linnet_session *s, size_t i,
                                             linnet_step_info *out);
/* One of the parts of step i; ms and busy_ms are the same, 0 when steps are single launches. */
LINNET_API linnet_status linnet_session_part(const linnet_session *s, size_t i, size_t part,
                                             linnet_step_info *out);

/* ---- tuning ---- */
/* What became of a candidate. STOPPED: it ended the process that tried it last, and is left out
 * from then on; PRUNED: it cannot win by its roofline. */
typedef enum linnet_verdict {
    LINNET_VERDICT_CHOSEN,
    LINNET_VERDICT_SLOWER,
    LINNET_VERDICT_WRONG, /* its result differs from the reference's */
    LINNET_VERDICT_FAILED,
    LINNET_VERDICT_STOPPED,
    LINNET_VERDICT_PRUNED,
    LINNET_VERDICT_UNTRIED /* no time was left */
} linnet_verdict;
typedef struct linnet_tune_candidate {
    const char *name;
    linnet_verdict verdict;
    double least_us, median_us; /* 0: not timed */
    double error;               /* over the standard deviation of the reference's result */
} linnet_tune_candidate;
/* A node, a chain of nodes ("first .. last"), or the whole network in the end. */
typedef struct linnet_tune_contest {
    const char *name, *op;
    int uses;             /* places in the network that it decides */
    double bound_us;      /* no kernel is faster by the measured peak; 0: not known */
    int64_t bytes, saved; /* traffic of the candidate that moves most; less, by the winner */
    const linnet_tune_candidate *candidate; /* the default first */
    size_t candidates, chosen;
} linnet_tune_contest;
typedef struct linnet_tune_report {
    linnet_tune_contest *contest; /* released with linnet_free, all that it points to with it */
    size_t contests;
    double default_ms, tuned_ms; /* the whole network: medians */
    int kept;                    /* 1: the tuned plan won */
    int complete;                /* 0: the time limit left candidates untried */
    int busy;                    /* 1: others used the machine: tuned again, it may be faster */
    double seconds;
    linnet_stream stream; /* that won; never AUTO */
} linnet_tune_report;
typedef struct linnet_tune_params {
    int full;       /* every candidate, many rounds, no limit; else at most `seconds` */
    double seconds; /* 0: 18 */
    void (*progress)(void *user, const char *contest, const char *candidate); /* may be NULL */
    void *user;
} linnet_tune_params;
#define LINNET_TUNE_PARAMS_INIT LINNET_ALL_ZERO
LINNET_API const char *linnet_verdict_text(linnet_verdict v); /* "chosen" */
/* Times what could run a session of p (NULL for the defaults) on the device, checks each against
 * the C reference, and keeps the winners in the cache, where sessions made later find them. One
 * process at a time tunes a device. t: NULL for the defaults. */
LINNET_API linnet_status linnet_tune(linnet_model *m, linnet_device *d,
                                     const linnet_session_params *p, const linnet_tune_params *t,
                                     linnet_tune_report *out, linnet_error *err);

/* Every layer on the device against the C reference. */
typedef struct linnet_diff_layer {
    const char *name, *op;
    double max_abs, rel; /* rel: over the standard deviation of the reference's output; where that
                            is rounded to halves, what is more than one step of them */
    int pass;
    int64_t overflow; /* F16: elements beyond 65504 that its finite inputs came to */
} linnet_diff_layer;
typedef struct linnet_diff_report {
    linnet_diff_layer *layer; /* released with linnet_free; names live with the session */
    size_t layers, worst;
    long first_bad; /* -1: none */
    double end_to_end;
    int pass;
} linnet_diff_report;
LINNET_API linnet_status linnet_session_diff(linnet_session *s, const void *const *in,
                                             linnet_diff_report *out, linnet_error *err);

/* ---- pictures ---- */
/* Decodes, resizes, crops and normalises a picture file into dst: [3,height,width] of the model, or
 * [height,width,3] where its pictures are so. */
LINNET_API linnet_status linnet_image_load(const linnet_model *m, const char *path, float *dst,
                                           linnet_error *err);
/* The same without the last step: bytes [3,height,width], planes in the model's order. */
LINNET_API linnet_status linnet_image_load_bytes(const linnet_model *m, const char *path,
                                                 uint8_t *dst, linnet_error *err);
/* The last step: what linnet_image_load makes of such bytes. */
LINNET_API void linnet_image_normalise(const linnet_model *m, const uint8_t *bytes, float *dst);
/* linnet_image_load from a file's bytes in memory; name: for messages. */
LINNET_API linnet_status linnet_image_decode(const linnet_model *m, const void *data, size_t size,
                                             const char *name, float *dst, linnet_error *err);
typedef struct linnet_top {
    int index;
    float probability, logit;
} linnet_top;
/* The k most probable classes of one row of logits, ordered; returns how many. */
LINNET_API int linnet_topk(const float *logits, int classes, int k, linnet_top *out);
/* Deterministic input image `index` (docs/testing.md): dst is [3,height,width], sides of 1 or
 * more; with a side below 1 nothing is written. */
LINNET_API void linnet_synthetic_image(uint64_t index, uint64_t seed, int64_t height, int64_t width,
                                       float *dst);

#ifdef __cplusplus
}
#endif
#endif
