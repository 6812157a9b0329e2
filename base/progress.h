/*
 * How far a long job is, and whether the user wants it to stop. The stages tell, cli/ shows.
 */
#pragma once

#include <glib.h>

/* Called now and then with work done of the total (0: unknown), both in @unit ("B" for bytes,
 * or a plural like "calls"). @what names the step, static text. */
typedef struct {
    gpointer owner;
    void (*update)(gpointer owner, const char *what, guint64 done, guint64 total,
                   const char *unit);
} LampProgress;

/* Tells @progress, which may be NULL. */
static inline void
lamp_progress_update(const LampProgress *progress, const char *what, guint64 done,
                     guint64 total, const char *unit)
{
    if (progress != NULL && progress->update != NULL)
        progress->update(progress->owner, what, done, total, unit);
}

/* TRUE once the user has asked for an end (Ctrl-C, SIGTERM). Stages look at it between records
 * and then stop with an error, leaving what is committed. */
gboolean lamp_interrupt_requested(void);

/* Makes SIGINT and SIGTERM set the request; a second one ends the process at once. */
void lamp_interrupt_install(void);

/* For a stage that is one transaction and has nothing to finish: from now on SIGINT and SIGTERM
 * write @text to standard error and end the process with status 130. NULL: as by default. */
void lamp_interrupt_ends(const char *text);
