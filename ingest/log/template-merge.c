/*
 * Merging by columns.
 *
 * In: the set of masked texts. Out: the template of each. Texts that are equal but for one word
 * form a column of values. If the column has enough different values it is a variable, and all
 * of them become one template with `<*>` there. How many are enough depends on what announces
 * the column: five in free text, four after `=`, two inside quotes, after a noun that is
 * followed by names (`user root`), or where all values are compound names (`a.b`, `a_b`); three
 * where some value was masked already. Words in capitals are states and verbs (`GET`), so they
 * need five everywhere. The first word of a text hardly ever varies.
 *
 * Rounds are repeated until nothing changes, since a merged column can make another one.
 * Drain (ICWS 2017) compares by position too, but decides by a similarity threshold on the fly;
 * looking at whole columns of the few distinct masked texts needs no threshold per system.
 */
#include "ingest/log/template-merge.h"
#include "base/keyed-map.h"
#include "base/limits.h"

enum { ROUNDS = 8, FREE_VALUES = 5, KEYED_VALUES = 4, NAMED_VALUES = 2, MIXED_VALUES = 3 };
enum { FIRST_VALUES = 15, WORD_BUDGET = 256 * 1024 * 1024 };

typedef struct {
    guint32 *words; /* ids; delimiters are words too */
    guint count;
    guint into; /* index of the sequence that took its place, or its own */
} Sequence;

typedef struct {
    guint64 hash; /* of the sequence without this column */
    guint32 sequence, column;
} Entry;

typedef struct {
    LampKeyedMap *ids; /* word -> id + 1 */
    GArray *texts;     /* LampBytes by id */
    GArray *sequences;
    LampKeyedMap *known; /* words of a sequence -> index + 1 */
    LampArena *arena;
    guint32 wildcard;
} Merge;

static gboolean
is_delimiter(guint8 byte)
{
    return byte < 128 && strchr(" =:,;()[]{}\"'<>|", byte) != NULL && byte != '\0';
}

static LampBytes
text_of(const Merge *m, guint32 word)
{
    return g_array_index(m->texts, LampBytes, word);
}

static Sequence *
sequence_at(const Merge *m, guint index)
{
    return &g_array_index(m->sequences, Sequence, index);
}

static guint32
intern(Merge *m, LampBytes text)
{
    gboolean is_new = FALSE;
    guint64 *place = lamp_keyed_map_add(m->ids, text, &is_new);
    if (place == NULL)
        return m->wildcard;
    if (is_new) {
        g_array_append_val(m->texts, text);
        *place = m->texts->len;
    }
    return (guint32) (*place - 1);
}

LampBytes
lamp_template_take_word(LampCursor *at)
{
    const guint8 *begin = at->at;
    if (lamp_bytes_starts(lamp_cursor_rest(at), "<*>")) {
        at->at += 3;
        return lamp_bytes(begin, 3);
    }
    gboolean delimiter = is_delimiter(*begin);
    while (at->at < at->end && is_delimiter(*at->at) == delimiter &&
           !(at->at > begin && lamp_bytes_starts(lamp_cursor_rest(at), "<*>")))
        at->at++;
    return lamp_bytes(begin, (gsize) (at->at - begin));
}

/* Index of the sequence of these words, made where it is new. */
static guint
add_sequence(Merge *m, const guint32 *words, guint count)
{
    gboolean is_new = FALSE;
    guint64 *place =
        lamp_keyed_map_add(m->known, lamp_bytes(words, count * sizeof *words), &is_new);
    if (place != NULL && !is_new)
        return (guint) (*place - 1);
    Sequence s = {.words = lamp_arena_take(m->arena, MAX(count, 1) * sizeof *words),
                  .count = count,
                  .into = m->sequences->len};
    if (s.words == NULL)
        s.count = 0;
    else
        memcpy(s.words, words, count * sizeof *words);
    g_array_append_val(m->sequences, s);
    if (place != NULL)
        *place = m->sequences->len;
    return m->sequences->len - 1;
}

static guint
add_text(Merge *m, LampBytes text)
{
    guint32 words[LAMP_LIMIT_TEMPLATE_TOKENS * 2];
    guint count = 0;
    LampCursor at = lamp_cursor(text);
    while (at.at < at.end && count < G_N_ELEMENTS(words))
        words[count++] = intern(m, lamp_template_take_word(&at));
    return add_sequence(m, words, count);
}

static gboolean
is_wildcard_or_word(const Merge *m, guint32 word)
{
    return word == m->wildcard || !is_delimiter(text_of(m, word).at[0]);
}

static guint64
mix(guint64 value)
{
    value ^= value >> 31;
    value *= 0x7fb5d329728ea185u;
    value ^= value >> 27;
    value *= 0x81dadef4bc2dd44du;
    return value ^ value >> 33;
}

static void
collect_columns(const Merge *m, GArray *entries)
{
    for (guint i = 0; i < m->sequences->len; i++) {
        const Sequence *s = sequence_at(m, i);
        guint64 sum = mix(s->count);
        if (s->into != i)
            continue;
        for (guint c = 0; c < s->count; c++)
            sum += mix((guint64) s->words[c] << 16 | c);
        for (guint c = 0; c < s->count; c++) {
            if (!is_wildcard_or_word(m, s->words[c]))
                continue;
            Entry entry = {mix(sum - mix((guint64) s->words[c] << 16 | c) + mix(~(guint64) c)),
                           i, c};
            g_array_append_val(entries, entry);
        }
    }
}

static int
compare_entries(const void *a, const void *b)
{
    const Entry *x = a, *y = b;
    if (x->hash != y->hash)
        return x->hash < y->hash ? -1 : 1;
    if (x->column != y->column)
        return x->column < y->column ? -1 : 1;
    return (x->sequence > y->sequence) - (x->sequence < y->sequence);
}

static gboolean
is_capital(LampBytes word)
{
    gboolean letters = FALSE;
    for (gsize i = 0; i < word.len; i++) {
        if (g_ascii_islower((char) word.at[i]))
            return FALSE;
        letters |= g_ascii_isupper((char) word.at[i]);
    }
    return letters;
}

/* `a.b`, `a_b`: a name put together, not a word of a sentence. */
static gboolean
is_compound(LampBytes word, gboolean with_dash)
{
    for (gsize i = 1; i + 1 < word.len; i++) {
        char c = (char) word.at[i];
        if ((c == '.' || c == '_' || (with_dash && c == '-')) &&
            g_ascii_isalpha((char) word.at[i - 1]) && g_ascii_isalpha((char) word.at[i + 1]))
            return TRUE;
    }
    return FALSE;
}

/* Words that are followed by a name. */
static gboolean
announces_name(LampBytes word)
{
    static const char *const nouns[] = {
        "user",  "host",      "device",  "file",   "class",  "interface", "node",
        "job",   "container", "block",   "name",   "task",   "hostname",  "server",
        "port",  "session",   "id",      "key",    "path",   "pod",       "table",
        "queue", "topic",     "service", "module", "package"};
    for (gsize i = 0; i < G_N_ELEMENTS(nouns); i++)
        if (strlen(nouns[i]) == word.len &&
            g_ascii_strncasecmp(nouns[i], (const char *) word.at, word.len) == 0)
            return TRUE;
    return FALSE;
}

typedef struct {
    guint values, compounds;
    gboolean has_wildcard, all_capital, all_compound, all_names;
} Column;

static Column
describe(const Merge *m, const Entry *entries, guint count)
{
    Column column = {count, 0, FALSE, TRUE, TRUE, TRUE};
    for (guint i = 0; i < count; i++) {
        guint32 word = sequence_at(m, entries[i].sequence)->words[entries[i].column];
        LampBytes text = text_of(m, word);
        if (word == m->wildcard) {
            column.has_wildcard = TRUE;
            continue;
        }
        column.all_capital &= is_capital(text);
        column.compounds += is_compound(text, FALSE) ? 1 : 0;
        column.all_compound &= is_compound(text, FALSE);
        column.all_names &= is_compound(text, TRUE);
    }
    return column;
}

static guint
values_by_place(const Merge *m, const Sequence *s, guint at, gboolean all_capital)
{
    if (at == 0)
        return FIRST_VALUES;
    LampBytes before = text_of(m, s->words[at - 1]);
    guint8 last = before.at[before.len - 1];
    gsize n = before.len;
    while (n > 0 && before.at[n - 1] == ' ')
        n--;
    if (n > 0 && before.at[n - 1] == '=')
        return KEYED_VALUES;
    if (all_capital)
        return FREE_VALUES;
    if (last == '"' || last == '\'')
        return NAMED_VALUES;
    gboolean named = before.len == 1 && last == ' ' && at >= 2 &&
                     announces_name(text_of(m, s->words[at - 2]));
    return named ? NAMED_VALUES : FREE_VALUES;
}

/* Words that say what the message is about, besides the column. */
static guint
other_words(const Merge *m, const Sequence *s, guint at)
{
    guint words = 0;
    for (guint i = 0; i < s->count; i++)
        words += i != at && s->words[i] != m->wildcard &&
                         !is_delimiter(text_of(m, s->words[i]).at[0])
                     ? 1
                     : 0;
    return words;
}

static gboolean
is_variable(const Merge *m, const Entry *entries, guint count)
{
    const Sequence *s = sequence_at(m, entries[0].sequence);
    guint at = entries[0].column;
    Column column = describe(m, entries, count);
    guint need = values_by_place(m, s, at, column.all_capital);
    if (column.has_wildcard)
        need = MIN(need, column.all_names ? NAMED_VALUES : MIXED_VALUES);
    else if (column.all_compound && !column.all_capital)
        need = MIN(need, NAMED_VALUES);
    else if (2 * column.compounds > count)
        need = MIN(need, MIXED_VALUES);
    if (at == 0)
        need = column.all_compound && !column.all_capital && other_words(m, s, at) >= 3
                   ? MIXED_VALUES
                   : FIRST_VALUES;
    /* `job done` and `job picked` differ in what they say. */
    return count >= need && other_words(m, s, at) >= (need <= NAMED_VALUES ? 2 : 1);
}

static gboolean
same_but_column(const Merge *m, const Entry *a, const Entry *b)
{
    const Sequence *x = sequence_at(m, a->sequence), *y = sequence_at(m, b->sequence);
    if (x->count != y->count || a->column != b->column)
        return FALSE;
    for (guint i = 0; i < x->count; i++)
        if (i != a->column && x->words[i] != y->words[i])
            return FALSE;
    return TRUE;
}

typedef struct {
    guint first, count;       /* of the sorted entries */
    guint32 sequence, column; /* of the first one */
} Group;

/* Larger columns first; of equals the one whose first text comes first. */
static int
compare_groups(const void *a, const void *b)
{
    const Group *x = a, *y = b;
    if (x->count != y->count)
        return x->count > y->count ? -1 : 1;
    if (x->sequence != y->sequence)
        return x->sequence < y->sequence ? -1 : 1;
    return (x->column > y->column) - (x->column < y->column);
}

static void
find_groups(const Merge *m, const GArray *entries, GArray *groups)
{
    for (guint i = 0; i < entries->len;) {
        const Entry *first = &g_array_index(entries, Entry, i);
        guint n = 1;
        while (i + n < entries->len && first[n].hash == first->hash &&
               same_but_column(m, first, &first[n]))
            n++;
        if (n >= 2 && is_variable(m, first, n)) {
            Group group = {i, n, first->sequence, first->column};
            g_array_append_val(groups, group);
        }
        i += n;
    }
}

static gboolean
merge_group(Merge *m, const Entry *entries, guint count)
{
    guint32 words[LAMP_LIMIT_TEMPLATE_TOKENS * 2];
    const Sequence *s = sequence_at(m, entries[0].sequence);
    gboolean changed = FALSE;
    guint length = MIN(s->count, (guint) G_N_ELEMENTS(words));
    memcpy(words, s->words, length * sizeof *words);
    words[entries[0].column] = m->wildcard;
    guint target = add_sequence(m, words, length);
    for (guint i = 0; i < count; i++) {
        Sequence *from = sequence_at(m, entries[i].sequence);
        if (entries[i].sequence == target || from->into != entries[i].sequence)
            continue; /* taken by a larger column of this round */
        from->into = target;
        changed = TRUE;
    }
    return changed;
}

static gboolean
run_round(Merge *m)
{
    GArray *entries = g_array_new(FALSE, FALSE, sizeof(Entry));
    GArray *groups = g_array_new(FALSE, FALSE, sizeof(Group));
    gboolean changed = FALSE;
    collect_columns(m, entries);
    if (entries->len > 0)
        qsort(entries->data, entries->len, sizeof(Entry), compare_entries);
    find_groups(m, entries, groups);
    if (groups->len > 0)
        qsort(groups->data, groups->len, sizeof(Group), compare_groups);
    for (guint i = 0; i < groups->len; i++) {
        const Group *group = &g_array_index(groups, Group, i);
        changed |= merge_group(m, &g_array_index(entries, Entry, group->first), group->count);
    }
    g_array_free(entries, TRUE);
    g_array_free(groups, TRUE);
    return changed;
}

static guint
root_of(const Merge *m, guint index)
{
    while (sequence_at(m, index)->into != index)
        index = sequence_at(m, index)->into;
    return index;
}

static LampBytes
join_words(const Merge *m, const Sequence *s, LampArena *arena)
{
    gsize length = 0;
    for (guint i = 0; i < s->count; i++)
        length += text_of(m, s->words[i]).len;
    guint8 *out = lamp_arena_take(arena, MAX(length, 1));
    gsize used = 0;
    if (out == NULL)
        return lamp_bytes(NULL, 0);
    for (guint i = 0; i < s->count; i++) {
        LampBytes word = text_of(m, s->words[i]);
        memcpy(out + used, word.at, word.len);
        used += word.len;
    }
    return lamp_bytes(out, used);
}

void
lamp_template_merge(const LampBytes *texts, guint count, LampArena *arena,
                    LampBytes *out_templates)
{
    Merge m = {.ids = lamp_keyed_map_new(WORD_BUDGET),
               .texts = g_array_new(FALSE, FALSE, sizeof(LampBytes)),
               .sequences = g_array_new(FALSE, FALSE, sizeof(Sequence)),
               .known = lamp_keyed_map_new(WORD_BUDGET),
               .arena = lamp_arena_new(WORD_BUDGET)};
    m.wildcard = intern(&m, lamp_bytes("<*>", 3));
    guint *indexes = g_new(guint, MAX(count, 1));
    for (guint i = 0; i < count; i++)
        indexes[i] = add_text(&m, texts[i]);
    for (guint i = 0; i < ROUNDS && run_round(&m); i++)
        continue;
    LampBytes *joined = g_new0(LampBytes, MAX(m.sequences->len, 1));
    for (guint i = 0; i < count; i++) {
        guint root = root_of(&m, indexes[i]);
        if (joined[root].at == NULL)
            joined[root] =
                root == indexes[i] ? texts[i] : join_words(&m, sequence_at(&m, root), arena);
        out_templates[i] = joined[root].at != NULL ? joined[root] : texts[i];
    }
    g_free(joined);
    g_free(indexes);
    g_array_free(m.texts, TRUE);
    g_array_free(m.sequences, TRUE);
    lamp_keyed_map_free(m.ids);
    lamp_keyed_map_free(m.known);
    lamp_arena_free(m.arena);
}
