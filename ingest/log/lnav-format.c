/*
 * lnav's format definitions, read as they are.
 *
 *   {"shop_log": {"regex": {"std": {"pattern": "^(?<timestamp>…) (?<level>…) (?<body>.*)$"}},
 *                 "level-field": "level", "timestamp-field": "ts", "opid-field": "req"}}
 *
 * In: the JSON text. Out: groups of the key file of the user's own formats, `[shop_log.std]`;
 * `*-field` tells what a group of the pattern, or a member of a JSON line, means. What only
 * concerns showing (colours, line formats, samples, tests) is passed over. Limits: FORMATS
 * patterns, meanings and rules each.
 */
#include "ingest/log/lnav-format.h"
#include "base/text.h"
#include "ingest/log/json.h"
#include "ingest/log/user-rules.h"

enum { FORMATS = 256 };

typedef struct {
    char *format, *key, *value;
} Entry;

typedef struct {
    GArray *patterns, *meanings; /* Entry */
    GArray *rules;               /* Entry: keys of the file and their values */
} Formats;

static void
clear_entry(gpointer at)
{
    Entry *entry = at;
    g_free(entry->format);
    g_free(entry->key);
    g_free(entry->value);
}

/* A name that may stand between brackets. */
static char *
copy_name(LampBytes text)
{
    char *name = lamp_text_to_utf8(text, text.len);
    for (char *c = name; *c != '\0'; c++)
        if (*c == '[' || *c == ']' || *c == '=' || g_ascii_iscntrl(*c))
            *c = '_';
    return name;
}

static void
add(GArray *to, LampBytes format, const char *key, LampBytes value)
{
    Entry entry = {copy_name(format), g_strdup(key), lamp_text_to_utf8(value, value.len)};
    if (to->len >= FORMATS || strpbrk(entry.value, "\r\n") != NULL)
        clear_entry(&entry);
    else
        g_array_append_val(to, entry);
}

static gboolean
ends_with(LampBytes text, const char *end)
{
    gsize n = strlen(end);
    return text.len >= n && memcmp(text.at + text.len - n, end, n) == 0;
}

static const char *
meaning_of_field(LampBytes key)
{
    static const struct {
        const char *key, *means;
    } fields[] = {{"timestamp-field", "time"},   {"level-field", "level"},
                  {"body-field", "message"},     {"opid-field", "request-id"},
                  {"thread-id-field", "thread"}, {"hostname-field", "host"},
                  {"module-field", "logger"},    {"duration-field", "duration"}};
    for (gsize i = 0; i < G_N_ELEMENTS(fields); i++)
        if (lamp_bytes_equal(key, lamp_bytes_text(fields[i].key)))
            return fields[i].means;
    return NULL;
}

/* `["%Y-%m-%d", "%s"]`: a rule for each. */
static void
add_time_formats(Formats *formats, LampBytes format, LampBytes list)
{
    const guint8 *at = list.at, *end = list.at + list.len;
    for (guint n = 0; at < end; n++) {
        const guint8 *open = memchr(at, '"', (gsize) (end - at));
        const guint8 *close =
            open != NULL ? memchr(open + 1, '"', (gsize) (end - open - 1)) : NULL;
        if (close == NULL)
            return;
        g_autofree char *key = g_strdup_printf("time-format.%u", n);
        g_autofree char *text = g_strndup((const char *) open + 1, (gsize) (close - open - 1));
        g_autofree char *form = lamp_form_of_strptime(text);
        if (form != NULL) /* else what the scanner knows by itself is tried */
            add(formats->rules, format, key, lamp_bytes_text(text));
        at = close + 1;
    }
}

/* `"level": {"error": "^E", "info": 3}` */
static void
add_level(Formats *formats, LampBytes format, LampBytes name, LampBytes value, gboolean is_text)
{
    g_autofree char *word = lamp_text_to_utf8(name, name.len);
    g_autofree char *key = g_strconcat("level.", word, NULL);
    g_autofree char *number =
        g_strdup_printf("^%.*s$", (int) MIN(value.len, 32), (const char *) value.at);
    if (lamp_severity_of_word(name).len > 0)
        add(formats->rules, format, key, is_text ? value : lamp_bytes_text(number));
}

/* FALSE: it is none of those. */
static gboolean
take_rule(Formats *formats, LampBytes format, LampBytes rest, LampBytes value, gboolean is_text)
{
    guint64 divisor;
    if (lamp_bytes_equal(rest, lamp_bytes_text("timestamp-format")))
        add_time_formats(formats, format, value);
    else if (lamp_bytes_starts(rest, "level."))
        add_level(formats, format, lamp_bytes(rest.at + 6, rest.len - 6), value, is_text);
    else if (lamp_bytes_equal(rest, lamp_bytes_text("duration-divisor"))) {
        if (lamp_text_parse_u64(value, &divisor) && divisor > 0 &&
            divisor <= (guint64) LAMP_NS_PER_SECOND) {
            g_autofree char *unit = g_strdup_printf("%" G_GUINT64_FORMAT " ns",
                                                    (guint64) LAMP_NS_PER_SECOND / divisor);
            add(formats->rules, format, "unit", lamp_bytes_text(unit));
        }
    } else
        return FALSE;
    return TRUE;
}

static void
take_member(gpointer owner, LampBytes key, LampBytes value, gboolean is_text)
{
    Formats *formats = owner;
    const guint8 *dot = memchr(key.at, '.', key.len);
    if (dot == NULL)
        return;
    LampBytes format = lamp_bytes(key.at, (gsize) (dot - key.at));
    LampBytes rest = lamp_bytes(dot + 1, key.len - format.len - 1);
    const char *means = meaning_of_field(rest);
    if (take_rule(formats, format, rest, value, is_text))
        return;
    gboolean is_json = (lamp_bytes_equal(rest, lamp_bytes("json", 4)) &&
                        lamp_bytes_equal(value, lamp_bytes("true", 4))) ||
                       (lamp_bytes_equal(rest, lamp_bytes("file-type", 9)) &&
                        lamp_bytes_equal(value, lamp_bytes("json", 4)));
    if (is_text && lamp_bytes_starts(rest, "regex.") && ends_with(rest, ".pattern")) {
        LampBytes name = lamp_bytes(key.at, key.len - strlen(".pattern"));
        g_autofree char *group = copy_name(name);
        add(formats->patterns, format, group, value);
    } else if (is_json) {
        add(formats->patterns, format, NULL, lamp_bytes_text("yes"));
    } else if (is_text && means != NULL) {
        add(formats->meanings, format, means, value);
    }
}

/* The member or group that is the duration of @format. */
static const char *
duration_of(const Formats *formats, const char *format)
{
    for (guint n = 0; n < formats->meanings->len; n++) {
        const Entry *meaning = &g_array_index(formats->meanings, Entry, n);
        if (g_str_equal(meaning->format, format) && g_str_equal(meaning->key, "duration"))
            return meaning->value;
    }
    return "duration";
}

static void
write_rules(const Formats *formats, const Entry *pattern, const char *group, GKeyFile *file)
{
    for (guint n = 0; n < formats->rules->len; n++) {
        const Entry *rule = &g_array_index(formats->rules, Entry, n);
        g_autofree char *unit =
            g_strconcat("unit.", duration_of(formats, pattern->format), NULL);
        if (g_str_equal(rule->format, pattern->format))
            g_key_file_set_value(file, group, g_str_equal(rule->key, "unit") ? unit : rule->key,
                                 rule->value);
    }
}

static void
write_groups(const Formats *formats, GKeyFile *file)
{
    for (guint i = 0; i < formats->patterns->len; i++) {
        const Entry *pattern = &g_array_index(formats->patterns, Entry, i);
        const char *group = pattern->key != NULL ? pattern->key : pattern->format;
        g_key_file_set_value(file, group, pattern->key != NULL ? "pattern" : "json",
                             pattern->value);
        for (guint n = 0; n < formats->meanings->len; n++) {
            const Entry *meaning = &g_array_index(formats->meanings, Entry, n);
            g_autofree char *key = g_strconcat("means.", meaning->value, NULL);
            if (g_str_equal(meaning->format, pattern->format))
                g_key_file_set_value(file, group, key, meaning->key);
        }
        write_rules(formats, pattern, group, file);
    }
}

/* Without the blanks and line ends around it. */
static LampBytes
trim_lines(LampBytes text)
{
    for (; text.len > 0 && g_ascii_isspace((char) text.at[0]); text.len--)
        text.at++;
    while (text.len > 0 && g_ascii_isspace((char) text.at[text.len - 1]))
        text.len--;
    return text;
}

gboolean
lamp_lnav_is_format(LampBytes text)
{
    return lamp_bytes_starts(trim_lines(text), "{");
}

gboolean
lamp_lnav_add_formats(LampBytes json, GKeyFile *file)
{
    Formats formats = {g_array_new(FALSE, FALSE, sizeof(Entry)),
                       g_array_new(FALSE, FALSE, sizeof(Entry)),
                       g_array_new(FALSE, FALSE, sizeof(Entry))};
    g_array_set_clear_func(formats.rules, clear_entry);
    g_array_set_clear_func(formats.patterns, clear_entry);
    g_array_set_clear_func(formats.meanings, clear_entry);
    LampLogRecord *record = g_new0(LampLogRecord, 1);
    LampBytes text = trim_lines(json);
    lamp_log_record_clear(record, text.len);
    gboolean is_whole = lamp_json_flatten(text, record, take_member, &formats) == text.len;
    if (is_whole)
        write_groups(&formats, file);
    lamp_log_record_release(record);
    g_free(record);
    g_array_free(formats.patterns, TRUE);
    g_array_free(formats.meanings, TRUE);
    g_array_free(formats.rules, TRUE);
    return is_whole && text.len > 0;
}
