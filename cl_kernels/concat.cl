/* Tensors side by side along the channels, all t1 of them or some, in order or shuffled.
 *
 * y[p,o] = x_i[p, c - first_i] for the operand i that has channel c
 *   k = o + t0, c = k % groups * (t1 / groups) + k / groups
 *
 * x_i, y: NHWC, f32; first_i may be odd. One work-item copies one lane; padding lanes get zero. */

LN_FUNCTION void LN_FN(LN_PARAMS) {
    int ocp = ln_pad(s->oc), at = tile * LN_LOCAL + lid;
    int p = at / ocp, o = at - p * ocp, k = o + s->t0, i = 0;
    if (p >= s->m) return;
    int c = k % s->groups * (s->t1 / s->groups) + k / s->groups;
    while (i < LN_PARTS - 1 && c >= s->u.part[i].first + s->u.part[i].c && s->u.part[i + 1].c) i++;
    float v = 0.0f;
    if (o < s->oc)
        v = LN_LD1(LN_AT(arena, s->u.part[i].at) + (size_t)p * s->u.part[i].ps +
                   (c - s->u.part[i].first));
    LN_ST1(LN_AT(arena, s->y) + (size_t)p * s->yps + o, v);
}
LN_KERNEL
