/*
 * Compares dependencies with the calls of a captured system's truth (spans.csv).
 *
 * A pair of the truth is a caller's host and a callee's endpoint, by the names that the flows
 * give them. It is "driven" if a served request made the call, so that the caller's flows had a
 * chance to show it.
 */
#include "correlate/dependencies/dependencies.h"

#include "base/keyed-map.h"
#include "correlate/dependencies/parties.h"
#include "correlate/eval/csv.h"

#define IN_TRUTH 1u
#define DRIVEN 2u

typedef struct {
    LampKeyedMap *callers, *callees; /* "address", "address port" to party + 1 */
    LampKeyedMap *pairs;             /* "caller\ncallee" to bits */
    const LampParties *parties;
} Scoring;

static void
note(LampKeyedMap *map, const char *key, guint32 party)
{
    guint64 *place = lamp_keyed_map_add(map, lamp_bytes_text(key), NULL);
    if (place != NULL && *place == 0)
        *place = party + 1u;
}

static void
index_parties(Scoring *s, const LampBiflows *b)
{
    for (guint i = 0; i < b->endpoints->len; i++) {
        const LampFlowEndpoint *e = lamp_flow_endpoint(b, i);
        const char *address = g_ptr_array_index(b->addresses, e->address);
        guint32 served = s->parties->served_by[i], host = s->parties->of_host[e->address];
        g_autofree char *key = g_strdup_printf("%s %u", address, e->port);
        if (served != LAMP_PARTY_NONE) {
            note(s->callees, key, served);
            note(s->callers, address, served);
        } else if (host != LAMP_PARTY_NONE) {
            note(s->callers, address, host);
        }
    }
}

static const char *
name_in(const Scoring *s, const LampKeyedMap *map, const char *key)
{
    const guint64 *place = lamp_keyed_map_find(map, lamp_bytes_text(key));
    return place != NULL ? g_array_index(s->parties->parties, LampParty, *place - 1).name : key;
}

static void
take_span(Scoring *s, const LampCsv *csv)
{
    const char *port = lamp_csv_field(csv, lamp_csv_column(csv, "server_port"));
    g_autofree char *client = g_strdup(lamp_csv_field(csv, lamp_csv_column(csv, "client_ip")));
    g_autofree char *server =
        g_strdup_printf("%s %s", lamp_csv_field(csv, lamp_csv_column(csv, "server_ip")), port);
    if (*port == '\0' || *client == '\0')
        return;
    g_autofree char *key = g_strdup_printf("%s\n%s", name_in(s, s->callers, client),
                                           name_in(s, s->callees, server));
    guint64 *bits = lamp_keyed_map_add(s->pairs, lamp_bytes_text(key), NULL);
    if (bits == NULL)
        return;
    gboolean has_parent = *lamp_csv_field(csv, lamp_csv_column(csv, "parent_span_id")) != '\0';
    *bits |= IN_TRUTH | (has_parent ? DRIVEN : 0);
}

static void
count_row(const Scoring *s, const LampDependency *row, LampDependencyScore *out)
{
    g_autofree char *key = g_strdup_printf("%s\n%s", row->caller, row->callee);
    const guint64 *bits = lamp_keyed_map_find(s->pairs, lamp_bytes_text(key));
    guint is_true = bits != NULL, is_driven = bits != NULL && (*bits & DRIVEN) != 0;
    out->seen++;
    out->seen_right += is_true;
    out->driven += is_driven && row->caller_flows > 0;
    switch (row->verdict) {
    case LAMP_VERDICT_DEPENDENT:
        out->dependent++;
        out->dependent_right += is_true;
        out->driven_found += is_driven && row->caller_flows > 0;
        break;
    case LAMP_VERDICT_INDEPENDENT:
        out->independent++;
        out->independent_right += !is_driven;
        break;
    case LAMP_VERDICT_CANNOT_TELL:
        out->cannot_tell++;
        break;
    }
}

gboolean
lamp_dependencies_score(LampStore *store, const LampDependencies *found, const char *folder,
                        LampDependencyScore *out_score, GError **error)
{
    g_autofree char *path = g_build_filename(folder, "spans.csv", NULL);
    g_autoptr(LampCsv) csv = lamp_csv_read(path, error);
    g_autoptr(LampBiflows) biflows = csv != NULL ? lamp_biflows_load(store, error) : NULL;
    if (biflows == NULL)
        return FALSE;
    g_autoptr(LampParties) parties = lamp_parties_new(store, biflows, error);
    if (parties == NULL)
        return FALSE;
    g_autoptr(LampKeyedMap) callers = lamp_keyed_map_new((gsize) 1 << 28);
    g_autoptr(LampKeyedMap) callees = lamp_keyed_map_new((gsize) 1 << 28);
    g_autoptr(LampKeyedMap) pairs = lamp_keyed_map_new((gsize) 1 << 28);
    Scoring s = {callers, callees, pairs, parties};
    index_parties(&s, biflows);
    while (lamp_csv_next(csv))
        take_span(&s, csv);
    LampDependencyScore score = {.true_pairs = lamp_keyed_map_size(pairs)};
    for (guint i = 0; i < found->rows->len; i++)
        count_row(&s, g_ptr_array_index(found->rows, i), &score);
    *out_score = score;
    return TRUE;
}
