/* A whole plan in one launch (cl_kernels/resident.clh). Belongs to a session. */
#ifndef LN_RESIDENT_H
#define LN_RESIDENT_H

#include "engine/launches.h"

typedef struct ln_resident ln_resident;

/* True when the plan is walkable and LINNET_DISABLE does not name "resident". */
bool ln_resident_possible(const ln_plan *p);
/* Its program, which takes the longest. clock: each run notes times. */
linnet_status ln_resident_build(const ln_stage *stage, bool clock, ln_program **out,
                                linnet_error *err);
/* Tries whether all work-groups of that program's kernel run at once; when they do not, *out is
 * NULL, the status LINNET_OK, and a line is logged; so it is where the device's code cannot read
 * the clock. The program is taken. The stage's objects must outlive it. */
linnet_status ln_resident_create(const ln_stage *stage, ln_program *program, bool clock,
                                 ln_resident **out, linnet_error *err);
/* True when the trial's barriers took so long that the machine must be busy with other work. */
bool ln_resident_busy(const ln_resident *r);
/* After the first run: writes the program's binary when it was built from source. */
void ln_resident_save(ln_resident *r);
void ln_resident_destroy(ln_resident **r);
/* Enqueues the run; ln_resident_expired is valid once the queue has finished. */
linnet_status ln_resident_launch(ln_resident *r, linnet_error *err);
/* True when a barrier expired: the run's results are not to be used. Makes it ready again. */
linnet_status ln_resident_expired(ln_resident *r, bool *expired, linnet_error *err);
/* Of the last run of one that was made with a clock, by step. */
linnet_status ln_resident_times(ln_resident *r, ln_step_time *time, linnet_error *err);
/* The same of what the kernel noted (resident.clh), whose counter was `since` that long ago. */
void ln_resident_digest(const uint64_t *clock, int steps, size_t groups, uint64_t since,
                        double since_ns, ln_step_time *time);
/* How many steps, from the first, the next launches run. */
linnet_status ln_resident_set_steps(ln_resident *r, int count, linnet_error *err);
/* How long a barrier waits, in polls; for tests. */
linnet_status ln_resident_set_limit(ln_resident *r, int32_t polls, linnet_error *err);

#endif
