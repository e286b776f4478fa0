/* Mapped files, the cursor, the writer, folders. */
#include "base/file.h"
#include "tests/check_main.h"
#include "tests/oom.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[64], path[128];
static linnet_error err;

static void setup(void) {
    strcpy(dir, "/tmp/linnet-test-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/file", dir);
}
static int entries(void) {
    DIR *d = opendir(dir);
    int n = 0;
    for (struct dirent *e; (e = readdir(d));) n += e->d_name[0] != '.';
    closedir(d);
    return n;
}
static void teardown(void) {
    unlink(path);
    ck_assert_int_eq(entries(), 0);
    ck_assert_int_eq(rmdir(dir), 0);
}
static void put(const char *bytes, size_t n) {
    FILE *f = fopen(path, "wb");
    ck_assert_uint_eq(fwrite(bytes, 1, n, f), n);
    fclose(f);
}

START_TEST(map_reads_all_of_it) {
    setup();
    put("hello", 5);
    ln_file f;
    ck_assert_int_eq(ln_file_map(path, &f, &err), LINNET_OK);
    ck_assert_uint_eq(f.size, 5);
    ck_assert_mem_eq(f.data, "hello", 5);
    ck_assert_str_eq(f.path, path);
    ln_file_unmap(&f);
    ck_assert_ptr_null(f.data);
    put("", 0);
    ck_assert_int_eq(ln_file_map(path, &f, &err), LINNET_OK);
    ck_assert_uint_eq(f.size, 0);
    ck_assert_ptr_nonnull(f.data);
    ln_file_unmap(&f);
    teardown();
}
END_TEST

/* Whether a page is in this process's memory: bit 63 of its entry, Linux's
 * Documentation/admin-guide/mm/pagemap.rst. */
static bool present(const void *at) {
    uint64_t entry = 0;
    FILE *f = fopen("/proc/self/pagemap", "rb");
    ck_assert_ptr_nonnull(f);
    ck_assert_int_eq(
        fseek(f, (long)((uintptr_t)at / (uintptr_t)sysconf(_SC_PAGESIZE) * 8), SEEK_SET), 0);
    ck_assert_uint_eq(fread(&entry, sizeof entry, 1, f), 1);
    fclose(f);
    return entry >> 63;
}

START_TEST(released_bytes_are_read_again) {
    enum { BYTES = 1 << 20 };
    setup();
    char *bytes = malloc(BYTES);
    memset(bytes, 'a', BYTES);
    put(bytes, BYTES);
    ln_file f[10]; /* more than the first list of mappings holds */
    for (size_t i = 0; i < LN_COUNT(f); i++)
        ck_assert_int_eq(ln_file_map(path, &f[i], &err), LINNET_OK);
    const uint8_t *last = f[9].data;
    ck_assert_mem_eq(last, bytes, BYTES);
    ck_assert(present(last) && present(last + BYTES - 1));
    ln_file_release(last + BYTES / 2, SIZE_MAX); /* no further than the mapping */
    ck_assert(present(last) && !present(last + BYTES - 1));
    ck_assert_mem_eq(last, bytes, BYTES);
    ln_file_release(bytes, BYTES); /* not a file's: stays */
    for (int i = 0; i < BYTES; i++) ck_assert_int_eq(bytes[i], 'a');
    for (size_t i = 0; i < LN_COUNT(f); i++) ln_file_unmap(&f[i]);
    oom_fail_nth(2); /* the list: then nothing is released */
    ck_assert_int_eq(ln_file_map(path, &f[0], &err), LINNET_OK);
    oom_fail_nth(0);
    ck_assert_int_eq(f[0].data[0], 'a');
    ln_file_release(f[0].data, 1);
    ck_assert(present(f[0].data));
    ln_file_unmap(&f[0]);
    free(bytes);
    teardown();
}
END_TEST

START_TEST(map_refuses) {
    setup();
    ln_file f;
    ck_assert_int_eq(ln_file_map(path, &f, &err), LINNET_ERR_IO);
    ck_assert_ptr_nonnull(strstr(err.message, "No such file"));
    ck_assert_int_eq(ln_file_map(dir, &f, &err), LINNET_ERR_IO);
    ck_assert_ptr_nonnull(strstr(err.message, "not a regular file"));
    ck_assert_int_eq(mkfifo(path, 0600), 0);
    ck_assert_int_eq(ln_file_map(path, &f, &err), LINNET_ERR_IO); /* and does not wait */
    unlink(path);
    put("x", 1);
    oom_fail_nth(1);
    ck_assert_int_eq(ln_file_map(path, &f, &err), LINNET_ERR_OUT_OF_MEMORY);
    ck_assert_ptr_null(f.data);
    /* A sparse file larger than any address space cannot be mapped. */
    if (truncate(path, INT64_MAX - 4096) == 0) {
        ck_assert_int_eq(ln_file_map(path, &f, &err), LINNET_ERR_IO);
        ck_assert_ptr_nonnull(strstr(err.message, "cannot map"));
    }
    teardown();
}
END_TEST

START_TEST(cursor_takes_little_endian) {
    const uint8_t bytes[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    ln_cursor c = {.data = bytes, .size = sizeof bytes, .path = "f", .err = &err};
    uint8_t a;
    uint16_t b;
    uint32_t d;
    uint64_t e;
    ck_assert_int_eq(ln_cur_u8(&c, &a, "a"), LINNET_OK);
    ck_assert_int_eq(ln_cur_u16(&c, &b, "b"), LINNET_OK);
    ck_assert_int_eq(ln_cur_u32(&c, &d, "d"), LINNET_OK);
    ck_assert_int_eq(ln_cur_u64(&c, &e, "e"), LINNET_OK);
    ck_assert_uint_eq(a, 1);
    ck_assert_uint_eq(b, 0x0302);
    ck_assert_uint_eq(d, 0x07060504);
    ck_assert_uint_eq(e, 0x0F0E0D0C0B0A0908ull);
    ck_assert_uint_eq(c.pos, 15);
    ck_assert_int_eq(ln_cur_seek(&c, 15, "end"), LINNET_OK);
    ck_assert_int_eq(ln_cur_bytes(&c, 0, NULL, "nothing"), LINNET_OK);
}
END_TEST

START_TEST(cursor_never_passes_the_end) {
    const uint8_t bytes[3] = {0};
    ln_cursor c = {.data = bytes, .size = 3, .pos = 3, .path = "f", .err = &err};
    const uint8_t *p;
    uint8_t u8;
    uint16_t u16;
    uint32_t u32;
    uint64_t u64;
    ck_assert_int_eq(ln_cur_u8(&c, &u8, "x"), LINNET_ERR_BAD_FILE);
    ck_assert_int_eq(ln_cur_seek(&c, 1, "x"), LINNET_OK);
    ck_assert_int_eq(ln_cur_u32(&c, &u32, "the count"), LINNET_ERR_BAD_FILE);
    ck_assert_str_eq(err.message,
                     "f: byte 1: expected the count (4 bytes), but the file has 2 more");
    ck_assert_int_eq(ln_cur_u64(&c, &u64, "x"), LINNET_ERR_BAD_FILE);
    ck_assert_int_eq(ln_cur_bytes(&c, SIZE_MAX, &p, "x"), LINNET_ERR_BAD_FILE);
    ck_assert_int_eq(ln_cur_bytes(&c, 3, &p, "x"), LINNET_ERR_BAD_FILE);
    ck_assert_uint_eq(c.pos, 1);
    ck_assert_int_eq(ln_cur_seek(&c, 4, "the table"), LINNET_ERR_BAD_FILE);
    ck_assert_str_eq(err.message, "f: byte 1: the table points at byte 4, past the end at 3");
    ck_assert_uint_eq(c.pos, 1);
    ck_assert_int_eq(ln_cur_fail(&c, "bad %s", "magic"), LINNET_ERR_BAD_FILE);
    ck_assert_str_eq(err.message, "f: byte 1: bad magic");
    ck_assert_int_eq(ln_cur_seek(&c, 2, "x"), LINNET_OK);
    ck_assert_int_eq(ln_cur_u16(&c, &u16, "x"), LINNET_ERR_BAD_FILE);
}
END_TEST

static void expect_file(const char *text) {
    ln_file f;
    ck_assert_int_eq(ln_file_map(path, &f, &err), LINNET_OK);
    ck_assert_uint_eq(f.size, strlen(text));
    ck_assert_mem_eq(f.data, text, f.size);
    ln_file_unmap(&f);
}

/* More writers than the list has places; those that are done with are not touched. */
START_TEST(unlink_all_takes_the_temporaries) {
    setup();
    ln_writer w[40], one;
    char name[1100];
    ck_assert_int_eq(ln_writer_open(&one, path, &err), LINNET_OK);
    ck_assert_int_eq(ln_writer_commit(&one, &err), LINNET_OK);
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 40; i++) {
            snprintf(name, sizeof name, "%s%d", path, i);
            ck_assert_int_eq(ln_writer_open(&w[i], name, &err), LINNET_OK);
        }
        ck_assert_int_eq(entries(), 41);
        ln_writer_unlink_all();
        ck_assert_int_eq(entries(), 1 + 40 - 32);
        ck_assert_int_eq(access(path, F_OK), 0);
        for (int i = 0; i < 40; i++) ln_writer_close(&w[i]);
        ck_assert_int_eq(entries(), 1);
    }
}

START_TEST(writer_replaces_or_leaves) {
    setup();
    ln_writer w;
    ck_assert_int_eq(ln_writer_open(&w, path, &err), LINNET_OK);
    fputs("one", w.f);
    ck_assert_int_eq(access(path, F_OK), -1); /* not there before commit */
    ck_assert_int_eq(ln_writer_commit(&w, &err), LINNET_OK);
    expect_file("one");
    ck_assert_int_eq(ln_writer_open(&w, path, &err), LINNET_OK);
    fputs("two", w.f);
    ln_writer_close(&w);
    expect_file("one");
    ck_assert_int_eq(entries(), 1);
    ln_writer_close(&w); /* closing twice is harmless */
    struct stat info;
    mode_t mask = umask(0);
    umask(mask);
    ck_assert_int_eq(stat(path, &info), 0);
    ck_assert_uint_eq(info.st_mode & 0777, 0666 & ~mask);
    teardown();
}
END_TEST

START_TEST(writer_follows_links) {
    setup();
    char link[160];
    snprintf(link, sizeof link, "%s/link", dir);
    put("old", 3);
    ck_assert_int_eq(symlink(path, link), 0);
    ln_writer w;
    ck_assert_int_eq(ln_writer_open(&w, link, &err), LINNET_OK);
    fputs("new", w.f);
    ck_assert_int_eq(ln_writer_commit(&w, &err), LINNET_OK);
    expect_file("new");
    struct stat info;
    ck_assert_int_eq(lstat(link, &info), 0);
    ck_assert(S_ISLNK(info.st_mode));
    unlink(link);
    teardown();
}
END_TEST

START_TEST(writer_reports) {
    setup();
    ln_writer w;
    ck_assert_int_eq(ln_writer_open(&w, dir, &err), LINNET_ERR_IO);
    ck_assert_ptr_nonnull(strstr(err.message, "Is a directory"));
    char missing[200];
    snprintf(missing, sizeof missing, "%s/no/such", dir);
    ck_assert_int_eq(ln_writer_open(&w, missing, &err), LINNET_ERR_IO);
    oom_fail_nth(1);
    ck_assert_int_eq(ln_writer_open(&w, path, &err), LINNET_ERR_OUT_OF_MEMORY);
    oom_fail_nth(2);
    ck_assert_int_eq(ln_writer_open(&w, path, &err), LINNET_ERR_IO);
    /* A full disk shows at commit; a device is written, never replaced. */
    ck_assert_int_eq(ln_writer_open(&w, "/dev/full", &err), LINNET_OK);
    fputs("x", w.f);
    ck_assert_int_eq(ln_writer_commit(&w, &err), LINNET_ERR_IO);
    ck_assert_ptr_nonnull(strstr(err.message, "No space left"));
    struct stat info;
    ck_assert_int_eq(ln_writer_open(&w, "/dev/null", &err), LINNET_OK);
    ck_assert_int_eq(ln_writer_commit(&w, &err), LINNET_OK);
    ck_assert_int_eq(stat("/dev/null", &info), 0);
    ck_assert(S_ISCHR(info.st_mode));
    /* The goal became a folder meanwhile: the rename fails and the temporary goes. */
    ck_assert_int_eq(ln_writer_open(&w, path, &err), LINNET_OK);
    ck_assert_int_eq(mkdir(path, 0700), 0);
    ck_assert_int_eq(ln_writer_commit(&w, &err), LINNET_ERR_IO);
    ck_assert_int_eq(entries(), 1);
    ck_assert_int_eq(rmdir(path), 0);
    teardown();
}
END_TEST

START_TEST(mkdirs_makes_the_way) {
    setup();
    char deep[200];
    snprintf(deep, sizeof deep, "%s/a//b/c/", dir);
    ck_assert_int_eq(ln_mkdirs(deep, &err), LINNET_OK);
    ck_assert_int_eq(ln_mkdirs(deep, &err), LINNET_OK);
    ck_assert_int_eq(access(deep, W_OK), 0);
    put("x", 1);
    char through[200];
    snprintf(through, sizeof through, "%s/below", path);
    ck_assert_int_eq(ln_mkdirs(through, &err), LINNET_ERR_IO);
    ck_assert_ptr_nonnull(strstr(err.message, "Not a directory"));
    ck_assert_int_eq(ln_mkdirs(path, &err), LINNET_ERR_IO);
    oom_fail_nth(1);
    ck_assert_int_eq(ln_mkdirs(deep, &err), LINNET_ERR_OUT_OF_MEMORY);
    const char *const left[] = {"a/b/c", "a/b", "a"};
    for (size_t i = 0; i < LN_COUNT(left); i++) {
        snprintf(deep, sizeof deep, "%s/%s", dir, left[i]);
        ck_assert_int_eq(rmdir(deep), 0);
    }
    teardown();
}
END_TEST

CHECK_MAIN("base file", map_reads_all_of_it, released_bytes_are_read_again, map_refuses,
           cursor_takes_little_endian, cursor_never_passes_the_end,
           unlink_all_takes_the_temporaries, writer_replaces_or_leaves, writer_follows_links,
           writer_reports, mkdirs_makes_the_way)
