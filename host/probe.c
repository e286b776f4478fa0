/* Which features work, asked of linnet-probe: one child process a feature, with a time limit,
 * since some compilers kill the process that asks them for what they lack. Answers are kept in
 * $cache/probe/<key>.json. */
#include "base/env.h"
#include "base/file.h"
#include "base/thread.h"
#include "host/internal.h"
#include "host/probe.h"

#include <cjson/cJSON.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define FORMAT 2
#ifndef LN_LIBEXECDIR
#    define LN_LIBEXECDIR "/usr/libexec"
#endif
extern char **environ;

double ln_probe_seconds = 20.0;

/* ---- the program ---- */
/* The folder of the library or program that this code is in, without the last slash. */
static bool own_folder(char *buf, size_t size) {
    Dl_info self;
    static const char here;
    if (!dladdr(&here, &self) || !self.dli_fname) return false;
    const char *slash = strrchr(self.dli_fname, '/');
    if (slash) snprintf(buf, size, "%.*s", (int)(slash - self.dli_fname), self.dli_fname);
    return slash;
}

static bool program_folder(char *buf, size_t size) {
    ssize_t n = readlink("/proc/self/exe", buf, size - 1);
    if (n < 0) return false;
    buf[n] = 0;
    char *slash = strrchr(buf, '/');
    if (slash) *slash = 0;
    return slash;
}

/* Where the library or the program lies: beside it, in the build's folder, or where an installation
 * has it that was moved as a whole (also from lib/x86_64-linux-gnu). */
static bool find_near(const char *folder, char *buf, size_t size) {
    static const char *const near[] = {"linnet-probe",
                                       "host/linnet-probe",
                                       "../host/linnet-probe",
                                       "../../host/linnet-probe",
                                       "../libexec/linnet-probe",
                                       "../../libexec/linnet-probe"};
    for (size_t i = 0; i < LN_COUNT(near); i++) {
        snprintf(buf, size, "%s/%s", folder, near[i]);
        if (access(buf, X_OK) == 0) return true;
    }
    return false;
}

bool ln_probe_find(char *buf, size_t size) {
    char folder[1024];
    const char *asked = ln_env(LN_ENV_PROBE);
    if (asked) {
        snprintf(buf, size, "%s", asked);
        return access(buf, X_OK) == 0;
    }
    if (own_folder(folder, sizeof folder) && find_near(folder, buf, size)) return true;
    if (program_folder(folder, sizeof folder) && find_near(folder, buf, size)) return true;
    snprintf(buf, size, "%s/linnet-probe", LN_LIBEXECDIR);
    return access(buf, X_OK) == 0;
}

static bool spawn(const char *program, int index, ln_feature feature, pid_t *out) {
    char number[16];
    snprintf(number, sizeof number, "%d", index);
    const char *const argv[] = {program, number, ln_feature_names[feature], NULL};
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attr;
    posix_spawn_file_actions_init(&files);
    posix_spawnattr_init(&attr);
    for (int fd = 0; fd < 3; fd++)
        posix_spawn_file_actions_addopen(&files, fd, "/dev/null", O_RDWR, 0);
    posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETPGROUP); /* so that its compilers die with it */
    int code = posix_spawn(out, program, &files, &attr, (char *const *)(uintptr_t)argv, environ);
    posix_spawnattr_destroy(&attr);
    posix_spawn_file_actions_destroy(&files);
    if (code) ln_log(LN_LOG_WARN, "probe: cannot start %s: %s", program, strerror(code));
    return code == 0;
}

/* Waits up to the limit, then kills. False when the child had to be killed. */
static bool wait_child(pid_t pid, int *status) {
    double end = ln_now() + ln_probe_seconds;
    struct timespec pause = {.tv_nsec = 500000};
    for (;;) {
        pid_t got = waitpid(pid, status, WNOHANG);
        if (got == pid) return true;
        if (got < 0 && errno != EINTR) { /* SIGCHLD is ignored: the answer is lost */
            *status = LN_PROBE_ERROR << 8;
            return true;
        }
        if (ln_now() > end) break;
        nanosleep(&pause, NULL);
        if (pause.tv_nsec < 5000000) pause.tv_nsec *= 2;
    }
    kill(-pid, SIGKILL);
    while (waitpid(pid, status, 0) < 0 && errno == EINTR) continue;
    return false;
}

ln_probe_answer ln_probe_run(const char *program, int index, ln_feature feature) {
    const char *name = ln_feature_names[feature];
    pid_t pid;
    int status;
    if (!spawn(program, index, feature, &pid)) return LN_PROBE_ERROR;
    if (!wait_child(pid, &status)) {
        ln_log(LN_LOG_WARN, "probe: %s did not end within %.0f s; not used", name,
               ln_probe_seconds);
        return LN_PROBE_HUNG;
    }
    if (WIFSIGNALED(status)) {
        ln_log(LN_LOG_WARN, "probe: %s ended by signal %d; not used", name, WTERMSIG(status));
        return LN_PROBE_KILLED;
    }
    int code = WEXITSTATUS(status);
    if (code == LN_PROBE_WORKS || code == LN_PROBE_FAILS) return (ln_probe_answer)code;
    ln_log(LN_LOG_WARN, "probe: %s: %s ended with status %d", name, program, code);
    return LN_PROBE_ERROR;
}

/* ---- the cache ---- */
static bool cache_path(uint64_t key, const char *suffix, char *buf, size_t size) {
    char sub[64];
    snprintf(sub, sizeof sub, "probe/%016llx%s", (unsigned long long)key, suffix);
    return ln_cache_path(buf, size, sub);
}

static bool read_names(const cJSON *list, uint32_t *out) {
    *out = 0;
    if (!cJSON_IsArray(list)) return false;
    for (const cJSON *v = list->child; v; v = v->next) {
        int f = 0;
        if (!cJSON_IsString(v)) return false;
        while (f < LN_FEAT_COUNT && strcmp(v->valuestring, ln_feature_names[f]) != 0) f++;
        if (f == LN_FEAT_COUNT) return false;
        *out |= 1u << f;
    }
    return true;
}

/* tried: what was asked when the record was written. */
static bool read_cache(uint64_t key, uint32_t *tried, uint32_t *works) {
    char path[1200];
    ln_file f;
    if (!cache_path(key, ".json", path, sizeof path) || ln_file_map(path, &f, NULL) != LINNET_OK)
        return false;
    cJSON *root = cJSON_ParseWithLength((const char *)f.data, f.size);
    const cJSON *format = cJSON_GetObjectItemCaseSensitive(root, "format");
    bool ok = cJSON_IsNumber(format) && format->valuedouble == FORMAT &&
              read_names(cJSON_GetObjectItemCaseSensitive(root, "tried"), tried) &&
              read_names(cJSON_GetObjectItemCaseSensitive(root, "works"), works);
    cJSON_Delete(root);
    ln_file_unmap(&f);
    if (!ok) {
        ln_log(LN_LOG_INFO, "probe: %s is damaged or stale; probing anew", path);
        unlink(path);
    }
    return ok;
}

static void put_names(ln_str *s, const char *key, uint32_t bits) {
    const char *comma = "";
    ln_str_add(s, ",\"%s\":[", key);
    for (int f = 0; f < LN_FEAT_COUNT; f++) {
        if (!(bits >> f & 1u)) continue;
        ln_str_add(s, "%s\"%s\"", comma, ln_feature_names[f]);
        comma = ",";
    }
    ln_str_add(s, "]");
}

static void write_cache(uint64_t key, uint32_t tried, uint32_t works) {
    char dir[1200], path[1200];
    ln_str s = {0};
    ln_writer w;
    linnet_error err = {0};
    if (!ln_cache_path(dir, sizeof dir, "probe") || !cache_path(key, ".json", path, sizeof path))
        return;
    ln_str_add(&s, "{\"format\":%d", FORMAT);
    put_names(&s, "tried", tried);
    put_names(&s, "works", works);
    ln_str_add(&s, "}\n");
    linnet_status st = s.failed ? ln_fail_oom(&err, "a record", 0) : ln_mkdirs(dir, &err);
    if (st == LINNET_OK) st = ln_writer_open(&w, path, &err);
    if (st == LINNET_OK) {
        fwrite(s.p, 1, s.len, w.f); /* commit sees what fails */
        st = ln_writer_commit(&w, &err);
    }
    if (st != LINNET_OK) ln_log(LN_LOG_WARN, "probe: %s", err.message);
    ln_str_free(&s);
}

/* ---- asking ---- */
typedef struct asking {
    const char *program;
    int index, count;
    ln_feature feature[LN_FEAT_COUNT];
    ln_probe_answer answer[LN_FEAT_COUNT];
} asking;

static void ask(void *user, size_t i) {
    asking *r = user;
    r->answer[i] = ln_probe_run(r->program, r->index, r->feature[i]);
}

/* As many children at a time as there are processors. False when one gave no answer, which is then
 * not kept as one. */
static bool ask_all(const char *program, int index, uint32_t hints, uint32_t *works) {
    asking r = {.program = program, .index = index};
    bool all = true;
    *works = 0;
    for (int f = 0; f < LN_FEAT_COUNT; f++)
        if (hints >> f & 1u) r.feature[r.count++] = (ln_feature)f;
    if (ln_parallel(0, (size_t)r.count, ask, &r, NULL) != LINNET_OK) return false;
    for (int i = 0; i < r.count; i++) {
        if (r.answer[i] == LN_PROBE_WORKS) *works |= 1u << r.feature[i];
        all &= r.answer[i] != LN_PROBE_ERROR;
    }
    return all;
}

uint32_t ln_probe_features(int index, uint64_t key, uint32_t hints) {
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* one thread asks, others read */
    char program[1200];
    uint32_t tried = 0, works = 0;
    pthread_mutex_lock(&lock);
    if (!read_cache(key, &tried, &works) || (tried & hints) != hints) {
        bool all = ln_probe_find(program, sizeof program);
        works = 0;
        if (all)
            all = ask_all(program, index, hints, &works);
        else
            ln_log(LN_LOG_WARN,
                   "probe: no linnet-probe program near the library or in %s (LINNET_PROBE names "
                   "one); using only what every device can do",
                   LN_LIBEXECDIR);
        if (all) write_cache(key, hints, works);
    }
    pthread_mutex_unlock(&lock);
    return works & hints;
}
