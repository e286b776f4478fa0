#include "base/base.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* Room for n more bytes and the terminator. */
static bool grow(ln_str *s, size_t n) {
    size_t need;
    if (s->failed) return false;
    if (!ln_add_size(s->len, n, &need) || !ln_add_size(need, 1, &need)) goto failed;
    if (need <= s->cap) return true;
    size_t cap = s->cap ? s->cap : 256;
    while (cap < need)
        if (!ln_mul_size(cap, 2, &cap)) goto failed;
    char *p = realloc(s->p, cap);
    if (!p) goto failed;
    s->p = p;
    s->cap = cap;
    return true;
failed:
    s->failed = true;
    return false;
}

void ln_str_put(ln_str *s, const char *bytes, size_t n) {
    if (!grow(s, n)) return;
    if (n) memcpy(s->p + s->len, bytes, n);
    s->len += n;
    s->p[s->len] = 0;
}

void ln_str_add(ln_str *s, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(NULL, 0, fmt, ap);
    va_end(ap);
    if (n < 0) s->failed = true;
    if (n < 0 || !grow(s, (size_t)n)) return;
    va_start(ap, fmt);
    vsnprintf(s->p + s->len, (size_t)n + 1, fmt, ap);
    va_end(ap);
    s->len += (size_t)n;
}

void ln_str_free(ln_str *s) {
    free(s->p);
    *s = (ln_str){0};
}

const char *ln_layer_text(const char *name, char out[LN_LAYER_TEXT]) {
    static const char cut[] = "...";
    size_t indent = LN_MIN(strspn(name, " "), LN_LAYER_TEXT / 4);
    const char *from = name + indent;
    size_t n = strcspn(from, ";"), room = LN_LAYER_TEXT - 1 - indent;
    if (n == 0) n = strlen(from);
    const char *tail = from + n;
    if (n > room) {
        tail -= room - (sizeof cut - 1);
        while (tail < from + n && ((unsigned char)*tail & 0xc0) == 0x80) tail++; /* UTF-8 */
    } else {
        tail = from;
    }
    snprintf(out, LN_LAYER_TEXT, "%.*s%s%.*s", (int)indent, name, n > room ? cut : "",
             (int)(from + n - tail), tail);
    return out;
}

int ln_edit_distance(const char *a, const char *b) {
    enum { MOST = 127 }; /* names are short; a longer tail cannot change which is nearest */
    int row[MOST + 1];
    int na = (int)strnlen(a, MOST), nb = (int)strnlen(b, MOST);
    for (int j = 0; j <= nb; j++) row[j] = j;
    for (int i = 1; i <= na; i++) {
        int diagonal = row[0];
        row[0] = i;
        for (int j = 1; j <= nb; j++) {
            int same = tolower((unsigned char)a[i - 1]) == tolower((unsigned char)b[j - 1]);
            int best = diagonal + !same;
            diagonal = row[j];
            best = LN_MIN(best, LN_MIN(row[j], row[j - 1]) + 1);
            row[j] = best;
        }
    }
    return row[nb];
}
