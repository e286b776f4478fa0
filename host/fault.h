/* Test hook: replaces what the OpenCL table does. Only tests call it. */
#ifndef LN_FAULT_H
#define LN_FAULT_H

#include "base/base.h"

typedef struct ln_fault {
    long fail_call;        /* the n-th call through the table (1 = first) fails; 0: none */
    int fail_code;         /* the cl_int it returns; 0 chooses CL_OUT_OF_RESOURCES */
    const char *fail_name; /* only calls of this entry ("clCreateBuffer") are counted; NULL: all */
    bool fail_all_after;   /* device lost: every call from the n-th on fails */
    bool no_loader;        /* the loader cannot be opened */
    bool no_platform;      /* the loader has no platforms */
    bool reject_binary;    /* clCreateProgramWithBinary says CL_INVALID_BINARY */
    long spoil_read; /* the n-th blocking read of 16 bytes or more brings a wrong number; 0: none */
    size_t most_groups; /* a launch of more work-groups is accepted, and the device lost by it: from
                           then on every queue fails, until a context is made anew; 0: none */
    const char *spoil_kernel; /* launches of kernels of this name do nothing */
    /* A GPU with these strings, on whatever device it is; NULL: the device's */
    const char *gpu_platform, *gpu_name, *gpu_driver;
    uint64_t max_alloc;     /* a lower CL_DEVICE_MAX_MEM_ALLOC_SIZE to report; 0: the device's */
    uint64_t local_mem;     /* the same for CL_DEVICE_LOCAL_MEM_SIZE */
    uint32_t compute_units; /* the same for CL_DEVICE_MAX_COMPUTE_UNITS */
    size_t kernel_group;    /* the same for CL_KERNEL_WORK_GROUP_SIZE */
} ln_fault;
/* NULL: no faults; resets the call counter. Not while other threads use OpenCL. */
void ln_fault_set(const ln_fault *f);
long ln_fault_calls(void);         /* calls counted since ln_fault_set */
const char *ln_fault_failed(void); /* the first entry that was made to fail; NULL: none yet */

/* OpenCL objects and events made through the faulty table and not given back. */
long ln_fault_live(void);

#endif
