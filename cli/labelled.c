/* How many pictures of known classes a model gets right. */
#include "cli/cli.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* A folder's class: its number, or its label, whole or up to the first comma; -1: none. */
static int class_of(const linnet_model *m, int classes, const char *name) {
    char *end;
    const long n = strtol(name, &end, 10);
    if (isdigit((unsigned char)*name) && !*end) return n < classes ? (int)n : -1;
    for (int i = 0; i < classes; i++) {
        const char *label = linnet_model_label(m, i);
        if (!label) return -1;
        const size_t first = strcspn(label, ",");
        if (!strcasecmp(label, name) || (strlen(name) == first && !strncasecmp(label, name, first)))
            return i;
    }
    return -1;
}

static int keep_folders(const struct dirent *d) {
    return d->d_name[0] != '.';
}

static int add_folder(cli_labelled *l, const char *path, int class) {
    cli_source *s = NULL;
    char *arg = (char *)path, *file;
    linnet_error err = {0};
    int status = cli_source_open(&arg, 1, &s);
    while (!status && (file = cli_source_next(s, NULL, &err))) {
        cli_labelled_picture *p = realloc(l->picture, (l->count + 1) * sizeof *p);
        if (err.status != LINNET_OK) status = cli_report(&err);
        if (!p) status = cli_out_of_memory("the list of pictures");
        if (p) l->picture = p;
        if (status)
            free(file);
        else
            l->picture[l->count++] = (cli_labelled_picture){file, class};
    }
    cli_source_close(&s);
    return status;
}

int cli_labelled_open(const char *dir, const linnet_model *m, cli_labelled *out) {
    linnet_model_info info;
    linnet_error err = {0};
    struct dirent **entry = NULL;
    *out = (cli_labelled){0};
    if (linnet_model_get_info(m, &info, &err) != LINNET_OK) return cli_report(&err);
    const int n = scandir(dir, &entry, keep_folders, alphasort);
    int status = CLI_OK;
    if (n < 0) {
        ln_fail(&err, LINNET_ERR_IO, "%s: cannot read the folder: %s", dir, strerror(errno));
        status = cli_report(&err);
    }
    for (int i = 0; i < n; i++) {
        char path[4096];
        const int class = class_of(m, info.classes, entry[i]->d_name);
        const bool slash = *dir && dir[strlen(dir) - 1] == '/';
        snprintf(path, sizeof path, "%s%s%s", dir, slash ? "" : "/", entry[i]->d_name);
        if (!status && class < 0) {
            ln_fail(&err, LINNET_ERR_INVALID_ARGUMENT,
                    "%s: no class of %s; --labelled takes a folder of pictures for each, named by "
                    "number (0 to %d) or label",
                    path, info.name, info.classes - 1);
            status = cli_report(&err);
        }
        if (!status) status = add_folder(out, path, class);
        free(entry[i]);
    }
    free(entry);
    if (!status && !out->count) {
        ln_fail(&err, LINNET_ERR_IO, "%s: no pictures; it needs a folder of them for each class",
                dir);
        status = cli_report(&err);
    }
    if (status) cli_labelled_free(out);
    return status;
}

void cli_labelled_free(cli_labelled *l) {
    for (size_t i = 0; i < l->count; i++) free(l->picture[i].path);
    free(l->picture);
    *l = (cli_labelled){0};
}

static int count_right(const cli_labelled *l, const linnet_model *m, linnet_session *s,
                       const cli_tensors *in, const cli_tensors *out, size_t *right) {
    linnet_error err = {0};
    for (size_t i = 0; i < l->count; i++) {
        linnet_top top;
        if (linnet_image_load(m, l->picture[i].path, in->data[0], &err) != LINNET_OK ||
            linnet_session_run(s, (const void *const *)in->data, out->data, &err) != LINNET_OK)
            return cli_report(&err);
        linnet_topk(out->data[0], (int)cli_tensor_count(&out->info[0]), 1, &top);
        *right += top.index == l->picture[i].label;
    }
    return CLI_OK;
}

int cli_labelled_top1(const cli_options *o, const cli_labelled *l, linnet_model *m,
                      linnet_device *d, size_t *right) {
    linnet_session *s = NULL;
    cli_tensors in = {0}, out = {0};
    *right = 0;
    int status = cli_session_create(o, m, d, 1, &s);
    if (!status) status = cli_tensors_create(s, false, &in);
    if (!status) status = cli_tensors_create(s, true, &out);
    if (!status) status = count_right(l, m, s, &in, &out, right);
    cli_tensors_free(&in);
    cli_tensors_free(&out);
    linnet_session_destroy(&s);
    return status;
}
