/* Inside models/: what every source of tensors is made of. */
#ifndef LN_WEIGHTS_IMPL_H
#define LN_WEIGHTS_IMPL_H

#include "base/file.h"
#include "models/weights.h"

#include <pthread.h>

struct ln_weights {
    ln_file file;
    char *path;
    ln_pool pool;
    ln_weight **item; /* in file order; each lives in the pool */
    size_t count, cap;
    uint32_t *slot; /* open addressing: index + 1, 0 empty */
    size_t n_slot;
    ln_meta *meta;
    size_t n_meta, cap_meta;
    void **owned; /* blocks for free() at close */
    size_t n_owned, cap_owned;
    bool synthetic;
    uint64_t seed;
    pthread_mutex_t lock; /* synthetic: held while a tensor comes into being */
};

linnet_status ln_weights_new(const char *path, ln_weights **out, linnet_error *err);
/* Copies w and its name; the data stays where it is. Stride is row-major unless strided.
 * A name seen before is an error. */
linnet_status ln_weights_add(ln_weights *ws, const ln_weight *w, bool strided, linnet_error *err);
linnet_status ln_weights_own(ln_weights *ws, void *block, linnet_error *err);
linnet_status ln_weights_meta_add(ln_weights *ws, const char *key, const char *value,
                                  linnet_error *err);
ln_weight *ln_weights_lookup(const ln_weights *ws, const char *name);
void ln_row_major(const ln_shape *s, int64_t stride[LN_MAX_RANK]);

extern const char *const ln_safetensors_dtype[LN_DTYPE_COUNT];

/* Appends text as a JSON string, quotes included. */
void ln_json_string(ln_str *s, const char *text);

/* Growth of a plain array: doubles *cap until it holds `need`. */
linnet_status ln_grow(void **items, size_t *cap, size_t need, size_t size, linnet_error *err);

#endif
