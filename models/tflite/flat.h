/* Inside models/tflite/: FlatBuffers read where they lie, nothing believed
 * (https://flatbuffers.dev/internals/). A table is a place in the file with a vtable that says
 * which of its fields are there; a field that is not has its default. Readers of nested tables go
 * as deep as their own code does, so a cycle in a file leads nowhere. */
#ifndef LN_FLAT_H
#define LN_FLAT_H

#include "base/file.h"

typedef struct ln_flat {
    const uint8_t *data;
    size_t size;
    const char *path; /* for messages */
    linnet_error *err;
} ln_flat;

typedef struct ln_flat_table {
    const ln_flat *in; /* NULL: an absent table; all its fields are */
    size_t at, size;   /* of its inline part */
    size_t vtable, fields;
} ln_flat_table;

typedef struct ln_flat_vector {
    const uint8_t *data; /* `count` elements, inside the file, perhaps not aligned */
    uint32_t count;
} ln_flat_vector;

/* The root table. magic: the four letters behind the first offset. */
linnet_status ln_flat_root(const ln_flat *f, const char magic[4], ln_flat_table *out);

/* Scalars, `bytes` wide (1, 2, 4, 8), little-endian, sign-extended where is_signed. field counts
 * from 0 in the order of the schema; what: a noun for messages. */
linnet_status ln_flat_int(const ln_flat_table *t, int field, size_t bytes, bool is_signed,
                          int64_t absent, int64_t *out, const char *what);
linnet_status ln_flat_float(const ln_flat_table *t, int field, float absent, float *out,
                            const char *what);
/* An absent one has no elements (data NULL) or no `in`. */
linnet_status ln_flat_vec(const ln_flat_table *t, int field, size_t element, ln_flat_vector *out,
                          const char *what);
linnet_status ln_flat_sub(const ln_flat_table *t, int field, ln_flat_table *out, const char *what);
/* Element i < v->count of a vector of tables. */
linnet_status ln_flat_at(const ln_flat *f, const ln_flat_vector *v, uint32_t i, ln_flat_table *out,
                         const char *what);
/* A copy in the pool, control characters replaced; "" when absent. */
linnet_status ln_flat_text(const ln_flat_table *t, int field, ln_pool *pool, const char **out,
                           const char *what);
/* Elements of vectors of numbers. */
int32_t ln_flat_i32(const ln_flat_vector *v, uint32_t i);
int64_t ln_flat_i64(const ln_flat_vector *v, uint32_t i);
float ln_flat_f32(const ln_flat_vector *v, uint32_t i);

#endif
