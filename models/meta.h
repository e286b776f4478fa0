/* Inside models/: what a file of Linnet's says of itself, as safetensors metadata:
 *   family          name of the row
 *   labels          a label a line, in the order of the classes
 *   preprocessing   JSON: size, crop_pct, resize, interpolation, antialias, channels, scale,
 *                   mean, std (what is left out is the family's own)
 *   widths          JSON: output channels of convolutions by name, where they are not the
 *                   family's (a pruned network) */
#ifndef LN_META_H
#define LN_META_H

#include "models/model.h"

#define LN_META_FAMILY "family"
#define LN_META_LABELS "labels"
#define LN_META_PREP   "preprocessing"
#define LN_META_WIDTHS "widths"

/* Changes the fields of *p that text names. where: the file, for messages. */
linnet_status ln_prep_parse(const char *text, const char *where, ln_preprocess *p,
                            linnet_error *err);
/* The JSON of all fields, appended to out. */
void ln_prep_print(const ln_preprocess *p, ln_str *out);

/* Channels by the name of the layer. */
typedef struct ln_width {
    const char *name;
    int channels;
    bool used;
} ln_width;
typedef struct ln_widths {
    ln_width *item;
    size_t count;
    ln_pool pool;
} ln_widths;
/* What the metadata of w says; none is no error. */
linnet_status ln_widths_read(const ln_weights *w, ln_widths *out, linnet_error *err);
/* The layer's entry, or NULL. */
ln_width *ln_widths_find(const ln_widths *w, const char *name);
void ln_widths_free(ln_widths *w);

/* Labels, a line each. */
typedef struct ln_labels {
    char **item;
    size_t count;
    char *text;
} ln_labels;
/* classes: labels there must be; one more is taken when the first is "background". */
linnet_status ln_labels_parse(const char *text, size_t len, const char *where, int classes,
                              ln_labels *out, linnet_error *err);
linnet_status ln_labels_read(const char *path, int classes, ln_labels *out, linnet_error *err);
void ln_labels_free(ln_labels *l);

#endif
