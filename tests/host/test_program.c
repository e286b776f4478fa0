/* Programs: building, messages, the caches in memory and on disk, threads. */
#include "base/thread.h"
#include "tests/host/common.h"

#include <sys/file.h>

static ln_device *device;

static void begin(void) {
    fresh_cache();
    ck_ok(ln_device_open(NULL, &device, &err));
}
static void end(void) {
    ln_device_release(&device);
    remove_cache();
}
/* A device as a new process would have it: nothing in memory. */
static void reopen(void) {
    ln_device_release(&device);
    ck_ok(ln_device_open(NULL, &device, &err));
}
static void expect_stats(uint64_t builds, uint64_t hits, uint64_t misses) {
    ln_host_stats s = ln_device_stats(device);
    ck_assert_uint_eq(s.builds, builds);
    ck_assert_uint_eq(s.cache_hits, hits);
    ck_assert_uint_eq(s.cache_misses, misses);
}
static void get_and_save(void) {
    ln_program *p;
    ck_ok(ln_program_get(device, &line_source, &p, &err));
    ln_program_save(p);
    ln_program_release(&p);
}
/* The path of the only entry with this suffix in the program cache; false: none. */
static bool entry(const char *suffix, char *path, size_t size) {
    char dir[128];
    snprintf(dir, sizeof dir, "%s/programs", cache_dir);
    DIR *d = opendir(dir);
    int found = 0;
    for (struct dirent *e; d && (e = readdir(d));) {
        size_t n = strlen(e->d_name), m = strlen(suffix);
        if (n < m || strcmp(e->d_name + n - m, suffix) != 0) continue;
        snprintf(path, size, "%s/%s", dir, e->d_name);
        found++;
    }
    if (d) closedir(d);
    ck_assert_int_le(found, 1);
    return found == 1;
}

START_TEST(memory_cache_shares) {
    begin();
    ln_program *a, *b, *c;
    ck_ok(ln_program_get(device, &line_source, &a, &err));
    ck_ok(ln_program_get(device, &line_source, &b, &err));
    ck_assert_ptr_eq(a, b);
    ln_program_source other = line_source;
    other.options = "-DX=2"; /* only an option differs: another program */
    ck_ok(ln_program_get(device, &other, &c, &err));
    ck_assert_ptr_ne(a, c);
    expect_stats(2, 0, 2);
    ck_assert(ln_device_stats(device).build_s > 0);
    ln_program_release(&a);
    ln_program_release(&b);
    ck_ok(ln_program_get(device, &line_source, &a, &err)); /* kept while nobody held it */
    expect_stats(2, 0, 2);
    ln_program_release(&a);
    ln_program_release(&a);
    ln_program_release(&c);
    end();
}
END_TEST

START_TEST(disk_cache_hits) {
    begin();
    char path[512];
    get_and_save();
    get_and_save(); /* the second save has nothing to do */
    expect_stats(1, 0, 1);
    ck_assert(entry(".bin", path, sizeof path));
    reopen();
    get_and_save();
    expect_stats(0, 1, 0);
    ck_assert(entry(".bin", path, sizeof path));
    ck_assert(!entry(".loading", path, sizeof path));
    ck_ok(whole_run(false, LN_WAIT_SLEEP)); /* and the answer is right */
    ln_cache_dir_set("off");
    reopen();
    get_and_save();
    expect_stats(1, 0, 1);
    ln_cache_dir_set(cache_dir);
    end();
}
END_TEST

static void rewrite(const char *path, const uint8_t *bytes, size_t n) {
    FILE *f = fopen(path, "wb");
    ck_assert_uint_eq(fwrite(bytes, 1, n, f), n);
    fclose(f);
}

START_TEST(damaged_entries_are_rebuilt) {
    begin();
    char path[512];
    ln_file f;
    get_and_save();
    ck_assert(entry(".bin", path, sizeof path));
    ck_ok(ln_file_map(path, &f, &err));
    size_t size = f.size;
    uint8_t *good = malloc(size + 1);
    memcpy(good, f.data, size);
    good[size] = 0;
    ln_file_unmap(&f);
    const size_t cuts[] = {0, 1, 39, 40, 41, size / 2, size - 1, size + 1};
    for (size_t i = 0; i < LN_COUNT(cuts); i++) {
        rewrite(path, good, cuts[i]);
        reopen();
        get_and_save();
        expect_stats(1, 0, 1);
    }
    const size_t flips[] = {0, 4, 8, 16, 24, 32, size - 1};
    for (size_t i = 0; i < LN_COUNT(flips); i++) {
        good[flips[i]] ^= 1;
        rewrite(path, good, size);
        good[flips[i]] ^= 1;
        reopen();
        get_and_save();
        expect_stats(1, 0, 1);
    }
    memset(good, 0xA5, size);
    rewrite(path, good, size);
    reopen();
    get_and_save();
    expect_stats(1, 0, 1);
    reopen();
    get_and_save(); /* the last rebuild left a good entry */
    expect_stats(0, 1, 0);
    free(good);
    end();
}
END_TEST

START_TEST(drivers_may_refuse_binaries) {
    begin();
    get_and_save();
    ln_fault_set(&(ln_fault){.reject_binary = true});
    reopen();
    get_and_save();
    expect_stats(1, 0, 1);
    ck_ok(whole_run(false, LN_WAIT_SLEEP));
    ln_fault_set(&(ln_fault){
        .fail_call = 1, .fail_name = "clBuildProgram", .fail_code = -11}); /* of the binary */
    reopen();
    get_and_save();
    expect_stats(1, 0, 1);
    ln_fault_set(NULL);
    end();
}
END_TEST

START_TEST(entries_that_killed_are_dropped) {
    begin();
    char path[512], guard[600];
    get_and_save();
    ck_assert(entry(".bin", path, sizeof path));
    snprintf(guard, sizeof guard, "%.*s.loading", (int)(strlen(path) - 4), path);
    rewrite(guard, (const uint8_t *)"!", 1); /* what a process leaves that died while loading */
    reopen();
    get_and_save();
    expect_stats(1, 0, 1);
    ck_assert(!entry(".loading", guard, sizeof guard));
    /* The same, held by a process that lives: no fault of the entry. */
    snprintf(guard, sizeof guard, "%.*s.loading", (int)(strlen(path) - 4), path);
    rewrite(guard, (const uint8_t *)"!", 1);
    FILE *other = fopen(guard, "r+");
    ck_assert_int_eq(flock(fileno(other), LOCK_EX), 0);
    reopen();
    get_and_save();
    expect_stats(0, 1, 0);
    fclose(other);
    end();
}
END_TEST

START_TEST(unwritable_cache_is_harmless) {
    begin();
    char file[128];
    snprintf(file, sizeof file, "%s/file", cache_dir);
    rewrite(file, (const uint8_t *)"x", 1);
    ln_cache_dir_set(file); /* no folder can be made below a file */
    get_and_save();
    expect_stats(1, 0, 1);
    ln_cache_dir_set(cache_dir);
    unlink(file);
    end();
}
END_TEST

START_TEST(build_errors_name_file_and_line) {
    begin();
    static const char text[] = "#line 1 \"prelude.clh\"\n#define ONE 1\n#line 1 \"pw.cl\"\n"
                               "__kernel void k(__global int *o) {\n"
                               "    *o = ONE + nowhere;\n"
                               "}\n";
    ln_program *p;
    const ln_program_source src = {text, "", "pw_f32_8x48"};
    ck_assert_int_eq(ln_program_get(device, &src, &p, &err), LINNET_ERR_BUILD_FAILED);
    ck_assert_ptr_null(p);
    ck_says("pw_f32_8x48 does not build on");
    if (!strstr(ln_device_caps(device)->platform, "Oclgrind")) /* which ignores #line */
        ck_says("pw.cl:2:");
    ck_says("nowhere");
    ck_assert_ptr_null(strchr(err.message, '\n'));
    const ln_program_source options = {line_text, "-no-such-option", "options"};
    ck_assert_int_eq(ln_program_get(device, &options, &p, &err), LINNET_ERR_BUILD_FAILED);
    /* Without a log the code itself is named. */
    ln_fault_set(&(ln_fault){.fail_call = 1, .fail_name = "clGetProgramBuildInfo"});
    ck_assert_int_eq(ln_program_get(device, &src, &p, &err), LINNET_ERR_BUILD_FAILED);
    ck_says("clBuildProgram: CL_BUILD_PROGRAM_FAILURE (-11)");
    ln_fault_set(&(ln_fault){.fail_call = 2, .fail_name = "clGetProgramBuildInfo"});
    ck_assert_int_eq(ln_program_get(device, &src, &p, &err), LINNET_ERR_BUILD_FAILED);
    ck_says("CL_BUILD_PROGRAM_FAILURE");
    ln_fault_set(NULL);
    ck_ok(ln_program_get(device, &line_source, &p, &err)); /* the device is none the worse */
    ln_program_release(&p);
    end();
}
END_TEST

START_TEST(kernels_by_name) {
    begin();
    ln_program *p;
    ln_kernel *k;
    size_t group = 0;
    uint64_t local = 99;
    ck_ok(ln_program_get(device, &line_source, &p, &err));
    ck_assert_int_eq(ln_kernel_create(p, "lime", &k, &err), LINNET_ERR_INTERNAL);
    ck_assert_ptr_null(k);
    ck_says("kernel lime of line");
    ck_ok(ln_kernel_create(p, "line", &k, &err));
    ln_program_release(&p); /* the kernel holds it */
    ck_ok(ln_kernel_limits(k, &group, &local, &err));
    ck_assert_uint_gt(group, 0);
    ck_assert_uint_le(local, ln_device_caps(device)->local_mem);
    ck_assert_int_ne(ln_kernel_arg_int(k, 77, 1, &err), LINNET_OK);
    ck_says("argument 77 of kernel line");
    ln_kernel_destroy(&k);
    ln_kernel_destroy(&k);
    end();
}
END_TEST

typedef struct seen {
    ln_program *program[8];
    linnet_status status[8];
    const ln_program_source *source;
} seen;
static void get_one(void *user, size_t i) {
    seen *s = user;
    linnet_error e;
    s->status[i] = ln_program_get(device, s->source, &s->program[i], &e);
    if (s->status[i] == LINNET_OK) ln_program_save(s->program[i]);
}

START_TEST(threads_build_once) {
    begin();
    seen s = {.source = &line_source};
    ck_ok(ln_parallel(4, 8, get_one, &s, &err));
    for (int i = 0; i < 8; i++) {
        ck_assert_int_eq(s.status[i], LINNET_OK);
        ck_assert_ptr_eq(s.program[i], s.program[0]);
    }
    expect_stats(1, 0, 1);
    for (int i = 0; i < 8; i++) ln_program_release(&s.program[i]);
    const ln_program_source bad = {"broken", "", "broken"};
    s.source = &bad;
    ck_ok(ln_parallel(4, 8, get_one, &s, &err));
    for (int i = 0; i < 8; i++) ck_assert_int_eq(s.status[i], LINNET_ERR_BUILD_FAILED);
    end();
}
END_TEST

START_TEST(idle_programs_are_few) {
    begin();
    ln_cache_dir_set("off");
    ln_fault_set(&(ln_fault){0});
    enum { MANY = 20 };
    for (int i = 0; i < MANY; i++) {
        ln_program *p;
        char options[32];
        snprintf(options, sizeof options, "-DX=%d", i);
        const ln_program_source src = {line_text, options, "many"};
        ck_ok(ln_program_get(device, &src, &p, &err));
        ln_program_release(&p);
    }
    ck_assert_int_eq(ln_fault_live(), 16);
    ln_fault_set(NULL);
    ln_cache_dir_set(cache_dir);
    end();
}
END_TEST

CHECK_MAIN("host program", memory_cache_shares, disk_cache_hits, damaged_entries_are_rebuilt,
           drivers_may_refuse_binaries, entries_that_killed_are_dropped,
           unwritable_cache_is_harmless, build_errors_name_file_and_line, kernels_by_name,
           threads_build_once, idle_programs_are_few)
