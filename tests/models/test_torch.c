/* PyTorch checkpoints: what they may hold, and everything a hostile one tries. */
#include "engine/ref/ref.h"
#include "models/model.h"
#include "models/rename.h"
#include "models/build.h"
#include "tests/models/files.h"
#include "tests/models/golden.h"

#include "tests/check_main.h"

#include <stdlib.h>
#include <string.h>

static const float six[6] = {0, 1, 2, 3, 4, 5};

/* {"a": a 2x3 tensor stored transposed} */
static void small_object(ln_str *s, bool legacy) {
    ln_shape shape = {2, {2, 3}};
    int64_t stride[2] = {1, 2};
    ln_str_put(s, "}(", 2);
    pk_text(s, "a");
    pk_tensor(s, legacy, "FloatStorage", "0", 6, 0, &shape, stride);
    ln_str_put(s, "u", 1);
}

static void small(ln_str *out, bool legacy) {
    ln_str object = {0};
    ckpt_storage st = {"0", six, 6, 4};
    small_object(&object, legacy);
    if (legacy)
        ckpt_legacy(out, &object, &st, 1);
    else
        ckpt_zip(out, &object, &st, 1);
    ln_str_free(&object);
}

START_TEST(strided_views_are_honoured) {
    for (int legacy = 0; legacy < 2; legacy++) {
        ln_str bytes = {0};
        ln_weights *w;
        linnet_error err = {0};
        small(&bytes, legacy);
        const char *path = file_of("small.pth", bytes.p, bytes.len);
        ck_assert_msg(ln_weights_open(path, &w, &err) == LINNET_OK, "%s", err.message);
        const ln_weight *a = ln_weights_find(w, "a", NULL, &err);
        ck_assert_ptr_nonnull(a);
        ck_assert_int_eq(a->shape.rank, 2);
        ck_assert_int_eq(a->stride[0], 1);
        ck_assert_int_eq(a->stride[1], 2);
        for (int i = 0; i < 6; i++) ck_assert_float_eq(ln_elem_f32(a->data, i, a->dtype), six[i]);
        ln_weights_close(&w);
        ln_str_free(&bytes);
    }
}
END_TEST

START_TEST(foreign_archives) {
    static const struct {
        const char *find, *put, *says;
    } change[] = {
        {"little", "bigend", "big-endian"},
        {"archive/data.pkl", "archive/data.pxl", "no PyTorch checkpoint"},
        {"archive/data/0", "archive/data/1", "no entry archive/data/0"},
        {"PK\1\2", "PK\1\3", "directory record"},
        {"PK\5\6", "PK\5\7", "no end record"},
    };
    for (size_t i = 0; i < LN_COUNT(change); i++) {
        ln_str bytes = {0};
        ln_weights *w;
        linnet_error err = {0};
        size_t n = strlen(change[i].find);
        small(&bytes, false);
        for (size_t at = 0; at + n <= bytes.len; at++)
            if (!memcmp(bytes.p + at, change[i].find, n)) memcpy(bytes.p + at, change[i].put, n);
        const char *path = file_of("foreign.pth", bytes.p, bytes.len);
        ck_assert_int_eq(ln_torch_open(path, &w, &err), LINNET_ERR_BAD_FILE);
        ck_assert_msg(strstr(err.message, change[i].says) != NULL, "'%s' does not say '%s'",
                      err.message, change[i].says);
        ln_str_free(&bytes);
    }
}
END_TEST

START_TEST(cut_short_anywhere) {
    for (int legacy = 0; legacy < 2; legacy++) {
        ln_str bytes = {0};
        small(&bytes, legacy);
        for (size_t n = 0; n < bytes.len; n++) {
            ln_weights *w;
            linnet_error err = {0};
            const char *path = file_of("cut.pth", bytes.p, n);
            ck_assert_msg(ln_torch_open(path, &w, &err) == LINNET_ERR_BAD_FILE,
                          "%zu of %zu bytes were taken", n, bytes.len);
            ck_assert_ptr_null(w);
            ck_assert_ptr_nonnull(strstr(err.message, "cut.pth"));
        }
        ln_str_free(&bytes);
    }
}
END_TEST

/* Every byte in turn set to every few values: no crash, and an error or a tensor inside the file.
 */
START_TEST(flipped_bytes) {
    for (int legacy = 0; legacy < 2; legacy++) {
        ln_str bytes = {0};
        small(&bytes, legacy);
        for (size_t i = 0; i < bytes.len; i++)
            for (int bit = 0; bit < 8; bit++) {
                ln_weights *w;
                linnet_error err = {0};
                bytes.p[i] ^= (char)(1 << bit);
                const char *path = file_of("flip.pth", bytes.p, bytes.len);
                bytes.p[i] ^= (char)(1 << bit);
                if (ln_torch_open(path, &w, &err) != LINNET_OK) {
                    ck_assert_ptr_null(w);
                    continue;
                }
                const ln_weight *t = ln_weights_at(w, 0);
                int64_t last = 0;
                for (int d = 0; d < t->shape.rank; d++)
                    last += (t->shape.dim[d] - 1) * t->stride[d];
                (void)ln_elem_f32(t->data, last, t->dtype); /* the sanitizer watches */
                ln_weights_close(&w);
            }
        ln_str_free(&bytes);
    }
}
END_TEST

/* Objects that must be refused: the pickle's text, and what the message must say. */
static const struct {
    const char *object, *says;
    size_t n;
} hostile[] = {
#define H(o, s)                                                                                    \
    { o, s, sizeof(o) - 1 }
    H("cos\nsystem\nX\x02\0\0\0ls\x85R", "os.system"),
    H("cbuiltins\neval\n", "builtins.eval"),
    H("ctorch\nload\n", "torch.load"),
    H("csubprocess\nPopen\n)R", "subprocess.Popen"),
    H("c", "global's name"),
    H("ctorch\x01\x7f\nFloatStorage\n", "torch??.FloatStorage"),
    H("R", "stack is empty"),
    H("(R", "stack is empty"),
    H("t", "no MARK"),
    H("(]e", "a list"),
    H("]K\1s", "a dict"),
    H("]K\1K\2s", "a dict"),
    H("}(K\1u", "key without a value"),
    H("h\5", "memo 5"),
    H("j\xff\xff\xff\xff", "memo 4294967295"),
    H("]r\xff\xff\xff\xff", "out of bounds"),
    H("q\1", "stack is empty"),
    H("\x85", "stack is empty"),
    H("(K\1\x86", "stack is empty"),
    H("K\1)R", "no function"),
    H("ccollections\nOrderedDict\nK\1R", "no function"),
    H("ctorch\nFloatStorage\n)R", "torch.FloatStorage"),
    H("ctorch._utils\n_rebuild_tensor_v2\n)R", "arguments"),
    H("ctorch._utils\n_rebuild_parameter\n)R", "without its tensor"),
    H(")Q", "not a storage"),
    H("(X\x07\0\0\0storagectorch\nFloatStorage\nX\1\0\0\0000X\3\0\0\0cpuK\6)tQ", "view of another"),
    H("(X\x07\0\0\0storagectorch\nFloatStorage\nX\1\0\0\0000X\3\0\0\0cpuJ\xff\xff\xff\xfftQ",
      "not a storage"),
    H("\x80\x04]", "protocol 4"),
    H("\x93", "opcode 0x93"),
    H("\x81", "opcode 0x81"),
    H("i", "opcode 0x69"),
    H("Nb", "stack is empty"),
    H("]", "not a dict"),
    H("K\5", "not a dict"),
    H("}", "no tensors"),
    H("X\xff\xff\xff\xff", "pickle text"),
#undef H
};

static void refuse(const ln_str *object, const char *says) {
    for (int legacy = 0; legacy < 2; legacy++) {
        ln_str bytes = {0};
        ln_weights *w;
        linnet_error err = {0};
        if (legacy)
            ckpt_legacy(&bytes, object, NULL, 0);
        else
            ckpt_zip(&bytes, object, NULL, 0);
        const char *path = file_of("hostile.pth", bytes.p, bytes.len);
        ck_assert_int_eq(ln_torch_open(path, &w, &err), LINNET_ERR_BAD_FILE);
        ck_assert_ptr_null(w);
        ck_assert_msg(strstr(err.message, says) != NULL, "'%s' does not say '%s'", err.message,
                      says);
        ck_assert_ptr_null(strchr(err.message, '\n'));
        ln_str_free(&bytes);
    }
}

START_TEST(hostile_pickles) {
    for (size_t i = 0; i < LN_COUNT(hostile); i++) {
        ln_str object = {0};
        ln_str_put(&object, hostile[i].object, hostile[i].n);
        refuse(&object, hostile[i].says);
        ln_str_free(&object);
    }
}
END_TEST

START_TEST(deep_nesting_and_memo_bombs) {
    ln_str object = {0};
    for (int i = 0; i < 3000000; i++) ln_str_put(&object, "(", 1);
    refuse(&object, "too deep");
    object.len = 0; /* tuples of tuples of tuples: no limit is reached, nothing recurses */
    ln_str_put(&object, ")", 1);
    for (int i = 0; i < 500000; i++) ln_str_put(&object, "\x85", 1);
    refuse(&object, "not a dict");
    object.len = 0; /* each list holds the one before it ten times */
    ln_str_put(&object, "]q\0", 3);
    for (int i = 1; i < 200; i++) {
        char step[] = {']', 'q', (char)i, '('};
        ln_str_put(&object, step, sizeof step);
        for (int k = 0; k < 10; k++) {
            char again[] = {'h', (char)(i - 1)};
            ln_str_put(&object, again, 2);
        }
        ln_str_put(&object, "e", 1);
    }
    refuse(&object, "not a dict");
    object.len = 0;
    for (int i = 0; i < 2200000; i++) ln_str_put(&object, i % 2 ? "b" : ")", 1);
    refuse(&object, "stack is empty");
    object.len = 0;
    ln_str_put(&object, "]", 1);
    for (int i = 0; i < 2200000; i++) ln_str_put(&object, ")a", 2);
    refuse(&object, "too many values");
    ln_str_free(&object);
}
END_TEST

/* Tensors whose size, stride or offset leave the storage. */
START_TEST(views_outside_the_storage) {
    static const struct {
        int64_t offset;
        ln_shape shape;
        int64_t stride[2];
    } bad[] = {
        {0, {2, {2, 4}}, {1, 2}},
        {1, {2, {2, 3}}, {1, 2}},
        {6, {1, {1}}, {1}},
        {0, {2, {2, 2}}, {INT64_MAX, 1}},
        {INT64_MAX, {2, {2, 2}}, {1, 1}},
        {0, {2, {INT64_MAX, INT64_MAX}}, {1, 1}},
        {0, {1, {-1}}, {1}},
        {-1, {1, {1}}, {1}},
        {0, {1, {2}}, {-1}},
    };
    for (size_t i = 0; i < LN_COUNT(bad); i++) {
        ln_str object = {0}, bytes = {0};
        ckpt_storage st = {"0", six, 6, 4};
        ln_weights *w;
        linnet_error err = {0};
        ln_str_put(&object, "}(", 2);
        pk_text(&object, "a");
        pk_tensor(&object, true, "FloatStorage", "0", 6, bad[i].offset, &bad[i].shape,
                  bad[i].stride);
        ln_str_put(&object, "u", 1);
        ckpt_legacy(&bytes, &object, &st, 1);
        const char *path = file_of("view.pth", bytes.p, bytes.len);
        ck_assert_msg(ln_torch_open(path, &w, &err) == LINNET_ERR_BAD_FILE, "view %zu taken", i);
        ln_str_free(&object);
        ln_str_free(&bytes);
    }
}
END_TEST

/* Elements of t in the order of [2,3,1,0]: the way TensorFlow stores convolutions. */
static float *hwio(const ln_weight *t, int64_t stride[4]) {
    const int64_t *d = t->shape.dim;
    float *out = malloc((size_t)(d[0] * d[1] * d[2] * d[3]) * sizeof *out);
    int64_t s[4] = {1, d[0], d[3] * d[1] * d[0], d[1] * d[0]};
    memcpy(stride, s, sizeof s);
    for (int64_t i = 0; i < d[0] * d[1] * d[2] * d[3]; i++) {
        int64_t x = i % d[3], y = i / d[3] % d[2], c = i / d[3] / d[2] % d[1];
        int64_t o = i / d[3] / d[2] / d[1];
        out[o * s[0] + c * s[1] + y * s[2] + x * s[3]] = ((const float *)t->data)[i];
    }
    return out;
}

/* A whole network: {"state_dict": {"module.NAME": tensor}} with convolutions stored transposed. */
static void network_checkpoint(ln_str *out, const ln_weights *w, bool legacy) {
    size_t n = ln_weights_count(w);
    ckpt_storage *st = calloc(n, sizeof *st);
    char(*key)[24] = calloc(n, sizeof *key);
    ln_str object = {0};
    ln_str_put(&object, "}(", 2);
    pk_text(&object, "epoch");
    pk_int(&object, 90);
    pk_text(&object, "state_dict");
    pk_global(&object, "collections", "OrderedDict");
    ln_str_put(&object, ")R(", 3);
    for (size_t i = 0; i < n; i++) {
        const ln_weight *t = ln_weights_at(w, i);
        int64_t stride[LN_MAX_RANK], count = 1;
        char name[200];
        memcpy(stride, t->stride, sizeof stride);
        for (int d = 0; d < t->shape.rank; d++) count *= t->shape.dim[d];
        float *data = t->shape.rank == 4 ? hwio(t, stride) : malloc((size_t)count * 4);
        if (t->shape.rank != 4) memcpy(data, t->data, (size_t)count * 4);
        snprintf(key[i], sizeof key[i], "%zu", 94000000 + i);
        snprintf(name, sizeof name, "module.%s", t->name);
        st[i] = (ckpt_storage){key[i], data, count, 4};
        pk_text(&object, name);
        pk_tensor(&object, legacy, "FloatStorage", key[i], count, 0, &t->shape, stride);
    }
    ln_str_put(&object, "uu", 2);
    if (legacy)
        ckpt_legacy(out, &object, st, n);
    else
        ckpt_zip(out, &object, st, n);
    for (size_t i = 0; i < n; i++) free((void *)st[i].data);
    free(st);
    free(key);
    ln_str_free(&object);
}

static ln_graph *graph_of(ln_weights *w, const char *name) {
    linnet_error err = {0};
    ln_graph *g;
    const ln_family_row *row = ln_family_find(name, &err);
    ck_assert_msg(ln_network_build(row->arch, name, row->classes, w, 1, row->prep.size,
                                   row->prep.size, &g, &err) == LINNET_OK,
                  "%s", err.message);
    return g;
}

START_TEST(convert_round_trip) {
    ln_weights *w, *back;
    linnet_error err = {0};
    ck_assert_int_eq(ln_synthetic_open(7, &w, &err), LINNET_OK);
    ln_graph *g = graph_of(w, "mobilenetv1_025");
    for (int legacy = 0; legacy < 2; legacy++) {
        ln_str bytes = {0}, labels = {0};
        network_checkpoint(&bytes, w, legacy);
        for (int i = 0; i < 1000; i++) ln_str_add(&labels, "class %d, \"quoted\" \\ tab\t\n", i);
        const char *in = file_of("net.pth", bytes.p, bytes.len);
        const char *names = file_of("labels.txt", labels.p, labels.len);
        const char *out = scratch("net.safetensors");
        ck_assert_msg(ln_convert(in, out, "mobilenetv1_025", names, &err) == LINNET_OK, "%s",
                      err.message);
        ck_assert_msg(ln_safetensors_open(out, &back, &err) == LINNET_OK, "%s", err.message);
        ck_assert_uint_eq(ln_weights_count(back), ln_weights_count(w));
        for (size_t i = 0; i < ln_weights_count(w); i++) {
            const ln_weight *a = ln_weights_at(w, i);
            const ln_weight *b = ln_weights_find(back, a->name, NULL, &err);
            ck_assert_msg(b && ln_shape_equal(&a->shape, &b->shape), "%s is lost", a->name);
            int64_t n = 1;
            for (int d = 0; d < a->shape.rank; d++) n *= a->shape.dim[d];
            ck_assert_msg(!memcmp(a->data, b->data, (size_t)n * 4), "%s differs", a->name);
        }
        ck_assert_str_eq(ln_weights_meta(back, "family"), "mobilenetv1_025");
        ln_weights_close(&back);

        ln_model *m; /* the file names its family, labels and preprocessing itself */
        ln_model_params p = {.model = out};
        ck_assert_msg(ln_model_open(&p, &m, &err) == LINNET_OK, "%s", err.message);
        ck_assert_str_eq(ln_model_label(m, 7), "class 7, \"quoted\" \\ tab\t");
        ck_assert_ptr_null(ln_model_label(m, 1000));
        ck_assert_float_eq(ln_model_prep(m)->mean[1], 0.5f);
        ln_model_close(&m);
        ln_str_free(&bytes);
        ln_str_free(&labels);
    }
    ln_graph_destroy(&g);
    ln_weights_close(&w);
}
END_TEST

START_TEST(convert_refuses_what_does_not_fit) {
    ln_str bytes = {0};
    linnet_error err = {0};
    small(&bytes, true);
    const char *in = file_of("a.pth", bytes.p, bytes.len), *out = scratch("never.safetensors");
    ck_assert_int_eq(ln_convert(in, out, NULL, NULL, &err), LINNET_ERR_INVALID_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(err.message, "--arch"));
    ck_assert_int_eq(ln_convert(in, out, "mobilenetv1_25", NULL, &err), LINNET_ERR_UNSUPPORTED);
    ck_assert_ptr_nonnull(strstr(err.message, "mobilenetv1_025"));
    ck_assert_int_eq(ln_convert(in, out, "mobilenetv1_025", NULL, &err), LINNET_ERR_BAD_FILE);
    ck_assert_ptr_nonnull(strstr(err.message, "conv_stem.weight missing (expected 8x3x3x3)"));
    const char *few = file_of("few.txt", "one\ntwo\n", 8);
    ck_assert_int_eq(ln_convert(in, out, "mobilenetv1_025", few, &err), LINNET_ERR_BAD_FILE);
    ck_assert_ptr_nonnull(strstr(err.message, "2 labels for 1000 classes"));
    ck_assert_int_eq(ln_convert(scratch("absent.pth"), out, "mobilenetv1_025", NULL, &err),
                     LINNET_ERR_IO);
    FILE *f = fopen(out, "rb");
    ck_assert_ptr_null(f);
    ln_str_free(&bytes);
}
END_TEST

/* The other library's names of EfficientNet-Lite0, written out by its own numbering. */
START_TEST(lukemelas_names) {
    linnet_error err = {0};
    const ln_family_row *row = ln_family_find("tf_efficientnet_lite0", &err);
    char out[128];
    static const struct {
        const char *in, *out;
    } pair[] = {
        {"_conv_stem.weight", "conv_stem.weight"},
        {"_bn0.running_var", "bn1.running_var"},
        {"_blocks.0._depthwise_conv.weight", "blocks.0.0.conv_dw.weight"},
        {"_blocks.0._bn2.bias", "blocks.0.0.bn2.bias"},
        {"_blocks.1._expand_conv.weight", "blocks.1.0.conv_pw.weight"},
        {"_blocks.2._bn0.weight", "blocks.1.1.bn1.weight"},
        {"_blocks.7._depthwise_conv.weight", "blocks.3.2.conv_dw.weight"},
        {"_blocks.15._project_conv.weight", "blocks.6.0.conv_pwl.weight"},
        {"_blocks.15._bn2.num_batches_tracked", "blocks.6.0.bn3.num_batches_tracked"},
        {"_conv_head.weight", "conv_head.weight"},
        {"_bn1.weight", "bn2.weight"},
        {"_fc.bias", "classifier.bias"},
    };
    for (size_t i = 0; i < LN_COUNT(pair); i++) {
        ck_assert(ln_rename_lukemelas(row->arch, pair[i].in, out, sizeof out));
        ck_assert_str_eq(out, pair[i].out);
    }
    ck_assert(!ln_rename_lukemelas(row->arch, "_blocks.16._bn2.bias", out, sizeof out));
    ck_assert(!ln_rename_lukemelas(row->arch, "_blocks.x._bn2.bias", out, sizeof out));
    ck_assert(!ln_rename_lukemelas(row->arch, "_blocks.1._gru.bias", out, sizeof out));
    ck_assert(!ln_rename_lukemelas(row->arch, "conv_stem.weight", out, sizeof out));
}
END_TEST

CHECK_MAIN("torch", strided_views_are_honoured, foreign_archives, cut_short_anywhere, flipped_bytes,
           hostile_pickles, deep_nesting_and_memo_bombs, views_outside_the_storage,
           convert_round_trip, convert_refuses_what_does_not_fit, lukemelas_names)
