/* A network on OpenCL objects of the program's own: cc opencl.c -llinnet -lOpenCL
 * usage: opencl MODEL.safetensors: the most probable class of a picture of zeros. */
#include <linnet/opencl.h>

#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv) {
    linnet_error err = {0};
    linnet_model_params params = {.model = argc == 2 ? argv[1] : ""};
    linnet_model *model = NULL;
    linnet_device *device = NULL;
    linnet_session *session = NULL;
    linnet_tensor_info in, out;
    cl_platform_id platform;
    cl_device_id id;
    cl_int code = clGetPlatformIDs(1, &platform, NULL);
    if (!code) code = clGetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, 1, &id, NULL);
    cl_context context = code ? NULL : clCreateContext(NULL, 1, &id, NULL, NULL, &code);
    cl_command_queue queue = code ? NULL : clCreateCommandQueue(context, id, 0, &code);
    if (code) return fprintf(stderr, "OpenCL: error %d\n", code), 1;
    if (linnet_model_open(&params, &model, &err) ||
        linnet_opencl_device(context, id, &device, &err) ||
        linnet_opencl_session(model, device, queue, NULL, &session, &err))
        return fprintf(stderr, "%s\n", err.message), 1;
    linnet_session_input(session, 0, &in);
    linnet_session_output(session, 0, &out);
    /* what another kernel of the program would make and use, without a detour through the host */
    cl_mem picture = clCreateBuffer(context, CL_MEM_READ_WRITE, in.bytes, NULL, &code);
    cl_mem logits = clCreateBuffer(context, CL_MEM_READ_WRITE, out.bytes, NULL, &code);
    const float zero = 0;
    clEnqueueFillBuffer(queue, picture, &zero, sizeof zero, 0, in.bytes, 0, NULL, NULL);
    float *host = malloc(out.bytes);
    if (!host || linnet_opencl_run(session, &picture, &logits, &err))
        return fprintf(stderr, "%s\n", err.message), 1;
    clEnqueueReadBuffer(queue, logits, CL_TRUE, 0, out.bytes, host, 0, NULL, NULL);
    linnet_top top;
    linnet_topk(host, (int)(out.bytes / sizeof *host), 1, &top);
    printf("%d %.4f\n", top.index, top.probability);
    free(host);
    linnet_session_destroy(&session);
    linnet_device_close(&device);
    linnet_model_close(&model);
    clReleaseMemObject(picture);
    clReleaseMemObject(logits);
    clReleaseCommandQueue(queue);
    clReleaseContext(context);
}
