/*
 * Interned strings: text to id while writing, id to text while reading. Most texts are one of
 * the last few, which are looked at before the map whose hash nobody can attack. Both
 * directions are read from the table when first needed, so a resumed run continues with the ids
 * that are there: a text that is no UTF-8, or too long, is interned as it is stored. When the
 * map's budget is used up a text may be stored twice: larger, never
 * wrong.
 */
#include "base/same-bytes.h"
#include "base/text.h"
#include "store/store-private.h"

#define INTERNED_BUDGET ((gsize) 256 << 20)
#define LONGEST_STRING ((gsize) 65536)

static void
remember_failure(LampStore *store, int code)
{
    if (store->intern_error == NULL)
        lamp_store_fail(store, code, "cannot add a string to", &store->intern_error);
}

static void
read_interned(LampStore *store)
{
    sqlite3_stmt *rows = NULL;
    store->interned = lamp_keyed_map_new(INTERNED_BUDGET);
    store->last_string_id = 0;
    int code = sqlite3_prepare_v2(store->db, "SELECT string_id, text FROM strings ORDER BY 1",
                                  -1, &rows, NULL);
    while (code == SQLITE_OK && (code = sqlite3_step(rows)) == SQLITE_ROW) {
        LampBytes text =
            lamp_bytes(sqlite3_column_text(rows, 1), (gsize) sqlite3_column_bytes(rows, 1));
        store->last_string_id = sqlite3_column_int64(rows, 0);
        guint64 *id = lamp_keyed_map_add(store->interned, text, NULL);
        if (id != NULL)
            *id = (guint64) store->last_string_id;
        code = SQLITE_OK;
    }
    if (code != SQLITE_DONE)
        remember_failure(store, code);
    sqlite3_finalize(rows);
}

static void
insert_string(LampStore *store, gint64 id, LampBytes text)
{
    int code = SQLITE_OK;
    if (!lamp_store_takes_rows(store))
        return;
    if (store->insert_string == NULL)
        code = sqlite3_prepare_v3(store->db, "INSERT INTO strings VALUES (?, ?)", -1,
                                  SQLITE_PREPARE_PERSISTENT, &store->insert_string, NULL);
    if (code != SQLITE_OK) {
        remember_failure(store, code);
        return;
    }
    sqlite3_bind_int64(store->insert_string, 1, id);
    sqlite3_bind_text64(store->insert_string, 2, (const char *) text.at, text.len,
                        SQLITE_STATIC, SQLITE_UTF8);
    code = sqlite3_step(store->insert_string);
    sqlite3_reset(store->insert_string);
    if (code != SQLITE_DONE)
        remember_failure(store, code);
}

/* Where @text is kept if it is a recent one. Which others share the place matters only for the
 * time it takes. */
static RecentString *
recent_place(LampStore *store, LampBytes text)
{
    if (text.len > RECENT_STRING_BYTES)
        return NULL;
    guint hash = text.at[text.len - 1] + 5u * text.at[text.len / 2] + 11u * (guint) text.len +
                 (text.len > 1 ? 7u * text.at[text.len - 2] : 0) + 13u * text.at[0];
    return &store->recent[hash % RECENT_STRINGS];
}

static gboolean
holds(const RecentString *place, LampBytes text)
{
    return place != NULL && place->id != 0 && place->length == text.len &&
           lamp_bytes_same(place->text, text.at, text.len);
}

static void
remember(RecentString *place, LampBytes text, gint64 id)
{
    if (place == NULL)
        return;
    place->id = id;
    place->length = (guint8) text.len;
    memcpy(place->text, text.at, text.len);
}

/* @text as it is stored; *out_repaired owns what differs. */
static LampBytes
storable(LampBytes text, char **out_repaired)
{
    if (text.len <= LONGEST_STRING && lamp_text_is_utf8(text))
        return text;
    *out_repaired = lamp_text_to_utf8(text, LONGEST_STRING);
    return lamp_bytes_text(*out_repaired);
}

static gint64
intern_new(LampStore *store, LampBytes given)
{
    g_autofree char *repaired = NULL;
    LampBytes text = storable(given, &repaired);
    if (store->interned == NULL)
        read_interned(store);
    gboolean is_new = TRUE;
    guint64 *id = lamp_keyed_map_add(store->interned, text, &is_new);
    if (!is_new)
        return (gint64) *id;
    gint64 fresh = ++store->last_string_id;
    if (id != NULL)
        *id = (guint64) fresh;
    insert_string(store, fresh, text);
    return fresh;
}

gint64
lamp_store_intern(LampStore *store, LampBytes text)
{
    if (text.len == 0)
        return 0;
    RecentString *place = recent_place(store, text);
    if (holds(place, text))
        return place->id;
    gint64 id = intern_new(store, text);
    remember(place, text, id);
    return id;
}

gint64
lamp_store_find(LampStore *store, LampBytes text)
{
    if (text.len == 0)
        return 0;
    RecentString *place = recent_place(store, text);
    if (holds(place, text))
        return place->id;
    if (store->interned == NULL)
        read_interned(store);
    g_autofree char *repaired = NULL;
    guint64 *id = lamp_keyed_map_find(store->interned, storable(text, &repaired));
    if (id == NULL)
        return 0;
    remember(place, text, (gint64) *id);
    return (gint64) *id;
}

static void
read_texts(LampStore *store)
{
    sqlite3_stmt *rows = NULL;
    store->texts = g_ptr_array_new_with_free_func(g_free);
    if (sqlite3_prepare_v2(store->db, "SELECT string_id, text FROM strings ORDER BY 1", -1,
                           &rows, NULL) != SQLITE_OK)
        return;
    while (sqlite3_step(rows) == SQLITE_ROW) {
        gint64 id = sqlite3_column_int64(rows, 0);
        /* Ids are dense; one that is far ahead comes from a damaged file and is left out. */
        if (id < (gint64) store->texts->len || id > (gint64) store->texts->len + 1024)
            continue;
        g_ptr_array_set_size(store->texts, (gint) id + 1);
        store->texts->pdata[id] = g_strdup((const char *) sqlite3_column_text(rows, 1));
    }
    sqlite3_finalize(rows);
}

const char *
lamp_store_text(LampStore *store, gint64 string_id)
{
    if (store->texts == NULL || string_id >= (gint64) store->texts->len) {
        if (store->texts != NULL && string_id > store->last_string_id)
            return NULL;
        g_clear_pointer(&store->texts, g_ptr_array_unref);
        read_texts(store);
    }
    if (string_id <= 0 || string_id >= (gint64) store->texts->len)
        return NULL;
    return store->texts->pdata[string_id];
}
