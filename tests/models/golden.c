#include "tests/models/golden.h"

#include <dirent.h>
#include <fnmatch.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static void die(const char *what, const char *where) {
    fprintf(stderr, "goldens: %s: %s\n", where, what);
    exit(99);
}

static int by_name(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool wanted(const char *name, int n, char **pattern) {
    for (int i = 0; i < n; i++)
        if (!fnmatch(pattern[i], name, 0)) return true;
    return n == 0;
}

char **golden_list(int n, char **pattern) {
    const char *folder = getenv("GOLDENS");
    DIR *d = folder ? opendir(folder) : NULL;
    if (!d) die("set GOLDENS to the folder tests/goldens", folder ? folder : "(unset)");
    char **list = calloc(1000, sizeof *list);
    size_t count = 0;
    for (struct dirent *e; (e = readdir(d)) && count < 999;) {
        if (fnmatch("*.txt", e->d_name, 0) || !wanted(e->d_name, n, pattern)) continue;
        list[count] = malloc(strlen(folder) + strlen(e->d_name) + 2);
        sprintf(list[count++], "%s/%s", folder, e->d_name);
    }
    closedir(d);
    qsort(list, count, sizeof *list, by_name);
    return list;
}

static void read_layer(FILE *f, golden *g, const char *path) {
    if (g->n_layer == (int)LN_COUNT(g->layer)) die("too many layers", path);
    golden_layer *l = &g->layer[g->n_layer++];
    if (fscanf(f, "%95s %lf %lf %lf %lf %lf %lf", l->name, &l->mean, &l->std, &l->first[0],
               &l->first[1], &l->first[2], &l->first[3]) != 7)
        die("bad layer line", path);
}

static void read_logits(FILE *f, golden *g, const char *path) {
    if (fscanf(f, "%d", &g->classes) != 1 || g->classes < 1) die("bad logits count", path);
    g->logits = calloc((size_t)g->classes, sizeof *g->logits);
    for (int i = 0; i < g->classes; i++)
        if (fscanf(f, "%lf", &g->logits[i]) != 1) die("too few logits", path);
}

golden golden_read(const char *path) {
    golden g = {0};
    char key[32];
    FILE *f = fopen(path, "r");
    if (!f) die("cannot open", path);
    while (fscanf(f, "%31s", key) == 1) {
        int ok = 1;
        if (!strcmp(key, "model"))
            ok = fscanf(f, "%63s", g.model);
        else if (!strcmp(key, "size"))
            ok = fscanf(f, "%d", &g.size);
        else if (!strcmp(key, "params"))
            ok = fscanf(f, "%ld", &g.params);
        else if (!strcmp(key, "macs"))
            ok = fscanf(f, "%ld", &g.macs);
        else if (!strcmp(key, "weights_crc32"))
            ok = fscanf(f, "%x", &g.weights_crc);
        else if (!strcmp(key, "input_crc32"))
            ok = fscanf(f, "%x", &g.input_crc);
        else if (!strcmp(key, "std"))
            ok = fscanf(f, "%lf", &g.std);
        else if (!strcmp(key, "layer"))
            read_layer(f, &g, path);
        else if (!strcmp(key, "logits"))
            read_logits(f, &g, path);
        else
            die("unknown key", path);
        if (ok != 1) die("bad value", path);
    }
    fclose(f);
    if (!g.logits || !g.model[0] || !(g.std > 0)) die("incomplete", path);
    return g;
}

void golden_free(golden *g) {
    free(g->logits);
    g->logits = NULL;
}

double golden_error(const golden *g, const float *logits) {
    double worst = 0;
    for (int i = 0; i < g->classes; i++) {
        double e = fabs((double)logits[i] - g->logits[i]);
        if (isnan(e)) return INFINITY;
        worst = LN_MAX(worst, e);
    }
    return worst / g->std;
}
