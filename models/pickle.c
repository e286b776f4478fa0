#include "models/pickle.h"

#include "models/weights_impl.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_STACK = 1 << 20, MAX_MEMO = 1 << 22, MAX_VALUES = 1 << 21 };

void ln_pickle_init(ln_pickle *p, const uint8_t *data, size_t size, const char *path,
                    linnet_error *err) {
    *p = (ln_pickle){.c = {.data = data, .size = size, .path = path, .err = err}};
}

void ln_pickle_free(ln_pickle *p) {
    free(p->stack);
    free(p->memo);
    free(p->storage);
    ln_pool_free(&p->pool);
}

ln_pk_value *ln_pk_get(const ln_pk_value *d, const char *key) {
    if (d->type != LN_PK_DICT) return NULL;
    for (size_t i = 0; i + 1 < d->n; i += 2)
        if (d->item[i]->type == LN_PK_STR && !strcmp(d->item[i]->s, key)) return d->item[i + 1];
    return NULL;
}

/* ---- stack ---- */
static linnet_status push(ln_pickle *p, ln_pk_value *v) {
    if (p->depth >= MAX_STACK) return ln_cur_fail(&p->c, "pickle stack too deep");
    LN_TRY(ln_grow((void **)&p->stack, &p->cap_stack, p->depth + 1, sizeof *p->stack, p->c.err));
    p->stack[p->depth++] = v;
    return LINNET_OK;
}

static linnet_status pop(ln_pickle *p, ln_pk_value **out) {
    if (!p->depth || p->stack[p->depth - 1]->type == LN_PK_MARK)
        return ln_cur_fail(&p->c, "pickle stack is empty");
    *out = p->stack[--p->depth];
    return LINNET_OK;
}

static linnet_status top(ln_pickle *p, ln_pk_value **out, ln_pk_type want, const char *what) {
    if (!p->depth || p->stack[p->depth - 1]->type != want)
        return ln_cur_fail(&p->c, "pickle expects %s here", what);
    *out = p->stack[p->depth - 1];
    return LINNET_OK;
}

static linnet_status make(ln_pickle *p, ln_pk_type type, ln_pk_value **out) {
    if (++p->n_value > MAX_VALUES) return ln_cur_fail(&p->c, "pickle holds too many values");
    ln_pk_value *v = ln_pool_alloc(&p->pool, 1, sizeof *v);
    if (!v) return ln_fail_oom(p->c.err, "a pickle", sizeof *v);
    v->type = type;
    *out = v;
    return LINNET_OK;
}

static linnet_status push_new(ln_pickle *p, ln_pk_type type, int64_t i) {
    ln_pk_value *v = NULL;
    LN_TRY(make(p, type, &v));
    v->i = i;
    return push(p, v);
}

static linnet_status append(ln_pickle *p, ln_pk_value *list, ln_pk_value *const *v, size_t n) {
    if (list->n + n > list->cap) {
        size_t cap = LN_MAX(list->n + n, 2 * list->cap);
        ln_pk_value **item = ln_pool_alloc(&p->pool, cap, sizeof *item);
        if (!item) return ln_fail_oom(p->c.err, "a pickle", cap * sizeof *item);
        if (list->n) memcpy(item, list->item, list->n * sizeof *item);
        list->item = item;
        list->cap = cap;
    }
    if (n) memcpy(list->item + list->n, v, n * sizeof *v);
    list->n += n;
    return LINNET_OK;
}

/* Index of the item above the topmost MARK. */
static linnet_status after_mark(ln_pickle *p, size_t *at) {
    for (size_t i = p->depth; i-- > 0;)
        if (p->stack[i]->type == LN_PK_MARK) {
            *at = i + 1;
            return LINNET_OK;
        }
    return ln_cur_fail(&p->c, "pickle has no MARK here");
}

/* ---- opcodes: plain values ---- */
static linnet_status text(ln_pickle *p, ln_pk_type type, size_t n) {
    const uint8_t *bytes;
    ln_pk_value *v = NULL;
    LN_TRY(ln_cur_bytes(&p->c, n, &bytes, "pickle text"));
    LN_TRY(make(p, type, &v));
    char *copy = ln_pool_alloc(&p->pool, n + 1, 1);
    if (!copy) return ln_fail_oom(p->c.err, "a pickle", n);
    memcpy(copy, bytes, n);
    v->s = copy;
    v->n = n;
    return push(p, v);
}

static linnet_status op_binunicode(ln_pickle *p) {
    uint32_t n;
    LN_TRY(ln_cur_u32(&p->c, &n, "pickle text length"));
    return text(p, LN_PK_STR, n);
}

static linnet_status op_binint(ln_pickle *p) {
    uint32_t v;
    LN_TRY(ln_cur_u32(&p->c, &v, "pickle integer"));
    return push_new(p, LN_PK_INT, (int32_t)v);
}

static linnet_status op_binint1(ln_pickle *p) {
    uint8_t v;
    LN_TRY(ln_cur_u8(&p->c, &v, "pickle integer"));
    return push_new(p, LN_PK_INT, v);
}

static linnet_status op_binint2(ln_pickle *p) {
    uint16_t v;
    LN_TRY(ln_cur_u16(&p->c, &v, "pickle integer"));
    return push_new(p, LN_PK_INT, v);
}

/* Little-endian two's complement of n bytes. */
static linnet_status op_long1(ln_pickle *p) {
    uint8_t n;
    const uint8_t *b;
    LN_TRY(ln_cur_u8(&p->c, &n, "pickle integer length"));
    if (n > 8) return text(p, LN_PK_LONG, n);
    LN_TRY(ln_cur_bytes(&p->c, n, &b, "pickle integer"));
    uint64_t v = n && b[n - 1] & 0x80 ? UINT64_MAX : 0;
    for (int i = n - 1; i >= 0; i--) v = v << 8 | b[i];
    return push_new(p, LN_PK_INT, (int64_t)v);
}

static linnet_status op_binfloat(ln_pickle *p) {
    const uint8_t *b;
    LN_TRY(ln_cur_bytes(&p->c, 8, &b, "pickle float"));
    return push_new(p, LN_PK_FLOAT, 0); /* its value is of no use here */
}

static linnet_status op_proto(ln_pickle *p) {
    uint8_t v;
    LN_TRY(ln_cur_u8(&p->c, &v, "pickle protocol"));
    return v == 2 ? LINNET_OK : ln_cur_fail(&p->c, "pickle protocol %d; PyTorch writes 2", v);
}

static linnet_status op_none(ln_pickle *p) {
    return push_new(p, LN_PK_NONE, 0);
}
static linnet_status op_true(ln_pickle *p) {
    return push_new(p, LN_PK_BOOL, 1);
}
static linnet_status op_false(ln_pickle *p) {
    return push_new(p, LN_PK_BOOL, 0);
}
static linnet_status op_mark(ln_pickle *p) {
    return push_new(p, LN_PK_MARK, 0);
}
static linnet_status op_empty_tuple(ln_pickle *p) {
    return push_new(p, LN_PK_TUPLE, 0);
}
static linnet_status op_empty_list(ln_pickle *p) {
    return push_new(p, LN_PK_LIST, 0);
}
static linnet_status op_empty_dict(ln_pickle *p) {
    return push_new(p, LN_PK_DICT, 0);
}

/* ---- memo ---- */
static linnet_status put(ln_pickle *p, uint32_t at) {
    if (!p->depth) return ln_cur_fail(&p->c, "pickle stack is empty");
    if (at >= MAX_MEMO) return ln_cur_fail(&p->c, "pickle memo %u is out of bounds", at);
    size_t old = p->cap_memo;
    LN_TRY(ln_grow((void **)&p->memo, &p->cap_memo, (size_t)at + 1, sizeof *p->memo, p->c.err));
    if (p->cap_memo > old) memset(p->memo + old, 0, (p->cap_memo - old) * sizeof *p->memo);
    p->memo[at] = p->stack[p->depth - 1];
    p->n_memo = LN_MAX(p->n_memo, (size_t)at + 1);
    return LINNET_OK;
}

static linnet_status get(ln_pickle *p, uint32_t at) {
    if (at >= p->n_memo || !p->memo[at])
        return ln_cur_fail(&p->c, "pickle memo %u was never set", at);
    return push(p, p->memo[at]);
}

static linnet_status op_binput(ln_pickle *p) {
    uint8_t at;
    LN_TRY(ln_cur_u8(&p->c, &at, "pickle memo index"));
    return put(p, at);
}
static linnet_status op_long_binput(ln_pickle *p) {
    uint32_t at;
    LN_TRY(ln_cur_u32(&p->c, &at, "pickle memo index"));
    return put(p, at);
}
static linnet_status op_binget(ln_pickle *p) {
    uint8_t at;
    LN_TRY(ln_cur_u8(&p->c, &at, "pickle memo index"));
    return get(p, at);
}
static linnet_status op_long_binget(ln_pickle *p) {
    uint32_t at;
    LN_TRY(ln_cur_u32(&p->c, &at, "pickle memo index"));
    return get(p, at);
}

/* ---- containers ---- */
static linnet_status gather(ln_pickle *p, size_t from) {
    ln_pk_value *t = NULL;
    LN_TRY(make(p, LN_PK_TUPLE, &t));
    LN_TRY(append(p, t, p->stack + from, p->depth - from));
    p->depth = from;
    return push(p, t);
}

static linnet_status op_tuple(ln_pickle *p) {
    size_t from = 0;
    LN_TRY(after_mark(p, &from));
    LN_TRY(gather(p, from));
    p->stack[p->depth - 2] = p->stack[p->depth - 1]; /* over the MARK */
    p->depth--;
    return LINNET_OK;
}

static linnet_status tuple_of(ln_pickle *p, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (p->depth < n || p->stack[p->depth - 1 - i]->type == LN_PK_MARK)
            return ln_cur_fail(&p->c, "pickle stack is empty");
    return gather(p, p->depth - n);
}
static linnet_status op_tuple1(ln_pickle *p) {
    return tuple_of(p, 1);
}
static linnet_status op_tuple2(ln_pickle *p) {
    return tuple_of(p, 2);
}
static linnet_status op_tuple3(ln_pickle *p) {
    return tuple_of(p, 3);
}

/* What lies above the mark goes into the container below it. */
static linnet_status pour(ln_pickle *p, ln_pk_type type, size_t multiple, const char *what) {
    size_t from = 0;
    ln_pk_value *to = NULL;
    LN_TRY(after_mark(p, &from));
    size_t n = p->depth - from;
    ln_pk_value **items = p->stack + from;
    p->depth = from - 1;
    LN_TRY(top(p, &to, type, what));
    if (n % multiple) return ln_cur_fail(&p->c, "pickle has a key without a value");
    return append(p, to, items, n);
}

static linnet_status op_appends(ln_pickle *p) {
    return pour(p, LN_PK_LIST, 1, "a list");
}
static linnet_status op_setitems(ln_pickle *p) {
    return pour(p, LN_PK_DICT, 2, "a dict");
}
static linnet_status op_append(ln_pickle *p) {
    ln_pk_value *v = NULL, *to = NULL;
    LN_TRY(pop(p, &v));
    LN_TRY(top(p, &to, LN_PK_LIST, "a list"));
    return append(p, to, &v, 1);
}
static linnet_status op_setitem(ln_pickle *p) {
    ln_pk_value *pair[2] = {0}, *to = NULL;
    LN_TRY(pop(p, &pair[1]));
    LN_TRY(pop(p, &pair[0]));
    LN_TRY(top(p, &to, LN_PK_DICT, "a dict"));
    return append(p, to, pair, 2);
}

/* ---- the few globals ---- */
typedef enum global_kind { G_DICT, G_TENSOR, G_PARAMETER, G_STORAGE } global_kind;
static const struct {
    const char *module, *name;
    global_kind kind;
    ln_dtype dtype;
} globals[] = {
    {"collections", "OrderedDict", G_DICT, LN_F32},
    {"torch._utils", "_rebuild_tensor_v2", G_TENSOR, LN_F32},
    {"torch._utils", "_rebuild_parameter", G_PARAMETER, LN_F32},
    {"torch", "FloatStorage", G_STORAGE, LN_F32},
    {"torch", "HalfStorage", G_STORAGE, LN_F16},
    {"torch", "BFloat16Storage", G_STORAGE, LN_BF16},
    {"torch", "DoubleStorage", G_STORAGE, LN_F64},
    {"torch", "LongStorage", G_STORAGE, LN_I64},
    {"torch", "IntStorage", G_STORAGE, LN_I32},
    {"torch", "ShortStorage", G_STORAGE, LN_I16},
    {"torch", "CharStorage", G_STORAGE, LN_I8},
    {"torch", "ByteStorage", G_STORAGE, LN_U8},
    {"torch", "BoolStorage", G_STORAGE, LN_BOOL},
};

static linnet_status line(ln_pickle *p, char buf[128]) {
    uint8_t b;
    for (size_t n = 0; n < 127; n++) {
        LN_TRY(ln_cur_u8(&p->c, &b, "a global's name"));
        buf[n] = b == '\n' ? '\0' : (char)(b >= 32 && b < 127 ? b : '?');
        if (b == '\n') return LINNET_OK;
    }
    return ln_cur_fail(&p->c, "a global's name is too long");
}

static linnet_status op_global(ln_pickle *p) {
    char module[128], name[128];
    LN_TRY(line(p, module));
    LN_TRY(line(p, name));
    for (size_t i = 0; i < LN_COUNT(globals); i++)
        if (!strcmp(module, globals[i].module) && !strcmp(name, globals[i].name))
            return push_new(p, LN_PK_GLOBAL, (int64_t)i);
    return ln_cur_fail(&p->c,
                       "the pickle calls %s.%s, which tensors do not need; refused (save the "
                       "model's state_dict alone)",
                       module, name);
}

static bool ints(const ln_pk_value *t, int64_t *out, size_t max) {
    if (t->type != LN_PK_TUPLE || t->n > max) return false;
    for (size_t i = 0; i < t->n; i++) {
        if (t->item[i]->type != LN_PK_INT || t->item[i]->i < 0) return false;
        out[i] = t->item[i]->i;
    }
    return true;
}

/* (storage, offset, size, stride, ...): every element must lie inside the storage. */
static linnet_status rebuild(ln_pickle *p, const ln_pk_value *a) {
    ln_pk_value *v = NULL;
    LN_TRY(make(p, LN_PK_TENSOR, &v));
    ln_pk_tensor *t = v->tensor = ln_pool_alloc(&p->pool, 1, sizeof *t);
    if (!t) return ln_fail_oom(p->c.err, "a pickle", sizeof *t);
    if (a->n < 4 || a->item[0]->type != LN_PK_STORAGE || a->item[1]->type != LN_PK_INT ||
        !ints(a->item[2], t->shape.dim, LN_MAX_RANK) || !ints(a->item[3], t->stride, LN_MAX_RANK) ||
        a->item[2]->n != a->item[3]->n)
        return ln_cur_fail(&p->c, "a tensor's arguments are not (storage, offset, size, stride)");
    t->storage = a->item[0];
    t->offset = a->item[1]->i;
    t->shape.rank = (int)a->item[2]->n;
    int64_t last = t->offset, step;
    bool empty = false, ok = t->offset >= 0;
    for (int i = 0; i < t->shape.rank && ok; i++) {
        empty |= t->shape.dim[i] == 0;
        ok = empty || (ln_mul_i64(t->shape.dim[i] - 1, t->stride[i], &step) &&
                       !__builtin_add_overflow(last, step, &last));
    }
    if (!ok || (empty ? t->offset > t->storage->i : last >= t->storage->i))
        return ln_cur_fail(&p->c, "a tensor reaches outside its storage of %lld elements",
                           (long long)t->storage->i);
    return push(p, v);
}

static linnet_status op_reduce(ln_pickle *p) {
    ln_pk_value *args = NULL, *fn = NULL;
    LN_TRY(pop(p, &args));
    LN_TRY(pop(p, &fn));
    if (fn->type != LN_PK_GLOBAL || args->type != LN_PK_TUPLE)
        return ln_cur_fail(&p->c, "pickle calls something that is no function");
    switch (globals[fn->i].kind) {
    case G_DICT: return push_new(p, LN_PK_DICT, 0);
    case G_TENSOR: return rebuild(p, args);
    case G_PARAMETER:
        if (args->n && args->item[0]->type == LN_PK_TENSOR) return push(p, args->item[0]);
        return ln_cur_fail(&p->c, "a parameter without its tensor");
    case G_STORAGE: break;
    }
    return ln_cur_fail(&p->c, "pickle calls %s.%s", globals[fn->i].module, globals[fn->i].name);
}

/* Attributes of an object: none of ours has any that matter. */
static linnet_status op_build(ln_pickle *p) {
    ln_pk_value *state = NULL;
    LN_TRY(pop(p, &state));
    return p->depth ? LINNET_OK : ln_cur_fail(&p->c, "pickle stack is empty");
}

/* ('storage', type, key, location, elements, [view]) */
static linnet_status op_binpersid(ln_pickle *p) {
    ln_pk_value *t = NULL, *v = NULL;
    LN_TRY(pop(p, &t));
    if (t->type != LN_PK_TUPLE || t->n < 5 || t->item[0]->type != LN_PK_STR ||
        strcmp(t->item[0]->s, "storage") || t->item[1]->type != LN_PK_GLOBAL ||
        globals[t->item[1]->i].kind != G_STORAGE || t->item[2]->type != LN_PK_STR ||
        t->item[4]->type != LN_PK_INT || t->item[4]->i < 0)
        return ln_cur_fail(&p->c, "a persistent id is not a storage");
    if (t->n > 5 && t->item[5]->type != LN_PK_NONE)
        return ln_cur_fail(&p->c, "a storage that is a view of another; save it again with "
                                  "PyTorch 0.4 or later");
    LN_TRY(make(p, LN_PK_STORAGE, &v));
    v->dtype = globals[t->item[1]->i].dtype;
    v->s = t->item[2]->s;
    v->n = t->item[2]->n;
    v->i = t->item[4]->i;
    LN_TRY(ln_grow((void **)&p->storage, &p->cap_storage, p->n_storage + 1, sizeof *p->storage,
                   p->c.err));
    p->storage[p->n_storage++] = v;
    return push(p, v);
}

static linnet_status (*const ops[256])(ln_pickle *) = {
    [0x80] = op_proto,     ['('] = op_mark,        ['c'] = op_global,     ['R'] = op_reduce,
    ['b'] = op_build,      ['Q'] = op_binpersid,   ['q'] = op_binput,     ['r'] = op_long_binput,
    ['h'] = op_binget,     ['j'] = op_long_binget, ['X'] = op_binunicode, ['J'] = op_binint,
    ['K'] = op_binint1,    ['M'] = op_binint2,     [0x8a] = op_long1,     ['G'] = op_binfloat,
    ['N'] = op_none,       [0x88] = op_true,       [0x89] = op_false,     [')'] = op_empty_tuple,
    ['t'] = op_tuple,      [0x85] = op_tuple1,     [0x86] = op_tuple2,    [0x87] = op_tuple3,
    [']'] = op_empty_list, ['a'] = op_append,      ['e'] = op_appends,    ['}'] = op_empty_dict,
    ['s'] = op_setitem,    ['u'] = op_setitems,
};

linnet_status ln_pickle_run(ln_pickle *p, ln_pk_value **out) {
    p->depth = p->n_memo = 0;
    if (p->cap_memo) memset(p->memo, 0, p->cap_memo * sizeof *p->memo);
    for (;;) {
        uint8_t op;
        LN_TRY(ln_cur_u8(&p->c, &op, "a pickle opcode"));
        if (op == '.') return pop(p, out);
        if (!ops[op])
            return ln_cur_fail(&p->c, "pickle opcode 0x%02x, which tensors do not need", op);
        LN_TRY(ops[op](p));
    }
}
