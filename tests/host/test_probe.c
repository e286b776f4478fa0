/* Features by child processes: those that answer, crash, hang, or are not there. */
#include "host/probe.h"
#include "tests/host/common.h"

#include <signal.h>
#include <sys/stat.h>

static const char *real_program;
static char script[128], warned[1000];

static void begin(void) {
    if (!real_program) real_program = strdup(getenv("LINNET_PROBE"));
    fresh_cache();
    snprintf(script, sizeof script, "%s/probe.sh", cache_dir);
}
static void end(void) {
    unlink(script);
    ln_log_set(NULL, NULL, LN_LOG_ERROR);
    setenv("LINNET_PROBE", real_program, 1);
    remove_cache();
}
static void write_script(const char *body) {
    FILE *f = fopen(script, "w");
    fprintf(f, "#!/bin/sh\n%s\n", body);
    fclose(f);
    ck_assert_int_eq(chmod(script, 0700), 0);
}
static void listen(void *user, int level, const char *line) {
    (void)user;
    (void)level;
    snprintf(warned, sizeof warned, "%s", line);
}
static uint32_t open_features(void) {
    ln_device *d;
    ck_ok(ln_device_open(NULL, &d, &err));
    uint32_t f = ln_device_caps(d)->features;
    ln_device_release(&d);
    return f;
}
static bool record_exists(char *path, size_t size) {
    char dir[128];
    snprintf(dir, sizeof dir, "%s/probe", cache_dir);
    DIR *d = opendir(dir);
    bool found = false;
    for (struct dirent *e; d && (e = readdir(d));) {
        if (!strstr(e->d_name, ".json")) continue;
        snprintf(path, size, "%s/%s", dir, e->d_name);
        found = true;
    }
    if (d) closedir(d);
    return found;
}
#define BARRIER (1u << LN_FEAT_BARRIER)

START_TEST(the_real_program_finds_barriers) {
    begin();
    char path[512];
    setenv("LINNET_PROBE", real_program, 1);
    uint32_t found = open_features();
    ck_assert_uint_eq(found & BARRIER, BARRIER);
    ck_assert(record_exists(path, sizeof path));
    /* From the record: the program is not asked again, but when a record is damaged. */
    setenv("LINNET_PROBE", "/nonexistent", 1);
    ck_assert_uint_eq(open_features(), found);
    static const char *const damaged[] = {
        "",
        "[]",
        "{\"format\":2",
        "{\"format\":99,\"tried\":[],\"works\":[]}",
        "{\"format\":2,\"tried\":[\"barrier\"]}",
        "{\"format\":2,\"tried\":[\"barrier\"],\"works\":[\"magic\"]}",
        "{\"format\":2,\"tried\":[7],\"works\":[]}",
        "{\"format\":2,\"tried\":[],\"works\":[]}", /* good, but asked less than we want */
    };
    for (size_t i = 0; i < LN_COUNT(damaged); i++) {
        FILE *f = fopen(path, "w");
        fputs(damaged[i], f);
        fclose(f);
        ck_assert_uint_eq(open_features() & BARRIER, 0);
    }
    setenv("LINNET_PROBE", real_program, 1);
    ck_assert_uint_eq(open_features(), found);
    end();
}
END_TEST

START_TEST(the_real_program_refuses_nonsense) {
    begin();
    ck_assert_int_eq(ln_probe_run(real_program, 0, LN_FEAT_BARRIER), LN_PROBE_WORKS);
    ck_assert_int_eq(ln_probe_run(real_program, 999, LN_FEAT_BARRIER), LN_PROBE_ERROR);
    ck_assert_int_eq(ln_probe_run(real_program, 0, LN_FEAT_LOCAL_MEMORY), LN_PROBE_ERROR);
    end();
}
END_TEST

START_TEST(answers_are_exit_statuses) {
    begin();
    static const struct {
        const char *body;
        ln_probe_answer want;
    } cases[] = {
        {"exit 0", LN_PROBE_WORKS},
        {"exit 1", LN_PROBE_FAILS},
        {"exit 3", LN_PROBE_ERROR},
        {"exit 77", LN_PROBE_ERROR},
        {"kill -SEGV $$", LN_PROBE_KILLED},
        {"kill -KILL $$", LN_PROBE_KILLED},
        {"test \"$1 $2\" = '4 fp16'", LN_PROBE_WORKS}, /* the arguments */
        {"echo noise; echo noise >&2; read x; exit 1", LN_PROBE_FAILS},
    };
    for (size_t i = 0; i < LN_COUNT(cases); i++) {
        write_script(cases[i].body);
        ck_assert_int_eq(ln_probe_run(script, 4, LN_FEAT_FP16), cases[i].want);
    }
    ck_assert_int_eq(ln_probe_run("/nonexistent", 0, LN_FEAT_FP16), LN_PROBE_ERROR);
    ck_assert_int_eq(ln_probe_run(cache_dir, 0, LN_FEAT_FP16), LN_PROBE_ERROR);
    end();
}
END_TEST

START_TEST(hanging_children_are_killed_with_theirs) {
    begin();
    char pid_file[160];
    snprintf(pid_file, sizeof pid_file, "%s/pid", cache_dir);
    char body[400];
    snprintf(body, sizeof body, "sleep 1000 & echo $! >%s; wait", pid_file);
    write_script(body);
    ln_probe_seconds = 0.5;
    ln_log_set(listen, NULL, LN_LOG_WARN);
    ck_assert_int_eq(ln_probe_run(script, 0, LN_FEAT_FP16), LN_PROBE_HUNG);
    ck_assert_ptr_nonnull(strstr(warned, "did not end"));
    ln_probe_seconds = 20;
    FILE *f = fopen(pid_file, "r");
    int grandchild = 0;
    ck_assert_ptr_nonnull(f);
    ck_assert_int_eq(fscanf(f, "%d", &grandchild), 1);
    fclose(f);
    unlink(pid_file);
    for (int i = 0; i < 500 && kill(grandchild, 0) == 0; i++) {
        char stat[64], state = 0; /* a zombie that nobody reaps in a container is dead too */
        snprintf(stat, sizeof stat, "/proc/%d/stat", grandchild);
        FILE *s = fopen(stat, "r");
        if (s && fscanf(s, "%*d %*s %c", &state) != 1) state = 0;
        if (s) fclose(s);
        if (state == 'Z') {
            grandchild = 0;
            break;
        }
        usleep(10000);
    }
    ck_assert(!grandchild || kill(grandchild, 0) != 0);
    end();
}
END_TEST

START_TEST(crashes_are_answers_and_kept) {
    begin();
    char path[512];
    setenv("LINNET_PROBE", script, 1);
    write_script("test $2 = barrier && exit 0; kill -ILL $$");
    ck_assert_uint_eq(open_features() & BARRIER, BARRIER);
    ck_assert_uint_eq(open_features() & 1u << LN_FEAT_COMMAND_BUFFER, 0);
    ck_assert(record_exists(path, sizeof path));
    end();
}
END_TEST

START_TEST(missing_answers_are_not_kept) {
    begin();
    char path[512];
    ln_log_set(listen, NULL, LN_LOG_WARN);
    setenv("LINNET_PROBE", "/nonexistent", 1);
    ck_assert_uint_eq(open_features() & BARRIER, 0);
    ck_assert_ptr_nonnull(strstr(warned, "no linnet-probe program"));
    ck_assert(!record_exists(path, sizeof path));
    setenv("LINNET_PROBE", script, 1);
    write_script("exit 3");
    ck_assert_uint_eq(open_features() & BARRIER, 0);
    ck_assert(!record_exists(path, sizeof path));
    signal(SIGCHLD, SIG_IGN); /* a program that never waits for children: no answer either */
    write_script("exit 0");
    ck_assert_uint_eq(open_features() & BARRIER, 0);
    signal(SIGCHLD, SIG_DFL);
    ck_assert(!record_exists(path, sizeof path));
    ck_assert_uint_eq(open_features() & BARRIER, BARRIER);
    ln_cache_dir_set("off"); /* no place to keep it: still found */
    ck_assert_uint_eq(open_features() & BARRIER, BARRIER);
    ln_cache_dir_set(cache_dir);
    end();
}
END_TEST

CHECK_MAIN("host probe", the_real_program_finds_barriers, the_real_program_refuses_nonsense,
           answers_are_exit_statuses, hanging_children_are_killed_with_theirs,
           crashes_are_answers_and_kept, missing_answers_are_not_kept)
