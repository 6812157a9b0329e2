/*
 * NetFlow 5, NetFlow 9 (RFC 3954) and IPFIX (RFC 7011).
 *
 * In: datagrams of one exporter; out: flows. Version 5 has fixed records. Versions 9 and 10
 * describe their records by templates, which are kept for each observation domain; records of a
 * template that was not seen cannot be read. Option records are read for the sampling interval
 * only. Limits: 1,024 templates, 256 fields each; sequence numbers are not followed.
 */
#include "ingest/flow/netflow.h"

#include "base/keyed-map.h"
#include "ingest/flow/fields.h"

enum {
    HEADER_5 = 24,
    RECORD_5 = 48,
    HEADER_9 = 20,
    HEADER_10 = 16,
    TEMPLATES_MAX = 1024,
    FIELDS_MAX = 256,
    MAP_BYTES = 262144,
    VARIABLE = 65535,
    ENTERPRISE = 0x8000,
    FIRST_DATA_SET = 256,
    EARLIEST = 915148800, /* seconds: 1999, older than the formats */
};

typedef struct {
    guint16 element; /* 0: another registry's */
    guint16 length;
} Field;

typedef struct {
    gboolean is_options;
    gsize least; /* bytes of the shortest record */
    guint count;
    Field fields[];
} Template;

struct LampNetflow {
    LampFlowRecord flow;
    LampKeyedMap *ids; /* domain and template number to index + 1; number 0: to sampling */
    GPtrArray *templates;
};

typedef struct {
    LampNetflow *netflow;
    LampFieldTimes times;
    guint32 domain;
    gboolean is_ipfix;
    LampNetflowEmit emit;
    gpointer owner;
} Reading;

LampNetflow *
lamp_netflow_new(void)
{
    LampNetflow *n = g_new0(LampNetflow, 1);
    n->ids = lamp_keyed_map_new(MAP_BYTES);
    n->templates = g_ptr_array_new_with_free_func(g_free);
    return n;
}

void
lamp_netflow_free(LampNetflow *n)
{
    if (n == NULL)
        return;
    lamp_flow_record_free(&n->flow);
    lamp_keyed_map_free(n->ids);
    g_ptr_array_unref(n->templates);
    g_free(n);
}

static void
emit(const Reading *r)
{
    LampFlowRecord *f = &r->netflow->flow;
    if (lamp_flow_field_finish(f, &r->times))
        r->emit(r->owner, lamp_flow_record_finish(f));
}

/* ---- version 5 */

static void
read_record_5(Reading *r, const guint8 *p, guint32 sampling)
{
    LampFlowRecord *f = &r->netflow->flow;
    lamp_flow_record_begin(f);
    LampFlowRow *row = &f->row;
    lamp_flow_record_set_ipv4(&row->source, lamp_be32(p));
    lamp_flow_record_set_ipv4(&row->destination, lamp_be32(p + 4));
    row->packets = lamp_be32(p + 16);
    row->bytes = lamp_be32(p + 20);
    row->source.port = lamp_be16(p + 32);
    row->destination.port = lamp_be16(p + 34);
    row->tcp_flags = p[37];
    row->transport = p[38];
    row->sampling = MAX(sampling, 1);
    lamp_flow_record_address(f, "next_hop", p + 8, 4);
    lamp_flow_record_number(f, "input", lamp_be16(p + 12));
    lamp_flow_record_number(f, "output", lamp_be16(p + 14));
    lamp_flow_record_number(f, "source_as", lamp_be16(p + 40));
    lamp_flow_record_number(f, "destination_as", lamp_be16(p + 42));
    r->times.first_ms = lamp_be32(p + 24);
    r->times.last_ms = lamp_be32(p + 28);
    r->times.is_uptime = r->times.has_first = r->times.has_last = TRUE;
    emit(r);
}

static LampNetflowResult
read_5(Reading *r, LampBytes d)
{
    guint count = lamp_be16(d.at + 2);
    gsize held = (d.len - HEADER_5) / RECORD_5;
    r->times.export_ms = lamp_be32(d.at + 8) * G_GINT64_CONSTANT(1000) +
                         lamp_be32(d.at + 12) % 1000000000 / 1000000;
    r->times.uptime_ms = lamp_be32(d.at + 4);
    r->times.has_uptime = TRUE;
    for (gsize i = 0; i < MIN((gsize) count, held); i++)
        read_record_5(r, d.at + HEADER_5 + i * RECORD_5, lamp_be16(d.at + 22) & 0x3fff);
    return count <= held ? LAMP_NETFLOW_GOOD : LAMP_NETFLOW_INVALID;
}

/* ---- templates */

static LampBytes
template_key(guint8 memory[6], guint32 domain, guint16 id)
{
    for (guint i = 0; i < 4; i++)
        memory[i] = (guint8) (domain >> (8 * i));
    memory[4] = (guint8) id;
    memory[5] = (guint8) (id >> 8);
    return lamp_bytes(memory, 6);
}

static const Template *
find_template(const Reading *r, guint16 id)
{
    guint8 memory[6];
    guint64 *index = lamp_keyed_map_find(r->netflow->ids, template_key(memory, r->domain, id));
    return index != NULL && *index > 0 ? r->netflow->templates->pdata[*index - 1] : NULL;
}

static void
keep_template(Reading *r, guint16 id, Template *template)
{
    LampNetflow *n = r->netflow;
    guint8 memory[6];
    guint64 *index = lamp_keyed_map_add(n->ids, template_key(memory, r->domain, id), NULL);
    if (index == NULL || (*index == 0 && n->templates->len >= TEMPLATES_MAX)) {
        g_free(template);
    } else if (*index > 0) {
        g_free(n->templates->pdata[*index - 1]);
        n->templates->pdata[*index - 1] = template;
    } else {
        g_ptr_array_add(n->templates, template);
        *index = n->templates->len;
    }
}

/* Takes @count field descriptions; NULL where they are cut. */
static Template *
read_fields(const Reading *r, LampCursor *c, guint count)
{
    if (count == 0 || count > FIELDS_MAX)
        return NULL;
    Template *t = g_malloc0(sizeof *t + count * sizeof t->fields[0]);
    for (guint i = 0; i < count; i++) {
        guint16 element, length;
        gboolean is_good = lamp_cursor_be16(c, &element) && lamp_cursor_be16(c, &length);
        gboolean is_foreign = r->is_ipfix && is_good && (element & ENTERPRISE) != 0;
        if (!is_good || (is_foreign && !lamp_cursor_skip(c, 4))) {
            g_free(t);
            return NULL;
        }
        t->fields[i] = (Field){is_foreign ? 0 : element, length};
        t->least += length == VARIABLE && r->is_ipfix ? 1 : length;
        t->count++;
    }
    return t;
}

static LampNetflowResult
read_templates(Reading *r, LampCursor c)
{
    guint16 id, count;
    while (lamp_cursor_left(&c) >= 4 && lamp_cursor_be16(&c, &id) &&
           lamp_cursor_be16(&c, &count)) {
        if (id < FIRST_DATA_SET) /* padding, or a withdrawal of all */
            return LAMP_NETFLOW_GOOD;
        if (count == 0)
            continue;
        Template *t = read_fields(r, &c, count);
        if (t == NULL)
            return LAMP_NETFLOW_INVALID;
        keep_template(r, id, t);
    }
    return LAMP_NETFLOW_GOOD;
}

static LampNetflowResult
read_option_templates(Reading *r, LampCursor c)
{
    guint16 id, first, second;
    while (lamp_cursor_left(&c) >= 6 && lamp_cursor_be16(&c, &id) &&
           lamp_cursor_be16(&c, &first) && lamp_cursor_be16(&c, &second)) {
        if (id < FIRST_DATA_SET)
            return LAMP_NETFLOW_GOOD;
        guint count = r->is_ipfix ? first : (first + (guint) second) / 4;
        Template *t = read_fields(r, &c, count);
        if (t == NULL)
            return LAMP_NETFLOW_INVALID;
        t->is_options = TRUE;
        keep_template(r, id, t);
    }
    return LAMP_NETFLOW_GOOD;
}

/* ---- records */

enum { SAMPLING_ID = 0 /* no template has it */ };

/* What an observation domain said of its sampling; that of domain 0 holds for all. */
static guint32
find_sampling(const Reading *r)
{
    guint8 memory[6];
    const guint64 *own =
        lamp_keyed_map_find(r->netflow->ids, template_key(memory, r->domain, SAMPLING_ID));
    if (own == NULL)
        own = lamp_keyed_map_find(r->netflow->ids, template_key(memory, 0, SAMPLING_ID));
    return own != NULL ? (guint32) *own : 0;
}

static void
keep_sampling(const Reading *r, guint32 sampling)
{
    guint8 memory[6];
    guint64 *own =
        lamp_keyed_map_add(r->netflow->ids, template_key(memory, r->domain, SAMPLING_ID), NULL);
    if (own != NULL)
        *own = sampling;
}

static gboolean
take_value(const Reading *r, LampCursor *c, guint16 length, LampBytes *out_value)
{
    guint8 brief;
    guint16 full = length;
    if (length != VARIABLE || !r->is_ipfix)
        return lamp_cursor_take(c, length, out_value);
    if (!lamp_cursor_u8(c, &brief))
        return FALSE;
    if (brief < 255)
        full = brief;
    else if (!lamp_cursor_be16(c, &full))
        return FALSE;
    return lamp_cursor_take(c, full, out_value);
}

static gboolean
read_record(Reading *r, const Template *t, LampCursor *c)
{
    LampFlowRecord *f = &r->netflow->flow;
    LampFieldTimes base = r->times;
    lamp_flow_record_begin(f);
    if (!t->is_options)
        r->times.sampling = find_sampling(r);
    for (guint i = 0; i < t->count; i++) {
        LampBytes value;
        if (!take_value(r, c, t->fields[i].length, &value)) {
            r->times = base;
            return FALSE;
        }
        if (t->fields[i].element != 0)
            lamp_flow_field(f, &r->times, t->fields[i].element, value);
    }
    if (!t->is_options)
        emit(r);
    else if (r->times.has_sampling)
        keep_sampling(r, f->row.sampling);
    r->times = base;
    return TRUE;
}

static LampNetflowResult
read_data(Reading *r, guint16 id, LampCursor c)
{
    const Template *t = find_template(r, id);
    if (t == NULL)
        return LAMP_NETFLOW_NO_TEMPLATE;
    /* Less than a record is padding; a record of no bytes would never end. */
    while (t->least > 0 && lamp_cursor_left(&c) >= t->least)
        if (!read_record(r, t, &c))
            return LAMP_NETFLOW_INVALID;
    return LAMP_NETFLOW_GOOD;
}

static LampNetflowResult
read_set(Reading *r, guint16 id, LampCursor c)
{
    guint16 templates = r->is_ipfix ? 2 : 0;
    if (id == templates)
        return read_templates(r, c);
    if (id == templates + 1)
        return read_option_templates(r, c);
    return id >= FIRST_DATA_SET ? read_data(r, id, c) : LAMP_NETFLOW_GOOD;
}

static LampNetflowResult
read_sets(Reading *r, LampCursor c)
{
    LampNetflowResult worst = LAMP_NETFLOW_GOOD;
    guint16 id, length;
    while (lamp_cursor_left(&c) >= 4 && lamp_cursor_be16(&c, &id) &&
           lamp_cursor_be16(&c, &length)) {
        LampBytes body;
        if (length < 4 || !lamp_cursor_take(&c, length - 4u, &body))
            return LAMP_NETFLOW_INVALID;
        LampNetflowResult result = read_set(r, id, lamp_cursor(body));
        if (result != LAMP_NETFLOW_GOOD)
            worst = result;
    }
    return worst;
}

LampNetflowResult
lamp_netflow_read(LampNetflow *n, LampBytes d, LampTime received, LampNetflowEmit emit_flow,
                  gpointer owner)
{
    if (lamp_netflow_probe(d) == 0)
        return LAMP_NETFLOW_INVALID;
    Reading r = {.netflow = n, .emit = emit_flow, .owner = owner};
    r.times.export_ms = received / LAMP_NS_PER_MS;
    if (lamp_be16(d.at) == 5)
        return read_5(&r, d);
    r.is_ipfix = lamp_be16(d.at) == 10;
    guint32 seconds = lamp_be32(d.at + (r.is_ipfix ? 4 : 8));
    if (seconds >= EARLIEST)
        r.times.export_ms = seconds * G_GINT64_CONSTANT(1000);
    r.times.has_uptime = !r.is_ipfix;
    r.times.uptime_ms = r.is_ipfix ? 0 : lamp_be32(d.at + 4);
    r.domain = lamp_be32(d.at + (r.is_ipfix ? 12 : 16));
    gsize header = r.is_ipfix ? HEADER_10 : HEADER_9;
    return read_sets(&r, lamp_cursor(lamp_bytes(d.at + header, d.len - header)));
}

guint
lamp_netflow_probe(LampBytes d)
{
    if (d.len < HEADER_10)
        return 0;
    switch (lamp_be16(d.at)) {
    case 5: {
        guint count = lamp_be16(d.at + 2);
        gboolean fits = d.len >= HEADER_5 + (gsize) count * RECORD_5;
        if (d.len < HEADER_5 + RECORD_5 || count == 0 || count > 30)
            return 0;
        return fits && lamp_be32(d.at + 8) >= EARLIEST ? 95 : 40;
    }
    case 9: {
        if (d.len < HEADER_9 + 4)
            return 0;
        guint16 id = lamp_be16(d.at + HEADER_9), length = lamp_be16(d.at + HEADER_9 + 2);
        gboolean is_set =
            (id < 2 || id >= FIRST_DATA_SET) && length >= 4 && length <= d.len - HEADER_9;
        return is_set ? 85 : 0;
    }
    case 10:
        return lamp_be16(d.at + 2) == d.len && lamp_be32(d.at + 4) >= EARLIEST ? 95 : 0;
    default:
        return 0;
    }
}
