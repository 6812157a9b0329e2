/*
 * The names of a certificate (RFC 5280 section 4.1 and 4.2.1.6; DER, X.690).
 *
 * In: a certificate's bytes; out: the DNS names of its extension subjectAltName, or, where it
 * has none, the common name of its subject. Walks the outer structure by lengths and looks at
 * nothing else; whatever does not fit ends the walk. Nothing is verified: names are what the
 * server says of itself.
 */
#include "ingest/dissect/tls-certificate.h"

#include "base/limits.h"

enum {
    OCTETS = 0x04,
    OBJECT = 0x06,
    SEQUENCE = 0x30,
    EXTENSIONS = 0xa3,
    DNS_NAME = 0x82,
    LENGTH_LONG = 0x80,
};

/* Takes the next element; FALSE where it does not fit. */
static gboolean
take(LampCursor *c, guint8 *out_tag, LampBytes *out_content)
{
    guint8 length;
    if (!lamp_cursor_u8(c, out_tag) || !lamp_cursor_u8(c, &length))
        return FALSE;
    gsize n = length;
    if (length & LENGTH_LONG) {
        LampBytes bytes;
        if ((length & 0x7f) > 3 || !lamp_cursor_take(c, length & 0x7f, &bytes))
            return FALSE;
        n = 0;
        for (gsize i = 0; i < bytes.len; i++)
            n = n << 8 | bytes.at[i];
    }
    return lamp_cursor_take(c, n, out_content);
}

/* Steps into the next element, which must have @tag. */
static gboolean
enter(LampCursor *c, guint8 tag, LampCursor *out_inside)
{
    guint8 found;
    LampBytes content;
    if (!take(c, &found, &content) || found != tag)
        return FALSE;
    *out_inside = lamp_cursor(content);
    return TRUE;
}

static void
add_name(GString *names, LampBytes name)
{
    if (name.len == 0 || names->len + name.len + 1 > LAMP_LIMIT_VALUE)
        return;
    for (gsize i = 0; i < name.len; i++)
        if (name.at[i] <= ' ' || name.at[i] >= 0x7f)
            return;
    if (names->len > 0)
        g_string_append_c(names, ' ');
    g_string_append_len(names, (const char *) name.at, (gssize) name.len);
}

static void
add_alternatives(LampBytes value, GString *names)
{
    LampCursor c = lamp_cursor(value), list;
    guint8 tag;
    LampBytes name;
    if (!enter(&c, SEQUENCE, &list))
        return;
    while (take(&list, &tag, &name))
        if (tag == DNS_NAME)
            add_name(names, name);
}

/* extensions: a sequence of (object, perhaps a boolean, octets). */
static void
read_extensions(LampBytes extensions, GString *names)
{
    static const guint8 subject_alternative_name[] = {0x55, 0x1d, 0x11};
    LampCursor c = lamp_cursor(extensions), list, one;
    if (!enter(&c, SEQUENCE, &list))
        return;
    while (enter(&list, SEQUENCE, &one)) {
        guint8 tag;
        LampBytes object, value = {NULL, 0};
        if (!take(&one, &tag, &object) || tag != OBJECT ||
            !lamp_bytes_equal(object, lamp_bytes(subject_alternative_name, 3)))
            continue;
        while (take(&one, &tag, &value) && tag != OCTETS)
            continue;
        if (tag == OCTETS)
            add_alternatives(value, names);
    }
}

/* Name: a sequence of sets of (object, text). */
static void
read_subject(LampBytes subject, GString *names)
{
    static const guint8 common_name[] = {0x55, 0x04, 0x03};
    LampCursor parts = lamp_cursor(subject), pair;
    guint8 tag;
    LampBytes part, object, text;
    while (take(&parts, &tag, &part)) {
        LampCursor set = lamp_cursor(part);
        if (enter(&set, SEQUENCE, &pair) && take(&pair, &tag, &object) &&
            lamp_bytes_equal(object, lamp_bytes(common_name, 3)) && take(&pair, &tag, &text))
            add_name(names, text);
    }
}

void
lamp_certificate_names(LampBytes certificate, GString *names)
{
    LampCursor c = lamp_cursor(certificate), outer, body;
    guint8 tag;
    LampBytes part, subject = {NULL, 0};
    gsize before = names->len;
    if (!enter(&c, SEQUENCE, &outer) || !enter(&outer, SEQUENCE, &body))
        return;
    /* version, serial number, algorithm, issuer, validity, subject, key, … */
    for (guint sequences = 0; take(&body, &tag, &part);) {
        sequences += tag == SEQUENCE;
        if (tag == SEQUENCE && sequences == 4)
            subject = part;
        else if (tag == EXTENSIONS)
            read_extensions(part, names);
    }
    if (names->len == before && subject.len > 0)
        read_subject(subject, names);
}
