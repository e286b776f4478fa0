/* Files of one operator on quantized tensors, and what it computes in real numbers. */
#ifndef TEST_QLINEAR_FORMS_H
#define TEST_QLINEAR_FORMS_H

#include "models/import/import.h"
#include "tests/models/onnxwrite.h"

enum { U8 = LN_ONNX_UINT8, S8 = LN_ONNX_INT8, I32 = LN_ONNX_INT32, F = LN_ONNX_FLOAT };
enum { N = 16 }; /* of x, 1x4x2x2: quarters, which the scales of q and r hold exactly */
static inline float x_at(int i) {
    return (float)(i * 7 % N - 8) / 4;
}
/* Of t, which becomes y. */
enum { T_ZERO = 8 };
#define T_SCALE 0.02

typedef struct form {
    const char *what;
    int type;
    void (*make)(ln_str *g, int type);
    void (*want)(const float *x, double *y);
    int n;      /* of y */
    ln_op op;   /* nodes of I8 of this op */
    int bytes;  /* that there are */
    double off; /* how many steps it may be off; TFLite's arithmetic rounds twice */
    bool own;   /* it makes y itself */
} form;
extern const form forms[];
extern const int form_count;
extern const form sum_form, words_form; /* of u8 */

/* What is refused, and how. */
typedef struct lie {
    void (*make)(ln_str *g, int type);
    const char *says;
} lie;
extern const lie lies[];
extern const int lie_count;

/* A model of x to `output`; "dequantized": of t, dequantized. */
ln_str form_file(const form *f, const char *output, int type);

#endif
