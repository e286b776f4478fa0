/* Every family plans onto every recorded device: each node of its graph is in a step that the
 * device runs, or only renames memory; nothing is left to the host between upload and read-back,
 * and no channel shuffle is a step of its own. */
#include "base/file.h"
#include "engine/passes/passes.h"
#include "engine/plan.h"
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
        for (size_t i = 0; ln_block_at(i); i++) check(ln_block_at(i), &caps, records.gl_pathv[d]);
    }
    globfree(&records);
}
END_TEST

CHECK_MAIN("plans", nothing_runs_on_the_host)
