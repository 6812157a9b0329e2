/*
 * Templates: the constant text of messages with their variable parts removed.
 *
 * Two steps. lamp_templates_mask() works on one message at a time: what is variable by its look
 * (numbers, addresses, identifiers, paths, dates) becomes `<*>`; the number of different
 * results is small and is counted. lamp_templates_merge() looks at the counted results as a
 * whole: where they differ in one word that takes many values, that word is a variable too. Its
 * result is a pure function of the set of masked texts, whatever their order.
 * lamp_templates_final() then tells for each masked text the template it belongs to.
 *
 * One configuration serves all logs. Memory is bounded by LAMP_LIMIT_TEMPLATES masked texts;
 * messages that are new after that are reduced to their first words.
 */
#pragma once

#include "ingest/log/template-known.h"

typedef enum {
    LAMP_VARIABLE_INTEGER,
    LAMP_VARIABLE_DECIMAL,
    LAMP_VARIABLE_HEX,
    LAMP_VARIABLE_UUID,
    LAMP_VARIABLE_ADDRESS, /* IP address, with or without port */
    LAMP_VARIABLE_PATH,
    LAMP_VARIABLE_URL,
    LAMP_VARIABLE_EMAIL,
    LAMP_VARIABLE_DURATION,
    LAMP_VARIABLE_SIZE,
    LAMP_VARIABLE_TIME,
    LAMP_VARIABLE_IDENTIFIER, /* letters and digits mixed */
    LAMP_VARIABLE_WORD,
} LampVariableKind;

/* One variable of a message. @name: the constant word before it, or empty. */
typedef struct {
    LampVariableKind kind;
    LampBytes name, value;
} LampVariable;

/* What stands at one `<*>`: a variable, or several from the first to the last; none in empty
 * brackets. */
typedef struct {
    LampBytes value;
    guint first, count; /* among the variables */
} LampMaskedPlace;

enum { LAMP_TEMPLATE_VARIABLES = 64, LAMP_TEMPLATE_BYTES = 2048 };

/* A masked message: text without NUL, its first variables, and what its first places hold. */
typedef struct LampMasked {
    gsize length;
    guint variable_count;
    guint place_count; /* of all places */
    LampVariable variables[LAMP_TEMPLATE_VARIABLES];
    LampMaskedPlace places[LAMP_TEMPLATE_VARIABLES];
    char text[LAMP_TEMPLATE_BYTES];
} LampMasked;

/* Masks the first line of @message, of which at most LAMP_TEMPLATE_BYTES are looked at. Pure;
 * O(n). Variables are borrowed from @message. */
void lamp_template_mask(LampBytes message, LampMasked *out_masked);

/* Kind of a single variable part by its look. */
LampVariableKind lamp_variable_kind(LampBytes value);

/* Static lower-case name of a kind: `integer`, `uuid` … */
const char *lamp_variable_kind_name(LampVariableKind kind);

typedef struct LampTemplates LampTemplates;

/* Caller frees. */
LampTemplates *lamp_templates_new(void);
void lamp_templates_free(LampTemplates *templates);

/* Masks @message and counts the result. The text is valid until the next call. */
LampBytes lamp_templates_mask(LampTemplates *templates, LampBytes message);

/* Counts a masked text that was made elsewhere (read back from a store). */
void lamp_templates_add(LampTemplates *templates, LampBytes masked);

/* Texts that fit one of @known, which is borrowed, are of that and take no part in merging. */
void lamp_templates_know(LampTemplates *templates, LampKnownTemplates *known);

/* Decides the templates from all that was counted. */
void lamp_templates_merge(LampTemplates *templates);

/* The template of a masked text after lamp_templates_merge(); the text itself if it was never
 * counted. Valid as long as @templates is not changed. */
LampBytes lamp_templates_final(const LampTemplates *templates, LampBytes masked);

/* Number of different templates after merging. */
guint lamp_templates_count(const LampTemplates *templates);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(LampTemplates, lamp_templates_free)
