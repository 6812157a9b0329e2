/*
 * Makes seeds for the fuzz targets of the dissectors out of captures: every connection that the
 * packet layer gives to a dissector becomes one conversation in the form that fuzz-dissector.c
 * reads, CORPUS/dissector-NAME/CONTENT-HASH.
 *
 * It stands between: the table of protocols that the packet layer sees is made here, of rows
 * that probe like the real ones (the real table is compiled in under another name) and write
 * down what they are fed. Usage: make-seeds CORPUS CAPTURE…
 */
#include "base/keyed-map.h"
#include "ingest/packet/connection.h"
#include "ingest/readers.h"
#include "tests/support/reading.h"

#include <stdio.h>
#include <stdlib.h>

enum { TABLE_AT_MOST = 64, SEED_BYTES = 3072, PIECE_BYTES = 1400, SEEDS_FOR_EACH = 16 };

extern const LampDissector *const lamp_real_dissectors[];

/* Rows that stay empty have no probe, so no connection is given to them. */
static LampDissector rows[TABLE_AT_MOST];
#define ROWS_4(i) &rows[i], &rows[(i) + 1], &rows[(i) + 2], &rows[(i) + 3]
#define ROWS_16(i) ROWS_4(i), ROWS_4((i) + 4), ROWS_4((i) + 8), ROWS_4((i) + 12)
const LampDissector *const lamp_dissectors[] = {ROWS_16(0), ROWS_16(16), ROWS_16(32),
                                                ROWS_16(48), NULL};

static const char *corpus;
static guint seeds_of[TABLE_AT_MOST];

typedef struct {
    GByteArray *conversation;
} Recording;

static void
begin(gpointer state, LampStream *stream)
{
    Recording *recording = state;
    recording->conversation = g_byte_array_new();
    guint8 flags = lamp_stream_is_midstream(stream) ? 1 : 0;
    g_byte_array_append(recording->conversation, &flags, 1);
}

static void
add_piece(Recording *recording, guint8 control, LampBytes bytes, gsize len)
{
    if (recording->conversation->len + 3 + bytes.len > SEED_BYTES)
        return;
    guint8 head[3] = {control, (guint8) len, (guint8) (len >> 8)};
    g_byte_array_append(recording->conversation, head, sizeof head);
    if (bytes.len > 0)
        g_byte_array_append(recording->conversation, bytes.at, (guint) bytes.len);
}

static void
segment(gpointer state, LampStream *stream G_GNUC_UNUSED, const LampSegment *s)
{
    LampBytes bytes = lamp_bytes(s->bytes.at, MIN(s->bytes.len, PIECE_BYTES));
    add_piece(state, s->direction == LAMP_TO_CLIENT ? 1 : 0, bytes, bytes.len);
    if (bytes.len < s->bytes.len)
        add_piece(state, s->direction == LAMP_TO_CLIENT ? 3 : 2, lamp_bytes(NULL, 0),
                  MIN(s->bytes.len - bytes.len, G_MAXUINT16));
}

static void
gap(gpointer state, LampStream *stream G_GNUC_UNUSED, LampDirection direction, guint64 missing)
{
    add_piece(state, direction == LAMP_TO_CLIENT ? 3 : 2, lamp_bytes(NULL, 0),
              MIN(missing, G_MAXUINT16));
}

static void
end(gpointer state, LampStream *stream)
{
    Recording *recording = state;
    GByteArray *conversation = recording->conversation;
    gsize row = (gsize) (stream->dissector - rows);
    if (row < TABLE_AT_MOST && conversation->len > 4 && seeds_of[row]++ < SEEDS_FOR_EACH) {
        g_autofree char *folder =
            g_strdup_printf("%s/dissector-%s", corpus, stream->dissector->name);
        g_autofree char *name = g_strdup_printf(
            "%s/%016" G_GINT64_MODIFIER "x", folder,
            lamp_content_hash(lamp_bytes(conversation->data, conversation->len)));
        g_autoptr(GError) error = NULL;
        g_mkdir_with_parents(folder, 0777);
        if (!g_file_set_contents(name, (const char *) conversation->data,
                                 (gssize) conversation->len, &error))
            fprintf(stderr, "%s\n", error->message);
    }
    g_byte_array_unref(conversation);
}

static void
make_table(void)
{
    for (guint i = 0; i < TABLE_AT_MOST && lamp_real_dissectors[i] != NULL; i++) {
        rows[i] = *lamp_real_dissectors[i];
        rows[i].state_size = sizeof(Recording);
        rows[i].begin = begin;
        rows[i].segment = segment;
        rows[i].gap = gap;
        rows[i].end = end;
    }
}

static void
read_capture(const char *path)
{
    g_autofree char *content = NULL;
    gsize len = 0;
    g_autoptr(GError) error = NULL;
    if (!g_file_get_contents(path, &content, &len, &error)) {
        fprintf(stderr, "%s\n", error->message);
        exit(EXIT_FAILURE);
    }
    LampBytes bytes = lamp_bytes(content, len);
    const LampReader *reader = NULL;
    for (guint i = 0; lamp_readers[i] != NULL; i++)
        if (lamp_readers[i]->kind == LAMP_KIND_CAPTURE &&
            lamp_readers[i]->probe(bytes, path) >= 80)
            reader = lamp_readers[i];
    if (reader == NULL)
        return;
    LampSourceContext context = lamp_feed_context(path);
    lamp_render_free(lamp_reading(reader, bytes, (LampChunks){.size = 1 << 20}, &context));
}

int
main(int argc, char **argv)
{
    if (argc < 3) {
        fprintf(stderr, "usage: make-seeds CORPUS CAPTURE...\n");
        return 2;
    }
    corpus = argv[1];
    make_table();
    for (int i = 2; i < argc; i++)
        read_capture(argv[i]);
    return EXIT_SUCCESS;
}
