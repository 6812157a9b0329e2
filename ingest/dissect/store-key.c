/*
 * Keys folded and noted, the same for every key-value store.
 *
 * In: a key as sent. Out: more of the operation's name, and values. Keys are application text,
 * so control bytes are shown as `?`, and names that say secret are kept as a fingerprint only,
 * which still ties the calls that use the same key.
 */
#include "ingest/dissect/store-key.h"

#include "base/keyed-map.h"
#include "ingest/identifiers.h"
#include "ingest/operation.h"

enum { MAX_KEY = 128 };

typedef struct {
    LampExchange *exchange;
    LampSide side;
    gsize key_len;
} KeyTarget;

static void
add_part(gpointer owner, guint number, LampBytes value)
{
    KeyTarget *target = owner;
    if (value.len >= 2 && value.len < target->key_len)
        lamp_exchange_add_numbered(target->exchange, target->side, "key.", number, value);
}

void
lamp_exchange_add_fingerprint(LampExchange *exchange, LampSide side, const char *slot,
                              LampBytes text)
{
    static const char hexadecimal[] = "0123456789abcdef";
    char digits[16];
    guint64 hash = lamp_content_hash(text);
    for (gsize i = sizeof digits; i-- > 0; hash >>= 4)
        digits[i] = hexadecimal[hash & 15];
    lamp_exchange_add_value(exchange, side, slot, lamp_bytes(NULL, 0),
                            lamp_bytes(digits, sizeof digits));
}

static gsize
append(char *out, gsize size, gsize len, LampBytes text)
{
    gsize n = MIN(text.len, size - len);
    memcpy(out + len, text.at, n);
    return len + n;
}

/* Behind the part that says secret (`session`) nothing is shown, whatever it looks like. */
static gsize
hide(LampBytes key, char *out, gsize size)
{
    gsize len = 0;
    gboolean is_hidden = FALSE;
    for (gsize at = 0; at < key.len;) {
        gsize from = at;
        while (at < key.len && strchr(":/.|", key.at[at]) == NULL)
            at++;
        LampBytes word = lamp_bytes(key.at + from, at - from);
        gboolean is_folded = word.len > 0 && (is_hidden || lamp_operation_is_id(word));
        len = append(out, size, len, is_folded ? lamp_bytes("{}", 2) : word);
        is_hidden = is_hidden || lamp_identifier_is_secret(word);
        while (at < key.len && strchr(":/.|", key.at[at]) != NULL)
            len = append(out, size, len, lamp_bytes(key.at + at++, 1));
    }
    return len;
}

static gsize
fold(LampExchange *exchange, LampSide side, LampBytes key, char *out, gsize size)
{
    LampBytes head = lamp_bytes(key.at, MIN(key.len, MAX_KEY));
    KeyTarget target = {exchange, side, key.len};
    if (lamp_identifier_is_secret(head)) {
        lamp_exchange_add_fingerprint(exchange, side, "key", key);
        return hide(head, out, size);
    }
    lamp_exchange_add_value(exchange, side, "key", lamp_bytes(NULL, 0), key);
    return lamp_operation_fold_key(head, out, size, add_part, &target);
}

void
lamp_exchange_note_key(LampExchange *exchange, LampSide side, LampBytes key)
{
    char unused[MAX_KEY];
    fold(exchange, side, key, unused, sizeof unused);
}

static gsize
append_blank(LampExchange *exchange)
{
    gsize n = exchange->operation_len;
    if (n + 1 < sizeof exchange->operation)
        exchange->operation[n++] = ' ';
    return n;
}

static void
end_operation(LampExchange *exchange, gsize n)
{
    for (gsize i = 0; i < n; i++)
        if ((guint8) exchange->operation[i] < ' ' || exchange->operation[i] == 0x7f)
            exchange->operation[i] = '?';
    exchange->operation_len = (guint8) n;
}

void
lamp_exchange_add_key(LampExchange *exchange, LampSide side, LampBytes key)
{
    gsize n = append_blank(exchange);
    n += fold(exchange, side, key, exchange->operation + n, sizeof exchange->operation - n);
    end_operation(exchange, n);
}

void
lamp_exchange_add_cut_key(LampExchange *exchange, LampBytes key)
{
    gsize n = append_blank(exchange), size = sizeof exchange->operation;
    key.len = MIN(key.len, MAX_KEY);
    while (key.len > 0 && strchr(":/.|", key.at[key.len - 1]) == NULL)
        key.len--;
    if (lamp_identifier_is_secret(key))
        n += hide(key, exchange->operation + n, size - n);
    else
        n += lamp_operation_fold_key(key, exchange->operation + n, size - n, NULL, NULL);
    n = append(exchange->operation, size, n, lamp_bytes_text("…"));
    end_operation(exchange, n);
}
