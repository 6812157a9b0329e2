/* The tables `templates` and `template_variables`. */
#pragma once

#include "ingest/log/template-values.h"
#include "store/store.h"

/* Fills the tables anew from what the events of @store told. @templates were merged and knows
 * the template of each text of @ids (gint64, numbers of the texts that were met). In a
 * transaction, when the events have their final templates. O(n log n) in the number of texts;
 * O(events) where @values are not whole. */
gboolean lamp_template_table_write(LampStore *store, const LampTemplateValues *values,
                                   const GArray *ids, const LampTemplates *templates,
                                   GError **error) G_GNUC_WARN_UNUSED_RESULT;
