/* Matrix products by CLBlast, whose library is opened on demand: it links the loader itself. */
#include "host/internal.h"

#include <dlfcn.h>

/* CLBlastSgemm of clblast_c.h, its enumerations as the integers that they are. */
enum { ROW_MAJOR = 101, NOT_TRANSPOSED = 111 };
typedef int (*gemm_fn)(int layout, int a_transpose, int b_transpose, size_t m, size_t n, size_t k,
                       float alpha, cl_mem a, size_t a_offset, size_t a_ld, cl_mem b,
                       size_t b_offset, size_t b_ld, float beta, cl_mem c, size_t c_offset,
                       size_t c_ld, cl_command_queue *queue, cl_event *event);

static pthread_once_t once = PTHREAD_ONCE_INIT;
static gemm_fn gemm;
static int (*clear_cache)(void);

static void open_library(void) {
    void *lib = dlopen("libclblast.so.1", RTLD_NOW | RTLD_LOCAL); /* never closed, as drivers are */
    if (!lib) return;
    *(void **)(&gemm) = dlsym(lib, "CLBlastSgemm");
    *(void **)(&clear_cache) = dlsym(lib, "CLBlastClearCache");
}

bool ln_gemm_there(void) {
    pthread_once(&once, open_library);
    return gemm != NULL;
}

/* Its programs hold the context. */
void ln_gemm_forget(void) {
    if (clear_cache) clear_cache();
}

static bool inside(const ln_matrix_at *m, size_t rows, size_t columns) {
    const size_t words = m->buffer->bytes / sizeof(float);
    size_t span;
    return rows && columns && columns <= m->stride && ln_mul_size(rows - 1, m->stride, &span) &&
           ln_add_size(span, columns, &span) && span <= words && m->offset <= words - span;
}

linnet_status ln_queue_gemm(ln_queue *q, size_t rows, size_t inner, size_t columns,
                            const ln_matrix_at *x, const ln_matrix_at *w, const ln_matrix_at *y,
                            linnet_error *err) {
    if (!ln_gemm_there())
        return ln_fail(err, LINNET_ERR_UNSUPPORTED,
                       "libclblast.so.1 is not there; install it (Debian: apt-get install "
                       "libclblast1) or tune again");
    if (!inside(x, rows, inner) || !inside(w, inner, columns) || !inside(y, rows, columns))
        return ln_fail(err, LINNET_ERR_INVALID_ARGUMENT,
                       "a product of %zux%zu by %zux%zu leaves its buffers", rows, inner, inner,
                       columns);
    cl_int code = ln_turn_take(q->device, q);
    if (!code)
        code = gemm(ROW_MAJOR, NOT_TRANSPOSED, NOT_TRANSPOSED, rows, columns, inner, 1.0f,
                    x->buffer->mem, x->offset, x->stride, w->buffer->mem, w->offset, w->stride,
                    0.0f, y->buffer->mem, y->offset, y->stride, &q->queue, NULL);
    ln_turn_give(q->device);
    if (!code) return LINNET_OK;
    return ln_cl_fail(err, code, "CLBlastSgemm", "a product of %zux%zu by %zux%zu", rows, inner,
                      inner, columns);
}
