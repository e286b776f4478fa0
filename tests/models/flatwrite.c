#include "tests/models/flatwrite.h"

#include <stdlib.h>
#include <string.h>

static void patch(ln_str *s, size_t at, uint64_t v, size_t bytes) {
    for (size_t i = 0; i < bytes; i++) s->p[at + i] = (char)(v >> 8 * i);
}

static size_t room(ln_str *s, size_t bytes) {
    static const char zeros[512];
    while (s->len % 8) ln_str_put(s, zeros, 1);
    size_t at = s->len;
    if (bytes > sizeof zeros) abort();
    ln_str_put(s, zeros, bytes);
    return at;
}

void fw_begin(ln_str *s, const char magic[4]) {
    room(s, 8);
    memcpy(s->p + 4, magic, 4);
}

void fw_point(ln_str *s, size_t at, size_t to) {
    patch(s, at, to - at, 4);
}

size_t fw_table(ln_str *s) {
    size_t vtable = room(s, 4 + 2 * FW_FIELDS), at = room(s, 8 + 8 * FW_FIELDS);
    patch(s, vtable, 4 + 2 * FW_FIELDS, 2);
    patch(s, vtable + 2, 8 + 8 * FW_FIELDS, 2);
    patch(s, at, at - vtable, 4);
    return at;
}

static size_t field_at(ln_str *s, size_t table, int field) {
    uint32_t back;
    memcpy(&back, s->p + table, 4);
    patch(s, table - back + 4 + 2 * (size_t)field, 8 + 8 * (uint64_t)field, 2);
    return table + 8 + 8 * (size_t)field;
}

void fw_int(ln_str *s, size_t table, int field, int64_t v, size_t bytes) {
    patch(s, field_at(s, table, field), (uint64_t)v, bytes);
}

void fw_ref(ln_str *s, size_t table, int field, size_t to) {
    fw_point(s, field_at(s, table, field), to);
}

size_t fw_vec(ln_str *s, const void *data, uint32_t count, size_t element) {
    size_t at = room(s, 4);
    patch(s, at, count, 4);
    if (count) ln_str_put(s, data, count * element);
    return at;
}

size_t fw_put(ln_str *s, size_t table, int field, const void *data, uint32_t count,
              size_t element) {
    size_t at = fw_vec(s, data, count, element);
    fw_ref(s, table, field, at);
    return at;
}

void fw_text(ln_str *s, size_t table, int field, const char *text) {
    fw_put(s, table, field, text, (uint32_t)strlen(text), 1);
}

void fw_tables(ln_str *s, size_t table, int field, uint32_t count, size_t *tables) {
    uint32_t zeros[16] = {0};
    if (count > LN_COUNT(zeros)) abort();
    size_t at = fw_put(s, table, field, zeros, count, 4);
    for (uint32_t i = 0; i < count; i++) {
        tables[i] = fw_table(s);
        fw_point(s, at + 4 + 4 * i, tables[i]);
    }
}
