/* Suites whose tests share one device, and so one process: it has threads. */
#ifndef LN_DEVICE_MAIN_H
#define LN_DEVICE_MAIN_H

#include "host/host.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct device_test {
    const TTest *test;
    int rows; /* runs, each with its _i; 0: one */
} device_test;

static inline int run_suite(const char *title, const device_test *list, size_t count) {
    Suite *suite = suite_create(title);
    TCase *c = tcase_create(title);
    tcase_set_timeout(c, 600);
    for (size_t i = 0; i < count; i++)
        tcase_add_loop_test(c, list[i].test, 0, list[i].rows ? list[i].rows : 1);
    suite_add_tcase(suite, c);
    SRunner *runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* The same between opening and releasing the device. */
static inline int run_on_device(ln_device **device, const char *title, const device_test *list,
                                size_t count) {
    linnet_error err;
    if (ln_device_open(NULL, device, &err) != LINNET_OK) {
        fprintf(stderr, "%s: no device: %s\n", title, err.message);
        return EXIT_FAILURE;
    }
    int status = run_suite(title, list, count);
    ln_device_release(device);
    return status;
}

#endif
