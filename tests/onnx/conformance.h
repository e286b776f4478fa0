/* The ONNX project's backend tests: a folder each, with a model and files of inputs and outputs. */
#ifndef LN_CONFORMANCE_H
#define LN_CONFORMANCE_H

#include "host/host.h"
#include "models/import/import.h"
#include "models/onnx/onnx.h"

typedef enum verdict { PASSED, FAILED, UNSUPPORTED, VERDICTS } verdict;

enum { MAX_PORTS = 24 };
/* A tensor of a test's file. */
typedef struct cf_tensor {
    ln_net_tensor t;
    void *file, *message; /* memory behind it */
} cf_tensor;
typedef struct cf_data {
    cf_tensor in[MAX_PORTS], out[MAX_PORTS];
    int n_in, n_out;
} cf_data;

/* Files input_0.pb, ... and output_0.pb, ... of a folder; false: one is not a tensor that can be
 * read. */
bool cf_read(const char *folder, cf_data *d);
void cf_free(cf_data *d);
/* Ops of a model file, comma-separated and each once; "?" when it cannot be read. */
void cf_ops(const char *path, char *text, size_t size);
/* Words of a tensor's type (f32 or i32). */
void *cf_words(const ln_net_tensor *t, bool f32);
/* Within ONNX's tolerances (1e-3 of the value and 1e-7); else why tells the worst. */
bool cf_close(const ln_net_tensor *want, const void *words, bool f32, char *why, size_t size);

/* One test on the opened device; why: what is wrong, "" when it passed. */
verdict cf_run(ln_device *d, const char *folder, char *why, size_t size);

#endif
