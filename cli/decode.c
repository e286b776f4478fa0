/* Pictures decoded on worker threads, a bounded number ahead, handed out in order. */
#include "cli/cli.h"
#include "base/thread.h"

#include <stdlib.h>
#include <string.h>

typedef struct slot {
    cli_picture picture;
    bool ready;
} slot;

struct cli_decoder {
    const linnet_model *model;
    cli_source *source;
    pthread_t *thread;
    int n_thread, n_slot;
    slot *slot;
    uint8_t *pixels;
    size_t image;                /* bytes of one */
    pthread_mutex_t input, lock; /* input: who asks the source; lock: all below */
    pthread_cond_t changed;
    int64_t taken, head, end; /* numbers: taken by workers, next to hand out, end or -1 */
    bool held;                /* the picture at head is with the caller */
    atomic_bool stop;
};

/* Takes a path and its number; false when there are no more. */
static bool take(cli_decoder *d, int64_t *number, char **path, linnet_error *err) {
    pthread_mutex_lock(&d->input);
    bool more =
        d->end < 0 && !atomic_load(&d->stop) && (*path = cli_source_next(d->source, &d->stop, err));
    *number = more ? d->taken++ : d->taken;
    if (!more) {
        pthread_mutex_lock(&d->lock);
        d->end = d->taken;
        pthread_cond_broadcast(&d->changed);
        pthread_mutex_unlock(&d->lock);
    }
    pthread_mutex_unlock(&d->input);
    return more;
}

/* Slot of a number, once the picture that had it before has been used. */
static slot *wait_for_slot(cli_decoder *d, int64_t number) {
    pthread_mutex_lock(&d->lock);
    while (number >= d->head + d->n_slot && !atomic_load(&d->stop))
        pthread_cond_wait(&d->changed, &d->lock);
    pthread_mutex_unlock(&d->lock);
    return atomic_load(&d->stop) ? NULL : &d->slot[number % d->n_slot];
}

static void *work(void *user) {
    cli_decoder *d = user;
    int64_t number;
    char *path;
    linnet_error err;
    while (take(d, &number, &path, &err)) {
        slot *s = wait_for_slot(d, number);
        if (!s) {
            free(path);
            break;
        }
        free(s->picture.path);
        s->picture.path = path;
        s->picture.err = err;
        if (err.status == LINNET_OK)
            linnet_image_load_bytes(d->model, path, s->picture.pixels, &s->picture.err);
        pthread_mutex_lock(&d->lock);
        s->ready = true;
        pthread_cond_broadcast(&d->changed);
        pthread_mutex_unlock(&d->lock);
    }
    return NULL;
}

static int start(cli_decoder *d) {
    linnet_model_info info;
    linnet_error err;
    size_t all;
    if (linnet_model_get_info(d->model, &info, &err) != LINNET_OK) return cli_report(&err);
    d->image = 3 * (size_t)info.height * (size_t)info.width;
    d->slot = calloc((size_t)d->n_slot, sizeof *d->slot);
    d->thread = calloc((size_t)ln_cpu_count(), sizeof *d->thread);
    if (ln_mul_size(d->image, (size_t)d->n_slot, &all))
        d->pixels = ln_alloc_aligned(all, sizeof *d->pixels);
    if (!d->slot || !d->thread || !d->pixels) return cli_out_of_memory("decoded pictures");
    for (int i = 0; i < d->n_slot; i++)
        d->slot[i].picture.pixels = d->pixels + (size_t)i * d->image;
    for (int i = 0; i < LN_MIN(ln_cpu_count(), d->n_slot); i++)
        if (pthread_create(&d->thread[d->n_thread], NULL, work, d) == 0) d->n_thread++;
    return d->n_thread ? CLI_OK : cli_out_of_memory("threads");
}

int cli_decoder_start(const linnet_model *m, cli_source *s, int slots, cli_decoder **out) {
    cli_decoder *d = calloc(1, sizeof *d);
    if (!d) return cli_out_of_memory("decoding");
    d->model = m;
    d->source = s;
    d->n_slot = slots;
    d->end = -1;
    pthread_mutex_init(&d->input, NULL);
    pthread_mutex_init(&d->lock, NULL);
    pthread_cond_init(&d->changed, NULL);
    *out = d;
    int status = start(d);
    if (status) cli_decoder_stop(out);
    return status;
}

const cli_picture *cli_decoder_next(cli_decoder *d) {
    pthread_mutex_lock(&d->lock);
    if (d->held) {
        d->slot[d->head % d->n_slot].ready = false;
        d->head++;
        pthread_cond_broadcast(&d->changed);
    }
    slot *s = &d->slot[d->head % d->n_slot];
    while (!s->ready && d->head != d->end) pthread_cond_wait(&d->changed, &d->lock);
    d->held = s->ready;
    pthread_mutex_unlock(&d->lock);
    return d->held ? &s->picture : NULL;
}

void cli_decoder_stop(cli_decoder **decoder) {
    cli_decoder *d = *decoder;
    if (!d) return;
    pthread_mutex_lock(&d->lock);
    atomic_store(&d->stop, true);
    pthread_cond_broadcast(&d->changed);
    pthread_mutex_unlock(&d->lock);
    for (int i = 0; i < d->n_thread; i++) pthread_join(d->thread[i], NULL);
    for (int i = 0; d->slot && i < d->n_slot; i++) free(d->slot[i].picture.path);
    pthread_cond_destroy(&d->changed);
    pthread_mutex_destroy(&d->lock);
    pthread_mutex_destroy(&d->input);
    free(d->pixels);
    free(d->thread);
    free(d->slot);
    free(d);
    *decoder = NULL;
}
