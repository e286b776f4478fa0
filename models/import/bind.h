/* From what the caller says to the shapes of a network's inputs. */
#ifndef LN_IMPORT_BIND_H
#define LN_IMPORT_BIND_H

#include "models/model.h"
#include "models/import/net.h"

typedef struct ln_net_given {
    /* "NAME=1x3x224x224" for an input ("1x3x224x224" for an only one), "SYMBOL=4" for a dimension
     */
    const char *const *shape;
    size_t n_shape;
    const char *const *hint; /* the same, for dimensions that the file leaves open */
    size_t n_hint;
    int64_t batch, h, w; /* 0: not given */
    int side;            /* of a picture that the file leaves open */
    ln_layout layout;
} ln_net_given;

/* What of the parameters says shapes, in pool. */
linnet_status ln_net_copy_given(ln_net_given *g, ln_pool *pool, const ln_model_params *p,
                                linnet_error *err);
/* own: the file's batch, 0 for any; batch, h, w: 0 for the file's. */
linnet_status ln_net_build(const ln_net *m, const ln_net_given *given, int64_t own, int64_t batch,
                           int64_t h, int64_t w, ln_graph **out, linnet_error *err);
/* A picture: the first float input of four dimensions; NULL: none. */
const ln_net_port *ln_net_picture(const ln_net *m);
bool ln_net_is_nhwc(const ln_net_port *p, ln_layout layout);
/* The batch of the first input that has one, by the file or by a given shape; 0: any. */
int64_t ln_net_batch(const ln_net *m, const ln_net_given *g);
/* bind[n_input]. */
linnet_status ln_net_bind_inputs(const ln_net *m, const ln_net_given *g, ln_net_bind *bind,
                                 linnet_error *err);
/* Refuses a model whose ops have no converter: names all of them, with their counts. */
linnet_status ln_net_check_ops(const ln_net *m, linnet_error *err);

#endif
