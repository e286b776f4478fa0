/* Every OpenCL call and every allocation of a whole run failing in turn. */
#include "tests/host/common.h"
#include "tests/oom.h"

/* Failures that cost nothing but time: giving back, saving, the cached binary, and waiting for a
 * queue that goes once its results are read. */
static bool tolerated(const char *name, bool cached, bool at_end) {
    return !strncmp(name, "clRelease", 9) || (at_end && !strcmp(name, "clFinish")) ||
           !strcmp(name, "clGetProgramInfo") ||
           (cached &&
            (!strcmp(name, "clCreateProgramWithBinary") || !strcmp(name, "clBuildProgram")));
}

static void clean_retry(void) {
    ln_fault_set(NULL);
    ck_ok(whole_run(false, LN_WAIT_SLEEP));
}

/* cached: programs come from the disk; else there is no cache. */
static void fail_each_call(bool cached, bool profiling, ln_wait how) {
    fresh_cache();
    if (!cached) ln_cache_dir_set("off");
    ck_ok(whole_run(profiling, how));
    ln_fault_set(&(ln_fault){0});
    ck_ok(whole_run(profiling, how));
    long calls = ln_fault_calls();
    ck_assert_int_eq(ln_fault_live(), 0);
    ck_assert_int_gt(calls, 40);
    int failures = 0;
    for (long n = 1; n <= calls; n++) {
        ln_fault_set(&(ln_fault){.fail_call = n});
        err = (linnet_error){0};
        linnet_status st = whole_run(profiling, how);
        const char *name = ln_fault_failed();
        if (!name) break; /* a spinning wait makes more or fewer calls each time */
        ck_assert_int_eq(ln_fault_live(), 0);
        if (st == LINNET_OK) {
            ck_assert_msg(tolerated(name, cached, n > calls_until_read),
                          "call %ld, %s, failed unnoticed", n, name);
            continue;
        }
        failures++;
        ck_assert_msg(err.status == st && *err.message, "call %ld, %s: no message", n, name);
        if (!strcmp(name, "clSVMAlloc")) /* which returns no code */
            ck_assert_int_eq(st, LINNET_ERR_OUT_OF_MEMORY);
        else if (st != LINNET_ERR_NO_DEVICE)
            ck_says("CL_OUT_OF_RESOURCES");
        if (n % 8 == 0) clean_retry();
        if (cached) clean_retry(); /* writes the entry again that the failure dropped */
    }
    ck_assert_int_gt(failures, 30);
    clean_retry();
    ln_cache_dir_set(cache_dir);
    remove_cache();
}

START_TEST(each_call_fails_building) {
    fail_each_call(false, false, LN_WAIT_SLEEP);
}
END_TEST

START_TEST(each_call_fails_from_the_cache) {
    fail_each_call(true, true, LN_WAIT_SLEEP);
}
END_TEST

START_TEST(each_call_fails_polling) {
    fail_each_call(true, false, LN_WAIT_YIELD);
}
END_TEST

START_TEST(device_lost_for_good) {
    fresh_cache();
    ck_ok(whole_run(false, LN_WAIT_SLEEP));
    ln_fault_set(&(ln_fault){0});
    ck_ok(whole_run(false, LN_WAIT_SLEEP));
    long calls = ln_fault_calls();
    for (long n = 1; n < calls; n += 3) {
        ln_fault_set(&(ln_fault){.fail_call = n, .fail_code = -36, .fail_all_after = true});
        linnet_status st = whole_run(false, LN_WAIT_SLEEP);
        const char *name = ln_fault_failed();
        ck_assert_int_eq(ln_fault_live(), 0);
        if (st == LINNET_OK)
            ck_assert(tolerated(name, true, n > calls_until_read));
        else if (st == LINNET_ERR_NO_DEVICE) /* found unusable */
            ck_assert_str_eq(name, "clGetDeviceInfo");
        else
            ck_assert_int_eq(st, LINNET_ERR_DEVICE_LOST);
    }
    clean_retry();
    /* A hung GPU says it lacks resources when waited for. */
    ln_fault_set(&(ln_fault){.fail_call = 1, .fail_name = "clFinish", .fail_all_after = true});
    ck_assert_int_eq(whole_run(false, LN_WAIT_SLEEP), LINNET_ERR_DEVICE_LOST);
    ln_fault_set(&(ln_fault){.fail_call = 1, .fail_name = "clGetEventInfo", .fail_code = -9999});
    ck_assert_int_eq(whole_run(false, LN_WAIT_SPIN), LINNET_ERR_DEVICE_LOST);
    ln_fault_set(&(ln_fault){.fail_call = 1, .fail_name = "clCreateBuffer"});
    ck_assert_int_eq(whole_run(false, LN_WAIT_SLEEP), LINNET_ERR_OUT_OF_MEMORY);
    ln_fault_set(&(ln_fault){.fail_call = 1, .fail_name = "clCreateBuffer", .fail_code = -12345});
    ck_assert_int_eq(whole_run(false, LN_WAIT_SLEEP), LINNET_ERR_INTERNAL);
    ck_says("unknown OpenCL error (-12345)");
    clean_retry();
    remove_cache();
}
END_TEST

static void fail_each_allocation(bool cached) {
    fresh_cache();
    if (!cached) ln_cache_dir_set("off");
    ck_ok(whole_run(true, LN_WAIT_SLEEP));
    int failures = 0;
    for (long n = 1;; n++) {
        ln_fault_set(&(ln_fault){0});
        oom_fail_nth(n);
        linnet_status st = whole_run(true, LN_WAIT_SLEEP);
        bool fired = atomic_load(&oom_countdown) <= 0;
        oom_fail_nth(0);
        ck_assert_int_eq(ln_fault_live(), 0);
        if (!fired) break;
        if (st == LINNET_OK) continue; /* the cache does without */
        failures++;
        ck_assert_int_eq(st, LINNET_ERR_OUT_OF_MEMORY);
    }
    ck_assert_int_gt(failures, 15);
    ln_fault_set(NULL);
    ck_ok(whole_run(true, LN_WAIT_SLEEP));
    ln_cache_dir_set(cache_dir);
    remove_cache();
}

START_TEST(each_allocation_fails_building) {
    fail_each_allocation(false);
}
END_TEST

START_TEST(each_allocation_fails_from_the_cache) {
    fail_each_allocation(true);
}
END_TEST

CHECK_MAIN("host fault", each_call_fails_building, each_call_fails_from_the_cache,
           each_call_fails_polling, device_lost_for_good, each_allocation_fails_building,
           each_allocation_fails_from_the_cache)
