/*
 * lamplight audit: calls that a policy does not allow, with evidence.
 *
 * The policy is a text file, one rule a line, the first rule that matches a call decides; calls
 * that no rule matches are reported as well:
 *
 *   # who may call what
 *   allow client -> nginx
 *   allow shop -> catalog/GET *
 *   deny  * -> pg
 */
#include "base/log.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/flow-options.h"
#include "cli/print.h"
#include "cli/wrap.h"
#include "model/index-map.h"
#include "model/target.h"

#include <string.h>

#define MOST_RULES 1000u

static gboolean as_json;
static char *policy;

static const GOptionEntry options[] = {
    {"policy", 'p', 0, G_OPTION_ARG_FILENAME, &policy,
     "file of rules 'allow A -> B' and 'deny A -> B'", "FILE"},
    LAMP_FLOW_OPTIONS,
    {"json", 0, 0, G_OPTION_ARG_NONE, &as_json, "a JSON array", NULL},
    {NULL},
};

static const LampOptionRange ranges[] = {
    LAMP_FLOW_RANGES,
    {NULL},
};

typedef struct {
    gboolean allows;
    LampTarget *from, *to;
    char *text;
} Rule;

/* Calls from one instance's service to one label that the policy does not allow. */
typedef struct {
    guint32 caller, label;
    const Rule *rule; /* that denies; NULL: none allows */
    guint64 calls;
    gint64 example;
    LampTime first, last;
} Violation;

typedef struct {
    const LampTopology *topology;
    GArray *rules, *violations;
    LampIndexMap index;
    guint64 calls;
} Audit;

static void
clear_rule(gpointer pointer)
{
    Rule *rule = pointer;
    lamp_target_free(rule->from);
    lamp_target_free(rule->to);
    g_free(rule->text);
}

static gboolean
parse_rule(GArray *rules, char *line, guint number, GError **error)
{
    g_strstrip(line);
    if (line[0] == '\0' || line[0] == '#')
        return TRUE;
    gboolean allows = g_str_has_prefix(line, "allow ");
    char *arrow = strstr(line, "->");
    if ((!allows && !g_str_has_prefix(line, "deny ")) || arrow == NULL ||
        rules->len >= MOST_RULES) {
        g_set_error(error, LAMP_CLI_ERROR, LAMP_CLI_ERROR_USAGE,
                    "%s:%u: a rule is 'allow A -> B' or 'deny A -> B' (at most %u)", policy,
                    number, MOST_RULES);
        return FALSE;
    }
    Rule rule = {.allows = allows, .text = g_strdup(line)};
    *arrow = '\0';
    rule.from = lamp_target_parse(line + strlen(allows ? "allow " : "deny "));
    rule.to = lamp_target_parse(arrow + 2);
    g_array_append_val(rules, rule);
    return TRUE;
}

static gboolean
read_policy(GArray *rules, GError **error)
{
    g_autofree char *text = NULL;
    if (policy == NULL) {
        g_set_error(error, LAMP_CLI_ERROR, LAMP_CLI_ERROR_USAGE,
                    "give the rules: --policy FILE");
        return FALSE;
    }
    if (!g_file_get_contents(policy, &text, NULL, error))
        return FALSE;
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);
    for (guint i = 0; lines[i] != NULL; i++)
        if (!parse_rule(rules, lines[i], i + 1, error))
            return FALSE;
    return TRUE;
}

/* Says so where @target of a rule names nothing: it may be mistyped. */
static void
note_unknown(const Audit *audit, const Rule *rule, const LampTarget *target, const char *side)
{
    for (guint32 i = 1; i < lamp_topology_instance_count(audit->topology); i++)
        if (lamp_target_matches_instance(target, i))
            return;
    lamp_log(LAMP_LOG_NOTE, "audit", "'%s': the %s is no service here", rule->text, side);
}

/* After all labels are known. */
static void
resolve_rules(const Audit *audit)
{
    for (guint i = 0; i < audit->rules->len; i++) {
        Rule *rule = &g_array_index(audit->rules, Rule, i);
        lamp_target_resolve(rule->from, audit->topology);
        lamp_target_resolve(rule->to, audit->topology);
        note_unknown(audit, rule, rule->from, "caller");
        note_unknown(audit, rule, rule->to, "callee");
    }
}

/* The rule that decides, or NULL. */
static const Rule *
find_rule(const Audit *audit, const LampFlowCall *call)
{
    for (guint i = 0; i < audit->rules->len; i++) {
        const Rule *rule = &g_array_index(audit->rules, Rule, i);
        if (lamp_target_matches_instance(rule->from, call->client_instance) &&
            lamp_target_matches(rule->to, call->label, call->server_instance))
            return rule;
    }
    return NULL;
}

static void
check_call(Audit *audit, const LampFlow *flow, const LampFlowCall *call)
{
    const Rule *rule = find_rule(audit, call);
    audit->calls++;
    if (rule != NULL && rule->allows)
        return;
    guint32 caller = lamp_topology_instance(audit->topology, call->client_instance)->service;
    gboolean is_new;
    guint32 i = lamp_index_map_add(&audit->index, (guint64) caller << 32 | call->label,
                                   audit->violations->len, &is_new);
    if (is_new) {
        Violation fresh = {.caller = caller,
                           .label = call->label,
                           .rule = rule,
                           .example = flow->trace_id,
                           .first = call->client_start};
        g_array_append_val(audit->violations, fresh);
    }
    Violation *violation = &g_array_index(audit->violations, Violation, i);
    violation->calls++;
    violation->first = MIN(violation->first, call->client_start);
    violation->last = MAX(violation->last, call->client_start);
}

static gboolean
check_flow(const LampFlow *flow, gpointer payload)
{
    Audit *audit = payload;
    for (guint32 i = 0; i < flow->count; i++)
        check_call(audit, flow, &flow->calls[i]);
    return TRUE;
}

static gboolean
count_labels(const LampFlow *flow, gpointer payload)
{
    (void) flow;
    (void) payload;
    return TRUE;
}

static gint
compare_violations(gconstpointer a, gconstpointer b)
{
    const Violation *x = a, *y = b;
    if (x->calls != y->calls)
        return x->calls > y->calls ? -1 : 1;
    if (x->caller != y->caller)
        return x->caller < y->caller ? -1 : 1;
    return x->label < y->label ? -1 : x->label > y->label;
}

static void
append_table(LampCli *cli, const Audit *audit, GString *out)
{
    static const char *const titles[] = {"caller", "call",    ">calls", "first seen",
                                         "trace",  "because", NULL};
    g_autoptr(LampTable) table = lamp_table_new(titles);
    for (guint i = 0; i < audit->violations->len; i++) {
        const Violation *v = &g_array_index(audit->violations, Violation, i);
        char *cells[] = {g_strdup(lamp_topology_service(audit->topology, v->caller)->name),
                         lamp_label_format(audit->topology, v->label),
                         lamp_count_format(v->calls),
                         lamp_time_format_to(v->first, 1),
                         g_strdup_printf("%" G_GINT64_FORMAT, v->example),
                         g_strdup(v->rule != NULL ? v->rule->text : "no rule allows it")};
        lamp_table_take(table, cells);
    }
    if (audit->violations->len > 0) {
        lamp_table_render(table, out, cli->table_width);
        g_string_append_c(out, '\n');
    }
    gsize below = out->len;
    g_string_append_printf(out,
                           audit->violations->len == 1
                               ? "%u kind of call is not allowed, of %" G_GUINT64_FORMAT
                                 " calls checked against %u rules\n"
                               : "%u kinds of calls are not allowed, of %" G_GUINT64_FORMAT
                                 " calls checked against %u rules\n",
                           audit->violations->len, audit->calls, audit->rules->len);
    lamp_wrap(cli, out, below);
}

static void
append_json(const Audit *audit, GString *out)
{
    g_string_append_c(out, '[');
    for (guint i = 0; i < audit->violations->len; i++) {
        const Violation *v = &g_array_index(audit->violations, Violation, i);
        const LampLabel *label = lamp_topology_label(audit->topology, v->label);
        g_string_append(out, i == 0 ? "\n  {\"caller\": " : ",\n  {\"caller\": ");
        lamp_json_append_string(out, lamp_topology_service(audit->topology, v->caller)->name);
        g_string_append(out, ", \"service\": ");
        lamp_json_append_string(out,
                                lamp_topology_service(audit->topology, label->service)->name);
        g_string_append(out, ", \"operation\": ");
        lamp_json_append_string(out, label->operation);
        g_string_append_printf(out,
                               ", \"calls\": %" G_GUINT64_FORMAT
                               ", \"first_ns\": %" G_GINT64_FORMAT
                               ", \"last_ns\": %" G_GINT64_FORMAT
                               ", \"trace_id\": \"%032" G_GINT64_MODIFIER "x\", \"rule\": ",
                               v->calls, v->first, v->last, v->example);
        lamp_json_append_string(out, v->rule != NULL ? v->rule->text : NULL);
        g_string_append_c(out, '}');
    }
    g_string_append(out, "\n]\n");
}

static int
run(LampCli *cli, char **arguments, GError **error)
{
    (void) arguments;
    g_autoptr(LampTopology) topology = lamp_topology_load(cli->store, error);
    g_autoptr(GArray) rules = g_array_new(FALSE, TRUE, sizeof(Rule));
    g_autoptr(GArray) violations = g_array_new(FALSE, TRUE, sizeof(Violation));
    g_array_set_clear_func(rules, clear_rule);
    Audit audit = {.topology = topology, .rules = rules, .violations = violations};
    /* One pass for the labels, so that the rules can be looked up once for all. */
    if (topology == NULL || !read_policy(rules, error) ||
        !lamp_flow_each(cli->store, topology, &lamp_flow_filter, count_labels, NULL, error))
        return -1;
    resolve_rules(&audit);
    gboolean ok =
        lamp_flow_each(cli->store, topology, &lamp_flow_filter, check_flow, &audit, error);
    lamp_index_map_clear(&audit.index);
    if (!ok)
        return -1;
    g_array_sort(violations, compare_violations);
    g_autoptr(GString) out = g_string_new(NULL);
    if (as_json)
        append_json(&audit, out);
    else
        append_table(cli, &audit, out);
    if (!lamp_print(out, error))
        return -1;
    return violations->len == 0 ? LAMP_EXIT_OK : LAMP_EXIT_LOSSES;
}

const LampCommand lamp_command_audit = {
    .name = "audit",
    .arguments = "--policy FILE FILE.db",
    .summary = "Calls that a policy does not allow, with evidence",
    .examples = "lamplight audit --policy allowed.txt shop.db",
    .description = "Rules, one a line, the first that matches decides:\n"
                   "  allow client -> nginx\n  allow shop -> catalog/GET *\n  deny * -> pg\n"
                   "Exit status 1 if any call is not allowed.",
    .options = options,
    .ranges = ranges,
    .flags = LAMP_COMMAND_STORE | LAMP_COMMAND_CORRELATED,
    .least_arguments = 1,
    .most_arguments = 1,
    .run = run,
};
