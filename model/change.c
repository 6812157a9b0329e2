/*
 * Parsing and applying changes. The rewriting of flows itself is in model/rewrite.c.
 */
#include "model/change.h"

#include "base/text.h"
#include "model/rewrite.h"

#include <math.h>
#include <string.h>

G_DEFINE_QUARK(lamp_change_error, lamp_change_error)

struct LampChange {
    GPtrArray *parts; /* LampRewrite */
    GPtrArray *texts;
};

void
lamp_change_free(LampChange *change)
{
    if (change == NULL)
        return;
    g_ptr_array_unref(change->parts);
    g_ptr_array_unref(change->texts);
    g_free(change);
}

/* lamp_change_parse() puts the part before it. */
static gboolean
syntax_error(const char *why, GError **error)
{
    g_set_error_literal(error, LAMP_CHANGE_ERROR, LAMP_CHANGE_ERROR_SYNTAX, why);
    return FALSE;
}

#define LAMP_CHANGE_MOST_FACTOR 1e6

static gboolean
parse_factor(const char *text, double least, double *out_factor)
{
    return lamp_change_number_parse(text, out_factor) && *out_factor >= least &&
           *out_factor <= LAMP_CHANGE_MOST_FACTOR;
}

/* "exp(20ms)" and so on, or "like(TARGET)": the own work of another target. */
static gboolean
parse_drawn(const char *text, LampRewrite *rewrite)
{
    rewrite->effect = LAMP_EFFECT_DRAW;
    if (g_str_has_prefix(text, "like(") && g_str_has_suffix(text, ")")) {
        g_autofree char *name = g_strndup(text + 5, strlen(text) - 6);
        rewrite->like = lamp_target_parse(name);
        return TRUE;
    }
    rewrite->distribution = lamp_distribution_parse(text);
    return rewrite->distribution != NULL;
}

/* "*2", "+20ms", "-5ms", "=3ms", "=exp(3ms)" */
static gboolean
parse_effect(const char *text, LampRewrite *rewrite)
{
    rewrite->factor = 1.0;
    switch (text[0]) {
    case '*':
        rewrite->effect = LAMP_EFFECT_SCALE;
        return parse_factor(text + 1, 0.0, &rewrite->factor);
    case '+':
        rewrite->effect = LAMP_EFFECT_ADD;
        return lamp_change_duration_parse(text + 1, &rewrite->amount);
    case '-':
        rewrite->effect = LAMP_EFFECT_ADD;
        if (!lamp_change_duration_parse(text + 1, &rewrite->amount))
            return FALSE;
        rewrite->amount = -rewrite->amount;
        return TRUE;
    case '=':
        rewrite->effect = LAMP_EFFECT_SET;
        return lamp_change_duration_parse(text + 1, &rewrite->amount) ||
               parse_drawn(text + 1, rewrite);
    default:
        return FALSE;
    }
}

/* Splits "A->B" into its two targets; FALSE if there is no arrow. */
static gboolean
parse_edge(const char *text, LampRewrite *rewrite)
{
    const char *arrow = strstr(text, "->");
    if (arrow == NULL)
        return FALSE;
    g_autofree char *from = g_strndup(text, (gsize) (arrow - text));
    rewrite->caller = lamp_target_parse(from);
    rewrite->target = lamp_target_parse(arrow + 2);
    return TRUE;
}

/* The blank before the last word; blanks within parentheses at the end do not count. */
static char *
find_last_word(char *text)
{
    char *open = g_str_has_suffix(text, ")") ? g_strrstr(text, " =") : NULL;
    return open != NULL ? open : strrchr(text, ' ');
}

/* "TARGET EFFECT": the effect is the last word. */
static gboolean
parse_timing(char *part, LampRewrite *rewrite, GError **error)
{
    char *space = find_last_word(part);
    if (space == NULL || !parse_effect(space + 1, rewrite))
        return syntax_error("must end in *FACTOR (0 to 1000000), +TIME, -TIME or =TIME (up to "
                            "a day) or =DISTRIBUTION, for example 'postgres *0.5' or 'pay "
                            "+20ms'; or begin with what is done: 'down redis-2', 'cache pg "
                            "off', 'limit web 8' (lamplight whatif --help lists them)",
                            error);
    *space = '\0';
    if (g_str_equal(g_strstrip(part), "load")) {
        if (rewrite->effect != LAMP_EFFECT_SCALE || rewrite->factor <= 0.0)
            return syntax_error("takes *FACTOR, above 0", error);
        rewrite->kind = LAMP_REWRITE_LOAD;
        return TRUE;
    }
    rewrite->kind = LAMP_REWRITE_NETWORK;
    if (parse_edge(part, rewrite))
        return rewrite->like == NULL ||
               syntax_error("like(TARGET) is for work, not for the network", error);
    rewrite->kind = LAMP_REWRITE_WORK;
    rewrite->target = lamp_target_parse(part);
    return TRUE;
}

#define CACHE_SYNTAX "a cache takes 'hit SHARE' (0 to 1), 'hit SHARE in TIME' or 'off'"

/* Takes "in TIME" off the end of @rest, if it is there. */
static gboolean
parse_hit_time(char *rest, LampRewrite *rewrite)
{
    char *in = g_strrstr(rest, " in ");
    if (in == NULL || !lamp_change_duration_parse(g_strchug(in + 4), &rewrite->amount))
        return FALSE;
    *in = '\0';
    g_strchomp(rest);
    return TRUE;
}

static gboolean
parse_cache(char *rest, LampRewrite *rewrite, GError **error)
{
    rewrite->kind = parse_hit_time(rest, rewrite) ? LAMP_REWRITE_FRONT : LAMP_REWRITE_CACHE;
    char *space = strrchr(rest, ' ');
    if (space != NULL && g_str_equal(space + 1, "off") && rewrite->kind == LAMP_REWRITE_CACHE) {
        rewrite->share = -1.0;
        *space = '\0';
        rewrite->target = lamp_target_parse(rest);
        return TRUE;
    }
    if (space == NULL || !lamp_change_number_parse(space + 1, &rewrite->share) ||
        rewrite->share < 0.0 || rewrite->share > 1.0)
        return syntax_error(CACHE_SYNTAX, error);
    *space = '\0';
    g_strchomp(rest);
    if (!g_str_has_suffix(rest, " hit"))
        return syntax_error(CACHE_SYNTAX, error);
    rest[strlen(rest) - strlen(" hit")] = '\0';
    rewrite->target = lamp_target_parse(rest);
    return TRUE;
}

static gboolean
parse_parallel(char *rest, LampRewrite *rewrite, GError **error)
{
    char *colon = strchr(rest, ':');
    rewrite->kind = LAMP_REWRITE_PARALLEL;
    if (colon == NULL)
        return syntax_error("must be 'parallel TARGET: CALLEE, CALLEE'", error);
    *colon = '\0';
    rewrite->target = lamp_target_parse(rest);
    g_auto(GStrv) callees = g_strsplit(colon + 1, ",", 8);
    g_autofree char *joined = g_strjoinv("|", callees);
    rewrite->callees = lamp_target_parse(joined);
    return TRUE;
}

/* "TARGET N", for limits also "TARGET none" */
static gboolean
parse_counted(char *rest, LampRewriteKind kind, LampRewrite *rewrite, GError **error)
{
    char *space = strrchr(rest, ' ');
    guint64 count = 0;
    gboolean is_limit = kind == LAMP_REWRITE_LIMIT;
    rewrite->kind = kind;
    if (space == NULL || (!(is_limit && g_str_equal(space + 1, "none")) &&
                          (!lamp_text_parse_u64(lamp_bytes_text(space + 1), &count) ||
                           count == 0 || count > G_MAXUINT16)))
        return syntax_error(is_limit ? "must be 'limit TARGET N' or 'limit A->B N', N from 1 "
                                       "to 65535, or 'none' for no limit"
                                     : "must be 'replicas SERVICE N', N from 1 to 65535",
                            error);
    rewrite->count = (guint32) count;
    *space = '\0';
    if (kind != LAMP_REWRITE_LIMIT || !parse_edge(rest, rewrite))
        rewrite->target = lamp_target_parse(rest);
    return TRUE;
}

static gboolean
parse_timeout(char *rest, LampRewrite *rewrite, GError **error)
{
    char *space = strrchr(rest, ' ');
    rewrite->kind = LAMP_REWRITE_TIMEOUT;
    if (space == NULL || !lamp_change_duration_parse(space + 1, &rewrite->amount) ||
        rewrite->amount == 0)
        return syntax_error("must be 'timeout A->B TIME', above 0", error);
    *space = '\0';
    if (!parse_edge(rest, rewrite))
        return syntax_error("must be 'timeout A->B TIME'", error);
    return TRUE;
}

/* "SERVICE +TIME [*FACTOR] [limit N]" */
static gboolean
parse_failover(char *rest, LampRewrite *rewrite, GError **error)
{
    g_auto(GStrv) words = g_strsplit(rest, " ", 6);
    guint n = g_strv_length(words), at = 2;
    guint64 limit = 0;
    rewrite->kind = LAMP_REWRITE_FAILOVER;
    rewrite->factor = 1.0;
    gboolean ok = n >= 2 && words[1][0] == '+' &&
                  lamp_change_duration_parse(words[1] + 1, &rewrite->amount);
    if (ok && at < n && words[at][0] == '*')
        ok = parse_factor(words[at++] + 1, 0.0, &rewrite->factor);
    if (ok && at + 2 == n && g_str_equal(words[at], "limit")) {
        ok = lamp_text_parse_u64(lamp_bytes_text(words[at + 1]), &limit) && limit > 0 &&
             limit <= G_MAXUINT16;
        at += 2;
    }
    if (!ok || at != n)
        return syntax_error("must be 'failover SERVICE +TIME [*FACTOR] [limit N]'", error);
    rewrite->count = (guint32) limit;
    rewrite->target = lamp_target_parse(words[0]);
    return TRUE;
}

static gboolean
parse_retries(char *rest, LampRewrite *rewrite, GError **error)
{
    char *space = strrchr(rest, ' ');
    guint64 count;
    rewrite->kind = LAMP_REWRITE_RETRIES;
    if (space == NULL || !lamp_text_parse_u64(lamp_bytes_text(space + 1), &count) ||
        count > 100)
        return syntax_error("must be 'retries A->B N', N from 0 to 100", error);
    rewrite->count = (guint32) count;
    *space = '\0';
    return parse_edge(rest, rewrite) ||
           syntax_error("must be 'retries A->B N', N from 0 to 100", error);
}

static gboolean
parse_simple(char *rest, LampRewriteKind kind, LampRewrite *rewrite, GError **error)
{
    rewrite->kind = kind;
    if (rest[0] == '\0')
        return syntax_error("needs a target", error);
    rewrite->target = lamp_target_parse(rest);
    return TRUE;
}

/* The words that begin a change; all others are timings. */
static const struct {
    const char *word;
    LampRewriteKind kind;
} keywords[] = {
    {"parallel ", LAMP_REWRITE_PARALLEL}, {"sequential ", LAMP_REWRITE_SEQUENTIAL},
    {"cache ", LAMP_REWRITE_CACHE},       {"batch ", LAMP_REWRITE_BATCH},
    {"remove ", LAMP_REWRITE_REMOVE},     {"down ", LAMP_REWRITE_DOWN},
    {"replicas ", LAMP_REWRITE_REPLICAS}, {"limit ", LAMP_REWRITE_LIMIT},
    {"retries ", LAMP_REWRITE_RETRIES},   {"timeout ", LAMP_REWRITE_TIMEOUT},
    {"failover ", LAMP_REWRITE_FAILOVER},
};

static gboolean
parse_part(char *part, LampRewrite *rewrite, GError **error)
{
    for (gsize i = 0; i < G_N_ELEMENTS(keywords); i++) {
        if (!g_str_has_prefix(part, keywords[i].word))
            continue;
        const char *first = part + strlen(keywords[i].word);
        if (strchr("*+-=", first[0]) != NULL && strchr(first, ' ') == NULL)
            break; /* a service that is called like the word: "cache *2" */
        char *rest = g_strstrip(part + strlen(keywords[i].word));
        switch (keywords[i].kind) {
        case LAMP_REWRITE_PARALLEL:
            return parse_parallel(rest, rewrite, error);
        case LAMP_REWRITE_CACHE:
            return parse_cache(rest, rewrite, error);
        case LAMP_REWRITE_REPLICAS:
        case LAMP_REWRITE_LIMIT:
            return parse_counted(rest, keywords[i].kind, rewrite, error);
        case LAMP_REWRITE_TIMEOUT:
            return parse_timeout(rest, rewrite, error);
        case LAMP_REWRITE_RETRIES:
            return parse_retries(rest, rewrite, error);
        case LAMP_REWRITE_FAILOVER:
            return parse_failover(rest, rewrite, error);
        default:
            return parse_simple(rest, keywords[i].kind, rewrite, error);
        }
    }
    return parse_timing(part, rewrite, error);
}

LampChange *
lamp_change_parse(const char *text, GError **error)
{
    g_autoptr(LampChange) change = g_new0(LampChange, 1);
    change->parts = g_ptr_array_new_with_free_func((GDestroyNotify) lamp_rewrite_free);
    change->texts = g_ptr_array_new_with_free_func(g_free);
    g_auto(GStrv) parts = g_strsplit(text, ";", -1);
    for (guint i = 0; parts[i] != NULL; i++) {
        g_strstrip(parts[i]);
        if (parts[i][0] == '\0')
            continue;
        LampRewrite *rewrite = g_new0(LampRewrite, 1);
        rewrite->parts = change->parts;
        g_ptr_array_add(change->parts, rewrite);
        g_ptr_array_add(change->texts, g_strdup(parts[i]));
        if (!parse_part(parts[i], rewrite, error)) {
            g_prefix_error(error, "change '%s': ",
                           (const char *) change->texts->pdata[change->texts->len - 1]);
            return NULL;
        }
    }
    if (change->parts->len == 0) {
        g_set_error(error, LAMP_CHANGE_ERROR, LAMP_CHANGE_ERROR_SYNTAX,
                    "the change is empty: say what changes, for example 'postgres *0.5'");
        return NULL;
    }
    return g_steal_pointer(&change);
}

static gboolean
resolve_target(LampTarget *target, const LampTopology *topology, const char *part,
               GError **error)
{
    if (target == NULL || lamp_target_resolve(target, topology))
        return TRUE;
    g_set_error(error, LAMP_CHANGE_ERROR, LAMP_CHANGE_ERROR_NO_MATCH,
                "change '%s': nothing is called '%s'; `lamplight services` lists names and "
                "operations",
                part, lamp_target_text(target));
    return FALSE;
}

gboolean
lamp_change_resolve(LampChange *change, const LampTopology *topology, GError **error)
{
    for (guint i = 0; i < change->parts->len; i++) {
        LampRewrite *rewrite = change->parts->pdata[i];
        const char *text = change->texts->pdata[i];
        if (rewrite->caller != NULL)
            lamp_target_resolve(rewrite->caller, topology); /* a client serves nothing */
        if (!resolve_target(rewrite->target, topology, text, error) ||
            !resolve_target(rewrite->callees, topology, text, error) ||
            !resolve_target(rewrite->like, topology, text, error))
            return FALSE;
    }
    return TRUE;
}

void
lamp_change_apply(const LampChange *change, const LampTopology *topology, LampReplay *replay,
                  LampStations *stations, guint64 seed, LampTouched *touched)
{
    for (guint i = 0; i < change->parts->len; i++) {
        LampTouched part =
            lamp_rewrite_apply(change->parts->pdata[i], topology, replay, stations, seed + i);
        touched[i].calls += part.calls;
        touched[i].failing += part.failing;
        touched[i].unknown += part.unknown;
    }
}

guint
lamp_change_parts(const LampChange *change)
{
    return change->parts->len;
}

const LampRewrite *
lamp_change_part(const LampChange *change, guint index)
{
    return change->parts->pdata[index];
}

char *
lamp_change_part_text(const LampChange *change, guint index)
{
    return g_strdup(change->texts->pdata[index]);
}
