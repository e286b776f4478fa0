/* Devices: listing, choosing, opening, limits that a fault lowers. */
#include "tests/host/common.h"

static ln_device_entry *list;
static size_t count;

START_TEST(list_names_and_chooses) {
    fresh_cache();
    ck_ok(ln_devices_list(NULL, false, &list, &count, &err));
    ck_assert_uint_ge(count, 1);
    size_t chosen = 0;
    for (size_t i = 0; i < count; i++) {
        const ln_caps *c = &list[i].caps;
        chosen += list[i].chosen;
        ck_assert_uint_gt(strlen(c->name), 0);
        ck_assert_uint_ge(c->cl_version, 120);
        ck_assert_uint_gt(c->compute_units, 0);
        ck_assert_uint_gt(c->max_work_group, 0);
        ck_assert_uint_gt(c->max_alloc, 0);
        ck_assert_uint_ge(c->global_mem, c->max_alloc);
        ck_assert_uint_gt(c->mem_align, 0);
        ck_assert_int_eq(!strncmp(list[i].why, "chosen", 6), list[i].chosen);
    }
    ck_assert_uint_eq(chosen, 1);
    free(list);
    remove_cache();
}
END_TEST

static ln_device_entry the_chosen(const char *spec) {
    ln_device_entry e = {0};
    ck_ok(ln_devices_list(spec, false, &list, &count, &err));
    for (size_t i = 0; i < count; i++)
        if (list[i].chosen) e = list[i];
    free(list);
    return e;
}

START_TEST(choice_follows_the_specification) {
    fresh_cache();
    ck_assert_str_eq(the_chosen("0").why, "chosen: index 0");
    ln_device_entry first = the_chosen(NULL);
    ck_assert_ptr_nonnull(strstr(first.why, first.caps.kind == LN_DEVICE_GPU ? "GPU" : "CPU"));
    const char *kind = first.caps.kind == LN_DEVICE_GPU ? "GPU" : "CPU";
    ck_assert_str_eq(the_chosen(kind).caps.name, first.caps.name);
    char part[8] = {0};
    for (int i = 0; i < 7; i++) part[i] = (char)(first.caps.name[i] ^ 0x20); /* other case */
    for (int i = 0; i < 7; i++)
        if (!((part[i] | 0x20) >= 'a' && (part[i] | 0x20) <= 'z')) part[i] = first.caps.name[i];
    ln_device_entry named = the_chosen(part);
    ck_assert_str_eq(named.caps.name, first.caps.name);
    ck_assert_ptr_nonnull(strstr(named.why, part));
    ck_assert_str_eq(the_chosen(first.caps.platform).caps.platform, first.caps.platform);
    setenv("LINNET_DEVICE", "0", 1);
    ck_assert_str_eq(the_chosen(NULL).why, "chosen by LINNET_DEVICE: index 0");
    unsetenv("LINNET_DEVICE");
    ck_ok(ln_devices_list("ref", false, &list, &count, &err));
    for (size_t i = 0; i < count; i++) {
        ck_assert(!list[i].chosen);
        ck_assert_ptr_nonnull(strstr(list[i].why, "reference"));
    }
    free(list);
    remove_cache();
}
END_TEST

START_TEST(unknown_devices_are_refused) {
    static const char *const wrong[] = {"999", "99999999999999999999999", "no such device", "-1"};
    fresh_cache();
    ln_device *d;
    char name[128];
    snprintf(name, sizeof name, "%s", the_chosen("0").caps.name);
    for (size_t i = 0; i < LN_COUNT(wrong); i++) {
        ck_assert_int_eq(ln_device_open(wrong[i], &d, &err), LINNET_ERR_NO_DEVICE);
        ck_assert_ptr_null(d);
        ck_says(wrong[i]);
        ck_says(name); /* the names there are */
        ck_assert_int_eq(ln_devices_list(wrong[i], false, &list, &count, &err),
                         LINNET_ERR_NO_DEVICE);
        ck_assert_ptr_null(list);
    }
    ck_assert_int_eq(ln_device_open("ref", &d, &err), LINNET_ERR_INVALID_ARGUMENT);
    remove_cache();
}
END_TEST

START_TEST(devices_are_counted_references) {
    fresh_cache();
    ln_device *d, *second, *none = NULL;
    ck_ok(ln_device_open(NULL, &d, &err));
    second = d;
    ln_device_retain(d);
    ln_device_release(&d);
    ck_assert_ptr_null(d);
    ck_assert_uint_gt(ln_device_caps(second)->compute_units, 0);
    ck_assert_uint_eq(ln_device_stats(second).builds, 0);
    ln_device_release(&second);
    ln_device_release(&none);
    remove_cache();
}
END_TEST

START_TEST(mask_turns_features_off) {
    fresh_cache();
    ln_device *d;
    setenv("LINNET_DISABLE", "unified_memory,local_memory", 1);
    ck_ok(ln_device_open(NULL, &d, &err));
    ck_assert(!ln_caps_has(ln_device_caps(d), LN_FEAT_UNIFIED_MEMORY));
    ck_assert(!ln_caps_has(ln_device_caps(d), LN_FEAT_LOCAL_MEMORY));
    ln_device_release(&d);
    ck_ok(whole_run(false, LN_WAIT_SLEEP)); /* and all works without */
    unsetenv("LINNET_DISABLE");
    remove_cache();
}
END_TEST

START_TEST(limits_can_be_lowered) {
    fresh_cache();
    ln_fault_set(&(ln_fault){.max_alloc = 4096, .local_mem = 512, .compute_units = 1});
    ln_device *d;
    ln_buffer *b;
    ck_ok(ln_device_open(NULL, &d, &err));
    ck_assert_uint_eq(ln_device_caps(d)->max_alloc, 4096);
    ck_assert_uint_eq(ln_device_caps(d)->local_mem, 512);
    ck_assert_uint_eq(ln_device_caps(d)->compute_units, 1);
    ck_ok(ln_buffer_create(d, 4096, LN_BUFFER_ARENA, &b, &err));
    ln_buffer_destroy(&b);
    ck_assert_int_eq(ln_buffer_create(d, 4097, LN_BUFFER_ARENA, &b, &err),
                     LINNET_ERR_OUT_OF_MEMORY);
    ck_says("allows 4096 at once");
    ln_device_release(&d);
    ln_fault_set(NULL);
    remove_cache();
}
END_TEST

static void expect_no_device(const char *remedy) {
    ln_device *d;
    ck_assert_int_eq(ln_device_open(NULL, &d, &err), LINNET_ERR_NO_DEVICE);
    ck_says(remedy);
    ck_assert_int_eq(ln_devices_list(NULL, true, &list, &count, &err), LINNET_ERR_NO_DEVICE);
    ck_assert_ptr_null(list);
    ck_assert_uint_eq(count, 0);
}

START_TEST(machines_without_opencl) {
    fresh_cache();
    ln_fault_set(&(ln_fault){.no_loader = true});
    expect_no_device("libOpenCL.so.1 cannot be opened; install one");
    ln_fault_set(&(ln_fault){.no_platform = true});
    expect_no_device("CL_PLATFORM_NOT_FOUND_KHR");
    ln_fault_set(&(ln_fault){.fail_call = 1, .fail_name = "clGetDeviceIDs", .fail_code = -1});
    ln_device *d;
    ck_assert_int_eq(ln_device_open(NULL, &d, &err), LINNET_ERR_NO_DEVICE);
    ck_says("is installed but offers no device");
    ln_fault_set(NULL);
    ck_ok(ln_device_open(NULL, &d, &err));
    ln_device_release(&d);
    remove_cache();
}
END_TEST

/* A device whose availability or compiler cannot be asked is listed and not used. */
START_TEST(unusable_devices_say_why) {
    fresh_cache();
    ln_fault_set(&(ln_fault){0});
    ck_ok(ln_devices_list("0", false, &list, &count, &err));
    long calls = ln_fault_calls();
    free(list);
    if (count == 1) {
        static const char *const why[] = {"has no compiler", "not available"};
        for (int i = 0; i < 2; i++) { /* the last two calls are those two questions */
            ln_device *d;
            ln_fault_set(&(ln_fault){.fail_call = calls - i});
            ck_assert_int_eq(ln_device_open(i ? "0" : NULL, &d, &err), LINNET_ERR_NO_DEVICE);
            ck_says(why[i]);
            ln_fault_set(&(ln_fault){.fail_call = calls - i});
            ck_assert_int_eq(ln_device_open("cpu", &d, &err), LINNET_ERR_NO_DEVICE);
            ck_says(why[i]);
            ln_fault_set(&(ln_fault){.fail_call = calls - i});
            ck_ok(ln_devices_list("ref", false, &list, &count, &err));
            ck_assert_ptr_nonnull(strstr(list[0].why, "unusable"));
            free(list);
        }
    }
    ln_fault_set(NULL);
    remove_cache();
}
END_TEST

CHECK_MAIN("host device", list_names_and_chooses, choice_follows_the_specification,
           unknown_devices_are_refused, devices_are_counted_references, mask_turns_features_off,
           limits_can_be_lowered, machines_without_opencl, unusable_devices_say_why)
