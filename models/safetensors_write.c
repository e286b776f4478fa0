/* Writer of safetensors files: dense, in the given order, whole or not there. */
#include "models/weights_impl.h"

#include <string.h>

void ln_json_string(ln_str *s, const char *text) {
    ln_str_put(s, "\"", 1);
    for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
        if (*p == '"' || *p == '\\')
            ln_str_add(s, "\\%c", *p);
        else if (*p < 0x20)
            ln_str_add(s, "\\u%04x", *p);
        else
            ln_str_put(s, (const char *)p, 1);
    }
    ln_str_put(s, "\"", 1);
}

static linnet_status header(ln_str *s, const char *path, const ln_weight *w, size_t count,
                            const ln_meta *meta, size_t n_meta, linnet_error *err) {
    size_t at = 0;
    ln_str_add(s, "{");
    for (size_t i = 0; i < n_meta; i++) {
        ln_str_add(s, i ? "," : "\"__metadata__\":{");
        ln_json_string(s, meta[i].key);
        ln_str_add(s, ":");
        ln_json_string(s, meta[i].value);
    }
    if (n_meta) ln_str_add(s, "}");
    for (size_t i = 0; i < count; i++) {
        size_t end = ln_dtype_size(w[i].dtype);
        ln_str_add(s, i || n_meta ? "," : "");
        ln_json_string(s, w[i].name);
        ln_str_add(s, ":{\"dtype\":\"%s\",\"shape\":[", ln_safetensors_dtype[w[i].dtype]);
        for (int d = 0; d < w[i].shape.rank; d++) {
            ln_str_add(s, d ? ",%lld" : "%lld", (long long)w[i].shape.dim[d]);
            if (!ln_mul_size(end, (size_t)w[i].shape.dim[d], &end))
                return ln_fail(err, LINNET_ERR_INVALID_ARGUMENT, "%s: %s is too large", path,
                               w[i].name);
        }
        if (!ln_add_size(end, at, &end))
            return ln_fail(err, LINNET_ERR_INVALID_ARGUMENT, "%s: too much data", path);
        ln_str_add(s, "],\"data_offsets\":[%zu,%zu]}", at, end);
        at = end;
    }
    ln_str_add(s, "}");
    while (s->len % 8 && !s->failed) ln_str_put(s, " ", 1); /* data starts aligned */
    return s->failed ? ln_fail_oom(err, "a safetensors header", s->len) : LINNET_OK;
}

/* Elements in row-major order of the shape, whatever the strides. */
static bool write_data(FILE *f, const ln_weight *w) {
    size_t size = ln_dtype_size(w->dtype), n = 0;
    int64_t index[LN_MAX_RANK] = {0}, total = 1, at = 0;
    uint8_t buf[1 << 14];
    for (int d = 0; d < w->shape.rank; d++) total *= w->shape.dim[d];
    for (int64_t i = 0; i < total; i++) {
        if (n + size > sizeof buf) {
            if (fwrite(buf, 1, n, f) != n) return false;
            n = 0;
        }
        memcpy(buf + n, (const uint8_t *)w->data + (size_t)at * size, size);
        n += size;
        for (int d = w->shape.rank - 1; d >= 0; d--) {
            at += w->stride[d];
            if (++index[d] < w->shape.dim[d]) break;
            at -= w->stride[d] * index[d];
            index[d] = 0;
        }
    }
    return fwrite(buf, 1, n, f) == n;
}

linnet_status ln_safetensors_write(const char *path, const ln_weight *w, size_t count,
                                   const ln_meta *meta, size_t n_meta, linnet_error *err) {
    ln_str text = {0};
    ln_writer out = {0};
    linnet_status st = header(&text, path, w, count, meta, n_meta, err);
    if (st == LINNET_OK) st = ln_writer_open(&out, path, err);
    if (st == LINNET_OK) {
        uint8_t len[8];
        for (int i = 0; i < 8; i++) len[i] = (uint8_t)((uint64_t)text.len >> 8 * i);
        bool ok = fwrite(len, 1, 8, out.f) == 8 && fwrite(text.p, 1, text.len, out.f) == text.len;
        for (size_t i = 0; ok && i < count; i++) ok = write_data(out.f, &w[i]);
        if (!ok) st = ln_fail(err, LINNET_ERR_IO, "%s: cannot write; is the disk full?", path);
    }
    if (st == LINNET_OK) st = ln_writer_commit(&out, err);
    ln_writer_close(&out);
    ln_str_free(&text);
    return st;
}
