/*
 * A ring of prepared statements, looked up from the newest to the oldest.
 *
 * In: names and shapes as the client prepares them. Out: the shape when a name is bound. Each
 * entry is one allocation of its own size, reused where the new text fits, so that preparing
 * the unnamed statement again and again allocates nothing.
 */
#include "ingest/dissect/statements.h"

enum { MAX_STATEMENTS = 64, MAX_NAME = 64 };

typedef struct {
    guint8 *text; /* name, then shape; NULL: free */
    guint16 name_len, shape_len, size;
} Statement;

struct LampStatements {
    guint next, count;
    Statement slots[MAX_STATEMENTS];
};

LampStatements *
lamp_statements_new(void)
{
    return g_new0(LampStatements, 1);
}

void
lamp_statements_free(LampStatements *statements)
{
    if (statements == NULL)
        return;
    for (guint i = 0; i < statements->count; i++)
        g_free(statements->slots[i].text);
    g_free(statements);
}

static Statement *
find(LampStatements *statements, LampBytes name)
{
    for (guint i = 0; i < statements->count; i++) {
        Statement *s = &statements->slots[i];
        if (s->text != NULL && lamp_bytes_equal(lamp_bytes(s->text, s->name_len), name))
            return s;
    }
    return NULL;
}

static Statement *
take_slot(LampStatements *statements)
{
    Statement *s = &statements->slots[statements->next];
    statements->next = (statements->next + 1) % MAX_STATEMENTS;
    statements->count = MAX(statements->count, statements->next);
    if (statements->next == 0)
        statements->count = MAX_STATEMENTS;
    return s;
}

void
lamp_statements_add(LampStatements *statements, LampBytes name, LampBytes shape)
{
    if (name.len > MAX_NAME || shape.len > G_MAXUINT16 - MAX_NAME)
        return;
    Statement *s = find(statements, name);
    if (s == NULL)
        s = take_slot(statements);
    gsize need = name.len + shape.len + 1;
    if (need > s->size) {
        s->text = g_realloc(s->text, need);
        s->size = (guint16) need;
    }
    if (name.len > 0)
        memcpy(s->text, name.at, name.len);
    if (shape.len > 0)
        memcpy(s->text + name.len, shape.at, shape.len);
    s->name_len = (guint16) name.len;
    s->shape_len = (guint16) shape.len;
}

gboolean
lamp_statements_find(const LampStatements *statements, LampBytes name, LampBytes *out_shape)
{
    const Statement *s = statements == NULL ? NULL : find((LampStatements *) statements, name);
    if (s == NULL)
        return FALSE;
    *out_shape = lamp_bytes(s->text + s->name_len, s->shape_len);
    return TRUE;
}

void
lamp_statements_remove(LampStatements *statements, LampBytes name)
{
    Statement *s = statements == NULL ? NULL : find(statements, name);
    if (s == NULL)
        return;
    g_clear_pointer(&s->text, g_free);
    s->size = 0;
}

void
lamp_statements_mark_prepare(LampExchange *exchange)
{
    char marked[sizeof exchange->operation];
    gint n = g_snprintf(marked, sizeof marked, "PREPARE %.*s", (int) exchange->operation_len,
                        exchange->operation);
    lamp_exchange_set_operation(exchange,
                                lamp_bytes(marked, MIN((gsize) n, sizeof marked - 1)));
}
