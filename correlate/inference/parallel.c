/* parallel.c — threads that take the next item until none is left
 *
 * Plain pthreads, created for each loop: loops here take milliseconds and more. Should a thread
 * not start, the others do its work. */
#include "correlate/inference/parallel.h"

#include <pthread.h>
#include <stdatomic.h>

#define MAX_THREADS 64

typedef struct {
    atomic_uint next;
    guint32 n;
    void (*work)(gpointer, guint32);
    gpointer context;
} Loop;

static void *
run(void *argument)
{
    Loop *loop = argument;
    for (guint32 i; (i = atomic_fetch_add(&loop->next, 1)) < loop->n;)
        loop->work(loop->context, i);
    return NULL;
}

void
lamp_parallel_for(guint32 n, guint32 threads, void (*work)(gpointer context, guint32 i),
                  gpointer context)
{
    Loop loop = {.n = n, .work = work, .context = context};
    pthread_t others[MAX_THREADS];
    guint32 started = 0, wanted = MIN(MIN(threads, n), MAX_THREADS);
    while (started + 1 < wanted && pthread_create(&others[started], NULL, run, &loop) == 0)
        started++;
    run(&loop);
    for (guint32 i = 0; i < started; i++)
        pthread_join(others[i], NULL);
}
