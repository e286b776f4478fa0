/* Inside models/: entries of a zip archive that are stored as they are (PKWARE APPNOTE 6.3). */
#ifndef LN_ZIP_H
#define LN_ZIP_H

#include "base/base.h"

typedef struct ln_zip_entry {
    char *name;
    const uint8_t *data; /* inside the mapped file */
    size_t size;
} ln_zip_entry;

typedef struct ln_zip {
    ln_zip_entry *entry; /* sorted by name */
    size_t count;
    ln_pool pool;
} ln_zip;

linnet_status ln_zip_open(const uint8_t *data, size_t size, const char *path, ln_zip *out,
                          linnet_error *err);
const ln_zip_entry *ln_zip_find(const ln_zip *z, const char *name);
void ln_zip_free(ln_zip *z);

#endif
