/*
 * The user's own formats: a key file with PCRE2 patterns.
 *
 *   [payments]                          one group for each form of line, tried in order
 *   pattern = ^(?<time>\S+) \[(?<level>\w+)\] (?<message>.*)$
 *   time-is = begin                     the line is written when a call begins (default: end)
 *   service = payments                  texts for what the line does not say: service, host,
 *   protocol = soap                       thread, process, protocol
 *   means.cust = request-id             meaning of a group whose name does not tell it
 *   time-format = %d.%m.%Y %H:%M        and level.*, unit.*: ingest/log/user-rules.h
 *   json = yes                          lines are JSON objects, there is no pattern
 *
 * Or a format definition of lnav, which is turned into the same (ingest/log/lnav-format.c).
 *
 * Named groups get their meaning from their names by the table of field names
 * (ingest/log/meaning.c): `time`, `level`, `message`, `request_id`, `duration_ms`, `method`,
 * `path`, `status`, `client_ip`, `upstream_addr` and so on; others become fields. `pattern` is
 * taken as written, without the escapes of key files.
 *
 * Patterns run with the match, depth and heap limits of base/limits.h. One that reaches them
 * again and again is dropped with a finding: a hostile line costs bounded time.
 */
#include "base/text.h"
#include "ingest/log/forms.h"
#include "ingest/log/json.h"
#include "ingest/log/lnav-format.h"
#include "ingest/log/user-rules.h"
#include "ingest/readers.h"

enum { PATTERNS = 32, GROUPS = 64, STRIKES = 20, CONSTANTS = 5 };

static const char *const constant_keys[CONSTANTS] = {"service", "host", "thread", "process",
                                                     "protocol"};

typedef struct {
    char *name;
    pcre2_code *code;
    pcre2_match_data *match;
    guint group_count;
    struct {
        guint number;
        LampBytes name; /* in the compiled pattern */
        LampMeaning meaning;
    } groups[GROUPS];
    char *constants[CONSTANTS];
    char **members; /* owned names of the groups, for JSON */
    gboolean time_is_begin;
    gboolean is_json; /* groups are members of the line's object; there is no code */
    guint strikes;
    LampUserRules *rules;
} Pattern;

typedef struct {
    pcre2_match_context *limits;
    guint count;
    Pattern patterns[PATTERNS];
    GString *complaint; /* what is wrong with the user's file */
    gboolean complained;
    const char *dropped; /* name of a pattern dropped in this step */
} Patterns;

typedef struct {
    LampLog log; /* first: the common functions see only this */
    Patterns *patterns;
} State;

static void
complain(Patterns *p, const char *group, const char *what)
{
    g_string_append_printf(p->complaint, "%s[%s]: %s", p->complaint->len > 0 ? "; " : "", group,
                           what);
}

static LampMeaning
group_meaning(GKeyFile *file, const char *group, const char *name)
{
    g_autofree char *key = g_strconcat("means.", name, NULL);
    g_autofree char *told = g_key_file_get_value(file, group, key, NULL);
    LampMeaning meaning = lamp_meaning_of(lamp_bytes_text(told != NULL ? told : name));
    gint64 unit = lamp_user_rules_unit(file, group, name);
    if (unit > 0)
        meaning.unit_ns = unit;
    return meaning;
}

static void
collect_groups(Pattern *pattern, GKeyFile *file)
{
    guint32 count = 0, entry = 0;
    PCRE2_SPTR table = NULL;
    pcre2_pattern_info(pattern->code, PCRE2_INFO_NAMECOUNT, &count);
    pcre2_pattern_info(pattern->code, PCRE2_INFO_NAMEENTRYSIZE, &entry);
    pcre2_pattern_info(pattern->code, PCRE2_INFO_NAMETABLE, &table);
    for (guint32 i = 0; i < count && pattern->group_count < GROUPS; i++, table += entry) {
        guint n = pattern->group_count++;
        const char *name = (const char *) table + 2;
        pattern->groups[n].number = (guint) table[0] << 8 | table[1];
        pattern->groups[n].name = lamp_bytes_text(name);
        pattern->groups[n].meaning = group_meaning(file, pattern->name, name);
    }
}

static gboolean
compile(Patterns *all, Pattern *pattern, const char *text)
{
    int code;
    PCRE2_SIZE at;
    if (text == NULL || strlen(text) > LAMP_LIMIT_PATTERN_TEXT) {
        complain(all, pattern->name, text == NULL ? "no pattern" : "the pattern is too long");
        return FALSE;
    }
    pattern->code = pcre2_compile((PCRE2_SPTR) text, PCRE2_ZERO_TERMINATED,
                                  PCRE2_UTF | PCRE2_MATCH_INVALID_UTF | PCRE2_NEVER_BACKSLASH_C,
                                  &code, &at, NULL);
    if (pattern->code == NULL) {
        PCRE2_UCHAR8 message[128];
        pcre2_get_error_message(code, message, sizeof message);
        g_autofree char *what = g_strdup_printf("%s at %zu", (const char *) message, at);
        complain(all, pattern->name, what);
        return FALSE;
    }
    /* Without JIT on this machine the interpreter does the same, slower. */
    (void) pcre2_jit_compile(pattern->code, PCRE2_JIT_COMPLETE);
    pattern->match = pcre2_match_data_create_from_pattern(pattern->code, NULL);
    return TRUE;
}

/* Gives the record a value by what it means, and by what the user says of it. */
static void
set_value(LampLog *log, Patterns *all, const Pattern *pattern, guint group, LampBytes value,
          LampLogRecord *record)
{
    LampMeaning meaning = pattern->groups[group].meaning;
    LampBytes level = meaning.kind == LAMP_MEANS_SEVERITY
                          ? lamp_user_rules_level(pattern->rules, all->limits, value)
                          : lamp_bytes(NULL, 0);
    if (level.len > 0)
        record->event.severity = level;
    else
        lamp_log_record_set_meaning(record, &log->scanner, meaning, pattern->groups[group].name,
                                    value);
}

/* Members of JSON objects whose meaning is told: `means.NAME`. */
static void
collect_members(Pattern *pattern, GKeyFile *file)
{
    pattern->members = g_key_file_get_keys(file, pattern->name, NULL, NULL);
    for (guint i = 0; pattern->members[i] != NULL && pattern->group_count < GROUPS; i++) {
        if (!g_str_has_prefix(pattern->members[i], "means."))
            continue;
        const char *name = pattern->members[i] + strlen("means.");
        guint n = pattern->group_count++;
        pattern->groups[n].name = lamp_bytes_text(name);
        pattern->groups[n].meaning = group_meaning(file, pattern->name, name);
    }
}

static void
add_pattern(Patterns *all, GKeyFile *file, const char *group)
{
    Pattern *pattern = &all->patterns[all->count];
    g_autofree char *text = g_key_file_get_value(file, group, "pattern", NULL);
    g_autofree char *json = g_key_file_get_value(file, group, "json", NULL);
    pattern->rules = lamp_user_rules_new(file, group, all->complaint);
    pattern->name = g_strdup(group);
    pattern->is_json = text == NULL && g_strcmp0(json, "yes") == 0;
    if (!pattern->is_json && !compile(all, pattern, text)) {
        g_clear_pointer(&pattern->name, g_free);
        g_clear_pointer(&pattern->rules, lamp_user_rules_free);
        return;
    }
    g_autofree char *time_is = g_key_file_get_value(file, group, "time-is", NULL);
    pattern->time_is_begin = g_strcmp0(time_is, "begin") == 0;
    for (guint i = 0; i < CONSTANTS; i++)
        pattern->constants[i] = g_key_file_get_value(file, group, constant_keys[i], NULL);
    if (pattern->is_json)
        collect_members(pattern, file);
    else
        collect_groups(pattern, file);
    all->count++;
}

static Patterns *
patterns_new(const char *text)
{
    Patterns *all = g_new0(Patterns, 1);
    g_autoptr(GKeyFile) file = g_key_file_new();
    g_autoptr(GError) error = NULL;
    all->complaint = g_string_new(NULL);
    all->limits = pcre2_match_context_create(NULL);
    pcre2_set_match_limit(all->limits, LAMP_LIMIT_PATTERN_MATCH);
    pcre2_set_depth_limit(all->limits, LAMP_LIMIT_PATTERN_DEPTH);
    pcre2_set_heap_limit(all->limits, LAMP_LIMIT_PATTERN_HEAP);
    if (lamp_lnav_is_format(lamp_bytes_text(text))) {
        if (!lamp_lnav_add_formats(lamp_bytes_text(text), file))
            complain(all, "file", "it begins as JSON but is none");
    } else if (!g_key_file_load_from_data(file, text, strlen(text), G_KEY_FILE_NONE, &error)) {
        complain(all, "file", error->message);
        return all;
    }
    g_auto(GStrv) groups = g_key_file_get_groups(file, NULL);
    for (guint i = 0; groups[i] != NULL && all->count < PATTERNS; i++)
        add_pattern(all, file, groups[i]);
    return all;
}

static void patterns_free(Patterns *all);

char *
lamp_patterns_complaint(const char *text)
{
    Patterns *all = patterns_new(text);
    char *complaint = all->complaint->len > 0 ? g_strdup(all->complaint->str) : NULL;
    if (complaint == NULL && all->count == 0)
        complaint = g_strdup("it holds no format");
    patterns_free(all);
    return complaint;
}

static void
patterns_free(Patterns *all)
{
    for (guint i = 0; i < all->count; i++) {
        Pattern *pattern = &all->patterns[i];
        pcre2_match_data_free(pattern->match);
        pcre2_code_free(pattern->code);
        lamp_user_rules_free(pattern->rules);
        g_free(pattern->name);
        g_strfreev(pattern->members);
        for (guint n = 0; n < CONSTANTS; n++)
            g_free(pattern->constants[n]);
    }
    pcre2_match_context_free(all->limits);
    g_string_free(all->complaint, TRUE);
    g_free(all);
}

static void
set_constants(const Pattern *pattern, LampLogRecord *record)
{
    LampBytes *places[CONSTANTS] = {&record->event.service, &record->event.host,
                                    &record->event.thread, &record->event.process,
                                    &record->call.protocol};
    for (guint i = 0; i < CONSTANTS; i++)
        if (pattern->constants[i] != NULL && places[i]->len == 0)
            *places[i] = lamp_bytes_text(pattern->constants[i]);
}

static void
set_groups(LampLog *log, Patterns *all, const Pattern *pattern, LampBytes line,
           LampLogRecord *record)
{
    const PCRE2_SIZE *ends = pcre2_get_ovector_pointer(pattern->match);
    guint count = pcre2_get_ovector_count(pattern->match);
    for (guint i = 0; i < pattern->group_count; i++) {
        guint n = pattern->groups[i].number;
        if (n >= count || ends[2 * n] == PCRE2_UNSET || ends[2 * n + 1] > line.len ||
            ends[2 * n] >= ends[2 * n + 1])
            continue;
        LampBytes value = lamp_bytes(line.at + ends[2 * n], ends[2 * n + 1] - ends[2 * n]);
        set_value(log, all, pattern, i, value, record);
    }
}

typedef struct {
    LampLog *log;
    Patterns *all;
    const Pattern *pattern;
    LampLogRecord *record;
} Object;

static void
take_member(gpointer owner, LampBytes key, LampBytes value, gboolean is_text)
{
    Object *o = owner;
    (void) is_text;
    for (guint i = 0; i < o->pattern->group_count; i++)
        if (lamp_bytes_equal(key, o->pattern->groups[i].name)) {
            set_value(o->log, o->all, o->pattern, i, value, o->record);
            return;
        }
    lamp_log_set(o->log, o->record, key, value);
}

static gboolean
match_json(LampLog *log, Patterns *all, const Pattern *pattern, LampBytes line,
           LampLogRecord *record)
{
    Object object = {log, all, pattern, record};
    LampBytes text = lamp_text_trim(line);
    return lamp_bytes_starts(text, "{") &&
           lamp_json_flatten(text, record, take_member, &object) == text.len &&
           record->event.time != LAMP_TIME_NONE;
}

static gboolean
match(LampLog *log, Patterns *all, Pattern *pattern, LampBytes line, LampLogRecord *record)
{
    if (pattern->strikes >= STRIKES)
        return FALSE;
    log->scanner.own_forms = lamp_user_rules_forms(pattern->rules);
    if (pattern->is_json)
        return match_json(log, all, pattern, line, record);
    int result =
        pcre2_match(pattern->code, line.at, line.len, 0, 0, pattern->match, all->limits);
    if (result < PCRE2_ERROR_PARTIAL && ++pattern->strikes == STRIKES)
        all->dropped = pattern->name;
    if (result < 0)
        return FALSE;
    set_groups(log, all, pattern, line, record);
    return TRUE;
}

static gboolean
parse(LampLog *log, LampBytes line, LampLogRecord *record)
{
    Patterns *all = ((State *) log)->patterns;
    for (guint i = 0; all != NULL && i < all->count; i++) {
        Pattern *pattern = &all->patterns[i];
        if (!match(log, all, pattern, line, record)) {
            lamp_log_record_clear(record, line.len);
            continue;
        }
        set_constants(pattern, record);
        record->call.time_is_begin = pattern->time_is_begin;
        if (record->event.message.len == 0)
            record->event.message = line;
        return TRUE;
    }
    return FALSE;
}

static const LampLogFormat format = {.parse = parse, .joins_lines = TRUE, .most = 90};

static guint
probe(LampBytes head, const char *path)
{
    (void) head;
    (void) path;
    return 0; /* asked for by the user, never guessed */
}

static void
begin(gpointer state, const LampSourceContext *context)
{
    State *s = state;
    lamp_log_begin(&s->log, &format, context);
    if (context != NULL && context->pattern != NULL)
        s->patterns = patterns_new(context->pattern);
}

static void
tell(LampSink *sink, guint64 offset, LampFindingKind kind, const char *code, const char *text)
{
    LampFinding finding = {kind, code, offset, 0, text};
    sink->finding(sink->owner, &finding);
}

static LampStep
step(gpointer state, LampCursor *in, guint64 offset, gboolean last, LampSink *sink)
{
    Patterns *all = ((State *) state)->patterns;
    if (all != NULL && !all->complained && all->complaint->len > 0)
        tell(sink, offset, LAMP_FINDING_INVALID, "pattern.compile", all->complaint->str);
    if (all != NULL)
        all->complained = TRUE;
    LampStep result = lamp_log_step(state, in, offset, last, sink);
    if (all != NULL && all->dropped != NULL) {
        g_autofree char *text =
            g_strdup_printf("[%s] reached its match limits %d times; it is no longer tried",
                            all->dropped, STRIKES);
        tell(sink, offset, LAMP_FINDING_LIMIT, "limit.PATTERN_MATCH", text);
        all->dropped = NULL;
    }
    return result;
}

static void
end(gpointer state, LampSink *sink)
{
    State *s = state;
    g_clear_pointer(&s->patterns, patterns_free);
    lamp_log_end(&s->log, sink);
}

const LampReader lamp_reader_pattern = {
    .name = "pattern",
    .summary = "the user's own formats: PCRE2 patterns with named groups (--patterns)",
    .spec = "pcre2pattern(3)",
    .kind = LAMP_KIND_LOG,
    .state_size = sizeof(State),
    .probe = probe,
    .begin = begin,
    .step = step,
    .end = end,
};
