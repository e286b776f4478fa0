/* Reductions: every kind over every set of dimensions of a few shapes. */
#include "step.h"

typedef struct one {
    const char *label;
    ln_reduce_attr attr;
    ln_shape x;
    bool whole, slices; /* i32; x is part of a concat and y too */
} one;

static void beside(tg *t, ln_tid x) {
    const ln_tid other = tg_act(t, "beside", x, ln_act_of(LN_ACT_NONE));
    tg_output(t, TG(t, CONCAT, "both", (ln_attr){0}, other, x));
}

static void build(tg *t, const void *user) {
    const one *c = user;
    ln_tid x = tg_input_shape(t, c->x);
    t->g->tensor[x].dtype = c->whole ? LN_I32 : LN_F32;
    if (c->slices) {
        x = tg_act(t, "x", x, ln_act_of(LN_ACT_NONE));
        beside(t, x);
    }
    if (c->attr.kind == LN_REDUCE_LOG_SUM) /* near 1 the logarithm tells every step of the sum */
        x = TG(t, MAP, "size", ((ln_attr){.map = {.kind = LN_MAP_ABS}}), x);
    const ln_tid y = TG(t, REDUCE, "op", ((ln_attr){.reduce = c->attr}), x);
    if (c->slices)
        beside(t, y);
    else
        tg_output(t, y);
}

#define S(...)                                                                                     \
    {                                                                                              \
        (int)(sizeof((int[]){__VA_ARGS__}) / sizeof(int)), {                                       \
            __VA_ARGS__                                                                            \
        }                                                                                          \
    }
static const ln_shape shapes[] = {S(1),
                                  S(37),
                                  S(3, 8),
                                  S(2, 5, 13),
                                  S(2, 3, 24),
                                  S(2, 5, 7, 9),
                                  S(1, 4, 7, 16),
                                  S(2, 3, 2, 5, 8),
                                  S(1, 1, 40),
                                  S(3, 1, 1, 3),
                                  S(2, 1, 3, 2, 3, 4)};

int main(int argc, char **argv) {
    enum { MOST = LN_COUNT(shapes) * 64 * LN_REDUCE_COUNT + 2 };
    one *all = calloc(MOST, sizeof *all);
    ln_pool names = {0};
    size_t n = 0;
    for (size_t s = 0; s < LN_COUNT(shapes); s++)
        for (unsigned axes = 0; axes < 1u << shapes[s].rank; axes++)
            for (int k = 0; k < LN_REDUCE_COUNT; k++) {
                const bool place = ln_reduce_is_place((ln_reduce_kind)k);
                /* each kind meets each set of axes of two shapes, other sets in turn */
                if (s != 3 && s != 6 && (axes + (unsigned)k + s) % 5) continue;
                if (place && (!axes || axes & (axes - 1))) continue;
                const bool real = k == LN_REDUCE_MEAN || k == LN_REDUCE_L2 ||
                                  k == LN_REDUCE_LOG_SUM || k == LN_REDUCE_LOG_SUM_EXP;
                all[n] = (one){.attr = {(ln_reduce_kind)k, axes, (n + axes) % 2, n / 2 % 2},
                               .x = shapes[s],
                               .whole = !real && n % 3 == 0,
                               .slices = s == 6 && axes < 8 && n % 2};
                n++;
            }
    all[n++] = (one){.attr = {LN_REDUCE_MEAN, 6, true, false}, .x = S(1, 56, 56, 96)};
    all[n++] = (one){.attr = {LN_REDUCE_MEAN, 4, true, false}, .x = S(1, 196, 768)};
    for (size_t i = 0; i < n; i++) {
        char text[96];
        all[i].label = ln_pool_printf(&names, "%s 0x%x of %s %s", ln_reduce_names[all[i].attr.kind],
                                      all[i].attr.axes, ln_shape_text(&all[i].x, text),
                                      all[i].whole ? "i32" : "f32");
    }
    const step_table table = {all, n, sizeof *all, build};
    const int status = step_main("reduce", &table, 1, argc, argv);
    ln_pool_free(&names);
    free(all);
    return status;
}
