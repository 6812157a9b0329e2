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

typedef struct {
    guint digits, letters, hex_letters, upper, other;
    gboolean has_at;
} WordClasses;

static WordClasses
count_classes(LampBytes word)
{
    WordClasses c = {0};
    for (gsize i = 0; i < word.len; i++) {
        guint8 b = word.at[i];
        if (g_ascii_isdigit(b))
            c.digits++;
        else if (g_ascii_isalpha(b))
            c.letters++;
        else
            c.other++;
        c.hex_letters += (guint) ((b | 0x20) >= 'a' && (b | 0x20) <= 'f');
        c.upper += (guint) g_ascii_isupper(b);
        c.has_at |= b == '@';
    }
    return c;
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
    for (gsize i = 0; i < G_N_ELEMENTS(names); i++)
        if (strlen(names[i]) == word.len &&
            g_ascii_strncasecmp(names[i], (const char *) word.at, word.len) == 0)
            return TRUE;
    return FALSE;
}

gboolean
lamp_operation_is_id(LampBytes word)
{
    if (word.len == 0)
        return FALSE;
    WordClasses c = count_classes(lamp_bytes(word.at, MIN(word.len, 256)));
    if (c.has_at && c.letters + c.digits > 0)
        return TRUE;
    if (c.digits == 0)
        return FALSE;
    if (c.letters == 0)
        return TRUE;
    if (is_version_or_algorithm(word))
        return FALSE;
    if (c.letters == c.hex_letters && c.digits + c.letters >= 8)
        return TRUE;
    return c.digits >= 2 || (c.letters == 1 && c.other == 0);
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

static gboolean
ends_path_word(guint8 byte)
{
    return byte == '/' || byte == '?' || byte == '#';
}

gsize
lamp_operation_fold_path(LampBytes path, char *out, gsize size, LampFolded folded,
                         gpointer owner)
{
    gsize len = 0, at = 0;
    guint number = 0;
    while (at < path.len && path.at[at] != '?' && path.at[at] != '#') {
        if (path.at[at] == '/') {
            len = append(out, size, len, lamp_bytes("/", 1));
            number++;
            at++;
            continue;
        }
        gsize from = at;
        while (at < path.len && !ends_path_word(path.at[at]))
            at++;
        LampBytes word = lamp_bytes(path.at + from, at - from);
        gsize extension = extension_length(word);
        LampBytes stem = lamp_bytes(word.at, word.len - extension);
        if (!lamp_operation_is_id(stem)) {
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
    static const char separators[] = ":/.|";
    gsize len = 0, at = 0;
    guint number = 0;
    while (at < key.len && len < size) {
        gsize from = at;
        while (at < key.len && memchr(separators, key.at[at], sizeof separators - 1) == NULL)
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
