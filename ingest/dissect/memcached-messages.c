/*
 * Messages of memcached's text, meta and binary protocols.
 *
 * In: bytes of one side. Out: the length of the message that they begin with. Text: a command
 * is a line, with a data block for storage commands; answers are lines, of which VALUE and VA
 * carry data. Binary (doc/protocol-binary.txt): 24 byte headers.
 */
#include "ingest/dissect/memcached-messages.h"

#include "base/text.h"

enum { MAX_LINE = 65536, MAX_DATA = 134217728, RETRIEVAL = 75 /* score */ };

static const struct {
    const char *name;
    LampMemcachedKind kind;
} text_commands[] = {
    {"get", LAMP_MEMCACHED_RETRIEVE},     {"gets", LAMP_MEMCACHED_RETRIEVE},
    {"gat", LAMP_MEMCACHED_RETRIEVE},     {"gats", LAMP_MEMCACHED_RETRIEVE},
    {"set", LAMP_MEMCACHED_STORE},        {"add", LAMP_MEMCACHED_STORE},
    {"replace", LAMP_MEMCACHED_STORE},    {"append", LAMP_MEMCACHED_STORE},
    {"prepend", LAMP_MEMCACHED_STORE},    {"cas", LAMP_MEMCACHED_STORE},
    {"delete", LAMP_MEMCACHED_LINE},      {"incr", LAMP_MEMCACHED_LINE},
    {"decr", LAMP_MEMCACHED_LINE},        {"touch", LAMP_MEMCACHED_LINE},
    {"mg", LAMP_MEMCACHED_META},          {"ms", LAMP_MEMCACHED_META_SET},
    {"md", LAMP_MEMCACHED_META},          {"ma", LAMP_MEMCACHED_META},
    {"mn", LAMP_MEMCACHED_META},          {"me", LAMP_MEMCACHED_META},
    {"version", LAMP_MEMCACHED_LINE},     {"flush_all", LAMP_MEMCACHED_LINE},
    {"verbosity", LAMP_MEMCACHED_LINE},   {"stats", LAMP_MEMCACHED_STATS},
    {"lru_crawler", LAMP_MEMCACHED_LINE}, {"cache_memlimit", LAMP_MEMCACHED_LINE},
    {"slabs", LAMP_MEMCACHED_LINE},       {"lru", LAMP_MEMCACHED_LINE},
    {"watch", LAMP_MEMCACHED_LINE},       {"shutdown", LAMP_MEMCACHED_LINE},
    {"quit", LAMP_MEMCACHED_QUIT},
};

static const char *const answers[] = {
    "VALUE",   "END",     "STORED", "NOT_STORED", "EXISTS",       "NOT_FOUND",
    "DELETED", "TOUCHED", "OK",     "ERROR",      "CLIENT_ERROR", "SERVER_ERROR",
    "VERSION", "STAT",    "RESET",  "HD",         "VA",           "EN",
    "NF",      "NS",      "EX",     "MN",         "ME",           "BUSY",
};

/* Splits the first line; FALSE where its end is not there. */
gboolean
lamp_memcached_split(LampBytes bytes, LampMemcachedLine *out_line)
{
    LampCursor c = lamp_cursor(bytes);
    LampBytes line;
    *out_line = (LampMemcachedLine){0};
    if (!lamp_cursor_line(&c, &line))
        return FALSE;
    out_line->length = line.len + 1;
    line = lamp_text_trim(line);
    while (line.len > 0 && out_line->count < LAMP_MEMCACHED_WORDS) {
        const guint8 *blank = memchr(line.at, ' ', line.len);
        gsize n = blank == NULL ? line.len : (gsize) (blank - line.at);
        out_line->words[out_line->count++] = lamp_bytes(line.at, n);
        line = lamp_text_trim(lamp_bytes(line.at + n, line.len - n));
    }
    return TRUE;
}

gboolean
lamp_memcached_command(LampBytes name, LampMemcachedKind *out_kind)
{
    for (gsize i = 0; i < G_N_ELEMENTS(text_commands); i++) {
        if (!lamp_memcached_word_is(name, text_commands[i].name))
            continue;
        *out_kind = text_commands[i].kind;
        return TRUE;
    }
    return FALSE;
}

static gboolean
is_answer(LampBytes word)
{
    for (gsize i = 0; i < G_N_ELEMENTS(answers); i++)
        if (lamp_memcached_word_is(word, answers[i]))
            return TRUE;
    guint64 number;
    return lamp_text_parse_u64(word, &number);
}

/* Bytes of the data block announced by word @number of the line, with its line end. */
static gboolean
data_length(const LampMemcachedLine *line, gsize number, gsize *out_length)
{
    guint64 length;
    if (line->count <= number || !lamp_text_parse_u64(line->words[number], &length) ||
        length > MAX_DATA)
        return FALSE;
    *out_length = (gsize) length + 2;
    return TRUE;
}

static gsize
request_length(const LampMemcachedLine *line)
{
    gsize length = 0;
    LampMemcachedKind kind;
    if (line->count == 0 || !lamp_memcached_command(line->words[0], &kind))
        return 0;
    if (kind == LAMP_MEMCACHED_STORE && !data_length(line, 4, &length))
        return 0;
    if (kind == LAMP_MEMCACHED_META_SET && !data_length(line, 2, &length))
        return 0;
    return line->length + length;
}

static gsize
response_length(const LampMemcachedLine *line)
{
    gsize length = 0;
    if (line->count == 0 || !is_answer(line->words[0]))
        return 0;
    if (lamp_memcached_word_is(line->words[0], "VALUE") && !data_length(line, 3, &length))
        return 0;
    if (lamp_memcached_word_is(line->words[0], "VA") && !data_length(line, 1, &length))
        return 0;
    return line->length + length;
}

static gsize
binary_length(LampBytes bytes)
{
    if (bytes.len < LAMP_MEMCACHED_HEADER)
        return LAMP_FRAMING_MORE;
    gsize body = lamp_be32(bytes.at + 8), key = lamp_be16(bytes.at + 2), extras = bytes.at[4];
    gboolean fits = body <= MAX_DATA && key + extras <= body && key <= 250 && bytes.at[5] == 0;
    return fits ? LAMP_MEMCACHED_HEADER + body : 0;
}

/* May @bytes, without a line end so far, become a line of words? */
static gboolean
may_be_line(LampBytes bytes)
{
    if (bytes.len > MAX_LINE || !g_ascii_isalnum((char) bytes.at[0]))
        return FALSE;
    for (gsize i = 0; i < MIN(bytes.len, 12); i++)
        if (bytes.at[i] < ' ' && bytes.at[i] != '\r')
            return FALSE;
    return TRUE;
}

gsize
lamp_memcached_length(LampDirection direction, LampBytes bytes)
{
    if (bytes.at[0] == (direction == LAMP_TO_SERVER ? 0x80 : 0x81))
        return binary_length(bytes);
    LampMemcachedLine line;
    if (!lamp_memcached_split(bytes, &line))
        return may_be_line(bytes) ? LAMP_FRAMING_MORE : 0;
    return direction == LAMP_TO_SERVER ? request_length(&line) : response_length(&line);
}

gsize
lamp_memcached_unknown_length(LampBytes bytes)
{
    LampMemcachedLine line;
    if (!lamp_memcached_split(bytes, &line) || line.count == 0)
        return 0;
    for (gsize i = 0; i + 1 < line.length; i++)
        if (!g_ascii_isprint((char) bytes.at[i]) && bytes.at[i] != '\r')
            return 0;
    return line.length;
}

/* Text commands have words that other protocols have too, so arguments are looked at as well.
 */
static guint
score_command(LampBytes text)
{
    LampMemcachedLine line;
    if (text.len >= LAMP_MEMCACHED_HEADER && text.at[0] == 0x80)
        return binary_length(text) > 0 && text.at[1] < 0x40 && lamp_be16(text.at + 6) < 4096
                   ? 70
                   : 0;
    if (text.len == 0 || !lamp_memcached_split(text, &line) || line.count == 0)
        return 0;
    LampMemcachedKind kind;
    if (!lamp_memcached_command(line.words[0], &kind) || request_length(&line) == 0 ||
        text.at[line.length - 1] != '\n' || line.length < 2 || text.at[line.length - 2] != '\r')
        return 0;
    if (kind == LAMP_MEMCACHED_STORE || kind == LAMP_MEMCACHED_META_SET)
        return 90;
    /* Other stores have such lines too: short of certain, the answer is waited for. */
    return kind == LAMP_MEMCACHED_RETRIEVE && line.count >= 2 ? RETRIEVAL
           : line.count >= 2                                  ? 60
                                                              : 40;
}

static guint
score_answer(LampBytes text)
{
    LampMemcachedLine line;
    if (text.len >= LAMP_MEMCACHED_HEADER && text.at[0] == 0x81)
        return binary_length(text) > 0 && text.at[1] < 0x40 ? 70 : 0;
    if (text.len == 0 || !lamp_memcached_split(text, &line) || line.count == 0)
        return 0;
    gboolean is_number = g_ascii_isdigit((char) line.words[0].at[0]);
    return is_number || response_length(&line) == 0         ? 0
           : lamp_memcached_word_is(line.words[0], "VALUE") ? 90
                                                            : 50;
}

guint
lamp_memcached_score(LampBytes client, LampBytes server)
{
    guint command = score_command(client), answer = score_answer(server);
    if (client.len > 0 && server.len > 0)
        return command > 0 && answer > 0 ? 95 : command >= RETRIEVAL ? 60 : 0;
    return client.len > 0 ? command : answer;
}
