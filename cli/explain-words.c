/*
 * What `explain` says of chances, odds, roots and links that need no evidence.
 */
#include "cli/explain-words.h"

#include "cli/print.h"

#include <math.h>

char *
lamp_explain_odds(double odds)
{
    double step = odds < 1e3 ? 1.0 : odds < 1e4 ? 10.0 : odds < 1e5 ? 100.0 : 1e3;
    if (odds < 100.0)
        return g_strdup_printf("%.3g", odds);
    return lamp_count_format((guint64) (round(odds / step) * step));
}

char *
lamp_explain_chance(double p)
{
    if (p > 0.9995)
        return g_strdup("> 99.9 %");
    return p < 0.0005 ? g_strdup("< 0.1 %") : g_strdup_printf("%.1f %%", 100.0 * p);
}

const char *
lamp_explain_root(gboolean has_caller, gboolean is_outside)
{
    if (!has_caller)
        return "What tells of it names no caller, so nothing is known that caused it: it "
               "begins "
               "a trace, though another of the services may have sent it.\n";
    if (is_outside)
        return "It comes from outside: its caller serves nothing here that could have caused "
               "it, "
               "so it begins a trace.\n";
    return "No request that its caller was serving then can have caused it: it begins a trace, "
           "work that begins inside the system (a timer, a poll, a queue's worker).\n";
}

const char *
lamp_explain_pass(const char *pass)
{
    if (g_strcmp0(pass, "told") == 0)
        return "Caused by (the input itself names this parent):\n";
    if (g_strcmp0(pass, "log-lines") == 0)
        return "Caused by (their lines are of one request in the logs, in this order):\n";
    return NULL;
}
