/* The one place that reads the environment. docs/environment.md lists the same table. */
#ifndef LN_ENV_H
#define LN_ENV_H

#include "base/base.h"

typedef enum ln_env_var {
    LN_ENV_DEVICE,     /* LINNET_DEVICE: as --device */
    LN_ENV_DISABLE,    /* LINNET_DISABLE: comma list of tiers or features to turn off */
    LN_ENV_PROBE,      /* LINNET_PROBE: path of the linnet-probe program */
    LN_ENV_OPENCL,     /* LINNET_OPENCL: path of the OpenCL loader to open */
    LN_ENV_TEST_DATA,  /* LINNET_TEST_DATA: folder of photographs and models for tests */
    LN_ENV_CACHE_HOME, /* XDG_CACHE_HOME */
    LN_ENV_HOME,       /* HOME */
    LN_ENV_NO_COLOR,   /* NO_COLOR */
    LN_ENV_COUNT
} ln_env_var;

/* The value, or NULL when unset or empty. The pointer lives as long as the environment does. */
const char *ln_env(ln_env_var v);

/* $XDG_CACHE_HOME/linnet, else ~/.cache/linnet, plus "/sub" when given, or the override of
 * ln_cache_dir_set. False when caching is off or no home is known. */
bool ln_cache_path(char *buf, size_t size, const char *sub);
/* dir: a folder, "off" for no cache, NULL for the default. Process-wide; thread-safe. */
void ln_cache_dir_set(const char *dir);

#endif
