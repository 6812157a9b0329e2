/*
 * Dissector for streams of unknown protocol: calls by turn taking.
 *
 * In: bytes of both directions in order; out: one opaque observation for each run of client
 * bytes with the run of server bytes behind it. A protocol in which the server speaks first (a
 * greeting) has its greeting left out: it answers nothing. The protocol's name is a guess from
 * the first bytes, then from the port. Limits: pipelined requests in one run count as one call;
 * pushed messages lengthen the response before them.
 */
#include "ingest/dissect/turns.h"

#include "ingest/dissectors.h"

typedef struct {
    LampTurn turn;
    gboolean is_named;
} TurnsState;

static void
emit(LampTurn *t, LampStream *stream)
{
    LampObservationRow call = {
        .operation = lamp_bytes_text("turn"),
        .flags = LAMP_CALL_OPAQUE | (t->has_gap ? (guint32) LAMP_CALL_GAP : 0u) |
                 (t->is_cut ? (guint32) LAMP_CALL_PRECAPTURE : 0u) |
                 (t->is_answered ? 0u : (guint32) LAMP_CALL_NO_RESPONSE),
        .request_sequence = t->request_sequence,
        .response_sequence = t->is_answered ? t->response_sequence : -1,
        .request_first = t->request_first,
        .request_last = t->request_last,
        .response_first = t->is_answered ? t->response_first : LAMP_TIME_NONE,
        .response_last = t->is_answered ? t->response_last : LAMP_TIME_NONE,
        .request_bytes = t->request_bytes,
        .response_bytes = t->response_bytes,
    };
    lamp_stream_call(stream, &call);
}

void
lamp_turn_end(LampTurn *t, LampStream *stream)
{
    if (t->is_open)
        emit(t, stream);
    *t = (LampTurn){0};
}

static void
add_request(LampTurn *t, LampStream *stream, const LampSegment *segment, guint64 bytes)
{
    if (t->is_open && t->is_answered)
        lamp_turn_end(t, stream);
    if (!t->is_open) {
        t->is_open = TRUE;
        t->request_first = segment->time;
        t->request_sequence = segment->sequence;
        t->is_cut = segment->offset == 0 && lamp_stream_is_midstream(stream);
    }
    t->request_last = segment->time;
    t->request_bytes += bytes;
}

void
lamp_turn_add(LampTurn *t, LampStream *stream, const LampSegment *segment, guint64 bytes)
{
    if (segment->direction == LAMP_TO_SERVER) {
        add_request(t, stream, segment, bytes);
        return;
    }
    if (!t->is_open)
        return;
    if (!t->is_answered) {
        t->is_answered = TRUE;
        t->response_first = segment->time;
        t->response_sequence = segment->sequence;
    }
    t->response_last = segment->time;
    t->response_bytes += bytes;
}

void
lamp_turn_gap(LampTurn *t, LampDirection direction, guint64 missing)
{
    if (!t->is_open)
        return;
    t->has_gap = TRUE;
    if (direction == LAMP_TO_SERVER)
        t->request_bytes += missing;
    else
        t->response_bytes += missing;
}

/* ---- names */

static const char *
name_by_port(guint16 port)
{
    static const struct {
        guint16 port;
        const char *name;
    } names[] = {
        {21, "ftp"},     {22, "ssh"},         {23, "telnet"},  {25, "smtp"},
        {110, "pop3"},   {143, "imap"},       {179, "bgp"},    {389, "ldap"},
        {445, "smb"},    {587, "smtp"},       {636, "ldaps"},  {873, "rsync"},
        {1433, "mssql"}, {1521, "oracle"},    {1883, "mqtt"},  {2181, "zookeeper"},
        {2379, "etcd"},  {4222, "nats"},      {5672, "amqp"},  {5900, "vnc"},
        {6667, "irc"},   {9042, "cassandra"}, {9092, "kafka"}, {27017, "mongodb"},
    };
    for (guint i = 0; i < G_N_ELEMENTS(names); i++)
        if (names[i].port == port)
            return names[i].name;
    return NULL;
}

static const char *
name_by_bytes(LampBytes bytes)
{
    static const struct {
        const char *prefix, *name;
    } names[] = {
        {"SSH-", "ssh"},      {"AMQP", "amqp"},          {"RFB 00", "vnc"}, {"EHLO ", "smtp"},
        {"HELO ", "smtp"},    {"+OK ", "pop3"},          {"* OK ", "imap"}, {"INFO {", "nats"},
        {"@RSYNCD", "rsync"}, {"USER anonymous", "ftp"},
    };
    for (guint i = 0; i < G_N_ELEMENTS(names); i++)
        if (lamp_bytes_starts(bytes, names[i].prefix))
            return names[i].name;
    return NULL;
}

static void
give_name(TurnsState *s, LampStream *stream, const LampSegment *segment)
{
    LampEndpoint client, server;
    lamp_stream_endpoints(stream, &client, &server);
    const char *name = name_by_bytes(segment->bytes);
    if (name == NULL)
        name = name_by_port(server.port);
    s->is_named = TRUE;
    lamp_stream_protocol(stream, name);
}

/* ---- dissector */

static void
begin_turns(G_GNUC_UNUSED gpointer state, LampStream *stream)
{
    lamp_stream_protocol(stream, NULL);
}

static void
segment_turns(gpointer state, LampStream *stream, const LampSegment *segment)
{
    TurnsState *s = state;
    if (!s->is_named)
        give_name(s, stream, segment);
    lamp_turn_add(&s->turn, stream, segment, segment->bytes.len);
}

static void
gap_turns(gpointer state, G_GNUC_UNUSED LampStream *stream, LampDirection direction,
          guint64 missing)
{
    TurnsState *s = state;
    lamp_turn_gap(&s->turn, direction, missing);
}

static void
end_turns(gpointer state, LampStream *stream)
{
    TurnsState *s = state;
    lamp_turn_end(&s->turn, stream);
}

const LampDissector lamp_dissector_turns = {
    .name = "turns",
    .summary = "requests and responses of unknown content, told by direction",
    .spec = "request/response turn taking",
    .transport = LAMP_TRANSPORT_TCP,
    .state_size = sizeof(TurnsState),
    .begin = begin_turns,
    .segment = segment_turns,
    .gap = gap_turns,
    .end = end_turns,
};
