#include "engine/session_io.h"

#include <stdlib.h>
#include <string.h>

struct ln_io {
    const ln_plan *plan;
    ln_queue *queue;
    ln_buffer *arena;
    char *shared;  /* the arena as the host sees it, or NULL */
    void *staging; /* host side of a layout change, grown on demand */
    size_t staging_bytes;
    void **own; /* what ln_io_memory made, inputs first */
};

static linnet_status grow_staging(ln_io *io, size_t bytes, linnet_error *err) {
    if (bytes <= io->staging_bytes) return LINNET_OK;
    free(io->staging);
    io->staging_bytes = 0;
    io->staging = malloc(bytes);
    if (!io->staging) return ln_fail_oom(err, "staging", bytes);
    io->staging_bytes = bytes;
    return LINNET_OK;
}

typedef struct span {
    ln_dims d;
    size_t offset, pitch, row, pixels; /* bytes; pixels: how many */
} span;

static span span_of(const ln_io *io, ln_tid t) {
    const ln_place *pl = &io->plan->place[t];
    ln_dims d = ln_dims_of(&io->plan->graph->tensor[t].shape);
    return (span){d, (size_t)pl->offset, (size_t)(pl->ps * pl->elem), (size_t)(d.c * pl->elem),
                  (size_t)(d.n * d.h * d.w)};
}

static size_t dense_bytes(const span *v) {
    return v->pixels * v->row;
}

static void to_planar(const ln_io *io, ln_tid t, const void *src, void *dst) {
    const ln_tensor *x = &io->plan->graph->tensor[t];
    ln_nhwc_to_nchw(&x->shape, x->dtype, src, dst);
}

static void from_planar(const ln_io *io, ln_tid t, const void *src, void *dst) {
    const ln_tensor *x = &io->plan->graph->tensor[t];
    ln_nchw_to_nhwc(&x->shape, x->dtype, src, dst);
}

/* Whether the caller has t as N,C,H,W. */
static bool is_planar(const ln_io *io, ln_tid t) {
    const ln_tensor *x = &io->plan->graph->tensor[t];
    return x->shape.rank == 4 && !x->as_is;
}

/* Whether the caller's elements are others than the arena's: bytes without a sign. */
static bool differs(const ln_io *io, ln_tid t) {
    const ln_tensor *x = &io->plan->graph->tensor[t];
    return ln_tensor_io_dtype(x) != x->dtype;
}

/* Where t lies in a shared arena just as the caller has it; else NULL. */
static void *in_place(const ln_io *io, ln_tid t) {
    const ln_tensor *x = &io->plan->graph->tensor[t];
    const ln_place *pl = &io->plan->place[t];
    span v = span_of(io, t);
    if (!io->shared || x->kind == LN_TENSOR_CONST || differs(io, t)) return NULL;
    if (!pl->dense && (is_planar(io, t) || (v.pixels > 1 && v.pitch != v.row))) return NULL;
    if (x->kind == LN_TENSOR_INPUT && pl->last < io->plan->graph->n_node) return NULL;
    return io->shared + v.offset;
}

/* ---- single tensors ---- */

/* Pixels of few bytes, as pictures have them, a word each. flip: bytes lose their sign. */
static void spread_words(const span *v, bool flip, const char *dense, char *to) {
    uint64_t mask = 0, sign = 0, e = 0;
    memset(&mask, 0xff, v->row);
    memset(&sign, flip ? 0x80 : 0, v->row);
    for (size_t i = 0; i < v->pixels; i++, dense += v->row, to += v->pitch) {
        if ((v->pixels - i) * v->row >= sizeof e)
            memcpy(&e, dense, sizeof e);
        else
            memcpy(&e, dense, v->row);
        e = (e & mask) ^ sign;
        memcpy(to, &e, sizeof e);
    }
}

/* Padded pixels of `own` bytes; lanes beyond the channels become zero. x: the caller's elements are
 * those of this tensor; NULL: they are the arena's. */
static void spread(const span *v, const ln_tensor *x, size_t own, const char *dense, char *to) {
    if (own == sizeof(uint64_t)) {
        spread_words(v, x && ln_tensor_io_dtype(x) != x->dtype, dense, to);
        return;
    }
    for (size_t i = 0; i < v->pixels; i++, to += v->pitch) {
        memcpy(to, dense + i * v->row, v->row);
        if (x) ln_tensor_io_copy(x, to, to, (size_t)v->d.c);
        memset(to + v->row, 0, own - v->row);
    }
}

/* Through the queue all pixels are written as one; a slice's neighbours lie in the gaps, so these
 * are read first. */
static linnet_status write_pixels(ln_io *io, ln_tid t, const void *dense, bool outside,
                                  linnet_error *err) {
    const ln_tensor *x = outside ? &io->plan->graph->tensor[t] : NULL;
    span v = span_of(io, t);
    size_t own = (size_t)(ln_round_up(v.d.c, LN_CPAD) * io->plan->place[t].elem);
    size_t bytes = (v.pixels - 1) * v.pitch + own;
    if (io->shared) {
        spread(&v, x, own, dense, io->shared + v.offset);
        return LINNET_OK;
    }
    LN_TRY(grow_staging(io, bytes, err));
    if (v.pitch > own)
        LN_TRY(ln_queue_read(io->queue, io->arena, v.offset, io->staging, bytes, err));
    spread(&v, x, own, dense, io->staging);
    return ln_queue_write(io->queue, io->arena, v.offset, io->staging, bytes, err);
}

static linnet_status read_pixels(ln_io *io, ln_tid t, void *dense, linnet_error *err) {
    if (io->plan->graph->tensor[t].kind == LN_TENSOR_CONST)
        return ln_const_copy(io->plan->graph, t, dense, err);
    span v = span_of(io, t);
    if (!io->shared)
        return ln_queue_read_rows(io->queue, io->arena, v.offset, v.pitch, v.row, v.pixels, dense,
                                  err);
    if (v.pitch == v.row) v.row *= v.pixels, v.pixels = 1;
    for (size_t i = 0; i < v.pixels; i++)
        memcpy((char *)dense + i * v.row, io->shared + v.offset + i * v.pitch, v.row);
    return LINNET_OK;
}

/* The host has floats. */
static linnet_status write_halves(ln_io *io, ln_tid t, const float *dense, linnet_error *err) {
    span v = span_of(io, t);
    uint16_t *halves = malloc(dense_bytes(&v));
    if (!halves) return ln_fail_oom(err, "halves", dense_bytes(&v));
    ln_to_halves(halves, dense, v.pixels * (size_t)v.d.c);
    const linnet_status st = write_pixels(io, t, halves, false, err);
    free(halves);
    return st;
}

static linnet_status read_halves(ln_io *io, ln_tid t, float *dense, linnet_error *err) {
    span v = span_of(io, t);
    LN_TRY(read_pixels(io, t, dense, err));
    ln_from_halves(dense, (const uint16_t *)(const void *)dense, v.pixels * (size_t)v.d.c);
    return LINNET_OK;
}

static bool is_half(const ln_io *io, ln_tid t) {
    const ln_tensor *x = &io->plan->graph->tensor[t];
    return x->dtype == LN_F16 && x->kind != LN_TENSOR_CONST;
}

linnet_status ln_io_write(ln_io *io, ln_tid t, const void *dense, linnet_error *err) {
    if (is_half(io, t)) return write_halves(io, t, dense, err);
    if (!io->plan->place[t].dense) return write_pixels(io, t, dense, false, err);
    span v = span_of(io, t);
    LN_TRY(grow_staging(io, dense_bytes(&v), err));
    to_planar(io, t, dense, io->staging);
    return ln_queue_write(io->queue, io->arena, v.offset, io->staging, dense_bytes(&v), err);
}

linnet_status ln_io_read(ln_io *io, ln_tid t, void *dense, linnet_error *err) {
    if (is_half(io, t)) return read_halves(io, t, dense, err);
    if (!io->plan->place[t].dense) return read_pixels(io, t, dense, err);
    span v = span_of(io, t);
    LN_TRY(grow_staging(io, dense_bytes(&v), err));
    LN_TRY(ln_queue_read(io->queue, io->arena, v.offset, io->staging, dense_bytes(&v), err));
    from_planar(io, t, io->staging, dense);
    return LINNET_OK;
}

/* ---- runs ---- */

linnet_status ln_io_put(ln_io *io, int i, const void *data, linnet_error *err) {
    ln_tid t = io->plan->graph->input[i];
    span v = span_of(io, t);
    void *at = in_place(io, t);
    if (at && data != at) memcpy(at, data, dense_bytes(&v));
    if (at) return LINNET_OK;
    if (!io->plan->place[t].dense) return write_pixels(io, t, data, true, err);
    if (differs(io, t)) {
        if (!io->shared) LN_TRY(grow_staging(io, dense_bytes(&v), err));
        char *to = io->shared ? io->shared + v.offset : io->staging;
        ln_tensor_io_copy(&io->plan->graph->tensor[t], data, to, dense_bytes(&v));
        return io->shared
                   ? LINNET_OK
                   : ln_queue_write(io->queue, io->arena, v.offset, to, dense_bytes(&v), err);
    }
    return ln_queue_write_async(io->queue, io->arena, v.offset, data, dense_bytes(&v), err);
}

linnet_status ln_io_get(ln_io *io, int i, void *data, linnet_error *err) {
    ln_tid t = io->plan->graph->output[i];
    if (data == in_place(io, t)) return LINNET_OK;
    const bool turned = is_planar(io, t);
    span v = span_of(io, t);
    if (turned) LN_TRY(grow_staging(io, dense_bytes(&v), err));
    LN_TRY(read_pixels(io, t, turned ? io->staging : data, err));
    if (turned) to_planar(io, t, io->staging, data);
    ln_tensor_io_copy(&io->plan->graph->tensor[t], data, data, v.pixels * (size_t)v.d.c);
    return LINNET_OK;
}

linnet_status ln_io_copy(ln_io *io, ln_copy_way way, int i, void *mem, linnet_error *err) {
    const ln_graph *g = io->plan->graph;
    ln_tid t = way == LN_COPY_IN ? g->input[i] : g->output[i];
    span v = span_of(io, t);
    if (differs(io, t))
        return ln_fail(err, LINNET_ERR_UNSUPPORTED,
                       "%s: bytes without a sign come from and go to host memory only",
                       g->tensor[t].name);
    bool planar = io->plan->place[t].dense;
    size_t row = planar ? dense_bytes(&v) : v.row;
    return ln_queue_copy_rows(io->queue, way, mem, io->arena, v.offset, planar ? row : v.pitch, row,
                              planar ? 1 : v.pixels, err);
}

linnet_status ln_io_memory(ln_io *io, bool output, int i, void **out, linnet_error *err) {
    const ln_graph *g = io->plan->graph;
    ln_tid t = output ? g->output[i] : g->input[i];
    void **own = &io->own[output ? g->n_input + i : i];
    span v = span_of(io, t);
    *out = in_place(io, t);
    if (*out) return LINNET_OK;
    if (!*own) {
        *own = ln_alloc_aligned(dense_bytes(&v), 1);
        if (!*own) return ln_fail_oom(err, "inputs and outputs", dense_bytes(&v));
        memset(*own, 0, dense_bytes(&v));
    }
    *out = *own;
    return LINNET_OK;
}

/* ---- creation ---- */

/* Host memory for what comes in or goes out in another layout, so that a run needs none. */
static linnet_status reserve_staging(ln_io *io, linnet_error *err) {
    const ln_graph *g = io->plan->graph;
    size_t most = 0;
    for (int i = 0; i < g->n_input && !io->shared; i++) {
        span v = span_of(io, g->input[i]);
        if (!io->plan->place[g->input[i]].dense || differs(io, g->input[i]))
            most = LN_MAX(most, v.pixels * LN_MAX(v.pitch, v.row));
    }
    for (int i = 0; i < g->n_output; i++) {
        span v = span_of(io, g->output[i]);
        if (is_planar(io, g->output[i])) most = LN_MAX(most, dense_bytes(&v));
    }
    return most ? grow_staging(io, most, err) : LINNET_OK;
}

linnet_status ln_io_create(const ln_stage *stage, ln_io **out, linnet_error *err) {
    *out = NULL;
    ln_io *io = calloc(1, sizeof *io);
    if (!io) return ln_fail_oom(err, "inputs and outputs", sizeof *io);
    const ln_graph *g = stage->plan->graph;
    const size_t n = (size_t)(g->n_input + g->n_output) + 1;
    io->plan = stage->plan;
    io->queue = stage->queue;
    io->arena = stage->arena;
    io->shared = ln_buffer_host(stage->arena);
    io->own = calloc(n, sizeof *io->own);
    linnet_status st = io->own ? reserve_staging(io, err)
                               : ln_fail_oom(err, "inputs and outputs", n * sizeof *io->own);
    if (st != LINNET_OK) ln_io_destroy(&io);
    *out = io;
    return st;
}

void ln_io_destroy(ln_io **at) {
    ln_io *io = *at;
    *at = NULL;
    if (!io) return;
    const ln_graph *g = io->plan->graph;
    for (int i = 0; io->own && i < g->n_input + g->n_output; i++) free(io->own[i]);
    free((void *)io->own);
    free(io->staging);
    free(io);
}
