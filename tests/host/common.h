/* What the tests of host/ share: a private cache folder, small kernels, an open device. */
#ifndef LN_TEST_HOST_COMMON_H
#define LN_TEST_HOST_COMMON_H

#include "base/env.h"
#include "base/file.h"
#include "host/fault.h"
#include "host/host.h"
#include "tests/check_main.h"

#include <dirent.h>
#include <string.h>
#include <unistd.h>

#define ck_ok(expr) ck_assert_msg((expr) == LINNET_OK, "%s: %s", #expr, err.message)
#define ck_says(part)                                                                              \
    ck_assert_msg(strstr(err.message, part), "\"%s\" is not in: %s", part, err.message)

static linnet_error err;
static char cache_dir[64];

/* A fresh cache folder; no probe program, so that features are the queried ones alone. */
static inline void fresh_cache(void) {
    strcpy(cache_dir, "/tmp/linnet-test-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(cache_dir));
    ck_assert(ln_cache_dir_set(cache_dir));
    setenv("LINNET_PROBE", "/nonexistent", 1);
    unsetenv("LINNET_DEVICE");
    unsetenv("LINNET_DISABLE");
}
static inline void remove_cache(void) {
    static const char *const subs[] = {"/programs", "/probe", ""};
    for (size_t i = 0; i < LN_COUNT(subs); i++) {
        char dir[128], path[512];
        snprintf(dir, sizeof dir, "%s%s", cache_dir, subs[i]);
        DIR *d = opendir(dir);
        for (struct dirent *e; d && (e = readdir(d));) {
            snprintf(path, sizeof path, "%s/%s", dir, e->d_name);
            unlink(path);
        }
        if (d) closedir(d);
        rmdir(dir);
    }
    ck_assert(ln_cache_dir_set(NULL));
}

/* o[i] = a * i + b over whole work-groups. */
static const char line_text[] = "#line 1 \"line.cl\"\n"
                                "__kernel void line(__global int *o, int a, int b) {\n"
                                "    o[get_global_id(0)] = a * (int)get_global_id(0) + b;\n"
                                "}\n";
static const ln_program_source line_source = {line_text, "-DX=1", "line"};

/* Everything a session does with a device, from opening it to reading back. OK only when the
 * answer is right. */
static long calls_until_read; /* of the last whole_run: what comes after only gives back */
static inline linnet_status whole_run(bool profiling, ln_wait how) {
    enum { N = 64 };
    ln_device *d = NULL;
    ln_program *p = NULL;
    ln_kernel *k = NULL;
    ln_buffer *b = NULL;
    ln_queue *q = NULL;
    int32_t out[N] = {0};
    void *map;
    uint64_t ns = 0, local_bytes;
    size_t group;
    linnet_status st = ln_device_open(NULL, &d, &err);
#define STEP(expr)                                                                                 \
    if (st == LINNET_OK) st = (expr)
    STEP(ln_program_get(d, &line_source, &p, &err));
    STEP(ln_kernel_create(p, "line", &k, &err));
    STEP(ln_kernel_limits(k, &group, &local_bytes, &err));
    STEP(ln_buffer_create(d, sizeof out + 4, LN_BUFFER_ARENA, &b, &err));
    STEP(ln_queue_create(d, profiling, &q, &err));
    STEP(ln_queue_map(q, b, 0, sizeof out, LN_MAP_WRITE, &map, &err));
    if (st == LINNET_OK) memset(map, 0xff, sizeof out);
    STEP(ln_queue_unmap(q, b, map, &err));
    STEP(ln_kernel_arg_buffer(k, 0, b, &err));
    STEP(ln_kernel_arg_int(k, 1, 3, &err));
    STEP(ln_kernel_arg_int(k, 2, 7, &err));
    STEP(ln_queue_launch(q, k, N / 8, 8, &ns, &err));
    STEP(ln_queue_flush(q, &err));
    STEP(ln_queue_finish(q, how, &err));
    if (st == LINNET_OK) ln_program_save(p);
    STEP(ln_queue_read_rows(q, b, 0, 8, 4, N / 2, out, &err));
    for (int i = 0; st == LINNET_OK && i < N / 2; i++)
        if (out[i] != 3 * (2 * i) + 7) st = ln_fail(&err, LINNET_ERR_INTERNAL, "wrong rows");
    STEP(ln_queue_write(q, b, sizeof out, &out[5], 4, &err));
    STEP(ln_queue_read(q, b, 4, out, sizeof out, &err));
    for (int i = 0; st == LINNET_OK && i < N - 1; i++)
        if (out[i] != 3 * (i + 1) + 7) st = ln_fail(&err, LINNET_ERR_INTERNAL, "wrong answer");
    if (st == LINNET_OK && out[N - 1] != 37) st = ln_fail(&err, LINNET_ERR_INTERNAL, "wrong write");
    if (st == LINNET_OK && profiling && !ns) st = ln_fail(&err, LINNET_ERR_INTERNAL, "no time");
#undef STEP
    calls_until_read = ln_fault_calls();
    ln_queue_destroy(&q);
    ln_buffer_destroy(&b);
    ln_kernel_destroy(&k);
    ln_program_release(&p);
    ln_device_release(&d);
    return st;
}

#endif
