/* The caller's context, queue and buffers: the same answer as by host memory; what is refused. */
#include "tests/check_main.h"
#include <linnet/opencl.h>

#include <stdlib.h>
#include <string.h>
#include <time.h>

static linnet_error err;
#define OK(expr) ck_assert_msg((expr) == LINNET_OK, "%s: %s", #expr, err.message)

typedef struct world {
    cl_device_id id;
    cl_context context;
    cl_command_queue queue;
    linnet_model *model;
    linnet_device *device;
} world;

static world open_world(void) {
    world w = {0};
    cl_platform_id platform;
    cl_int code;
    ck_assert_int_eq(clGetPlatformIDs(1, &platform, NULL), CL_SUCCESS);
    ck_assert_int_eq(clGetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, 1, &w.id, NULL), CL_SUCCESS);
    w.context = clCreateContext(NULL, 1, &w.id, NULL, NULL, &code);
    ck_assert_ptr_nonnull(w.context);
    w.queue = clCreateCommandQueue(w.context, w.id, 0, &code);
    ck_assert_ptr_nonnull(w.queue);
    linnet_model_params p = LINNET_MODEL_PARAMS_INIT;
    p.model = "mobilenetv1_025";
    p.size = 32;
    p.synthetic = 1;
    OK(linnet_model_open(&p, &w.model, &err));
    OK(linnet_opencl_device(w.context, w.id, &w.device, &err));
    return w;
}

static void close_world(world *w) {
    linnet_device_close(&w->device);
    linnet_model_close(&w->model);
    clReleaseCommandQueue(w->queue);
    clReleaseContext(w->context);
}

static cl_mem buffer(const world *w, size_t bytes) {
    cl_int code;
    cl_mem m = clCreateBuffer(w->context, CL_MEM_READ_WRITE, bytes, NULL, &code);
    ck_assert_ptr_nonnull(m);
    return m;
}

/* A driver lets go of its own references some time after clFinish: waits until at most so many are
 * left. */
static cl_uint references(const world *w, cl_uint most) {
    cl_uint refs = 0;
    clFinish(w->queue);
    for (int i = 0; i < 500; i++) {
        clGetCommandQueueInfo(w->queue, CL_QUEUE_REFERENCE_COUNT, sizeof refs, &refs, NULL);
        if (refs <= most) break;
        nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    }
    return refs;
}

START_TEST(buffers_give_what_host_memory_gives) {
    world w = open_world();
    linnet_session *s = NULL, *plain = NULL;
    linnet_tensor_info in, out;
    const cl_uint before = references(&w, 1);
    for (int i = 0; i < 4; i++) {
        OK(linnet_opencl_session(w.model, w.device, w.queue, NULL, &s, &err));
        linnet_session_destroy(&s);
    }
    ck_assert_uint_eq(references(&w, before), before); /* what is retained is let go */
    OK(linnet_opencl_session(w.model, w.device, w.queue, NULL, &s, &err));
    OK(linnet_session_create(w.model, w.device, NULL, &plain, &err));
    OK(linnet_session_input(s, 0, &in));
    OK(linnet_session_output(s, 0, &out));
    float *x = malloc(in.bytes), *want = malloc(out.bytes), *got = malloc(out.bytes);
    linnet_synthetic_image(0, 1, 32, 32, x);
    OK(linnet_session_run(plain, (const void *[]){x}, (void *[]){want}, &err));
    cl_mem a = buffer(&w, in.bytes), b = buffer(&w, out.bytes);
    for (int again = 0; again < 3; again++) {
        memset(got, 0, out.bytes);
        /* not waited for: the session runs behind it */
        clEnqueueWriteBuffer(w.queue, a, CL_FALSE, 0, in.bytes, x, 0, NULL, NULL);
        OK(linnet_opencl_run(s, &a, &b, &err));
        clEnqueueReadBuffer(w.queue, b, CL_TRUE, 0, out.bytes, got, 0, NULL, NULL);
        ck_assert_mem_eq(got, want, out.bytes);
    }
    /* by host memory on the caller's queue too */
    memset(got, 0, out.bytes);
    OK(linnet_session_run(s, (const void *[]){x}, (void *[]){got}, &err));
    ck_assert_mem_eq(got, want, out.bytes);
    cl_mem small = buffer(&w, out.bytes - 4);
    ck_assert_int_eq(linnet_opencl_run(s, &a, &small, &err), LINNET_ERR_INVALID_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(err.message, "are needed"));
    OK(linnet_opencl_run(s, &a, &b, &err)); /* and it goes on */
    linnet_session_destroy(&s);
    linnet_session_destroy(&plain);
    clReleaseMemObject(a);
    clReleaseMemObject(b);
    clReleaseMemObject(small);
    free(x);
    free(want);
    free(got);
    close_world(&w);
}
END_TEST

START_TEST(what_does_not_fit_is_refused) {
    world w = open_world();
    cl_int code;
    linnet_session *s = (void *)&err;
    linnet_device *d = (void *)&err, *ref = NULL;
    ck_assert_int_eq(linnet_opencl_device(NULL, w.id, &d, &err), LINNET_ERR_INVALID_ARGUMENT);
    ck_assert_ptr_null(d);
    ck_assert_int_eq(linnet_opencl_device(w.context, (cl_device_id)&err, &d, &err),
                     LINNET_ERR_NO_DEVICE);
    ck_assert_int_eq(linnet_opencl_session(w.model, w.device, NULL, NULL, &s, &err),
                     LINNET_ERR_INVALID_ARGUMENT);
    ck_assert_ptr_null(s);
    linnet_session_params profile = LINNET_SESSION_PARAMS_INIT;
    profile.profile = 1;
    ck_assert_int_eq(linnet_opencl_session(w.model, w.device, w.queue, &profile, &s, &err),
                     LINNET_ERR_INVALID_ARGUMENT);
    cl_context other = clCreateContext(NULL, 1, &w.id, NULL, NULL, &code);
    cl_command_queue foreign = clCreateCommandQueue(other, w.id, 0, &code);
    ck_assert_int_eq(linnet_opencl_session(w.model, w.device, foreign, NULL, &s, &err),
                     LINNET_ERR_INVALID_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(err.message, "another context"));
    cl_command_queue mixed =
        clCreateCommandQueue(w.context, w.id, CL_QUEUE_OUT_OF_ORDER_EXEC_MODE_ENABLE, &code);
    if (mixed) {
        ck_assert_int_eq(linnet_opencl_session(w.model, w.device, mixed, NULL, &s, &err),
                         LINNET_ERR_INVALID_ARGUMENT);
        ck_assert_ptr_nonnull(strstr(err.message, "in order"));
        clReleaseCommandQueue(mixed);
    }
    OK(linnet_device_open("ref", &ref, &err));
    OK(linnet_session_create(w.model, ref, NULL, &s, &err));
    ck_assert_int_eq(linnet_opencl_run(s, NULL, NULL, &err), LINNET_ERR_UNSUPPORTED);
    linnet_session_destroy(&s);
    linnet_device_close(&ref);
    clReleaseCommandQueue(foreign);
    clReleaseContext(other);
    close_world(&w);
}
END_TEST

CHECK_MAIN("opencl", buffers_give_what_host_memory_gives, what_does_not_fit_is_refused)
