/*
 * A bounded sample of the values of events and of calls on the wire, for the discovery of
 * identifiers (ingest/log/identifiers.h).
 *
 * Values are sampled by their hash, so that all records that hold one are seen or none: what
 * ties records together is not torn. new; event and call for each record as it is written, or
 * read for a whole store; finish; free.
 */
#pragma once

#include "ingest/log/identifiers.h"
#include "ingest/log/template-values.h"
#include "store/rows.h"
#include "store/store.h"
#include "store/writer.h"

/* A field of one template (or operation) of a component. */
typedef struct {
    gint64 component;   /* string: service or host, protocol of calls; minus the source */
    gint64 template_id; /* string; 0 none */
    gint64 slot;        /* string */
} LampOccurrenceColumn;

typedef struct {
    GArray *occurrences; /* LampOccurrence */
    GArray *columns;     /* LampOccurrenceColumn, by their numbers in the occurrences */
    LampTemplateValues *templates; /* of the events */
    guint64 sample;                /* one value in so many; a power of two */
    struct LampOccurrencesState *state;
} LampOccurrences;

LampOccurrences *lamp_occurrences_new(LampStore *store);
void lamp_occurrences_free(LampOccurrences *o);

/* A record that was written; its texts are interned already. O(bytes of its values). */
void lamp_occurrences_event(LampOccurrences *o, gint64 event_id, gint64 source_id,
                            const LampEventRow *event);
void lamp_occurrences_call(LampOccurrences *o, gint64 observation_id,
                           const LampObservationRow *call, const LampWriterNames *names);

/* All records of the store. */
gboolean lamp_occurrences_read(LampOccurrences *o, GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* Follows the templates to where lamp_templates_settle() moved them and numbers the columns in
 * their order, whatever the order of the records was. */
gboolean lamp_occurrences_finish(LampOccurrences *o, GError **error) G_GNUC_WARN_UNUSED_RESULT;

G_DEFINE_AUTOPTR_CLEANUP_FUNC(LampOccurrences, lamp_occurrences_free)
