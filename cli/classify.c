/* linnet classify: pictures in, the most probable classes out. Workers decode while the device
 * runs; answers come in the order of the pictures. */
#include "cli/cli.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_BATCH 8
#define MOST_PENDING  256 /* answers that may wait for a batch to fill */

typedef struct job {
    const cli_options *o;
    linnet_model *model;
    linnet_model_info info;
    linnet_device *device; /* opened with the first good picture */
    linnet_session *session;
    cli_tensors in, out;
    cli_answers *answers;
    cli_progress progress;
    cli_answer pending[MOST_PENDING];
    linnet_top *top; /* k for each pending answer */
    float *logits;   /* of one picture */
    float *reals;    /* its pixels, where the network does not read bytes */
    int n_pending, batch, filled, k;
    bool many; /* pictures: more than one batch, or who knows */
    int64_t done, good, bad;
    linnet_status last; /* of the last bad picture */
    double start, first_run, run_time;
} job;

static int no_classifier(const job *j) {
    linnet_error err;
    ln_fail(&err, LINNET_ERR_UNSUPPORTED, "%s: no classifier; use linnet run", j->info.name);
    return cli_report(&err);
}

/* ---- the device ---- */
/* A processor that decodes the next pictures meanwhile takes launches: groups of one launch that
 * wait for each other would take its time from the decoding. */
static int make_session(job *j) {
    linnet_session_params p;
    linnet_device_info d;
    linnet_error err = {0};
    int status = cli_tune(j->o, j->model, j->device, j->batch);
    if (status) return status;
    cli_session_params(j->o, j->batch, &p);
    p.bytes = 1;
    if (j->many && linnet_device_get_info(j->device, &d) == LINNET_OK && d.is_cpu)
        p.stream = LINNET_STREAM_LAUNCHES;
    if (linnet_session_create(j->model, j->device, &p, &j->session, &err) != LINNET_OK)
        return cli_report(&err);
    return CLI_OK;
}

static int open_session(job *j) {
    int status = cli_device_open(j->o, &j->device);
    if (!status) status = make_session(j);
    if (!status) status = cli_tensors_create(j->session, false, &j->in);
    if (!status) status = cli_tensors_create(j->session, true, &j->out);
    if (status) return status;
    const size_t batch = (size_t)j->batch;
    const size_t pixels = 3 * (size_t)j->info.height * (size_t)j->info.width;
    j->logits = calloc((size_t)j->info.classes, sizeof *j->logits);
    j->reals = ln_alloc_aligned(pixels, sizeof *j->reals);
    if (!j->logits || !j->reals) return cli_out_of_memory("answers");
    if (j->in.n == 1 && j->out.n == 1 && j->in.info[0].dtype != LINNET_I32 &&
        j->out.info[0].dtype != LINNET_I32 && cli_tensor_count(&j->in.info[0]) == batch * pixels &&
        cli_tensor_count(&j->out.info[0]) == batch * (size_t)j->info.classes)
        return CLI_OK;
    return no_classifier(j);
}

/* A softmax of the logarithms of probabilities gives them back. */
static void answer(const job *j, int row, cli_answer *r) {
    const size_t n = (size_t)j->info.classes;
    float *logits = j->logits;
    cli_to_reals(&j->out.info[0], j->out.data[0], (size_t)row * n, n, logits);
    for (int i = 0; j->info.probabilities && i < j->info.classes; i++) logits[i] = logf(logits[i]);
    r->n_top = linnet_topk(logits, j->info.classes, j->k, r->top);
}

static int run_batch(job *j) {
    linnet_error err = {0};
    double start = ln_now();
    if (linnet_session_run(j->session, (const void *const *)j->in.data, j->out.data, &err) !=
        LINNET_OK)
        return cli_report(&err);
    double took = ln_now() - start;
    if (!j->run_time) j->first_run = took;
    j->run_time += took;
    for (int i = 0, row = 0; i < j->n_pending; i++) {
        cli_answer *r = &j->pending[i];
        if (r->error) continue;
        answer(j, row++, r);
    }
    j->filled = 0;
    return CLI_OK;
}

/* ---- answers ---- */
static int flush(job *j) {
    int status = j->filled ? run_batch(j) : CLI_OK;
    if (!status) status = cli_answers_put(j->answers, j->pending, j->n_pending);
    if (!status) {
        j->done += j->n_pending;
        cli_progress_set(&j->progress, j->done);
    }
    for (int i = 0; i < j->n_pending; i++) {
        free(j->pending[i].image);
        free(j->pending[i].error);
    }
    j->n_pending = 0;
    return status;
}

/* The reason alone: the answer names the picture already. */
static const char *reason(const cli_picture *p) {
    size_t n = 0;
    const char *m = p->err.message; /* control characters are spaces in it */
    for (; p->path[n]; n++)
        if (m[n] != p->path[n] && !(m[n] == ' ' && iscntrl((unsigned char)p->path[n]))) return m;
    return m[n] == ':' && m[n + 1] == ' ' ? m + n + 2 : m;
}

static int add_picture(job *j, const cli_picture *p) {
    cli_answer *r = &j->pending[j->n_pending];
    *r =
        (cli_answer){.image = strdup(p->path), .top = j->top + (size_t)j->n_pending * (size_t)j->k};
    if (!r->image) return cli_out_of_memory("a name");
    j->n_pending++;
    if (p->err.status != LINNET_OK) {
        cli_message("linnet: %s: %s; skipped", p->path, reason(p));
        j->bad++;
        j->last = p->err.status;
        return (r->error = strdup(reason(p))) ? CLI_OK : cli_out_of_memory("a message");
    }
    int status = j->session ? CLI_OK : open_session(j);
    if (status) return status;
    const linnet_tensor_info *in = &j->in.info[0];
    size_t image = cli_tensor_count(in) / (size_t)j->batch;
    char *to = (char *)j->in.data[0] + image * cli_element_size(in) * (size_t)j->filled++;
    if (in->dtype == LINNET_U8 && in->scale == 0) {
        memcpy(to, p->pixels, image);
    } else {
        linnet_image_normalise(j->model, p->pixels, j->reals);
        cli_from_reals(in, j->reals, image, to);
    }
    j->good++;
    return CLI_OK;
}

static int classify_all(job *j, cli_source *source) {
    cli_decoder *decoder = NULL;
    int status = cli_decoder_start(j->model, source, LN_MIN(2 * j->batch + 2, 64), &decoder);
    for (const cli_picture *p; !status && (p = cli_decoder_next(decoder));) {
        status = add_picture(j, p);
        if (!status && (j->filled == j->batch || !j->filled || j->n_pending == MOST_PENDING))
            status = flush(j);
    }
    if (!status) status = flush(j);
    cli_decoder_stop(&decoder);
    return status;
}

static void print_times(const job *j) {
    linnet_device_info d;
    double all = ln_now() - j->start;
    if (cli_quiet() || linnet_device_get_info(j->device, &d) != LINNET_OK) return;
    if (j->good == 1)
        cli_message("%s on %s: %.1f ms, %.2f s with start-up", j->info.name, d.name,
                    1e3 * j->run_time, all);
    else
        cli_message("%s on %s: %lld images in %.2f s, %.1f ms an image on the device", j->info.name,
                    d.name, (long long)j->good, all, 1e3 * j->run_time / (double)j->good);
}

/* ---- the verb ---- */
static int run_job(job *j, cli_source *source) {
    linnet_error err = {0};
    int64_t count = cli_source_count(source), kept = 0, failed = 0;
    int status = CLI_OK;
    if (linnet_model_get_info(j->model, &j->info, &err) != LINNET_OK) return cli_report(&err);
    if (j->info.classes < 1 || j->info.height < 1 || j->info.channels != 3) return no_classifier(j);
    if (j->info.prep_unknown && !cli_quiet())
        cli_message("linnet: %s does not say how its pictures are prepared: scaled to 0..1, with "
                    "ImageNet's mean and deviation; --mean, --std, --crop-pct and --resize change "
                    "that",
                    j->info.name);
    if (cli_has(j->o, OPT_RESUME))
        status = cli_answers_resume(j->o, j->model, source, &kept, &failed);
    if (!status) status = cli_answers_open(j->o, j->model, count == 1, &j->answers);
    if (status) return status;
    j->bad = failed;
    j->done = kept;
    int64_t left = count < 0 ? DEFAULT_BATCH : count - kept;
    j->batch = cli_batch(j->o, j->model, (int)LN_MIN(LN_MAX(left, 1), DEFAULT_BATCH));
    j->many = count < 0 || left > j->batch;
    j->k = cli_top(j->o, &j->info);
    if (!(j->top = calloc((size_t)MOST_PENDING * (size_t)j->k, sizeof *j->top)))
        status = cli_out_of_memory("answers");
    cli_progress_start(&j->progress, j->o, "classify", kept, count);
    if (!status) status = classify_all(j, source);
    if (!status) status = cli_source_finish(source);
    cli_progress_end(&j->progress);
    status = cli_answers_close(&j->answers, status);
    if (!status && kept && j->done == kept && !cli_quiet())
        cli_message("linnet: %s: %lld done before, nothing left; %lld failed",
                    j->o->value[OPT_OUTPUT], (long long)kept, (long long)failed);
    if (status || !j->bad) return status;
    return count == 1 && j->last ? cli_exit_status(j->last) : CLI_WRONG;
}

static int run(const cli_options *o) {
    job *j = calloc(1, sizeof *j);
    cli_source *source = NULL;
    if (!j) return cli_out_of_memory("a job");
    j->o = o;
    j->start = ln_now();
    cli_device_begin(o);
    int status = cli_model_open(o, o->arg[0], false, false, &j->model);
    if (!status) status = cli_source_open(o->arg + 1, o->n_arg - 1, &source);
    if (!status) status = run_job(j, source);
    if (j->good && (status == CLI_OK || status == CLI_WRONG)) print_times(j);
    for (int i = 0; i < j->n_pending; i++) {
        free(j->pending[i].image);
        free(j->pending[i].error);
    }
    cli_tensors_free(&j->out);
    cli_tensors_free(&j->in);
    linnet_session_destroy(&j->session);
    cli_device_forget();
    linnet_device_close(&j->device);
    linnet_model_close(&j->model);
    cli_source_close(&source);
    free(j->top);
    free(j->logits);
    free(j->reals);
    free(j);
    return status;
}

const cli_verb cli_verb_classify = {
    .name = "classify",
    .args = "MODEL IMAGES...",
    .help = "the most probable classes of pictures",
    .about =
        "IMAGES are files, folders (the pictures directly in them, by name), globs, or - for a\n"
        "list on standard input, a name a line. A picture that cannot be read is reported and\n"
        "left out, and the exit status is 1 at the end. JSON lines written to --output can be\n"
        "gone on with after an interruption by giving the same command with --resume; until the\n"
        "job is done, F.jsonl.resume beside them tells whether it is the same.\n"
        "Batches of 8 unless there are fewer pictures; -b 1 answers each at once.",
    .options = OPTS_RESULT | OPTS_MODEL | OPTS_RUN | BIT(MEAN) | BIT(STD) | BIT(CROP_PCT) |
               BIT(RESIZE) | BIT(LABELS) | BIT(TOP) | BIT(RESUME),
    .min_arg = 2,
    .max_arg = -1,
    .formats = "text|json|jsonl|csv|md",
    .run = run,
};
