/*
 * Flow records on their way to the sink: addresses, times and further fields in one form.
 */
#include "ingest/flow/record.h"
#include "base/text.h"

enum { TEXT_MOST = 128 };

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
        !lamp_time_from_parts(last_ms / 1000, last_ms % 1000 * LAMP_NS_PER_MS, &last) ||
        !lamp_time_is_within_range(first, 0) || !lamp_time_is_within_range(last, 0))
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
    guint len = 1;
    for (guint64 most = 9; len < 20 && value > most; most = most * 10 + 9)
        len++;
    for (guint8 *at = out + len; at > out; value /= 10)
        *--at = (guint8) ('0' + value % 10);
    return out + len;
}

/* The octets, three digits each, and a NUL. Flow files hold millions of addresses: digits are
 * looked up, not reckoned. */
static const char octets[] =
    "000001002003004005006007008009010011012013014015016017018019020021022023024025026027028029"
    "030031032033034035036037038039040041042043044045046047048049050051052053054055056057058059"
    "060061062063064065066067068069070071072073074075076077078079080081082083084085086087088089"
    "090091092093094095096097098099100101102103104105106107108109110111112113114115116117118119"
    "120121122123124125126127128129130131132133134135136137138139140141142143144145146147148149"
    "150151152153154155156157158159160161162163164165166167168169170171172173174175176177178179"
    "180181182183184185186187188189190191192193194195196197198199200201202203204205206207208209"
    "210211212213214215216217218219220221222223224225226227228229230231232233234235236237238239"
    "240241242243244245246247248249250251252253254255";

/* An IPv4 address to @out, which takes 17 bytes. */
static guint8 *
put_ipv4(guint8 *out, const guint8 *p)
{
    G_STATIC_ASSERT(sizeof octets == 3 * 256 + 1);
    for (guint i = 0; i < 4; i++) {
        guint leading = p[i] < 10 ? 2 : p[i] < 100 ? 1 : 0;
        memcpy(out, octets + 3 * p[i] + leading, 4);
        out += 3 - leading;
        *out++ = '.';
    }
    return out - 1;
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

static void
end_member(LampFlowRecord *f, const guint8 *end)
{
    f->attributes.len = (gsize) (end - f->attributes.at);
}

void
lamp_flow_record_end_number(LampFlowRecord *f, guint8 *at, guint64 value)
{
    end_member(f, put_number(at, value));
}

void
lamp_flow_record_end_address(LampFlowRecord *f, guint8 *at, const guint8 *p, gsize len)
{
    *at++ = '"';
    if (len == 4)
        at = put_ipv4(at, p);
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
    guint8 *at = lamp_flow_record_begin_member(f, name);
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
