/* Environment, cache folder, log, threads, clock. */
#include "base/env.h"
#include "base/thread.h"
#include "tests/check_main.h"
#include "tests/oom.h"

START_TEST(environment_by_table) {
    for (int i = 0; i < LN_ENV_COUNT; i++) ck_assert_ptr_nonnull(ln_env_names[i]);
    setenv("LINNET_DEVICE", "cpu", 1);
    ck_assert_str_eq(ln_env(LN_ENV_DEVICE), "cpu");
    setenv("LINNET_DEVICE", "", 1);
    ck_assert_ptr_null(ln_env(LN_ENV_DEVICE));
    unsetenv("LINNET_DEVICE");
    ck_assert_ptr_null(ln_env(LN_ENV_DEVICE));
}
END_TEST

START_TEST(cache_folder) {
    char buf[64], tiny[8];
    setenv("HOME", "/home/x", 1);
    setenv("XDG_CACHE_HOME", "/c", 1);
    ck_assert(ln_cache_path(buf, sizeof buf, NULL));
    ck_assert_str_eq(buf, "/c/linnet");
    ck_assert(ln_cache_path(buf, sizeof buf, "programs"));
    ck_assert_str_eq(buf, "/c/linnet/programs");
    ck_assert(!ln_cache_path(tiny, sizeof tiny, "programs"));
    setenv("XDG_CACHE_HOME", "relative", 1); /* ignored, as the XDG rule asks */
    ck_assert(ln_cache_path(buf, sizeof buf, NULL));
    ck_assert_str_eq(buf, "/home/x/.cache/linnet");
    unsetenv("XDG_CACHE_HOME");
    unsetenv("HOME");
    ck_assert(!ln_cache_path(buf, sizeof buf, NULL));
    ck_assert(ln_cache_dir_set("/mine"));
    ck_assert(ln_cache_path(buf, sizeof buf, "x"));
    ck_assert_str_eq(buf, "/mine/x");
    ck_assert(ln_cache_dir_set("off"));
    ck_assert(!ln_cache_path(buf, sizeof buf, NULL));
    char lengthy[2000];
    memset(lengthy, 'a', sizeof lengthy - 1);
    lengthy[sizeof lengthy - 1] = 0;
    ck_assert(!ln_cache_dir_set(lengthy));
    ck_assert(!ln_cache_path(buf, sizeof buf, NULL)); /* still off */
    ck_assert(ln_cache_dir_set(NULL));
    setenv("HOME", "/h", 1);
    ck_assert(ln_cache_path(buf, sizeof buf, NULL));
    ck_assert_str_eq(buf, "/h/.cache/linnet");
}
END_TEST

typedef struct heard {
    int lines, level;
    char last[64];
} heard;
static void listen(void *user, int level, const char *line) {
    heard *h = user;
    h->lines++;
    h->level = level;
    snprintf(h->last, sizeof h->last, "%s", line);
}

START_TEST(log_goes_to_the_sink) {
    heard h = {0};
    ln_log(LN_LOG_ERROR, "nobody hears");
    ln_log_set(listen, &h, LN_LOG_WARN);
    ln_log(LN_LOG_INFO, "too quiet");
    ck_assert_int_eq(h.lines, 0);
    ln_log(LN_LOG_WARN, "n=%d", 3);
    ck_assert_int_eq(h.lines, 1);
    ck_assert_int_eq(h.level, LN_LOG_WARN);
    ck_assert_str_eq(h.last, "n=3");
    ln_log_set(NULL, NULL, LN_LOG_DEBUG);
    ln_log(LN_LOG_ERROR, "nobody hears");
    ck_assert_int_eq(h.lines, 1);
}
END_TEST

/* Hears one line, then takes itself away. */
static void hear_once(void *user, int level, const char *line) {
    listen(user, level, line);
    ln_log_set(NULL, NULL, LN_LOG_DEBUG);
}

START_TEST(log_sink_may_replace_itself) {
    heard h = {0};
    ln_log_set(hear_once, &h, LN_LOG_WARN);
    ln_log(LN_LOG_WARN, "first");
    ln_log(LN_LOG_WARN, "second");
    ck_assert_int_eq(h.lines, 1);
    ck_assert_str_eq(h.last, "first");
}
END_TEST

static void count(void *user, size_t i) {
    unsigned char *seen = user;
    seen[i]++;
}

START_TEST(parallel_does_each_once) {
    static const int threads[] = {0, 1, 2, 3, 200};
    static const size_t counts[] = {0, 1, 2, 1000};
    linnet_error err;
    for (size_t t = 0; t < LN_COUNT(threads); t++)
        for (size_t n = 0; n < LN_COUNT(counts); n++) {
            unsigned char seen[1001] = {0};
            ck_assert_int_eq(ln_parallel(threads[t], counts[n], count, seen, &err), LINNET_OK);
            for (size_t i = 0; i <= 1000; i++) ck_assert_uint_eq(seen[i], i < counts[n]);
        }
    ck_assert_int_eq(ln_parallel(-1, 1, count, NULL, &err), LINNET_ERR_INVALID_ARGUMENT);
    ck_assert_int_ge(ln_cpu_count(), 1);
    ck_assert_int_le(ln_cpu_count(), 1024);
}
END_TEST

START_TEST(clock_goes_on) {
    double a = ln_now(), b = ln_now();
    ck_assert(b >= a && a > 0);
}
END_TEST

CHECK_MAIN("base system", environment_by_table, cache_folder, log_goes_to_the_sink,
           log_sink_may_replace_itself, parallel_does_each_once, clock_goes_on)
