/*
 * Flow records on their way to the sink: addresses, times and further fields in one form.
 */
#include "ingest/flow/record.h"

enum { NAME_MOST = 48, MEMBER_MOST = NAME_MOST + 64 };

static const guint8 mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

void
lamp_flow_record_begin(LampFlowRecord *f)
{
    GString *attributes = f->attributes != NULL ? f->attributes : g_string_new(NULL);
    g_string_truncate(attributes, 0);
    *f = (LampFlowRecord){.attributes = attributes, .row = {.sampling = 1}};
}

void
lamp_flow_record_free(LampFlowRecord *f)
{
    if (f->attributes != NULL)
        g_string_free(f->attributes, TRUE);
    f->attributes = NULL;
}

void
lamp_flow_record_set_ipv4(LampEndpoint *e, guint32 address)
{
    memcpy(e->address, mapped, sizeof mapped);
    for (guint i = 0; i < 4; i++)
        e->address[12 + i] = (guint8) (address >> (24 - 8 * i));
    e->is_known = TRUE;
}

void
lamp_flow_record_set_ipv6(LampEndpoint *e, const guint8 address[16])
{
    memcpy(e->address, address, 16);
    e->is_known = TRUE;
}

gboolean
lamp_flow_record_set_times(LampFlowRecord *f, gint64 first_ms, gint64 last_ms)
{
    LampTime first, last;
    if (!lamp_time_from_parts(first_ms / 1000, first_ms % 1000 * LAMP_NS_PER_MS, &first) ||
        !lamp_time_from_parts(last_ms / 1000, last_ms % 1000 * LAMP_NS_PER_MS, &last))
        return FALSE;
    f->row.first_time = first;
    f->row.last_time = last;
    f->has_times = TRUE;
    return TRUE;
}

/* Decimal digits of @value to @out, which takes 20; returns their end. Flow files hold millions
 * of small numbers: printf took a third of the time from file to stored flow. */
static char *
put_number(char *out, guint64 value)
{
    char digits[20];
    gsize n = 0;
    do {
        digits[n++] = (char) ('0' + value % 10);
        value /= 10;
    } while (value > 0);
    while (n > 0)
        *out++ = digits[--n];
    return out;
}

static char *
put_hex(char *out, guint value)
{
    static const char digits[] = "0123456789abcdef";
    gboolean has_begun = FALSE;
    for (int shift = 12; shift >= 0; shift -= 4) {
        guint digit = value >> shift & 15;
        has_begun = has_begun || digit != 0 || shift == 0;
        if (has_begun)
            *out++ = digits[digit];
    }
    return out;
}

/* Begins a member: `,"name":`. Names are short texts of ours. */
static char *
put_name(const LampFlowRecord *f, char *out, const char *name)
{
    *out++ = f->attributes->len == 0 ? '{' : ',';
    *out++ = '"';
    for (gsize i = 0; name[i] != '\0' && i < NAME_MOST; i++)
        *out++ = name[i];
    *out++ = '"';
    *out++ = ':';
    return out;
}

static void
append(LampFlowRecord *f, const char *member, const char *end)
{
    g_string_append_len(f->attributes, member, end - member);
}

void
lamp_flow_record_number(LampFlowRecord *f, const char *name, guint64 value)
{
    char member[MEMBER_MOST];
    if (value != 0)
        append(f, member, put_number(put_name(f, member, name), value));
}

void
lamp_flow_record_address(LampFlowRecord *f, const char *name, const guint8 *p, gsize len)
{
    static const guint8 none[16];
    char member[MEMBER_MOST];
    if ((len != 4 && len != 16) || memcmp(p, none, len) == 0)
        return;
    char *at = put_name(f, member, name);
    *at++ = '"';
    for (guint i = 0; len == 4 && i < 4; i++) {
        if (i > 0)
            *at++ = '.';
        at = put_number(at, p[i]);
    }
    for (guint i = 0; len == 16 && i < 16; i += 2) {
        if (i > 0)
            *at++ = ':';
        at = put_hex(at, (guint) p[i] << 8 | p[i + 1]);
    }
    *at++ = '"';
    append(f, member, at);
}

const LampFlowRow *
lamp_flow_record_finish(LampFlowRecord *f)
{
    if (f->attributes->len > 0) {
        g_string_append_c(f->attributes, '}');
        f->row.attributes = lamp_bytes(f->attributes->str, f->attributes->len);
    }
    return &f->row;
}

void
lamp_flow_record_emit(LampFlowRecord *f, LampSink *sink)
{
    sink->flow(sink->owner, lamp_flow_record_finish(f));
}
