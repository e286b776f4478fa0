/* OpenCL and only OpenCL. Nothing outside host/ sees a cl_ type; no tensor is known here.
 *
 * Thread-safety: a device may be used by several threads at once; every other object belongs
 * to one thread at a time. Destroy functions accept NULL targets and null the pointer. */
#ifndef LN_HOST_H
#define LN_HOST_H

#include "host/caps.h"

typedef struct ln_device ln_device;   /* context and program caches; reference-counted */
typedef struct ln_buffer ln_buffer;   /* device memory */
typedef struct ln_program ln_program; /* built program; shared within the device's cache */
typedef struct ln_kernel ln_kernel;   /* one kernel object with its own arguments */
typedef struct ln_queue ln_queue;     /* in-order queue */

/* ---- devices ---- */
/* Opens the OpenCL loader, which all below do on their own: a diagnosis can tell it apart. */
linnet_status ln_cl_open(linnet_error *err);

typedef struct ln_device_entry {
    ln_caps caps; /* features are filled only for probed devices */
    bool chosen;
    char why[128]; /* why it was or was not chosen */
} ln_device_entry;
/* Every device of every platform, and which one `spec` chooses (NULL: LINNET_DEVICE, else the
 * first GPU, else the first CPU; "ref": none). LINNET_ERR_NO_DEVICE when there is no loader or
 * platform. The array is the caller's to free(). probe: also fill features (may start a child
 * process). */
linnet_status ln_devices_list(const char *spec, bool probe, ln_device_entry **out, size_t *count,
                              linnet_error *err);
/* spec: as above: an index, "cpu", "gpu", or part of a name. Finds features: the first time on a
 * machine by linnet-probe, which takes a second or two, later from the cache. */
linnet_status ln_device_open(const char *spec, ln_device **out, linnet_error *err);
void ln_device_retain(ln_device *d);
void ln_device_release(ln_device **d);
const ln_caps *ln_device_caps(const ln_device *d);
/* A hash of device, driver and platform version: what is kept about one belongs to no other. */
uint64_t ln_device_key(const ln_device *d);
/* For launches that need all compute units at once: one at a time on a device. */
void ln_device_lock_units(ln_device *d);
void ln_device_unlock_units(ln_device *d);

typedef struct ln_host_stats {
    uint64_t builds;       /* programs compiled from source */
    uint64_t cache_hits;   /* programs taken from the binary cache */
    uint64_t cache_misses; /* looked for there and not found, stale or broken */
    double build_s;        /* seconds spent in either */
} ln_host_stats;
ln_host_stats ln_device_stats(const ln_device *d);

/* ---- buffers ---- */
typedef enum ln_buffer_use { LN_BUFFER_WEIGHTS, LN_BUFFER_ARENA, LN_BUFFER_STEPS } ln_buffer_use;
/* Every byte is touched at creation, so that lack of memory shows here and not at a launch. */
linnet_status ln_buffer_create(ln_device *d, size_t bytes, ln_buffer_use use, ln_buffer **out,
                               linnet_error *err);
void ln_buffer_destroy(ln_buffer **b);
size_t ln_buffer_size(const ln_buffer *b);
/* Its memory on devices that share buffers with the host (ln_caps_shares), else NULL. To be read
 * and written while no command that uses the buffer is in a queue. */
void *ln_buffer_host(const ln_buffer *b);

/* ---- programs ---- */
typedef struct ln_program_source {
    const char *text;    /* complete source; #line directives name the .cl files */
    const char *options; /* compiler options; also written into the source as a comment */
    const char *label;   /* for messages and logs: the variants in it */
} ln_program_source;
/* Built, from the device's in-memory cache, its binary cache on disk, or source. A build error
 * gives LINNET_ERR_BUILD_FAILED with file and line of our .cl in the message. Thread-safe. */
linnet_status ln_program_get(ln_device *d, const ln_program_source *src, ln_program **out,
                             linnet_error *err);
void ln_program_release(ln_program **p);
/* Some compilers (PoCL, Mali) finish a kernel at its first launch: call this after the first
 * run to write the binary of a program that was built from source. Failures are logged only. */
void ln_program_save(ln_program *p);

/* ---- kernels and the queue ---- */
linnet_status ln_kernel_create(ln_program *p, const char *name, ln_kernel **out, linnet_error *err);
void ln_kernel_destroy(ln_kernel **k);
linnet_status ln_kernel_arg_buffer(ln_kernel *k, unsigned index, ln_buffer *b, linnet_error *err);
linnet_status ln_kernel_arg_int(ln_kernel *k, unsigned index, int32_t v, linnet_error *err);
/* Largest work-group and the local memory in bytes of this kernel, as built. */
linnet_status ln_kernel_limits(ln_kernel *k, size_t *max_group, uint64_t *local_bytes,
                               linnet_error *err);

linnet_status ln_queue_create(ln_device *d, bool profiling, ln_queue **out, linnet_error *err);
void ln_queue_destroy(ln_queue **q);
/* One-dimensional launch of `groups` work-groups of `local` items. ns: when not NULL and the
 * queue profiles, the slot that ln_queue_finish fills with the kernel's nanoseconds. */
linnet_status ln_queue_launch(ln_queue *q, ln_kernel *k, size_t groups, size_t local, uint64_t *ns,
                              linnet_error *err);
/* The same of work-groups from `first` on, which kernels see as get_global_offset; where first is
 * not 0 the nanoseconds are added to the slot. */
linnet_status ln_queue_launch_from(ln_queue *q, ln_kernel *k, size_t first, size_t groups,
                                   size_t local, uint64_t *ns, linnet_error *err);
linnet_status ln_queue_write(ln_queue *q, ln_buffer *b, size_t offset, const void *src,
                             size_t bytes, linnet_error *err); /* blocking */
linnet_status ln_queue_read(ln_queue *q, ln_buffer *b, size_t offset, void *dst, size_t bytes,
                            linnet_error *err); /* blocking */
/* Not blocking: src must stay as it is until the queue has finished, or a later blocking call
 * returned. */
linnet_status ln_queue_write_async(ln_queue *q, ln_buffer *b, size_t offset, const void *src,
                                   size_t bytes, linnet_error *err);
/* Not blocking: dst is whole once the queue has finished, or a later blocking call returned. */
linnet_status ln_queue_read_async(ln_queue *q, ln_buffer *b, size_t offset, void *dst, size_t bytes,
                                  linnet_error *err);
/* Rows of `row` bytes, `pitch` apart in the buffer, dense on the host. Blocking. */
linnet_status ln_queue_read_rows(ln_queue *q, ln_buffer *b, size_t offset, size_t pitch, size_t row,
                                 size_t rows, void *dst, linnet_error *err);
typedef enum ln_map_mode { LN_MAP_READ, LN_MAP_WRITE } ln_map_mode; /* WRITE: old bytes are lost */
linnet_status ln_queue_map(ln_queue *q, ln_buffer *b, size_t offset, size_t bytes, ln_map_mode mode,
                           void **out, linnet_error *err); /* blocking */
linnet_status ln_queue_unmap(ln_queue *q, ln_buffer *b, void *ptr, linnet_error *err);
linnet_status ln_queue_flush(ln_queue *q, linnet_error *err);
/* SLEEP lets the driver wait (the default); the others poll and cost a core. */
typedef enum ln_wait { LN_WAIT_SLEEP, LN_WAIT_YIELD, LN_WAIT_SPIN } ln_wait;
linnet_status ln_queue_finish(ln_queue *q, ln_wait how, linnet_error *err);

/* ---- matrix products by CLBlast, where it is installed ---- */
typedef struct ln_matrix_at {
    const ln_buffer *buffer;
    size_t offset, stride; /* of the first element; from row to row; floats */
} ln_matrix_at;
/* Opens the library when it is first asked for. */
bool ln_gemm_there(void);
/* y[rows,columns] = x[rows,inner] * w[inner,columns]; not blocking. */
linnet_status ln_queue_gemm(ln_queue *q, size_t rows, size_t inner, size_t columns,
                            const ln_matrix_at *x, const ln_matrix_at *w, const ln_matrix_at *y,
                            linnet_error *err);

/* ---- recorded launches (cl_khr_command_buffer) ---- */
typedef struct ln_commands ln_commands; /* belongs to a queue, which must outlive it */
/* LINNET_ERR_UNSUPPORTED where the device has none. */
linnet_status ln_commands_create(ln_queue *q, ln_commands **out, linnet_error *err);
void ln_commands_destroy(ln_commands **c);
/* Records a launch with the arguments that the kernel has now; finish ends the recording. */
linnet_status ln_commands_launch(ln_commands *c, ln_kernel *k, size_t groups, size_t local,
                                 linnet_error *err);
linnet_status ln_commands_finish(ln_commands *c, linnet_error *err);
/* All of them in order; not again before the queue has finished. */
linnet_status ln_commands_enqueue(ln_commands *c, linnet_error *err);

/* ---- the caller's OpenCL objects; handles are cl_ types as void pointers ---- */
/* The device in the caller's context, which is retained. */
linnet_status ln_device_adopt(void *context, void *id, ln_device **out, linnet_error *err);
/* The caller's in-order queue of that context, retained. */
linnet_status ln_queue_adopt(ln_device *d, void *queue, ln_queue **out, linnet_error *err);
/* Between a dense buffer of the caller's and rows of `row` bytes, `pitch` apart, at `offset` of
 * ours. Not blocking. */
typedef enum ln_copy_way { LN_COPY_IN, LN_COPY_OUT } ln_copy_way;
linnet_status ln_queue_copy_rows(ln_queue *q, ln_copy_way way, void *mem, ln_buffer *b,
                                 size_t offset, size_t pitch, size_t row, size_t rows,
                                 linnet_error *err);

#endif
