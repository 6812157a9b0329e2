/*
 * Merges records to two-way flows.
 *
 * In: records in any order. Records of the same pair of endpoints follow each other; a new flow
 * begins after a silence, or where a SYN follows a FIN or RST. The server is the endpoint that
 * talks to more partners; the first packet, a lone SYN and the ports add to that. Limits: two
 * connections on the same ports within the silence are one flow if no flags tell them apart; a
 * server with a single client port, seen from the middle of its traffic, may be taken for the
 * client.
 */
#include "correlate/dependencies/biflows.h"

#include <math.h>
#include <stdlib.h>

#define SECOND G_GINT64_CONSTANT(1000000000)
#define SILENCE (60 * SECOND)
#define MOST_TWINS 64u
#define EPHEMERAL_PORT 32768
#define FIN_OR_RST 5
#define FIN 1
#define SYN 2
#define PSH 8
#define ACK 16
#define TCP 6

static guint32
lower(const LampFlowRecord *r)
{
    return MIN(r->source, r->destination);
}

static guint32
upper(const LampFlowRecord *r)
{
    return MAX(r->source, r->destination);
}

#define COMPARE(x, y)                  \
    do {                               \
        if ((x) != (y))                \
            return (x) < (y) ? -1 : 1; \
    } while (0)

static int
compare_records(const void *left, const void *right)
{
    const LampFlowRecord *a = left, *b = right;
    COMPARE(lower(a), lower(b));
    COMPARE(upper(a), upper(b));
    COMPARE(a->transport, b->transport);
    if (a->is_directed)
        COMPARE(a->exporter, b->exporter);
    COMPARE(a->first, b->first);
    COMPARE(a->last, b->last);
    COMPARE(a->source, b->source);
    COMPARE(a->exporter, b->exporter);
    COMPARE(a->packets, b->packets);
    return 0;
}

static gboolean
is_same_pair(const LampFlowRecord *a, const LampFlowRecord *b)
{
    return lower(a) == lower(b) && upper(a) == upper(b) && a->transport == b->transport;
}

/* Distinct pairs that each endpoint takes part in. */
static guint32 *
count_partners(const LampBiflows *b, const LampFlowRecord *records, gsize count)
{
    guint32 *partners = g_new0(guint32, MAX(b->endpoints->len, 1));
    for (gsize i = 0; i < count; i++) {
        if (i > 0 && is_same_pair(&records[i - 1], &records[i]))
            continue;
        partners[records[i].source]++;
        partners[records[i].destination]++;
    }
    return partners;
}

static gboolean
is_ephemeral(const LampBiflows *b, guint32 endpoint)
{
    return lamp_flow_endpoint(b, endpoint)->port >= EPHEMERAL_PORT;
}

/* Above 0: the source of the first record is the client. */
static double
weigh_direction(const LampBiflows *b, const LampFlowRecord *records, gsize count,
                const guint32 *partners)
{
    const LampFlowRecord *first = &records[0];
    if (first->is_directed)
        return 1e9;
    double weight = 0.5;
    for (gsize i = 1; i < count; i++)
        if (records[i].source == first->destination) {
            weight = records[i].first > first->first ? 1.0 : 0.0;
            break;
        }
    weight +=
        2.0 * log2((1.0 + partners[first->destination]) / (1.0 + partners[first->source]));
    weight += 1.0 * (is_ephemeral(b, first->source) - is_ephemeral(b, first->destination));
    if (first->transport == TCP && first->flags == SYN)
        weight += 100.0; /* without ACK: only who opens sends it */
    guint16 from = lamp_flow_endpoint(b, first->source)->port;
    guint16 to = lamp_flow_endpoint(b, first->destination)->port;
    return weight + (to < 1024 && from >= 1024) - (from < 1024 && to >= 1024);
}

static gboolean
begins_anew(const LampFlowRecord *next, gint64 last, guint8 flags)
{
    if (next->first > last + SILENCE)
        return TRUE;
    return (flags & FIN_OR_RST) != 0 && (next->flags & SYN) != 0 && next->first > last;
}

/* A client that acknowledges nothing has no connection: nobody answered, or it was refused, or
 * it only wanted to know who answers. Some exporters tell the flags of the first packet only,
 * so there must not be much traffic either. Sampling leaves packets out: there it proves
 * nothing. */
static gboolean
was_unanswered(const LampBiflow *flow, const LampFlowRecord *records, gsize count)
{
    enum { MOST_PACKETS = 20, LONGEST = 100 };
    guint8 flags[2] = {0, 0}; /* of the client, of the server */
    for (gsize i = 0; i < count; i++) {
        if (records[i].is_partial)
            return FALSE;
        flags[records[i].source != flow->client] |= records[i].flags;
    }
    gboolean is_little =
        flow->packets <= MOST_PACKETS && flow->bytes <= LONGEST * MAX(flow->packets, 1);
    return flow->transport == TCP && (flags[0] & SYN) != 0 && (flags[0] & ACK) == 0 &&
           (flags[1] & (FIN | PSH)) == 0 && is_little;
}

/* Records @begin to @end of one pair and exporter become one flow. */
static void
add_flow(LampBiflows *b, const LampFlowRecord *records, gsize count, const guint32 *partners)
{
    gboolean forward = weigh_direction(b, records, count, partners) >= 0;
    LampBiflow flow = {
        .client = forward ? records[0].source : records[0].destination,
        .server = forward ? records[0].destination : records[0].source,
        .first = records[0].first,
        .last = records[0].last,
        .pieces = (guint32) count,
        .transport = records[0].transport,
        .is_logged = TRUE,
    };
    for (gsize i = 0; i < count; i++) {
        flow.last = MAX(flow.last, records[i].last);
        flow.packets += records[i].packets;
        flow.bytes += records[i].bytes;
        flow.client_bytes += records[i].source == flow.client ? records[i].bytes : 0;
        flow.is_logged &= records[i].is_logged ? 1 : 0;
        LampFlowPiece piece = {records[i].first, records[i].last, records[i].packets,
                               records[i].bytes, b->flows->len};
        g_array_append_val(b->pieces, piece);
    }
    flow.is_unanswered = was_unanswered(&flow, records, count) ? 1 : 0;
    g_array_append_val(b->flows, flow);
}

/* TRUE for a record that another exporter (or capture) has told already. */
static gboolean
is_repeat(const LampFlowRecord *record, const LampFlowRecord *kept)
{
    if (kept == NULL || kept->exporter == record->exporter)
        return FALSE;
    return record->is_directed || record->first < kept->last || record->first == kept->first;
}

static guint
coarseness(gint64 time)
{
    return (guint) ((time % SECOND == 0) + (time % (SECOND / 1000) == 0) + (time % 1000 == 0));
}

/* Is @a the same record as @b from another file, and the one with the coarser stamp? */
static gboolean
is_worse_twin(const LampFlowRecord *a, const LampFlowRecord *b)
{
    if (a->exporter == b->exporter || a->source != b->source || a->packets != b->packets ||
        a->bytes != b->bytes || a->is_directed)
        return FALSE;
    guint here = coarseness(a->first), there = coarseness(b->first);
    return here != there ? here > there : a->exporter > b->exporter;
}

/* The same flows exported twice, say as a file and as its listing in whole seconds. */
static gboolean
has_better_twin(const LampFlowRecord *records, gsize count, gsize i)
{
    for (gsize k = i; k-- > 0 && i - k < MOST_TWINS;)
        if (records[i].first - records[k].first > SECOND)
            break;
        else if (is_worse_twin(&records[i], &records[k]))
            return TRUE;
    for (gsize k = i + 1; k < count && k - i < MOST_TWINS; k++)
        if (records[k].first - records[i].first > SECOND)
            break;
        else if (is_worse_twin(&records[i], &records[k]))
            return TRUE;
    return FALSE;
}

static gsize
drop_twins(LampBiflows *b, LampFlowRecord *records, gsize count)
{
    g_autofree gboolean *is_twin = g_new(gboolean, count);
    for (gsize i = 0; i < count; i++)
        is_twin[i] = has_better_twin(records, count, i);
    gsize kept = 0;
    for (gsize i = 0; i < count; i++) {
        b->ignored += is_twin[i] ? 1 : 0;
        if (!is_twin[i])
            records[kept++] = records[i];
    }
    return kept;
}

/* Moves what is new to the front; returns how many that are. */
static gsize
drop_repeats(LampBiflows *b, LampFlowRecord *records, gsize count)
{
    gsize kept = 0;
    LampFlowRecord last[2];
    gboolean has[2] = {FALSE, FALSE};
    for (gsize i = 0; i < count; i++) {
        guint way = records[i].source == lower(&records[i]);
        if (is_repeat(&records[i], has[way] ? &last[way] : NULL)) {
            b->ignored++;
            continue;
        }
        last[way] = records[i];
        has[way] = TRUE;
        records[kept++] = records[i];
    }
    return kept;
}

static void
merge_pair(LampBiflows *b, LampFlowRecord *records, gsize count, const guint32 *partners)
{
    count = drop_repeats(b, records, drop_twins(b, records, count));
    gsize begin = 0;
    gint64 last = records[0].last;
    guint8 flags = records[0].flags;
    for (gsize i = 1; i <= count; i++) {
        gboolean is_cut =
            i == count || records[i].is_directed || begins_anew(&records[i], last, flags);
        if (!is_cut) {
            last = MAX(last, records[i].last);
            flags |= records[i].flags;
            continue;
        }
        add_flow(b, records + begin, i - begin, partners);
        if (i == count)
            return;
        begin = i;
        last = records[i].last;
        flags = records[i].flags;
    }
}

typedef struct {
    LampBiflow flow;
    guint32 index;
} Placed;

static int
compare_placed(const void *left, const void *right)
{
    const Placed *a = left, *b = right;
    COMPARE(a->flow.first, b->flow.first);
    COMPARE(a->flow.server, b->flow.server);
    COMPARE(a->flow.client, b->flow.client);
    COMPARE(a->index, b->index);
    return 0;
}

static void
order_by_time(LampBiflows *b)
{
    guint count = b->flows->len;
    g_autofree Placed *placed = g_new(Placed, count + 1);
    g_autofree guint32 *place_of = g_new(guint32, count + 1);
    for (guint i = 0; i < count; i++)
        placed[i] = (Placed){*lamp_biflow(b, i), i};
    qsort(placed, count, sizeof *placed, compare_placed);
    for (guint i = 0; i < count; i++) {
        *lamp_biflow(b, i) = placed[i].flow;
        place_of[placed[i].index] = i;
    }
    for (guint i = 0; i < b->pieces->len; i++) {
        LampFlowPiece *piece = &g_array_index(b->pieces, LampFlowPiece, i);
        piece->flow = place_of[piece->flow];
    }
}

void
lamp_biflows_merge(LampBiflows *b, LampFlowRecord *records, gsize count)
{
    if (count == 0)
        return;
    qsort(records, count, sizeof *records, compare_records);
    g_autofree guint32 *partners = count_partners(b, records, count);
    for (gsize begin = 0, end; begin < count; begin = end) {
        for (end = begin + 1; end < count && is_same_pair(&records[begin], &records[end]);)
            end++;
        merge_pair(b, records + begin, end - begin, partners);
    }
    order_by_time(b);
}
