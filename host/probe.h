/* Feature probes in a child process: what the library and linnet-probe agree on. */
#ifndef LN_PROBE_H
#define LN_PROBE_H

#include "host/caps.h"

/* The child's exit status, and what became of it. */
typedef enum ln_probe_answer {
    LN_PROBE_WORKS = 0,
    LN_PROBE_FAILS = 1, /* does not compile, does not run, or gives a wrong answer */
    LN_PROBE_ERROR = 3, /* the probe itself could not be made: no answer */
    LN_PROBE_KILLED,    /* by a signal: the driver crashed */
    LN_PROBE_HUNG       /* longer than ln_probe_seconds */
} ln_probe_answer;

/* Path of linnet-probe; false: it is not there, and the path is the last one tried. */
bool ln_probe_find(char *buf, size_t size);
/* Runs `program INDEX FEATURE` and waits for its answer. */
ln_probe_answer ln_probe_run(const char *program, int index, ln_feature feature);
extern double ln_probe_seconds; /* time limit of one probe; tests shorten it */

#endif
