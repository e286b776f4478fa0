/* A profile as files for other programs: a trace for Perfetto, a roofline picture. */
#include "cli/profile.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static int write_file(const char *path, const char *text) {
    linnet_error err = {0};
    ln_writer w;
    linnet_status st = ln_writer_open(&w, path, &err);
    if (st != LINNET_OK) return cli_report(&err);
    fputs(text, w.f);
    st = ln_writer_commit(&w, &err);
    ln_writer_close(&w);
    return st == LINNET_OK ? CLI_OK : cli_report(&err);
}

/* ---- the trace: steps in one row, parts of chains in another ---- */

enum { ROW_STEPS = 1, ROW_PARTS = 2 };

static cJSON *event(const char *phase, const char *name, int row) {
    cJSON *e = cJSON_CreateObject();
    cli_json_text(e, "ph", phase);
    cli_json_text(e, "name", name);
    cli_json_int(e, "pid", 1);
    cli_json_int(e, "tid", row);
    return e;
}

static cJSON *row_name(const char *name, int row) {
    cJSON *e = event("M", "thread_name", row), *args = cJSON_AddObjectToObject(e, "args");
    cli_json_text(args, "name", name);
    return e;
}

static cJSON *slice(const profile_step *s, double at_ms) {
    cJSON *e = event("X", s->info.name, s->part ? ROW_PARTS : ROW_STEPS);
    cli_json_text(e, "cat", s->info.op);
    cli_json_number(e, "ts", 1e3 * at_ms, 9);
    cli_json_number(e, "dur", 1e3 * s->info.ms, 9);
    cJSON *args = cJSON_AddObjectToObject(e, "args");
    cli_json_text(args, "variant", s->info.variant);
    cli_json_number(args, "gflops", profile_gflops(s), 5);
    cli_json_number(args, "gbs", profile_gbs(s), 5);
    cli_json_number(args, "intensity", profile_intensity(s), 5);
    cli_json_text(args, "limit", s->memory ? "memory" : "compute");
    cli_json_number(args, "of_limit", s->share, 4);
    return e;
}

int profile_write_trace(const profile *p, const char *path) {
    cJSON *object = cJSON_CreateObject(), *list = cJSON_AddArrayToObject(object, "traceEvents");
    cJSON_AddItemToArray(list, row_name("steps", ROW_STEPS));
    cJSON_AddItemToArray(list, row_name("parts of chains", ROW_PARTS));
    double part_at = 0;
    for (size_t i = 0; i < p->n; i++) {
        const profile_step *s = &p->step[i];
        if (!s->part) part_at = s->info.start_ms;
        cJSON_AddItemToArray(list, slice(s, s->part ? part_at : s->info.start_ms));
        if (s->part) part_at += s->info.ms;
    }
    cJSON *other = cJSON_AddObjectToObject(object, "otherData");
    cli_json_text(other, "model", p->model);
    cli_json_text(other, "device", p->device.name);
    cli_json_text(other, "times", "medians, laid end to end");
    char *text = cJSON_PrintUnformatted(object);
    cJSON_Delete(object);
    if (!text) return cli_out_of_memory("the trace");
    int status = write_file(path, text);
    cJSON_free(text);
    return status;
}

/* ---- the roofline: GFLOP/s over FLOP a byte, both logarithmic ---- */

enum { WIDTH = 860, HEIGHT = 580, LEFT = 70, RIGHT = 20, TOP = 70, BOTTOM = 60 };

typedef struct axes {
    double x0, x1, y0, y1; /* powers of ten */
} axes;

static double across(const axes *a, double intensity) {
    return LEFT + (log10(intensity) - a->x0) / (a->x1 - a->x0) * (WIDTH - LEFT - RIGHT);
}

static double down(const axes *a, double gflops) {
    return HEIGHT - BOTTOM - (log10(gflops) - a->y0) / (a->y1 - a->y0) * (HEIGHT - TOP - BOTTOM);
}

/* A step that computes something in some time; a chain stands for its parts. */
static bool has_place(const profile_step *s) {
    return !s->part && s->info.macs > 0 && s->info.bytes > 0 && s->info.ms > 0;
}

static axes fit(const profile *p) {
    axes a = {0, 1, 0, ceil(log10(p->peak))};
    for (size_t i = 0; i < p->n; i++) {
        if (!has_place(&p->step[i])) continue;
        a.x0 = fmin(a.x0, floor(log10(profile_intensity(&p->step[i]))));
        a.x1 = fmax(a.x1, ceil(log10(profile_intensity(&p->step[i]))));
        a.y0 = fmin(a.y0, floor(log10(profile_gflops(&p->step[i]))));
        a.y1 = fmax(a.y1, ceil(log10(profile_gflops(&p->step[i]))));
    }
    return a;
}

static void add_escaped(ln_str *s, const char *text) {
    char *plain = cli_plain(text, "");
    for (const char *c = plain ? plain : ""; *c; c++) switch (*c) {
        case '&': ln_str_add(s, "&amp;"); break;
        case '<': ln_str_add(s, "&lt;"); break;
        case '>': ln_str_add(s, "&gt;"); break;
        default: ln_str_add(s, "%c", *c);
        }
    free(plain);
}

static void add_grid(ln_str *s, const axes *a) {
    int bottom = HEIGHT - BOTTOM;
    for (double e = a->x0; e <= a->x1; e++) {
        double x = across(a, pow(10, e));
        ln_str_add(s, "<path class=\"g\" d=\"M%.1f %dV%d\"/>", x, TOP, bottom);
        ln_str_add(s, "<text x=\"%.1f\" y=\"%d\" text-anchor=\"middle\">%g</text>\n", x,
                   bottom + 18, pow(10, e));
    }
    for (double e = a->y0; e <= a->y1; e++) {
        double y = down(a, pow(10, e));
        ln_str_add(s, "<path class=\"g\" d=\"M%d %.1fH%d\"/>", LEFT, y, WIDTH - RIGHT);
        ln_str_add(s, "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%g</text>\n", LEFT - 6, y + 4,
                   pow(10, e));
    }
    ln_str_add(s, "<text x=\"%d\" y=\"%d\" text-anchor=\"middle\">FLOP a byte</text>\n",
               (LEFT + WIDTH - RIGHT) / 2, HEIGHT - 16);
    ln_str_add(s, "<text transform=\"translate(18 %d) rotate(-90)\" text-anchor=\"middle\">",
               (TOP + bottom) / 2);
    ln_str_add(s, "GFLOP/s</text>\n");
}

/* The slope of one bandwidth up to the peak, its name along it. */
static void add_roof(ln_str *s, const profile *p, const axes *a, size_t i) {
    char size[24];
    double gbs = p->memory[i].gbs, ridge = p->peak / gbs;
    double from = fmax(pow(10, a->x0), pow(10, a->y0) / gbs);
    double to = fmin(ridge, pow(10, a->x1)), x = across(a, from), y = down(a, from * gbs);
    double x1 = across(a, to), y1 = down(a, to * gbs);
    ln_str_add(s, "<path class=\"r\" d=\"M%.1f %.1fL%.1f %.1f\"/>", x, y, x1, y1);
    ln_str_add(
        s,
        "<text transform=\"translate(%.1f %.1f) rotate(%.1f)\" x=\"12\" y=\"-5\">%.0f GB/s over "
        "%s</text>\n",
        x, y, atan2(y1 - y, x1 - x) * 180 / M_PI, gbs, cli_bytes_text(p->memory[i].bytes, size));
}

static void add_step(ln_str *s, const profile *p, const axes *a, const profile_step *step) {
    double share = step->info.ms / p->run_ms;
    ln_str_add(s, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"%.1f\" class=\"%s\"><title>",
               across(a, profile_intensity(step)), down(a, profile_gflops(step)),
               3 + 30 * sqrt(share), step->memory ? "m" : "c");
    add_escaped(s, step->info.name);
    ln_str_add(s, ": %.4f ms, %.1f %% of the run, %.1f GFLOP/s, %.1f %% of its limit</title>",
               step->info.ms, 100 * share, profile_gflops(step), 100 * step->share);
    ln_str_add(s, "</circle>\n");
}

static const char style[] =
    "<style>text{font:12px sans-serif;fill:#333}.g{stroke:#ddd}.r{stroke:#333;fill:none;"
    "stroke-width:1.5}.m{fill:#d95f02}.c{fill:#1b72b8}circle{fill-opacity:.45;stroke:#fff}"
    "</style>\n<rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n";

int profile_write_roofline(const profile *p, const char *path) {
    ln_str s = {0};
    axes a = fit(p);
    double y = down(&a, p->peak);
    ln_str_add(&s,
               "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" width=\"%d\">\n",
               WIDTH, HEIGHT, WIDTH);
    ln_str_add(&s, "%s<text x=\"%d\" y=\"24\" style=\"font-size:15px\">", style, LEFT);
    add_escaped(&s, p->model);
    ln_str_add(&s, ", batch %d: %.3f ms, %.1f GFLOP/s</text>\n", p->batch, p->run_ms,
               profile_run_gflops(p));
    ln_str_add(&s, "<text x=\"%d\" y=\"42\">", LEFT);
    add_escaped(&s, p->device.name);
    ln_str_add(
        &s,
        "</text>\n<text x=\"%d\" y=\"58\">a circle a step, its area its time; blue: under the "
        "peak of arithmetic, orange: under that of memory</text>\n",
        LEFT);
    add_grid(&s, &a);
    double first = p->peak / p->memory[0].gbs;
    double from = across(&a, fmin(fmax(first, pow(10, a.x0)), pow(10, a.x1)));
    ln_str_add(&s, "<path class=\"r\" d=\"M%.1f %.1fH%d\"/>", from, y, WIDTH - RIGHT);
    ln_str_add(&s, "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">%.0f GFLOP/s</text>\n",
               WIDTH - RIGHT - 4, y - 6, p->peak);
    add_roof(&s, p, &a, 0);
    add_roof(&s, p, &a, PROFILE_SIZES - 1);
    for (size_t i = 0; i < p->n; i++)
        if (has_place(&p->step[i])) add_step(&s, p, &a, &p->step[i]);
    ln_str_add(&s, "</svg>\n");
    int status = s.failed ? cli_out_of_memory("the picture") : write_file(path, s.p);
    ln_str_free(&s);
    return status;
}
