/* Tensors side by side along the channels.
 *
 * y[p, first_i + c] = x_i[p,c] for each operand i
 *
 * x_i, y: NHWC, f32; first_i may be odd. One work-item copies one lane; padding lanes get zero. */

LN_FUNCTION void LN_FN(LN_PARAMS) {
    int ocp = ln_pad(s->oc), at = tile * LN_LOCAL + lid;
    int p = at / ocp, o = at - p * ocp, i = 0;
    if (p >= s->m) return;
    while (i < LN_PARTS - 1 && o >= s->part[i].first + s->part[i].c && s->part[i + 1].c) i++;
    float v = 0.0f;
    if (o < s->oc) v = arena[s->part[i].at + (size_t)p * s->part[i].ps + (o - s->part[i].first)];
    arena[s->y + (size_t)p * s->yps + o] = v;
}
LN_KERNEL
