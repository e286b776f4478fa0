/* Sums, extremes and their places over any dimensions.
 *
 * y[i] = finish(fold over all j of x[i, j])
 *
 * i: dim, ystr, xstr[0]; j: sizes xstr[1], strides xstr[2], joined where they walk as one. t0 is
 * the fold, t1 the finish (args.h), t2 how many j there are. A NaN is the largest and the smallest;
 * sums of a run of the last j are added to the others' as one. MODE 0: a lane of y by a work-item;
 * 1: 8 lanes along a dimension that x and y share as their last; 2: a lane of y by 8 lanes along
 * x's last dimension. f32, or i32 where WHOLE. Padding lanes get zero. */
#ifndef MODE
#    define MODE 0
#endif
#ifndef WHOLE
#    define WHOLE 0 /* i32 */
#endif

#if WHOLE
#    define RD_T      int
#    define RD_I      int
#    define RD_LD(p)  as_int(*(p))
#    define RD_LO     INT_MIN
#    define RD_HI     INT_MAX
#    define RD_NAN(v) 0
#    define RD_ABS(v) ((v) < 0 ? -(v) : (v))
#    define RD_EXP(v) ((v)*0) /* no integers have it */
#elif MODE == 0
#    define RD_T      float
#    define RD_I      int
#    define RD_LD(p)  (*(p))
#    define RD_EXP(v) ln_exp(v)
#else
#    define RD_T      float8
#    define RD_I      int8
#    define RD_LD(p)  LN_LD8(p)
#    define RD_EXP(v) ln_exp8(v)
#endif
#if !WHOLE
#    define RD_LO     (-INFINITY)
#    define RD_HI     INFINITY
#    define RD_NAN(v) ((v) != (v))
#    define RD_ABS(v) fabs(v)
#endif

/* Where the run of the last j begins that is number `outer`. */
LN_INLINE __global const float *LN_F(run)(__global const float *x, __global const ln_nd *d,
                                          int outer) {
    for (int k = LN_ND - 2; k >= 0 && outer; k--) {
        x += (size_t)(outer % d->xstr[1][k]) * d->xstr[2][k];
        outer /= d->xstr[1][k];
    }
    return x;
}

#define RD_EACH(part, expression)                                                                  \
    for (int i = 0; i < count; i++, p += step) {                                                   \
        RD_T v = RD_LD(p);                                                                         \
        part = expression;                                                                         \
    }
/* One run, `count` elements `step` apart, on top of acc. */
LN_INLINE RD_T LN_F(fold)(__global const float *p, int count, int step, int fold, RD_T acc,
                          RD_T top) {
    RD_T part = (RD_T)(0);
    switch (fold) {
    case LN_FOLD_SUM: RD_EACH(part, part + v) return acc + part;
    case LN_FOLD_ABS: RD_EACH(part, part + RD_ABS(v)) return acc + part;
    case LN_FOLD_SQUARE: RD_EACH(part, part + v * v) return acc + part;
    case LN_FOLD_EXP: RD_EACH(part, part + RD_EXP(v - top)) return acc + part;
    case LN_FOLD_PROD: RD_EACH(acc, acc * v) return acc;
    case LN_FOLD_MAX: RD_EACH(acc, ((v > acc) | RD_NAN(v)) ? v : acc) return acc;
    default: RD_EACH(acc, ((v < acc) | RD_NAN(v)) ? v : acc) return acc;
    }
}

#if MODE != 2
#    define RD_FIND(better)                                                                        \
        for (int i = 1; i < count; i++) {                                                          \
            p += step;                                                                             \
            RD_T v = RD_LD(p);                                                                     \
            RD_I take = better;                                                                    \
            best = take ? v : best;                                                                \
            at = take ? (RD_I)(i) : at;                                                            \
        }
/* The place of the largest or smallest, the first of them or the last. */
LN_INLINE RD_I LN_F(find)(__global const float *p, int count, int step, int fold) {
    RD_T best = RD_LD(p);
    RD_I at = (RD_I)(0);
    switch (fold) {
    case LN_FOLD_ARGMAX: RD_FIND(((v > best) | RD_NAN(v)) & !RD_NAN(best)) break;
    case LN_FOLD_ARGMIN: RD_FIND(((v < best) | RD_NAN(v)) & !RD_NAN(best)) break;
    case LN_FOLD_ARGMAX_LAST: RD_FIND(((v >= best) & !RD_NAN(best)) | RD_NAN(v)) break;
    default: RD_FIND(((v <= best) & !RD_NAN(best)) | RD_NAN(v)) break;
    }
    return at;
}
#endif

/* `outers` runs of x; top: what LN_FOLD_EXP takes off. */
LN_INLINE RD_T LN_F(all)(__global const float *x, __global const ln_args *s, int fold, RD_T top) {
    __global const ln_nd *d = &s->u.nd;
    int count = d->xstr[1][LN_ND - 1], outers = s->t2 / count;
    RD_T acc = (RD_T)(fold == LN_FOLD_MAX    ? RD_LO
                      : fold == LN_FOLD_MIN  ? RD_HI
                      : fold == LN_FOLD_PROD ? 1
                                             : 0);
#if MODE == 2
    int whole = count / 8 * 8;
    for (int o = 0; o < outers; o++) {
        __global const float *p = LN_F(run)(x, d, o);
        acc = LN_F(fold)(p, whole / 8, 8, fold, acc, top);
        if (whole < count) { /* lanes beyond the run leave acc as it was */
            RD_T more = LN_F(fold)(p + whole, 1, 8, fold, acc, top);
            acc = (RD_I)(0, 1, 2, 3, 4, 5, 6, 7) < (RD_I)(count - whole) ? more : acc;
        }
    }
#else
    for (int o = 0; o < outers; o++)
        acc = LN_F(fold)(LN_F(run)(x, d, o), count, d->xstr[2][LN_ND - 1], fold, acc, top);
#endif
    return acc;
}

#if !WHOLE
/* From the largest, the sum of exponentials that it was taken off, or another fold. */
LN_INLINE float LN_F(finish)(float v, float top, int finish, float count) {
    switch (finish) {
    case LN_FINISH_MEAN: return v / count;
    case LN_FINISH_SQRT: return sqrt(v);
    case LN_FINISH_LOG: return log(v);
    case LN_FINISH_LOG_EXP: return isinf(top) ? top : top + log(v);
    }
    return v;
}
#endif

#if MODE == 2
LN_INLINE float LN_F(join)(float8 v, int fold) {
    float l[8], acc;
    vstore8(v, 0, l);
    acc = l[0];
    for (int i = 1; i < 8; i++)
        acc = fold == LN_FOLD_MAX    ? (l[i] > acc || l[i] != l[i] ? l[i] : acc)
              : fold == LN_FOLD_MIN  ? (l[i] < acc || l[i] != l[i] ? l[i] : acc)
              : fold == LN_FOLD_PROD ? acc * l[i]
                                     : acc + l[i];
    return acc;
}
#endif

LN_FUNCTION void LN_FN(LN_PARAMS) {
    __global const ln_nd *d = &s->u.nd;
    int inner = d->dim[LN_ND - 1], lanes = MODE == 1 ? 8 : 1, per = (inner + 7) / 8 * 8 / lanes;
    int at = tile * LN_LOCAL + lid, rest = at / per, c = (at - rest * per) * lanes;
    size_t y = s->y;
    __global const float *x = (d->consts & 1 ? weights + s->w : arena) + d->at[0];
    for (int k = LN_ND - 2; k >= 0; k--) {
        y += (size_t)(rest % d->dim[k]) * d->ystr[k];
        x += (size_t)(rest % d->dim[k]) * d->xstr[0][k];
        rest /= d->dim[k];
    }
    if (rest) return; /* behind the last row */
    x += (size_t)c * d->xstr[0][LN_ND - 1];
    if (c >= inner) {
        arena[y + c] = 0.0f;
        return;
    }
#if MODE == 2
    float top =
        s->t0 == LN_FOLD_EXP ? LN_F(join)(LN_F(all)(x, s, LN_FOLD_MAX, 0.0f), LN_FOLD_MAX) : 0.0f;
    float v = LN_F(join)(LN_F(all)(x, s, s->t0, (float8)(top)), s->t0);
    arena[y + c] = LN_F(finish)(v, top, s->t1, (float)s->t2);
#elif WHOLE
    int v = s->t0 >= LN_FOLD_ARGMAX
                ? LN_F(find)(x, d->xstr[1][LN_ND - 1], d->xstr[2][LN_ND - 1], s->t0)
                : LN_F(all)(x, s, s->t0, 0);
    arena[y + c] = as_float(v);
#elif MODE == 0
    float v, top = 0.0f;
    if (s->t0 >= LN_FOLD_ARGMAX) {
        v = as_float(LN_F(find)(x, d->xstr[1][LN_ND - 1], d->xstr[2][LN_ND - 1], s->t0));
    } else {
        if (s->t0 == LN_FOLD_EXP) top = LN_F(all)(x, s, LN_FOLD_MAX, 0.0f);
        v = LN_F(finish)(LN_F(all)(x, s, s->t0, top), top, s->t1, (float)s->t2);
    }
    arena[y + c] = v;
#else
    float8 v, top = (float8)(0.0f);
    if (s->t0 >= LN_FOLD_ARGMAX) {
        v = as_float8(LN_F(find)(x, d->xstr[1][LN_ND - 1], d->xstr[2][LN_ND - 1], s->t0));
    } else {
        float a[8], t[8];
        if (s->t0 == LN_FOLD_EXP) top = LN_F(all)(x, s, LN_FOLD_MAX, top);
        vstore8(LN_F(all)(x, s, s->t0, top), 0, a);
        vstore8(top, 0, t);
        for (int l = 0; l < 8; l++) a[l] = LN_F(finish)(a[l], t[l], s->t1, (float)s->t2);
        v = vload8(0, a);
    }
    LN_ST8(arena + y + c, ln_mask8(v, c, inner));
#endif
}
LN_KERNEL
#undef MODE
#undef WHOLE
#undef RD_T
#undef RD_I
#undef RD_LD
#undef RD_LO
#undef RD_HI
#undef RD_NAN
#undef RD_ABS
#undef RD_EXP
#undef RD_EACH
#undef RD_FIND
