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

/* There are few codes and forms: a list in order of first appearance also keeps the output in a
 * stable order. */
static guint64 *
count_of(GArray *counts, const char *code)
{
    for (guint i = 0; i < counts->len; i++) {
        LampCodeCount *known = &g_array_index(counts, LampCodeCount, i);
        if (g_str_equal(known->code, code))
            return &known->count;
    }
    LampCodeCount fresh = {.code = code};
    g_array_append_val(counts, fresh);
    return &g_array_index(counts, LampCodeCount, counts->len - 1).count;
}

/* The place in the file of what stands at @offset in what readers see. */
static guint64
place_of(LampMember *member, guint64 offset)
{
    return member->utf16.is_active
               ? lamp_utf16_place(&member->utf16, member->window, member->window_offset, offset)
               : offset;
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
    LampEventRow placed;
    if (member->utf16.is_active) {
        placed = *event;
        placed.offset = place_of(member, event->offset);
        placed.length = place_of(member, event->offset + event->length) - placed.offset;
        event = &placed;
    }
    if (event->form != NULL)
        ++*count_of(member->forms, event->form);
    see_time(member, event->time);
    if (event->time != LAMP_TIME_NONE &&
        (member->row.resolution == 0 || event->resolution_ns < member->row.resolution))
        member->row.resolution = event->resolution_ns;
    guint64 id = lamp_writer_event(member->run->writer, event);
    if (member->log.events++ == 0)
        member->log.first_event = (gint64) id;
    member->log.assumed += event->zone_is_assumed ? 1 : 0;
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
        lamp_occurrences_call(member->run->seen, (gint64) id, observation,
                              lamp_writer_names(member->run->writer));
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

static void
take_finding(gpointer owner, const LampFinding *finding)
{
    LampMember *member = owner;
    LampFinding placed = *finding;
    member->run->counts->findings++;
    if (++*count_of(member->codes, finding->code) > LAMP_LIMIT_FINDINGS)
        return;
    placed.offset = place_of(member, finding->offset);
    lamp_writer_finding(member->run->writer, &placed, 1);
}

static void
take_coverage(gpointer owner, guint64 offset, guint64 length, gboolean understood)
{
    LampMember *member = owner;
    if (member->utf16.is_active && understood)
        length = place_of(member, offset + length) - place_of(member, offset);
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
    member->forms = g_array_new(FALSE, FALSE, sizeof(LampCodeCount));
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
    g_clear_pointer(&member->forms, g_array_unref);
    g_clear_pointer(&member->forms_json, g_free);
    g_clear_pointer(&member->note, g_free);
    g_clear_pointer(&member->host, g_free);
    g_clear_pointer(&member->zone, lamp_zone_free);
}

void
lamp_member_finding(LampMember *member, LampFindingKind kind, const char *code, guint64 offset,
                    const char *text)
{
    LampFinding finding = {.kind = kind, .code = code, .offset = offset, .text = text};
    take_finding(member, &finding);
}

/* Records by form as a JSON object, the file's own format first. Names are plain words. */
static char *
describe_forms(const LampMember *member)
{
    guint64 others = 0;
    GString *json = g_string_new(NULL);
    for (guint i = 0; i < member->forms->len; i++) {
        const LampCodeCount *form = &g_array_index(member->forms, LampCodeCount, i);
        others += form->count;
        g_string_append_printf(json, ", \"%s\": %" G_GUINT64_FORMAT, form->code, form->count);
    }
    g_autofree char *own = g_strdup_printf(
        "{\"%s\": %" G_GUINT64_FORMAT, member->row.format != NULL ? member->row.format : "",
        member->row.records > others ? member->row.records - others : 0);
    g_string_prepend(json, own);
    g_string_append_c(json, '}');
    return g_string_free(json, FALSE);
}

void
lamp_member_flush(LampMember *member)
{
    if (member->forms->len > 0)
        member->forms_json = describe_forms(member);
    member->row.forms = member->forms_json;
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
