/* Every family plans onto every recorded device: each node of its graph is in a step that the
 * device runs, or only renames memory; nothing is left to the host between upload and read-back,
 * and no channel shuffle is a step of its own. */
#include "base/file.h"
#include "engine/kernels/kernels.h"
#include "engine/passes/passes.h"
#include "engine/plan.h"
#include "engine/quantize.h"
#include "host/host.h"
#include "models/build.h"
#include "models/model.h"
#include "tests/check_main.h"

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void must(linnet_status st, const char *model, const char *device, const linnet_error *err) {
    ck_assert_msg(st == LINNET_OK, "%s on %s: %s", model, device, err->message);
}

static ln_caps read_caps(const char *path) {
    linnet_error err = {0};
    ln_file f;
    ln_str text = {0};
    ln_caps caps;
    must(ln_file_map(path, &f, &err), "caps", path, &err);
    ln_str_put(&text, (const char *)f.data, f.size);
    must(ln_caps_from_json(text.p, &caps, &err), "caps", path, &err);
    ln_str_free(&text);
    ln_file_unmap(&f);
    return caps;
}

static void check(const ln_family_row *row, const ln_caps *caps, const char *path) {
    linnet_error err = {0};
    ln_graph *g;
    ln_plan *p;
    must(ln_network_build(row->arch, row->name, row->classes, NULL, 1, row->prep.size,
                          row->prep.size, &g, &err),
         row->name, path, &err);
    must(ln_passes_run(g, NULL, &err), row->name, path, &err);
    must(ln_plan_create(g, caps, NULL, &p, &err), row->name, path, &err);
    int *covered = calloc((size_t)g->n_node, sizeof *covered);
    for (int i = 0; i < p->n_step; i++)
        for (int n = p->step[i].first; n <= p->step[i].node; n++) covered[n]++;
    for (int n = 0; n < g->n_node; n++) {
        bool alias = ln_plan_is_alias(p, &g->node[n]);
        ck_assert_msg(covered[n] == 1 || (covered[n] == 0 && alias), "%s on %s: %s is in %d steps",
                      row->name, path, g->node[n].name, covered[n]);
        ck_assert_msg(g->node[n].op != LN_OP_CHANNEL_SHUFFLE, "%s on %s: %s is a step of its own",
                      row->name, path, g->node[n].name);
    }
    /* alignment and gaps between tensors may cost a tenth of what must be there at once */
    ck_assert_msg(10 * p->arena_bytes <= 11 * p->live_peak_bytes, "%s on %s: %lld bytes for %lld",
                  row->name, path, (long long)p->arena_bytes, (long long)p->live_peak_bytes);
    free(covered);
    ln_plan_destroy(&p);
    ln_graph_destroy(&g);
}

START_TEST(nothing_runs_on_the_host) {
    glob_t records = {0};
    char pattern[1000];
    snprintf(pattern, sizeof pattern, "%s/*.json", getenv("CAPS"));
    ck_assert_int_eq(glob(pattern, 0, NULL, &records), 0);
    for (size_t d = 0; d < records.gl_pathc; d++) {
        ln_caps caps = read_caps(records.gl_pathv[d]);
        for (size_t i = 0; i < ln_family_count(); i++)
            check(ln_family_at(i), &caps, records.gl_pathv[d]);
        for (size_t i = 0; ln_block_at(i); i++)
            if (!ln_block_at(i)->arch->library || ln_gemm_there())
                check(ln_block_at(i), &caps, records.gl_pathv[d]);
    }
    globfree(&records);
}
END_TEST

/* What a network computes in: floats, halves by fast arithmetic, bytes. */
typedef enum form { FLOATS, HALVES, BYTES } form;
static const char *const form_names[] = {"", "-f16-fast", "-int8"};

/* Bytes of every tensor, all in one scale. */
static void make_bytes(ln_graph *g, const char *name) {
    linnet_error err = {0};
    must(ln_quantize_prepare(g, &err), name, "int8", &err);
    ln_quant_row *row = calloc((size_t)g->n_node + 1, sizeof *row);
    int rows = 0;
    row[rows++] = (ln_quant_row){g->tensor[g->input[0]].name, ln_quant_of(0.02f, -3)};
    for (int i = 0; i < g->n_node; i++) {
        const ln_node *n = &g->node[i];
        row[rows++] = (ln_quant_row){n->name, ln_quant_of(0.02f, -3)};
        if (n->op != LN_OP_CONV2D && n->op != LN_OP_FC) continue;
        ln_tensor *w = &g->tensor[n->in[LN_CONV_W]];
        float *scale = ln_pool_alloc(&g->pool, (size_t)w->shape.dim[0], sizeof *scale);
        for (int64_t o = 0; o < w->shape.dim[0]; o++) scale[o] = 0.01f;
        w->view = ln_view_dense(&w->shape, LN_I8, NULL);
        w->view.scale = scale;
    }
    must(ln_quantize_graph(g, row, rows, &err), name, "int8", &err);
    free(row);
}

/* The plan as `linnet info --plan` prints it. */
static void plan_text(const char *name, const char *device, form in, ln_str *text) {
    linnet_error err = {0};
    char path[1000];
    ln_graph *g;
    ln_plan *p;
    const ln_family_row *row = NULL;
    for (size_t i = 0; i < ln_family_count(); i++)
        if (!strcmp(ln_family_at(i)->name, name)) row = ln_family_at(i);
    ck_assert_ptr_nonnull(row);
    snprintf(path, sizeof path, "%s/%s.json", getenv("CAPS"), device);
    ln_caps caps = read_caps(path);
    must(ln_network_build(row->arch, row->name, row->classes, NULL, 1, row->prep.size,
                          row->prep.size, &g, &err),
         name, device, &err);
    const bool fast = in == HALVES;
    if (in == BYTES) make_bytes(g, name);
    must(ln_passes_run(g, NULL, &err), name, device, &err);
    if (fast) must(ln_graph_halve(g, &err), name, device, &err);
    g->fast = fast;
    must(ln_plan_create(g, &caps, NULL, &p, &err), name, device, &err);
    ck_assert_msg(!fast || !ln_plan_slow(p) == ln_caps_has(&caps, LN_FEAT_FP16), "%s", device);
    ln_plan_print(p, text);
    ln_plan_destroy(&p);
    ln_graph_destroy(&g);
}

/* Plans for PoCL and for devices that nobody here owns, as text. After a change that is meant to
 * move them: WRITE_PLANS=1 meson test -C build 'plans of all families', and a look at the
 * difference. */
static void hold_plan(const char *name, const char *device, form in) {
    char path[1000];
    linnet_error err = {0};
    ln_str text = {0};
    ln_file f;
    snprintf(path, sizeof path, "%s/%s-%s%s.txt", getenv("PLANS"), device, name, form_names[in]);
    plan_text(name, device, in, &text);
    if (getenv("WRITE_PLANS")) {
        FILE *out = fopen(path, "wb");
        ck_assert_ptr_nonnull(out);
        fwrite(text.p, 1, text.len, out);
        ck_assert_int_eq(fclose(out), 0);
    }
    must(ln_file_map(path, &f, &err), name, device, &err);
    size_t at = 0; /* where they part; Check's messages have 8 KiB */
    while (at < f.size && at < text.len && ((const char *)f.data)[at] == text.p[at]) at++;
    ck_assert_msg(f.size == text.len && at == text.len, "%s is not the plan any more, from %.200s",
                  path, text.p + LN_MIN(at, text.len));
    ln_file_unmap(&f);
    ln_str_free(&text);
}

static const char *const devices[] = {"adreno_750", "mali_g52", "intel_uhd_750", "nvidia_rtx_5000",
                                      "pocl"};

START_TEST(plans_are_what_they_were) {
    static const char *const names[] = {"mobilenetv2_100", "mobilenetv4_conv_small"};
    for (size_t d = 0; d < LN_COUNT(devices); d++)
        for (size_t i = 0; i < LN_COUNT(names); i++) hold_plan(names[i], devices[d], FLOATS);
}
END_TEST

/* Halves, and arithmetic in them where the device has it: not on NVIDIA's and not on PoCL. */
START_TEST(plans_in_halves_are_what_they_were) {
    for (size_t d = 0; d < LN_COUNT(devices); d++) hold_plan("mobilenetv2_100", devices[d], HALVES);
}
END_TEST

START_TEST(plans_in_bytes_are_what_they_were) {
    for (size_t d = 0; d < LN_COUNT(devices); d++) hold_plan("mobilenetv2_100", devices[d], BYTES);
}
END_TEST

/* Kernels of bytes are told how the device multiplies them, and the compiler by which standard. */
START_TEST(products_of_bytes) {
    static const struct {
        const char *device, *standard;
        ln_dot8 kind;
    } cases[] = {{"adreno_750", "CL1.2", LN_DOT8_QCOM},
                 {"mali_g52", "CL1.2", LN_DOT8_PLAIN},
                 {"intel_cpu", "CL3.0", LN_DOT8_KHR},
                 {"nvidia_rtx_5000", "CL1.2", LN_DOT8_PLAIN}};
    int row = 0;
    while (row < ln_variant_count && strcmp(ln_variants[row].name, "pw_i8_wide") != 0) row++;
    ck_assert_int_lt(row, ln_variant_count);
    for (size_t i = 0; i < LN_COUNT(cases); i++) {
        char path[1000], define[40];
        ln_str text = {0}, options = {0};
        linnet_error err = {0};
        snprintf(path, sizeof path, "%s/%s.json", getenv("CAPS"), cases[i].device);
        const ln_caps caps = read_caps(path);
        must(ln_variant_source(&row, 1, LN_PROGRAM_KERNELS, &caps, &text, &options, &err),
             "pw_i8_wide", path, &err);
        snprintf(define, sizeof define, "#define LN_DOT8 %d\n", cases[i].kind);
        ck_assert_msg(strstr(text.p, define) && strstr(options.p, cases[i].standard),
                      "%s is not built by %s with %s", path, cases[i].standard, define);
        ln_str_free(&text);
        ln_str_free(&options);
    }
}
END_TEST

CHECK_MAIN("plans", products_of_bytes, nothing_runs_on_the_host, plans_are_what_they_were,
           plans_in_halves_are_what_they_were, plans_in_bytes_are_what_they_were)
