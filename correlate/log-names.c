/*
 * Names of logs from their paths.
 *
 * In: paths as they were found. Out: labels, by which hosts and services are named where
 * nothing better is known.
 *
 *   logs/nginx.access.log.1.gz                             nginx
 *   cart-2026-11-21.log, cart_20261121T10.log              cart
 *   pods/shop_cart-7d9f8b6c5-x2x7k_UID/cart/0.log          cart-7d9f8b6c5-x2x7k
 *   containers/cart-7d9f8b6c5-x2x7k_shop_cart-HEX.log      cart-7d9f8b6c5-x2x7k
 *   containers/HEX/HEX-json.log                            first 12 digits of HEX
 *
 * A container whose name is not part of its pod's (`istio-proxy`) is named behind it. Logs of
 * the same name in different folders are told apart by those folders, of which dates and
 * archives say nothing. Where several logs that tell of calls share such folders, their own
 * names stay: `web1/access`, `web1/app`.
 * Specifications: Kubernetes, "Logging Architecture"; Docker, "JSON File logging driver".
 */
#include "correlate/log-names.h"
#include "correlate/log-folders.h"

#include <string.h>

#define MAP_BUDGET ((gsize) 64 << 20)

enum { HEX_ID = 64, SHORT_ID = 12, UUID = 36, DAY = 8 };

static gsize
count_hex(const char *text)
{
    gsize n = 0;
    while (g_ascii_isxdigit(text[n]))
        n++;
    return n;
}

/* `20261121…` or `2026-11-21…`, of this century or the last. */
static gboolean
begins_with_day(const char *text)
{
    gsize digits = 0;
    if (strncmp(text, "20", 2) != 0 && strncmp(text, "19", 2) != 0)
        return FALSE;
    for (const char *at = text; digits < DAY; at++) {
        gboolean may_part = digits == 4 || digits == 6;
        if (g_ascii_isdigit(*at))
            digits++;
        else if (!may_part || (*at != '-' && *at != '_'))
            return FALSE;
    }
    return TRUE;
}

/* The length of a file's name without its endings and the day of rotation. */
static gsize
stem_length(const char *base)
{
    gsize length = strcspn(base, ".");
    for (gsize i = 1; i + DAY < length; i++)
        if ((base[i] == '-' || base[i] == '_') && begins_with_day(base + i + 1))
            return i;
    return length;
}

/* `POD/CONTAINER`, or the pod alone. */
static char *
pod_name(const char *pod, gsize pod_length, const char *container, gsize container_length)
{
    g_autofree char *name = g_strndup(pod, pod_length);
    g_autofree char *part = g_strndup(container, container_length);
    return strstr(name, part) != NULL ? g_steal_pointer(&name)
                                      : g_strdup_printf("%s/%s", name, part);
}

/* `…/NAMESPACE_POD_UID/CONTAINER/0.log` */
static char *
name_in_pods(const char *path)
{
    g_auto(GStrv) parts = g_strsplit(path, "/", -1);
    guint n = g_strv_length(parts);
    if (n < 3 || !g_ascii_isdigit(parts[n - 1][0]))
        return NULL;
    const char *first = strchr(parts[n - 3], '_'), *last = strrchr(parts[n - 3], '_');
    if (first == NULL || last - first < 2)
        return NULL;
    gsize uid = strlen(last + 1);
    gboolean is_uid = uid == UUID || (uid >= UUID - 4 && count_hex(last + 1) == uid);
    return is_uid ? pod_name(first + 1, (gsize) (last - first - 1), parts[n - 2],
                             strlen(parts[n - 2]))
                  : NULL;
}

/* `POD_NAMESPACE_CONTAINER-HEX.log` */
static char *
name_of_container(const char *base)
{
    const char *dash = strrchr(base, '-'), *first = strchr(base, '_');
    const char *second = first != NULL ? strchr(first + 1, '_') : NULL;
    if (dash == NULL || second == NULL || dash <= second + 1 || first == base ||
        count_hex(dash + 1) != HEX_ID)
        return NULL;
    return pod_name(base, (gsize) (first - base), second + 1, (gsize) (dash - second - 1));
}

char *
lamp_log_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *base = slash != NULL ? slash + 1 : path;
    char *name = name_in_pods(path);
    if (name == NULL)
        name = name_of_container(base);
    if (name != NULL)
        return name;
    if (count_hex(base) == HEX_ID && g_str_has_prefix(base + HEX_ID, "-json.log"))
        return g_strndup(base, SHORT_ID);
    gsize length = stem_length(base);
    return length > 0 ? g_strndup(base, length) : g_strdup(base);
}

/* One log, with the folders of its path. */
typedef struct {
    guint32 source;
    const char *label; /* the source's */
    char **folders;    /* owned */
    guint n_folders;
    gboolean is_placed; /* its host is known: it only tells the others apart from it */
} Named;

/* A run of logs of one name. */
typedef struct {
    const Named *logs;
    guint n;
} Namesakes;

/* A folder that rotation made: it parts no programs. */
static gboolean
is_of_rotation(const char *folder)
{
    static const char *const words[] = {"archive", "archived", "archives", "old",
                                        "backup",  "backups",  "rotated",  "history"};
    for (gsize i = 0; i < G_N_ELEMENTS(words); i++)
        if (g_ascii_strcasecmp(folder, words[i]) == 0)
            return TRUE;
    return strspn(folder, "0123456789-_") == strlen(folder);
}

/* Do the folders at @depth differ? Those of rotation are passed over. */
static gboolean
is_apart(Namesakes group, guint depth)
{
    const char *known = NULL;
    for (guint i = 0; i < group.n; i++) {
        const Named *one = &group.logs[i];
        const char *folder = depth < one->n_folders ? one->folders[depth] : NULL;
        if (folder == NULL || is_of_rotation(folder))
            continue;
        if (known != NULL && strcmp(known, folder) != 0)
            return TRUE;
        known = folder;
    }
    return FALSE;
}

/* What tells the folders of each apart, into @names by source. */
static void
name_by_folders(Namesakes group, char **names)
{
    enum { DEEPEST = 64 };
    gboolean parts[DEEPEST];
    for (guint depth = 0; depth < DEEPEST; depth++)
        parts[depth] = group.n > 1 && is_apart(group, depth);
    for (guint i = 0; i < group.n; i++) {
        const Named *one = &group.logs[i];
        g_autoptr(GString) name = g_string_new(NULL);
        if (one->is_placed)
            continue;
        for (guint depth = 0; depth < MIN(one->n_folders, (guint) DEEPEST); depth++)
            if (parts[depth] && !is_of_rotation(one->folders[depth]))
                g_string_append_printf(name, "%s%s", name->len > 0 ? "/" : "",
                                       one->folders[depth]);
        if (name->len > 0)
            names[one->source] = g_strdup(name->str);
    }
}

static gint
compare_named(gconstpointer left, gconstpointer right)
{
    const Named *a = left, *b = right;
    gint order = strcmp(a->label, b->label);
    return order != 0 ? order : a->source < b->source ? -1 : a->source > b->source;
}

static void
clear_named(gpointer data)
{
    g_strfreev(((Named *) data)->folders);
}

/* Does the path name a known host, by the file's name or a folder's? */
static gboolean
is_placed(const LampKeyedMap *hosts, const LampSource *source)
{
    g_autofree char *folder = lamp_log_folder(hosts, source->path);
    return folder != NULL || lamp_keyed_map_find(hosts, lamp_bytes_text(source->label)) != NULL;
}

/* Logs whose host nobody told, by name. */
static GArray *
list_logs(LampCorrelation *c, const LampKeyedMap *hosts)
{
    GArray *logs = g_array_new(FALSE, FALSE, sizeof(Named));
    g_array_set_clear_func(logs, clear_named);
    for (guint32 i = 0; i < c->sources->len; i++) {
        const LampSource *source = lamp_source(c, i);
        if (source->kind != LAMP_SOURCE_LOG || source->is_told || source->path == NULL ||
            source->part_of != LAMP_INDEX_NONE)
            continue;
        const char *end = strrchr(source->path, '/');
        g_autofree char *folder =
            g_strndup(source->path, end != NULL ? (gsize) (end - source->path) : 0);
        Named one = {i, source->label, g_strsplit(folder, "/", -1), 0,
                     is_placed(hosts, source)};
        one.n_folders = g_strv_length(one.folders);
        g_array_append_val(logs, one);
    }
    g_array_sort(logs, compare_named);
    return logs;
}

/* Sources whose records tell of served calls, by their number. */
static guint8 *
list_serving(LampCorrelation *c)
{
    guint8 *serves = g_new0(guint8, (gsize) c->sources->len + 1);
    for (guint i = 0; i < c->observations->len; i++) {
        const LampObservation *seen = lamp_observation(c, i);
        if (seen->origin == LAMP_FROM_LOG && seen->role != LAMP_SEEN_BY_CLIENT &&
            seen->source != LAMP_INDEX_NONE)
            serves[seen->source] = 1;
    }
    return serves;
}

/* Takes the names of folders; where logs of several names in one tell of calls, with theirs. */
static void
relabel(LampCorrelation *c, char **names)
{
    g_autoptr(LampKeyedMap) firsts = lamp_keyed_map_new(MAP_BUDGET);
    g_autofree guint8 *serves = list_serving(c);
    g_autofree guint8 *is_shared = g_new0(guint8, (gsize) c->sources->len + 1);
    for (guint32 i = 0; i < c->sources->len; i++) {
        gboolean is_new = FALSE;
        guint64 *first = names[i] != NULL && serves[i]
                             ? lamp_keyed_map_add(firsts, lamp_bytes_text(names[i]), &is_new)
                             : NULL;
        if (first != NULL && is_new)
            *first = i;
        else if (first != NULL)
            is_shared[*first] |=
                strcmp(lamp_source(c, (guint32) *first)->label, lamp_source(c, i)->label) != 0;
    }
    g_autofree char **labels = g_new0(char *, (gsize) c->sources->len + 1);
    for (guint32 i = 0; i < c->sources->len; i++) {
        const guint64 *first =
            names[i] != NULL ? lamp_keyed_map_find(firsts, lamp_bytes_text(names[i])) : NULL;
        if (first != NULL && is_shared[*first])
            labels[i] = g_strdup_printf("%s/%s", names[i], lamp_source(c, i)->label);
        else
            labels[i] = g_strdup(names[i]);
    }
    for (guint32 i = 0; i < c->sources->len; i++) {
        if (labels[i] == NULL)
            continue;
        g_free(lamp_source(c, i)->label);
        lamp_source(c, i)->label = labels[i];
    }
}

static void
part_namesakes(LampCorrelation *c, const LampKeyedMap *hosts)
{
    g_autoptr(GArray) logs = list_logs(c, hosts);
    g_autofree char **names = g_new0(char *, (gsize) c->sources->len + 1);
    for (guint i = 0, end; i < logs->len; i = end) {
        const Named *first = &g_array_index(logs, Named, i);
        for (end = i + 1; end < logs->len; end++)
            if (strcmp(g_array_index(logs, Named, end).label, first->label) != 0)
                break;
        name_by_folders((Namesakes){first, end - i}, names);
    }
    relabel(c, names);
    for (guint32 i = 0; i < c->sources->len; i++)
        g_free(names[i]);
}

static char *
host_of_log(const LampKeyedMap *hosts, const LampSource *source)
{
    if (source->is_told)
        return g_strdup(source->label);
    if (source->machine != NULL &&
        lamp_keyed_map_find(hosts, lamp_bytes_text(source->machine)) != NULL)
        return g_strdup(source->machine);
    char *folder = lamp_keyed_map_find(hosts, lamp_bytes_text(source->label)) != NULL
                       ? NULL
                       : lamp_log_folder(hosts, source->path);
    return folder != NULL ? folder : g_strdup(source->label);
}

char **
lamp_log_hosts(LampCorrelation *c, const LampKeyedMap *hosts)
{
    char **names = g_new0(char *, (gsize) c->sources->len + 1);
    part_namesakes(c, hosts);
    for (guint32 i = 0; i < c->sources->len; i++) {
        const LampSource *source = lamp_source(c, i);
        if (source->kind == LAMP_SOURCE_LOG && !source->is_split)
            names[i] = host_of_log(hosts, source);
    }
    return names;
}
