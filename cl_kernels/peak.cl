/* ln_peak: the device's multiply-add peak: chains of x = x * a + b that do not depend on each
 * other.
 *
 * f32; 12 chains of one vector each a work-item (PEAK_VECTOR: float16 and float8 on processors,
 * float4 elsewhere), n rounds of one multiply-add each. The sum goes to out, so that nothing is
 * left out; a and b come from out, so that nothing is known beforehand.
 *
 * ln_stream: what memory gives: y = x * a, x the first half of m, y the second, n rounds; `count`
 * vectors of each. An item takes a range of its own where PEAK_RANGES, else neighbours take
 * neighbours. */
#define PEAK_EACH(M) M(0) M(1) M(2) M(3) M(4) M(5) M(6) M(7) M(8) M(9) M(10) M(11)

__kernel void ln_peak(__global float *out, int n) {
    PEAK_VECTOR a = (PEAK_VECTOR)out[0], b = (PEAK_VECTOR)out[1];
#define PEAK_START(i) PEAK_VECTOR x##i = b + (PEAK_VECTOR)(float)i;
    PEAK_EACH(PEAK_START)
    for (int k = 0; k < n; k++) {
#define PEAK_STEP(i) x##i = PEAK_FMA(x##i, a, b);
        PEAK_EACH(PEAK_STEP)
    }
    PEAK_VECTOR sum = (PEAK_VECTOR)0.0f;
#define PEAK_SUM(i) sum += x##i;
    PEAK_EACH(PEAK_SUM)
    out[2 + get_global_id(0)] = dot(sum.s0123, (float4)1.0f);
}

__kernel void ln_stream(__global PEAK_VECTOR *m, int n, int count) {
    int items = (int)get_global_size(0), me = (int)get_global_id(0);
    int from = me, to = count, by = items;
    if (PEAK_RANGES) {
        from = (int)((long)count * me / items);
        to = (int)((long)count * (me + 1) / items);
        by = 1;
    }
    for (int k = 0; k < n; k++)
        for (int i = from; i < to; i += by) m[count + i] = m[i] * (PEAK_VECTOR)0.5f;
}
