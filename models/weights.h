/* Named tensors from a file or a rule. A source outlives every graph built from it.
 * Reading is thread-safe once opened. */
#ifndef LN_WEIGHTS_H
#define LN_WEIGHTS_H

#include "engine/tensor.h"

typedef struct ln_weights ln_weights;

typedef struct ln_weight {
    const char *name;
    ln_shape shape; /* as the file says: OIHW for convolutions */
    ln_dtype dtype;
    const void *data;
    int64_t stride[LN_MAX_RANK]; /* elements; row-major unless the file is strided */
    size_t index;                /* its place in the source */
} ln_weight;

/* .safetensors: memory-mapped; offsets, overlaps, lengths and metadata checked.
 * Format: https://github.com/huggingface/safetensors (8-byte length, JSON header, bytes). */
linnet_status ln_safetensors_open(const char *path, ln_weights **out, linnet_error *err);
/* PyTorch checkpoints, legacy stream and zip, without running pickle. */
linnet_status ln_torch_open(const char *path, ln_weights **out, linnet_error *err);
/* Either of the two, told apart by the first bytes. */
linnet_status ln_weights_open(const char *path, ln_weights **out, linnet_error *err);
/* Deterministic synthetic weights; tensors come into being when asked for by name and shape. */
linnet_status ln_synthetic_open(uint64_t seed, ln_weights **out, linnet_error *err);
void ln_weights_close(ln_weights **w);

bool ln_weights_is_synthetic(const ln_weights *w);
size_t ln_weights_count(const ln_weights *w);
const ln_weight *ln_weights_at(const ln_weights *w, size_t i); /* in file order */
/* NULL when absent. expect: needed by the synthetic source, ignored by files. */
const ln_weight *ln_weights_find(ln_weights *w, const char *name, const ln_shape *expect,
                                 linnet_error *err);
const char *ln_weights_meta(const ln_weights *w, const char *key); /* NULL when absent */
const char *ln_weights_path(const ln_weights *w);                  /* for messages */

/* Writing: dense tensors in the given order, metadata as string pairs. Atomic. */
typedef struct ln_meta {
    const char *key, *value;
} ln_meta;
linnet_status ln_safetensors_write(const char *path, const ln_weight *w, size_t count,
                                   const ln_meta *meta, size_t n_meta, linnet_error *err);

/* The synthetic stream (deterministic test data), row-major in state_dict shape. */
void ln_synthetic_tensor(const char *key, const ln_shape *shape, uint64_t seed, float *dst);
/* One input image [3,H,W]; nothing when a side is below 1. */
void ln_synthetic_image(uint64_t index, uint64_t seed, int64_t h, int64_t w, float *dst);

#endif
