/* Small graphs in few words, for the tests of this room. */
#ifndef TEST_GRAPH_UTIL_H
#define TEST_GRAPH_UTIL_H

#include "engine/passes/passes.h"
#include "engine/ref/ref.h"

#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct tg {
    ln_graph *g;
    linnet_error err;
    uint64_t seed;
} tg;

void tg_open(tg *t, uint64_t seed);
void tg_close(tg *t);
/* Below n; and uniform in [-1, 1). */
int tg_pick(tg *t, int n);
float tg_value(tg *t);

ln_tid tg_input(tg *t, int n, int h, int w, int c);
ln_tid tg_input_shape(tg *t, ln_shape s);
/* Random constants; positive: in (0.5, 1.5]. They count as parameters when param. */
ln_tid tg_const(tg *t, const char *name, ln_shape s, bool positive, bool param);
ln_tid tg_vector(tg *t, const char *name, int64_t n);
/* Any node; checks that it was added. */
ln_tid tg_node(tg *t, ln_op op, const char *name, ln_attr a, int n_in, const ln_tid *in);
#define TG(t, op, name, attr, ...)                                                                 \
    tg_node(t, LN_OP_##op, name, attr, (int)(sizeof((ln_tid[]){__VA_ARGS__}) / sizeof(ln_tid)),    \
            (ln_tid[]){__VA_ARGS__})
/* A node that must be refused with a message that has both texts. */
void tg_refuse(tg *t, ln_op op, const char *name, ln_attr a, int n_in, const ln_tid *in,
               const char *text);
#define TG_REFUSE(t, op, attr, text, ...)                                                          \
    tg_refuse(t, LN_OP_##op, "bad.node", attr,                                                     \
              (int)(sizeof((ln_tid[]){__VA_ARGS__}) / sizeof(ln_tid)), (ln_tid[]){__VA_ARGS__},    \
              text)

ln_attr tg_conv_attr(int k, int stride, int pad, int groups);
/* Square kernel, no bias unless asked. */
ln_tid tg_conv(tg *t, const char *name, ln_tid x, int oc, int k, int stride, int groups, bool bias);
ln_tid tg_bn(tg *t, const char *name, ln_tid x);
ln_tid tg_act(tg *t, const char *name, ln_tid x, ln_act a);
void tg_output(tg *t, ln_tid y);

int64_t tg_count(const ln_graph *g, ln_tid t);
/* Random values for every input, the same for the same seed; a fresh array of the output. */
float *tg_run(tg *t, uint64_t seed, int output);
int tg_count_op(const tg *t, ln_op op);
int tg_count_type(const tg *t, ln_op op, ln_dtype type); /* of what they make */
/* The weights of a convolution or FC as bytes with a scale for each output channel, the rest of a
 * step lost; of all there are. */
void tg_bytes(tg *t, ln_node *n);
void tg_all_bytes(tg *t);

/* Runs one suite; the program's exit status. */
int tg_main(const char *name, void (*fill)(TCase *c));

#endif
