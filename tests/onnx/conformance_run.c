/* One test: the model through importer, passes, plan and session. Inputs that a network's shapes
 * depend on (axes, sizes, bounds) become constants when it cannot be imported without. */
#include "tests/onnx/conformance.h"

#include "engine/passes/passes.h"
#include "engine/session.h"

#include <stdlib.h>

typedef struct trial {
    ln_device *device;
    ln_net *model;
    ln_graph *graph;
    ln_session *session;
    ln_net_bind bind[MAX_PORTS];
    linnet_error err;
} trial;

/* Which inputs become constants, from none on. */
enum { NONE, WHOLE_VECTORS, VECTORS, BINDINGS };

static bool bound(int how, const ln_net_tensor *t) {
    const bool whole = t->type == LN_ONNX_INT64 || t->type == LN_ONNX_INT32;
    if (how == NONE || t->shape.rank > 1 || t->count > 64) return false;
    return how == VECTORS || whole;
}

/* The tests' files have bfloat16 as uint16. */
static void retype(ln_net_tensor *t, int declared) {
    if (t->type == LN_ONNX_UINT16 && declared == LN_ONNX_BFLOAT16) t->type = declared;
}

static linnet_status import(trial *t, const cf_data *d, int how) {
    for (int i = 0; i < t->model->n_input && i < d->n_in; i++) {
        const ln_net_tensor *x = &d->in[i].t;
        t->bind[i] = (ln_net_bind){.shape = x->shape, .planar = x->shape.rank == 4};
        t->bind[i].planar &= ln_type_is_float(x->type);
        if (bound(how, x)) t->bind[i].value = x;
    }
    return ln_net_graph(t->model, t->bind, &t->graph, &t->err);
}

static verdict fail(char *why, size_t size, const char *what, const linnet_error *err) {
    snprintf(why, size, "%s: %s", what, err->message);
    return err->status == LINNET_ERR_UNSUPPORTED ? UNSUPPORTED : FAILED;
}

static verdict open_trial(trial *t, const char *folder, cf_data *d, char *why, size_t size) {
    char path[1024];
    ln_plan *plan = NULL;
    snprintf(path, sizeof path, "%s/model.onnx", folder);
    if (ln_onnx_open(path, &t->model, &t->err) != LINNET_OK)
        return fail(why, size, "open", &t->err);
    if (d->n_in != t->model->n_input || d->n_out != t->model->n_output) {
        snprintf(why, size, "%d inputs and %d outputs in the test, %d and %d in the model", d->n_in,
                 d->n_out, t->model->n_input, t->model->n_output);
        return FAILED;
    }
    for (int i = 0; i < d->n_in; i++) retype(&d->in[i].t, t->model->input[i].type);
    for (int i = 0; i < d->n_out; i++) retype(&d->out[i].t, t->model->output[i].type);
    linnet_status st = LINNET_ERR_UNSUPPORTED;
    for (int how = NONE; how < BINDINGS && st == LINNET_ERR_UNSUPPORTED; how++)
        st = import(t, d, how);
    if (st != LINNET_OK) return fail(why, size, "import", &t->err);
    if (ln_passes_run(t->graph, NULL, &t->err) != LINNET_OK)
        return fail(why, size, "passes", &t->err);
    if (ln_plan_create(t->graph, ln_device_caps(t->device), NULL, &plan, &t->err) != LINNET_OK)
        return fail(why, size, "plan", &t->err);
    const ln_session_params how = {.stream = LN_STREAM_LAUNCHES};
    if (ln_session_create(t->device, plan, &how, &t->session, &t->err) != LINNET_OK)
        return fail(why, size, "session", &t->err);
    return PASSED;
}

/* ONNX's order of a graph tensor's dimensions, and its rank. */
static ln_shape outer_shape(const ln_tensor *x) {
    ln_shape s = x->shape;
    if (x->file_rank == 0) return (ln_shape){0};
    return s.rank == 4 && !x->as_is ? ln_shape_from_last(&s) : s;
}

static verdict compare(trial *t, int i, const ln_net_tensor *want, const void *words, char *why,
                       size_t size) {
    const ln_tensor *x = &t->graph->tensor[t->graph->output[i]];
    ln_shape s = outer_shape(x);
    char a[96], b[96];
    if (s.rank && ln_session_rows(t->session, i, &s.dim[0], &t->err) != LINNET_OK)
        return fail(why, size, "rows", &t->err);
    if (!ln_shape_equal(&s, &want->shape)) {
        snprintf(why, size, "output %d has shape %s, not %s", i, ln_shape_text(&s, a),
                 ln_shape_text(&want->shape, b));
        return FAILED;
    }
    if (x->file_dtype != ln_imp_file_dtype(want->type)) {
        snprintf(why, size, "output %d is %s, not %s", i, ln_dtype_names[x->file_dtype],
                 ln_onnx_type_name(want->type));
        return FAILED;
    }
    return cf_close(want, words, x->dtype == LN_F32, why, size) ? PASSED : FAILED;
}

static verdict run_trial(trial *t, const cf_data *d, char *why, size_t size) {
    const ln_graph *g = t->graph;
    void *in[MAX_PORTS] = {0}, *out[MAX_PORTS] = {0};
    verdict v = PASSED;
    int n = 0;
    for (int i = 0; i < d->n_in; i++)
        if (!t->bind[i].value) {
            in[n] = cf_words(&d->in[i].t, g->tensor[g->input[n]].dtype == LN_F32);
            n++;
        }
    for (int i = 0; i < d->n_out; i++) {
        int64_t count = 0;
        ln_shape_count(&g->tensor[g->output[i]].shape, &count);
        out[i] = calloc((size_t)count, 4);
    }
    if (ln_session_run(t->session, (const void *const *)in, (void *const *)out, &t->err) !=
        LINNET_OK)
        v = fail(why, size, "run", &t->err);
    for (int i = 0; i < d->n_out && v == PASSED; i++)
        v = compare(t, i, &d->out[i].t, out[i], why, size);
    for (int i = 0; i < MAX_PORTS; i++) {
        free(in[i]);
        free(out[i]);
    }
    return v;
}

verdict cf_run(ln_device *device, const char *folder, char *why, size_t size) {
    trial t = {.device = device};
    cf_data d;
    char set[1024];
    verdict v;
    *why = 0;
    snprintf(set, sizeof set, "%s/test_data_set_0", folder);
    if (cf_read(set, &d)) {
        v = open_trial(&t, folder, &d, why, size);
        if (v == PASSED) v = run_trial(&t, &d, why, size);
    } else {
        snprintf(why, size, "its tensors are of types that are not supported");
        v = UNSUPPORTED;
    }
    ln_session_destroy(&t.session);
    ln_graph_destroy(&t.graph);
    ln_onnx_close(&t.model);
    cf_free(&d);
    return v;
}
