/* Elementwise functions: every row of map.h over operands of the same shape, broadcast ones,
 * constants, and slices of concats. */
#include "step.h"

/* Operands and output are parts of concats; a map as networks have it, for ADD and EXP alone. */
enum { SLICES = 8, LARGE = 16 };

typedef struct layout {
    const char *name;
    ln_shape x[3];
    int consts; /* bit k: operand k is a constant; SLICES, LARGE */
} layout;

/* clang-format off */
#define SHAPE(...) {(int)(sizeof((int[]){__VA_ARGS__}) / sizeof(int)), {__VA_ARGS__}}
static const layout layouts[] = {
    {"one", {SHAPE(1), SHAPE(1), SHAPE(1)}, 0},
    {"same", {SHAPE(2, 3, 5, 13), SHAPE(2, 3, 5, 13), SHAPE(2, 3, 5, 13)}, 0},
    {"same by 8", {SHAPE(1, 7, 9, 16), SHAPE(1, 7, 9, 16), SHAPE(1, 7, 9, 16)}, 0},
    {"scalar", {SHAPE(3, 5, 24), SHAPE(1), SHAPE(1, 1)}, 6},
    {"channels", {SHAPE(2, 4, 4, 21), SHAPE(21), SHAPE(1, 1, 1, 21)}, 2},
    {"rows", {SHAPE(2, 5, 1), SHAPE(1, 5, 17), SHAPE(2, 1, 17)}, 0},
    {"outer", {SHAPE(1, 3, 1, 5, 1, 7), SHAPE(2, 1, 4, 1, 3, 1), SHAPE(5, 1, 1)}, 0},
    {"first", {SHAPE(11), SHAPE(7, 11), SHAPE(3, 1, 1)}, 1},
    {"map", {SHAPE(1, 56, 56, 96), SHAPE(1, 56, 56, 96)}, LARGE},
    {"map by odd channels", {SHAPE(1, 56, 56, 94), SHAPE(94)}, 2 | LARGE},
    {"map by scalar", {SHAPE(1, 56, 56, 96), SHAPE(1)}, 2 | LARGE},
    {"map by gate", {SHAPE(1, 56, 56, 96), SHAPE(1, 1, 1, 96)}, LARGE},
    {"slices", {SHAPE(1, 5, 7, 24), SHAPE(1, 5, 7, 24), SHAPE(1, 5, 7, 24)}, SLICES},
};
/* clang-format on */

typedef struct one {
    const char *label;
    const ln_map_row *row;
    const layout *at;
} one;

static ln_tid constant(tg *t, ln_shape s, bool whole) {
    int64_t count;
    ck_assert(ln_shape_count(&s, &count));
    if (!whole) return tg_const(t, "c", s, false, false);
    int32_t *v;
    const ln_tid c = ln_graph_const_new_i32(t->g, "c", s, &v, &t->err);
    ck_assert_msg(c != LN_NONE, "%s", t->err.message);
    for (int64_t i = 0; i < count; i++) v[i] = tg_pick(t, 7) - 3;
    return c;
}

/* x and a copy of it side by side, an output. */
static void beside(tg *t, ln_tid x) {
    const ln_tid other = tg_act(t, "beside", x, ln_act_of(LN_ACT_NONE));
    tg_output(t, TG(t, CONCAT, "both", (ln_attr){0}, other, x));
}

static ln_tid operand(tg *t, const layout *l, int k, bool whole) {
    if (l->consts >> k & 1) return constant(t, l->x[k], whole);
    ln_tid x = tg_input_shape(t, l->x[k]);
    t->g->tensor[x].dtype = whole ? LN_I32 : LN_F32;
    if (!(l->consts & SLICES)) return x;
    x = tg_act(t, "x", x, ln_act_of(LN_ACT_NONE));
    beside(t, x);
    return x;
}

static void build(tg *t, const void *user) {
    const one *c = user;
    const int count = (int)strlen(c->row->in);
    ln_tid in[3];
    for (int k = 0; k < count; k++) in[k] = operand(t, c->at, k, c->row->in[k] == 'I');
    const bool bytes = c->row->kind == LN_MAP_QUANTIZE;
    const ln_attr a = {.map = {c->row->kind, bytes ? -128.0f : -0.75f, bytes ? 127.0f : 1.5f}};
    const ln_tid y = tg_node(t, LN_OP_MAP, "op", a, count, in);
    if (c->at->consts & SLICES)
        beside(t, y);
    else
        tg_output(t, y);
}

int main(int argc, char **argv) {
    const int count = ln_map_row_count * (int)LN_COUNT(layouts);
    one *all = calloc((size_t)count, sizeof *all);
    ln_pool names = {0};
    int n = 0;
    for (int i = 0; i < count; i++) {
        const ln_map_row *row = &ln_map_rows[i / (int)LN_COUNT(layouts)];
        const layout *at = &layouts[i % (int)LN_COUNT(layouts)];
        const bool both = row->kind == LN_MAP_ADD || row->kind == LN_MAP_EXP;
        if (at->consts & LARGE && !(both && row->in[0] == 'F')) continue;
        all[n++] =
            (one){ln_pool_printf(&names, "%s %s %s", ln_map_names[row->kind], row->in, at->name),
                  row, at};
    }
    const step_table table = {all, (size_t)n, sizeof *all, build};
    const int status = step_main("map", &table, 1, argc, argv);
    ln_pool_free(&names);
    free(all);
    return status;
}
