/*
 * Which hosts there are, and whose clock stamped each source.
 *
 * A capture belongs to the host whose address is an end of (nearly) all its connections; at
 * most two addresses can be that for one capture, and then its name, what the other captures
 * are, and the gaps of the TCP handshakes decide (SYN to SYN/ACK near zero: taken at the
 * server; SYN/ACK to ACK near zero: at the client; Paxson 1997 calls it vantage point
 * detection). A capture without such an address stands in the middle of the network and is a
 * host of its own. Other addresses are hosts without a clock. Names: an operator's table
 * (`host_names`), else the label of the host's own capture, else the address. Logs belong to
 * the host of their name (an address: of its host), else of a folder that they lie in.
 *
 * Limits: one address is one host unless the table gives two the same name; a middle capture of
 * one single host's traffic looks like that host's own unless that host has one too.
 */
#include "correlate/log-names.h"
#include "correlate/passes.h"

#include <string.h>

#define NAME_BUDGET ((gsize) 512 << 20)

/* Share of a capture's connections that its own address is an end of. */
#define OWN_SHARE 0.9

/* Stands for all labels. */
#define ANY LAMP_INDEX_NONE

/* As many connections of one packet weigh as much as a whole one: switches flood ports with
 * packets for others until they have learnt where these are. */
#define STRAYS 1000

/* Captures of one connection that are compared with each other. */
#define MAX_SIGHTS 16

typedef struct {
    LampCorrelation *c;
    LampKeyedMap *hosts;      /* name to host index + 1 */
    LampKeyedMap *names;      /* address to index in named + 1 */
    GPtrArray *named;         /* names of the operator's table */
    GArray *zones;            /* gint64 ns, beside `named` */
    LampKeyedMap *addresses;  /* address to number + 1 */
    GArray *address_of_place; /* guint32 */
    GArray *place_of_address; /* guint32: one of its places */
    GArray *owners;           /* Owner for each source */
    LampKeyedMap *taken;      /* number of a label, or ANY, and address to how many own it */
} Survey;

/* The addresses that a capture may belong to. */
typedef struct {
    guint64 connections; /* weighed, as counts are */
    guint32 address[2];  /* most frequent ones */
    guint64 count[2];
    guint64 votes[2]; /* handshakes that say so */
    guint32 label;    /* number of the source's label */
    guint32 chosen;
} Owner;

static guint32
number_of(LampKeyedMap *map, LampBytes key, gboolean *out_is_new)
{
    guint64 *value = lamp_keyed_map_add(map, key, out_is_new);
    if (value == NULL) /* budget used up: the last one stands for the rest */
        return lamp_keyed_map_size(map) - 1;
    if (*out_is_new)
        *value = lamp_keyed_map_size(map);
    return (guint32) (*value - 1);
}

static guint32
host_named(Survey *survey, const char *name)
{
    gboolean is_new = FALSE;
    guint32 index = number_of(survey->hosts, lamp_bytes_text(name), &is_new);
    if (is_new) {
        LampHost host = {.name = g_strdup(name), .method = "unknown"};
        g_array_append_val(survey->c->hosts, host);
    }
    return index;
}

static gboolean
read_host_names(Survey *survey, GError **error)
{
    g_autoptr(LampStatement) rows =
        lamp_statement_new(survey->c->store,
                           "SELECT address, name, zone_minutes FROM host_names"
                           " ORDER BY address, name",
                           error);
    if (rows == NULL)
        return FALSE;
    gboolean has_row;
    while (lamp_statement_step(rows, &has_row, error)) {
        if (!has_row)
            return TRUE;
        const char *address = lamp_statement_text(rows, 0);
        const char *name = lamp_statement_text(rows, 1);
        gboolean is_new = FALSE;
        if (address == NULL || name == NULL)
            continue;
        number_of(survey->names, lamp_bytes_text(address), &is_new);
        if (!is_new)
            continue;
        gint64 zone = lamp_statement_int_or(rows, 2, 0) * 60 * LAMP_NS_PER_SECOND;
        g_ptr_array_add(survey->named, g_strdup(name));
        g_array_append_val(survey->zones, zone);
    }
    return FALSE;
}

static const char *
name_of_address(const Survey *survey, const char *address)
{
    guint64 *index = lamp_keyed_map_find(survey->names, lamp_bytes_text(address));
    return index != NULL ? g_ptr_array_index(survey->named, *index - 1) : NULL;
}

static guint32
host_at(Survey *survey, const char *address)
{
    const char *name = name_of_address(survey, address);
    return host_named(survey, name != NULL ? name : address);
}

static void
number_addresses(Survey *survey)
{
    GArray *places = survey->c->places;
    for (guint i = 0; i < places->len; i++) {
        LampPlace *place = lamp_place(survey->c, i);
        gboolean is_new = FALSE;
        guint32 number = number_of(survey->addresses, lamp_bytes_text(place->address), &is_new);
        g_array_append_val(survey->address_of_place, number);
        if (is_new)
            g_array_append_val(survey->place_of_address, i);
    }
}

static const char *
address_text(const Survey *survey, guint32 address)
{
    guint32 place = g_array_index(survey->place_of_address, guint32, address);
    return lamp_place(survey->c, place)->address;
}

/* Keeps the two most frequent addresses, the lower number first among equals. */
static void
rank_address(Owner *owner, guint32 address, guint64 count)
{
    if (owner->address[0] == address || owner->address[1] == address)
        return;
    if (count > owner->count[0]) {
        owner->address[1] = owner->address[0];
        owner->count[1] = owner->count[0];
        owner->address[0] = address;
        owner->count[0] = count;
    } else if (count > owner->count[1]) {
        owner->address[1] = address;
        owner->count[1] = count;
    }
}

/* Calls @visit for both ends of every connection between two hosts. */
static void
for_each_end(Survey *survey,
             void (*visit)(Survey *survey, const LampConnection *connection, guint32 address,
                           gboolean is_server, gpointer user),
             gpointer user)
{
    LampCorrelation *c = survey->c;
    for (guint i = 0; i < c->connections->len; i++) {
        const LampConnection *connection = lamp_connection(c, i);
        guint32 ends[2] = {connection->client, connection->server};
        if (ends[1] != LAMP_INDEX_NONE && lamp_place(c, ends[1])->is_group)
            continue; /* who hears it need not be an end of it */
        for (guint e = 0; e < 2; e++)
            if (connection->source != LAMP_INDEX_NONE && ends[e] != LAMP_INDEX_NONE &&
                !lamp_place(c, ends[e])->is_loopback)
                visit(survey, connection,
                      g_array_index(survey->address_of_place, guint32, ends[e]), e == 1, user);
    }
}

static LampBytes
source_address_key(guint32 key[2], guint32 source, guint32 address)
{
    key[0] = source;
    key[1] = address;
    return lamp_bytes(key, 2 * sizeof key[0]);
}

static void
count_end(Survey *survey, const LampConnection *connection, guint32 address, gboolean is_server,
          gpointer counts)
{
    guint32 key[2];
    guint64 *count =
        lamp_keyed_map_add(counts, source_address_key(key, connection->source, address), NULL);
    guint64 weight = connection->is_stray ? 1 : STRAYS;
    if (count != NULL)
        *count += weight;
    if (is_server)
        g_array_index(survey->owners, Owner, connection->source).connections += weight;
}

static void
rank_end(Survey *survey, const LampConnection *connection, guint32 address,
         G_GNUC_UNUSED gboolean is_server, gpointer counts)
{
    guint32 key[2];
    const guint64 *count =
        lamp_keyed_map_find(counts, source_address_key(key, connection->source, address));
    if (count != NULL)
        rank_address(&g_array_index(survey->owners, Owner, connection->source), address,
                     *count);
}

/* A handshake gap of less than half the other tells which end is near. */
static void
vote_end(Survey *survey, const LampConnection *connection, guint32 address, gboolean is_server,
         G_GNUC_UNUSED gpointer user)
{
    gint64 at_server = connection->handshake_server_ns;
    gint64 at_client = connection->handshake_client_ns;
    if (at_server < 0 || at_client < 0)
        return;
    gint64 near = is_server ? at_server : at_client;
    gint64 far = is_server ? at_client : at_server;
    Owner *owner = &g_array_index(survey->owners, Owner, connection->source);
    for (guint i = 0; i < 2; i++)
        if (owner->address[i] == address && near < far / 2)
            owner->votes[i]++;
}

static gboolean
is_own(const Owner *owner, guint which)
{
    return owner->address[which] != LAMP_INDEX_NONE &&
           (double) owner->count[which] >= OWN_SHARE * (double) owner->connections;
}

static gboolean
label_names(const Survey *survey, const LampSource *source, guint32 address)
{
    const char *text = address_text(survey, address);
    const char *name = name_of_address(survey, text);
    return g_strcmp0(name, source->label) == 0 || strcmp(text, source->label) == 0;
}

/* How many captures of @label have that owner, and @more. */
static guint64
count_taken(const Survey *survey, guint32 label, guint32 address, guint more)
{
    guint32 key[2];
    guint64 *count =
        lamp_keyed_map_add(survey->taken, source_address_key(key, label, address), NULL);
    return count != NULL ? *count += more : 0;
}

/* Is @address the owner of another capture, of the same label or of another one? @owner has
 * none yet, and does not find itself. */
static gboolean
is_taken(const Survey *survey, const Owner *owner, guint32 address, gboolean by_same_label)
{
    guint64 alike = count_taken(survey, owner->label, address, 0);
    return by_same_label ? alike > 0 : count_taken(survey, ANY, address, 0) > alike;
}

/* Which of the two possible owners, as far as names and the other captures' owners tell. */
static guint32
choose_owner(const Survey *survey, guint32 index)
{
    const Owner *owner = &g_array_index(survey->owners, Owner, index);
    if (!is_own(owner, 0))
        return LAMP_INDEX_NONE;
    if (!is_own(owner, 1))
        return owner->address[0];
    const LampSource *source = lamp_source(survey->c, index);
    for (guint i = 0; i < 2; i++)
        if (label_names(survey, source, owner->address[i]) ||
            is_taken(survey, owner, owner->address[i], TRUE))
            return owner->address[i];
    for (guint i = 0; i < 2; i++)
        if (is_taken(survey, owner, owner->address[1 - i], FALSE) &&
            !is_taken(survey, owner, owner->address[i], FALSE))
            return owner->address[i];
    return LAMP_INDEX_NONE;
}

/* What is known of one capture may decide the next, which decides a third. */
static void
choose_owners(Survey *survey)
{
    Owner *owners = (Owner *) (gpointer) survey->owners->data;
    for (gboolean has_changed = TRUE; has_changed;) {
        has_changed = FALSE;
        survey->taken = lamp_keyed_map_new(NAME_BUDGET);
        for (guint i = 0; i < survey->owners->len; i++)
            if (owners[i].chosen != LAMP_INDEX_NONE) {
                count_taken(survey, owners[i].label, owners[i].chosen, 1);
                count_taken(survey, ANY, owners[i].chosen, 1);
            }
        for (guint i = 0; i < survey->owners->len; i++)
            if (owners[i].chosen == LAMP_INDEX_NONE) {
                owners[i].chosen = choose_owner(survey, i);
                has_changed |= owners[i].chosen != LAMP_INDEX_NONE;
            }
        g_clear_pointer(&survey->taken, lamp_keyed_map_free);
    }
}

/* Where neither tells, the gaps of handshakes do. */
static void
choose_by_handshakes(Survey *survey)
{
    for (guint i = 0; i < survey->owners->len; i++) {
        Owner *owner = &g_array_index(survey->owners, Owner, i);
        if (owner->chosen == LAMP_INDEX_NONE && is_own(owner, 0) && is_own(owner, 1) &&
            owner->votes[0] != owner->votes[1])
            owner->chosen = owner->address[owner->votes[0] > owner->votes[1] ? 0 : 1];
    }
}

static gint
compare_connections(gconstpointer left, gconstpointer right, gpointer user)
{
    const LampConnection *a = lamp_connection(user, *(const guint32 *) left);
    const LampConnection *b = lamp_connection(user, *(const guint32 *) right);
    if (a->client != b->client)
        return a->client < b->client ? -1 : 1;
    if (a->server != b->server)
        return a->server < b->server ? -1 : 1;
    if (a->client_sequence != b->client_sequence)
        return a->client_sequence < b->client_sequence ? -1 : 1;
    return a->source < b->source ? -1 : a->source > b->source;
}

/* Two captures of one connection were not both taken at its one end: the one that saw less of
 * that host's traffic stands elsewhere. */
static void
part_rivals(Survey *survey, guint32 a, guint32 b)
{
    Owner *first = &g_array_index(survey->owners, Owner, a);
    Owner *second = &g_array_index(survey->owners, Owner, b);
    if (a == b || first->chosen == LAMP_INDEX_NONE || first->chosen != second->chosen)
        return;
    gboolean first_stays = first->connections >= second->connections;
    (first_stays ? second : first)->chosen = LAMP_INDEX_NONE;
}

static void
part_all_rivals(Survey *survey)
{
    LampCorrelation *c = survey->c;
    g_autoptr(GArray) order = g_array_new(FALSE, FALSE, sizeof(guint32));
    for (guint32 i = 0; i < c->connections->len; i++)
        if (lamp_connection(c, i)->client_sequence >= 0 &&
            lamp_connection(c, i)->source != LAMP_INDEX_NONE)
            g_array_append_val(order, i);
    g_array_sort_with_data(order, compare_connections, c);
    for (guint i = 0; i < order->len; i++) {
        const LampConnection *a = lamp_connection(c, g_array_index(order, guint32, i));
        for (guint k = i + 1; k < MIN(order->len, i + MAX_SIGHTS); k++) {
            const LampConnection *b = lamp_connection(c, g_array_index(order, guint32, k));
            if (a->client != b->client || a->server != b->server ||
                a->client_sequence != b->client_sequence)
                break;
            part_rivals(survey, a->source, b->source);
        }
    }
}

static void
find_owners(Survey *survey)
{
    g_autoptr(LampKeyedMap) counts = lamp_keyed_map_new(NAME_BUDGET);
    g_autoptr(LampKeyedMap) labels = lamp_keyed_map_new(NAME_BUDGET);
    for (guint i = 0; i < survey->c->sources->len; i++) {
        gboolean is_new = FALSE;
        LampBytes label = lamp_bytes_text(lamp_source(survey->c, i)->label);
        Owner owner = {.address = {LAMP_INDEX_NONE, LAMP_INDEX_NONE},
                       .label = number_of(labels, label, &is_new),
                       .chosen = LAMP_INDEX_NONE};
        g_array_append_val(survey->owners, owner);
    }
    for_each_end(survey, count_end, counts);
    for_each_end(survey, rank_end, counts);
    for_each_end(survey, vote_end, NULL);
    choose_owners(survey);
    choose_by_handshakes(survey);
    choose_owners(survey);
    part_all_rivals(survey);
}

/* Hosts of captures; the places of a capture's own address get its host. */
static void
place_captures(Survey *survey, GArray *host_of_address)
{
    for (guint i = 0; i < survey->c->sources->len; i++) {
        LampSource *source = lamp_source(survey->c, i);
        guint32 address = g_array_index(survey->owners, Owner, i).chosen;
        if (source->kind != LAMP_SOURCE_CAPTURE)
            continue;
        if (address == LAMP_INDEX_NONE) {
            source->host = host_at(survey, source->label);
            lamp_host(survey->c, source->host)->is_capture_point = TRUE;
            continue;
        }
        const char *name = name_of_address(survey, address_text(survey, address));
        guint32 *known = &g_array_index(host_of_address, guint32, address);
        if (*known == LAMP_INDEX_NONE)
            *known = host_named(survey, name != NULL ? name : source->label);
        source->host = *known;
    }
}

static void
place_addresses(Survey *survey, GArray *host_of_address)
{
    for (guint i = 0; i < survey->c->places->len; i++) {
        LampPlace *place = lamp_place(survey->c, i);
        guint32 address = g_array_index(survey->address_of_place, guint32, i);
        guint32 *known = &g_array_index(host_of_address, guint32, address);
        if (*known == LAMP_INDEX_NONE)
            *known = host_at(survey, place->address);
        place->host = *known;
    }
}

/* Names first: what one log is named by does not depend on the logs before it. A name that is
 * an address stands for that address' host. */
static void
place_logs(Survey *survey, const GArray *host_of_address)
{
    g_autofree char **names = lamp_log_hosts(survey->c, survey->hosts);
    for (guint i = 0; i < survey->c->sources->len; i++) {
        if (names[i] == NULL)
            continue;
        guint64 *address = lamp_keyed_map_find(survey->addresses, lamp_bytes_text(names[i]));
        lamp_source(survey->c, i)->host =
            address != NULL ? g_array_index(host_of_address, guint32, *address - 1)
                            : host_at(survey, names[i]);
        g_free(names[i]);
    }
    for (guint i = 0; i < survey->named->len; i++) {
        const char *name = g_ptr_array_index(survey->named, i);
        const guint64 *host = lamp_keyed_map_find(survey->hosts, lamp_bytes_text(name));
        if (host != NULL)
            lamp_host(survey->c, (guint32) (*host - 1))->zone_ns =
                g_array_index(survey->zones, gint64, i);
    }
}

static void
clear_survey(Survey *survey)
{
    lamp_keyed_map_free(survey->hosts);
    lamp_keyed_map_free(survey->names);
    lamp_keyed_map_free(survey->addresses);
    g_ptr_array_unref(survey->named);
    g_array_unref(survey->zones);
    g_array_unref(survey->address_of_place);
    g_array_unref(survey->place_of_address);
    g_array_unref(survey->owners);
}

gboolean
lamp_pass_hosts(LampCorrelation *c, GError **error)
{
    Survey survey = {
        .c = c,
        .hosts = lamp_keyed_map_new(NAME_BUDGET),
        .names = lamp_keyed_map_new(NAME_BUDGET),
        .named = g_ptr_array_new_with_free_func(g_free),
        .zones = g_array_new(FALSE, FALSE, sizeof(gint64)),
        .addresses = lamp_keyed_map_new(NAME_BUDGET),
        .address_of_place = g_array_new(FALSE, FALSE, sizeof(guint32)),
        .place_of_address = g_array_new(FALSE, FALSE, sizeof(guint32)),
        .owners = g_array_new(FALSE, FALSE, sizeof(Owner)),
    };
    gboolean is_ok = read_host_names(&survey, error);
    if (is_ok) {
        g_autoptr(GArray) host_of_address = g_array_new(FALSE, FALSE, sizeof(guint32));
        number_addresses(&survey);
        find_owners(&survey);
        g_array_set_size(host_of_address, lamp_keyed_map_size(survey.addresses));
        for (guint i = 0; i < host_of_address->len; i++)
            g_array_index(host_of_address, guint32, i) = LAMP_INDEX_NONE;
        place_captures(&survey, host_of_address);
        place_addresses(&survey, host_of_address);
        place_logs(&survey, host_of_address);
    }
    clear_survey(&survey);
    return is_ok;
}
