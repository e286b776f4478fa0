/* One step's arguments, the same struct on host and device. Included by C and by every .cl.
 *
 * A plan has three buffers: the arena (activations), the weights (all packed constants) and a
 * table of these structs. Every kernel has the same four arguments (arena, weights, steps,
 * index), so arguments are set once and the resident kernel can walk the same table.
 *
 * Elements are f32, halves, i32 read through as_int, or bytes. Offsets count words of 4 bytes from
 * the start of the buffer (of attention those in u count elements), strides elements; every tensor
 * starts on 64 bytes. Activations are NHWC with the channels padded to a multiple of LN_CPAD and
 * `*_ps` elements from one pixel to the next (a concat slice has a larger one). */
#ifndef LN_ARGS_H
#define LN_ARGS_H

#define LN_CPAD   8 /* channels are padded to a multiple of this; padding lanes stay zero */
#define LN_NO_OFF 0xFFFFFFFFu

/* ln_args.variant of a chain's step, and of a record that does nothing */
#define LN_CHAIN (-1)
#define LN_SKIP  (-2)

/* ln_args.flags */
#define LN_FLAG_MAX         1  /* pooling: maximum */
#define LN_FLAG_COUNT_PAD   2  /* pooling: the mean counts the padding */
#define LN_FLAG_CLAMP       4  /* both activations are clamps that keep zero: the quick epilogue */
#define LN_FLAG_INTERLEAVED 8  /* convolution: group g reads channels g, g + groups, ... */
#define LN_FLAG_UNSIGNED    16 /* bytes had no sign: halves of means and blends go up */
#define LN_FLAG_X_FLOAT     32 /* in a chain of halves: x and y between its nodes are floats, */
#define LN_FLAG_Y_FLOAT     64 /* x without a gate, y without a residual */

/* Reductions: what is summed or chosen, and what becomes of it. The last ones are those that give
 * a place. */
enum {
    LN_FOLD_SUM,
    LN_FOLD_ABS,
    LN_FOLD_SQUARE,
    LN_FOLD_EXP,
    LN_FOLD_PROD,
    LN_FOLD_MAX,
    LN_FOLD_MIN,
    LN_FOLD_ARGMAX,
    LN_FOLD_ARGMIN,
    LN_FOLD_ARGMAX_LAST,
    LN_FOLD_ARGMIN_LAST
};
enum { LN_FINISH_NONE, LN_FINISH_MEAN, LN_FINISH_SQRT, LN_FINISH_LOG, LN_FINISH_LOG_EXP };

#ifdef __OPENCL_C_VERSION__
typedef uint ln_u32;
typedef int ln_i32;
#else
#    include <stdint.h>
typedef uint32_t ln_u32;
typedef int32_t ln_i32;
#endif

#define LN_PARTS 16
/* One of many inputs: where it lies, its pixel stride and channels, and its first channel in
 * the output. */
typedef struct ln_operand {
    ln_u32 at;
    ln_i32 ps, c, first;
} ln_operand;

#define LN_ND    6 /* dimensions, the outermost first; those in front of a shorter shape are 1 */
#define LN_ND_IN 4
/* Operands of any rank: element i of operand k lies at at[k] + sum i[d] * xstr[k][d], stride 0
 * along a dimension that it is repeated over. */
typedef struct ln_nd {
    ln_i32 dim[LN_ND]; /* of the output, or what the kernel's file says */
    ln_i32 ystr[LN_ND];
    ln_u32 at[LN_ND_IN];
    ln_i32 ps[LN_ND_IN]; /* pixel strides */
    ln_i32 xstr[LN_ND_IN][LN_ND];
    ln_i32 before[LN_ND], size[LN_ND]; /* of operand 0, in move_nd.cl and gather.cl */
    ln_i32 consts; /* bit k: operand k lies in the weights, at[k] counts from ln_args.w */
} ln_nd;

typedef struct ln_args {
    ln_i32 variant; /* row of variants.def: the resident kernel's switch */
    ln_i32 tiles;   /* work-groups of the step */
    /* activations, in the arena */
    ln_u32 x, y, res, gate; /* input, output, residual (LN_NO_OFF: none), gate [N,1,1,C] */
    /* constants, in the weights */
    ln_u32 w, b;
    /* logical sizes: input N,H,W,C, output OH,OW,OC */
    ln_i32 n, h, wd, c, oh, ow, oc;
    /* strides in elements: input from pixel to pixel, row to row, image to image and channel to
     * channel (1 for NHWC; a planar input picture has xcs = H*W, xps = 1) */
    ln_i32 xps, xrs, xns, xcs;
    ln_i32 yps, rps; /* pixel strides of output and residual */
    ln_i32 kh, kw, sh, sw, dh, dw, top, left;
    ln_i32 groups;
    ln_i32 act, post;              /* ln_act_kind, before and after the residual */
    float lo, hi, alpha, beta;     /* of act */
    float plo, phi, palpha, pbeta; /* of post */
    /* how the variant cuts the work; each kernel file says what it means by them */
    ln_i32 t0, t1, t2, t3, t4, t5;
    ln_i32 m; /* rows of the matrix product: n*oh*ow */
    ln_i32 flags;
    ln_u32 x2;   /* second activation input */
    ln_i32 x2ps; /* its pixel stride; of a convolution: the gate's */
    ln_i32 x2c;
    ln_u32 y2, y3; /* second and third output (LN_NO_OFF: none) and their pixel strides */
    ln_i32 y2ps, y3ps;
    /* I8: zero points of x, of the weight or the second operand, of y; lo and hi are then the
     * limits of y - yz */
    ln_i32 xz, wz, yz;
    /* Weights of a step to come that a tile asks for meanwhile: a core has ahead_tiles of this
     * step; each asks for ahead_each elements, those of the next core ahead_step behind. */
    ln_u32 ahead;
    ln_i32 ahead_tiles, ahead_each, ahead_step;
    ln_i32 pad_[2];
    union {
        ln_operand
            part[LN_PARTS]; /* of a concat; those beyond the last have c = 0. Of a convolution
                               whose weight or bias is no constant: its inputs by slot */
        ln_nd nd;
    } u;
} ln_args; /* 128 words of 4 bytes */

#endif
