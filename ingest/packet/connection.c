/*
 * The table of connections of one source.
 *
 * Chained hashing under a secret key (the addresses come from input), doubling as it fills.
 * Besides the table there are three lists: by last use, for closing the least recent at the
 * cap; of ended connections, which stay a while so that their late packets do not look like new
 * connections; and of those that hold pieces. Rows are emitted in the order in which
 * connections leave, which depends on the packets alone.
 */
#include "ingest/packet/connection.h"

#include "base/keyed-map.h"
#include "base/limits.h"

enum { BUCKETS_FIRST = 1024 };

static LampLinks *
links_of(const LampList *list, LampStream *stream)
{
    return (LampLinks *) (gpointer) ((guint8 *) stream + list->at);
}

void
lamp_list_add(LampList *list, LampStream *stream)
{
    LampLinks *links = links_of(list, stream);
    links->previous = list->newest;
    links->next = NULL;
    links->is_in = TRUE;
    if (list->newest != NULL)
        links_of(list, list->newest)->next = stream;
    else
        list->oldest = stream;
    list->newest = stream;
    list->count++;
}

void
lamp_list_remove(LampList *list, LampStream *stream)
{
    LampLinks *links = links_of(list, stream);
    if (!links->is_in)
        return;
    if (links->previous != NULL)
        links_of(list, links->previous)->next = links->next;
    else
        list->oldest = links->next;
    if (links->next != NULL)
        links_of(list, links->next)->previous = links->previous;
    else
        list->newest = links->previous;
    *links = (LampLinks){0};
    list->count--;
}

static guint64
hash_key(const LampKey *key)
{
    return lamp_keyed_hash(lamp_bytes(key, sizeof *key));
}

/* Place among the connections that were met lately. Whoever chooses the addresses can make them
 * meet there, which costs the look into the table and nothing else. */
static LampStream **
recent_place(LampPackets *p, const LampKey *key)
{
    guint32 low[2], ports;
    memcpy(&low[0], key->address[0] + 12, 4);
    memcpy(&low[1], key->address[1] + 12, 4);
    memcpy(&ports, key->port, 4);
    guint64 mixed = ((guint64) low[0] << 32 ^ (guint64) low[1] * 5 ^ (guint64) ports * 7) *
                    G_GUINT64_CONSTANT(0x9e3779b97f4a7c15);
    return &p->recent[mixed >> 52 & (LAMP_RECENT_CONNECTIONS - 1)];
}

static gboolean
has_key(const LampStream *s, const LampKey *key)
{
    return memcmp(&s->key, key, sizeof *key) == 0;
}

static LampStream *
find_in_table(const LampPackets *p, const LampKey *key)
{
    if (p->bucket_count == 0)
        return NULL;
    guint64 hash = hash_key(key);
    LampStream *s = p->buckets[hash & (p->bucket_count - 1)];
    while (s != NULL && (s->hash != hash || !has_key(s, key)))
        s = s->bucket_next;
    return s;
}

LampStream *
lamp_connection_find(LampPackets *p, const LampKey *key)
{
    LampStream **recent = recent_place(p, key);
    if (*recent != NULL && has_key(*recent, key))
        return *recent;
    LampStream *s = find_in_table(p, key);
    if (s != NULL)
        *recent = s;
    return s;
}

static void
grow_buckets(LampPackets *p)
{
    guint count = p->bucket_count == 0 ? BUCKETS_FIRST : p->bucket_count * 2;
    LampStream **buckets = g_new0(LampStream *, count);
    for (LampStream *s = p->used.oldest; s != NULL; s = s->used.next) {
        LampStream **bucket = &buckets[s->hash & (count - 1)];
        s->bucket_next = *bucket;
        *bucket = s;
    }
    g_free(p->buckets);
    p->buckets = buckets;
    p->bucket_count = count;
}

static void
close_least_recent(LampPackets *p)
{
    LampStream *over = p->closing.oldest != NULL ? p->closing.oldest : p->quiet.oldest;
    LampStream *victim = over != NULL ? over : p->used.oldest;
    if (victim == NULL)
        return;
    if (over == NULL)
        lamp_packets_finding(p, LAMP_FINDING_LIMIT, "limit.CONNECTIONS",
                             "too many connections at once; the least recent was closed");
    lamp_connection_close(victim);
}

LampStream *
lamp_connection_add(LampPackets *p, const LampKey *key)
{
    if (p->connection_count >= LAMP_LIMIT_CONNECTIONS)
        close_least_recent(p);
    /* Half empty: a chain is seldom longer than the connection looked for. */
    if (p->connection_count * 2 >= p->bucket_count)
        grow_buckets(p);
    LampStream *s = g_new0(LampStream, 1);
    s->packets = p;
    s->key = *key;
    s->id = ++p->counts.connections;
    s->hash = hash_key(key);
    s->half[0].fin = s->half[1].fin = -1;
    s->syn_time = s->synack_time = s->ack_time = s->waiting_since = LAMP_TIME_NONE;
    s->first_time = s->last_time = s->used_time = p->now;
    s->interface = p->packet->interface;
    LampStream **bucket = &p->buckets[s->hash & (p->bucket_count - 1)];
    s->bucket_next = *bucket;
    *bucket = s;
    lamp_list_add(&p->used, s);
    p->connection_count++;
    return s;
}

void
lamp_connection_touch(LampStream *s, guint side)
{
    LampPackets *p = s->packets;
    s->half[side].packets++;
    s->packets_seen++;
    s->first_time = MIN(s->first_time, p->now);
    s->last_time = MAX(s->last_time, p->now);
    /* To the second is exact enough for choosing what to close, and spares most moves. */
    gint64 since = lamp_elapsed(s->used_time, p->now);
    if (p->used.newest == s || (since >= 0 && since < LAMP_NS_PER_SECOND))
        return;
    s->used_time = p->now;
    lamp_list_remove(&p->used, s);
    lamp_list_add(&p->used, s);
}

guint
lamp_key_set(LampKey *key, const LampLayers *l, guint16 source_port, guint16 destination_port,
             guint8 transport)
{
    guint64 from = lamp_be64(l->source), to = lamp_be64(l->destination);
    if (from == to) {
        from = lamp_be64(l->source + 8);
        to = lamp_be64(l->destination + 8);
    }
    guint side = from > to || (from == to && source_port > destination_port) ? 1 : 0;
    memcpy(key->address[side], l->source, 16);
    memcpy(key->address[!side], l->destination, 16);
    key->port[side] = source_port;
    key->port[!side] = destination_port;
    key->transport = transport;
    return side;
}

static void
leave_table(LampStream *s)
{
    LampPackets *p = s->packets;
    LampStream **at = &p->buckets[s->hash & (p->bucket_count - 1)];
    while (*at != s)
        at = &(*at)->bucket_next;
    *at = s->bucket_next;
    LampStream **recent = recent_place(p, &s->key);
    if (*recent == s)
        *recent = NULL;
    lamp_list_remove(&p->used, s);
    lamp_list_remove(s->key.transport == 6 ? &p->closing : &p->quiet, s);
    lamp_list_remove(&p->holding, s);
    p->connection_count--;
}

static LampEndpoint
endpoint_of(const LampStream *s, guint side)
{
    LampEndpoint e = {.port = s->key.port[side], .is_known = TRUE};
    memcpy(e.address, s->key.address[side], sizeof e.address);
    return e;
}

void
lamp_stream_endpoints(const LampStream *s, LampEndpoint *out_client, LampEndpoint *out_server)
{
    *out_client = endpoint_of(s, s->client);
    *out_server = endpoint_of(s, !s->client);
}

static gint64
elapsed(LampTime from, LampTime to)
{
    if (from == LAMP_TIME_NONE || to == LAMP_TIME_NONE || to < from)
        return -1;
    return lamp_elapsed(from, to);
}

static void
set_names(const LampStream *s, LampConnectionRow *row)
{
    if (s->server_name != NULL)
        row->server_name = lamp_bytes_text(s->server_name);
    if (s->alpn != NULL)
        row->alpn = lamp_bytes_text(s->alpn);
    if (s->certificate_names != NULL)
        row->certificate_names = lamp_bytes_text(s->certificate_names);
}

static void
emit_row(LampStream *s)
{
    /* NOLINTNEXTLINE(clang-analyzer-core.NullDereference) */
    const LampHalf *client = &s->half[s->client], *server = &s->half[!s->client];
    LampConnectionState state = s->state;
    if (state == LAMP_CONNECTION_OPEN && s->is_midstream)
        state = LAMP_CONNECTION_MIDSTREAM;
    LampConnectionRow row = {
        .connection_id = s->id,
        .interface = s->interface,
        .transport = s->key.transport == 6 ? LAMP_TRANSPORT_TCP : LAMP_TRANSPORT_UDP,
        .protocol = s->protocol,
        .first_time = s->first_time,
        .last_time = s->last_time,
        .handshake_server_ns = elapsed(s->syn_time, s->synack_time),
        .handshake_client_ns = elapsed(s->synack_time, s->ack_time),
        .client_sequence = client->has_isn ? (gint64) client->isn : -1,
        .server_sequence = server->has_isn ? (gint64) server->isn : -1,
        .client_bytes = client->bytes,
        .server_bytes = server->bytes,
        .packets = s->packets_seen,
        .retransmitted_bytes = s->retransmitted,
        .lost_bytes = s->lost,
        .state = state,
    };
    set_names(s, &row);
    lamp_stream_endpoints(s, &row.client, &row.server);
    LampSink *out = s->packets->out;
    out->connection(out->owner, &row);
}

void
lamp_connection_free(LampStream *s)
{
    leave_table(s);
    lamp_reassembly_free(s);
    lamp_detect_free(s);
    g_free(s->state_memory);
    g_free(s->server_name);
    g_free(s->alpn);
    g_free(s->certificate_names);
    lamp_inside_free(s);
    lamp_stream_drop_handed(s);
    if (s->become_leftover != NULL)
        g_byte_array_unref(s->become_leftover);
    g_free(s);
}

void
lamp_connection_close(LampStream *s)
{
    lamp_reassembly_flush(s);
    lamp_stream_end(s);
    emit_row(s);
    lamp_connection_free(s);
}
