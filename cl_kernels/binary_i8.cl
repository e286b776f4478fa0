/* Quantized sum or product, element by element.
 *
 * y[p,c] = ln_add_i8_8(x[p,c], x2[q,c]), or with EW 2
 *          ln_rescale8((x[p,c] - xz) * (x2[q,c] - wz));  q = p, or the image of p (a gate
 * [N,1,1,C]), or 0 ([C]): the second operand's pixel is p / t0, t0 = 1, oh*ow or m.
 *
 * x, y: NHWC, i8; y may lie on x or x2. x2: NHWC in the arena, or packed in the weights when x2 is
 * LN_NO_OFF. A product's multiplier is t2 * alpha. One work-item makes t1 pieces of 8 channels of
 * one pixel after another. */
#ifndef EW
#    define EW 1 /* 1: sum, 2: product */
#endif

LN_FUNCTION void LN_FN(LN_PARAMS) {
    int pieces = ln_pad(s->oc) / 8;
    int first = (tile * LN_LOCAL + lid) * s->t1, last = min(first + s->t1, pieces * s->m);
    int p = first / pieces, c = (first - p * pieces) * 8;
    __global const char *second =
        s->x2 == LN_NO_OFF ? LN_BYTES(weights, s->w) : LN_BYTES(arena, s->x2);
    for (int at = first; at < last; at++) {
        char8 a = LN_LDB8(LN_BYTES(arena, s->x) + ln_x_pixel(s, p) + c);
        char8 b = LN_LDB8(second + (size_t)(p / s->t0) * s->x2ps + c);
#if EW == 1
        char8 y = ln_add_i8_8(a, b, s);
#else
        int8 product = (convert_int8(a) - s->xz) * (convert_int8(b) - s->wz);
        char8 y = ln_rescale8(product, (int8)s->t2, (float8)s->alpha, s);
#endif
        LN_STB8(LN_BYTES(arena, s->y) + (size_t)p * s->yps + c, ln_mask_i8(y, c, s->oc));
        c += 8;
        if (c >= pieces * 8) {
            c = 0;
            p++;
        }
    }
}
LN_KERNEL
#undef EW
#undef ELEM
