/* A forward writer of FlatBuffers for tests: parents first, children where they are referred to
 * later. Places are bytes from the start. */
#ifndef TEST_FLATWRITE_H
#define TEST_FLATWRITE_H

#include "base/base.h"

enum { FW_FIELDS = 12 }; /* of every table */

void fw_begin(ln_str *s, const char magic[4]); /* fw_point(s, 0, root) sets the root */
size_t fw_table(ln_str *s);
/* Sets a scalar, or makes a field refer to what lies at `to`. */
void fw_int(ln_str *s, size_t table, int field, int64_t v, size_t bytes);
void fw_ref(ln_str *s, size_t table, int field, size_t to);
size_t fw_vec(ln_str *s, const void *data, uint32_t count, size_t element);
void fw_point(ln_str *s, size_t at, size_t to);
/* New vectors under a field. */
size_t fw_put(ln_str *s, size_t table, int field, const void *data, uint32_t count, size_t element);
void fw_text(ln_str *s, size_t table, int field, const char *text);
/* A vector of `count` fresh tables under a field; their places go to `tables`. */
void fw_tables(ln_str *s, size_t table, int field, uint32_t count, size_t *tables);

#endif
