/*
 * What a user's own format says beside its pattern: forms of time, levels, units of durations.
 */
#pragma once

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "ingest/log/record.h"

typedef struct LampUserRules LampUserRules;

/* Of group @group of @file; what is wrong in it is added to @complaint, a sentence each. Free
 * with lamp_user_rules_free(). */
LampUserRules *lamp_user_rules_new(GKeyFile *file, const char *group, GString *complaint);
void lamp_user_rules_free(LampUserRules *rules);

/* The forms of time, in the notation of timestamp-forms.c; ends with NULL, borrowed. */
const char *const *lamp_user_rules_forms(const LampUserRules *rules);

/* The level that @value stands for, or an empty text. Matched within @limits; a
 * pattern that keeps reaching them is no longer tried. */
LampBytes lamp_user_rules_level(LampUserRules *rules, pcre2_match_context *limits,
                                LampBytes value);

/* Nanoseconds of one of the unit in which the member or group @name is written; 0: not told. */
gint64 lamp_user_rules_unit(GKeyFile *file, const char *group, const char *name);

/* A form of time in the notation of strptime(3) in that of timestamp-forms.c; NULL if it has
 * parts that are not known. Caller frees. */
char *lamp_form_of_strptime(const char *text);
