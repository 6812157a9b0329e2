/*
 * lnav's format definitions, read as they are.
 *
 *   {"shop_log": {"regex": {"std": {"pattern": "^(?<timestamp>…) (?<level>…) (?<body>.*)$"}},
 *                 "level-field": "level", "timestamp-field": "ts", "opid-field": "req"}}
 *
 * In: the JSON text. Out: groups of the key file of the user's own formats, `[shop_log.std]`;
 * `*-field` tells what a group of the pattern, or a member of a JSON line, means. What only
 * concerns showing (colours, line formats, samples, tests) is passed over, and so is the map of
 * words to levels: usual words are known. Limits: FORMATS patterns and meanings each.
 */
#include "ingest/log/lnav-format.h"
#include "base/text.h"
#include "ingest/log/json.h"

enum { FORMATS = 256 };

typedef struct {
    char *format, *key, *value;
} Entry;

typedef struct {
    GArray *patterns, *meanings; /* Entry */
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
                       g_array_new(FALSE, FALSE, sizeof(Entry))};
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
    return is_whole && text.len > 0;
}
