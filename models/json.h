/* Inside models/: JSON from files that may lie. */
#ifndef LN_JSON_H
#define LN_JSON_H

#include "base/base.h"
#include <cjson/cJSON.h>

/* Parses an object of `len` bytes. cJSON recurses, so nesting is bounded before it is called.
 * where: file and place, for the message. Release with cJSON_Delete. */
linnet_status ln_json_object(const char *text, size_t len, const char *where, cJSON **out,
                             linnet_error *err);
/* A number that is an integer in [0, 2^53]: exact in a double. */
bool ln_json_u53(const cJSON *v, uint64_t *out);

#endif
