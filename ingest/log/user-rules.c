/*
 * Forms of time, levels and units of a user's own format.
 *
 *   time-format = %d.%m.%Y %Hh%Mm%S     as strptime(3) has them; several: time-format.2 = …
 *   level.error = ^(ERR|ROT)$           values of the level that mean `error`
 *   unit.dur = us                       ns, us, ms, s, min, or a number of them (`100 us`)
 *
 * In: a group of the key file. Out: forms for the timestamp scanner, compiled patterns of
 * levels. Beside strptime's parts: %f and %N a fraction, %L milliseconds, %i and %6 an epoch in
 * milliseconds and microseconds, as lnav has them. Keys that are not known are complained of.
 */
#include "ingest/log/user-rules.h"
#include "base/limits.h"
#include "base/text.h"

/* A pattern that reaches its limits so often is no longer tried. */
enum { FORMS = 16, LEVELS = 16, STRIKES = 20 };

struct LampUserRules {
    char *forms[FORMS + 1];
    guint form_count, level_count;
    struct {
        LampBytes severity; /* static */
        pcre2_code *code;
        pcre2_match_data *match;
        guint strikes;
    } levels[LEVELS];
};

static void
complain(GString *complaint, const char *group, const char *what, const char *value)
{
    g_string_append_printf(complaint, "%s[%s]: %s `%s`", complaint->len > 0 ? "; " : "", group,
                           what, value);
}

static void
add_form(LampUserRules *rules, GKeyFile *file, const char *group, const char *key,
         GString *complaint)
{
    g_autofree char *text = g_key_file_get_value(file, group, key, NULL);
    char *form = text != NULL ? lamp_form_of_strptime(text) : NULL;
    if (form == NULL)
        complain(complaint, group, "a time-format has parts that are not known:", text);
    else if (rules->form_count == FORMS)
        g_free(form);
    else
        rules->forms[rules->form_count++] = form;
}

static void
add_level(LampUserRules *rules, GKeyFile *file, const char *group, const char *key,
          GString *complaint)
{
    int code;
    PCRE2_SIZE at;
    g_autofree char *text = g_key_file_get_value(file, group, key, NULL);
    LampBytes severity = lamp_severity_of_word(lamp_bytes_text(key + strlen("level.")));
    if (severity.len == 0) {
        complain(complaint, group, "no level is called", key);
        return;
    }
    if (rules->level_count == LEVELS)
        return;
    pcre2_code *compiled = pcre2_compile(
        (PCRE2_SPTR) text, PCRE2_ZERO_TERMINATED,
        PCRE2_UTF | PCRE2_MATCH_INVALID_UTF | PCRE2_NEVER_BACKSLASH_C, &code, &at, NULL);
    if (compiled == NULL || strlen(text) > LAMP_LIMIT_PATTERN_TEXT) {
        pcre2_code_free(compiled);
        complain(complaint, group, "the pattern of a level does not compile:", text);
        return;
    }
    guint n = rules->level_count++;
    rules->levels[n].severity = severity;
    rules->levels[n].code = compiled;
    rules->levels[n].match = pcre2_match_data_create_from_pattern(compiled, NULL);
}

gint64
lamp_user_rules_unit(GKeyFile *file, const char *group, const char *name)
{
    gint64 unit, resolution;
    g_autofree char *key = g_strconcat("unit.", name, NULL);
    g_autofree char *told = g_key_file_get_value(file, group, key, NULL);
    if (told == NULL)
        return 0;
    g_autofree char *text =
        g_ascii_isdigit(told[0]) ? g_strdup(told) : g_strconcat("1 ", told, NULL);
    return lamp_duration_parse(lamp_bytes_text(text), 0, &unit, &resolution) ? unit : 0;
}

static gboolean
is_known(const char *key)
{
    static const char *const keys[] = {"pattern", "json",   "time-is", "service",
                                       "host",    "thread", "process", "protocol"};
    for (gsize i = 0; i < G_N_ELEMENTS(keys); i++)
        if (g_str_equal(key, keys[i]))
            return TRUE;
    return g_str_has_prefix(key, "means.");
}

LampUserRules *
lamp_user_rules_new(GKeyFile *file, const char *group, GString *complaint)
{
    LampUserRules *rules = g_new0(LampUserRules, 1);
    g_auto(GStrv) keys = g_key_file_get_keys(file, group, NULL, NULL);
    for (guint i = 0; keys != NULL && keys[i] != NULL; i++) {
        if (g_str_has_prefix(keys[i], "time-format"))
            add_form(rules, file, group, keys[i], complaint);
        else if (g_str_has_prefix(keys[i], "level."))
            add_level(rules, file, group, keys[i], complaint);
        else if (g_str_has_prefix(keys[i], "unit.")) {
            if (lamp_user_rules_unit(file, group, keys[i] + strlen("unit.")) <= 0)
                complain(complaint, group, "no unit of time is given by", keys[i]);
        } else if (!is_known(keys[i]))
            complain(complaint, group, "there is no key", keys[i]);
    }
    return rules;
}

void
lamp_user_rules_free(LampUserRules *rules)
{
    if (rules == NULL)
        return;
    for (guint i = 0; i < rules->form_count; i++)
        g_free(rules->forms[i]);
    for (guint i = 0; i < rules->level_count; i++) {
        pcre2_match_data_free(rules->levels[i].match);
        pcre2_code_free(rules->levels[i].code);
    }
    g_free(rules);
}

const char *const *
lamp_user_rules_forms(const LampUserRules *rules)
{
    return (const char *const *) rules->forms;
}

LampBytes
lamp_user_rules_level(LampUserRules *rules, pcre2_match_context *limits, LampBytes value)
{
    for (guint i = 0; i < rules->level_count; i++) {
        if (rules->levels[i].strikes >= STRIKES)
            continue;
        int result = pcre2_match(rules->levels[i].code, value.at, value.len, 0, 0,
                                 rules->levels[i].match, limits);
        if (result >= 0)
            return rules->levels[i].severity;
        rules->levels[i].strikes += result < PCRE2_ERROR_PARTIAL ? 1 : 0;
    }
    return lamp_bytes(NULL, 0);
}
