/*
 * Which protocol a connection speaks: by content first, by port second.
 *
 * In: the first pieces of both directions; out: a dissector, which then gets those pieces again
 * in their order. A certain probe decides at once, without a copy. An uncertain one waits until
 * both sides have spoken and one speaks again, or until enough bytes or pieces have come; then
 * the best score wins, ties going to the dissector whose port it is, and at last to
 * request/response turns.
 *
 * Where the capture began in the middle of a connection the first bytes may be the end of a
 * message, so there each new burst of a direction is looked at as if it were the first.
 */
#include "ingest/packet/connection.h"

#include "ingest/dissectors.h"

enum {
    CERTAIN = 80,
    ACCEPTED = 30,
    RUNS_MAX = 3,
    RUNS_MAX_MIDSTREAM = 8,
};

typedef struct {
    const LampDissector *dissector;
    guint score;
    gboolean is_swapped;
} Choice;

static gboolean
has_port(const LampDissector *d, guint16 port)
{
    for (guint i = 0; i < G_N_ELEMENTS(d->ports) && d->ports[i] != 0; i++)
        if (d->ports[i] == port)
            return TRUE;
    return FALSE;
}

static guint
rank_port(guint16 port, LampTransport transport)
{
    for (guint i = 0; lamp_dissectors[i] != NULL; i++)
        if (lamp_dissectors[i]->transport == transport && has_port(lamp_dissectors[i], port))
            return 3;
    if (port < 1024)
        return 2;
    return port < 32768 ? 1 : 0;
}

static LampTransport
transport_of(const LampKey *key)
{
    return key->transport == 6 ? LAMP_TRANSPORT_TCP : LAMP_TRANSPORT_UDP;
}

guint
lamp_detect_client_by_port(const LampKey *key, guint sender)
{
    LampTransport transport = transport_of(key);
    guint rank[2] = {rank_port(key->port[0], transport), rank_port(key->port[1], transport)};
    if (rank[0] != rank[1])
        return rank[0] > rank[1] ? 1 : 0;
    if (transport == LAMP_TRANSPORT_TCP && key->port[0] != key->port[1])
        return key->port[0] < key->port[1] ? 1 : 0;
    return sender;
}

static Choice
choose(const LampStream *s, LampBytes to_server, LampBytes to_client)
{
    guint16 port = s->key.port[!s->client];
    LampTransport transport = transport_of(&s->key);
    Choice best = {0};
    guint best_rank = 0;
    for (guint i = 0; lamp_dissectors[i] != NULL; i++) {
        const LampDissector *d = lamp_dissectors[i];
        gboolean is_swapped = FALSE;
        if (d->transport != transport || d->probe == NULL)
            continue;
        guint score = d->probe(to_server, to_client, port, &is_swapped);
        guint16 server = s->key.port[is_swapped ? s->client : !s->client];
        guint rank = score * 2 + (has_port(d, server) ? 1 : 0);
        if (score >= ACCEPTED && rank > best_rank) {
            best = (Choice){d, score, is_swapped};
            best_rank = rank;
        }
    }
    return best;
}

/* First bytes of each direction out of the early pieces and @bytes of @side; after the middle
 * of a connection only those of its latest burst. */
static void
gather(LampStream *s, guint side, LampBytes bytes, LampBytes out_heads[2])
{
    guint8(*memory)[LAMP_PROBE_BYTES] = s->packets->probe_bytes;
    gsize used[2] = {0, 0};
    guint before = 2;
    for (const LampPiece *e = s->early; e != NULL; e = e->next) {
        if (lamp_stream_is_midstream(s) && e->side != before)
            used[e->side] = 0;
        before = e->side;
        /* NOLINTNEXTLINE(clang-analyzer-core.UndefinedBinaryOperatorResult) */
        gsize n = MIN((gsize) e->len, LAMP_PROBE_BYTES - used[e->side]);
        memcpy(memory[e->side] + used[e->side], e->bytes, n);
        used[e->side] += n;
    }
    if (lamp_stream_is_midstream(s) && side != before)
        used[side] = 0;
    if (used[side] == 0) {
        out_heads[side] = lamp_bytes(bytes.at, MIN(bytes.len, (gsize) LAMP_PROBE_BYTES));
    } else {
        gsize n = MIN(bytes.len, LAMP_PROBE_BYTES - used[side]);
        memcpy(memory[side] + used[side], bytes.at, n);
        out_heads[side] = lamp_bytes(memory[side], used[side] + n);
    }
    out_heads[!side] = lamp_bytes(memory[!side], used[!side]);
}

static void
keep(LampStream *s, guint side, guint64 offset, LampTime time, LampBytes bytes)
{
    LampPiece *piece = g_malloc(sizeof *piece + bytes.len);
    *piece =
        (LampPiece){.offset = offset, .time = time, .side = side, .len = (guint32) bytes.len};
    memcpy(piece->bytes, bytes.at, bytes.len);
    if (s->early_last != NULL)
        s->early_last->next = piece;
    else
        s->early = piece;
    s->early_last = piece;
    s->early_count++;
    s->early_bytes[side] += bytes.len;
}

/* Is @piece before the latest burst of its direction? */
static gboolean
is_stale(const LampPiece *piece)
{
    gboolean other_spoke = FALSE;
    for (const LampPiece *e = piece->next; e != NULL; e = e->next) {
        if (e->side != piece->side)
            other_spoke = TRUE;
        else if (other_spoke)
            return TRUE;
    }
    return FALSE;
}

/* Feeds the early pieces to the chosen dissector; with @skip_stale the cut messages at the
 * beginning become gaps. */
static void
replay(LampStream *s, gboolean skip_stale)
{
    LampPiece *e = g_steal_pointer(&s->early);
    s->early_last = NULL;
    s->early_count = s->runs = 0;
    s->early_bytes[0] = s->early_bytes[1] = 0;
    while (e != NULL) {
        LampPiece *next = e->next;
        if (skip_stale && s->dissector != NULL && is_stale(e))
            lamp_stream_lose(s, e->side, e->len);
        else
            lamp_stream_feed(s, e->side, e->offset, e->time, lamp_bytes(e->bytes, e->len));
        g_free(e);
        e = next;
    }
}

static void
take_choice(LampStream *s, const Choice *choice)
{
    gboolean is_found = choice->dissector != NULL;
    if (is_found && choice->is_swapped && s->calls == 0)
        s->client = !s->client;
    lamp_stream_choose(s, is_found ? choice->dissector : &lamp_dissector_turns);
    replay(s, is_found && lamp_stream_is_midstream(s));
}

static gboolean
is_enough(const LampStream *s, guint side, gsize more)
{
    guint runs_max = lamp_stream_is_midstream(s) ? RUNS_MAX_MIDSTREAM : RUNS_MAX;
    return s->runs >= runs_max || s->early_count >= LAMP_PROBE_PIECES ||
           s->early_bytes[side] + more >= LAMP_PROBE_BYTES;
}

gboolean
lamp_detect_add(LampStream *s, guint side, guint64 offset, LampTime time, LampBytes bytes)
{
    LampBytes heads[2];
    gather(s, side, bytes, heads);
    if (s->early_last == NULL || s->early_last->side != side)
        s->runs++;
    Choice choice = choose(s, heads[s->client], heads[!s->client]);
    if (choice.score < CERTAIN && !is_enough(s, side, bytes.len)) {
        keep(s, side, offset, time, bytes);
        return FALSE;
    }
    take_choice(s, &choice);
    /* A replayed piece may have asked for another protocol. */
    return s->dissector != NULL || lamp_detect_add(s, side, offset, time, bytes);
}

void
lamp_detect_finish(LampStream *s)
{
    if (s->dissector != NULL || s->early == NULL)
        return;
    LampBytes heads[2];
    guint side = s->early_last->side;
    LampBytes none = lamp_bytes("", 0);
    gather(s, side, none, heads);
    Choice choice = choose(s, heads[s->client], heads[!s->client]);
    take_choice(s, &choice);
}

void
lamp_detect_free(LampStream *s)
{
    while (s->early != NULL) {
        LampPiece *next = s->early->next;
        g_free(s->early);
        s->early = next;
    }
    s->early_last = NULL;
}

void
lamp_stream_datagram(LampStream *s, guint side, LampBytes bytes)
{
    if (s->dissector == NULL) {
        if (s->packets_seen > LAMP_DATAGRAMS_LOOKED_AT)
            return;
        LampBytes none = lamp_bytes("", 0);
        gboolean is_request = side == s->client;
        Choice choice = choose(s, is_request ? bytes : none, is_request ? none : bytes);
        if (choice.dissector == NULL)
            return;
        if (choice.is_swapped)
            s->client = !s->client;
        lamp_stream_choose(s, choice.dissector);
    }
    LampSegment segment = {.direction = lamp_stream_direction(s, side),
                           .time = s->packets->now,
                           .sequence = -1,
                           .offset = s->offset,
                           .bytes = bytes};
    s->offset += bytes.len;
    s->dissector->segment(s->state_memory, s, &segment);
}
