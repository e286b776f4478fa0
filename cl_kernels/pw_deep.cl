/* Pointwise convolution and fully connected as a matrix product, for processors with wide
 * vectors and caches.
 *
 * y[p,o] = post(act(b[o] + sum over k of x[p,k] * gate[n,k] * w[k,o]) + res[p,o])
 *
 * x, y, res: NHWC, pixels p counted over the batch; gate [n][x2ps]. w: panels of output channels
 * (see ln_panel_at), each [c][panel width]; b [ocp]. f32.
 * Preconditions: 1x1, stride 1, no padding, groups 1, a gate if and only if GATE.
 *
 * One work-item a group. A tile of work is one of t1 chunks of the pixels (of an image or,
 * without a gate, of the batch) by one of t3 groups of panels. Inside it a register tile of PX
 * pixels by one panel keeps its sums in registers for all of k; the last pixels of a chunk take
 * smaller tiles, and a panel is as narrow as the channels that are left, in steps of 8. Each k asks
 * for a line of weights, of those behind or of a step to come (ahead, in args.h). */
#ifndef PX
#    define PX 8 /* pixels of the register tile */
#endif
#ifndef NV
#    define NV 3 /* vectors of LN_VW channels in a panel */
#endif
#ifndef GATE
#    define GATE 0 /* the input is scaled by a gate: one image at a time */
#endif
#define WIDE (NV * LN_VW)
#define LINE (64 / (int)sizeof(LN_T)) /* elements of a cache line */
/* The operands of a register tile, x and w: floats. Halves of x become such before, those of w as
 * the first register tile of a panel reads them. */
#if HALF
#    define KB      192   /* input channels at a time */
#    define SUMS    112   /* pixels whose sums wait for the next ones */
#    define SHARED  65536 /* elements of x that several panels share */
#    define TILE    const float *
#    define XLD(p)  (*(p))
#    define WLDV(p) (*(const ln_vh *)(p))
#else
#    define TILE __global const float *
#    define XLD  LN_LD1
#    define WLDV LN_LDV
#endif

/* px pixels by nv vectors and, when tail is set, 8 channels more, summed in a whole vector whose
 * upper half is of no use; px, nv and tail are constants at each call, so that what does not apply
 * vanishes. Finished into y when the epilogue is clamps, else raw into buf for the caller to
 * finish. Of halves, fresh: w is to be filled from `gate`, where the weights are then; but for a
 * single pixel, which uses them once. floats: of what y is made (see args.h). */
LN_INLINE void LN_F(block)(const int px, const int nv, const int tail, const int fresh, TILE x,
                           int xps, __global const LN_T *gate, TILE w, int n,
                           __global const LN_T *ahead, int by, __global const LN_T *b,
                           __global const LN_T *res, int rps, __global LN_T *y, int yps, float4 lim,
                           int quick, int floats, float *buf, int more) {
    ln_v b0 = (ln_v)0.0f, b1 = b0, b2 = b0;
    ln_v bt = (ln_v)0.0f;
    if (nv > 0) b0 = LN_LDV(b);
    if (nv > 1) b1 = LN_LDV(b + LN_VW);
    if (nv > 2) b2 = LN_LDV(b + 2 * LN_VW);
    if (tail) bt = LN_LDV(b + nv * LN_VW);
#define LN_START(i)                                                                                \
    ln_v s##i##0 = b0, s##i##1 = b1, s##i##2 = b2;                                                 \
    ln_v t##i = bt;
    LN_EACH8(LN_START);
#define LN_MORE(i)                                                                                 \
    if (px > i) {                                                                                  \
        if (nv > 0) s##i##0 = *(const ln_v *)(buf + i * WIDE);                                     \
        if (nv > 1) s##i##1 = *(const ln_v *)(buf + i * WIDE + LN_VW);                             \
        if (nv > 2) s##i##2 = *(const ln_v *)(buf + i * WIDE + 2 * LN_VW);                         \
        if (tail) t##i = ln_both8(*(const float8 *)(buf + i * WIDE + nv * LN_VW));                 \
    }
    if (HALF && more) {
        LN_EACH8(LN_MORE);
    }
    int k = 0;
    if (px == 1) {
        /* Memory gives more to several streams at once: a quarter of all k each. */
        const int width = nv * LN_VW + tail * 8, q = n / 4;
        s10 = s11 = s12 = s20 = s21 = s22 = s30 = s31 = s32 = (ln_v)0.0f;
        t1 = t2 = t3 = (ln_v)0.0f;
        for (; k < q; k++) {
#define LN_STREAM(i)                                                                               \
    {                                                                                              \
        const size_t at = (size_t)(i * q + k) * width;                                             \
        float xi = XLD(x + i * q + k) * (GATE && !HALF ? LN_LD1(gate + i * q + k) : 1.0f);         \
        if (nv > 0) s##i##0 = ln_fma((ln_v)xi, LN_WEIGHT(at, 0), s##i##0);                         \
        if (nv > 1) s##i##1 = ln_fma((ln_v)xi, LN_WEIGHT(at, 1), s##i##1);                         \
        if (nv > 2) s##i##2 = ln_fma((ln_v)xi, LN_WEIGHT(at, 2), s##i##2);                         \
        if (tail) t##i = ln_fma((ln_v)xi, LN_WEIGHT(at, nv), t##i);                                \
    }
#define LN_WEIGHT(at, j) (fresh ? LN_LDV(gate + (at) + (j)*LN_VW) : WLDV(w + (at) + (j)*LN_VW))
            LN_STREAM(0) LN_STREAM(1) LN_STREAM(2) LN_STREAM(3)
        }
        s00 += s10 + (s20 + s30), s01 += s11 + (s21 + s31), s02 += s12 + (s22 + s32);
        t0 += t1 + (t2 + t3);
        k = 4 * q;
        w += (size_t)k * width;
        if (fresh) gate += (size_t)k * width;
    }
    for (; k < n; k++) {
        ln_v w0, w1, w2;
        ln_v wt;
        if (nv > 0) w0 = LN_WEIGHT(0, 0);
        if (nv > 1) w1 = LN_WEIGHT(0, 1);
        if (nv > 2) w2 = LN_WEIGHT(0, 2);
        if (tail) wt = LN_WEIGHT(0, nv);
#if HALF
        if (fresh && px > 1) {
            float *to = (float *)w;
            if (nv > 0) *(ln_vh *)to = w0;
            if (nv > 1) *(ln_vh *)(to + LN_VW) = w1;
            if (nv > 2) *(ln_vh *)(to + 2 * LN_VW) = w2;
            if (tail) *(float8 *)(to + nv * LN_VW) = ln_low8(wt);
        }
        if (fresh) gate += nv * LN_VW + tail * 8;
#endif
#if GATE && !HALF
        float g = LN_LD1(gate + k);
        if (nv > 0) w0 *= (ln_v)g;
        if (nv > 1) w1 *= (ln_v)g;
        if (nv > 2) w2 *= (ln_v)g;
        if (tail) wt *= (ln_v)g;
#endif
        w += nv * LN_VW + tail * 8;
        LN_PREFETCH(ahead);
        ahead += by;
#define LN_STEP(i)                                                                                 \
    if (px > i) {                                                                                  \
        float xi = XLD(x + i * xps + k);                                                           \
        if (nv > 0) s##i##0 = ln_fma((ln_v)xi, w0, s##i##0);                                       \
        if (nv > 1) s##i##1 = ln_fma((ln_v)xi, w1, s##i##1);                                       \
        if (nv > 2) s##i##2 = ln_fma((ln_v)xi, w2, s##i##2);                                       \
        if (tail) t##i = ln_fma((ln_v)xi, wt, t##i);                                               \
    }
        LN_EACH8(LN_STEP);
    }
#define LN_RAW(i)                                                                                  \
    if (px > i) {                                                                                  \
        if (nv > 0) *(ln_v *)(buf + i * WIDE) = s##i##0;                                           \
        if (nv > 1) *(ln_v *)(buf + i * WIDE + LN_VW) = s##i##1;                                   \
        if (nv > 2) *(ln_v *)(buf + i * WIDE + 2 * LN_VW) = s##i##2;                               \
        if (tail) *(float8 *)(buf + i * WIDE + nv * LN_VW) = ln_low8(t##i);                        \
    }
#define LN_CLAMP(i)                                                                                \
    s##i##0 = ln_clampv(s##i##0, lim.x, lim.y), s##i##1 = ln_clampv(s##i##1, lim.x, lim.y);        \
    s##i##2 = ln_clampv(s##i##2, lim.x, lim.y), t##i = ln_clampv(t##i, lim.x, lim.y);
#define LN_ADD(i)                                                                                  \
    if (px > i) {                                                                                  \
        __global const LN_T *r = res + i * rps;                                                    \
        if (nv > 0) s##i##0 = ln_clampv(s##i##0 + LN_LDV(r), lim.z, lim.w);                        \
        if (nv > 1) s##i##1 = ln_clampv(s##i##1 + LN_LDV(r + LN_VW), lim.z, lim.w);                \
        if (nv > 2) s##i##2 = ln_clampv(s##i##2 + LN_LDV(r + 2 * LN_VW), lim.z, lim.w);            \
        if (tail)                                                                                  \
            t##i = ln_both8(ln_clamp8(ln_low8(t##i) + LN_LD8(r + nv * LN_VW), lim.z, lim.w));      \
    }
#define LN_STORE(i)                                                                                \
    if (px > i) {                                                                                  \
        __global LN_T *o = y + i * yps;                                                            \
        if (nv > 0) LN_STV(o, s##i##0);                                                            \
        if (nv > 1) LN_STV(o + LN_VW, s##i##1);                                                    \
        if (nv > 2) LN_STV(o + 2 * LN_VW, s##i##2);                                                \
        if (tail) LN_ST8(o + nv * LN_VW, ln_low8(t##i));                                           \
    }
#define LN_STORE_FLOATS(i)                                                                         \
    if (px > i) {                                                                                  \
        __global float *o = (__global float *)y + i * yps;                                         \
        if (nv > 0) *(__global ln_vh *)o = s##i##0;                                                \
        if (nv > 1) *(__global ln_vh *)(o + LN_VW) = s##i##1;                                      \
        if (nv > 2) *(__global ln_vh *)(o + 2 * LN_VW) = s##i##2;                                  \
        if (tail) *(__global float8 *)(o + nv * LN_VW) = ln_low8(t##i);                            \
    }
    if (!quick) {
        LN_EACH8(LN_RAW);
        return;
    }
    LN_EACH8(LN_CLAMP);
    if (floats) {
        LN_EACH8(LN_STORE_FLOATS);
        return;
    }
    if (res) {
        LN_EACH8(LN_ADD);
    }
    LN_EACH8(LN_STORE);
}

#define LN_BLOCK_OF(I, J, H, F)                                                                    \
    LN_FUNCTION void LN_F(block_##I##_##J##_##H##_##F)(                                            \
        TILE x, int xps, __global const LN_T *gate, TILE w, int n, __global const LN_T *ahead,     \
        int by, __global const LN_T *b, __global const LN_T *res, int rps, __global LN_T *y,       \
        int yps, float4 lim, int quick, int floats, float *buf, int more) {                        \
        LN_F(block)                                                                                \
        (I, J, H, F, x, xps, gate, w, n, ahead, by, b, res, rps, y, yps, lim, quick, floats, buf,  \
         more);                                                                                    \
    }
#if HALF
#    define LN_BLOCK(I, J, H) LN_BLOCK_OF(I, J, H, 0) LN_BLOCK_OF(I, J, H, 1)
#else
#    define LN_BLOCK(I, J, H) LN_BLOCK_OF(I, J, H, 0)
#endif
#define LN_BLOCKS(J, H) LN_BLOCK(8, J, H) LN_BLOCK_OF(4, J, H, 0) LN_BLOCK(1, J, H)
LN_BLOCKS(1, 0)
LN_BLOCKS(2, 0)
LN_BLOCKS(3, 0)
LN_BLOCK(7, 2, 0)
LN_BLOCK(6, 2, 0)
LN_BLOCK(7, 3, 0)
LN_BLOCK(6, 3, 0)
#if LN_VW > 8
LN_BLOCKS(0, 1)
LN_BLOCKS(1, 1)
LN_BLOCKS(2, 1)
#endif

#if HALF
/* `count` halves (a multiple of 8) as floats; memory gives more to several streams at once. */
LN_FUNCTION void LN_F(widen)(__global const LN_T *w, int count, float *t) {
    int q = count / (4 * LN_VW) * LN_VW, i = 0;
    for (; i < q; i += LN_VW) {
        LN_UNROLL
        for (int k = 0; k < 4; k++) *(ln_v *)(t + k * q + i) = LN_LDV(w + k * q + i);
    }
    for (i = 4 * q; i < count; i += 8) *(float8 *)(t + i) = LN_LD8(w + i);
}

/* k channels of px pixels, times the gate, as floats. */
LN_FUNCTION void LN_F(widen_x)(int px, __global const LN_T *x, int xps, __global const LN_T *gate,
                               int k, float *t, int ts) {
    for (int i = 0; i < px; i++, x += xps, t += ts) {
        int j = 0;
        for (; j + LN_VW <= k; j += LN_VW)
            *(ln_vh *)(t + j) = GATE ? LN_LDV(x + j) * LN_LDV(gate + j) : LN_LDV(x + j);
        for (; j < k; j += 8)
            *(float8 *)(t + j) = GATE ? LN_LD8(x + j) * LN_LD8(gate + j) : LN_LD8(x + j);
    }
}
#endif

/* The register tiles of one panel and the n input channels from k0 on, over the pixels [p0,p1).
 * Finished if these are the last, else the sums stay in buf, WIDE floats a pixel where `apart`.
 * wide: x as floats, from pixel `first` on, ws from one to the next; of halves, `gate` may be what
 * w is filled from. */
LN_INLINE void LN_F(run)(__global float *arena, __global const ln_args *s, int p0, int p1, int at,
                         int width, int k0, int n, TILE w, __global const LN_T *gate,
                         __global const LN_T *b, __global const LN_T *next,
                         __global const LN_T **ahead, float *buf, int apart, const float *wide,
                         int ws, int first) {
    float4 lim = (float4)(s->lo, s->hi, s->plo, s->phi);
    int xps = s->xps, yps = s->yps, rps = s->rps, end = k0 + n >= s->c;
    int clamps = s->flags & LN_FLAG_CLAMP, quick = clamps && end;
    int floats = LN_Y_FLOATS(s);
#if HALF
    __global const LN_T *source = gate;
    gate = GATE ? LN_AT(arena, s->gate) + (size_t)(p0 / (s->oh * s->ow)) * s->x2ps : 0;
    float xt[PX * KB] __attribute__((aligned(64)));
#endif
    /* no single pixels where what is left makes even blocks */
    bool evens = width % LN_VW == 0 && width > LN_VW;
    for (int p = p0, block = 0; p < p1; block++) {
        int left = p1 - p, px = left >= PX ? PX : left >= 4 ? 4 : 1;
        if (evens && left % PX) {
            int blocks = (left + PX - 1) / PX;
            if (left >= 6 * blocks) px = (left + blocks - 1) / blocks;
        }
        __global const LN_T *from = LN_AT(arena, s->x) + (size_t)p * xps + k0;
        __global LN_T *y = LN_AT(arena, s->y) + (size_t)p * yps + at;
        if (floats) y = (__global LN_T *)(arena + s->y + (size_t)p * yps + at);
        __global const LN_T *res =
            s->res != LN_NO_OFF ? LN_AT(arena, s->res) + (size_t)p * rps + at : (__global LN_T *)0;
#if HALF
        const float *x = wide ? wide + (size_t)(p - first) * ws + k0 : xt;
        int xs = wide ? ws : KB;
        if (!wide) LN_F(widen_x)(px, from, xps, gate + (GATE ? k0 : 0), n, xt, KB);
        /* four pixels are few, and single ones use the weights once if there is but one */
        int fresh = block == 0 && (px > 4 || p1 - p == 1);
        if (block == 0 && !fresh) LN_F(widen)(source, n * width, (float *)w);
#else
        __global const LN_T *x = from;
        int xs = xps;
#endif
        /* each k asks for a line: of the weights behind these, then of a step to come */
        int own = next && block * LINE < width, by = LINE;
        __global const LN_T *ask = next + (size_t)n * (block * LINE);
        if (!own) {
            ask = ahead[0];
            by = ask < ahead[1] ? LINE : 0;
            ahead[0] += by * n;
        }
#define LN_CALL_OF(I, J, H, F, GATE_OR_SOURCE)                                                     \
    LN_F(block_##I##_##J##_##H##_##F)                                                              \
    (x, xs, GATE_OR_SOURCE, w, n, ask, by, b, res, rps, y, yps, lim, quick, floats, buf, k0)
#if HALF
#    define LN_CALL(I, J, H)                                                                       \
        do {                                                                                       \
            if (fresh)                                                                             \
                LN_CALL_OF(I, J, H, 1, source);                                                    \
            else                                                                                   \
                LN_CALL_OF(I, J, H, 0, 0);                                                         \
        } while (0)
#else
#    define LN_CALL(I, J, H) LN_CALL_OF(I, J, H, 0, gate)
#endif
#define LN_CALLS(J, H)                                                                             \
    do {                                                                                           \
        if (px == 8)                                                                               \
            LN_CALL(8, J, H);                                                                      \
        else if (px == 4)                                                                          \
            LN_CALL_OF(4, J, H, 0, HALF ? 0 : gate);                                               \
        else                                                                                       \
            LN_CALL(1, J, H);                                                                      \
    } while (0)
#define LN_WIDTH(J, H)                                                                             \
    case J *LN_VW + H * 8:                                                                         \
        LN_CALLS(J, H);                                                                            \
        break;
#define LN_EVEN(J)                                                                                 \
    case J *LN_VW:                                                                                 \
        if (px == 7)                                                                               \
            LN_CALL(7, J, 0);                                                                      \
        else if (px == 6)                                                                          \
            LN_CALL(6, J, 0);                                                                      \
        else                                                                                       \
            LN_CALLS(J, 0);                                                                        \
        break;
        switch (width) {
            LN_WIDTH(1, 0)
            LN_EVEN(2)
            LN_EVEN(3)
#if LN_VW > 8
            LN_WIDTH(0, 1)
            LN_WIDTH(1, 1)
            LN_WIDTH(2, 1)
#endif
        }
        if (!clamps && end) LN_FINISH_HALVES(buf, WIDE, px, width, arena, s, p, at);
        p += px;
        buf += px * apart;
    }
}

/* One panel over the pixels [p0,p1). Halves become floats KB channels at a time, for as many pixels
 * as have room for their sums. */
LN_INLINE void LN_F(panel)(__global float *arena, __global const float *weights,
                           __global const ln_args *s, int p0, int p1, int at, int width, int n,
                           int more, __global const LN_T **ahead, const float *wide, int ws) {
    __global const LN_T *w = LN_AT(weights, s->w) + (size_t)at * s->c;
    __global const LN_T *b = LN_AT(weights, s->b) + at;
#if HALF
    float wt[KB * WIDE + LN_VW] __attribute__((aligned(64))); /* tails are read as vectors */
    float buf[SUMS * WIDE] __attribute__((aligned(64)));
    int whole = s->c <= KB, some = whole ? p1 - p0 : SUMS;
    for (int p = p0; p < p1; p += some)
        for (int k = 0; k < s->c; k += KB) {
            int channels = min(KB, s->c - k);
            __global const LN_T *from = w + (size_t)k * width, *next = from + channels * width;
            if (!more && k + channels == s->c) next = 0;
            LN_F(run)
            (arena, s, p, min(p + some, p1), at, width, k, channels, wt, from, b, next, ahead, buf,
             whole ? 0 : WIDE, wide, ws, p0);
        }
#else
    float buf[PX * WIDE] __attribute__((aligned(64)));
    __global const LN_T *gate = GATE ? LN_AT(arena, s->gate) + (size_t)n * s->x2ps : 0;
    __global const LN_T *next = more ? w + (size_t)s->c * width : 0;
    LN_F(run)(arena, s, p0, p1, at, width, 0, s->c, w, gate, b, next, ahead, buf, 0, 0, 0, p0);
#endif
}

LN_FUNCTION void LN_FN(LN_PARAMS) {
    int chunk = tile % s->t1, group = tile / s->t1 % s->t3, n = tile / (s->t1 * s->t3);
    int pixels = GATE ? s->oh * s->ow : s->m, blocks = (pixels + PX - 1) / PX;
    int p0 = ln_cut(blocks, chunk, s->t1) * PX;
    int p1 = chunk + 1 < s->t1 ? ln_cut(blocks, chunk + 1, s->t1) * PX : pixels;
    int ocp = ln_pad(s->oc), panels = ln_panel_count(ocp, WIDE);
    int last = panels * (group + 1) / s->t3, core = tile / max(s->ahead_tiles, 1);
    __global const LN_T *ahead[2];
    ahead[0] = LN_AT(weights, s->ahead) + core * s->ahead_step +
               (tile - core * s->ahead_tiles) * s->ahead_each;
    ahead[1] = ahead[0] + s->ahead_each;
    const float *wide = 0;
    int ws = ln_pad(s->c);
#if HALF
    float shared[SHARED] __attribute__((aligned(64)));
    int cp = ws;
    if (s->flags & LN_FLAG_X_FLOAT) { /* memory is one on processors, whatever its kind is called */
        wide = (const float *)(size_t)(arena + s->x + (size_t)(n * pixels + p0) * s->xps);
        ws = s->xps;
    } else if (last - panels * group / s->t3 > 1 && (size_t)(p1 - p0) * cp <= SHARED) {
        __global const LN_T *gate = GATE ? LN_AT(arena, s->gate) + (size_t)n * s->x2ps : 0;
        LN_F(widen_x)
        (p1 - p0, LN_AT(arena, s->x) + (size_t)(n * pixels + p0) * s->xps, s->xps, gate, s->c,
         shared, cp);
        wide = shared;
    }
#endif
    for (int i = panels * group / s->t3; i < last; i++) {
        int at = ln_panel_at(ocp, WIDE, i);
        LN_F(panel)
        (arena, weights, s, n * pixels + p0, n * pixels + p1, at,
         ln_panel_at(ocp, WIDE, i + 1) - at, n, i + 1 < last || chunk == 0, ahead, wide, ws);
    }
}
LN_KERNEL
#undef LN_START
#undef LN_STEP
#undef LN_STREAM
#undef LN_WEIGHT
#undef LN_MORE
#undef LN_RAW
#undef LN_CLAMP
#undef LN_ADD
#undef LN_STORE
#undef LN_STORE_FLOATS
#undef LN_BLOCK
#undef LN_BLOCK_OF
#undef LN_CALL_OF
#undef LN_BLOCKS
#undef LN_CALL
#undef LN_CALLS
#undef LN_EVEN
#undef LN_WIDTH
#undef WIDE
#undef LINE
#undef KB
#undef SUMS
#undef SHARED
#undef TILE
#undef XLD
#undef WLDV
#undef PX
#undef NV
#undef GATE
