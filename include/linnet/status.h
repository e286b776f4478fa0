/* Linnet: status codes and the error record; the lowest tier of the public API.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef LINNET_STATUS_H
#define LINNET_STATUS_H

#ifdef __cplusplus
extern "C" {
#endif

/* What a call came to. Every function that can fail returns one. */
typedef enum linnet_status {
    LINNET_OK = 0,
    LINNET_ERR_INVALID_ARGUMENT, /* the caller's arguments contradict the documentation */
    LINNET_ERR_UNSUPPORTED,      /* a model, op, shape or feature that Linnet does not run */
    LINNET_ERR_OUT_OF_MEMORY,    /* host or device memory */
    LINNET_ERR_DEVICE_LOST,      /* the device or driver stopped answering; open it again */
    LINNET_ERR_NO_DEVICE,        /* no loader, no platform, or no device of that name */
    LINNET_ERR_BAD_FILE,         /* a file's content breaks its format */
    LINNET_ERR_IO,               /* the operating system refused: missing file, full disk */
    LINNET_ERR_BUILD_FAILED,     /* an OpenCL program did not compile; the message has the log */
    LINNET_ERR_INTERNAL          /* a fault of Linnet or of a driver; please report it */
} linnet_status;

#define LINNET_ERROR_MESSAGE_MAX 1000

/* One error: plain data owned by the caller, written only when a call fails.
 * The message is one line: what, where, and what to do. */
typedef struct linnet_error {
    linnet_status status;
    char message[LINNET_ERROR_MESSAGE_MAX];
} linnet_error;

#ifdef __cplusplus
}
#endif
#endif
