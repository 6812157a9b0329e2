/*
 * Information elements: from the fields of a record to a flow.
 *
 * In: element numbers with values of one to eight bytes (reduced-size encoding, RFC 7011
 * section 6.2) or addresses; out: the flow's row and further fields. Times come relative to the
 * exporter's start (NetFlow 9), as seconds, milliseconds, NTP fractions (RFC 7011 section 6.1)
 * or as differences to the export time; a record without times has those of its datagram.
 */
#include "ingest/flow/fields.h"

enum {
    BYTES = 1,
    PACKETS = 2,
    PROTOCOL = 4,
    TCP_FLAGS = 6,
    SOURCE_PORT = 7,
    SOURCE_IPV4 = 8,
    INPUT = 10,
    DESTINATION_PORT = 11,
    DESTINATION_IPV4 = 12,
    OUTPUT = 14,
    NEXT_HOP = 15,
    SOURCE_AS = 16,
    DESTINATION_AS = 17,
    LAST_UPTIME = 21,
    FIRST_UPTIME = 22,
    BYTES_BACK = 23,
    PACKETS_BACK = 24,
    SOURCE_IPV6 = 27,
    DESTINATION_IPV6 = 28,
    SAMPLING = 34,
    SAMPLER_INTERVAL = 50,
    NEXT_HOP_IPV6 = 62,
    TOTAL_BYTES = 85,
    TOTAL_PACKETS = 86,
    FIRST_SECONDS = 150,
    LAST_NANOSECONDS = 157,
    FIRST_DELTA = 158,
    LAST_DELTA = 159,
    BOOT = 160,
    DURATION = 161,
    NAT_SOURCE_IPV4 = 225,
    NAT_DESTINATION_IPV4 = 226,
    NAT_SOURCE_PORT = 227,
    NAT_DESTINATION_PORT = 228,
    INITIATOR_BYTES = 231,
    RESPONDER_BYTES = 232,
    NAT_SOURCE_IPV6 = 281,
    NAT_DESTINATION_IPV6 = 282,
    INITIATOR_PACKETS = 298,
    RESPONDER_PACKETS = 299,
    PACKET_INTERVAL = 305,
    PACKET_SPACE = 306,
    SAMPLED_SIZE = 309,
    SAMPLED_POPULATION = 310,
    OBSERVATION_MS = 323,
};

#define NTP_EPOCH G_GINT64_CONSTANT(2208988800) /* seconds from 1900 to 1970 */

static guint64
number_of(LampBytes value)
{
    guint64 number = 0;
    if (value.len > 8)
        return 0;
    for (gsize i = 0; i < value.len; i++)
        number = number << 8 | value.at[i];
    return number;
}

/* Milliseconds of a time; TRUE where the value is one. Beyond any real time it is 0. */
static gint64
milliseconds(guint64 value)
{
    return value > G_MAXINT64 / 2000000 ? 0 : (gint64) value;
}

static gint64
ntp_ms(guint64 value)
{
    gint64 seconds = (gint64) (value >> 32) - NTP_EPOCH;
    return seconds * 1000 + (gint64) (((value & 0xffffffff) * 1000) >> 32);
}

static void
set_time(LampFieldTimes *t, gboolean is_last, gint64 ms)
{
    if (is_last) {
        t->last_ms = ms;
        t->has_last = TRUE;
    } else {
        t->first_ms = ms;
        t->has_first = TRUE;
    }
}

/* Elements 150 to 157 come in pairs of first and last: s, ms, us and ns. */
static void
take_absolute(LampFieldTimes *t, guint16 element, guint64 value)
{
    gboolean is_last = (element - FIRST_SECONDS) % 2 == 1;
    switch ((element - FIRST_SECONDS) / 2) {
    case 0:
        set_time(t, is_last, milliseconds(value) * 1000);
        break;
    case 1:
        set_time(t, is_last, milliseconds(value));
        break;
    default:
        set_time(t, is_last, ntp_ms(value));
    }
}

static gboolean
take_time(LampFieldTimes *t, guint16 element, guint64 value)
{
    if (element >= FIRST_SECONDS && element <= LAST_NANOSECONDS) {
        take_absolute(t, element, value);
        return TRUE;
    }
    switch (element) {
    case FIRST_UPTIME:
    case LAST_UPTIME:
        set_time(t, element == LAST_UPTIME, milliseconds(value));
        t->is_uptime = TRUE;
        return TRUE;
    case FIRST_DELTA:
    case LAST_DELTA:
        set_time(t, element == LAST_DELTA, t->export_ms - milliseconds(value) / 1000);
        return TRUE;
    case OBSERVATION_MS:
        set_time(t, FALSE, milliseconds(value));
        return TRUE;
    case BOOT:
        t->boot_ms = milliseconds(value);
        t->has_uptime = FALSE;
        return TRUE;
    case DURATION:
        t->duration_ms = value;
        return TRUE;
    default:
        return FALSE;
    }
}

/* Sources and destinations. Records may have both versions, the unused one zero. */
static gboolean
take_endpoint(LampFlowRecord *f, guint16 element, LampBytes value)
{
    static const guint8 unspecified[16];
    gboolean is_source = element == SOURCE_IPV4 || element == SOURCE_IPV6;
    gsize size = element == SOURCE_IPV4 || element == DESTINATION_IPV4 ? 4 : 16;
    LampEndpoint *e = is_source ? &f->row.source : &f->row.destination;
    if (value.len != size || (e->is_known && memcmp(value.at, unspecified, size) == 0))
        return TRUE;
    if (size == 4)
        lamp_flow_record_set_ipv4(e, lamp_be32(value.at));
    else
        lamp_flow_record_set_ipv6(e, value.at);
    return TRUE;
}

static gboolean
take_address(LampFlowRecord *f, guint16 element, LampBytes value)
{
    const char *name = NULL;
    switch (element) {
    case SOURCE_IPV4:
    case SOURCE_IPV6:
    case DESTINATION_IPV4:
    case DESTINATION_IPV6:
        return take_endpoint(f, element, value);
    case NEXT_HOP:
    case NEXT_HOP_IPV6:
        name = "next_hop";
        break;
    case NAT_SOURCE_IPV4:
    case NAT_SOURCE_IPV6:
        name = "nat_source";
        break;
    case NAT_DESTINATION_IPV4:
    case NAT_DESTINATION_IPV6:
        name = "nat_destination";
        break;
    default:
        return FALSE;
    }
    lamp_flow_record_address(f, name, value.at, value.len);
    return TRUE;
}

/* One packet of how many is looked at? By RFC 5477, 8.2, in any of three ways. */
static gboolean
take_sampling(LampFlowRow *row, LampFieldTimes *t, guint16 element, guint64 value)
{
    guint64 rate = value;
    switch (element) {
    case SAMPLING:
    case SAMPLER_INTERVAL:
        break;
    case SAMPLED_SIZE:
    case SAMPLED_POPULATION:
        *(element == SAMPLED_SIZE ? &t->sampled_size : &t->population) = value;
        rate = t->population / MAX(t->sampled_size, 1);
        break;
    case PACKET_INTERVAL:
    case PACKET_SPACE:
        *(element == PACKET_INTERVAL ? &t->interval : &t->space) = MIN(value, G_MAXUINT32);
        t->has_space = t->has_space || element == PACKET_SPACE;
        rate = t->interval;
        if (t->has_space)
            rate = (MAX(t->interval, 1) + t->space) / MAX(t->interval, 1);
        break;
    default:
        return FALSE;
    }
    row->sampling = (guint32) CLAMP(rate, 1, G_MAXUINT32);
    t->has_sampling = TRUE;
    return TRUE;
}

static gboolean
take_count(LampFlowRow *row, guint16 element, guint64 value)
{
    switch (element) {
    case BYTES:
    case TOTAL_BYTES:
    case INITIATOR_BYTES:
        row->bytes = MAX(row->bytes, value);
        return TRUE;
    case PACKETS:
    case TOTAL_PACKETS:
    case INITIATOR_PACKETS:
        row->packets = MAX(row->packets, value);
        return TRUE;
    case PROTOCOL:
        row->transport = (guint8) value;
        return TRUE;
    case TCP_FLAGS:
        row->tcp_flags = (guint8) value;
        return TRUE;
    case SOURCE_PORT:
        row->source.port = (guint16) value;
        return TRUE;
    case DESTINATION_PORT:
        row->destination.port = (guint16) value;
        return TRUE;
    default:
        return FALSE;
    }
}

static void
take_further(LampFlowRecord *f, guint16 element, guint64 value)
{
    static const struct {
        guint16 element;
        const char *name;
    } names[] = {
        {INPUT, "input"},
        {OUTPUT, "output"},
        {SOURCE_AS, "source_as"},
        {DESTINATION_AS, "destination_as"},
        {BYTES_BACK, "bytes_back"},
        {RESPONDER_BYTES, "bytes_back"},
        {PACKETS_BACK, "packets_back"},
        {RESPONDER_PACKETS, "packets_back"},
        {NAT_SOURCE_PORT, "nat_source_port"},
        {NAT_DESTINATION_PORT, "nat_destination_port"},
    };
    for (guint i = 0; i < G_N_ELEMENTS(names); i++)
        if (names[i].element == element)
            lamp_flow_record_number(f, names[i].name, value);
}

void
lamp_flow_field(LampFlowRecord *f, LampFieldTimes *t, guint16 element, LampBytes value)
{
    if (take_address(f, element, value))
        return;
    guint64 number = number_of(value);
    if (!take_time(t, element, number) && !take_count(&f->row, element, number) &&
        !take_sampling(&f->row, t, element, number))
        take_further(f, element, number);
}

/* A time of the exporter's clock of 32 bits, nearest to when the datagram left. */
static gint64
time_of_uptime(const LampFieldTimes *t, gint64 uptime)
{
    return t->export_ms + (gint32) ((guint32) uptime - t->uptime_ms);
}

gboolean
lamp_flow_field_finish(LampFlowRecord *f, const LampFieldTimes *t)
{
    gint64 first = t->first_ms, last = t->last_ms;
    gint64 duration = (gint64) MIN(t->duration_ms, (guint64) G_MAXINT32);
    if (!t->has_first && !t->has_last)
        first = last = t->export_ms;
    else if (!t->has_last)
        last = first + duration;
    else if (!t->has_first)
        first = last - duration;
    /* Where nobody said when the exporter started, the flow ends with its export. */
    gint64 boot = t->boot_ms != 0 ? t->boot_ms : t->export_ms - last;
    if (t->is_uptime && (t->has_first || t->has_last)) {
        first = t->has_uptime ? time_of_uptime(t, first) : first + boot;
        last = t->has_uptime ? time_of_uptime(t, last) : last + boot;
    }
    if (t->sampling != 0 && f->row.sampling == 1)
        f->row.sampling = t->sampling;
    return f->row.source.is_known && f->row.destination.is_known &&
           lamp_flow_record_set_times(f, first, last);
}
