/*
 * Request ids and trace headers by name: a head start for the causal engine, which trusts them
 * only as far as the data bear them out.
 *
 * Names are compared without case, separators and what stands before the last dot, so that
 * `header.X-Request-ID`, `reqId` and `request_id` are found in headers and log fields alike.
 */
#include "correlate/request-ids.h"
#include "store/statement.h"

#include <string.h>

#define LONGEST_NAME 40

static const char *const names[] = {
    "b3",
    "correlationid",
    "reqid",
    "requestid",
    "rid",
    "sw8",
    "traceid",
    "traceparent",
    "transactionid",
    "txid",
    "ubertraceid",
    "xamzntraceid",
    "xb3traceid",
    "xcloudtracecontext",
    "xcorrelationid",
    "xdatadogtraceid",
    "xotspancontext",
    "xrequestid",
    "xtraceid",
};

/* Lower case, letters and digits only, of what follows the last dot. */
static void
plain_name(const char *slot, char plain[LONGEST_NAME + 1])
{
    const char *dot = strrchr(slot, '.');
    gsize length = 0;
    for (const char *p = dot != NULL ? dot + 1 : slot; *p != '\0' && length < LONGEST_NAME; p++)
        if (g_ascii_isalnum(*p))
            plain[length++] = g_ascii_tolower(*p);
    plain[length] = '\0';
}

static gboolean
names_request(const char *slot)
{
    char plain[LONGEST_NAME + 1];
    plain_name(slot, plain);
    for (gsize i = 0; i < G_N_ELEMENTS(names); i++)
        if (strcmp(plain, names[i]) == 0)
            return TRUE;
    return FALSE;
}

GHashTable *
lamp_request_id_slots(LampStore *store, GError **error)
{
    g_autoptr(GHashTable) slots = g_hash_table_new(NULL, NULL);
    g_autoptr(LampStatement) rows = lamp_statement_new(
        store, "SELECT string_id, text FROM strings WHERE length(text) <= 40", error);
    gboolean has_row;
    while (rows != NULL && lamp_statement_step(rows, &has_row, error)) {
        if (!has_row)
            return g_steal_pointer(&slots);
        const char *text = lamp_statement_text(rows, 1);
        if (text != NULL && names_request(text))
            g_hash_table_add(slots, GUINT_TO_POINTER((guint) lamp_statement_int(rows, 0)));
    }
    return NULL;
}

/* The second field of "00-TRACE-SPAN-01", the first of "TRACE-SPAN-1" and "TRACE:SPAN:0:1". */
LampBytes
lamp_request_id_shared_part(const char *value)
{
    gsize length = strcspn(value, "-:;");
    if (length == 2 && value[length] == '-' && strcspn(value + 3, "-") == 32)
        return lamp_bytes(value + 3, 32);
    gboolean is_pair = (length == 16 || length == 32) && value[length] != '\0' &&
                       strspn(value, "0123456789abcdefABCDEF") == length;
    return lamp_bytes(value, is_pair ? length : strlen(value));
}
