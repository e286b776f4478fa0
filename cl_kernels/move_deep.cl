/* Slice, concat and channel shuffle, a pixel at a time, for processors with wide vectors.
 *
 * MOVE 0: y[n,oy,ox,o] = x[n*t3 - t2, oy*sh - top, ox*sw - left, o - t0] (slice, channel step 1)
 * MOVE 1: y[p, first_i + c] = x_i[p,c] for each operand i (concat)
 * MOVE 2: y[p, o] = x[p, o % groups * (C / groups) + o / groups] (shuffle)
 * MOVE 3: y[p, i*groups + j - t0] = x_j[p, i] for each of `groups` operands (concat that shuffles)
 *
 * Precondition of MOVE 3: operands of one width, t0 a multiple of groups.
 * x, y: NHWC, f32, at any channel. One work-item a group makes t4 pixels; padding lanes get
 * zero. */
#ifndef MOVE
#    define MOVE 0
#endif

LN_INLINE void LN_F(run)(__global LN_T *y, __global const LN_T *x, int count) {
    int i = 0;
    for (; i + LN_VW <= count; i += LN_VW) LN_STU(y + i, LN_LDU(x + i));
    for (; i < count; i++) LN_ST1(y + i, LN_LD1(x + i));
}

/* y[2i] = a[i], y[2i + 1] = b[i] */
LN_INLINE void LN_F(zip)(__global LN_T *y, __global const LN_T *a, __global const LN_T *b,
                         int count) {
    int i = 0;
    for (; i + LN_VW / 2 <= count; i += LN_VW / 2) {
        ln_v v;
#if LN_VW == 16
        v.even = LN_LDU8(a + i), v.odd = LN_LDU8(b + i);
#else
        v.even = LN_LDU4(a + i), v.odd = LN_LDU4(b + i);
#endif
        LN_STU(y + 2 * i, v);
    }
    for (; i < count; i++) {
        LN_ST1(y + 2 * i, LN_LD1(a + i));
        LN_ST1(y + 2 * i + 1, LN_LD1(b + i));
    }
}

LN_INLINE void LN_F(shuffle)(__global LN_T *y, __global const LN_T *x, int groups, int per) {
    if (groups == 2) {
        LN_F(zip)(y, x, x + per, per);
        return;
    }
    for (int i = 0; i < per; i++)
        for (int j = 0; j < groups; j++) LN_ST1(y + i * groups + j, LN_LD1(x + j * per + i));
}

/* Channel `from` of operand j at pixel p. */
#define LN_PART(j) (LN_AT(arena, s->u.part[j].at) + (size_t)p * s->u.part[j].ps + from)

LN_FUNCTION void LN_FN(LN_PARAMS) {
    int first = tile * s->t4, last = min(first + s->t4, s->m), cp = ln_pad(s->oc);
#if MOVE == 0
    int ox = first % s->ow, oy = first / s->ow % s->oh, n = first / (s->ow * s->oh);
#endif
    for (int p = first; p < last; p++) {
        __global LN_T *y = LN_AT(arena, s->y) + (size_t)p * s->yps;
#if MOVE == 0
        LN_F(run)
        (y,
         LN_AT(arena, s->x) + (size_t)(n * s->t3 - s->t2) * s->xns +
             (size_t)(oy * s->sh - s->top) * s->xrs + (size_t)(ox * s->sw - s->left) * s->xps -
             s->t0,
         s->oc);
        if (++ox == s->ow) ox = 0, oy++;
        if (oy == s->oh) oy = 0, n++;
#elif MOVE == 1
        for (int i = 0; i < LN_PARTS && s->u.part[i].c; i++) LN_F(run)
        (y + s->u.part[i].first, LN_AT(arena, s->u.part[i].at) + (size_t)p * s->u.part[i].ps,
         s->u.part[i].c);
#elif MOVE == 3
        int groups = s->groups, from = s->t0 / groups, k = 0;
        if (groups == 2) {
            LN_F(zip)(y, LN_PART(0), LN_PART(1), s->oc / 2);
            k = s->oc & ~1;
        }
        for (; k < s->oc; k++) LN_ST1(y + k, LN_LD1(LN_PART(k % groups) + k / groups));
#else
        LN_F(shuffle)(y, LN_AT(arena, s->x) + ln_x_pixel(s, p), s->groups, s->c / s->groups);
#endif
        for (int o = s->oc; o < cp; o++) LN_ST1(y + o, 0.0f);
    }
}
LN_KERNEL
#undef LN_PART
#undef MOVE
