/* Run with LINNET_OPENCL or OCL_ICD_VENDORS pointing at nothing: what a bare machine says. */
#include "tests/host/common.h"

START_TEST(says_what_is_missing) {
    ln_device *d;
    ck_assert_int_eq(ln_device_open(NULL, &d, &err), LINNET_ERR_NO_DEVICE);
    ck_says(getenv("EXPECT"));
    ck_assert_int_eq(ln_device_open(NULL, &d, &err), LINNET_ERR_NO_DEVICE); /* and again */
    ck_says(getenv("EXPECT"));
}
END_TEST

CHECK_MAIN("host absent", says_what_is_missing)
