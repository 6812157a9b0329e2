/*
 * Paths and keys folded to operations.
 *
 * In: borrowed text of a request. Out: a template. The test for ids looks at the classes of
 * bytes in a word, since names of kinds are words of a language and names of things are counted
 * or drawn: a word folds if it is all digits and punctuation, long hexadecimal, has `@`, is a
 * single letter and digits, or holds two digits or more and is not a version or an algorithm's
 * name. Limits: an id made of letters alone (a user's name) stays, and gives an operation of
 * its own.
 */
#include "ingest/operation.h"

#include "base/text.h"

/* Kinds of bytes in a word are counted all at once, in fields of ten bits. */
enum { FIELD_BITS = 10, FIELD_MASK = 1023, LONGEST_LOOK = 256 };
typedef enum { COUNT_DIGITS, COUNT_LETTERS, COUNT_HEX_LETTERS, COUNT_AT } CountedKind;
#define COUNT(kind) (G_GUINT64_CONSTANT(1) << (kind) *FIELD_BITS)

static const guint64 kinds_of_bytes[256] = {
    ['0' ... '9'] = COUNT(COUNT_DIGITS),
    ['A' ... 'F'] = COUNT(COUNT_LETTERS) | COUNT(COUNT_HEX_LETTERS),
    ['G' ... 'Z'] = COUNT(COUNT_LETTERS),
    ['a' ... 'f'] = COUNT(COUNT_LETTERS) | COUNT(COUNT_HEX_LETTERS),
    ['g' ... 'z'] = COUNT(COUNT_LETTERS),
    ['@'] = COUNT(COUNT_AT),
};

static guint64
count_kinds(LampBytes word)
{
    guint64 counts = 0;
    for (gsize i = 0; i < word.len; i++)
        counts += kinds_of_bytes[word.at[i]];
    return counts;
}

/* Eight bytes at a time (S. E. Anderson, "Bit Twiddling Hacks": a byte less than n). Most
 * words and texts have neither, and need no counting. */
static inline gboolean
eight_have_digit_or_at(const guint8 *at)
{
    const guint64 ones = G_GUINT64_CONSTANT(0x0101010101010101);
    guint64 eight;
    memcpy(&eight, at, 8);
    guint64 digits = eight ^ ones * '0', ats = eight ^ ones * '@';
    return ((((digits - ones * 10) & ~digits) | ((ats - ones) & ~ats)) & ones * 0x80) != 0;
}

/* The last eight overlap those before them. */
static gboolean
has_digit_or_at(LampBytes word)
{
    gsize i = 0;
    for (; i + 8 <= word.len; i += 8)
        if (eight_have_digit_or_at(word.at + i))
            return TRUE;
    if (word.len >= 8)
        return i < word.len && eight_have_digit_or_at(word.at + word.len - 8);
    while (i < word.len && !g_ascii_isdigit(word.at[i]) && word.at[i] != '@')
        i++;
    return i < word.len;
}

static guint
count_of(guint64 counts, CountedKind kind)
{
    return (guint) (counts >> kind * FIELD_BITS) & FIELD_MASK;
}

/* Names of kinds that end with digits: `v2`, `v1.1`, `v1beta1`, `sha256`, `utf8`. */
static gboolean
is_version_or_algorithm(LampBytes word)
{
    static const char *const names[] = {"base64", "base32", "sha256", "sha512", "ipv4", "ipv6",
                                        "utf16",  "x509",   "amd64",  "arm64",  "win32"};
    if (word.len >= 2 && (word.at[0] | 0x20) == 'v' && g_ascii_isdigit(word.at[1]) &&
        word.len <= 8)
        return word.len <= 3 || !g_ascii_isdigit(word.at[2]) || !g_ascii_isdigit(word.at[3]);
    for (gsize i = 0; i < G_N_ELEMENTS(names) && word.len >= 4 && word.len <= 6; i++)
        if (lamp_text_is_word(word, names[i], strlen(names[i])))
            return TRUE;
    return FALSE;
}

gboolean
lamp_operation_is_id(LampBytes word)
{
    word.len = MIN(word.len, (gsize) LONGEST_LOOK);
    if (!has_digit_or_at(word))
        return FALSE;
    guint64 counts = count_kinds(word);
    guint digits = count_of(counts, COUNT_DIGITS), letters = count_of(counts, COUNT_LETTERS);
    if (count_of(counts, COUNT_AT) > 0 && letters + digits > 0)
        return TRUE;
    if (digits == 0)
        return FALSE;
    if (letters == 0)
        return TRUE;
    if (is_version_or_algorithm(word))
        return FALSE;
    if (letters == count_of(counts, COUNT_HEX_LETTERS) && digits + letters >= 8)
        return TRUE;
    return digits >= 2 || (letters == 1 && word.len == 2);
}

/* Appends as much of @text as fits. */
static gsize
append(char *out, gsize size, gsize len, LampBytes text)
{
    gsize n = MIN(text.len, size - len);
    if (n > 0)
        memcpy(out + len, text.at, n);
    return len + n;
}

/* Length of the extension (`.json`) at the end of a path segment, 0 if there is none. */
static gsize
extension_length(LampBytes word)
{
    gsize n = 0;
    while (n < word.len && n < 6 && g_ascii_isalpha(word.at[word.len - 1 - n]))
        n++;
    gboolean is_one = n >= 1 && n <= 5 && n + 1 < word.len &&
                      word.at[word.len - 1 - n] == '.' &&
                      memchr(word.at, '@', word.len) == NULL;
    return is_one ? n + 1 : 0;
}

/* Only words with bytes that TELL_ID can be ids. */
enum { END_WORD = 1, TELL_ID = 2 };
static const guint8 path_bytes[256] = {['/'] = END_WORD,
                                       ['?'] = END_WORD,
                                       ['#'] = END_WORD,
                                       ['@'] = TELL_ID,
                                       ['0' ... '9'] = TELL_ID};

/* Moves @at to the end of the path's word there. TRUE if it can be an id. */
static inline gboolean
skip_path_word(LampBytes path, gsize *at)
{
    guint8 kinds = 0;
    gsize i = *at;
    for (; i < path.len && (path_bytes[path.at[i]] & END_WORD) == 0; i++)
        kinds |= path_bytes[path.at[i]];
    *at = i;
    return kinds != 0;
}

gsize
lamp_operation_fold_path(LampBytes path, char *out, gsize size, LampFolded folded,
                         gpointer owner)
{
    gsize len = 0, at = 0;
    guint number = 0;
    while (at < path.len && path.at[at] != '?' && path.at[at] != '#') {
        if (path.at[at] == '/') {
            if (len < size)
                out[len++] = '/';
            number++;
            at++;
            continue;
        }
        gsize from = at;
        gboolean may_be_id = skip_path_word(path, &at);
        LampBytes word = lamp_bytes(path.at + from, at - from);
        gsize extension = may_be_id ? extension_length(word) : 0;
        LampBytes stem = lamp_bytes(word.at, word.len - extension);
        if (!may_be_id || !lamp_operation_is_id(stem)) {
            len = append(out, size, len, word);
            continue;
        }
        len = append(out, size, len, lamp_bytes("{}", 2));
        len = append(out, size, len, lamp_bytes(word.at + stem.len, extension));
        if (folded != NULL)
            folded(owner, number, stem);
    }
    return len;
}

gsize
lamp_operation_fold_key(LampBytes key, char *out, gsize size, LampFolded folded, gpointer owner)
{
    static const guint8 separators[256] = {[':'] = 1, ['/'] = 1, ['.'] = 1, ['|'] = 1};
    gsize len = 0, at = 0;
    guint number = 0;
    while (at < key.len && len < size) {
        gsize from = at;
        while (at < key.len && !separators[key.at[at]])
            at++;
        LampBytes word = lamp_bytes(key.at + from, at - from);
        gboolean is_id = lamp_operation_is_id(word);
        number++;
        if (is_id && folded != NULL)
            folded(owner, number, word);
        len = append(out, size, len, is_id ? lamp_bytes("{}", 2) : word);
        if (at < key.len)
            len = append(out, size, len, lamp_bytes(key.at + at++, 1));
    }
    return len;
}
