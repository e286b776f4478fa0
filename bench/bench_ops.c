/* bench_ops [PART]: every kernel variant on the layers of MobileNetV1 and V2 that it takes (or
 * those whose line has PART), with the share of the device's multiply-add peak. */
#include "engine/peak.h"
#include "tests/kernels/lab.h"

#include <stdlib.h>
#include <string.h>

enum { LAUNCHES = 60 };

#define CONV(HW, C, OC, KK, SS, G, ACT, FLAGS)                                                     \
    {                                                                                              \
        .op = LN_OP_CONV2D, .n = 1, .h = HW, .w = HW, .c = C, .oc = OC,                            \
        .win = {KK, KK, SS, SS, 1, 1, (KK) / 2, (KK) / 2, (KK) / 2, (KK) / 2}, .groups = G,        \
        .act = LN_ACT_##ACT, .flags = FLAGS                                                        \
    }
#define PW(HW, C, OC, ACT, FLAGS) CONV(HW, C, OC, 1, 1, 1, ACT, FLAGS)
#define DW(HW, C, KK, SS)         CONV(HW, C, C, KK, SS, C, CLAMP, 0)

static const ln_case cases[] = {
    /* MobileNetV2 1.0 at 224 */
    CONV(224, 3, 32, 3, 2, 1, CLAMP, LAB_PLANAR),
    DW(112, 32, 3, 1),
    PW(112, 32, 16, NONE, 0),
    PW(112, 16, 96, CLAMP, 0),
    DW(112, 96, 3, 2),
    PW(56, 96, 24, NONE, 0),
    PW(56, 24, 144, CLAMP, 0),
    DW(56, 144, 3, 1),
    PW(56, 144, 24, NONE, LAB_RES),
    DW(56, 144, 3, 2),
    PW(28, 144, 32, NONE, 0),
    PW(28, 32, 192, CLAMP, 0),
    DW(28, 192, 3, 1),
    PW(28, 192, 32, NONE, LAB_RES),
    DW(28, 192, 3, 2),
    PW(14, 192, 64, NONE, 0),
    PW(14, 64, 384, CLAMP, 0),
    DW(14, 384, 3, 1),
    PW(14, 384, 64, NONE, LAB_RES),
    PW(14, 384, 96, NONE, 0),
    PW(14, 96, 576, CLAMP, 0),
    DW(14, 576, 3, 1),
    PW(14, 576, 96, NONE, LAB_RES),
    DW(14, 576, 3, 2),
    PW(7, 576, 160, NONE, 0),
    PW(7, 160, 960, CLAMP, 0),
    DW(7, 960, 3, 1),
    PW(7, 960, 160, NONE, LAB_RES),
    PW(7, 960, 320, NONE, 0),
    PW(7, 320, 1280, CLAMP, 0),
    {.op = LN_OP_POOL, .n = 1, .h = 7, .w = 7, .c = 1280, .oc = 1280, .flags = LAB_GLOBAL},
    {.op = LN_OP_FC, .n = 1, .h = 1, .w = 1, .c = 1280, .oc = 1000, .groups = 1},
    {.op = LN_OP_FC, .n = 8, .h = 1, .w = 1, .c = 1280, .oc = 1000, .groups = 1},
    /* MobileNetV1 1.0 at 224 */
    PW(112, 32, 64, CLAMP, 0),
    DW(112, 64, 3, 2),
    PW(56, 64, 128, CLAMP, 0),
    DW(56, 128, 3, 1),
    PW(28, 256, 256, CLAMP, 0),
    PW(14, 512, 512, CLAMP, 0),
    DW(14, 512, 3, 1),
    PW(7, 1024, 1024, CLAMP, 0),
    /* hard swish, gates and 5x5 of MobileNetV3 */
    PW(14, 80, 480, HARD_SWISH, 0),
    PW(28, 120, 40, NONE, LAB_GATE | LAB_RES),
    DW(28, 120, 5, 1),
    DW(28, 240, 5, 2),
    DW(7, 960, 5, 1),
};

static int bench_case(ln_device *d, const ln_case *c, const ln_variant *v, double peak,
                      const char *part) {
    ln_lab lab;
    linnet_error err;
    uint64_t ns;
    char text[256];
    ln_case_text(c, text, sizeof text);
    if (part && !strstr(text, part) && !strstr(v->name, part)) return 0;
    linnet_status st = ln_lab_open(d, NULL, c, v, 1, &lab, &err);
    if (st == LINNET_ERR_UNSUPPORTED) return 0;
    float *after = st == LINNET_OK ? malloc((size_t)lab.floats * sizeof *after) : NULL;
    if (after) st = ln_lab_run(&lab, after, &err);
    free(after);
    if (st == LINNET_OK) st = ln_lab_time(&lab, LAUNCHES, &ns, &err);
    if (st != LINNET_OK) {
        fprintf(stderr, "bench_ops: %s: %s\n", v->name, err.message);
        return 1;
    }
    double gflops = 2.0 * (double)lab.step->macs / (double)ns;
    printf("%-20s %-62s %9.1f us %8.1f GFLOP/s %5.1f%% %7.1f GB/s\n", v->name, text,
           (double)ns * 1e-3, gflops, 100 * gflops / peak, (double)lab.step->bytes / (double)ns);
    fflush(stdout);
    ln_lab_close(&lab);
    return 0;
}

int main(int argc, char **argv) {
    ln_device *device = NULL;
    linnet_error err;
    double peak = 0;
    if (ln_device_open(NULL, &device, &err) != LINNET_OK ||
        ln_peak_gflops(device, &peak, &err) != LINNET_OK) {
        fprintf(stderr, "bench_ops: %s\n", err.message);
        ln_device_release(&device);
        return EXIT_FAILURE;
    }
    printf("%s: %.0f GFLOP/s of f32 multiply-adds\n", ln_device_caps(device)->name, peak);
    int failed = 0;
    for (size_t i = 0; i < LN_COUNT(cases); i++)
        for (int v = 0; v < ln_variant_count; v++)
            if (ln_variants[v].family->op == cases[i].op)
                failed |=
                    bench_case(device, &cases[i], &ln_variants[v], peak, argc > 1 ? argv[1] : NULL);
    ln_device_release(&device);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
