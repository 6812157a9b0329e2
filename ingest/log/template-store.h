/* Templates of a whole store. */
#pragma once

#include "ingest/log/template-values.h"
#include "store/store.h"

/* Merges the masked texts that the events of @store carry, gives each event its final template
 * and fills `templates` and `template_variables`. @seen tells what all events of the store had
 * in their messages; NULL if some were read by an earlier run: then their messages are read
 * again. Messages that fit a template of @known (or NULL) are of that. One transaction; a
 * second call changes nothing. O(events) only where templates were merged, or without @seen. */
gboolean lamp_templates_settle(LampStore *store, const LampTemplateValues *seen,
                               LampKnownTemplates *known,
                               GError **error) G_GNUC_WARN_UNUSED_RESULT;

/* The templates of the database at @path; caller frees. NULL with the store's error where it is
 * none, or not finished. */
LampKnownTemplates *lamp_known_templates_load(const char *path,
                                              GError **error) G_GNUC_WARN_UNUSED_RESULT;
