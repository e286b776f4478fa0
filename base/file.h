/* Files: bounds-checked reading of hostile bytes, and writing that is whole or not there. */
#ifndef LN_FILE_H
#define LN_FILE_H

#include "base/base.h"

/* A whole file, memory-mapped read-only. Empty files map to size 0. */
typedef struct ln_file {
    const uint8_t *data;
    size_t size;
    char *path;
} ln_file;
linnet_status ln_file_map(const char *path, ln_file *out, linnet_error *err);
void ln_file_unmap(ln_file *f);
/* The bytes are not needed for now: those of mapped files leave this process's memory until they
 * are read again; any other memory stays as it is. Safe beside readers. */
void ln_file_release(const void *at, size_t bytes);

/* Cursor over bytes that may lie. Every take fails with LINNET_ERR_BAD_FILE, naming
 * file, offset and what was expected; after a failure the position is unchanged. */
typedef struct ln_cursor {
    const uint8_t *data;
    size_t size, pos;
    const char *path; /* for messages */
    linnet_error *err;
} ln_cursor;
linnet_status ln_cur_bytes(ln_cursor *c, size_t n, const uint8_t **out, const char *what);
linnet_status ln_cur_u8(ln_cursor *c, uint8_t *out, const char *what);
linnet_status ln_cur_u16(ln_cursor *c, uint16_t *out, const char *what); /* little-endian */
linnet_status ln_cur_u32(ln_cursor *c, uint32_t *out, const char *what);
linnet_status ln_cur_u64(ln_cursor *c, uint64_t *out, const char *what);
linnet_status ln_cur_seek(ln_cursor *c, size_t pos, const char *what);
linnet_status ln_cur_fail(ln_cursor *c, const char *fmt, ...) LN_PRINTF(2, 3);

/* A file under a temporary name beside its goal, renamed onto it by commit (after fsync);
 * close without commit removes it. A goal that is no regular file (/dev/null, a pipe) is
 * written directly. Write with stdio on f; commit reports what failed on the way. */
typedef struct ln_writer {
    FILE *f;
    char *tmp, *goal; /* tmp: NULL when writing directly */
    int noted;        /* place in the list that ln_writer_unlink_all goes through, from 1 */
} ln_writer;
linnet_status ln_writer_open(ln_writer *w, const char *goal, linnet_error *err);
linnet_status ln_writer_commit(ln_writer *w, linnet_error *err);
void ln_writer_close(ln_writer *w);
/* Removes the temporaries of every open writer; safe in a signal handler that ends the process. */
void ln_writer_unlink_all(void);

linnet_status ln_mkdirs(const char *path, linnet_error *err);

#endif
