/*
 * Flow records on their way to the sink: addresses, times and further fields in one form.
 */
#include "ingest/flow/record.h"

static const guint8 mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

void
lamp_flow_record_begin(LampFlowRecord *f)
{
    GString *attributes = f->attributes != NULL ? f->attributes : g_string_new(NULL);
    g_string_truncate(attributes, 0);
    *f = (LampFlowRecord){.attributes = attributes, .row = {.sampling = 1}};
}

void
lamp_flow_record_free(LampFlowRecord *f)
{
    if (f->attributes != NULL)
        g_string_free(f->attributes, TRUE);
    f->attributes = NULL;
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
        !lamp_time_from_parts(last_ms / 1000, last_ms % 1000 * LAMP_NS_PER_MS, &last))
        return FALSE;
    f->row.first_time = first;
    f->row.last_time = last;
    f->has_times = TRUE;
    return TRUE;
}

static void
add_name(LampFlowRecord *f, const char *name)
{
    g_string_append_c(f->attributes, f->attributes->len == 0 ? '{' : ',');
    g_string_append_c(f->attributes, '"');
    g_string_append(f->attributes, name);
    g_string_append(f->attributes, "\":");
}

void
lamp_flow_record_number(LampFlowRecord *f, const char *name, guint64 value)
{
    if (value == 0)
        return;
    add_name(f, name);
    g_string_append_printf(f->attributes, "%" G_GUINT64_FORMAT, value);
}

void
lamp_flow_record_address(LampFlowRecord *f, const char *name, const guint8 *p, gsize len)
{
    static const guint8 none[16];
    if ((len != 4 && len != 16) || memcmp(p, none, len) == 0)
        return;
    add_name(f, name);
    if (len == 4) {
        g_string_append_printf(f->attributes, "\"%u.%u.%u.%u\"", p[0], p[1], p[2], p[3]);
        return;
    }
    g_string_append_c(f->attributes, '"');
    for (guint i = 0; i < 16; i += 2)
        g_string_append_printf(f->attributes, "%s%x", i == 0 ? "" : ":",
                               (guint) p[i] << 8 | p[i + 1]);
    g_string_append_c(f->attributes, '"');
}

const LampFlowRow *
lamp_flow_record_finish(LampFlowRecord *f)
{
    if (f->attributes->len > 0) {
        g_string_append_c(f->attributes, '}');
        f->row.attributes = lamp_bytes(f->attributes->str, f->attributes->len);
    }
    return &f->row;
}

void
lamp_flow_record_emit(LampFlowRecord *f, LampSink *sink)
{
    sink->flow(sink->owner, lamp_flow_record_finish(f));
}
