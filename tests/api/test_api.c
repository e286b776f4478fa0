/* The public calls where they fail or are given the least: what they leave behind. */
#include "tests/check_main.h"
#include <linnet/linnet.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static linnet_error err;

static linnet_model *small(void) {
    linnet_model_params p = LINNET_MODEL_PARAMS_INIT;
    linnet_model *m = NULL;
    p.model = "mobilenetv1_025";
    p.size = 32;
    p.synthetic = 1;
    ck_assert_msg(linnet_model_open(&p, &m, &err) == LINNET_OK, "%s", err.message);
    return m;
}

static linnet_device *device(const char *spec) {
    linnet_device *d = NULL;
    ck_assert_msg(linnet_device_open(spec, &d, &err) == LINNET_OK, "%s", err.message);
    return d;
}

/* A pointer that no call may leave as it is when it fails. */
#define LEFT ((void *)&err)

START_TEST(failed_calls_null_what_they_make) {
    linnet_model_params none = LINNET_MODEL_PARAMS_INIT;
    linnet_session_params wrong = LINNET_SESSION_PARAMS_INIT;
    linnet_model *m = LEFT;
    ck_assert_int_eq(linnet_model_open(&none, &m, &err), LINNET_ERR_INVALID_ARGUMENT);
    ck_assert_ptr_null(m);
    linnet_device *d = LEFT;
    ck_assert_int_eq(linnet_device_open("nosuch", &d, &err), LINNET_ERR_NO_DEVICE);
    ck_assert_ptr_null(d);
    linnet_device_info *devices = LEFT;
    size_t n = 7;
    ck_assert_int_eq(linnet_devices("nosuch", &devices, &n, &err), LINNET_ERR_NO_DEVICE);
    ck_assert(!devices && !n);
    m = small();
    d = device("ref");
    linnet_session *s = LEFT;
    wrong.batch = -1;
    ck_assert_int_eq(linnet_session_create(m, d, &wrong, &s, &err), LINNET_ERR_INVALID_ARGUMENT);
    ck_assert_ptr_null(s);
    char *text = LEFT;
    ck_assert_int_eq(linnet_model_print_plan(m, d, NULL, &text, &err), LINNET_ERR_UNSUPPORTED);
    ck_assert_ptr_null(text);
    text = LEFT;
    ck_assert_int_eq(linnet_device_dump(d, &text, &err), LINNET_ERR_UNSUPPORTED);
    ck_assert_ptr_null(text);
    text = LEFT;
    ck_assert_int_eq(linnet_model_print(m, 1 << 20, &text, &err), LINNET_ERR_INVALID_ARGUMENT);
    ck_assert_ptr_null(text);
    linnet_layer_info *layers = LEFT;
    n = 7;
    ck_assert_int_eq(linnet_model_layers(m, 1 << 20, &layers, &n, &err),
                     LINNET_ERR_INVALID_ARGUMENT);
    ck_assert(!layers && !n);
    double peak = 7;
    ck_assert_int_eq(linnet_device_peak(d, &peak, &err), LINNET_ERR_UNSUPPORTED);
    ck_assert(peak == 0);
    peak = 7;
    ck_assert_int_eq(linnet_device_bandwidth(d, 1 << 20, &peak, &err), LINNET_ERR_UNSUPPORTED);
    ck_assert(peak == 0);
    linnet_step_info step;
    ck_assert_int_eq(linnet_session_create(m, d, NULL, &s, &err), LINNET_OK);
    void *memory = LEFT;
    ck_assert_int_eq(linnet_session_input_memory(s, 1, &memory, &err), LINNET_ERR_INVALID_ARGUMENT);
    ck_assert_ptr_null(memory);
    memory = LEFT;
    ck_assert_int_eq(linnet_session_output_memory(s, 1, &memory, &err),
                     LINNET_ERR_INVALID_ARGUMENT);
    ck_assert_ptr_null(memory);
    text = LEFT;
    ck_assert_int_eq(linnet_session_part(s, 0, 0, &step), LINNET_OK);
    ck_assert(step.parts == 1 && step.ms == 0);
    ck_assert_int_eq(linnet_session_part(s, 0, 1, &step), LINNET_ERR_INVALID_ARGUMENT);
    ck_assert_int_eq(linnet_session_print_plan(s, &text, &err), LINNET_ERR_UNSUPPORTED);
    ck_assert_ptr_null(text);
    linnet_diff_report report = {.layer = LEFT, .layers = 7, .pass = 1};
    ck_assert_int_eq(linnet_session_diff(s, NULL, &report, &err), LINNET_ERR_UNSUPPORTED);
    ck_assert(!report.layer && !report.layers && !report.pass && report.first_bad == -1);
    linnet_session_destroy(&s);
    linnet_device_close(&d);
    linnet_model_close(&m);
}
END_TEST

/* The reference gives out memory too; it is whole, and stays. */
START_TEST(reference_runs_on_its_own_memory) {
    linnet_model *m = small();
    linnet_device *d = NULL;
    linnet_session *s = NULL;
    linnet_tensor_info x, y;
    void *in = NULL, *out = NULL, *again = NULL;
    ck_assert_int_eq(linnet_device_open("ref", &d, &err), LINNET_OK);
    ck_assert_int_eq(linnet_session_create(m, d, NULL, &s, &err), LINNET_OK);
    ck_assert_int_eq(linnet_session_input(s, 0, &x), LINNET_OK);
    ck_assert_int_eq(linnet_session_output(s, 0, &y), LINNET_OK);
    ck_assert_int_eq(linnet_session_input_memory(s, 0, &in, &err), LINNET_OK);
    ck_assert_int_eq(linnet_session_output_memory(s, 0, &out, &err), LINNET_OK);
    ck_assert_int_eq(linnet_session_output_memory(s, 0, &again, &err), LINNET_OK);
    ck_assert_ptr_eq(out, again);
    float *mine = malloc(x.bytes), *want = malloc(y.bytes);
    for (size_t i = 0; i < x.bytes / sizeof *mine; i++) mine[i] = (float)(i % 7) - 3;
    memcpy(in, mine, x.bytes);
    ck_assert_int_eq(linnet_session_run(s, (const void *[]){mine}, (void *[]){want}, &err),
                     LINNET_OK);
    ck_assert_int_eq(linnet_session_run(s, (const void *[]){in}, (void *[]){out}, &err), LINNET_OK);
    ck_assert_mem_eq(out, want, y.bytes);
    ck_assert_mem_eq(in, mine, x.bytes);
    free(mine);
    free(want);
    linnet_session_destroy(&s);
    linnet_device_close(&d);
    linnet_model_close(&m);
}
END_TEST

START_TEST(success_leaves_the_error_alone) {
    memset(&err, 0, sizeof err);
    err.status = LINNET_ERR_IO;
    strcpy(err.message, "of before");
    linnet_model *m = small();
    linnet_model_close(&m);
    ck_assert_int_eq(err.status, LINNET_ERR_IO);
    ck_assert_str_eq(err.message, "of before");
}
END_TEST

START_TEST(plan_takes_defaults) {
    linnet_model *m = small();
    linnet_device *d = device("cpu");
    linnet_session_params p = LINNET_SESSION_PARAMS_INIT;
    char *bare = NULL, *given = NULL;
    ck_assert_int_eq(linnet_model_print_plan(m, d, NULL, &bare, &err), LINNET_OK);
    ck_assert_int_eq(linnet_model_print_plan(m, d, &p, &given, &err), LINNET_OK);
    ck_assert_str_eq(bare, given);
    linnet_free(bare);
    linnet_free(given);
    linnet_device_close(&d);
    linnet_model_close(&m);
}
END_TEST

START_TEST(no_picture_of_no_pixels) {
    static const int64_t side[][2] = {{0, 0}, {0, 4}, {4, 0}, {-1, 4}};
    float x[3] = {7, 7, 7};
    for (size_t i = 0; i < sizeof side / sizeof side[0]; i++)
        linnet_synthetic_image(0, 1, side[i][0], side[i][1], x);
    ck_assert(x[0] == 7 && x[1] == 7 && x[2] == 7);
    linnet_synthetic_image(0, 1, 1, 1, x);
    ck_assert(x[0] >= -1 && x[0] <= 1 && x[2] >= -1 && x[2] <= 1);
}
END_TEST

static void make(const char *path, int is_folder) {
    FILE *f = NULL;
    ck_assert(is_folder ? !mkdir(path, 0700) : (f = fopen(path, "w")) != NULL);
    if (f) fclose(f);
}

/* A cache folder 900 bytes deep, a file of 255 in it: more than the old 511, all of it listed. */
START_TEST(deep_cache_is_listed) {
    char path[1400], root[] = "/tmp/linnet-deep-XXXXXX", name[256];
    ck_assert_ptr_nonnull(mkdtemp(root));
    size_t n = (size_t)snprintf(path, sizeof path, "%s", root), from[8];
    int deep = 0;
    for (; deep < 4; deep++) {
        from[deep] = n;
        n += (size_t)snprintf(path + n, sizeof path - n, "/%0200d", deep);
        make(path, 1);
    }
    ck_assert_int_eq(linnet_set_cache_dir(path, &err), LINNET_OK);
    strcpy(path + n, "/programs");
    make(path, 1);
    memset(name, 'x', 255);
    name[255] = 0;
    snprintf(path + n + 9, sizeof path - n - 9, "/%s", name);
    make(path, 0);
    linnet_cache_entry *entry = NULL;
    size_t count = 0, removed = 0;
    ck_assert_msg(linnet_cache_list(&entry, &count, &err) == LINNET_OK, "%s", err.message);
    ck_assert_uint_eq(count, 1);
    ck_assert_str_eq(entry[0].path, path);
    linnet_free(entry);
    ck_assert_int_eq(linnet_cache_clear(&removed, &err), LINNET_OK);
    ck_assert_uint_eq(removed, 1);
    linnet_set_cache_dir(NULL, NULL);
    path[n + 9] = 0;
    ck_assert(!rmdir(path));
    path[n] = 0;
    while (deep--) {
        ck_assert(!rmdir(path));
        path[from[deep]] = 0;
    }
    ck_assert(!rmdir(root));
}
END_TEST

/* Arithmetic in halves is a matter of halves; where a device has none, a warning says so. */
static void count_warnings(void *user, int level, const char *line) {
    if (level == LINNET_LOG_WARN && strstr(line, "fast math")) ++*(int *)user;
}

START_TEST(fast_math_comes_with_halves) {
    linnet_model *m = small();
    linnet_device *d = device(NULL);
    linnet_session_params p = LINNET_SESSION_PARAMS_INIT;
    linnet_session *s = LEFT;
    linnet_session_stats stats;
    int warnings = 0;
    char *text = LEFT;
    p.fast_math = 1;
    ck_assert_int_eq(linnet_session_create(m, d, &p, &s, &err), LINNET_ERR_INVALID_ARGUMENT);
    ck_assert_ptr_null(s);
    ck_assert_ptr_nonnull(strstr(err.message, "LINNET_PRECISION_F16"));
    ck_assert_int_eq(linnet_model_print_plan(m, d, &p, &text, &err), LINNET_ERR_INVALID_ARGUMENT);
    ck_assert_ptr_null(text);
    p.precision = LINNET_PRECISION_F16;
    linnet_set_log(count_warnings, &warnings, LINNET_LOG_WARN);
    ck_assert_msg(linnet_session_create(m, d, &p, &s, &err) == LINNET_OK, "%s", err.message);
    ck_assert_int_eq(linnet_session_get_stats(s, &stats), LINNET_OK);
    linnet_set_log(NULL, NULL, LINNET_LOG_ERROR);
    ck_assert_int_eq(warnings, stats.macs_f16 == 0);
    linnet_session_destroy(&s);
    linnet_device_close(&d);
    linnet_model_close(&m);
}
END_TEST

CHECK_MAIN("api", fast_math_comes_with_halves, failed_calls_null_what_they_make,
           success_leaves_the_error_alone, reference_runs_on_its_own_memory, plan_takes_defaults,
           no_picture_of_no_pixels, deep_cache_is_listed)
