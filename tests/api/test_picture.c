/* Pictures as bytes: the same answers as from floats, and floats where a network cannot read bytes.
 */
#include "tests/check_main.h"
#include <linnet/linnet.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

static linnet_error err;
#define OK(expr) ck_assert_msg((expr) == LINNET_OK, "%s: %s", #expr, err.message)

static linnet_model *model(const char *name) {
    linnet_model_params p = LINNET_MODEL_PARAMS_INIT;
    linnet_model *m = NULL;
    p.model = name;
    p.size = 64;
    p.synthetic = 1;
    OK(linnet_model_open(&p, &m, &err));
    return m;
}

static linnet_session *session(linnet_model *m, linnet_device *d, int bytes,
                               linnet_precision precision, linnet_dtype *type, size_t *size) {
    linnet_session_params p = LINNET_SESSION_PARAMS_INIT;
    linnet_session *s = NULL;
    linnet_tensor_info in;
    p.batch = 2;
    p.bytes = bytes;
    p.precision = precision;
    OK(linnet_session_create(m, d, &p, &s, &err));
    OK(linnet_session_input(s, 0, &in));
    *type = in.dtype;
    *size = in.bytes;
    return s;
}

enum { SIDE = 64, IMAGE = 3 * SIDE * SIDE, CLASSES = 1000 };
static uint8_t bytes[2 * IMAGE];
static float floats[2 * IMAGE], want[2 * CLASSES], got[2 * CLASSES];

static void fill(const linnet_model *m) {
    for (int i = 0; i < 2 * IMAGE; i++)
        bytes[i] = (uint8_t)(127.5 + 127.5 * sin(i * 0.013) * cos(i * 0.7 + i / IMAGE));
    for (int i = 0; i < 2; i++) linnet_image_normalise(m, bytes + i * IMAGE, floats + i * IMAGE);
}

/* How far two answers are apart, of their deviation. */
static double apart(const float *a, const float *b) {
    double worst = 0, sum = 0, sq = 0;
    for (int i = 0; i < 2 * CLASSES; i++) {
        worst = fmax(worst, fabs((double)a[i] - b[i]));
        sum += b[i];
        sq += (double)b[i] * b[i];
    }
    return worst / sqrt(sq / (2 * CLASSES) - pow(sum / (2 * CLASSES), 2));
}

START_TEST(bytes_give_the_answers_of_floats) {
    static const char *const names[] = {"mobilenetv1_025", "mobilenetv3_small_050"};
    linnet_device *d = NULL;
    OK(linnet_device_open(NULL, &d, &err));
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        linnet_model *m = model(names[i]);
        linnet_dtype type;
        size_t size;
        fill(m);
        linnet_session *s = session(m, d, 0, LINNET_PRECISION_F32, &type, &size);
        ck_assert(type == LINNET_F32 && size == sizeof floats);
        OK(linnet_session_run(s, (const void *[]){floats}, (void *[]){want}, &err));
        linnet_session_destroy(&s);
        s = session(m, d, 1, LINNET_PRECISION_F32, &type, &size);
        ck_assert(type == LINNET_U8 && size == sizeof bytes);
        OK(linnet_session_run(s, (const void *[]){bytes}, (void *[]){got}, &err));
        linnet_session_destroy(&s);
        ck_assert_msg(apart(got, want) < 1e-4, "%s: %g", names[i], apart(got, want));
        s = session(m, d, 1, LINNET_PRECISION_F16, &type, &size);
        ck_assert(type == LINNET_U8 && size == sizeof bytes);
        OK(linnet_session_run(s, (const void *[]){bytes}, (void *[]){got}, &err));
        linnet_session_destroy(&s);
        ck_assert_msg(apart(got, want) < 5e-2, "%s in halves: %g", names[i], apart(got, want));
        linnet_model_close(&m);
    }
    linnet_device_close(&d);
}
END_TEST

/* The reference is the network as it stands. */
START_TEST(the_reference_takes_floats) {
    linnet_device *d = NULL;
    linnet_model *m = model("mobilenetv1_025");
    linnet_dtype type;
    size_t size;
    OK(linnet_device_open("ref", &d, &err));
    linnet_session *s = session(m, d, 1, LINNET_PRECISION_F32, &type, &size);
    ck_assert(type == LINNET_F32 && size == sizeof floats);
    linnet_session_destroy(&s);
    linnet_device_close(&d);
    linnet_model_close(&m);
}
END_TEST

static void write_picture(const char *path) {
    FILE *f = fopen(path, "wb");
    fprintf(f, "P6\n90 70\n255\n");
    for (int i = 0; i < 90 * 70 * 3; i++) fputc(i * 31 % 256, f);
    fclose(f);
}

/* linnet_image_load is linnet_image_load_bytes and linnet_image_normalise. */
START_TEST(loading_is_bytes_then_normalising) {
    linnet_model *m = model("tf_efficientnet_lite0");
    const char *path = "picture_bytes.ppm";
    write_picture(path);
    OK(linnet_image_load(m, path, floats, &err));
    OK(linnet_image_load_bytes(m, path, bytes, &err));
    linnet_image_normalise(m, bytes, floats + IMAGE);
    ck_assert_mem_eq(floats, floats + IMAGE, IMAGE * sizeof *floats);
    for (int i = 0; i < IMAGE; i++)
        ck_assert_float_eq_tol(floats[i], ((float)bytes[i] / 255.0f - 0.5f) / 0.5f, 1e-6f);
    remove(path);
    ck_assert_int_eq(linnet_image_load_bytes(m, path, bytes, &err), LINNET_ERR_IO);
    linnet_model_close(&m);
}
END_TEST

CHECK_MAIN("picture", bytes_give_the_answers_of_floats, the_reference_takes_floats,
           loading_is_bytes_then_normalising)
