/* A GPU whose compiler is known to make wrong kernels, and does: they are found before they are
 * relied on, and another is taken. */
#include "base/env.h"
#include "base/file.h"
#include "host/fault.h"
#include "tests/check_main.h"
#include <linnet/linnet.h>

#include <dirent.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

static linnet_error err;
#define OK(expr) ck_assert_msg((expr) == LINNET_OK, "%s: %s", #expr, err.message)

enum { SIZE = 32, CLASSES = 1000 };
static char cache[64];
static float input[3 * SIZE * SIZE], want[CLASSES];
static int warnings;
static char warning[512];
static char *probe;
static const char *about = "wrong";

static void count_warnings(void *user, int level, const char *line) {
    (void)user;
    if (level > LN_LOG_WARN || !strstr(line, about)) return;
    warnings++;
    snprintf(warning, sizeof warning, "%s", line);
}

static linnet_model *model(void) {
    linnet_model_params p = LINNET_MODEL_PARAMS_INIT;
    linnet_model *m = NULL;
    p.model = "mobilenetv3_small_050";
    p.size = SIZE;
    p.synthetic = 1;
    OK(linnet_model_open(&p, &m, &err));
    return m;
}

/* Logits of the small network on a device; *text: its plan. */
static linnet_status logits(const char *spec, float *out, char **text) {
    linnet_model *m = model();
    linnet_device *d = NULL;
    linnet_session *s = NULL;
    const void *in[] = {input};
    void *outs[] = {out};
    OK(linnet_device_open(spec, &d, &err));
    linnet_status st = linnet_session_create(m, d, NULL, &s, &err);
    if (st == LINNET_OK) st = linnet_session_run(s, in, outs, &err);
    if (st == LINNET_OK && text) st = linnet_session_print_plan(s, text, &err);
    linnet_session_destroy(&s);
    linnet_device_close(&d);
    linnet_model_close(&m);
    return st;
}

static ln_fault adreno(const char *compiler, const char *spoil) {
    return (ln_fault){.spoil_kernel = spoil,
                      .gpu_platform = "QUALCOMM Snapdragon(TM)",
                      .gpu_name = "QUALCOMM Adreno(TM)",
                      .gpu_driver = compiler};
}
#define BAD_COMPILER  "OpenCL 3.0 QUALCOMM build: 1 Compiler E031.40.00"
#define GOOD_COMPILER "OpenCL 3.0 QUALCOMM build: 1 Compiler E031.45.02"

static void begin(void) {
    strcpy(cache, "/tmp/linnet-vet-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(cache));
    ck_assert(ln_cache_dir_set(cache));
    if (!probe) probe = strdup(getenv("LINNET_PROBE"));
    setenv("LINNET_PROBE", "/nonexistent", 1);
    for (int i = 0; i < 3 * SIZE * SIZE; i++) input[i] = sinf((float)i * 0.7f);
    OK(logits("ref", want, NULL));
    warnings = 0;
    about = "wrong";
    ln_log_set(count_warnings, NULL, LN_LOG_WARN);
}

static void end(void) {
    ln_fault_set(NULL);
    ln_log_set(NULL, NULL, LN_LOG_WARN);
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", cache);
    ck_assert_int_eq(system(command), 0);
    ln_cache_dir_set(NULL);
}

static bool right(const float *got) {
    double worst = 0, sum = 0;
    for (int i = 0; i < CLASSES; i++) {
        worst = fmax(worst, fabs((double)got[i] - want[i]));
        sum += (double)want[i] * want[i];
    }
    return worst <= 1e-3 * sqrt(sum / CLASSES);
}

/* Whether logits are right; *calls: launches that it took. */
static bool run(const ln_fault *fault, char **text, long *calls) {
    float got[CLASSES] = {0};
    ln_fault counted = *fault;
    counted.fail_name = "clEnqueueNDRangeKernel";
    ln_fault_set(&counted);
    OK(logits(NULL, got, text));
    if (calls) *calls = ln_fault_calls();
    return right(got);
}

/* The file in which the verdicts lie. */
static void vet_file(char *path, size_t size) {
    char dir[128];
    snprintf(dir, sizeof dir, "%s/vet", cache);
    DIR *d = opendir(dir);
    ck_assert_ptr_nonnull(d);
    *path = 0;
    for (struct dirent *e; (e = readdir(d));)
        if (*e->d_name != '.') snprintf(path, size, "%s/%s", dir, e->d_name);
    closedir(d);
    ck_assert(*path);
}

START_TEST(a_wrong_kernel_is_replaced_and_remembered) {
    begin();
    ln_fault fault = adreno(BAD_COMPILER, "pw_f32_wide");
    char *first = NULL, *second = NULL, path[512];
    long calls, later;
    ck_assert(run(&fault, &first, &calls));
    ck_assert_int_eq(warnings, 1);
    ck_assert_msg(strstr(warning, "pw_f32_wide"), "%s", warning);
    ck_assert_ptr_null(strstr(first, "pw_f32_wide"));
    ck_assert_ptr_nonnull(strstr(first, "dw3x3s1_f32_wide")); /* others stay */
    ck_assert(run(&fault, &second, &later));                  /* all of it known by now */
    ck_assert_int_eq(warnings, 1);
    ck_assert_str_eq(first, second);
    ck_assert_int_lt(later, calls);
    /* what is damaged is checked again */
    vet_file(path, sizeof path);
    FILE *f = fopen(path, "w");
    fputs("wrong dw3x3s1_f32_wide\0\nwrung pw_f32_wide\n\ngood\nwrong pw_f32_wid", f);
    fclose(f);
    ck_assert(run(&fault, NULL, &later));
    ck_assert_int_eq(warnings, 2);
    ck_assert_int_gt(later, 0);
    linnet_free(first);
    linnet_free(second);
    end();
}
END_TEST

/* Without the check the network would be wrong, which also shows that the fault bites. */
START_TEST(compilers_that_are_trusted_are_not_checked) {
    begin();
    ln_fault fault = adreno(GOOD_COMPILER, "pw_f32_wide");
    ck_assert(!run(&fault, NULL, NULL));
    ck_assert_int_eq(warnings, 0);
    fault.spoil_kernel = NULL;
    long plain, checked, known;
    ck_assert(run(&fault, NULL, &plain));
    fault = adreno(BAD_COMPILER, NULL);
    ck_assert(run(&fault, NULL, &checked));
    ck_assert(run(&fault, NULL, &known));
    ck_assert_int_eq(warnings, 0);
    ck_assert_int_gt(checked, plain);
    ck_assert_int_eq(known, plain);
    end();
}
END_TEST

/* As built, a kernel can need more than the device says it has: the next best takes its place. */
START_TEST(kernels_in_too_large_groups_are_replaced) {
    begin();
    ln_fault fault = adreno(GOOD_COMPILER, NULL);
    char *plain = NULL, *first = NULL, *second = NULL;
    setenv("LINNET_PROBE", probe, 1); /* barriers */
    ck_assert(run(&fault, &plain, NULL));
    ck_assert_ptr_nonnull(strstr(plain, "se_f32_wide")); /* groups of 256 */
    fault.kernel_group = 128;
    about = "larger groups";
    ck_assert(run(&fault, &first, NULL));
    ck_assert_int_gt(warnings, 0);
    ck_assert_ptr_null(strstr(first, "se_f32_wide"));
    const int once = warnings;
    ck_assert(run(&fault, &second, NULL)); /* from the cache */
    ck_assert_int_eq(warnings, once);
    ck_assert_str_eq(first, second);
    fault.kernel_group = 1; /* nothing is left for some op */
    float got[CLASSES];
    ln_fault_set(&fault);
    ck_assert_int_eq(logits(NULL, got, NULL), LINNET_ERR_UNSUPPORTED);
    ck_assert_msg(strstr(err.message, "no kernel for"), "%s", err.message);
    linnet_free(plain);
    linnet_free(first);
    linnet_free(second);
    end();
}
END_TEST

START_TEST(without_a_cache_each_session_checks) {
    begin();
    ln_cache_dir_set("off");
    ln_fault fault = adreno(BAD_COMPILER, "conv_f32_wide");
    ck_assert(run(&fault, NULL, NULL));
    ck_assert(run(&fault, NULL, NULL));
    ck_assert_int_eq(warnings, 2);
    end();
}
END_TEST

/* An operation for which no sound kernel is left is named. */
START_TEST(no_kernel_left_is_an_error) {
    begin();
    float got[CLASSES];
    char path[512];
    ln_fault fault = adreno(BAD_COMPILER, NULL);
    ck_assert(run(&fault, NULL, NULL));
    vet_file(path, sizeof path);
    FILE *f = fopen(path, "w");
    fputs("wrong pw_f32_wide\nwrong conv_f32_wide\nwrong conv_f32_any\n", f);
    fclose(f);
    ck_assert_int_eq(logits(NULL, got, NULL), LINNET_ERR_UNSUPPORTED);
    ck_assert_msg(strstr(err.message, "no kernel for conv2d"), "%s", err.message);
    end();
}
END_TEST

/* A device lost while kernels are checked, or a call that fails, ends the creation with its error.
 */
START_TEST(a_check_that_fails_is_no_verdict) {
    begin();
    ln_fault fault = adreno(BAD_COMPILER, NULL);
    float got[CLASSES];
    fault.fail_name = "clFinish";
    fault.fail_code = -36;
    fault.fail_call = 2;
    fault.fail_all_after = true;
    ln_fault_set(&fault);
    ck_assert_int_eq(logits(NULL, got, NULL), LINNET_ERR_DEVICE_LOST);
    ck_assert_int_eq(warnings, 0);
    fault = adreno(BAD_COMPILER, NULL);
    ck_assert(run(&fault, NULL, NULL));
    end();
}
END_TEST

CHECK_MAIN("vet", a_wrong_kernel_is_replaced_and_remembered,
           compilers_that_are_trusted_are_not_checked, kernels_in_too_large_groups_are_replaced,
           without_a_cache_each_session_checks, no_kernel_left_is_an_error,
           a_check_that_fails_is_no_verdict)
