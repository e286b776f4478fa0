/* Inside models/: files that bring a graph of their own, a row in ln_format_of each. */
#ifndef LN_FORMAT_H
#define LN_FORMAT_H

#include "models/model.h"

/* What a file says besides its graph. */
typedef struct ln_file_info {
    ln_preprocess prep; /* set to ImageNet's before open is called */
    bool prep_known;    /* the file says how its pictures are prepared */
    const char *labels; /* a label a line, in the file's memory; NULL: none */
    int64_t batch;      /* 0: any */
    bool nhwc;          /* the caller's pictures are N,H,W,C */
} ln_file_info;

typedef struct ln_format {
    const char *ending; /* ".onnx" */
    /* *file is released by close, whatever open returns. */
    linnet_status (*open)(const ln_model_params *p, ln_file_info *info, void **file,
                          linnet_error *err);
    /* batch, h, w: 0 for the file's own. */
    linnet_status (*graph)(const void *file, int64_t batch, int64_t h, int64_t w, ln_graph **out,
                           linnet_error *err);
    void (*close)(void *file); /* takes NULL */
} ln_format;
extern const ln_format ln_format_onnx, ln_format_tflite;

/* The format of a path; NULL: a family's name or a file of weights. */
const ln_format *ln_format_of(const char *path);

#endif
