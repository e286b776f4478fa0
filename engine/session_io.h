/* The boundary of a session: the caller's dense tensors against the arena's padded ones. Where
 * device and host share buffers nothing is enqueued for it: the arena is read and written where it
 * lies, while no command runs. Belongs to a session. */
#ifndef LN_SESSION_IO_H
#define LN_SESSION_IO_H

#include "engine/launches.h"

typedef struct ln_io ln_io;

/* Takes all memory that runs need. The stage's objects must outlive it. */
linnet_status ln_io_create(const ln_stage *stage, ln_io **out, linnet_error *err);
void ln_io_destroy(ln_io **io);
/* As ln_session_memory. */
linnet_status ln_io_memory(ln_io *io, bool output, int i, void **out, linnet_error *err);
/* Input i from the caller's memory, which must stay until the queue has finished. */
linnet_status ln_io_put(ln_io *io, int i, const void *data, linnet_error *err);
/* Output i into the caller's memory: where buffers are shared only once the queue has finished. */
linnet_status ln_io_get(ln_io *io, int i, void *data, linnet_error *err);
/* Either with the caller's dense buffer (cl_mem); enqueued. */
linnet_status ln_io_copy(ln_io *io, ln_copy_way way, int i, void *mem, linnet_error *err);
/* Any activation, in dense logical order; waits. */
linnet_status ln_io_write(ln_io *io, ln_tid t, const void *dense, linnet_error *err);
linnet_status ln_io_read(ln_io *io, ln_tid t, void *dense, linnet_error *err);

#endif
