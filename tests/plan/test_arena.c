/* The memory plan, by simulation: every cell of the arena carries the value that was last written
 * to it, nodes run in order, and each must find the values it reads. */
#include "engine/plan.h"
#include "tests/plan/random_graph.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

/* Pixels of one row of what is joined: of dimensions axis to 2. */
static int64_t run_of(const ln_graph *g, ln_tid t, int axis) {
    int64_t n = 1;
    for (int d = axis; d < 3; d++) n *= g->tensor[t].shape.dim[d];
    return n;
}

/* The operand of a concat of pixels that has this one; its pixel there. */
static ln_tid operand_of(const ln_graph *g, const ln_node *n, int64_t *pixel) {
    const int axis = 3 - n->attr.concat.back;
    const int64_t all = run_of(g, n->out[0], axis), image = *pixel / all;
    int64_t r = *pixel % all;
    int k = 0;
    for (; r >= run_of(g, n->in[k], axis); k++) r -= run_of(g, n->in[k], axis);
    *pixel = image * run_of(g, n->in[k], axis) + r;
    return n->in[k];
}

/* What a cell holds, seen through concats and reshapes: the making tensor, pixel and channel. */
static uint64_t value(const ln_graph *g, ln_tid t, int64_t pixel, int64_t c) {
    for (int i = g->n_node - 1; i >= 0; i--) {
        const ln_node *n = &g->node[i];
        if (n->out[0] == t && n->op == LN_OP_CONCAT && n->attr.concat.back)
            t = operand_of(g, n, &pixel);
        if (n->out[0] != t || (!ln_node_is_plain_concat(n) && n->op != LN_OP_RESHAPE)) continue;
        int k = 0;
        for (; c >= g->tensor[n->in[k]].shape.dim[3]; k++) c -= g->tensor[n->in[k]].shape.dim[3];
        t = n->in[k];
    }
    return ((uint64_t)t << 40) | ((uint64_t)pixel << 20) | (uint64_t)c;
}

static int64_t cell(const ln_plan *p, ln_tid t, int64_t pixel, int64_t c) {
    const ln_place *pl = &p->place[t];
    int64_t at = pl->offset / 4 + (pl->dense ? 0 : pixel * pl->ps + c);
    if (pl->dense) {
        const ln_shape *s = &p->graph->tensor[t].shape;
        int64_t plane = s->dim[1] * s->dim[2];
        at += (pixel / plane * s->dim[3] + c) * plane + pixel % plane;
    }
    if (at < 0 || at * 4 >= p->arena_bytes) ck_abort_msg("tensor %d lies outside the arena", t);
    return at;
}

static void touch(const ln_plan *p, uint64_t *mem, ln_tid t, bool write, const char *who) {
    const ln_graph *g = p->graph;
    const ln_shape *s = &g->tensor[t].shape;
    int64_t pixels = s->dim[0] * s->dim[1] * s->dim[2];
    int64_t lanes = p->place[t].dense ? s->dim[3] : ln_round_up(s->dim[3], LN_CPAD);
    for (int64_t i = 0; i < pixels; i++)
        for (int64_t c = 0; c < lanes; c++) {
            uint64_t v = c < s->dim[3] ? value(g, t, i, c) : 0;
            if (write)
                mem[cell(p, t, i, c)] = v;
            else if (mem[cell(p, t, i, c)] != v)
                ck_abort_msg("%s: tensor %d pixel %d channel %d overwritten", who, t, (int)i,
                             (int)c);
        }
}

/* What nodes first..last read from outside. */
static void read_inputs(const ln_plan *p, uint64_t *mem, int first, int last) {
    const ln_graph *g = p->graph;
    for (int i = first; i <= last; i++)
        for (int k = 0; k < g->node[i].n_in; k++) {
            ln_tid t = g->node[i].in[k];
            if (t != LN_NONE && g->tensor[t].kind != LN_TENSOR_CONST && !ln_chain_inner(p, t))
                touch(p, mem, t, false, g->node[i].name);
        }
}

static void simulate(const ln_plan *p) {
    const ln_graph *g = p->graph;
    uint64_t *mem = calloc((size_t)p->arena_bytes / 4, sizeof *mem);
    for (int i = 0; i < g->n_input; i++) touch(p, mem, g->input[i], true, "input");
    for (int i = 0; i < g->n_node; i = p->choice[i].chain_end + 1) {
        int last = p->choice[i].chain_end;
        const ln_node *n = &g->node[last];
        read_inputs(p, mem, i, last);
        for (int64_t c = 0; c < p->scratch[i].bytes / 4; c++) mem[p->scratch[i].offset / 4 + c] = 1;
        for (int k = 0; k < n->n_out && !ln_plan_is_alias(p, n); k++)
            touch(p, mem, n->out[k], true, n->name);
        if (last > i) read_inputs(p, mem, i, last); /* other bands still do */
        for (int k = 0; k < n->n_out; k++) touch(p, mem, n->out[k], false, n->name);
    }
    for (int i = 0; i < g->n_output; i++) touch(p, mem, g->output[i], false, "output");
    free(mem);
}

static ln_plan place(ln_graph *g, const ln_plan_params *params) {
    linnet_error err;
    size_t nodes = (size_t)g->n_node + 1;
    ln_plan p = {.graph = g,
                 .caps = {.kind = LN_DEVICE_CPU, .vector_float = 16, .max_work_group = 64},
                 .place = calloc((size_t)g->n_tensor, sizeof(ln_place)),
                 .choice = calloc(nodes, sizeof(ln_choice)),
                 .scratch = calloc(nodes, sizeof(ln_place))};
    for (int i = 0; i < g->n_node; i++) {
        ln_site site = {g, &g->node[i], &p.caps};
        p.choice[i] = (ln_choice){.variant = ln_variant_choose(&site), .chain = i, .chain_end = i};
    }
    ck_assert_int_eq(ln_plan_place(&p, params, &err), LINNET_OK);
    return p;
}

static void unplace(ln_plan *p) {
    free(p->place);
    free(p->choice);
    free(p->scratch);
}

static bool always(void *user, const ln_plan *p, int first, int last) {
    *(int *)user += last > first && p != NULL;
    return true;
}

START_TEST(nothing_is_overwritten_while_it_is_needed) {
    int64_t shared = 0, alone = 0;
    int chains = 0;
    for (uint64_t s = 1; s <= 100; s++) {
        ln_graph *g = ln_test_random_graph(s);
        ln_plan_params params[] = {
            {0}, {.guard = 256}, {.no_sharing = true}, {.chain = always, .user = &chains}};
        for (size_t i = 0; i < LN_COUNT(params); i++) {
            ln_plan p = place(g, &params[i]);
            simulate(&p);
            if (i == 0) shared += p.arena_bytes;
            if (i == 2) alone += p.arena_bytes;
            unplace(&p);
        }
        ln_graph_destroy(&g);
    }
    ck_assert_int_lt(shared, alone);
    ck_assert_int_gt(chains, 3);
}
END_TEST

START_TEST(same_graph_same_plan) {
    ln_graph *g = ln_test_random_graph(7);
    ln_plan a = place(g, NULL), b = place(g, NULL);
    ck_assert_int_eq(memcmp(a.place, b.place, (size_t)g->n_tensor * sizeof(ln_place)), 0);
    unplace(&a);
    unplace(&b);
    ln_graph_destroy(&g);
}
END_TEST

/* x -> a -> b -> a2 in a chain of residual blocks: two buffers and the expansion are enough. */
static ln_tid weights(ln_graph *g, int64_t out, int64_t in) {
    float *data;
    return ln_graph_const_new(g, "w", ln_nhwc(out, 1, 1, in), &data, NULL);
}

/* Squeeze-and-excitation stays one step where images keep half of the units busy, or all of them
 * when the weights are many, and comes apart into three that read and make the same tensors where
 * not or where nothing runs it whole. */
START_TEST(a_gate_comes_apart_for_many_units) {
    static const struct {
        uint32_t units;
        int n, c, squeezed, nodes;
    } rows[] = {{2, 1, 8, 4, 3},     {3, 1, 8, 4, 5},     {8, 4, 8, 4, 3},
                {8, 3, 8, 4, 5},     {1, 1, 8, 1024, 3},  {1, 1, 8, 1025, 5},
                {2, 1, 256, 256, 3}, {2, 1, 264, 256, 5}, {2, 2, 264, 256, 3}};
    for (size_t i = 0; i < LN_COUNT(rows); i++) {
        ln_graph *g;
        ln_plan *p;
        linnet_error err;
        ln_caps caps = {.kind = LN_DEVICE_CPU,
                        .compute_units = rows[i].units,
                        .max_work_group = 64,
                        .vector_float = 8};
        ck_assert_int_eq(ln_graph_create("g", &g, &err), LINNET_OK);
        const ln_attr act = {.act = ln_act_relu()};
        const ln_attr attr = {.se = {ln_act_relu(), ln_act_of(LN_ACT_SIGMOID)}};
        const ln_tid in = ln_graph_input(g, "x", ln_nhwc(rows[i].n, 3, 3, rows[i].c), &err);
        const ln_tid x = ln_graph_node(g, LN_OP_ACT, "a", &act, &in, 1, &err);
        const ln_tid se[] = {x, weights(g, rows[i].squeezed, rows[i].c),
                             weights(g, rows[i].c, rows[i].squeezed)};
        const ln_tid gate = ln_graph_node(g, LN_OP_SE, "se", &attr, se, 3, &err);
        const ln_tid two[] = {x, gate};
        const ln_tid y = ln_graph_node(g, LN_OP_MUL, "m", &(ln_attr){0}, two, 2, &err);
        ck_assert_int_eq(ln_graph_output(g, y, &err), LINNET_OK);
        ck_assert_msg(ln_plan_create(g, &caps, NULL, &p, &err) == LINNET_OK, "%s", err.message);
        ck_assert_int_eq(g->n_node, rows[i].nodes);
        ck_assert_int_eq(ln_graph_verify(g, &err), LINNET_OK);
        const ln_node *last = &g->node[g->n_node - 2];
        ck_assert_int_eq(last->out[0], gate);
        ck_assert_str_eq(last->name, "se");
        ck_assert_int_eq(last->op, rows[i].nodes == 3 ? LN_OP_SE : LN_OP_CONV2D);
        if (last->op == LN_OP_CONV2D) {
            ck_assert_str_eq(g->node[1].name, "se.pool");
            ck_assert_str_eq(g->node[2].name, "se.reduce");
            ck_assert_int_eq(g->node[2].attr.conv.act.kind, LN_ACT_CLAMP);
            ck_assert_int_eq(last->attr.conv.act.kind, LN_ACT_SIGMOID);
        }
        ln_plan_destroy(&p);
        ln_graph_destroy(&g);
    }
}
END_TEST

START_TEST(residual_chain_reuses_memory) {
    linnet_error err;
    ln_graph *g = NULL;
    ck_assert_int_eq(ln_graph_create("chain", &g, &err), LINNET_OK);
    ln_tid x = ln_test_conv(g, ln_graph_input(g, "x", ln_nhwc(1, 8, 8, 3), &err), 16, LN_NONE);
    for (int i = 0; i < 6; i++) x = ln_test_conv(g, ln_test_conv(g, x, 96, LN_NONE), 16, x);
    ck_assert_int_eq(ln_graph_output(g, x, &err), LINNET_OK);
    ln_plan p = place(g, NULL);
    simulate(&p);
    ck_assert_int_eq(p.arena_bytes, 8 * 8 * (16 + 96) * 4);
    ck_assert_int_eq(p.live_peak_bytes, p.arena_bytes);
    unplace(&p);
    ln_graph_destroy(&g);
}
END_TEST

int main(void) {
    Suite *s = suite_create("arena");
    TCase *t = tcase_create("place");
    tcase_set_timeout(t, 60);
    tcase_add_test(t, nothing_is_overwritten_while_it_is_needed);
    tcase_add_test(t, same_graph_same_plan);
    tcase_add_test(t, a_gate_comes_apart_for_many_units);
    tcase_add_test(t, residual_chain_reuses_memory);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
