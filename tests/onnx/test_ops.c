/* The table of converters: its order, its ranges, and that docs/onnx.md tells the same. */
#include "../check_main.h"
#include "base/file.h"
#include "models/import/import.h"

START_TEST(rows_are_in_order) {
    for (size_t i = 0; i < ln_imp_op_count(); i++) {
        const ln_imp_op *op = ln_imp_op_at(i), *before = i ? ln_imp_op_at(i - 1) : NULL;
        ck_assert_msg(op->from >= 1 && op->from <= op->to && op->to <= LN_LATEST, "%s", op->name);
        ck_assert_msg(op->min_in <= op->max_in && op->convert, "%s", op->name);
        if (!before) continue;
        const int order = strcmp(before->name, op->name);
        ck_assert_msg(order < 0 || (order == 0 && before->to < op->from), "%s comes behind %s",
                      op->name, before->name);
    }
}
END_TEST

START_TEST(rows_are_found) {
    for (size_t i = 0; i < ln_imp_op_count(); i++) {
        const ln_imp_op *op = ln_imp_op_at(i);
        ck_assert(ln_imp_find("", op->name, op->from) == op);
        ck_assert(ln_imp_find("", op->name, op->to) == op);
        ck_assert(ln_imp_find("com.example", op->name, op->to) == NULL);
    }
    ck_assert(ln_imp_find("", "Conv", LN_LATEST + 1) == NULL);
    ck_assert(ln_imp_find("", "HardSwish", 13) == NULL);
    ck_assert(ln_imp_find("", "If", 13) == NULL);
    ck_assert(ln_imp_find("", "Conv", 11) && !ln_imp_find("", "Loop", 11));
}
END_TEST

/* "| `Abs` | 1 to 21 |" for each name, and no other such line. */
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
    for (size_t i = 0; i < ln_imp_op_count(); names++) {
        const ln_imp_op *op = ln_imp_op_at(i);
        char line[128];
        int to = op->to;
        for (; i < ln_imp_op_count() && !strcmp(ln_imp_op_at(i)->name, op->name); i++)
            to = ln_imp_op_at(i)->to;
        snprintf(line, sizeof line, "\n| `%s` | %d to %d |", op->name, op->from, to);
        ck_assert_msg(strstr(begin, line) != NULL, "docs/onnx.md lacks%s", line);
    }
    const char *end = strstr(begin + 2, "\n## ");
    for (const char *p = begin; (p = strstr(p, "\n| `")) != NULL && (!end || p < end); p++) rows++;
    ck_assert_int_eq(rows, names);
    ln_str_free(&text);
}
END_TEST

CHECK_MAIN("onnx ops", rows_are_in_order, rows_are_found, the_page_names_them)
