/* A graph of a network at the caller's shapes. */
#include "models/import/bind.h"

#include <stdlib.h>

static const char **copy_texts(ln_pool *pool, const char *const *text, size_t n) {
    const char **out = ln_pool_alloc(pool, n, sizeof *out);
    for (size_t i = 0; out && i < n; i++) {
        out[i] = ln_pool_strdup(pool, text[i]);
        if (!out[i]) return NULL;
    }
    return out;
}

linnet_status ln_net_copy_given(ln_net_given *g, ln_pool *pool, const ln_model_params *p,
                                linnet_error *err) {
    *g = (ln_net_given){.shape = copy_texts(pool, p->shape, p->n_shape),
                        .n_shape = p->n_shape,
                        .hint = copy_texts(pool, p->hint, p->n_hint),
                        .n_hint = p->n_hint,
                        .layout = p->layout};
    if (g->shape && g->hint) return LINNET_OK;
    return ln_fail_oom(err, "shapes", (p->n_shape + p->n_hint) * sizeof *p->shape);
}

/* A file that fixes its batch can be run at another only where the fixed number is used nowhere
 * else: then every output has the new one in its place. */
static linnet_status check_batch(const ln_net *m, int64_t own, int64_t batch, const ln_graph *g,
                                 linnet_error *err) {
    for (int i = 0; i < m->n_output && i < g->n_output; i++) {
        const ln_net_port *p = &m->output[i];
        const ln_shape *s = &g->tensor[g->output[i]].shape;
        if (p->rank < 1 || p->dim[0].value != own || s->dim[0] == batch) continue;
        return ln_fail(err, LINNET_ERR_UNSUPPORTED,
                       "%.200s: made for batches of %lld alone (output %.100s does not follow); "
                       "export it with a dynamic batch",
                       m->path, (long long)own, p->name);
    }
    return LINNET_OK;
}

static linnet_status build(const ln_net *m, const ln_net_given *given, int64_t own, ln_graph **out,
                           linnet_error *err) {
    const bool other = given->batch && own && given->batch != own;
    ln_net_bind *bind = calloc((size_t)m->n_input + 1, sizeof *bind);
    if (!bind) return ln_fail_oom(err, "input shapes", (size_t)m->n_input * sizeof *bind);
    linnet_status st = ln_net_bind_inputs(m, given, bind, err);
    if (st == LINNET_OK) {
        st = ln_net_graph(m, bind, out, err);
        if (st != LINNET_OK && other)
            ln_fail_prefix(err, "batch %lld of a file made for %lld", (long long)given->batch,
                           (long long)own);
        if (st == LINNET_OK && other) st = check_batch(m, own, given->batch, *out, err);
    }
    free(bind);
    return st;
}

linnet_status ln_net_build(const ln_net *m, const ln_net_given *given, int64_t own, int64_t batch,
                           int64_t h, int64_t w, ln_graph **out, linnet_error *err) {
    ln_net_given g = *given;
    g.batch = batch;
    g.h = h;
    g.w = w;
    *out = NULL;
    const linnet_status st = build(m, &g, own, out, err);
    if (st != LINNET_OK) ln_graph_destroy(out);
    return st;
}
