#include "tests/models/files.h"

#include <check.h>
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char folder[64];

static void remove_folder(void) {
    DIR *d = opendir(folder);
    for (struct dirent *e; d && (e = readdir(d));) {
        char path[400];
        snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        unlink(path);
    }
    if (d) closedir(d);
    rmdir(folder);
}

const char *scratch(const char *name) {
    static char path[8][200];
    static int turn;
    if (!folder[0]) {
        strcpy(folder, "/tmp/linnet-test-XXXXXX");
        if (!mkdtemp(folder)) abort();
        atexit(remove_folder);
    }
    char *p = path[turn++ % 8];
    snprintf(p, sizeof path[0], "%s/%s", folder, name);
    return p;
}

const char *file_of(const char *name, const void *bytes, size_t n) {
    const char *path = scratch(name);
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(bytes, 1, n, f) != n || fclose(f)) abort();
    return path;
}

void read_back(const char *path, ln_str *out) {
    char buf[4096];
    FILE *f = fopen(path, "rb");
    if (!f) abort();
    for (size_t n; (n = fread(buf, 1, sizeof buf, f)) > 0;) ln_str_put(out, buf, n);
    fclose(f);
}

static void little(ln_str *s, uint64_t v, int n) {
    for (int i = 0; i < n; i++) {
        char c = (char)(v >> 8 * i);
        ln_str_put(s, &c, 1);
    }
}

void pk_text(ln_str *s, const char *text) {
    ln_str_put(s, "X", 1);
    little(s, strlen(text), 4);
    ln_str_put(s, text, strlen(text));
}

void pk_int(ln_str *s, int64_t v) {
    if (v == (int32_t)v) {
        ln_str_put(s, "J", 1);
        little(s, (uint64_t)v, 4);
        return;
    }
    ln_str_put(s, "\x8a\x08", 2);
    little(s, (uint64_t)v, 8);
}

void pk_tuple(ln_str *s, const int64_t *v, int n) {
    ln_str_put(s, "(", 1);
    for (int i = 0; i < n; i++) pk_int(s, v[i]);
    ln_str_put(s, "t", 1);
}

void pk_global(ln_str *s, const char *module, const char *name) {
    ln_str_add(s, "c%s\n%s\n", module, name);
}

void pk_tensor(ln_str *s, bool legacy, const char *storage, const char *key, int64_t numel,
               int64_t offset, const ln_shape *shape, const int64_t *stride) {
    pk_global(s, "torch._utils", "_rebuild_tensor_v2");
    ln_str_put(s, "((", 2);
    pk_text(s, "storage");
    pk_global(s, "torch", storage);
    pk_text(s, key);
    pk_text(s, "cpu");
    pk_int(s, numel);
    ln_str_put(s, legacy ? "NtQ" : "tQ", legacy ? 3 : 2);
    pk_int(s, offset);
    pk_tuple(s, shape->dim, shape->rank);
    pk_tuple(s, stride, shape->rank);
    ln_str_put(s, "\x89", 1);
    pk_global(s, "collections", "OrderedDict");
    ln_str_put(s, ")RtR", 4);
}

void ckpt_legacy(ln_str *out, const ln_str *object, const ckpt_storage *st, size_t n) {
    ln_str_put(out, "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.", 15);
    ln_str_put(out, "\x80\x02M\xe9\x03.", 6);
    ln_str_put(out, "\x80\x02}(", 4);
    pk_text(out, "protocol_version");
    ln_str_put(out, "M\xe9\x03", 3);
    pk_text(out, "little_endian");
    ln_str_put(out, "\x88u.", 3);
    ln_str_put(out, "\x80\x02", 2);
    ln_str_put(out, object->p, object->len);
    ln_str_put(out, ".\x80\x02](", 5);
    for (size_t i = 0; i < n; i++) pk_text(out, st[i].key);
    ln_str_put(out, "e.", 2);
    for (size_t i = 0; i < n; i++) {
        little(out, (uint64_t)st[i].count, 8);
        ln_str_put(out, st[i].data, (size_t)st[i].count * st[i].elem);
    }
}

static void zip_entry(ln_str *out, ln_str *directory, const char *name, const void *data,
                      size_t n) {
    size_t at = out->len;
    uint32_t crc = ln_crc32(0, data, n);
    ln_str_put(out, "PK\3\4\0\0\0\0\0\0\0\0\0\0", 14);
    little(out, crc, 4);
    little(out, n, 4);
    little(out, n, 4);
    little(out, strlen(name), 2);
    little(out, 4, 2); /* an extra field, as PyTorch pads with */
    ln_str_put(out, name, strlen(name));
    ln_str_put(out, "FB\0\0", 4);
    ln_str_put(out, data, n);
    ln_str_put(directory, "PK\1\2\0\0\0\0\0\0\0\0\0\0\0\0", 16);
    little(directory, crc, 4);
    little(directory, n, 4);
    little(directory, n, 4);
    little(directory, strlen(name), 2);
    little(directory, 0, 8); /* extra, comment, disk, attributes */
    little(directory, 0, 4);
    little(directory, at, 4);
    ln_str_put(directory, name, strlen(name));
}

void ckpt_zip(ln_str *out, const ln_str *object, const ckpt_storage *st, size_t n) {
    ln_str pickle = {0}, directory = {0};
    ln_str_put(&pickle, "\x80\x02", 2);
    ln_str_put(&pickle, object->p, object->len);
    ln_str_put(&pickle, ".", 1);
    zip_entry(out, &directory, "archive/data.pkl", pickle.p, pickle.len);
    zip_entry(out, &directory, "archive/byteorder", "little", 6);
    for (size_t i = 0; i < n; i++) {
        char name[64];
        snprintf(name, sizeof name, "archive/data/%s", st[i].key);
        zip_entry(out, &directory, name, st[i].data, (size_t)st[i].count * st[i].elem);
    }
    size_t at = out->len;
    ln_str_put(out, directory.p, directory.len);
    ln_str_put(out, "PK\5\6\0\0\0\0", 8);
    little(out, n + 2, 2);
    little(out, n + 2, 2);
    little(out, directory.len, 4);
    little(out, at, 4);
    little(out, 0, 2);
    ln_str_free(&pickle);
    ln_str_free(&directory);
}

linnet_status ln_test_open(const ln_model_params *p, ln_model **m, char message[1000]) {
    linnet_error err = {0};
    linnet_status st = ln_model_open(p, m, &err);
    if (message) snprintf(message, 1000, "%s", err.message);
    if (st != LINNET_OK) ck_assert_ptr_null(*m);
    return st;
}
