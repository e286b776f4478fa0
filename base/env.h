/* The one place that reads the environment. docs/environment.md lists the same table. */
#ifndef LN_ENV_H
#define LN_ENV_H

#include "base/base.h"

#define LN_ENV_VARS(X)                                                                             \
    X(DEVICE, "LINNET_DEVICE")       /* as --device */                                             \
    X(DISABLE, "LINNET_DISABLE")     /* comma list of variants, tiers or features to turn off */   \
    X(PROBE, "LINNET_PROBE")         /* path of the linnet-probe program */                        \
    X(OPENCL, "LINNET_OPENCL")       /* path of the OpenCL loader to open */                       \
    X(TEST_DATA, "LINNET_TEST_DATA") /* folder of photographs and models for tests */              \
    X(CACHE_HOME, "XDG_CACHE_HOME")                                                                \
    X(HOME, "HOME")                                                                                \
    X(NO_COLOR, "NO_COLOR")

typedef enum ln_env_var {
#define LN_ENV_ENUM(id, name) LN_ENV_##id,
    LN_ENV_VARS(LN_ENV_ENUM)
#undef LN_ENV_ENUM
        LN_ENV_COUNT
} ln_env_var;
extern const char *const ln_env_names[LN_ENV_COUNT];

/* The value, or NULL when unset or empty. The pointer lives as long as the environment does. */
const char *ln_env(ln_env_var v);

/* Whether LINNET_DISABLE names it. */
bool ln_env_disabled(const char *name);

/* $XDG_CACHE_HOME/linnet, else ~/.cache/linnet, plus "/sub" when given, or the override of
 * ln_cache_dir_set. False when caching is off or no home is known. */
bool ln_cache_path(char *buf, size_t size, const char *sub);
/* dir: a folder, "off" for no cache, NULL for the default. Process-wide; thread-safe.
 * False, and nothing changed, when dir is longer than 1023 bytes. */
bool ln_cache_dir_set(const char *dir);

#endif
