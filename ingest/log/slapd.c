/*
 * Operations as OpenLDAP's server logs them (`loglevel stats`), in two lines or more:
 *
 *   conn=1000 op=1 SRCH base="dc=y" scope=2 deref=0 filter="(uid=a)"
 *   conn=1000 op=1 SEARCH RESULT tag=101 err=0 qtime=0.000010 etime=0.000910 nentries=1 text=
 *
 * In: the message of a line, behind a thread's address perhaps. Out: the operation in its first
 * line, status and duration in its result; ingest/log/begins.c makes one call of them. Before
 * 2.5 results tell no duration. Specification: slapd.conf(5), loglevel; OpenLDAP's
 * Administrator's Guide.
 */
#include "base/text.h"
#include "ingest/log/forms.h"

/* The value behind @name in @text, to the next blank. */
static LampBytes
value_of(LampBytes text, const char *name)
{
    gssize at = lamp_text_find(text, name);
    if (at < 0)
        return lamp_bytes(NULL, 0);
    gsize begin = (gsize) at + strlen(name), end = begin;
    while (end < text.len && text.at[end] != ' ')
        end++;
    return lamp_bytes(text.at + begin, end - begin);
}

static gsize
skip_digits(LampBytes text, gsize at)
{
    while (at < text.len && g_ascii_isdigit((char) text.at[at]))
        at++;
    return at;
}

/* `conn=1000 op=1` at the begin of @text; its length or 0. */
static gsize
length_of_id(LampBytes text)
{
    gsize at = skip_digits(text, 5);
    LampBytes rest = lamp_bytes(text.at + at, text.len - at);
    if (at == 5 || !lamp_bytes_starts(rest, " op="))
        return 0;
    gsize end = skip_digits(text, at + 4);
    return end > at + 4 && end < text.len && text.at[end] == ' ' ? end : 0;
}

/* The operation's name as it is on the wire. Further lines of the same operation are none. */
static LampBytes
operation_of(LampBytes rest)
{
    static const char *const names[][2] = {{"SRCH base=", "search"}, {"BIND ", "bind"},
                                           {"ADD ", "add"},          {"MOD dn=", "modify"},
                                           {"DEL ", "delete"},       {"CMP ", "compare"},
                                           {"MODRDN ", "rename"},    {"EXT ", "extended"}};
    for (gsize i = 0; i < G_N_ELEMENTS(names); i++)
        if (lamp_bytes_starts(rest, names[i][0]) && lamp_text_find(rest, " mech=") < 0)
            return lamp_bytes_text(names[i][1]);
    return lamp_bytes(NULL, 0);
}

/* Results that the server is to blame for: operations error, busy, unavailable, other. */
static gboolean
is_failure(LampBytes code)
{
    guint64 number;
    return lamp_text_parse_u64(code, &number) &&
           (number == 1 || number == 51 || number == 52 || number == 80);
}

void
lamp_log_take_slapd(LampLogRecord *record, LampBytes message)
{
    enum { ADDRESS_BYTES = 20 };
    LampLogCall *call = &record->call;
    LampEventRow *event = &record->event;
    gboolean is_threaded = lamp_bytes_starts(message, "0x");
    if (!is_threaded && !lamp_bytes_starts(message, "conn="))
        return;
    gssize begin = lamp_text_find(
        lamp_bytes(message.at, MIN(message.len, (gsize) ADDRESS_BYTES + 5)), "conn=");
    if (begin < 0)
        return;
    LampBytes text = lamp_bytes(message.at + begin, message.len - (gsize) begin);
    gsize id = length_of_id(text);
    if (id == 0)
        return;
    if (begin > 1 && event->thread.len == 0 && event->message.at == message.at) {
        event->thread = lamp_bytes(message.at, (gsize) begin - 1);
        event->message = text;
    }
    LampBytes rest = lamp_bytes(text.at + id + 1, text.len - id - 1);
    gboolean is_result =
        lamp_bytes_starts(rest, "RESULT ") || lamp_bytes_starts(rest, "SEARCH RESULT ");
    call->operation = operation_of(rest);
    if (!is_result && call->operation.len == 0)
        return;
    call->pair_id = lamp_bytes(text.at, id);
    call->protocol = lamp_bytes_text("ldap");
    call->method = call->target = lamp_bytes(NULL, 0);
    if (!is_result)
        return;
    call->status = value_of(rest, " err=");
    call->is_error = is_failure(call->status);
    if (!lamp_duration_parse(value_of(rest, " etime="), LAMP_NS_PER_SECOND, &call->duration_ns,
                             &call->duration_resolution_ns))
        call->duration_ns = -1;
}
