/* A network that shows its activations, on a device or by the C reference. */
#include "engine/ptq_parts.h"
#include "engine/ref/ref.h"
#include "engine/session.h"

#include <stdlib.h>
#include <string.h>

struct ln_ptq_probe {
    ln_graph *g; /* a copy; names and constants are those of the graph it is of */
    ln_session *dev;
    ln_ref *ref;
    ln_tid *t; /* to show, in the copy */
    int count;
    void **value; /* by output of the copy */
    int *output;  /* by i: the output that shows t[i] */
    float *input;
};

linnet_status ln_ptq_copy(const ln_graph *g, ln_graph **out, linnet_error *err) {
    LN_TRY(ln_graph_create(g->name, out, err));
    ln_graph *c = *out;
    c->tensor = malloc((size_t)LN_MAX(g->n_tensor, 1) * sizeof *c->tensor);
    c->node = malloc((size_t)LN_MAX(g->n_node, 1) * sizeof *c->node);
    c->input = malloc((size_t)LN_MAX(g->n_input, 1) * sizeof *c->input);
    c->output = malloc((size_t)LN_MAX(g->n_output, 1) * sizeof *c->output);
    if (!c->tensor || !c->node || !c->input || !c->output)
        return ln_fail_oom(err, "a copy of the graph", (size_t)g->n_tensor * sizeof *c->tensor);
    memcpy(c->tensor, g->tensor, (size_t)g->n_tensor * sizeof *c->tensor);
    memcpy(c->node, g->node, (size_t)g->n_node * sizeof *c->node);
    memcpy(c->input, g->input, (size_t)g->n_input * sizeof *c->input);
    memcpy(c->output, g->output, (size_t)g->n_output * sizeof *c->output);
    c->n_tensor = c->cap_tensor = g->n_tensor;
    c->n_node = c->cap_node = g->n_node;
    c->n_input = g->n_input;
    c->n_output = g->n_output;
    c->params = g->params;
    c->macs = g->macs;
    return LINNET_OK;
}

/* The output of the copy that shows t as floats in the shape's order; added where there is none. */
static linnet_status show(ln_ptq_probe *p, ln_tid t, int *at, linnet_error *err) {
    ln_graph *g = p->g;
    if (g->tensor[t].dtype == LN_I8) {
        const ln_attr none = {{{0}}};
        const char *name = ln_pool_printf(&g->pool, "%s.seen", g->tensor[t].name);
        if (!name) return ln_fail_oom(err, "a name", 1);
        t = ln_graph_node(g, LN_OP_DEQUANTIZE, name, &none, &t, 1, err);
        if (t == LN_NONE) return err->status;
    }
    g->tensor[t].as_is = true;
    *at = g->n_output;
    return ln_graph_output(g, t, err);
}

static linnet_status make_values(ln_ptq_probe *p, linnet_error *err) {
    const ln_graph *g = p->g;
    int64_t n = 0;
    p->value = calloc((size_t)g->n_output + 1, sizeof *p->value);
    for (int i = 0; p->value && i < g->n_output; i++) {
        if (!ln_shape_count(&g->tensor[g->output[i]].shape, &n) ||
            !(p->value[i] = ln_alloc_aligned((size_t)n, sizeof(float))))
            return ln_fail_oom(err, g->tensor[g->output[i]].name, (size_t)n * sizeof(float));
    }
    ln_shape_count(&g->tensor[g->input[0]].shape, &n);
    p->input = ln_alloc_aligned((size_t)n, sizeof *p->input);
    if (!p->value || !p->input) return ln_fail_oom(err, "activations", (size_t)n);
    return LINNET_OK;
}

static linnet_status create(ln_ptq_probe *p, const ln_graph *g, const ln_tid *t, ln_device *d,
                            linnet_error *err) {
    LN_TRY(ln_ptq_copy(g, &p->g, err));
    p->output = calloc((size_t)p->count + 1, sizeof *p->output);
    if (!p->output) return ln_fail_oom(err, "activations", (size_t)p->count);
    for (int i = 0; i < p->count; i++) {
        p->output[i] = -1;
        if (t[i] != LN_NONE) LN_TRY(show(p, t[i], &p->output[i], err));
    }
    LN_TRY(make_values(p, err));
    if (!d) return ln_ref_create(p->g, &p->ref, err);
    const ln_session_params params = {.wait = LN_WAIT_SLEEP, .stream = LN_STREAM_LAUNCHES};
    ln_plan *plan = NULL;
    LN_TRY(ln_plan_create(p->g, ln_device_caps(d), NULL, &plan, err));
    return ln_session_create(d, plan, &params, &p->dev, err);
}

linnet_status ln_ptq_probe_create(const ln_graph *g, const ln_tid *t, int count, ln_device *d,
                                  ln_ptq_probe **out, linnet_error *err) {
    ln_ptq_probe *p = *out = calloc(1, sizeof *p);
    if (!p) return ln_fail_oom(err, "a probe", sizeof *p);
    p->count = count;
    const linnet_status st = create(p, g, t, d, err);
    if (st != LINNET_OK) ln_ptq_probe_destroy(out);
    return st;
}

void ln_ptq_probe_destroy(ln_ptq_probe **probe) {
    ln_ptq_probe *p = *probe;
    if (!p) return;
    ln_session_destroy(&p->dev);
    ln_ref_destroy(&p->ref);
    for (int i = 0; p->value && i < p->g->n_output; i++) free(p->value[i]);
    free(p->value);
    free(p->output);
    free(p->input);
    ln_graph_destroy(&p->g);
    free(p);
    *probe = NULL;
}

static linnet_status run_reference(ln_ptq_probe *p, const float *picture, linnet_error *err) {
    const ln_graph *g = p->g;
    const ln_tensor *in = &g->tensor[g->input[0]];
    int64_t n = 0;
    if (ln_tensor_planar(in)) {
        ln_nchw_to_nhwc(&in->shape, LN_F32, picture, p->input);
        picture = p->input;
    }
    LN_TRY(ln_ref_set(p->ref, g->input[0], picture, err));
    LN_TRY(ln_ref_run(p->ref, false, err));
    for (int i = 0; i < g->n_output; i++) {
        ln_shape_count(&g->tensor[g->output[i]].shape, &n);
        memcpy(p->value[i], p->ref->value[g->output[i]], (size_t)n * sizeof(float));
    }
    return LINNET_OK;
}

linnet_status ln_ptq_probe_run(ln_ptq_probe *p, const float *picture, linnet_error *err) {
    const void *in = picture;
    if (p->ref) return run_reference(p, picture, err);
    return ln_session_run(p->dev, &in, p->value, err);
}

const float *ln_ptq_probe_value(const ln_ptq_probe *p, int i, int64_t *count) {
    const int at = p->output[i];
    if (at < 0) return NULL;
    ln_shape_count(&p->g->tensor[p->g->output[at]].shape, count);
    return p->value[at];
}
