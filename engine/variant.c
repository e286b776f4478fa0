/* The registry, the choice of a variant, and the source of a program. */
#include "engine/kernels/kernels.h"

#include "base/env.h"

#include <stdlib.h>
#include <string.h>

extern const char ln_cl_prelude[], ln_cl_vnni[], ln_cl_dot8[], ln_cl_fixed[], ln_cl_half[],
    ln_cl_args[], ln_cl_walk[], ln_cl_resident[];
#define LN_VARIANT(name, family, file, tier, local, needs, defines)                                \
    extern const char ln_cl_##file[];
#include "cl_kernels/variants.def"
#undef LN_VARIANT

const ln_variant ln_variants[] = {
#define LN_VARIANT(name, family, file, tier, local, needs, defines)                                \
    {#name, #file ".cl", ln_cl_##file, LN_TIER_##tier, &ln_family_##family, defines, local, needs},
#include "cl_kernels/variants.def"
#undef LN_VARIANT
};
const int ln_variant_count = (int)LN_COUNT(ln_variants);
_Static_assert(LN_COUNT(ln_variants) <= LN_CAPS_KERNELS, "a bit for each in ln_caps.wrong");
const ln_variant ln_variant_chain = {
    .name = "chain", .file = "walk.clh", .tier = LN_TIER_DEEP, .defines = "", .local = 1};

/* ---- tunables: "PX=8 NV=3" ---- */

/* Next "NAME=VALUE" at *at; false at the end. */
static bool next_define(const char **at, const char **name, int *name_len, const char **value,
                        int *value_len) {
    const char *p = *at + strspn(*at, " "), *eq = strchr(p, '=');
    if (!eq) return false;
    *name = p;
    *name_len = (int)(eq - p);
    *value = eq + 1;
    *value_len = (int)strcspn(*value, " ");
    *at = *value + *value_len;
    return true;
}

int ln_variant_tunable(const ln_variant *v, const char *name, int fallback) {
    const char *at = v->defines, *n, *value;
    int n_len, value_len;
    while (next_define(&at, &n, &n_len, &value, &value_len))
        if ((int)strlen(name) == n_len && !strncmp(n, name, (size_t)n_len)) return atoi(value);
    return fallback;
}

/* ---- choice ---- */

static const char *const tier_names[] = {"any", "wide", "deep"};

static bool features_there(uint32_t needs, const ln_caps *caps) {
    for (int f = 0; f < LN_FEAT_COUNT; f++)
        if ((needs >> f) & 1u)
            if (!ln_caps_has(caps, (ln_feature)f) || ln_env_disabled(ln_feature_names[f]))
                return false;
    return true;
}

bool ln_variant_packs_halves(const ln_variant *v) {
    return ln_variant_tunable(v, "HALF", 0) && !v->family->words;
}

bool ln_variant_is_fast(const ln_variant *v) {
    return ln_variant_tunable(v, "FAST", 0);
}

/* True where the variant stores halves. real: the tunable that makes an exception. */
static bool is_half(const ln_variant *v, const char *real) {
    return ln_variant_tunable(v, "HALF", 0) && !(real && ln_variant_tunable(v, real, 0));
}

static bool types_fit(const ln_variant *v, const ln_site *s) {
    const ln_tensor *t = s->graph->tensor;
    const ln_dtype x = t[s->node->in[0]].dtype, y = t[s->node->out[0]].dtype;
    const size_t elem = (size_t)ln_variant_tunable(v, "ELEM", is_half(v, "XF") ? 2 : 4);
    return elem == ln_dtype_size(x) && (x == LN_F16) == is_half(v, "XF") &&
           (y == LN_F16) == is_half(v, "YF");
}

static bool reads_bytes(const ln_site *s) {
    return s->node->op == LN_OP_CONV2D && s->node->attr.conv.bytes;
}

bool ln_variant_fits(const ln_variant *v, const ln_site *s) {
    return v->family->op == s->node->op &&
           v->family->dynamic == ln_node_is_dynamic(s->graph, s->node) && types_fit(v, s) &&
           ln_variant_tunable(v, "BYTES", 0) == reads_bytes(s) &&
           (uint32_t)v->local <= s->caps->max_work_group && features_there(v->needs, s->caps) &&
           v->family->can_run(v, s);
}

/* Products that a graph wants of a library and of nothing else, on whatever device. */
static bool of_library(const ln_site *s) {
    const ln_window *w = &s->node->attr.conv.win;
    if (!s->graph->library) return false;
    if (s->node->op != LN_OP_CONV2D) return s->node->op == LN_OP_FC;
    return w->kh == 1 && w->kw == 1 && s->node->attr.conv.groups == 1;
}

/* With the deep tier disabled a CPU takes the wide kernels, so that these can be tried there. */
bool ln_variant_can_run(const ln_variant *v, const ln_site *s) {
    bool deep = ln_caps_deep(s->caps) && !ln_env_disabled(tier_names[LN_TIER_DEEP]);
    if (of_library(s)) {
        if (!ln_variant_tunable(v, "GEMM", 0)) return false;
    } else if (v->tier == (deep ? LN_TIER_WIDE : LN_TIER_DEEP)) {
        return false;
    }
    ptrdiff_t row = v - ln_variants;
    if (s->caps->wrong[row / 32] >> row % 32 & 1u) return false;
    if (ln_variant_is_fast(v) && !s->graph->fast) return false;
    if (ln_env_disabled(v->name) || ln_env_disabled(tier_names[v->tier])) return false;
    return ln_variant_fits(v, s);
}

const ln_variant *ln_variant_choose(const ln_site *s) {
    for (int i = ln_variant_count - 1; i >= 0; i--)
        if (ln_variant_can_run(&ln_variants[i], s)) return &ln_variants[i];
    return NULL;
}

/* ---- source ---- */

static uint64_t hash_text(uint64_t h, const char *s) {
    return ln_hash(h, s, strlen(s) + 1);
}

uint64_t ln_variant_hash(uint64_t h) {
    const char *const common[] = {ln_cl_prelude, ln_cl_fixed, ln_cl_half, ln_cl_dot8,
                                  ln_cl_vnni,    ln_cl_args,  ln_cl_walk, ln_cl_resident};
    for (size_t i = 0; i < LN_COUNT(common); i++) h = hash_text(h, common[i]);
    const char *last = NULL;
    for (int i = 0; i < ln_variant_count; i++) {
        const ln_variant *v = &ln_variants[i];
        h = hash_text(hash_text(h, v->name), v->defines);
        if (v->source != last) h = hash_text(h, v->source);
        last = v->source;
    }
    return h;
}

int ln_vector_width(const ln_caps *caps) {
    return caps->vector_float >= 16 ? 16 : 8;
}

static void add_constants(ln_str *text) {
    ln_str_add(text, "#define LN_ACT_NONE %d\n", LN_ACT_NONE);
#define LN_ACT_DEFINE(k) ln_str_add(text, "#define LN_ACT_" #k " %d\n", LN_ACT_##k)
    LN_ACT_DEFINE(CLAMP);
    LN_ACT_DEFINE(HARD_SWISH);
    LN_ACT_DEFINE(HARD_SIGMOID);
    LN_ACT_DEFINE(SIGMOID);
    LN_ACT_DEFINE(SWISH);
    LN_ACT_DEFINE(GELU);
    LN_ACT_DEFINE(GELU_TANH);
    LN_ACT_DEFINE(TANH);
    LN_ACT_DEFINE(LEAKY_RELU);
#undef LN_ACT_DEFINE
}

/* An earlier variant with the same template and tunables: its functions serve. */
static const ln_variant *twin(const int *variants, int i) {
    const ln_variant *v = &ln_variants[variants[i]];
    for (int k = 0; k < i; k++) {
        const ln_variant *o = &ln_variants[variants[k]];
        if (o->source == v->source && o->local == v->local && !strcmp(o->defines, v->defines))
            return o;
    }
    return NULL;
}

/* With ELEM=1 bytes; with BYTES=1 the input is a picture's. */
static void add_type(const ln_variant *v, const char *name, const char *real, ln_str *text) {
    const bool picture = ln_variant_tunable(v, "BYTES", 0);
    const bool byte = ln_variant_tunable(v, "ELEM", 4) == 1 && !picture;
    ln_str_add(text, "#define %s %s\n", name,
               picture && !strcmp(name, "LN_TX") ? "uchar"
               : is_half(v, real)                ? "half"
               : byte                            ? "char"
                                                 : "float");
}

static void add_variant(const int *variants, int i, bool kernel, ln_str *text) {
    const ln_variant *v = &ln_variants[variants[i]], *same = twin(variants, i);
    const char *at = v->defines, *name, *value;
    int name_len, value_len;
    ln_str_add(text,
               "#define LN_NAME %s\n#define LN_LOCAL %d\n#define LN_KERNEL%s\n"
               "#define LN_KERNEL_LOCAL(n)%s\n",
               v->name, v->local, kernel ? " LN_KERNEL_OF_TILE(, 0)" : "",
               kernel ? " LN_KERNEL_OF_TILE(__local float lm[n], lm)" : "");
    add_type(v, "LN_T", NULL, text);
    add_type(v, "LN_TX", "XF", text);
    add_type(v, "LN_TY", "YF", text);
    ln_str_add(text, "#define LN_P %s\n", ln_variant_is_fast(v) ? "h" : "f");
    if (same) {
        ln_str_add(text, "#define %s_tile %s_tile\nLN_KERNEL\n", v->name, same->name);
    } else {
        while (next_define(&at, &name, &name_len, &value, &value_len))
            ln_str_add(text, "#define %.*s %.*s\n", name_len, name, value_len, value);
        ln_str_add(text, "#ifndef HALF\n#define HALF 0\n#endif\n#line 1 \"%s\"\n%s", v->file,
                   v->source);
    }
    ln_str_add(text, "#undef LN_NAME\n#undef LN_LOCAL\n#undef LN_KERNEL\n#undef LN_KERNEL_LOCAL\n"
                     "#undef LN_T\n#undef LN_TX\n#undef LN_TY\n#undef LN_P\n"
                     "#undef HALF\n#undef XF\n#undef YF\n#undef FAST\n");
}

/* The switch over the variants' inline functions: a group of one item plays all items in turn. One
 * kernel for all steps, since compilers like PoCL's take a second for each. */
static void add_walker(const int *variants, int count, ln_str *text) {
    ln_str_add(text,
               "LN_INLINE void ln_step_tile(__global float *arena, __global const float "
               "*weights, __global const ln_args *s, int tile) {\n    switch (s->variant) {\n");
    for (int i = 0; i < count; i++) {
        const ln_variant *v = &ln_variants[variants[i]];
        ln_str_add(text,
                   "    case %d:\n        for (int lid = 0; lid < %d; lid++)\n"
                   "            %s_tile(arena, weights, s, tile, lid, 0);\n        break;\n",
                   variants[i], v->local, v->name);
    }
    ln_str_add(text, "    }\n}\n#line 1 \"walk.clh\"\n%s#line 1 \"resident.clh\"\n%s", ln_cl_walk,
               ln_cl_resident);
}

linnet_status ln_variant_source(const int *variants, int count, ln_program_kind kind,
                                const ln_caps *caps, ln_str *text, ln_str *options,
                                linnet_error *err) {
    bool dot = false;
    for (int i = 0; i < count; i++) dot |= ln_variant_tunable(&ln_variants[variants[i]], "DOT", 0);
    const bool khr = dot && ln_dot8_of(caps) == LN_DOT8_KHR; /* its functions need OpenCL C 3.0 */
    ln_str_add(options, "-cl-std=CL%s -DLN_VW=%d -DLN_CPU=%d -DLN_ARGS_SIZE=%d",
               khr ? "3.0" : "1.2", ln_vector_width(caps), ln_caps_deep(caps),
               (int)sizeof(ln_args));
    add_constants(text);
    ln_str_add(text, "#line 1 \"args.h\"\n%s#line 1 \"prelude.clh\"\n%s", ln_cl_args,
               ln_cl_prelude);
    ln_str_add(text, "#line 1 \"fixed.clh\"\n%s", ln_cl_fixed);
    bool fast = false;
    for (int i = 0; i < count; i++) fast |= ln_variant_is_fast(&ln_variants[variants[i]]);
    ln_str_add(text, "#define LN_FAST %d\n#define LN_ACTED %d\n#line 1 \"half.clh\"\n%s", fast,
               caps->acted_halves, ln_cl_half);
    bool vnni = false;
    for (int i = 0; i < count; i++) vnni |= ln_variants[variants[i]].needs >> LN_FEAT_VNNI & 1u;
    if (dot)
        ln_str_add(text,
                   "#define LN_DOT8_PLAIN %d\n#define LN_DOT8_KHR %d\n#define LN_DOT8_QCOM %d\n"
                   "#define LN_DOT8_ARM %d\n#define LN_DOT8 %d\n#line 1 \"dot8.clh\"\n%s",
                   LN_DOT8_PLAIN, LN_DOT8_KHR, LN_DOT8_QCOM, LN_DOT8_ARM, ln_dot8_of(caps),
                   ln_cl_dot8);
    if (vnni) ln_str_add(text, "#line 1 \"vnni.clh\"\n%s", ln_cl_vnni);
    for (int i = 0; i < count; i++) add_variant(variants, i, kind == LN_PROGRAM_KERNELS, text);
    ln_str_add(text, "#define LN_CLOCK %d\n", kind == LN_PROGRAM_CLOCK);
    if (kind != LN_PROGRAM_KERNELS) add_walker(variants, count, text);
    if (text->failed || options->failed) return ln_fail_oom(err, "program text", text->len);
    return LINNET_OK;
}
