/* The tuner: records that plans follow, candidates that are wrong, hang, crash or fail, records
 * that are damaged. Nothing here looks at a time. */
#include "base/env.h"
#include "base/file.h"
#include "engine/tune_parts.h"
#include "host/fault.h"
#include "tests/oom.h"
#include "tests/plan/device_main.h"
#include "tests/plan/random_graph.h"

#include <check.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SEED = 1, KILL_AT = 3 };
static ln_device *device;
static linnet_error err;
static char cache[256];

#define OK(expr) ck_assert_msg((expr) == LINNET_OK, "%s: %s", #expr, err.message)

static ln_graph *(*make_graph)(void) = ln_test_gated_block;
static ln_graph *random_graph(void) {
    return ln_test_random_graph(SEED);
}

static linnet_status new_graph(void *user, ln_graph **out, linnet_error *e) {
    long countdown = atomic_load(&oom_countdown);
    (void)user;
    (void)e;
    oom_fail_nth(0); /* the maker's asserts may not fail */
    *out = make_graph();
    oom_fail_nth(countdown);
    return LINNET_OK;
}

static const ln_tune_params fast = {.graph = new_graph, .seconds = 600};
static const ln_tune_params full = {.graph = new_graph, .full = true};

/* A cache folder of its own for each test: $tmp/NAME. */
static void fresh_cache(const char *name) {
    char path[512], command[600];
    snprintf(path, sizeof path, "%s/%s", cache, name);
    snprintf(command, sizeof command, "rm -rf '%s'", path);
    ck_assert_int_eq(system(command), 0);
    ck_assert(ln_cache_dir_set(path));
}

static uint64_t key_of(void) {
    ln_graph *g = make_graph();
    uint64_t key = ln_record_key(device, g);
    ln_graph_destroy(&g);
    return key;
}

static void record_path(char *buf, size_t size) {
    char sub[64];
    snprintf(sub, sizeof sub, "tune/%016llx.json", (unsigned long long)key_of());
    ck_assert(ln_cache_path(buf, size, sub));
}

static ln_plan *plan(ln_graph **g) {
    ln_plan *p = NULL;
    ln_stream stream;
    *g = make_graph();
    OK(ln_plan_by_record(device, NULL, *g, &p, &stream, NULL, &err));
    return p;
}

static void expect_same_plans(const ln_plan *a, const ln_plan *b) {
    ck_assert_int_eq(a->n_step, b->n_step);
    ck_assert_int_eq(a->n_record, b->n_record);
    ck_assert_int_eq(a->arena_bytes, b->arena_bytes);
    for (int i = 0; i < a->n_step; i++)
        ck_assert_mem_eq(&a->step[i].args, &b->step[i].args, sizeof a->step[i].args);
    for (int i = 0; i < a->n_record; i++)
        ck_assert_mem_eq(&a->record[i], &b->record[i], sizeof a->record[i]);
}

static void check_against_reference(void) {
    ln_graph *g;
    ln_plan *p = plan(&g);
    ln_session *s = NULL;
    int64_t count = 0;
    OK(ln_session_create(device, p, NULL, &s, &err));
    ln_shape_count(&g->tensor[g->input[0]].shape, &count);
    float *x = malloc((size_t)count * sizeof *x);
    for (int64_t i = 0; i < count; i++) x[i] = sinf((float)i * 1.3f);
    const void *in[] = {x};
    ln_diff_report r;
    OK(ln_diff_run(s, in, &r, &err));
    ck_assert_msg(r.pass, "%s differs by %g", r.layer[r.worst].name, r.layer[r.worst].rel);
    ln_diff_free(&r);
    free(x);
    ln_session_destroy(&s);
    ln_graph_destroy(&g);
}

static int count_verdicts(const ln_tune_report *r, ln_verdict v) {
    int n = 0;
    for (int i = 0; i < r->n_candidate; i++) n += r->candidate[i].verdict == v;
    return n;
}

/* {least, median} in ms of the default and of the way against it. */
static const struct way_case {
    double usual[2], other[2];
    ln_stream stream;
    bool busy;
    int chosen;
} ways[] = {
    {{2.6, 2.8}, {2.5, 2.7}, LN_STREAM_RESIDENT, false, 1},
    {{2.6, 2.8}, {2.5, 2.7}, LN_STREAM_LAUNCHES, false, 1},
    {{2.6, 2.8}, {2.59, 2.7}, LN_STREAM_RESIDENT, false, 0}, /* within the noise */
    {{2.6, 9.0}, {2.5, 4.0}, LN_STREAM_LAUNCHES, true, 0},   /* barriers wait for others */
    {{2.6, 9.0}, {2.5, 4.0}, LN_STREAM_RESIDENT, true, 0},
    {{2.6, 9.0}, {2.4, 4.0}, LN_STREAM_RESIDENT, true, 1},
};

START_TEST(a_busy_machine_decides_no_stream) {
    const struct way_case *w = &ways[_i];
    ln_tune_report r = {0};
    ln_tuner t = {.out = &r};
    const ln_stream stream[] = {LN_STREAM_RESIDENT, w->stream};
    ck_assert_int_eq(ln_contest_add(&t, "network", "", 2, &err), 0);
    for (int i = 0; i < 2; i++) {
        const double *ms = i ? w->other : w->usual;
        ln_tune_candidate *c = ln_contest_candidate(&t, 0, i);
        *c = (ln_tune_candidate){
            .verdict = LN_VERDICT_SLOWER, .least_us = 1e3 * ms[0], .median_us = 1e3 * ms[1]};
    }
    ln_contest_choose_way(&t, 0, stream);
    ck_assert(r.busy == w->busy);
    ck_assert_int_eq(r.contest[0].chosen, w->chosen);
    ck_assert_int_eq(r.candidate[w->chosen].verdict, LN_VERDICT_CHOSEN);
    if (w->busy && w->stream != LN_STREAM_RESIDENT)
        ck_assert_int_eq(r.candidate[1].verdict, LN_VERDICT_UNTRIED);
    ln_tune_free(&r);
}
END_TEST

START_TEST(winners_are_recorded_and_the_same_record_gives_the_same_plan) {
    fresh_cache("record");
    make_graph = random_graph;
    unsetenv("LINNET_DISABLE");
    ln_tune_report r;
    OK(ln_tune_run(device, &fast, &r, &err));
    ck_assert(r.complete);
    ck_assert_int_gt(r.n_contest, 10);
    const ln_tune_contest *network = &r.contest[r.n_contest - 1];
    for (int i = 0; i < r.n_candidate; i++) /* a busy machine compares no streams */
        ck_assert(r.candidate[i].verdict != LN_VERDICT_UNTRIED || (r.busy && i > network->first));
    ck_assert_int_eq(count_verdicts(&r, LN_VERDICT_WRONG), 0);
    ck_assert_int_eq(count_verdicts(&r, LN_VERDICT_FAILED), 0);
    for (int i = 0; i < r.n_contest; i++) /* one winner each */
        ck_assert_int_eq(r.candidate[r.contest[i].first + r.contest[i].chosen].verdict,
                         LN_VERDICT_CHOSEN);
    ln_tune_free(&r);
    char path[700];
    record_path(path, sizeof path);
    ck_assert_int_eq(access(path, R_OK), 0);
    ln_graph *g[2];
    ln_plan *p[2] = {plan(&g[0]), plan(&g[1])};
    expect_same_plans(p[0], p[1]);
    for (int i = 0; i < 2; i++) {
        ln_plan_destroy(&p[i]);
        ln_graph_destroy(&g[i]);
    }
    check_against_reference();
    make_graph = ln_test_gated_block;
    setenv("LINNET_DISABLE", "resident", 1);
}
END_TEST

START_TEST(a_plan_follows_its_record) {
    fresh_cache("follow");
    ln_graph *g = make_graph(), *tuned;
    ln_plan *p = NULL;
    uint64_t key = ln_record_key(device, g);
    OK(ln_plan_create(g, ln_device_caps(device), NULL, &p, &err));
    ln_record r = {.n_node = g->n_node, .stream = LN_STREAM_LAUNCHES};
    r.variant = calloc((size_t)g->n_node, sizeof *r.variant);
    r.chain_end = calloc((size_t)g->n_node, sizeof *r.chain_end);
    int changed = 0;
    for (int i = 0; i < g->n_node; i++) {
        const ln_site site = {g, &g->node[i], ln_device_caps(device)};
        r.chain_end[i] = i;
        for (int v = 0; v < ln_variant_count && p->choice[i].variant; v++)
            if (ln_variant_can_run(&ln_variants[v], &site)) {
                r.variant[i] = &ln_variants[v]; /* the most general row */
                changed += r.variant[i] != p->choice[i].variant;
                break;
            }
    }
    ck_assert_int_gt(changed, 2);
    OK(ln_record_store(device, key, g, &r, &err));
    ln_stream stream;
    ln_plan *by_record = NULL;
    tuned = make_graph();
    OK(ln_plan_by_record(device, NULL, tuned, &by_record, &stream, NULL, &err));
    ck_assert_int_eq(stream, LN_STREAM_LAUNCHES);
    for (int i = 0; i < g->n_node; i++)
        if (r.variant[i]) ck_assert_ptr_eq(by_record->choice[i].variant, r.variant[i]);
    ln_plan_destroy(&p);
    ln_plan_destroy(&by_record);
    ln_graph_destroy(&g);
    ln_graph_destroy(&tuned);
    free((void *)r.variant);
    free(r.chain_end);
    check_against_reference();
}
END_TEST

/* The device's first answer is spoilt: that candidate must lose, however fast it is. */
START_TEST(a_wrong_candidate_is_thrown_away) {
    fresh_cache("wrong");
    ln_fault fault = {.spoil_read = 1};
    ln_tune_report r;
    ln_device *shares = device;
    setenv("LINNET_DISABLE", "shared_buffers", 1); /* answers are read through the queue */
    OK(ln_device_open(NULL, &device, &err));
    unsetenv("LINNET_DISABLE");
    ln_fault_set(&fault);
    linnet_status st = ln_tune_run(device, &full, &r, &err);
    ln_fault_set(NULL);
    ck_assert_msg(st == LINNET_OK, "%s", err.message);
    ln_device_release(&device);
    device = shares;
    ck_assert_int_eq(count_verdicts(&r, LN_VERDICT_WRONG), 1);
    for (int i = 0; i < r.n_contest; i++)
        for (int k = 0; k < r.contest[i].count; k++) {
            const ln_tune_candidate *c = &r.candidate[r.contest[i].first + k];
            if (c->verdict != LN_VERDICT_WRONG) continue;
            ck_assert_int_ne(r.contest[i].chosen, k);
            ck_assert_double_gt(c->error, LN_DIFF_TOLERANCE);
            ck_assert_double_eq(c->least_us, 0);
        }
    ln_tune_free(&r);
    check_against_reference();
}
END_TEST

/* ---- the journal ---- */

static int begun;
static void die_at(void *user, const char *contest, const char *candidate) {
    (void)user;
    (void)contest;
    (void)candidate;
    if (++begun == KILL_AT) kill(getpid(), SIGKILL);
}

/* Before this process opens a device: a child does, and is killed within a candidate. */
static void leave_a_journal(void) {
    pid_t pid = fork();
    if (pid == 0) {
        ln_tune_params p = full;
        ln_tune_report r;
        p.progress = die_at;
        if (ln_device_open(NULL, &device, &err) == LINNET_OK) ln_tune_run(device, &p, &r, &err);
        _exit(1);
    }
    int status = 0;
    waitpid(pid, &status, 0);
    ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

START_TEST(what_stopped_a_process_is_not_tried_again) {
    fresh_cache("killed");
    leave_a_journal();
    OK(ln_device_open(NULL, &device, &err));
    for (int again = 0; again < 2; again++) {
        ln_tune_report r;
        OK(ln_tune_run(device, &full, &r, &err));
        ck_assert_int_eq(count_verdicts(&r, LN_VERDICT_STOPPED), 1);
        int at = 0, contest = 0;
        while (r.candidate[at].verdict != LN_VERDICT_STOPPED) at++;
        while (r.contest[contest].first + r.contest[contest].count <= at) contest++;
        ck_assert_int_ne(r.contest[contest].chosen, at - r.contest[contest].first);
        ln_tune_free(&r);
    }
    check_against_reference();
}
END_TEST

START_TEST(a_journal_may_hold_anything) {
    fresh_cache("journal");
    char dir[512], path[600];
    ck_assert(ln_cache_path(dir, sizeof dir, "tune"));
    OK(ln_mkdirs(dir, &err));
    snprintf(path, sizeof path, "%s/%016llx.journal", dir,
             (unsigned long long)ln_device_key(device));
    static const char text[] = "begin\nbegin zz\n\0\377 ok\nbegin 0000000000000001 half\n"
                               "begin 0000000000000002 done\nchosen 0000000000000002 done\n"
                               "begin 0000000000000003 cut";
    int fd = open(path, O_WRONLY | O_CREAT, 0600);
    ck_assert_int_eq(write(fd, text, sizeof text - 1), (ssize_t)sizeof text - 1);
    close(fd);
    ln_journal *j = NULL, *other = NULL;
    OK(ln_journal_open(ln_device_key(device), &j, &err));
    ck_assert(ln_journal_stopped(j, 1, "half"));
    ck_assert(!ln_journal_stopped(j, 1, "hal"));
    ck_assert(!ln_journal_stopped(j, 2, "done"));
    ck_assert(ln_journal_stopped(j, 3, "cut"));
    ck_assert(!ln_journal_stopped(j, 3, "cut off"));
    /* and it is one process's at a time */
    ck_assert_int_eq(ln_journal_open(ln_device_key(device), &other, &err), LINNET_ERR_IO);
    ck_assert_ptr_nonnull(strstr(err.message, "another process"));
    ck_assert_ptr_null(other);
    ln_journal_close(&j);
    ck_assert_int_eq(truncate(path, 17 << 20), 0); /* too long: begun anew */
    OK(ln_journal_open(ln_device_key(device), &j, &err));
    ck_assert(!ln_journal_stopped(j, 1, "half"));
    ln_journal_begin(j, 4, "new");
    ln_journal_close(&j);
    OK(ln_journal_open(ln_device_key(device), &j, &err));
    ck_assert(ln_journal_stopped(j, 4, "new"));
    ln_journal_close(&j);
    ck_assert(ln_cache_dir_set("off"));
    OK(ln_journal_open(ln_device_key(device), &j, &err));
    ck_assert_ptr_null(j);
    ck_assert(!ln_journal_stopped(j, 1, "half"));
}
END_TEST

/* What is computed otherwise has records of its own. */
START_TEST(keys_tell_arithmetic_apart) {
    ln_graph *g = make_graph();
    const uint64_t key = ln_record_key(device, g);
    ck_assert(ln_record_key(device, g) == key);
    g->fast = true;
    ck_assert(ln_record_key(device, g) != key);
    ln_graph_destroy(&g);
}
END_TEST

/* ---- damaged records ---- */

static void store_default(void) {
    ln_graph *g = make_graph();
    ln_plan *p = NULL;
    uint64_t key = ln_record_key(device, g);
    const char *apart[] = {"a \"name\"\n"};
    OK(ln_plan_create(g, ln_device_caps(device), NULL, &p, &err));
    ln_record r = {.n_node = g->n_node, .apart = apart, .n_apart = 1, .stream = LN_STREAM_LAUNCHES};
    r.variant = calloc((size_t)g->n_node, sizeof *r.variant);
    r.chain_end = calloc((size_t)g->n_node, sizeof *r.chain_end);
    for (int i = 0; i < g->n_node; i++) {
        r.variant[i] = p->choice[i].variant;
        r.chain_end[i] = p->choice[i].chain == i ? p->choice[i].chain_end : i;
    }
    OK(ln_record_store(device, key, g, &r, &err));
    free((void *)r.variant);
    free(r.chain_end);
    ln_plan_destroy(&p);
    ln_graph_destroy(&g);
}

static ln_record *load(void) {
    ln_record *r = NULL;
    OK(ln_record_load(device, key_of(), &r, &err));
    return r;
}

static void write_file(const char *path, const char *data, size_t size) {
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, data, size), (ssize_t)size);
    close(fd);
}

START_TEST(damaged_records_are_ignored) {
    fresh_cache("damaged");
    char path[700];
    record_path(path, sizeof path);
    store_default();
    ln_record *r = load();
    ck_assert_ptr_nonnull(r);
    ck_assert_str_eq(r->apart[0], "a \"name\"\n");
    ln_record_destroy(&r);
    ln_file f;
    OK(ln_file_map(path, &f, &err));
    size_t size = f.size;
    char *whole = malloc(size), *bad = malloc(size);
    memcpy(whole, f.data, size);
    ln_file_unmap(&f);
    for (size_t at = 0; at < size; at += 7) { /* any byte */
        memcpy(bad, whole, size);
        bad[at] ^= 0x11;
        write_file(path, bad, size);
        ck_assert_ptr_null(load());
    }
    for (size_t cut = 0; cut < size; cut += 13) { /* any end */
        write_file(path, whole, cut);
        ck_assert_ptr_null(load());
    }
    write_file(path, whole, size);
    r = load();
    ck_assert_ptr_nonnull(r);
    ln_record_destroy(&r);
    free(whole);
    free(bad);
}
END_TEST

/* Sound files that say what no record does. */
START_TEST(records_of_another_shape_are_ignored) {
    fresh_cache("shape");
    char path[700], text[1200];
    record_path(path, sizeof path);
    store_default();
    static const char *const bodies[] = {
        "\"format\":2,\"stream\":\"auto\",\"variants\":[null],\"chains\":[],\"apart\":[]",
        "\"format\":1,\"stream\":\"carrier pigeon\",\"variants\":[null],\"chains\":[],\"apart\":[]",
        "\"format\":1,\"stream\":\"auto\",\"variants\":[],\"chains\":[],\"apart\":[]",
        "\"format\":1,\"stream\":\"auto\",\"variants\":[\"no_such\"],\"chains\":[],\"apart\":[]",
        "\"format\":1,\"stream\":\"auto\",\"variants\":[7],\"chains\":[],\"apart\":[]",
        "\"format\":1,\"stream\":\"auto\",\"variants\":[null],\"chains\":[[0,1]],\"apart\":[]",
        "\"format\":1,\"stream\":\"auto\",\"variants\":[null,null],\"chains\":[[-1,1]],\"apart\":["
        "]",
        "\"format\":1,\"stream\":\"auto\",\"variants\":[null,null],\"chains\":[[1,1]],\"apart\":[]",
        "\"format\":1,\"stream\":\"auto\",\"variants\":[null,null],\"chains\":[0],\"apart\":[]",
        "\"format\":1,\"stream\":\"auto\",\"variants\":[null],\"chains\":{},\"apart\":[]",
        "\"format\":1,\"stream\":\"auto\",\"variants\":[null],\"chains\":[],\"apart\":[1]",
        "\"format\":1,\"stream\":\"auto\",\"variants\":[null],\"chains\":[],\"apart\":0",
        "not JSON",
    };
    for (size_t i = 0; i < LN_COUNT(bodies); i++) {
        int n = snprintf(text, sizeof text, "{\"key\":\"%016llx\",%s,\n",
                         (unsigned long long)key_of(), bodies[i]);
        n += snprintf(text + n, sizeof text - (size_t)n, "\"crc\":\"%08x\"}\n",
                      (unsigned)ln_crc32(0, text, (size_t)n));
        write_file(path, text, (size_t)n);
        ln_record *r = load();
        ck_assert_msg(!r, "taken: %s", bodies[i]);
    }
    /* one that is sound, of a graph with fewer nodes: all defaults */
    int n = snprintf(text, sizeof text,
                     "{\"key\":\"%016llx\",\"format\":1,\"stream\":\"auto\",\"variants\":[null],"
                     "\"chains\":[],\"apart\":[],\n",
                     (unsigned long long)key_of());
    n += snprintf(text + n, sizeof text - (size_t)n, "\"crc\":\"%08x\"}\n",
                  (unsigned)ln_crc32(0, text, (size_t)n));
    write_file(path, text, (size_t)n);
    ln_graph *g[2] = {NULL, make_graph()};
    ln_plan *p[2] = {plan(&g[0]), NULL};
    OK(ln_plan_create(g[1], ln_device_caps(device), NULL, &p[1], &err));
    expect_same_plans(p[0], p[1]);
    for (int i = 0; i < 2; i++) {
        ln_plan_destroy(&p[i]);
        ln_graph_destroy(&g[i]);
    }
}
END_TEST

/* ---- failures on the way ---- */

/* A device of its own under the fault, tuned, and gone: how many calls that took. */
static long tune_under(const ln_fault *fault, linnet_status *st, bool *failed) {
    ln_device *d = NULL;
    ln_tune_report r = {0};
    ln_fault_set(fault);
    *st = ln_device_open(NULL, &d, &err);
    if (*st == LINNET_OK) *st = ln_tune_run(d, &fast, &r, &err);
    *failed = *st != LINNET_OK || count_verdicts(&r, LN_VERDICT_FAILED) > 0;
    if (*st != LINNET_OK) ck_assert_uint_gt(strlen(err.message), 0);
    ln_tune_free(&r);
    ln_device_release(&d);
    long left = ln_fault_live(), calls = ln_fault_calls();
    ck_assert_msg(!left, "%s: %ld objects left", ln_fault_failed(), left);
    ln_fault_set(NULL);
    return calls;
}

/* A call that fails costs a candidate, or ends the tuning cleanly; nothing is left behind. */
START_TEST(failing_calls_are_survived) {
    fresh_cache("faults");
    linnet_status st;
    bool failed;
    long calls = tune_under(&(ln_fault){0}, &st, &failed), met = 0;
    ck_assert(st == LINNET_OK && !failed);
    for (long n = 1; n < calls; n += calls / 13 + 1) {
        tune_under(&(ln_fault){.fail_call = n}, &st, &failed);
        met += failed;
    }
    ck_assert_int_gt(met, 2);
    /* CL_INVALID_COMMAND_QUEUE: what drivers say of a lost device */
    tune_under(&(ln_fault){.fail_call = calls / 2, .fail_all_after = true, .fail_code = -36}, &st,
               &failed);
    ck_assert_int_ne(st, LINNET_OK);
    check_against_reference();
}
END_TEST

START_TEST(a_lack_of_memory_is_survived) {
    fresh_cache("memory");
    long met = 0;
    for (long n = 1; n < 40000; n = n * 2 + 1) {
        ln_tune_report r;
        oom_fail_nth(n);
        linnet_status st = ln_tune_run(device, &fast, &r, &err);
        oom_fail_nth(0);
        if (st != LINNET_OK) {
            met++;
            ck_assert_uint_gt(strlen(err.message), 0);
        }
        ln_tune_free(&r);
    }
    ck_assert_int_gt(met, 2);
    check_against_reference();
}
END_TEST

START_TEST(without_time_the_defaults_stand) {
    fresh_cache("late");
    ln_tune_params p = {.graph = new_graph, .seconds = 1e-9};
    ln_tune_report r;
    OK(ln_tune_run(device, &p, &r, &err));
    ck_assert(!r.complete);
    ck_assert_int_gt(count_verdicts(&r, LN_VERDICT_UNTRIED), 0);
    ln_tune_free(&r);
    check_against_reference();
}
END_TEST

int main(void) {
    setenv("LINNET_DISABLE", "resident", 1); /* launches do not suffer from a busy machine */
    const char *home = getenv("XDG_CACHE_HOME");
    snprintf(cache, sizeof cache, "%s/tune-test", home ? home : "/tmp");
    const device_test list[] = {
        {what_stopped_a_process_is_not_tried_again, 0}, /* opens the device */
        {a_busy_machine_decides_no_stream, (int)LN_COUNT(ways)},
        {winners_are_recorded_and_the_same_record_gives_the_same_plan, 0},
        {a_plan_follows_its_record, 0},
        {a_wrong_candidate_is_thrown_away, 0},
        {a_journal_may_hold_anything, 0},
        {keys_tell_arithmetic_apart, 0},
        {damaged_records_are_ignored, 0},
        {records_of_another_shape_are_ignored, 0},
        {failing_calls_are_survived, 0},
        {a_lack_of_memory_is_survived, 0},
        {without_time_the_defaults_stand, 0},
    };
    int status = run_suite("tune", list, LN_COUNT(list));
    ln_device_release(&device);
    return status;
}
