/*
 * A member's sink: counts, limits the number of stored findings, and passes rows on to the
 * writer; packets go to the packet layer, which gives its rows back to the same sink.
 */
#include "base/limits.h"
#include "ingest/run.h"

static void
see_time(LampMember *member, LampTime time)
{
    if (time == LAMP_TIME_NONE)
        return;
    if (member->row.first_time == LAMP_TIME_NONE || time < member->row.first_time)
        member->row.first_time = time;
    if (member->row.last_time == LAMP_TIME_NONE || time > member->row.last_time)
        member->row.last_time = time;
}

static void
take_packet(gpointer owner, const LampPacket *packet)
{
    LampMember *member = owner;
    LampPacketsOptions options = {.filter = member->run->options->filter,
                                  .secrets = member->run->secrets};
    if (member->packets == NULL)
        member->packets = lamp_packets_new(&member->sink, &options);
    see_time(member, packet->time);
    lamp_packets_add(member->packets, packet);
}

static guint64
take_event(gpointer owner, const LampEventRow *event)
{
    LampMember *member = owner;
    see_time(member, event->time);
    guint64 id = lamp_writer_event(member->run->writer, event);
    if (member->run->seen != NULL)
        lamp_occurrences_event(member->run->seen, (gint64) id, member->run->source_id, event);
    return id;
}

static void
take_observation(gpointer owner, const LampObservationRow *observation)
{
    LampMember *member = owner;
    if (observation->origin != LAMP_ORIGIN_WIRE && observation->origin != LAMP_ORIGIN_LOG)
        see_time(member, observation->request_first);
    guint64 id = lamp_writer_observation(member->run->writer, observation);
    if (member->run->seen != NULL)
        lamp_occurrences_call(member->run->seen, (gint64) id, observation);
}

static void
take_connection(gpointer owner, const LampConnectionRow *connection)
{
    LampMember *member = owner;
    lamp_writer_connection(member->run->writer, connection);
}

static void
take_flow(gpointer owner, const LampFlowRow *flow)
{
    LampMember *member = owner;
    see_time(member, flow->first_time);
    lamp_writer_flow(member->run->writer, flow);
}

static void
take_host_name(gpointer owner, const LampHostNameRow *name)
{
    LampMember *member = owner;
    lamp_writer_host_name(member->run->writer, name);
}

static void
take_span_join(gpointer owner, const LampSpanJoinRow *join)
{
    LampMember *member = owner;
    lamp_writer_span_join(member->run->writer, join);
}

/* There are few codes: a list in order of first appearance also keeps the output in a stable
 * order. */
static guint64 *
code_count(LampMember *member, const char *code)
{
    for (guint i = 0; i < member->codes->len; i++) {
        LampCodeCount *known = &g_array_index(member->codes, LampCodeCount, i);
        if (g_str_equal(known->code, code))
            return &known->count;
    }
    LampCodeCount fresh = {.code = code};
    g_array_append_val(member->codes, fresh);
    return &g_array_index(member->codes, LampCodeCount, member->codes->len - 1).count;
}

static void
take_finding(gpointer owner, const LampFinding *finding)
{
    LampMember *member = owner;
    member->run->counts->findings++;
    if (++*code_count(member, finding->code) <= LAMP_LIMIT_FINDINGS)
        lamp_writer_finding(member->run->writer, finding, 1);
}

static void
take_coverage(gpointer owner, guint64 offset G_GNUC_UNUSED, guint64 length, gboolean understood)
{
    LampMember *member = owner;
    if (understood) {
        member->row.records++;
        member->row.bytes_parsed += length;
    } else {
        member->row.rejected++;
    }
}

static void
take_secrets(gpointer owner, LampBytes key_log)
{
    LampMember *member = owner;
    if (!lamp_key_log_add(member->run->secrets, key_log))
        lamp_member_finding(member, LAMP_FINDING_LIMIT, "limit.SECRETS", 0,
                            "too many TLS secrets; later ones are not used");
}

void
lamp_member_init(LampMember *member, LampIngestRun *run)
{
    *member = (LampMember){.run = run};
    member->row.first_time = member->row.last_time = LAMP_TIME_NONE;
    member->codes = g_array_new(FALSE, FALSE, sizeof(LampCodeCount));
    member->sink = (LampSink){
        .owner = member,
        .packet = take_packet,
        .event = take_event,
        .observation = take_observation,
        .connection = take_connection,
        .flow = take_flow,
        .host_name = take_host_name,
        .span_join = take_span_join,
        .finding = take_finding,
        .coverage = take_coverage,
        .secrets = take_secrets,
    };
}

void
lamp_member_clear(LampMember *member)
{
    g_clear_pointer(&member->packets, lamp_packets_free);
    g_clear_pointer(&member->codes, g_array_unref);
    g_clear_pointer(&member->note, g_free);
    g_clear_pointer(&member->host, g_free);
}

void
lamp_member_finding(LampMember *member, LampFindingKind kind, const char *code, guint64 offset,
                    const char *text)
{
    LampFinding finding = {.kind = kind, .code = code, .offset = offset, .text = text};
    take_finding(member, &finding);
}

void
lamp_member_flush(LampMember *member)
{
    if (member->packets != NULL)
        lamp_packets_finish(member->packets);
    for (guint i = 0; i < member->codes->len; i++) {
        const LampCodeCount *code = &g_array_index(member->codes, LampCodeCount, i);
        LampFinding rest = {.kind = LAMP_FINDING_LIMIT,
                            .code = code->code,
                            .text = "further findings like these"};
        if (code->count > LAMP_LIMIT_FINDINGS)
            lamp_writer_finding(member->run->writer, &rest, code->count - LAMP_LIMIT_FINDINGS);
    }
}
