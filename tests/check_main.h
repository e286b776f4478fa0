/* The main function of a Check program: TESTS is a list of START_TEST names. */
#ifndef LN_CHECK_MAIN_H
#define LN_CHECK_MAIN_H

#include <check.h>
#include <stdlib.h>

#define CHECK_MAIN(title, ...)                                                                     \
    int main(void) {                                                                               \
        const TTest *const tests[] = {__VA_ARGS__};                                                \
        Suite *suite = suite_create(title);                                                        \
        for (size_t i = 0; i < sizeof tests / sizeof tests[0]; i++) {                              \
            TCase *c = tcase_create(tests[i]->name);                                               \
            tcase_set_timeout(c, 300);                                                             \
            tcase_add_test(c, tests[i]);                                                           \
            suite_add_tcase(suite, c);                                                             \
        }                                                                                          \
        SRunner *runner = srunner_create(suite);                                                   \
        srunner_run_all(runner, CK_NORMAL);                                                        \
        int failed = srunner_ntests_failed(runner);                                                \
        srunner_free(runner);                                                                      \
        return failed ? EXIT_FAILURE : EXIT_SUCCESS;                                               \
    }

#endif
