/* The reader of TensorFlow Lite files: what is in them comes out, and files that lie are refused.
 */
#include "models/tflite/tflite.h"
#include "tests/models/files.h"
#include "tests/models/flatwrite.h"

#include "tests/check_main.h"

#include <math.h>
#include <string.h>

/* A file of one CONV_2D: x [1,2,2,3] int8, w [4,1,1,3] int8 with a scale a channel, b [4] int32. */
typedef struct sample {
    ln_str s;
    size_t root, code, sub, tensor[4], quant[4], op, options, buffer[3];
} sample;

enum { X, W, B, Y };

static void tensor(sample *m, int i, const char *name, int type, const int32_t *dim, int rank,
                   int buffer) {
    size_t t = m->tensor[i];
    fw_put(&m->s, t, 0, dim, (uint32_t)rank, 4);
    fw_int(&m->s, t, 1, type, 1);
    fw_int(&m->s, t, 2, buffer, 4);
    fw_text(&m->s, t, 3, name);
    m->quant[i] = fw_table(&m->s);
    fw_ref(&m->s, t, 4, m->quant[i]);
}

static void quant(sample *m, int i, const float *scale, const int64_t *zero, uint32_t count,
                  int axis) {
    fw_put(&m->s, m->quant[i], 2, scale, count, 4);
    fw_put(&m->s, m->quant[i], 3, zero, count, 8);
    fw_int(&m->s, m->quant[i], 6, axis, 4);
}

static void make(sample *m) {
    static const int8_t weights[12] = {1, -2, 3, -4, 5, -6, 7, -8, 9, -10, 11, -12};
    static const int32_t bias[4] = {1, 2, 3, 4}, xd[] = {1, 2, 2, 3}, wd[] = {4, 1, 1, 3},
                         bd[] = {4}, yd[] = {1, 2, 2, 4}, in[] = {X, W, B}, io[] = {X, Y};
    static const float scale[4] = {0.5f, 0.25f, 0.125f, 1.0f};
    static const int64_t zero[4] = {0}, three = 3;
    memset(m, 0, sizeof *m);
    fw_begin(&m->s, "TFL3");
    m->root = fw_table(&m->s);
    fw_point(&m->s, 0, m->root);
    fw_int(&m->s, m->root, 0, 3, 4);
    fw_tables(&m->s, m->root, 1, 1, &m->code);
    fw_int(&m->s, m->code, 0, ln_tfl_op_code("CONV_2D"), 1);
    fw_tables(&m->s, m->root, 2, 1, &m->sub);
    fw_tables(&m->s, m->sub, 0, 4, m->tensor);
    fw_put(&m->s, m->sub, 1, io, 1, 4);
    fw_put(&m->s, m->sub, 2, io + 1, 1, 4);
    fw_tables(&m->s, m->sub, 3, 1, &m->op);
    fw_put(&m->s, m->op, 1, in, 3, 4);
    fw_put(&m->s, m->op, 2, io + 1, 1, 4);
    m->options = fw_table(&m->s);
    fw_ref(&m->s, m->op, 4, m->options);
    fw_int(&m->s, m->options, 2, 2, 4);
    tensor(m, X, "x", 9, xd, 4, 0);
    tensor(m, W, "w", 9, wd, 4, 1);
    tensor(m, B, "b", 2, bd, 1, 2);
    tensor(m, Y, "y\n", 9, yd, 4, 0);
    quant(m, X, scale, &three, 1, 0);
    quant(m, W, scale, zero, 4, 0);
    fw_tables(&m->s, m->root, 4, 3, m->buffer);
    fw_put(&m->s, m->buffer[1], 0, weights, 12, 1);
    fw_put(&m->s, m->buffer[2], 0, bias, 16, 1);
}

START_TEST(fields) {
    sample m;
    ln_tfl_file f;
    linnet_error err = {0};
    make(&m);
    const char *path = file_of("one.tflite", m.s.p, m.s.len);
    ck_assert_msg(ln_tfl_open(path, &f, &err) == LINNET_OK, "%s", err.message);
    ck_assert_int_eq(f.n_tensor, 4);
    ck_assert_int_eq(f.n_op, 1);
    ck_assert_int_eq(f.n_input, 1);
    ck_assert_int_eq(f.output[0], Y);
    ck_assert_str_eq(f.tensor[Y].name, "y?");
    ck_assert_int_eq(f.tensor[W].dtype, LN_I8);
    ck_assert_int_eq(f.tensor[W].shape.dim[0], 4);
    ck_assert_int_eq((int8_t)f.tensor[W].data[11], -12);
    ck_assert_int_eq(f.tensor[W].quant.count, 4);
    ck_assert_float_eq(f.tensor[W].quant.scale[2], 0.125f);
    ck_assert_int_eq(f.tensor[X].quant.zero[0], 3);
    ck_assert_ptr_null(f.tensor[X].data);
    ck_assert_int_eq(f.tensor[B].quant.count, 0);
    ck_assert_str_eq(ln_tfl_op_name(f.op[0].code), "CONV_2D");
    ck_assert_int_eq(f.op[0].n_in, 3);
    ck_assert_int_eq(f.op[0].version, 1);
    ck_assert_ptr_null(f.op[0].custom);
    int64_t stride, absent;
    ck_assert_int_eq(ln_flat_int(&f.op[0].options, 2, 4, true, 1, &stride, "stride"), LINNET_OK);
    ck_assert_int_eq(ln_flat_int(&f.op[0].options, 5, 4, true, 7, &absent, "dilation"), LINNET_OK);
    ck_assert_int_eq(stride, 2);
    ck_assert_int_eq(absent, 7);
    ck_assert_ptr_null(f.labels);
    ck_assert_ptr_null(ln_tfl_op_name(9999));
    ck_assert_int_eq(ln_tfl_op_code("NONE"), -1);
    ln_tfl_close(&f);
    ln_tfl_close(&f);
    ln_str_free(&m.s);
}
END_TEST

START_TEST(custom_operator) {
    sample m;
    ln_tfl_file f;
    linnet_error err = {0};
    make(&m);
    fw_int(&m.s, m.code, 0, 32, 1);
    fw_int(&m.s, m.code, 3, 32, 4);
    fw_text(&m.s, m.code, 1, "TFLite_Detection_PostProcess");
    fw_put(&m.s, m.op, 5, "abc", 3, 1);
    ck_assert_int_eq(ln_tfl_open(file_of("c.tflite", m.s.p, m.s.len), &f, &err), LINNET_OK);
    ck_assert_str_eq(f.op[0].custom, "TFLite_Detection_PostProcess");
    ck_assert_uint_eq(f.op[0].custom_options.count, 3);
    ln_tfl_close(&f);
    ln_str_free(&m.s);
}
END_TEST

START_TEST(free_batch) {
    sample m;
    ln_tfl_file f;
    linnet_error err = {0};
    const int32_t sign[] = {-1, 2, 2, 3};
    make(&m);
    fw_put(&m.s, m.tensor[X], 7, sign, 4, 4);
    ck_assert_int_eq(ln_tfl_open(file_of("f.tflite", m.s.p, m.s.len), &f, &err), LINNET_OK);
    ck_assert(f.tensor[X].free_batch && !f.tensor[Y].free_batch);
    ln_tfl_close(&f);
    ln_str_free(&m.s);
}
END_TEST

/* What a change to the sample must be refused with. */
static void refuse(sample *m, linnet_status status, const char *says) {
    ln_tfl_file f;
    linnet_error err = {0};
    ck_assert_msg(ln_tfl_open(file_of("bad.tflite", m->s.p, m->s.len), &f, &err) == status,
                  "wanted '%s', got '%s'", says, err.message);
    ck_assert_msg(strstr(err.message, says) && strstr(err.message, "bad.tflite"),
                  "wanted '%s', got '%s'", says, err.message);
    ck_assert(!strchr(err.message, '\n'));
    ck_assert_ptr_null(f.tensor);
    ln_str_free(&m->s);
}

#define REFUSE(status, says, ...)                                                                  \
    do {                                                                                           \
        sample m;                                                                                  \
        make(&m);                                                                                  \
        __VA_ARGS__;                                                                               \
        refuse(&m, LINNET_ERR_##status, says);                                                     \
    } while (0)

START_TEST(lies) {
    const int32_t minus[] = {1, -2, 2, 3}, huge[] = {1 << 30, 1 << 30, 1 << 30, 8}, past[] = {9},
                  absent[] = {-1}, many[] = {1, 1, 1, 1, 1, 1, 1, 1}, other[] = {1, 2, 2, 5};
    const float zero_scale = 0, nan_scale = NAN, two[] = {1, 1};
    const int64_t far = 128, zeros[2] = {0};
    size_t subs[2];
    REFUSE(BAD_FILE, "no TFL3", m.s.p[4] = 'X');
    REFUSE(BAD_FILE, "no TFL3", m.s.len = 6);
    REFUSE(BAD_FILE, "root table", memset(m.s.p, 0xff, 4));
    REFUSE(BAD_FILE, "vtable", memset(m.s.p + m.root, 0x7f, 4));
    REFUSE(UNSUPPORTED, "schema version 2", fw_int(&m.s, m.root, 0, 2, 4));
    REFUSE(UNSUPPORTED, "2 subgraphs", fw_tables(&m.s, m.root, 2, 2, subs));
    REFUSE(BAD_FILE, "dimension 1 is -2", fw_put(&m.s, m.tensor[X], 0, minus, 4, 4));
    REFUSE(BAD_FILE, "overflows", fw_put(&m.s, m.tensor[X], 0, huge, 4, 4));
    REFUSE(BAD_FILE, "8 dimensions", fw_put(&m.s, m.tensor[X], 0, many, 8, 4));
    REFUSE(BAD_FILE, "bytes of data", fw_put(&m.s, m.tensor[W], 0, other, 4, 4));
    REFUSE(BAD_FILE, "buffer 77 of 3", fw_int(&m.s, m.tensor[W], 2, 77, 4));
    REFUSE(UNSUPPORTED, "STRING", fw_int(&m.s, m.tensor[X], 1, 5, 1));
    REFUSE(UNSUPPORTED, "unknown", fw_int(&m.s, m.tensor[X], 1, 99, 1));
    REFUSE(UNSUPPORTED, "sparse", fw_ref(&m.s, m.tensor[X], 6, fw_table(&m.s)));
    REFUSE(UNSUPPORTED, "affine", fw_int(&m.s, m.quant[X], 4, 1, 1));
    REFUSE(BAD_FILE, "scale 0", fw_put(&m.s, m.quant[X], 2, &zero_scale, 1, 4));
    REFUSE(BAD_FILE, "scale nan", fw_put(&m.s, m.quant[X], 2, &nan_scale, 1, 4));
    REFUSE(BAD_FILE, "zero point 128", fw_put(&m.s, m.quant[X], 3, &far, 1, 8));
    REFUSE(BAD_FILE, "2 scales for dimension", quant(&m, W, two, zeros, 2, 0));
    REFUSE(BAD_FILE, "1 scales and 2", fw_put(&m.s, m.quant[X], 3, zeros, 2, 8));
    REFUSE(BAD_FILE, "4 scales for dimension 9", fw_int(&m.s, m.quant[W], 6, 9, 4));
    REFUSE(BAD_FILE, "entry 0 is 9, of 4", fw_put(&m.s, m.op, 1, past, 1, 4));
    REFUSE(BAD_FILE, "entry 0 is -1", fw_put(&m.s, m.op, 2, absent, 1, 4));
    REFUSE(BAD_FILE, "operator code 5 of 1", fw_int(&m.s, m.op, 0, 5, 4));
    REFUSE(BAD_FILE, "lies outside the file", fw_int(&m.s, m.buffer[1], 0, 0, 0),
           fw_put(&m.s, m.buffer[1], 0, "", 0, 1), fw_int(&m.s, m.buffer[1], 1, 1 << 30, 8),
           fw_int(&m.s, m.buffer[1], 2, 12, 8));
}
END_TEST

/* Whatever a cut or a changed byte does, it is an answer or one line, and no read strays (the
 * sanitizers watch). */
START_TEST(cuts_and_flips) {
    sample m;
    ln_tfl_file f;
    int refused = 0;
    make(&m);
    for (size_t n = 0; n < m.s.len; n += 7) {
        linnet_error err = {0};
        if (ln_tfl_open(file_of("cut.tflite", m.s.p, n), &f, &err) != LINNET_OK) {
            ck_assert(err.message[0] && !strchr(err.message, '\n'));
            refused++;
        }
        ln_tfl_close(&f);
    }
    for (size_t i = 0; i < m.s.len; i += 3) {
        linnet_error err = {0};
        char was = m.s.p[i];
        m.s.p[i] = (char)(was ^ 0x81);
        if (ln_tfl_open(file_of("flip.tflite", m.s.p, m.s.len), &f, &err) != LINNET_OK) refused++;
        m.s.p[i] = was;
        ln_tfl_close(&f);
    }
    ck_assert_int_gt(refused, 100);
    ln_str_free(&m.s);
}
END_TEST

/* Labels that tools append as a zip archive; a broken archive is no labels. */
START_TEST(packed_labels) {
    sample m;
    ln_tfl_file f;
    linnet_error err = {0};
    make(&m);
    size_t at = m.s.len;
    const char name[] = "labels.txt", text[] = "cat\ndog\n";
    char local[30] = {0}, dir[46] = {0}, end[22] = {0};
    memcpy(local, "PK\3\4", 4), memcpy(dir, "PK\1\2", 4), memcpy(end, "PK\5\6", 4);
    local[18] = local[22] = dir[20] = dir[24] = sizeof text - 1;
    local[26] = dir[28] = sizeof name - 1;
    end[8] = end[10] = 1;
    memcpy(dir + 42, &at, 4);
    ln_str_put(&m.s, local, 30), ln_str_put(&m.s, name, 10), ln_str_put(&m.s, text, 8);
    size_t directory = m.s.len;
    memcpy(end + 16, &directory, 4);
    ln_str_put(&m.s, dir, 46), ln_str_put(&m.s, name, 10), ln_str_put(&m.s, end, 22);
    ck_assert_int_eq(ln_tfl_open(file_of("l.tflite", m.s.p, m.s.len), &f, &err), LINNET_OK);
    ck_assert_uint_eq(f.labels_len, 8);
    ck_assert_int_eq(memcmp(f.labels, text, 8), 0);
    ln_tfl_close(&f);
    m.s.p[directory] = 'X';
    ck_assert_int_eq(ln_tfl_open(file_of("l.tflite", m.s.p, m.s.len), &f, &err), LINNET_OK);
    ck_assert_ptr_null(f.labels);
    ln_tfl_close(&f);
    ln_str_free(&m.s);
}
END_TEST

/* Real files: operators, tensors, and the scale of the first input. */
START_TEST(published_files) {
    static const struct {
        const char *name;
        int ops, tensors;
        float scale;
    } rows[] = {
        {"deeplabv3_mnv2_dm05_pascal_quant", 72, 186, 0.0078125f},
        {"mobilenet_edgetpu_224_1.0_uint8", 78, 198, 0.007874016f},
        {"mobilenet_v1_0.25_128_quant", 31, 89, 0.0078125f},
        {"mobilenet_v2_1.0_224_quant", 66, 174, 0.0078125f},
        {"tf2_mobilenet_v2_1.0_224_ptq", 68, 177, 0.007843138f},
    };
    const char *folder = getenv("LINNET_TEST_DATA");
    if (!folder) {
        printf("skipped: no LINNET_TEST_DATA with models/*.tflite\n");
        return;
    }
    for (size_t i = 0; i < LN_COUNT(rows); i++) {
        char path[600];
        ln_tfl_file f;
        linnet_error err = {0};
        snprintf(path, sizeof path, "%s/models/%s.tflite", folder, rows[i].name);
        ck_assert_msg(ln_tfl_open(path, &f, &err) == LINNET_OK, "%s", err.message);
        ck_assert_int_eq(f.n_op, rows[i].ops);
        ck_assert_int_eq(f.n_tensor, rows[i].tensors);
        ck_assert_float_eq_tol(f.tensor[f.input[0]].quant.scale[0], rows[i].scale, 1e-6f);
        for (int k = 0; k < f.n_op; k++) ck_assert_ptr_nonnull(ln_tfl_op_name(f.op[k].code));
        ln_tfl_close(&f);
    }
}
END_TEST

CHECK_MAIN("tflite file", fields, custom_operator, free_batch, lies, cuts_and_flips, packed_labels,
           published_files)
