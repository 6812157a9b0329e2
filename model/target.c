/*
 * Targets of changes.
 *
 * A name matches a service, an instance or a protocol, whole and without regard to case; the
 * common names of a protocol are one. An operation is matched as a pattern over the whole text,
 * so `item*` needs its own `*` in front to match in the middle.
 */
#include "model/target.h"

#include <string.h>

typedef struct {
    char *name;              /* lower case; NULL: any */
    GPatternSpec *operation; /* NULL: any */
} Alternative;

struct LampTarget {
    char *text;
    GArray *alternatives;
    guint8 *by_service, *by_instance, *by_label; /* bit per alternative, at most 8 */
    guint instances, labels;
    guint32 *service_of; /* by instance */
};

static const char *const aliases[][6] = {
    {"postgresql", "postgres", "pg", "pgsql", NULL},
    {"memcached", "memcache", "memc", NULL},
    {"mysql", "mariadb", NULL},
    {"mongodb", "mongo", NULL},
    {"tls", "https", NULL},
    {"http", "http1", "http/1.1", NULL},
    {"http2", "grpc", "h2", "h2c", NULL},
    {"amqp", "rabbitmq", NULL},
};

static void
clear_alternative(gpointer pointer)
{
    Alternative *alternative = pointer;
    g_free(alternative->name);
    g_clear_pointer(&alternative->operation, g_pattern_spec_free);
}

static void
parse_alternative(LampTarget *target, const char *text)
{
    Alternative alternative = {NULL, NULL};
    const char *slash = strchr(text, '/');
    g_autofree char *name =
        slash == NULL ? g_strdup(text) : g_strndup(text, (gsize) (slash - text));
    g_strstrip(name);
    if (name[0] != '\0' && !g_str_equal(name, "*"))
        alternative.name = g_ascii_strdown(name, -1);
    if (slash != NULL && slash[1] != '\0') {
        /* GLib's patterns abort on anything but UTF-8. */
        g_autofree char *valid = g_utf8_make_valid(slash + 1, -1);
        g_autofree char *operation = g_ascii_strdown(valid, -1);
        alternative.operation = g_pattern_spec_new(g_strstrip(operation));
    }
    g_array_append_val(target->alternatives, alternative);
}

LampTarget *
lamp_target_parse(const char *text)
{
    LampTarget *target = g_new0(LampTarget, 1);
    target->text = g_strstrip(g_strdup(text));
    target->alternatives = g_array_new(FALSE, TRUE, sizeof(Alternative));
    g_array_set_clear_func(target->alternatives, clear_alternative);
    g_auto(GStrv) parts = g_strsplit(target->text, "|", 8);
    for (guint i = 0; parts[i] != NULL; i++)
        parse_alternative(target, parts[i]);
    return target;
}

void
lamp_target_free(LampTarget *target)
{
    if (target == NULL)
        return;
    g_free(target->text);
    g_array_unref(target->alternatives);
    g_free(target->by_service);
    g_free(target->by_instance);
    g_free(target->by_label);
    g_free(target->service_of);
    g_free(target);
}

const char *
lamp_target_text(const LampTarget *target)
{
    return target->text;
}

static gboolean
is_same_protocol(const char *protocol, const char *name)
{
    if (protocol == NULL || protocol[0] == '\0')
        return FALSE;
    if (g_ascii_strcasecmp(protocol, name) == 0)
        return TRUE;
    for (gsize i = 0; i < G_N_ELEMENTS(aliases); i++) {
        gboolean has_protocol = FALSE, has_name = FALSE;
        for (guint k = 0; aliases[i][k] != NULL; k++) {
            has_protocol = has_protocol || g_ascii_strcasecmp(aliases[i][k], protocol) == 0;
            has_name = has_name || g_str_equal(aliases[i][k], name);
        }
        if (has_protocol && has_name)
            return TRUE;
    }
    return FALSE;
}

static gboolean
is_service(const Alternative *a, const LampService *service)
{
    return a->name == NULL || g_ascii_strcasecmp(service->name, a->name) == 0 ||
           is_same_protocol(service->protocol, a->name);
}

static gboolean
is_operation(const Alternative *a, const LampLabel *label)
{
    if (a->operation == NULL)
        return TRUE;
    g_autofree char *valid = g_utf8_make_valid(label->operation, -1);
    g_autofree char *lower = g_ascii_strdown(valid, -1);
    return g_pattern_spec_match_string(a->operation, lower);
}

/* Bits of the alternatives that the label's protocol and operation pass. */
static void
resolve_labels(LampTarget *target, const LampTopology *topology)
{
    target->labels = lamp_topology_label_count(topology);
    target->by_label = g_new0(guint8, target->labels + 1);
    for (guint i = 0; i < target->labels; i++) {
        const LampLabel *label = lamp_topology_label(topology, i);
        for (guint k = 0; k < target->alternatives->len; k++)
            if (is_operation(&g_array_index(target->alternatives, Alternative, k), label))
                target->by_label[i] = (guint8) (target->by_label[i] | 1u << k);
    }
}

gboolean
lamp_target_resolve(LampTarget *target, const LampTopology *topology)
{
    gboolean found = FALSE;
    target->instances = lamp_topology_instance_count(topology);
    target->by_instance = g_new0(guint8, target->instances);
    target->service_of = g_new0(guint32, target->instances);
    resolve_labels(target, topology);
    for (guint i = 0; i < target->instances; i++) {
        const LampInstance *instance = lamp_topology_instance(topology, i);
        const LampService *service = lamp_topology_service(topology, instance->service);
        target->service_of[i] = instance->service;
        for (guint k = 0; k < target->alternatives->len; k++) {
            const Alternative *a = &g_array_index(target->alternatives, Alternative, k);
            if (is_service(a, service) || (instance->name != NULL && a->name != NULL &&
                                           g_ascii_strcasecmp(instance->name, a->name) == 0))
                target->by_instance[i] = (guint8) (target->by_instance[i] | 1u << k);
        }
    }
    for (guint i = 0; i < target->labels && !found; i++)
        for (guint k = 0; k < target->instances && !found; k++)
            found = target->service_of[k] == lamp_topology_label(topology, i)->service &&
                    (target->by_label[i] & target->by_instance[k]) != 0;
    return found;
}

gboolean
lamp_target_matches(const LampTarget *target, guint32 label, guint32 instance)
{
    return label < target->labels && instance < target->instances &&
           (target->by_label[label] & target->by_instance[instance]) != 0;
}

gboolean
lamp_target_matches_instance(const LampTarget *target, guint32 instance)
{
    return instance < target->instances && target->by_instance[instance] != 0;
}
