#include "step.h"

#include "engine/passes/passes.h"
#include "engine/plan.h"
#include "host/host.h"

#define GUARD     512
#define POISON    0x7fc17fc1u /* a NaN that no kernel makes, and so is either half of it */
#define MAX_REL   2e-5
#define FEW_STEPS 5e-7 /* four of those that f32 can make */
#define HALF_STEP 0x1p-10

static int step_runs[512]; /* by variant index */
/* Ops that had cases, with constant weights or without, by the bytes of an element of x; PLAIN for
 * bytes that are numbers themselves. */
enum { PLAIN = 3 };
static bool step_ops[LN_OP_COUNT][2][5];
static ln_device *device;
static ln_queue *queue;
static linnet_error err;
static const ln_variant *forced;

#define OK(expr) ck_assert_msg((expr) == LINNET_OK, "%s: %s", #expr, err.message)

bool step_open(void) {
    if (ln_device_open(NULL, &device, &err) == LINNET_OK &&
        ln_queue_create(device, false, &queue, &err) == LINNET_OK)
        return true;
    fprintf(stderr, "no device: %s\n", err.message);
    return false;
}

void step_close(void) {
    ln_queue_destroy(&queue);
    ln_device_release(&device);
}

static const ln_variant *choose(void *user, const ln_site *s) {
    (void)user;
    return strcmp(s->node->name, "op") ? ln_variant_choose(s) : forced;
}

/* A plan and its three buffers, and the host's image of the arena before and after. */
typedef struct bed {
    tg t;
    ln_plan *plan;
    ln_ref *ref;
    const ln_step *step;
    const ln_node *node;
    ln_buffer *arena, *weights, *table;
    ln_program *program;
    ln_kernel *kernel;
    uint32_t *before, *after;
    size_t words;
} bed;

static bool is_activation(const bed *b, ln_tid t) {
    return t != LN_NONE && b->t.g->tensor[t].kind != LN_TENSOR_CONST;
}

static size_t elem_of(const bed *b, ln_tid t) {
    return ln_dtype_size(b->t.g->tensor[t].dtype);
}

/* Plans the case with the wanted variant; false when it cannot run it. */
static bool bed_plan(bed *b, step_build build, const void *user, const ln_variant *v,
                     bool sharing) {
    *b = (bed){0};
    if (ln_variant_is_fast(v)) return false; /* test_kernels has them */
    tg_open(&b->t, 7);
    build(&b->t, user);
    forced = v;
    if (ln_variant_tunable(v, "HALF", 0)) OK(ln_graph_halve(b->t.g, &err));
    for (int i = 0; i < b->t.g->n_node; i++) {
        ln_site s = {b->t.g, &b->t.g->node[i], ln_device_caps(device)};
        if (strcmp(s.node->name, "op")) continue;
        const int elem = (int)elem_of(b, s.node->in[0]);
        const bool plain = elem == 1 && !b->t.g->tensor[s.node->in[0]].q.on;
        step_ops[s.node->op][ln_node_is_dynamic(b->t.g, s.node)][plain ? PLAIN : elem] = true;
        /* inputs are copied into the device's layout in front of the node, unless it takes them */
        bool copied = s.node->op != LN_OP_ACT && s.node->op != LN_OP_QUANTIZE;
        for (int k = 0; copied && k < b->t.g->n_input; k++)
            b->t.g->tensor[b->t.g->input[k]].kind = LN_TENSOR_NODE;
        bool fits = ln_variant_fits(v, &s);
        for (int k = 0; k < b->t.g->n_input; k++)
            b->t.g->tensor[b->t.g->input[k]].kind = LN_TENSOR_INPUT;
        if (!fits) {
            tg_close(&b->t);
            return false;
        }
    }
    ln_plan_params params = {.choose = choose, .guard = GUARD, .no_sharing = !sharing};
    OK(ln_plan_create(b->t.g, ln_device_caps(device), &params, &b->plan, &err));
    for (int i = 0; i < b->plan->n_step; i++)
        if (!strcmp(b->t.g->node[b->plan->step[i].node].name, "op")) b->step = &b->plan->step[i];
    if (!b->step && ln_variant_tunable(v, "HALF", 0)) { /* its casts lie where it would put them */
        ln_plan_destroy(&b->plan);
        tg_close(&b->t);
        return false;
    }
    ck_assert_ptr_nonnull(b->step);
    b->node = &b->t.g->node[b->step->node];
    return true;
}

static void bed_build(bed *b) {
    int v = (int)(b->step->variant - ln_variants);
    ln_str text = {0}, options = {0};
    OK(ln_variant_source(&v, 1, LN_PROGRAM_KERNELS, ln_device_caps(device), &text, &options, &err));
    ln_program_source src = {text.p, options.p, b->step->variant->name};
    OK(ln_program_get(device, &src, &b->program, &err));
    OK(ln_kernel_create(b->program, b->step->variant->name, &b->kernel, &err));
    ln_str_free(&text);
    ln_str_free(&options);
    size_t bytes = (size_t)b->plan->weight_bytes;
    void *packed = ln_alloc_aligned(bytes, 1);
    memset(packed, 0, bytes);
    OK(ln_plan_pack(b->plan, packed, &err));
    b->words = (size_t)b->plan->arena_bytes / 4;
    OK(ln_buffer_create(device, (size_t)b->plan->arena_bytes, LN_BUFFER_ARENA, &b->arena, &err));
    OK(ln_buffer_create(device, bytes, LN_BUFFER_WEIGHTS, &b->weights, &err));
    OK(ln_buffer_create(device, sizeof(ln_args), LN_BUFFER_STEPS, &b->table, &err));
    OK(ln_queue_write(queue, b->weights, 0, packed, bytes, &err));
    OK(ln_queue_write(queue, b->table, 0, &b->step->args, sizeof(ln_args), &err));
    free(packed);
    ln_buffer *args[] = {b->arena, b->weights, b->table};
    for (unsigned i = 0; i < 3; i++) OK(ln_kernel_arg_buffer(b->kernel, i, args[i], &err));
    OK(ln_kernel_arg_int(b->kernel, 3, 0, &err));
}

/* Random words of the tensor's type; when special, the extremes of the type among them. */
static void fill_words(bed *b, ln_tid t, bool special, float *x) {
    const int64_t count = tg_count(b->t.g, t);
    if (b->t.g->tensor[t].dtype == LN_I32) {
        int32_t *v = (int32_t *)x;
        for (int64_t k = 0; k < count; k++) v[k] = tg_pick(&b->t, 19) - 9;
        for (int k = 0; special && k < 4; k++)
            v[tg_pick(&b->t, (int)count)] = (int32_t[]){INT32_MAX, INT32_MIN, 0, -1}[k];
        return;
    }
    if (b->t.g->tensor[t].dtype == LN_I8) {
        for (int64_t k = 0; k < count; k++) ((int8_t *)x)[k] = (int8_t)tg_pick(&b->t, 256);
        return;
    }
    for (int64_t k = 0; k < count; k++) x[k] = tg_value(&b->t) * 2.0f;
    for (int k = 0; special && k < 3; k++)
        x[tg_pick(&b->t, (int)count)] = (float[]){INFINITY, -INFINITY, NAN}[k];
}

/* The reference's value as the arena has it; NULL: as it is. */
static void *halves_of(const bed *b, ln_tid t) {
    if (b->t.g->tensor[t].dtype != LN_F16) return NULL;
    const size_t count = (size_t)tg_count(b->t.g, t);
    uint16_t *h = malloc(count * sizeof *h);
    ln_to_halves(h, b->ref->value[t], count);
    return h;
}

/* special: 0 finite numbers, else the input slot (from 1) that gets NaN and infinities. */
static void bed_fill(bed *b, int special) {
    OK(ln_ref_create(b->t.g, &b->ref, &err));
    b->ref->threads = 1;
    b->before = malloc(b->words * 4);
    b->after = malloc(b->words * 4);
    for (size_t i = 0; i < b->words; i++) b->before[i] = POISON;
    for (int i = 0; i < b->t.g->n_input; i++) {
        ln_tid t = b->t.g->input[i];
        int64_t count = tg_count(b->t.g, t);
        float *x = malloc((size_t)count * sizeof *x);
        fill_words(b, t, special == i + 1, x);
        OK(ln_ref_set(b->ref, t, x, &err));
        free(x);
    }
    OK(ln_ref_run(b->ref, true, &err));
    for (int i = 0; i < b->node->n_in; i++) {
        ln_tid t = b->node->in[i];
        if (!is_activation(b, t)) continue;
        const ln_place *p = &b->plan->place[t];
        ln_dims d = ln_dims_of(&b->t.g->tensor[t].shape);
        const char *x = (const char *)b->ref->value[t];
        void *halves = halves_of(b, t);
        if (halves) x = halves;
        char *to = (char *)b->before + p->offset;
        const size_t e = (size_t)p->elem;
        int64_t plane = d.h * d.w, own = ln_round_up(d.c, LN_CPAD);
        for (int64_t n = 0; n < d.n * plane; n++, x += (size_t)d.c * e) {
            for (int64_t c = 0; p->dense && c < d.c; c++)
                memcpy(to + (size_t)((n / plane * d.c + c) * plane + n % plane) * e,
                       x + (size_t)c * e, e);
            if (p->dense) continue;
            memset(to + (size_t)(n * p->ps) * e, 0, (size_t)own * e);
            memcpy(to + (size_t)(n * p->ps) * e, x, (size_t)d.c * e);
        }
        free(halves);
    }
    OK(ln_queue_write(queue, b->arena, 0, b->before, b->words * 4, &err));
}

static void bed_launch(bed *b) {
    OK(ln_queue_launch(queue, b->kernel, (size_t)b->step->args.tiles,
                       (size_t)b->step->variant->local, NULL, &err));
    OK(ln_queue_finish(queue, LN_WAIT_SLEEP, &err));
}

static void bed_close(bed *b) {
    ln_ref_destroy(&b->ref);
    ln_kernel_destroy(&b->kernel);
    ln_program_release(&b->program);
    ln_buffer_destroy(&b->arena);
    ln_buffer_destroy(&b->weights);
    ln_buffer_destroy(&b->table);
    free(b->before);
    free(b->after);
    ln_plan_destroy(&b->plan);
    tg_close(&b->t);
}

/* Deviation of the finite values; their size when they are all the same. */
static double scale_of(const float *v, int64_t n) {
    double sum = 0, sq = 0, top = 0;
    int64_t count = 0;
    for (int64_t i = 0; i < n; i++)
        if (isfinite(v[i])) sum += v[i], count++, top = LN_MAX(top, fabs((double)v[i]));
    for (int64_t i = 0; i < n; i++)
        if (isfinite(v[i])) sq += (v[i] - sum / (double)count) * (v[i] - sum / (double)count);
    double sd = count ? sqrt(sq / (double)count) : 0;
    return sd > 1e-6 * top ? sd : top;
}

static bool is_product(const ln_node *n) {
    return n->op == LN_OP_CONV2D || n->op == LN_OP_CONV_TRANSPOSE || n->op == LN_OP_FC;
}

/* Steps are rounded in f32 where the reference is exact: one byte in a thousand may be off by one.
 */
static void compare_bytes(bed *b, const char *label, ln_tid t) {
    const ln_place *p = &b->plan->place[t];
    ln_dims d = ln_dims_of(&b->t.g->tensor[t].shape);
    const int8_t *want = (const int8_t *)b->ref->value[t];
    const char *name = b->step->variant->name;
    int64_t own = ln_round_up(d.c, LN_CPAD), pixels = d.n * d.h * d.w, off = 0;
    for (int64_t n = 0; n < pixels; n++) {
        int8_t *got = (int8_t *)b->after + p->offset + n * p->ps;
        for (int64_t c = 0; c < own; c++) {
            const int ref = c < d.c ? want[n * d.c + c] : 0;
            ck_assert_msg(got[c] == ref || (c < d.c && abs(got[c] - ref) == 1),
                          "%s %s: channel %lld of pixel %lld is %d, not %d", label, name,
                          (long long)c, (long long)n, got[c], ref);
            off += got[c] != ref;
        }
        memcpy(got, (char *)b->before + p->offset + n * p->ps, (size_t)own);
    }
    ck_assert_msg(off <= pixels * d.c / 1000 + 1, "%s %s: %lld bytes of %lld are off by one", label,
                  name, (long long)off, (long long)(pixels * d.c));
}

static void compare_output(bed *b, const char *label, int special, ln_tid t) {
    if (b->t.g->tensor[t].dtype == LN_I8) {
        compare_bytes(b, label, t);
        return;
    }
    const ln_place *p = &b->plan->place[t];
    ln_dims d = ln_dims_of(&b->t.g->tensor[t].shape);
    const float *want = b->ref->value[t];
    const char *name = b->step->variant->name;
    int64_t own = ln_round_up(d.c, LN_CPAD), pixels = d.n * d.h * d.w;
    const bool whole = b->t.g->tensor[t].dtype == LN_I32, half = b->t.g->tensor[t].dtype == LN_F16;
    const double steps = half ? HALF_STEP : FEW_STEPS, tiny = half ? 0x1p-24 : 0;
    double limit = whole ? 0.0 : MAX_REL * scale_of(want, pixels * d.c);
    for (int64_t n = 0; n < pixels; n++)
        for (int64_t c = 0; c < own; c++) {
            const int64_t at = p->offset + (n * p->ps + c) * p->elem;
            char *from = (char *)b->after + at;
            float got;
            memcpy(&got, from, (size_t)p->elem);
            if (half) got = ln_elem_f32(from, 0, LN_F16);
            memcpy(from, (char *)b->before + at, (size_t)p->elem); /* what is left as it was */
            if (c >= d.c) { /* a zero in the weights times infinity is NaN */
                bool wild = isnan(got) && special && is_product(b->node);
                ck_assert_msg(got == 0.0f || wild, "%s %s: padding lane %lld of pixel %lld is %g",
                              label, name, (long long)c, (long long)n, (double)got);
                continue;
            }
            float ref = want[n * d.c + c];
            if (whole) {
                int32_t v, r;
                memcpy(&v, &got, 4), memcpy(&r, &ref, 4);
                ck_assert_msg(v == r, "%s %s: channel %lld of pixel %lld is %d, not %d", label,
                              name, (long long)c, (long long)n, v, r);
                continue;
            }
            bool same = got == ref || (isnan(got) && isnan(ref)) ||
                        fabs((double)got - ref) <= LN_MAX(limit, steps * fabs((double)ref) + tiny);
            ck_assert_msg(same, "%s %s: channel %lld of pixel %lld is %.9g, not %.9g (limit %g)",
                          label, name, (long long)c, (long long)n, (double)got, (double)ref, limit);
        }
}

static void bed_compare(bed *b, const char *label, int special) {
    OK(ln_queue_read(queue, b->arena, 0, b->after, b->words * 4, &err));
    for (int k = 0; k < b->node->n_out; k++) compare_output(b, label, special, b->node->out[k]);
    for (size_t i = 0; i < b->words; i++)
        ck_assert_msg(b->after[i] == b->before[i], "%s %s: wrote outside its output at %zu", label,
                      b->step->variant->name, i);
}

void step_check(const char *label, step_build build, const void *user) {
    int before = 0, after = 0;
    for (int v = 0; v < ln_variant_count; v++) {
        before += step_runs[v];
        for (int special = 0; special <= 3; special++) {
            bed b;
            if (!bed_plan(&b, build, user, &ln_variants[v], special > 0)) break;
            if (special > b.t.g->n_input) {
                ln_plan_destroy(&b.plan);
                tg_close(&b.t);
                break;
            }
            bed_build(&b);
            bed_fill(&b, special);
            bed_launch(&b);
            bed_compare(&b, label, special);
            bed_close(&b);
            step_runs[v]++;
        }
        after += step_runs[v];
    }
    ck_assert_msg(after > before, "%s: no variant can run it", label);
}

void step_bench(const char *label, step_build build, const void *user) {
    for (int v = 0; v < ln_variant_count; v++) {
        bed b;
        if (!bed_plan(&b, build, user, &ln_variants[v], false)) continue;
        bed_build(&b);
        bed_fill(&b, 0);
        double best = 1e9;
        for (int i = 0; i < 30; i++) {
            double t0 = ln_now();
            for (int k = 0; k < 5; k++)
                OK(ln_queue_launch(queue, b.kernel, (size_t)b.step->args.tiles,
                                   (size_t)b.step->variant->local, NULL, &err));
            OK(ln_queue_finish(queue, LN_WAIT_SPIN, &err));
            best = LN_MIN(best, (ln_now() - t0) / 5);
        }
        printf("%-28s %-28s tiles %4d %9.1f us %8.2f GFLOP/s %7.2f GB/s\n", label,
               b.step->variant->name, (int)b.step->args.tiles, best * 1e6,
               2e-9 * (double)b.step->macs / best, 1e-9 * (double)b.step->bytes / best);
        bed_close(&b);
    }
}

/* ---- programs of tests ---- */

static const step_table *tables;
static int table_count;
static const char *filter;

static const char *label_of(const step_table *t, size_t i, const void **row) {
    *row = (const char *)t->row + i * t->size;
    return *(const char *const *)*row;
}

START_TEST(every_variant_agrees_with_the_reference) {
    const step_table *t = &tables[_i];
    const void *row;
    for (size_t i = 0; i < t->count; i++) {
        const char *label = label_of(t, i, &row);
        step_check(label, t->build, row);
    }
}
END_TEST

START_TEST(every_row_has_cases) {
    for (int v = 0; v < ln_variant_count; v++) {
        const ln_family *f = ln_variants[v].family;
        const bool half = ln_variant_tunable(&ln_variants[v], "HALF", 0);
        const bool plain = ln_variant_tunable(&ln_variants[v], "BYTES", 0) != 0;
        const int elem = plain ? PLAIN : half ? 2 : ln_variant_tunable(&ln_variants[v], "ELEM", 4);
        if (ln_variant_tunable(&ln_variants[v], "XF", 0)) continue; /* test_kernels */
        if (ln_variant_is_fast(&ln_variants[v])) continue;
        if (ln_variant_tunable(&ln_variants[v], "YF", 0)) continue;
        ck_assert_msg(!step_ops[f->op][f->dynamic][elem] || step_runs[v] > 0, "no case for %s",
                      ln_variants[v].name);
    }
}
END_TEST

START_TEST(bench) {
    const void *row;
    for (int t = 0; t < table_count; t++)
        for (size_t i = 0; i < tables[t].count; i++) {
            const char *label = label_of(&tables[t], i, &row);
            if (strstr(label, filter)) step_bench(label, tables[t].build, row);
        }
}
END_TEST

int step_main(const char *name, const step_table *t, int count, int argc, char **argv) {
    tables = t;
    table_count = count;
    filter = argc > 1 ? argv[1] : NULL;
    if (!step_open()) return EXIT_FAILURE;
    Suite *s = suite_create(name);
    TCase *c = tcase_create(name);
    tcase_set_timeout(c, 600);
    if (filter)
        tcase_add_test(c, bench);
    else {
        tcase_add_loop_test(c, every_variant_agrees_with_the_reference, 0, count);
        tcase_add_test(c, every_row_has_cases);
    }
    suite_add_tcase(s, c);
    SRunner *r = srunner_create(s);
    srunner_set_fork_status(r, CK_NOFORK); /* the device has threads */
    srunner_run_all(r, CK_ENV);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    step_close();
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
