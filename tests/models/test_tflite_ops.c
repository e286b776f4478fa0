/* The table of TensorFlow Lite's operators: its order, its names, and that docs/tflite.md tells the
 * same. */
#include "../check_main.h"
#include "base/file.h"
#include "models/tflite/import.h"

START_TEST(rows_are_in_order) {
    for (size_t i = 0; i < ln_tfl_row_count(); i++) {
        const ln_imp_op *op = &ln_tfl_row_at(i)->op;
        ck_assert_msg(op->from >= 1 && op->from <= op->to && op->convert, "%s", op->name);
        ck_assert_msg(op->min_in <= op->max_in, "%s", op->name);
        ck_assert_msg(ln_tfl_op_code(op->name) >= 0 || strchr(op->name, 'i'), "%s", op->name);
        ck_assert_msg(!i || strcmp(ln_tfl_row_at(i - 1)->op.name, op->name) < 0, "%s", op->name);
        ck_assert(ln_tfl_dialect.find(op->name, op->from) == op);
        ck_assert(ln_tfl_dialect.find(op->name, op->to) == op);
        ck_assert(ln_tfl_dialect.find(op->name, op->to + 1) == NULL);
        ck_assert(ln_tfl_dialect.find(op->name, op->from - 1) == NULL);
    }
    ck_assert(ln_tfl_dialect.find("LSTM", 1) == NULL);
}
END_TEST

/* "| `ABS` | 1 to 5 | real |" for each row, and no other such line. */
START_TEST(the_page_names_them) {
    linnet_error err;
    ln_file f;
    ln_str text = {0};
    size_t rows = 0;
    ck_assert_msg(ln_file_map(getenv("TFLITE_PAGE"), &f, &err) == LINNET_OK, "%s", err.message);
    ln_str_put(&text, (const char *)f.data, f.size);
    ln_file_unmap(&f);
    for (size_t i = 0; i < ln_tfl_row_count(); i++) {
        const ln_tfl_row *r = ln_tfl_row_at(i);
        char line[128], to[16] = "";
        if (r->op.to > r->op.from) snprintf(to, sizeof to, " to %d", r->op.to);
        snprintf(line, sizeof line, "\n| `%s` | %d%s | %s |", r->op.name, r->op.from, to,
                 r->quant ? "bytes" : "real");
        ck_assert_msg(strstr(text.p, line) != NULL, "docs/tflite.md lacks%s", line);
    }
    for (const char *p = text.p; (p = strstr(p, "\n| `")) != NULL; p++) rows++;
    ck_assert_uint_eq(rows, ln_tfl_row_count());
    ln_str_free(&text);
}
END_TEST

CHECK_MAIN("tflite ops", rows_are_in_order, the_page_names_them)
