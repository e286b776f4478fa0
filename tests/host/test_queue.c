/* Buffers, transfers, launches, waiting and times. */
#include "base/thread.h"
#include "host/internal.h"
#include "tests/host/common.h"

static ln_device *device;
static ln_program *program;
static ln_kernel *kernel;
static ln_queue *queue;
static ln_buffer *buffer;

static void begin(bool profiling, size_t bytes) {
    fresh_cache();
    ck_ok(ln_device_open(NULL, &device, &err));
    ck_ok(ln_program_get(device, &line_source, &program, &err));
    ck_ok(ln_kernel_create(program, "line", &kernel, &err));
    ck_ok(ln_buffer_create(device, bytes, LN_BUFFER_ARENA, &buffer, &err));
    ck_ok(ln_queue_create(device, profiling, &queue, &err));
    ck_ok(ln_kernel_arg_buffer(kernel, 0, buffer, &err));
    ck_ok(ln_kernel_arg_int(kernel, 1, 1, &err));
    ck_ok(ln_kernel_arg_int(kernel, 2, 0, &err));
}
static void end(void) {
    ln_queue_destroy(&queue);
    ln_buffer_destroy(&buffer);
    ln_kernel_destroy(&kernel);
    ln_program_release(&program);
    ln_device_release(&device);
    remove_cache();
}

START_TEST(buffers_start_as_zeros) {
    begin(false, 64);
    static const size_t sizes[] = {1, 3, 4, 15, 16, 17, 1000003};
    for (size_t i = 0; i < LN_COUNT(sizes); i++) {
        for (int use = LN_BUFFER_WEIGHTS; use <= LN_BUFFER_STEPS; use++) {
            ln_buffer *b;
            ck_ok(ln_buffer_create(device, sizes[i], (ln_buffer_use)use, &b, &err));
            ck_assert_uint_eq(ln_buffer_size(b), sizes[i]);
            uint8_t *bytes = malloc(sizes[i]);
            memset(bytes, 1, sizes[i]);
            ck_ok(ln_queue_read(queue, b, 0, bytes, sizes[i], &err));
            for (size_t k = 0; k < sizes[i]; k++) ck_assert_uint_eq(bytes[k], 0);
            free(bytes);
            ln_buffer_destroy(&b);
            ln_buffer_destroy(&b);
        }
    }
    ln_buffer *none;
    ck_assert_int_eq(ln_buffer_create(device, 0, LN_BUFFER_ARENA, &none, &err),
                     LINNET_ERR_INVALID_ARGUMENT);
    ck_assert_int_eq(ln_buffer_create(device, SIZE_MAX, LN_BUFFER_ARENA, &none, &err),
                     LINNET_ERR_OUT_OF_MEMORY);
    ck_assert_ptr_null(none);
    end();
}
END_TEST

START_TEST(transfers_stay_inside) {
    begin(false, 100);
    uint8_t bytes[128] = {0};
    void *p;
    static const size_t bad[][2] = {{0, 101}, {100, 1}, {101, 0}, {SIZE_MAX, 1}, {1, SIZE_MAX}};
    for (size_t i = 0; i < LN_COUNT(bad); i++) {
        size_t at = bad[i][0], n = bad[i][1];
        ck_assert_int_eq(ln_queue_write(queue, buffer, at, bytes, n, &err),
                         LINNET_ERR_INVALID_ARGUMENT);
        ck_assert_int_eq(ln_queue_read(queue, buffer, at, bytes, n, &err),
                         LINNET_ERR_INVALID_ARGUMENT);
        ck_assert_int_eq(ln_queue_map(queue, buffer, at, n, LN_MAP_READ, &p, &err),
                         LINNET_ERR_INVALID_ARGUMENT);
        ck_says("of a buffer of 100");
        ck_assert_ptr_null(p);
    }
    ck_ok(ln_queue_write(queue, buffer, 100, bytes, 0, &err));
    ck_ok(ln_queue_read(queue, buffer, 100, bytes, 0, &err));
    ck_assert_int_eq(ln_queue_map(queue, buffer, 3, 0, LN_MAP_READ, &p, &err),
                     LINNET_ERR_INVALID_ARGUMENT);
    end();
}
END_TEST

START_TEST(writes_maps_and_rows) {
    begin(false, 100);
    uint8_t bytes[100], got[100];
    for (int i = 0; i < 100; i++) bytes[i] = (uint8_t)(i * 7 + 1);
    ck_ok(ln_queue_write(queue, buffer, 0, bytes, 100, &err));
    ck_ok(ln_queue_read(queue, buffer, 31, got, 40, &err));
    ck_assert_mem_eq(got, bytes + 31, 40);
    void *p;
    ck_ok(ln_queue_map(queue, buffer, 10, 20, LN_MAP_READ, &p, &err));
    ck_assert_mem_eq(p, bytes + 10, 20);
    ck_ok(ln_queue_unmap(queue, buffer, p, &err));
    ck_ok(ln_queue_map(queue, buffer, 50, 4, LN_MAP_WRITE, &p, &err));
    memset(p, 0xEE, 4);
    ck_ok(ln_queue_unmap(queue, buffer, p, &err));
    memset(bytes + 50, 0xEE, 4);
    static const size_t cases[][4] = {/* offset, pitch, row, rows */
                                      {0, 10, 3, 10},  {7, 9, 8, 5},  {5, 6, 6, 10},
                                      {90, 50, 10, 1}, {97, 3, 3, 1}, {0, 99, 1, 2}};
    for (size_t i = 0; i < LN_COUNT(cases); i++) {
        size_t at = cases[i][0], pitch = cases[i][1], row = cases[i][2], rows = cases[i][3];
        memset(got, 0, sizeof got);
        ck_ok(ln_queue_read_rows(queue, buffer, at, pitch, row, rows, got, &err));
        for (size_t r = 0; r < rows; r++)
            ck_assert_mem_eq(got + r * row, bytes + at + r * pitch, row);
    }
    static const size_t bad[][4] = {
        {0, 2, 3, 2}, {0, 10, 3, 11}, {98, 3, 3, 1}, {0, SIZE_MAX, 1, 3}, {95, 4, 3, 2}};
    for (size_t i = 0; i < LN_COUNT(bad); i++)
        ck_assert_int_eq(ln_queue_read_rows(queue, buffer, bad[i][0], bad[i][1], bad[i][2],
                                            bad[i][3], got, &err),
                         LINNET_ERR_INVALID_ARGUMENT);
    ck_ok(ln_queue_read_rows(queue, buffer, 5000, 1, 1, 0, got, &err)); /* no rows, no bytes */
    end();
}
END_TEST

START_TEST(launches_need_items) {
    begin(false, 64);
    static const size_t bad[][2] = {{0, 1}, {1, 0}, {SIZE_MAX, 2}};
    for (size_t i = 0; i < LN_COUNT(bad); i++)
        ck_assert_int_eq(ln_queue_launch(queue, kernel, bad[i][0], bad[i][1], NULL, &err),
                         LINNET_ERR_INVALID_ARGUMENT);
    size_t too_large = (size_t)ln_device_caps(device)->max_work_group + 1;
    ck_assert_int_eq(ln_queue_launch(queue, kernel, 1, too_large, NULL, &err),
                     LINNET_ERR_UNSUPPORTED);
    ck_says("kernel line, 1 work-groups of");
    end();
}
END_TEST

/* Launches that go well until the second flush, which is made to fail; at most 100. */
static int launches_until_flush_fails(uint32_t quirks) {
    begin(false, 64);
    device->caps.quirks |= quirks;
    ln_fault_set(&(ln_fault){.fail_call = 2, .fail_name = "clFlush"});
    int good = 0;
    while (good < 100 && ln_queue_launch(queue, kernel, 1, 1, NULL, &err) == LINNET_OK) good++;
    ln_fault_set(NULL);
    ck_ok(ln_queue_finish(queue, LN_WAIT_SLEEP, &err));
    end();
    return good;
}

/* Groups from the eighth on; times of later parts are added to that of the first. */
START_TEST(parts_of_a_launch) {
    static const char text[] = "__kernel void line(__global int *o, int a, int b) {\n"
                               "    o[get_global_id(0)] = (int)get_global_offset(0) + a + b;\n"
                               "}\n";
    const ln_program_source source = {text, "", "offset"};
    const uint64_t mark = UINT64_C(1) << 60;
    uint64_t ns = mark;
    int32_t out[64];
    begin(true, sizeof out);
    ln_kernel_destroy(&kernel);
    ln_program_release(&program);
    ck_ok(ln_program_get(device, &source, &program, &err));
    ck_ok(ln_kernel_create(program, "line", &kernel, &err));
    ck_ok(ln_kernel_arg_buffer(kernel, 0, buffer, &err));
    ck_ok(ln_kernel_arg_int(kernel, 1, 1, &err));
    ck_ok(ln_kernel_arg_int(kernel, 2, 0, &err));
    ck_ok(ln_queue_launch_from(queue, kernel, 8, 4, 4, &ns, &err));
    ck_ok(ln_queue_finish(queue, LN_WAIT_SLEEP, &err));
    ck_assert(ns > mark);
    ck_ok(ln_queue_read(queue, buffer, 0, out, sizeof out, &err));
    for (int i = 0; i < 64; i++) ck_assert_int_eq(out[i], i < 32 || i >= 48 ? 0 : 33);
    ck_ok(ln_queue_launch_from(queue, kernel, 0, 4, 4, &ns, &err));
    ck_ok(ln_queue_launch_from(queue, kernel, 4, 4, 4, &ns, &err));
    ck_ok(ln_queue_finish(queue, LN_WAIT_SLEEP, &err));
    ck_assert(ns > 0 && ns < mark);
    ck_assert_int_eq(ln_queue_launch_from(queue, kernel, SIZE_MAX / 2, 1, 4, NULL, &err),
                     LINNET_ERR_INVALID_ARGUMENT);
    end();
}
END_TEST

START_TEST(short_queues_are_flushed) {
    ck_assert_int_eq(launches_until_flush_fails(0), 100);
    ck_assert_int_eq(launches_until_flush_fails(1u << LN_QUIRK_SHORT_QUEUE), 15);
    ck_says("clFlush");
}
END_TEST

/* The queue that launched last is waited for where kernels of two may not be in flight: when it is
 * lost, that is no fault of the next one. */
START_TEST(a_lost_neighbour_is_no_loss) {
    begin(false, 64);
    ln_queue *other = NULL;
    ck_ok(ln_queue_create(device, false, &other, &err));
    ck_ok(ln_queue_launch(queue, kernel, 1, 1, NULL, &err));
    ln_fault_set(&(ln_fault){.fail_call = 1, .fail_name = "clFinish", .fail_code = -36});
    ck_ok(ln_queue_launch(other, kernel, 1, 1, NULL, &err));
    const bool waited = ln_fault_failed() != NULL;
    ln_fault_set(NULL);
    ck_assert_int_eq(waited, ln_caps_quirk(&device->caps, LN_QUIRK_ONE_QUEUE));
    ck_ok(ln_queue_finish(queue, LN_WAIT_SLEEP, &err));
    ck_ok(ln_queue_finish(other, LN_WAIT_SLEEP, &err));
    ln_queue_destroy(&other);
    end();
}
END_TEST

START_TEST(every_way_to_wait) {
    for (int how = LN_WAIT_SLEEP; how <= LN_WAIT_SPIN; how++)
        for (int profiling = 0; profiling < 2; profiling++) {
            fresh_cache();
            ck_ok(whole_run(profiling, (ln_wait)how));
            remove_cache();
        }
}
END_TEST

START_TEST(times_of_more_kernels_than_the_ring_holds) {
    enum { MANY = 2500 };
    begin(true, 64);
    uint64_t *ns = calloc(MANY, sizeof *ns), spare = 7;
    ln_fault_set(&(ln_fault){0});
    for (int i = 0; i < MANY; i++) ck_ok(ln_queue_launch(queue, kernel, 1, 8, &ns[i], &err));
    ck_assert_int_le(ln_fault_live(), 1024);
    ck_ok(ln_queue_launch(queue, kernel, 1, 8, NULL, &err)); /* no slot, no event */
    ck_ok(ln_queue_finish(queue, LN_WAIT_SLEEP, &err));
    ck_assert_int_eq(ln_fault_live(), 0);
    int timed = 0;
    for (int i = 0; i < MANY; i++) timed += ns[i] > 0;
    ck_assert_int_eq(timed, MANY);
    /* A queue that goes with events pending releases them. */
    ck_ok(ln_queue_launch(queue, kernel, 1, 8, &spare, &err));
    ck_assert_int_eq(ln_fault_live(), 1);
    ln_queue_destroy(&queue);
    ck_assert_int_eq(ln_fault_live(), -1); /* the queue was made before the count began */
    ln_fault_set(NULL);
    ck_ok(ln_queue_create(device, false, &queue, &err));
    ck_ok(ln_queue_launch(queue, kernel, 1, 8, &spare, &err));
    ck_ok(ln_queue_finish(queue, LN_WAIT_SLEEP, &err));
    ck_assert_uint_eq(spare, 7); /* a queue without profiling fills no slot */
    free(ns);
    end();
}
END_TEST

/* One device, a queue and kernel for each thread. */
static void run_alone(void *user, size_t index) {
    linnet_status *worst = user;
    linnet_error e;
    ln_program *p = NULL;
    ln_kernel *k = NULL;
    ln_queue *q = NULL;
    ln_buffer *b = NULL;
    int32_t out[64], a = (int32_t)index + 1;
    linnet_status st = ln_program_get(device, &line_source, &p, &e);
    if (st == LINNET_OK) st = ln_kernel_create(p, "line", &k, &e);
    if (st == LINNET_OK) st = ln_queue_create(device, index % 2, &q, &e);
    if (st == LINNET_OK) st = ln_buffer_create(device, sizeof out, LN_BUFFER_ARENA, &b, &e);
    if (st == LINNET_OK) st = ln_kernel_arg_buffer(k, 0, b, &e);
    for (int round = 0; st == LINNET_OK && round < 50; round++) {
        st = ln_kernel_arg_int(k, 1, a, &e);
        if (st == LINNET_OK) st = ln_kernel_arg_int(k, 2, round, &e);
        if (st == LINNET_OK) st = ln_queue_launch(q, k, 8, 8, NULL, &e);
        if (st == LINNET_OK) st = ln_queue_read(q, b, 0, out, sizeof out, &e);
        for (int i = 0; st == LINNET_OK && i < 64; i++)
            if (out[i] != a * i + round) st = LINNET_ERR_INTERNAL;
        if (st == LINNET_OK && !round) ln_program_save(p);
    }
    worst[index] = st;
    ln_buffer_destroy(&b);
    ln_queue_destroy(&q);
    ln_kernel_destroy(&k);
    ln_program_release(&p);
}

START_TEST(threads_share_a_device) {
    begin(false, 64);
    linnet_status st[8];
    for (int i = 0; i < 8; i++) st[i] = LINNET_ERR_INTERNAL;
    ck_ok(ln_parallel(4, 8, run_alone, st, &err));
    for (int i = 0; i < 8; i++) ck_assert_int_eq(st[i], LINNET_OK);
    ck_assert_uint_eq(ln_device_stats(device).builds, 1);
    end();
}
END_TEST

CHECK_MAIN("host queue", buffers_start_as_zeros, transfers_stay_inside, writes_maps_and_rows,
           launches_need_items, parts_of_a_launch, short_queues_are_flushed,
           a_lost_neighbour_is_no_loss, every_way_to_wait,
           times_of_more_kernels_than_the_ring_holds, threads_share_a_device)
