/*
 * Records of nfcapd files: from the bytes of one record to a flow.
 *
 * In: a record of layout 1 (nfdump 1.6: a common record with a variable tail, described by an
 * extension map that came before it) or layout 2 (nfdump 1.7: a list of typed elements). All
 * numbers are little endian. Out: addresses, ports, times, counts; as further fields, where
 * given: counts of the other direction, interfaces, autonomous systems, next hop, translated
 * addresses and ports, latencies. Limits: extensions of layout 1 behind an unknown one are not
 * read.
 */
#include "ingest/flow/nfcapd.h"

enum {
    RECORD_COMMON_OLD = 1,
    RECORD_MAP = 2,
    RECORD_COMMON = 10,
    RECORD_ELEMENTS = 11,
};

enum { MAP_MOST = 256 /* extensions; there are some seventy */ };
enum { FLAG_IPV6 = 1, FLAG_PACKETS_64 = 2, FLAG_BYTES_64 = 4 };

static void
free_map(gpointer map)
{
    if (map != NULL)
        g_array_unref(map);
}

void
lamp_nfcapd_free(LampNfcapd *n)
{
    if (n->maps != NULL)
        g_ptr_array_unref(n->maps);
    n->maps = NULL;
    lamp_flow_record_free(&n->flow);
}

/* ---- layout 1 */

static LampNfcapdResult
read_map(LampNfcapd *n, LampBytes record)
{
    if (record.len < 8)
        return LAMP_NFCAPD_BAD;
    guint id = lamp_le16(record.at + 4);
    if (n->maps == NULL)
        n->maps = g_ptr_array_new_with_free_func(free_map);
    if (n->maps->len <= id)
        g_ptr_array_set_size(n->maps, (gint) id + 1);
    GArray *map = g_array_new(FALSE, FALSE, sizeof(guint16));
    for (gsize at = 8;
         at + 2 <= record.len && lamp_le16(record.at + at) != 0 && map->len < MAP_MOST;
         at += 2) {
        guint16 extension = lamp_le16(record.at + at);
        g_array_append_val(map, extension);
    }
    free_map(n->maps->pdata[id]);
    n->maps->pdata[id] = map;
    return LAMP_NFCAPD_OTHER;
}

static gsize
extension_size(guint16 extension)
{
    static const guint8 sizes[] = {
        [4] = 4,  [5] = 8,   [6] = 4,   [7] = 8,   [8] = 4,   [9] = 4,   [10] = 16,
        [11] = 4, [12] = 16, [13] = 4,  [14] = 4,  [15] = 8,  [16] = 4,  [17] = 8,
        [18] = 4, [19] = 8,  [20] = 16, [21] = 16, [22] = 40, [23] = 4,  [24] = 16,
        [25] = 4, [26] = 8,  [27] = 8,  [38] = 4,  [39] = 8,  [40] = 32, [64] = 24};
    return extension < G_N_ELEMENTS(sizes) ? sizes[extension] : 0;
}

/* Addresses are numbers in the file's byte order: the bytes of each 32- or 64-bit half turn.
 * They turn as words, since what reads them next does so too. */
static void
turn_address(guint8 *out, const guint8 *p, gsize len)
{
    if (len == 4) {
        guint32 word = GUINT32_TO_BE(lamp_le32(p));
        memcpy(out, &word, sizeof word);
        return;
    }
    guint64 halves[2] = {GUINT64_TO_BE(lamp_le64(p)), GUINT64_TO_BE(lamp_le64(p + 8))};
    memcpy(out, halves, sizeof halves);
}

static void
add_address(LampFlowRecord *f, const char *name, const guint8 *p, gsize len)
{
    guint8 address[16];
    turn_address(address, p, len);
    lamp_flow_record_address(f, name, address, len);
}

static void
set_addresses(LampFlowRecord *f, const guint8 *p, gboolean is_ipv6)
{
    if (is_ipv6) {
        guint8 source[16], destination[16];
        turn_address(source, p, 16);
        turn_address(destination, p + 16, 16);
        lamp_flow_record_set_ipv6(&f->row.source, source);
        lamp_flow_record_set_ipv6(&f->row.destination, destination);
    } else {
        lamp_flow_record_set_ipv4(&f->row.source, lamp_le32(p));
        lamp_flow_record_set_ipv4(&f->row.destination, lamp_le32(p + 4));
    }
}

static void
add_latency(LampFlowRecord *f, const guint8 *p)
{
    lamp_flow_record_number(f, "client_latency_us", lamp_le64(p));
    lamp_flow_record_number(f, "server_latency_us", lamp_le64(p + 8));
    lamp_flow_record_number(f, "application_latency_us", lamp_le64(p + 16));
}

static void
add_extension(LampFlowRecord *f, guint16 extension, const guint8 *p)
{
    switch (extension) {
    case 4:
        lamp_flow_record_number(f, "input", lamp_le16(p));
        lamp_flow_record_number(f, "output", lamp_le16(p + 2));
        break;
    case 5:
        lamp_flow_record_number(f, "input", lamp_le32(p));
        lamp_flow_record_number(f, "output", lamp_le32(p + 4));
        break;
    case 6:
        lamp_flow_record_number(f, "source_as", lamp_le16(p));
        lamp_flow_record_number(f, "destination_as", lamp_le16(p + 2));
        break;
    case 7:
        lamp_flow_record_number(f, "source_as", lamp_le32(p));
        lamp_flow_record_number(f, "destination_as", lamp_le32(p + 4));
        break;
    case 9:
        add_address(f, "next_hop", p, 4);
        break;
    case 10:
        add_address(f, "next_hop", p, 16);
        break;
    case 14:
    case 15:
        lamp_flow_record_number(f, "packets_back",
                                extension == 14 ? lamp_le32(p) : lamp_le64(p));
        break;
    case 16:
    case 17:
        lamp_flow_record_number(f, "bytes_back", extension == 16 ? lamp_le32(p) : lamp_le64(p));
        break;
    case 38:
        lamp_flow_record_number(f, "nat_source_port", lamp_le16(p));
        lamp_flow_record_number(f, "nat_destination_port", lamp_le16(p + 2));
        break;
    case 39:
        add_address(f, "nat_source", p, 4);
        add_address(f, "nat_destination", p + 4, 4);
        break;
    case 40:
        add_address(f, "nat_source", p, 16);
        add_address(f, "nat_destination", p + 16, 16);
        break;
    case 64:
        add_latency(f, p);
        break;
    default:
        break;
    }
}

static void
add_extensions(LampNfcapd *n, guint16 map_id, LampCursor *c)
{
    if (n->maps == NULL || map_id >= n->maps->len || n->maps->pdata[map_id] == NULL)
        return;
    const GArray *map = n->maps->pdata[map_id];
    for (guint i = 0; i < map->len; i++) {
        guint16 extension = g_array_index(map, guint16, i);
        LampBytes value;
        gsize size = extension_size(extension);
        if (size == 0 || !lamp_cursor_take(c, size, &value))
            return;
        add_extension(&n->flow, extension, value.at);
    }
}

static guint64
take_count(LampCursor *c, gboolean is_long)
{
    LampBytes value = {NULL, 0};
    if (!lamp_cursor_take(c, is_long ? 8 : 4, &value))
        return 0;
    return is_long ? lamp_le64(value.at) : lamp_le32(value.at);
}

static LampNfcapdResult
read_common(LampNfcapd *n, LampBytes record, gboolean is_old, LampSink *sink)
{
    gsize header = is_old ? 28 : 32;
    if (record.len < header)
        return LAMP_NFCAPD_BAD;
    const guint8 *p = record.at + 4;
    guint flags = is_old ? p[0] : lamp_le16(p);
    LampFlowRecord *f = &n->flow;
    lamp_flow_record_begin(f);
    if (!lamp_flow_record_set_times(
            f, lamp_le32(p + 8) * G_GINT64_CONSTANT(1000) + lamp_le16(p + 4),
            lamp_le32(p + 12) * G_GINT64_CONSTANT(1000) + lamp_le16(p + 6)))
        return LAMP_NFCAPD_BAD;
    f->row.tcp_flags = p[17];
    f->row.transport = p[18];
    f->row.source.port = lamp_le16(p + 20);
    f->row.destination.port = lamp_le16(p + 22);
    LampCursor c = lamp_cursor(lamp_bytes(record.at + header, record.len - header));
    LampBytes addresses;
    gboolean is_ipv6 = (flags & FLAG_IPV6) != 0;
    gsize counts =
        ((flags & FLAG_PACKETS_64) != 0 ? 8u : 4u) + ((flags & FLAG_BYTES_64) != 0 ? 8u : 4u);
    if (!lamp_cursor_take(&c, is_ipv6 ? 32 : 8, &addresses) || lamp_cursor_left(&c) < counts)
        return LAMP_NFCAPD_BAD;
    set_addresses(f, addresses.at, is_ipv6);
    f->row.packets = take_count(&c, (flags & FLAG_PACKETS_64) != 0);
    f->row.bytes = take_count(&c, (flags & FLAG_BYTES_64) != 0);
    add_extensions(n, lamp_le16(p + 2), &c);
    lamp_flow_record_emit(f, sink);
    return LAMP_NFCAPD_FLOW;
}

/* ---- layout 2 */

enum {
    ELEMENT_GENERIC = 1,
    ELEMENT_IPV4 = 2,
    ELEMENT_IPV6 = 3,
    ELEMENT_MISC = 4,
    ELEMENT_COUNTS = 5,
    ELEMENT_AS = 7,
    ELEMENT_NEXT_HOP_V4 = 10,
    ELEMENT_NEXT_HOP_V6 = 11,
    ELEMENT_LATENCY = 17,
    ELEMENT_NAT_V4 = 20,
    ELEMENT_NAT_V6 = 21,
    ELEMENT_NAT_PORTS = 22,
    ELEMENTS_MAX = 64,
};

/* Bytes that an element must have to be read. */
static gsize
element_size(guint16 type)
{
    static const guint8 sizes[] = {
        [ELEMENT_GENERIC] = 48,    [ELEMENT_IPV4] = 8,         [ELEMENT_IPV6] = 32,
        [ELEMENT_MISC] = 8,        [ELEMENT_COUNTS] = 24,      [ELEMENT_AS] = 8,
        [ELEMENT_NEXT_HOP_V4] = 4, [ELEMENT_NEXT_HOP_V6] = 16, [ELEMENT_LATENCY] = 24,
        [ELEMENT_NAT_V4] = 8,      [ELEMENT_NAT_V6] = 32,      [ELEMENT_NAT_PORTS] = 4};
    return type < G_N_ELEMENTS(sizes) ? sizes[type] : 0;
}

static gboolean
read_generic(LampFlowRecord *f, const guint8 *p)
{
    guint64 first = lamp_le64(p), last = lamp_le64(p + 8);
    if (first > G_MAXINT64 || last > G_MAXINT64 ||
        !lamp_flow_record_set_times(f, (gint64) first, (gint64) last))
        return FALSE;
    f->row.packets = lamp_le64(p + 24);
    f->row.bytes = lamp_le64(p + 32);
    f->row.source.port = lamp_le16(p + 40);
    f->row.destination.port = lamp_le16(p + 42);
    f->row.transport = p[44];
    f->row.tcp_flags = p[45];
    return TRUE;
}

static void
read_element(LampFlowRecord *f, guint16 type, const guint8 *p)
{
    switch (type) {
    case ELEMENT_IPV4:
    case ELEMENT_IPV6:
        set_addresses(f, p, type == ELEMENT_IPV6);
        break;
    case ELEMENT_MISC:
        add_extension(f, 5, p);
        break;
    case ELEMENT_COUNTS:
        add_extension(f, 15, p + 8);
        add_extension(f, 17, p + 16);
        break;
    case ELEMENT_AS:
        add_extension(f, 7, p);
        break;
    case ELEMENT_NEXT_HOP_V4:
        add_extension(f, 9, p);
        break;
    case ELEMENT_NEXT_HOP_V6:
        add_extension(f, 10, p);
        break;
    case ELEMENT_LATENCY:
        add_latency(f, p);
        break;
    case ELEMENT_NAT_V4:
        add_extension(f, 39, p);
        break;
    case ELEMENT_NAT_V6:
        add_extension(f, 40, p);
        break;
    case ELEMENT_NAT_PORTS:
        add_extension(f, 38, p);
        break;
    default:
        break;
    }
}

static LampNfcapdResult
read_elements(LampNfcapd *n, LampBytes record, LampSink *sink)
{
    if (record.len < 12)
        return LAMP_NFCAPD_BAD;
    LampFlowRecord *f = &n->flow;
    LampCursor c = lamp_cursor(lamp_bytes(record.at + 12, record.len - 12));
    guint count = lamp_le16(record.at + 4);
    lamp_flow_record_begin(f);
    for (guint i = 0; i < MIN(count, (guint) ELEMENTS_MAX); i++) {
        LampBytes head, value;
        if (!lamp_cursor_take(&c, 4, &head))
            break;
        guint16 type = lamp_le16(head.at), length = lamp_le16(head.at + 2);
        if (length < 4 || !lamp_cursor_take(&c, length - 4u, &value))
            return LAMP_NFCAPD_BAD;
        gsize least = element_size(type);
        if (least == 0 || value.len < least)
            continue;
        if (type == ELEMENT_GENERIC && !read_generic(f, value.at))
            return LAMP_NFCAPD_BAD;
        read_element(f, type, value.at);
    }
    if (!f->has_times || !f->row.source.is_known)
        return LAMP_NFCAPD_OTHER;
    lamp_flow_record_emit(f, sink);
    return LAMP_NFCAPD_FLOW;
}

LampNfcapdResult
lamp_nfcapd_record(LampNfcapd *n, LampBytes record, LampSink *sink)
{
    switch (lamp_le16(record.at)) {
    case RECORD_MAP:
        return read_map(n, record);
    case RECORD_COMMON:
    case RECORD_COMMON_OLD:
        return read_common(n, record, lamp_le16(record.at) == RECORD_COMMON_OLD, sink);
    case RECORD_ELEMENTS:
        return read_elements(n, record, sink);
    default:
        return LAMP_NFCAPD_OTHER;
    }
}
