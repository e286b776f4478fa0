/* A network: a family row or a file, ready to be built into a graph at any batch and size.
 * Immutable once opened: may be shared between threads. */
#ifndef LN_MODEL_H
#define LN_MODEL_H

#include "engine/graph.h"
#include "models/weights.h"

typedef enum ln_interp { LN_INTERP_BILINEAR, LN_INTERP_BICUBIC } ln_interp;
/* From pixels 0..255 to the network's input. */
typedef struct ln_preprocess {
    int size;       /* default input side */
    float crop_pct; /* shorter side is resized to floor(size / crop_pct) */
    int resize;     /* or exactly to this; 0: by crop_pct */
    ln_interp interp;
    bool antialias; /* false: OpenCV-like sampling without a low-pass */
    bool bgr;
    float scale;           /* 1/255, or 1 for 0..255 */
    float mean[3], std[3]; /* after scale, in the order of the network's channels */
} ln_preprocess;

/* Finite numbers, std not 0. */
linnet_status ln_prep_check(const ln_preprocess *p, linnet_error *err);
/* The shorter side that a picture is resized to before the crop to `side`: *resize when given, else
 * side / crop_pct (*crop_pct when given), or the model's own figure in proportion to side. */
linnet_status ln_prep_resize_side(const ln_preprocess *p, int side, const int *resize,
                                  const float *crop_pct, int *out, linnet_error *err);

typedef struct ln_published {
    float params_m, macs_m, top1; /* 0: not published */
    const char *source;           /* the paper or page */
} ln_published;

/* One row of the table of families (models/families_*.c): data alone. */
typedef struct ln_family_row {
    const char *name;   /* "mobilenetv2_100" */
    const char *family; /* "MobileNetV2" */
    ln_preprocess prep;
    int classes;
    ln_published published;
    const struct ln_arch *arch; /* read by the one builder; see models/arch.h */
    const char *note;           /* why counted and published figures differ; NULL: they agree */
} ln_family_row;
size_t ln_family_count(void);
const ln_family_row *ln_family_at(size_t i); /* i < ln_family_count() */
/* Blocks alone, "OP:SHAPE", which open like families; NULL behind the last. */
const ln_family_row *ln_block_at(size_t i);
/* By exact name, blocks too ("arch.tag" accepted: the tag is cut). NULL: err lists the nearest
 * names. */
const ln_family_row *ln_family_find(const char *name, linnet_error *err);

/* Order of a picture's dimensions in a file of its own graph. AUTO: by where the colours are. */
typedef enum ln_layout { LN_LAYOUT_AUTO, LN_LAYOUT_NCHW, LN_LAYOUT_NHWC } ln_layout;

typedef struct ln_model ln_model;
typedef struct ln_model_params {
    const char *model;   /* family name or path */
    const char *weights; /* path; NULL: the cache folder, unless synthetic or shape_only */
    const char *arch;    /* family for a file that does not name its own */
    bool synthetic;
    uint64_t seed;
    bool shape_only;    /* no weights: for info and counting */
    const char *labels; /* file with one label a line; overrides the model's */
    /* files with a graph of their own */
    const char *const *shape; /* "NAME=1x3x224x224", "SYMBOL=4" */
    size_t n_shape;
    const char *const *hint; /* the same, for dimensions that the file leaves open */
    size_t n_hint;
    ln_layout layout;
    int64_t h, w; /* sides of the input; 0: the file's */
} ln_model_params;
linnet_status ln_model_open(const ln_model_params *p, ln_model **out, linnet_error *err);
void ln_model_close(ln_model **m);
/* batch, h, w: 0 for the model's own. Errors name every missing, misshapen and unexpected tensor at
 * once. */
linnet_status ln_model_graph(const ln_model *m, int64_t batch, int64_t h, int64_t w, ln_graph **out,
                             linnet_error *err);
/* The graph with its constants as one safetensors file (models/graph_write.c says how). */
linnet_status ln_graph_write(const ln_graph *g, const char *path, linnet_error *err);
/* What a graph of one image says of the network: figures that are counted, not declared. */
typedef struct ln_figures {
    int height, width, channels; /* of the first picture; no picture: the last dimension alone */
    int classes;                 /* 0: no classifier */
    bool probabilities;          /* its answers are a softmax's */
    int64_t params, macs;
    int64_t macs_i8; /* of macs: the products of bytes */
} ln_figures;
linnet_status ln_model_count(const ln_model *m, int64_t h, int64_t w, ln_figures *out,
                             linnet_error *err);
const char *ln_model_name(const ln_model *m);
/* The batch that a file is made for; 0: any. */
int64_t ln_model_batch(const ln_model *m);
bool ln_model_is_nhwc(const ln_model *m);             /* the caller's pictures are N,H,W,C */
bool ln_model_prep_known(const ln_model *m);          /* else ImageNet's is taken */
const ln_family_row *ln_model_row(const ln_model *m); /* NULL for graphs from other files */
ln_weights *ln_model_weights(const ln_model *m);      /* a family's; NULL: none */
const ln_preprocess *ln_model_prep(const ln_model *m);
int ln_model_classes(const ln_model *m);
const char *ln_model_label(const ln_model *m, int index); /* NULL when there are none */

/* IN (.pth, .safetensors) to Linnet's safetensors with family, labels and preprocessing in its
 * metadata. Every tensor of the family is checked before anything is written. */
linnet_status ln_convert(const char *in, const char *out, const char *arch, const char *labels,
                         linnet_error *err);

/* A smaller network: the share `channels` of the expanded channels of every bottleneck, those that
 * matter least, is left out of the weights. */
typedef enum ln_prune_by { LN_PRUNE_L1, LN_PRUNE_BN } ln_prune_by;
typedef struct ln_prune_params {
    double channels; /* more than 0, less than 1 */
    ln_prune_by by;
} ln_prune_params;
typedef struct ln_pruned {
    const char *name; /* the convolution that makes the channels */
    int before, after;
} ln_pruned;
typedef struct ln_pruning {
    ln_pruned *layer;
    int count;
    int64_t params[2], macs[2]; /* before and after; of one image of h x w (0: the model's own) */
    ln_pool pool;
} ln_pruning;
linnet_status ln_prune(const ln_model *m, const ln_prune_params *p, int64_t h, int64_t w,
                       const char *path, ln_pruning *out, linnet_error *err);
void ln_pruning_free(ln_pruning *p);

struct ln_quant_row;
/* m with layers of bytes, as post-training quantization made of its prepared graph g. */
linnet_status ln_quantized_write(const ln_model *m, const ln_graph *g,
                                 const struct ln_quant_row *row, int count, const char *path,
                                 linnet_error *err);

#endif
