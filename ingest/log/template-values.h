/*
 * What events tell of their templates while they are read: how many, when, and the values at
 * the variable places. By masked text; what becomes one template is put together at the end
 * (template-table.h).
 */
#pragma once

#include "base/time.h"
#include "ingest/log/template-place.h"

/* Of one masked text. */
typedef struct {
    gint64 string_id; /* of the text */
    gint64 events, first_event;
    LampTime first_time, last_time; /* LAMP_TIME_NONE where no event has one */
    guint marks;                    /* `<*>` in the text */
    guint place_count;              /* of the first ones, whose values are known */
    LampPlace *places;
} LampTemplateRecord;

typedef struct LampTemplateValues LampTemplateValues;

/* Caller frees. Memory is bounded: 64 MiB of places, LAMP_LIMIT_TEMPLATE_RECORDS texts. */
LampTemplateValues *lamp_template_values_new(void);
void lamp_template_values_free(LampTemplateValues *values);

/* An event whose masked text @text has the number @string_id. @masked tells the values; NULL
 * where the message has none. O(bytes of the values). */
void lamp_template_values_add(LampTemplateValues *values, gint64 string_id, LampBytes text,
                              const LampMasked *masked, gint64 event_id, LampTime time);

/* The times of events were changed since; `templates` takes them from the table. */
void lamp_template_values_forget_times(LampTemplateValues *values);
gboolean lamp_template_values_has_times(const LampTemplateValues *values);

/* Was there room for all texts? If not, the table knows of more events. */
gboolean lamp_template_values_is_whole(const LampTemplateValues *values);

/* Numbers of all texts that were met, ascending; caller frees. */
GArray *lamp_template_values_ids(const LampTemplateValues *values);

/* What is known of a text, or NULL. */
const LampTemplateRecord *lamp_template_values_find(const LampTemplateValues *values,
                                                    gint64 string_id);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(LampTemplateValues, lamp_template_values_free)
