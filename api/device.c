/* Devices: OpenCL's, and the C reference under the name "ref". */
#include "api/api.h"
#include "base/env.h"
#include "engine/peak.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define COPY(dst, src) snprintf(dst, sizeof(dst), "%.*s", (int)sizeof(dst) - 1, src)

static bool is_reference(const char *spec) {
    if (!spec) spec = ln_env(LN_ENV_DEVICE);
    return spec && !strcasecmp(spec, "ref");
}

static void fill_info(const ln_caps *c, linnet_device_info *out) {
    memset(out, 0, sizeof *out);
    COPY(out->platform, c->platform);
    COPY(out->name, c->name);
    COPY(out->vendor, c->vendor);
    COPY(out->driver, c->driver);
    COPY(out->version, c->version);
    out->is_cpu = c->kind == LN_DEVICE_CPU;
    out->is_gpu = c->kind == LN_DEVICE_GPU;
    out->compute_units = c->compute_units;
    out->max_work_group = c->max_work_group;
    out->vector_float = c->vector_float;
    out->global_mem = c->global_mem;
    out->max_alloc = c->max_alloc;
    out->local_mem = c->local_mem;
    size_t n = 0;
    for (int f = 0; f < LN_FEAT_COUNT; f++)
        if (ln_caps_has(c, (ln_feature)f) && n < sizeof out->features)
            n += (size_t)snprintf(out->features + n, sizeof out->features - n, "%s%s", n ? " " : "",
                                  ln_feature_names[f]);
}

linnet_status linnet_devices(const char *spec, linnet_device_info **list, size_t *count,
                             linnet_error *err) {
    ln_device_entry *entry = NULL;
    size_t n = 0;
    *list = NULL;
    *count = 0;
    LN_TRY(ln_devices_list(spec, true, &entry, &n, err));
    linnet_device_info *info = calloc(n ? n : 1, sizeof *info);
    if (!info) {
        free(entry);
        return ln_fail_oom(err, "the list of devices", n * sizeof *info);
    }
    for (size_t i = 0; i < n; i++) {
        fill_info(&entry[i].caps, &info[i]);
        info[i].chosen = entry[i].chosen;
        COPY(info[i].why, entry[i].why);
    }
    free(entry);
    *list = info;
    *count = n;
    return LINNET_OK;
}

linnet_status linnet_device_open(const char *spec, linnet_device **out, linnet_error *err) {
    *out = NULL;
    linnet_device *d = calloc(1, sizeof *d);
    if (!d) return ln_fail_oom(err, "a device", sizeof *d);
    linnet_status st = is_reference(spec) ? LINNET_OK : ln_device_open(spec, &d->dev, err);
    if (st != LINNET_OK) {
        free(d);
        return st;
    }
    *out = d;
    return LINNET_OK;
}

void linnet_device_close(linnet_device **d) {
    if (!d || !*d) return;
    if ((*d)->dev) ln_device_release(&(*d)->dev);
    free(*d);
    *d = NULL;
}

linnet_status linnet_device_get_info(const linnet_device *d, linnet_device_info *out) {
    if (d->dev) {
        fill_info(ln_device_caps(d->dev), out);
    } else {
        memset(out, 0, sizeof *out);
        COPY(out->platform, "none");
        COPY(out->name, "C reference");
        COPY(out->driver, linnet_version());
        out->is_cpu = 1;
    }
    out->chosen = 1;
    return LINNET_OK;
}

linnet_status linnet_device_dump(const linnet_device *d, char **json, linnet_error *err) {
    *json = NULL;
    if (!d->dev)
        return ln_fail(err, LINNET_ERR_UNSUPPORTED,
                       "the C reference has no record of limits; choose an OpenCL device");
    ln_str s = {0};
    ln_caps_to_json(ln_device_caps(d->dev), &s);
    return ln_api_take(&s, json, err);
}

linnet_status linnet_device_peak(linnet_device *d, double *gflops, linnet_error *err) {
    *gflops = 0;
    if (!d->dev)
        return ln_fail(err, LINNET_ERR_UNSUPPORTED,
                       "the C reference has no peak to measure; choose an OpenCL device");
    return ln_peak_gflops(d->dev, gflops, err);
}

linnet_status linnet_device_bandwidth(linnet_device *d, size_t bytes, double *gbs,
                                      linnet_error *err) {
    *gbs = 0;
    if (!d->dev)
        return ln_fail(err, LINNET_ERR_UNSUPPORTED,
                       "the C reference has no bandwidth to measure; choose an OpenCL device");
    return ln_peak_bandwidth(d->dev, bytes, gbs, err);
}
