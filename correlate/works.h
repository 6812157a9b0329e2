/*
 * What instances of services serve, and which of them are replicas: serve the same.
 */
#pragma once

#include "correlate/correlation.h"

/* What one instance, or several that are one service, served, and what of it was passed on. */
typedef struct LampWork LampWork;

/* The work of instance @number, which no other has, on @host or LAMP_INDEX_NONE. Caller frees.
 */
LampWork *lamp_work_new(guint32 number, guint32 host);
void lamp_work_free(LampWork *work);

/* Notes a call of @operation (0: unknown) that host @client made; @duration_ns < 0: unknown. */
void lamp_work_note(LampWork *work, guint32 operation, guint32 client, gint64 duration_ns);

/* Notes that a caller at the host of @from made a call of @operation at @to. It is passed on,
 * and counts, if @from serves that operation, too. */
void lamp_work_note_made(LampWork *from, const LampWork *to, guint32 operation);

/* Once all calls are noted: finds which of @works (LampWork *, some NULL), by numbers
 * `server_instance` of the calls, reach each other by passing on. */
void lamp_works_settle(LampCorrelation *c, const GPtrArray *works);

/* Do the two serve the same? Neither reaches the other by passing on what it was asked, a good
 * part of the operations of the one with fewer is served by the other, too, and what only one
 * of them serves may be so by chance, or is little of its work. */
gboolean lamp_work_is_alike(const LampWork *a, const LampWork *b);

/* Does one of the two, and not the other, pass on to the other what it is asked? */
gboolean lamp_work_is_behind(const LampWork *a, const LampWork *b);

/* Do calls of each mostly come from callers of the other, too? */
gboolean lamp_work_has_callers_of(const LampWork *a, const LampWork *b);

/* Are the two shards of one store: the same callers ask both for the same verbs (the first
 * words of operations, texts of @store), if of other keys or topics? */
gboolean lamp_work_is_shard(LampStore *store, const LampWork *a, const LampWork *b);

/* Adds the work of @other to @work, which stands for both from then on. */
void lamp_work_absorb(LampWork *work, const LampWork *other);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(LampWork, lamp_work_free)
