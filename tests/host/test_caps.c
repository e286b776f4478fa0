/* The device record as JSON, features by mask, known driver faults. */
#include "tests/host/common.h"

static ln_caps adreno(const char *compiler) {
    ln_caps c = {.platform = "QUALCOMM Snapdragon(TM)",
                 .name = "QUALCOMM Adreno(TM)",
                 .vendor = "QUALCOMM",
                 .version = "OpenCL 3.0 Adreno(TM) 740",
                 .kind = LN_DEVICE_GPU,
                 .cl_version = 300,
                 .compute_units = 6,
                 .max_work_group = 1024,
                 .max_work_item = {1024, 1024, 64},
                 .vector_float = 1,
                 .mem_align = 128,
                 .global_mem = UINT64_C(5914734592),
                 .max_alloc = UINT64_C(1073741824),
                 .local_mem = 32768,
                 .features = (1u << LN_FEAT_COUNT) - 1};
    snprintf(c.driver, sizeof c.driver, "OpenCL 3.0 QUALCOMM build: 0676.65 Compiler E%s",
             compiler);
    return c;
}

START_TEST(record_goes_round) {
    ln_caps c = adreno("031.45.02.16"), back;
    c.quirks = 1u << LN_QUIRK_ONE_KERNEL | 1u << LN_QUIRK_SMALL_GROUPS;
    c.global_mem = LN_CAPS_MOST;
    ln_str s = {0}, again = {0};
    ln_caps_to_json(&c, &s);
    ck_assert(!s.failed);
    ck_ok(ln_caps_from_json(s.p, &back, &err));
    ck_assert_uint_eq(back.features, c.features);
    ck_assert_uint_eq(back.quirks, c.quirks);
    ck_assert_uint_eq(back.global_mem, c.global_mem);
    ck_assert_uint_eq(back.max_work_item[2], 64);
    ck_assert_str_eq(back.driver, c.driver);
    ln_caps_to_json(&back, &again);
    ck_assert_str_eq(s.p, again.p);
    ln_str_free(&s);
    ln_str_free(&again);
}
END_TEST

/* Replaces the first `from` in a good record. */
static linnet_status altered(const char *from, const char *to) {
    ln_caps c = adreno("031.45.02.16"), back;
    ln_str s = {0}, t = {0};
    ln_caps_to_json(&c, &s);
    char *at = strstr(s.p, from);
    ck_assert_msg(at != NULL, "%s is not in %s", from, s.p);
    ln_str_put(&t, s.p, (size_t)(at - s.p));
    ln_str_add(&t, "%s%s", to, at + strlen(from));
    linnet_status st = ln_caps_from_json(t.p, &back, &err);
    ln_str_free(&s);
    ln_str_free(&t);
    return st;
}

/* Every checked-in record: readable, with its source, and written back as it was. */
START_TEST(checked_in_records_are_whole) {
    DIR *d = opendir(getenv("CAPS_DIR"));
    int seen = 0;
    ck_assert_ptr_nonnull(d);
    for (struct dirent *e; (e = readdir(d));) {
        char path[1024];
        ln_file f;
        ln_caps c, back;
        ln_str text = {0}, again = {0};
        if (!strstr(e->d_name, ".json")) continue;
        snprintf(path, sizeof path, "%s/%s", getenv("CAPS_DIR"), e->d_name);
        ck_ok(ln_file_map(path, &f, &err));
        ln_str_put(&text, (const char *)f.data, f.size);
        ln_file_unmap(&f);
        ck_ok(ln_caps_from_json(text.p, &c, &err));
        ck_assert_msg(strstr(text.p, "\"source\"") != NULL, "%s has no source", path);
        ck_assert_uint_gt(c.compute_units, 0);
        ck_assert_uint_ge(c.global_mem, c.max_alloc);
        ln_caps_to_json(&c, &again);
        ck_ok(ln_caps_from_json(again.p, &back, &err));
        ck_assert_str_eq(back.name, c.name);
        ck_assert_uint_eq(back.features, c.features);
        uint32_t quirks = c.quirks; /* and its known faults are the ones in the table */
        ln_caps_apply_quirks(&c);
        ck_assert_uint_eq(c.quirks, quirks);
        ck_assert_uint_eq(c.features, back.features);
        ln_str_free(&text);
        ln_str_free(&again);
        seen++;
    }
    closedir(d);
    ck_assert_int_ge(seen, 2);
}
END_TEST

START_TEST(bad_records_are_refused) {
    static const struct {
        const char *from, *to, *says;
    } cases[] = {
        {"\"schema\":\t1", "\"schema\":\t2", "\"schema\" is not 1"},
        {"\"schema\"", "\"skema\"", "\"schema\" is not 1"},
        {"\"vendor\"", "\"seller\"", "unknown key \"seller\""},
        {"\"vendor\":\t\"QUALCOMM\",", "", "\"vendor\" is missing"},
        {"\"gpu\"", "\"abacus\"", "\"kind\""},
        {"\"gpu\"", "1", "\"kind\""},
        {"\"fp16\"", "\"fp17\"", "\"features\""},
        {"\"fp16\"", "3", "\"features\""},
        {"\"quirks\":\t[]", "\"quirks\":\t{}", "\"quirks\""},
        {"\"quirks\":\t[]", "\"quirks\":\t[\"no\"]", "\"quirks\""},
        {"\"quirks\":\t[]", "\"quirks\":\t\"\"", "\"quirks\""},
        {"\"mem_align\":\t128", "\"mem_align\":\t-1", "\"mem_align\""},
        {"\"mem_align\":\t128", "\"mem_align\":\t1.5", "\"mem_align\""},
        {"\"mem_align\":\t128", "\"mem_align\":\t1e10", "\"mem_align\""},
        {"\"mem_align\":\t128", "\"mem_align\":\t\"128\"", "\"mem_align\""},
        {"\"local_mem\":\t32768", "\"local_mem\":\t1e17", "\"local_mem\""},
        {"[1024, 1024, 64]", "[1024, 1024]", "\"max_work_item\""},
        {"[1024, 1024, 64]", "[1024, 1024, {}]", "\"max_work_item\""},
        {"[1024, 1024, 64]", "7", "\"max_work_item\""},
        {"\"vendor\":\t\"QUALCOMM\"", "\"vendor\":\t7", "\"vendor\""},
        {"\"vendor\":\t\"QUALCOMM\"",
         "\"vendor\":\t\"a name that is longer than the sixty-three bytes which the record has for "
         "it\"",
         "\"vendor\""},
        {"}", "} x", "not a JSON object"},
        {"{", "[", "not a JSON object"},
    };
    for (size_t i = 0; i < LN_COUNT(cases); i++) {
        ck_assert_int_eq(altered(cases[i].from, cases[i].to), LINNET_ERR_BAD_FILE);
        ck_says(cases[i].says);
    }
    ln_caps c;
    ck_assert_int_eq(ln_caps_from_json("", &c, &err), LINNET_ERR_BAD_FILE);
    ck_assert_int_eq(ln_caps_from_json("[]", &c, &err), LINNET_ERR_BAD_FILE);
}
END_TEST

START_TEST(cut_records_are_refused) {
    ln_caps c = adreno("031.45.02.16"), back;
    ln_str s = {0};
    ln_caps_to_json(&c, &s);
    size_t end = strlen(s.p);
    while (s.p[end - 1] == '\n') end--;
    for (size_t n = 0; n < end; n++) {
        char keep = s.p[n];
        s.p[n] = 0;
        ck_assert_int_eq(ln_caps_from_json(s.p, &back, &err), LINNET_ERR_BAD_FILE);
        s.p[n] = keep;
    }
    ln_str_free(&s);
}
END_TEST

START_TEST(versions_compare_as_numbers) {
    ck_assert_int_lt(ln_version_compare("031.38.11", "31.45"), 0);
    ck_assert_int_eq(ln_version_compare("31.38.0.0", "031.38"), 0);
    ck_assert_int_gt(ln_version_compare("31.38.1", "31.38"), 0);
    ck_assert_int_gt(ln_version_compare("10", "9"), 0);
    ck_assert_int_eq(ln_version_compare("", ""), 0);
    ck_assert_int_lt(ln_version_compare("x", "1"), 0);
    ck_assert_int_eq(ln_version_compare("3.1+debian", "3.1"), 0);
}
END_TEST

static void note(void *user, int level, const char *line) {
    (void)level;
    ln_str_add(user, "%s\n", line);
}

/* The log says which faults are worked around, and no other is said to be. */
START_TEST(faults_are_logged_as_they_are) {
    ln_str s = {0};
    ln_caps old = adreno("031.38.00.00");
    strcpy(old.version, "OpenCL 2.0 Adreno(TM) 610");
    ln_log_set(note, &s, LN_LOG_INFO);
    ln_caps_apply_quirks(&old);
    ln_log_set(NULL, NULL, LN_LOG_INFO);
    ck_assert_ptr_nonnull(strstr(s.p, "no_subgroups: avoiding sub_group functions ("));
    ck_assert_ptr_nonnull(strstr(s.p, "miscompiles: avoiding kernels whose"));
    ln_str_free(&s);
    for (int q = 0; q < LN_QUIRK_COUNT; q++)
        ck_assert(ln_quirk_infos[q].handled || !ln_quirk_infos[q].avoids);
}
END_TEST

START_TEST(faults_by_compiler_version) {
    static const struct {
        const char *compiler;
        bool no_subgroups, miscompiles;
    } cases[] = {
        {"031.37.12.01", true, false},  {"031.38.00.00", true, true},
        {"031.38.11.00", false, true},  {"031.41.00.02", false, true},
        {"031.45.02.16", false, false},
    };
    for (size_t i = 0; i < LN_COUNT(cases); i++) {
        ln_caps c = adreno(cases[i].compiler);
        ln_caps_apply_quirks(&c);
        ck_assert_int_eq(ln_caps_quirk(&c, LN_QUIRK_NO_SUBGROUPS), cases[i].no_subgroups);
        ck_assert_int_eq(ln_caps_has(&c, LN_FEAT_SUBGROUPS), !cases[i].no_subgroups);
        ck_assert_int_eq(ln_caps_quirk(&c, LN_QUIRK_MISCOMPILES), cases[i].miscompiles);
        ck_assert(!ln_caps_quirk(&c, LN_QUIRK_ONE_KERNEL));
        ck_assert(!ln_caps_has(&c, LN_FEAT_COMMAND_BUFFER));
        ck_assert(ln_caps_has(&c, LN_FEAT_BARRIER));
    }
    ln_caps old = adreno("031.45.02.16");
    strcpy(old.version, "OpenCL 2.0 Adreno(TM) 610"); /* a fault of the 6xx series */
    ln_caps_apply_quirks(&old);
    ck_assert(ln_caps_quirk(&old, LN_QUIRK_ONE_KERNEL));
    ck_assert(ln_caps_quirk(&old, LN_QUIRK_SMALL_GROUPS));
    ck_assert_uint_eq(old.max_work_group, 64);
    ln_caps odd = adreno("?");
    ln_caps_apply_quirks(&odd);
    ck_assert(!ln_caps_quirk(&odd, LN_QUIRK_MISCOMPILES)); /* no version, no range */
    ln_caps pocl = {.platform = "Portable Computing Language", .name = "pthread-haswell"};
    ln_caps_apply_quirks(&pocl);
    ck_assert_uint_eq(pocl.quirks, 0); /* no version, no range */
    snprintf(pocl.driver, sizeof pocl.driver, "3.1+debian");
    ln_caps_apply_quirks(&pocl);
    ck_assert_uint_eq(pocl.quirks, 1u << LN_QUIRK_ONE_QUEUE);
    snprintf(pocl.driver, sizeof pocl.driver, "7.0");
    ln_caps_apply_quirks(&pocl);
    ck_assert_uint_eq(pocl.quirks, 0);
}
END_TEST

START_TEST(features_by_mask) {
    const uint32_t all = (1u << LN_FEAT_COUNT) - 1;
    ln_caps c = {.features = all};
    ln_caps_disable(&c, NULL);
    ln_caps_disable(&c, "");
    ln_caps_disable(&c, ",,deep,barriers,bar,");
    ck_assert_uint_eq(c.features, all);
    ln_caps_disable(&c, "wide,FP16,barrier");
    ck_assert_uint_eq(c.features, all & ~(1u << LN_FEAT_FP16) & ~(1u << LN_FEAT_BARRIER));
}
END_TEST

CHECK_MAIN("host caps", record_goes_round, checked_in_records_are_whole, bad_records_are_refused,
           cut_records_are_refused, versions_compare_as_numbers, faults_by_compiler_version,
           faults_are_logged_as_they_are, features_by_mask)
