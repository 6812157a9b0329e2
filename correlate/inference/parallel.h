/* parallel.h — a loop over independent items on a few threads */
#ifndef LAMP_CORRELATE_INFERENCE_PARALLEL_H
#define LAMP_CORRELATE_INFERENCE_PARALLEL_H

#include <glib.h>

/* Calls work(context, i) for all i < n, on up to `threads` threads (the caller's included), and
 * returns when all are done. Items must not share anything they change. */
void lamp_parallel_for(guint32 n, guint32 threads, void (*work)(gpointer context, guint32 i),
                       gpointer context);

#endif
