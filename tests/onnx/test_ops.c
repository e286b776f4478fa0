/* The table of converters: its order, its ranges, and that docs/onnx.md tells the same. */
#include "../check_main.h"
#include "base/file.h"
#include "models/import/import.h"

static const char *const domains[] = {"", "com.microsoft"};

START_TEST(rows_are_in_order) {
    size_t n;
    const ln_imp_op *op = ln_imp_table(domains[_i], &n);
    const int latest = _i ? 1 : LN_LATEST;
    ck_assert(op && n);
    for (size_t i = 0; i < n; i++, op++) {
        ck_assert_msg(op->from >= 1 && op->from <= op->to && op->to <= latest, "%s", op->name);
        ck_assert_msg(op->min_in <= op->max_in && op->convert, "%s", op->name);
        if (!i) continue;
        const int order = strcmp(op[-1].name, op->name);
        ck_assert_msg(order < 0 || (order == 0 && op[-1].to < op->from), "%s comes behind %s",
                      op->name, op[-1].name);
    }
}
END_TEST

START_TEST(rows_are_found) {
    size_t n;
    const ln_imp_op *op = ln_imp_table(domains[_i], &n);
    for (size_t i = 0; i < n; i++, op++) {
        ck_assert(ln_imp_find(domains[_i], op->name, op->from) == op);
        ck_assert(ln_imp_find(domains[_i], op->name, op->to) == op);
        ck_assert(ln_imp_find(domains[1 - _i], op->name, op->to) == NULL);
        ck_assert(ln_imp_find("com.example", op->name, op->to) == NULL);
    }
    ck_assert(ln_imp_find("", "Conv", LN_LATEST + 1) == NULL);
    ck_assert(ln_imp_find("", "HardSwish", 13) == NULL);
    ck_assert(ln_imp_find("", "If", 13) == NULL);
    ck_assert(ln_imp_find("", "Conv", 11) && !ln_imp_find("", "Loop", 11));
    ck_assert(ln_imp_find("com.microsoft", "QGemm", 2) == NULL);
}
END_TEST

/* "| `Abs` | 1 to 21 |" or "| `QGemm` | com.microsoft 1 |" for each name, and no other such line.
 */
START_TEST(the_page_names_them) {
    linnet_error err;
    ln_file f;
    ln_str text = {0};
    int rows = 0, names = 0;
    ck_assert_msg(ln_file_map(getenv("ONNX_PAGE"), &f, &err) == LINNET_OK, "%s", err.message);
    ln_str_put(&text, (const char *)f.data, f.size);
    ln_file_unmap(&f);
    const char *begin = strstr(text.p, "## Operators");
    ck_assert(begin != NULL);
    for (int d = 0; d < 2; d++) {
        size_t n;
        const ln_imp_op *op = ln_imp_table(domains[d], &n), *last = op + n;
        for (; op < last; names++) {
            const ln_imp_op *first = op;
            char line[128];
            while (op < last && !strcmp(op->name, first->name)) op++;
            if (d)
                snprintf(line, sizeof line, "\n| `%s` | %s %d |", first->name, domains[d],
                         first->from);
            else
                snprintf(line, sizeof line, "\n| `%s` | %d to %d |", first->name, first->from,
                         op[-1].to);
            ck_assert_msg(strstr(begin, line) != NULL, "docs/onnx.md lacks%s", line);
        }
    }
    const char *end = strstr(begin + 2, "\n## ");
    for (const char *p = begin; (p = strstr(p, "\n| `")) != NULL && (!end || p < end); p++) rows++;
    ck_assert_int_eq(rows, names);
    ln_str_free(&text);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("onnx ops");
    TCase *c = tcase_create("ops");
    tcase_add_loop_test(c, rows_are_in_order, 0, (int)LN_COUNT(domains));
    tcase_add_loop_test(c, rows_are_found, 0, (int)LN_COUNT(domains));
    tcase_add_test(c, the_page_names_them);
    suite_add_tcase(suite, c);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
