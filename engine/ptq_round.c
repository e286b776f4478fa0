/* Rounding with feedback: what rounding changes in one weight of a sum is given to the weights that
 * are rounded after it, as far as what those read goes along with what this one read.
 *
 * With H = U D U' the covariance of what the sum reads, U unit upper triangular, and e = w - q:
 *   q[k] = round(w[k] + sum over i < k of e[i] U[i,k])
 * which leaves e' H e = sum of D[k] times the square of a rounding each (Frantar et al. 2022, GPTQ,
 * arXiv:2210.17323, in the form of Chee et al. 2023, arXiv:2307.13304, LDLQ, theorem 6 there). What
 * varies most is rounded first; a hundredth of the mean variance is added to every one, as there.
 */
#include "engine/ptq_parts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef float vec __attribute__((vector_size(LN_PTQ_LANES * sizeof(float))));
typedef double wide __attribute__((vector_size(LN_PTQ_LANES * sizeof(double))));

typedef struct ranked {
    double variance;
    int64_t index; /* in the sum */
} ranked;

typedef struct rounder {
    int64_t k, row;
    ranked *rank; /* in the order of rounding */
    double *r;    /* [k][row], H = R R', R upper triangular */
    float *back;  /* [k][row]: back[j][i] = U[i,j], i < j */
    vec *error;   /* of LN_PTQ_LANES sums */
} rounder;

static double moment(const ln_ptq_moments *m, bool centred, int64_t g, int64_t i, int64_t j) {
    const double n = (double)m->count, *sum = m->sum + g * m->k;
    const double p = (double)m->product[(g * m->k + LN_MAX(i, j)) * m->row + LN_MIN(i, j)] / n;
    return p - (centred ? sum[i] / n * (sum[j] / n) : 0);
}

static int larger_first(const void *a, const void *b) {
    const ranked *x = a, *y = b;
    if (x->variance != y->variance) return x->variance > y->variance ? -1 : 1;
    return x->index < y->index ? -1 : 1;
}

static double dot(const double *a, const double *b, int64_t from, int64_t to) {
    wide sum = {0};
    double rest = 0;
    int64_t i = from;
    for (; i < to && i % LN_PTQ_LANES; i++) rest += a[i] * b[i];
    for (; i + LN_PTQ_LANES <= to; i += LN_PTQ_LANES)
        sum += *(const wide *)(a + i) * *(const wide *)(b + i);
    for (; i < to; i++) rest += a[i] * b[i];
    for (int l = 0; l < LN_PTQ_LANES; l++) rest += sum[l];
    return rest;
}

/* Cholesky's decomposition from the last row up. */
static void factor(rounder *f) {
    for (int64_t j = f->k; j-- > 0;) {
        double *of = f->r + j * f->row;
        const double left = of[j] - dot(of, of, j + 1, f->k);
        of[j] = sqrt(fmax(left, 1e-30));
        for (int64_t i = 0; i < j; i++) {
            double *up = f->r + i * f->row;
            up[j] = (up[j] - dot(up, of, j + 1, f->k)) / of[j];
            f->back[j * f->row + i] = (float)(up[j] / of[j]);
        }
    }
}

static void set_group(rounder *f, const ln_ptq_moments *m, bool centred, int64_t g) {
    const double damp = 0.01;
    double mean = 0;
    for (int64_t i = 0; i < f->k; i++) {
        f->rank[i] = (ranked){moment(m, centred, g, i, i), i};
        mean += f->rank[i].variance / (double)f->k;
    }
    qsort(f->rank, (size_t)f->k, sizeof *f->rank, larger_first);
    for (int64_t i = 0; i < f->k; i++) {
        double *of = f->r + i * f->row;
        for (int64_t j = i; j < f->k; j++)
            of[j] = moment(m, centred, g, f->rank[i].index, f->rank[j].index);
        of[i] += fmax(mean * damp, 1e-20);
    }
    factor(f);
}

/* Up to LN_PTQ_LANES sums, of K weights each. */
static void round_sums(rounder *f, const float *w, const float *scale, int lanes, int8_t *q) {
    for (int64_t k = 0; k < f->k; k++) {
        const float *back = f->back + k * f->row;
        const int64_t at = f->rank[k].index;
        vec more = {0};
        for (int64_t i = 0; i < k; i++) more += f->error[i] * back[i];
        for (int l = 0; l < lanes; l++) {
            const float want = w[l * f->k + at];
            const float to = fminf(fmaxf(roundf((want + more[l]) / scale[l]), -127), 127);
            q[l * f->k + at] = (int8_t)to;
            f->error[k][l] = want - to * scale[l];
        }
    }
}

static linnet_status open_rounder(rounder *f, const ln_ptq_moments *m, linnet_error *err) {
    const size_t all = (size_t)(m->k * m->row);
    *f = (rounder){.k = m->k, .row = m->row};
    f->rank = malloc((size_t)m->k * sizeof *f->rank);
    f->r = ln_alloc_aligned(all, sizeof *f->r);
    f->back = ln_alloc_aligned(all, sizeof *f->back);
    f->error = ln_alloc_aligned((size_t)m->k, sizeof *f->error);
    if (f->rank && f->r && f->back && f->error) return LINNET_OK;
    return ln_fail_oom(err, "rounding", all * sizeof *f->r);
}

linnet_status ln_ptq_round(const ln_ptq_moments *m, bool centred, const float *w,
                           const float *scale, int64_t rows, int8_t *q, linnet_error *err) {
    rounder f;
    const int64_t each = rows / m->groups;
    const linnet_status st = open_rounder(&f, m, err);
    for (int64_t g = 0; st == LINNET_OK && g < m->groups; g++) {
        set_group(&f, m, centred, g);
        memset(f.error, 0, (size_t)f.k * sizeof *f.error);
        for (int64_t o = g * each; o < (g + 1) * each; o += LN_PTQ_LANES)
            round_sums(&f, w + o * f.k, scale + o, (int)LN_MIN(LN_PTQ_LANES, (g + 1) * each - o),
                       q + o * f.k);
    }
    free(f.rank);
    free(f.r);
    free(f.back);
    free(f.error);
    return st;
}
