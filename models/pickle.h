/* Inside models/: as much of pickle's stack machine as tensors need. Nothing is ever called: a
 * GLOBAL outside the short list below is an error that names it. Opcodes: Python's pickletools. */
#ifndef LN_PICKLE_H
#define LN_PICKLE_H

#include "base/file.h"
#include "engine/tensor.h"

typedef enum ln_pk_type {
    LN_PK_NONE,
    LN_PK_BOOL,
    LN_PK_INT,
    LN_PK_FLOAT,
    LN_PK_LONG, /* an integer wider than 64 bits, as its bytes */
    LN_PK_STR,
    LN_PK_TUPLE,
    LN_PK_LIST,
    LN_PK_DICT, /* items: key, value, key, value */
    LN_PK_GLOBAL,
    LN_PK_STORAGE,
    LN_PK_TENSOR,
    LN_PK_MARK
} ln_pk_type;

typedef struct ln_pk_value ln_pk_value;
typedef struct ln_pk_tensor {
    const ln_pk_value *storage;
    int64_t offset;
    ln_shape shape;
    int64_t stride[LN_MAX_RANK];
} ln_pk_tensor;
struct ln_pk_value {
    ln_pk_type type;
    int64_t i;      /* BOOL, INT; GLOBAL: its index; STORAGE: elements */
    const char *s;  /* STR, LONG, STORAGE: its key; NUL-terminated */
    size_t n;       /* bytes of s; items of a container */
    ln_dtype dtype; /* STORAGE */
    ln_pk_value **item;
    size_t cap;
    ln_pk_tensor *tensor;
};

typedef struct ln_pickle {
    ln_cursor c;
    ln_pool pool; /* owns every value */
    ln_pk_value **stack, **memo;
    size_t depth, cap_stack, n_memo, cap_memo, n_value;
    ln_pk_value **storage; /* in order of their first use, repeats and all */
    size_t n_storage, cap_storage;
} ln_pickle;

void ln_pickle_init(ln_pickle *p, const uint8_t *data, size_t size, const char *path,
                    linnet_error *err);
/* Runs one pickle to its STOP; the cursor is after it. */
linnet_status ln_pickle_run(ln_pickle *p, ln_pk_value **out);
void ln_pickle_free(ln_pickle *p);
/* The value of a string key; NULL when absent or when d is no dict. */
ln_pk_value *ln_pk_get(const ln_pk_value *d, const char *key);

#endif
