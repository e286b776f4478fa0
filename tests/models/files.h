/* What the tests of readers share: a scratch folder, byte strings as files, a checkpoint writer. */
#ifndef TEST_FILES_H
#define TEST_FILES_H

#include "models/model.h"
#include "base/base.h"
#include "models/weights.h"

/* A path in a folder that the program removes at its end. */
const char *scratch(const char *name);
/* Writes the bytes and returns the path. */
const char *file_of(const char *name, const void *bytes, size_t n);
void read_back(const char *path, ln_str *out);

/* Pickle, protocol 2. */
void pk_text(ln_str *s, const char *text);
void pk_int(ln_str *s, int64_t v);
void pk_tuple(ln_str *s, const int64_t *v, int n);
void pk_global(ln_str *s, const char *module, const char *name);
/* legacy: a storage's tuple has one more element there. */
void pk_tensor(ln_str *s, bool legacy, const char *storage, const char *key, int64_t numel,
               int64_t offset, const ln_shape *shape, const int64_t *stride);

typedef struct ckpt_storage {
    const char *key;
    const void *data;
    int64_t count;
    size_t elem;
} ckpt_storage;
/* Whole checkpoints around the pickle of an object (without its PROTO and STOP). */
void ckpt_legacy(ln_str *out, const ln_str *object, const ckpt_storage *st, size_t n);
void ckpt_zip(ln_str *out, const ln_str *object, const ckpt_storage *st, size_t n);

/* ln_model_open with the message copied out (may be NULL); a failure must leave no model. */
linnet_status ln_test_open(const ln_model_params *p, ln_model **m, char message[1000]);

#endif
