/* The blocks that --op stands for: names of the form OP:SHAPE. */
#include "cli/cli.h"

#include <string.h>

#define BETWEEN ", "
const char *cli_block_shape(const char *block) {
    return strchr(block, ':'); /* with the colon */
}

static bool is_of(const char *block, const char *op, size_t len) {
    return !strncmp(block, op, len) && block[len] == ':';
}

/* Every op that has blocks: "mqa, mhsa". */
static void list_ops(ln_str *out) {
    const char *block, *earlier;
    for (size_t i = 0; (block = linnet_block_name(i)); i++) {
        size_t len = strcspn(block, ":"), k = 0;
        while ((earlier = linnet_block_name(k)) != block && !is_of(earlier, block, len)) k++;
        if (k == i) ln_str_add(out, "%s%.*s", i ? ", " : "", (int)len, block);
    }
}

static int check_op(const char *op, size_t len, const char *known) {
    linnet_error err;
    const char *block;
    for (size_t i = 0; (block = linnet_block_name(i)); i++)
        if (is_of(block, op, len)) return CLI_OK;
    if (is_of("clblast:", op, len))
        ln_fail(&err, LINNET_ERR_UNSUPPORTED,
                "--op clblast: libclblast.so.1 is not there; install it (Debian: apt-get install "
                "libclblast1)");
    else
        ln_fail(&err, LINNET_ERR_UNSUPPORTED, "--op %.*s: no such op; there are %s, all",
                (int)LN_MIN(len, 80), op, known);
    return cli_report(&err);
}

static bool has_block(const char *op, size_t len, const char *shape) {
    const char *block;
    for (size_t i = 0; (block = linnet_block_name(i)); i++)
        if (is_of(block, op, len) && !strcmp(block + len, shape)) return true;
    return false;
}

/* The blocks of one shape, in the order of the ops; none if an op before `op` has that shape, for
 * then they are there already. */
static void name_shape(const char *ops, const char *op, const char *shape, ln_str *names) {
    for (const char *o = ops; *o; o += strspn(o, BETWEEN)) {
        size_t len = strcspn(o, BETWEEN);
        bool there = has_block(o, len, shape);
        if (there && o < op) return;
        if (there) ln_str_add(names, "%.*s%s,", (int)len, o, shape);
        o += len;
    }
}

/* The op named last is what others are compared with: at their shapes, if it has any of them. */
static bool is_base_already(const char *op, size_t len, const ln_str *names) {
    char start[64];
    snprintf(start, sizeof start, "%.*s:", (int)len, op);
    return !op[len + strspn(op + len, BETWEEN)] && names->p && strstr(names->p, start);
}

/* The blocks of all ops in the list, one shape after the other. */
static int expand_ops(const char *ops, const char *known, ln_str *names) {
    const char *block;
    ops = strcmp(ops, "all") ? ops + strspn(ops, BETWEEN) : known;
    for (const char *op = ops; *op; op += strspn(op, BETWEEN)) {
        size_t len = strcspn(op, BETWEEN);
        int status = check_op(op, len, known);
        if (status) return status;
        bool skip = is_base_already(op, len, names);
        for (size_t i = 0; !skip && (block = linnet_block_name(i)); i++)
            if (is_of(block, op, len)) name_shape(ops, op, cli_block_shape(block), names);
        op += len;
    }
    return CLI_OK;
}

int cli_name_blocks(const char *ops, ln_str *names) {
    ln_str known = {0};
    list_ops(&known);
    int status = known.failed ? cli_out_of_memory("the ops") : expand_ops(ops, known.p, names);
    ln_str_free(&known);
    return status;
}
