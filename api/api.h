/* What the files of api/ share: the objects behind the public handles. */
#ifndef LN_API_H
#define LN_API_H

#include <linnet/linnet.h>

#include "engine/session.h"
#include "engine/tune.h"
#include "engine/vet.h"
#include "host/host.h"
#include "models/model.h"
#include "vision/vision.h"

struct linnet_device {
    ln_device *dev; /* NULL: the C reference */
};

struct linnet_model {
    ln_model *model;
    ln_prep_spec prep; /* the model's, with the caller's overrides */
    int64_t h, w;
    linnet_model_info info;
    double load_s;
};

/* A graph of the model with the passes that a session asks for. */
linnet_status ln_api_graph(const linnet_model *m, const linnet_session_params *p, bool reference,
                           ln_graph **out, linnet_error *err);
/* The plan of a session: by the tuner's record unless p says otherwise; *recorded: it is. */
linnet_status ln_api_plan(const ln_device *d, const ln_caps *caps, ln_graph *g,
                          const linnet_session_params *p, ln_plan **out, ln_stream *stream,
                          bool *recorded, linnet_error *err);
/* Says so where arithmetic in halves was asked for and the plan has none. */
void ln_api_warn_slow(const ln_plan *p);
/* queue: the caller's cl_command_queue, NULL for one of the session's own. */
linnet_status ln_api_session(linnet_model *m, linnet_device *d, void *queue,
                             const linnet_session_params *p, linnet_session **out,
                             linnet_error *err);
linnet_status ln_api_run_buffers(linnet_session *s, void *const *in, void *const *out,
                                 linnet_error *err);
/* Hands a string's memory to the caller. */
linnet_status ln_api_take(ln_str *s, char **out, linnet_error *err);

/* Fills a check's detail, cut to its room. */
void ln_api_detail(linnet_check *c, const char *fmt, ...) LN_PRINTF(2, 3);

#endif
