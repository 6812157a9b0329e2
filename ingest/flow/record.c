/*
 * Flow records on their way to the sink: addresses, times and further fields in one form.
 */
#include "ingest/flow/record.h"
#include "base/text.h"

enum { VALUE_MOST = 48 /* an IPv6 address in quotes */, TEXT_MOST = 128 };

static const guint8 mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

void
lamp_flow_record_begin(LampFlowRecord *f)
{
    LampOut attributes = f->attributes;
    attributes.len = 0;
    *f = (LampFlowRecord){.attributes = attributes, .row = {.sampling = 1}};
}

void
lamp_flow_record_free(LampFlowRecord *f)
{
    lamp_out_clear(&f->attributes);
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
static guint8 *
put_number(guint8 *out, guint64 value)
{
    guint8 digits[20];
    gsize at = sizeof digits;
    do {
        digits[--at] = (guint8) ('0' + value % 10);
        value /= 10;
    } while (value > 0);
    memcpy(out, digits + at, sizeof digits - at);
    return out + (sizeof digits - at);
}

static guint8 *
put_octet(guint8 *out, guint8 value)
{
    if (value >= 100)
        *out++ = (guint8) ('0' + value / 100);
    if (value >= 10)
        *out++ = (guint8) ('0' + value / 10 % 10);
    *out++ = (guint8) ('0' + value % 10);
    return out;
}

static guint8 *
put_hex(guint8 *out, guint value)
{
    static const char digits[] = "0123456789abcdef";
    gboolean has_begun = FALSE;
    for (int shift = 12; shift >= 0; shift -= 4) {
        guint digit = value >> shift & 15;
        has_begun = has_begun || digit != 0 || shift == 0;
        if (has_begun)
            *out++ = (guint8) digits[digit];
    }
    return out;
}

/* Begins a member: `,"name":`. Names are short texts of ours. Returns where its value goes,
 * with room for it. */
static guint8 *
begin_member(LampFlowRecord *f, const char *name)
{
    gsize len = strlen(name);
    guint8 *out = lamp_out_end(&f->attributes, len + 4 + VALUE_MOST);
    *out++ = f->attributes.len == 0 ? '{' : ',';
    *out++ = '"';
    memcpy(out, name, len);
    memcpy(out + len, "\":", 2);
    return out + len + 2;
}

static void
end_member(LampFlowRecord *f, const guint8 *end)
{
    f->attributes.len = (gsize) (end - f->attributes.at);
}

void
lamp_flow_record_number(LampFlowRecord *f, const char *name, guint64 value)
{
    if (value != 0)
        end_member(f, put_number(begin_member(f, name), value));
}

void
lamp_flow_record_address(LampFlowRecord *f, const char *name, const guint8 *p, gsize len)
{
    gboolean is_given = len == 4    ? lamp_be32(p) != 0
                        : len == 16 ? (lamp_be64(p) | lamp_be64(p + 8)) != 0
                                    : FALSE;
    if (!is_given)
        return;
    guint8 *at = begin_member(f, name);
    *at++ = '"';
    for (guint i = 0; len == 4 && i < 4; i++) {
        if (i > 0)
            *at++ = '.';
        at = put_octet(at, p[i]);
    }
    for (guint i = 0; len == 16 && i < 16; i += 2) {
        if (i > 0)
            *at++ = ':';
        at = put_hex(at, (guint) p[i] << 8 | p[i + 1]);
    }
    *at++ = '"';
    end_member(f, at);
}

void
lamp_flow_record_text(LampFlowRecord *f, const char *name, LampBytes text)
{
    static const char digits[] = "0123456789abcdef";
    if (text.len == 0)
        return;
    g_autofree char *clean = lamp_text_to_utf8(text, TEXT_MOST);
    guint8 *at = begin_member(f, name);
    f->attributes.len = (gsize) (at - f->attributes.at);
    at = lamp_out_end(&f->attributes, 6 * strlen(clean) + 2);
    *at++ = '"';
    for (const char *c = clean; *c != '\0'; c++) {
        guint8 byte = (guint8) *c;
        if (byte < 0x20) {
            memcpy(at, "\\u00", 4);
            at[4] = (guint8) digits[byte >> 4];
            at[5] = (guint8) digits[byte & 15];
            at += 6;
            continue;
        }
        if (byte == '"' || byte == '\\')
            *at++ = '\\';
        *at++ = byte;
    }
    *at++ = '"';
    end_member(f, at);
}

const LampFlowRow *
lamp_flow_record_finish(LampFlowRecord *f)
{
    if (f->attributes.len > 0) {
        lamp_out_add(&f->attributes, lamp_bytes("}", 1));
        f->row.attributes = lamp_bytes(f->attributes.at, f->attributes.len);
    }
    return &f->row;
}

void
lamp_flow_record_emit(LampFlowRecord *f, LampSink *sink)
{
    sink->flow(sink->owner, lamp_flow_record_finish(f));
}
