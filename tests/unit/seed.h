/* Seeds for the fuzz targets out of what the unit tests feed: where LAMP_SEEDS names a folder,
 * each conversation and each source becomes a file there, TARGET/test-CONTENT-HASH. Used by
 * tests/fuzz/make-corpus.
 */
#pragma once

#include "ingest/dissector.h"
#include "tests/unit/turns.h"

enum { SEED_BYTES_AT_MOST = 4096, SEED_TO_CLIENT = 1, SEED_GAP = 2 };

static inline void
seed_write(const char *kind, const char *name, LampBytes seed)
{
    const char *folder = g_getenv("LAMP_SEEDS");
    if (folder == NULL || seed.len > SEED_BYTES_AT_MOST)
        return;
    g_autofree char *target = g_strdup_printf("%s-%s", kind, name);
    g_strdelimit(target, "_", '-');
    g_autofree char *sum = g_compute_checksum_for_data(G_CHECKSUM_SHA1, seed.at, seed.len);
    g_autofree char *file = g_strdup_printf("test-%.16s", sum);
    g_autofree char *path = g_build_filename(folder, target, NULL);
    g_mkdir_with_parents(path, 0777);
    g_autofree char *full = g_build_filename(path, file, NULL);
    g_file_set_contents(full, (const char *) seed.at, (gssize) seed.len, NULL);
}

/* Adds a piece of a conversation in the form that tests/fuzz/fuzz-dissector.c reads. */
static inline void
seed_add_piece(GByteArray *seed, guint8 control, LampBytes bytes)
{
    guint8 head[3] = {control, (guint8) bytes.len, (guint8) (bytes.len >> 8)};
    g_byte_array_append(seed, head, sizeof head);
    if ((control & SEED_GAP) == 0 && bytes.len > 0)
        g_byte_array_append(seed, bytes.at, (guint) bytes.len);
}

/* A source as tests/fuzz/fuzz-reader.c reads it: whole, and compared with itself in pieces. */
static inline void
seed_write_source(const char *reader, LampBytes source)
{
    g_autoptr(GByteArray) seed = g_byte_array_new();
    g_byte_array_append(seed, (const guint8 *) "\x80", 1);
    g_byte_array_append(seed, source.at, (guint) source.len);
    seed_write("reader", reader, lamp_bytes(seed->data, seed->len));
}

static inline void
seed_write_conversation(const LampDissector *d, const Turn *turns, gsize count,
                        gboolean is_midstream)
{
    g_autoptr(GByteArray) seed = g_byte_array_new();
    guint8 flags = is_midstream ? 1 : 0;
    g_byte_array_append(seed, &flags, 1);
    for (gsize i = 0; i < count; i++) {
        char direction = turns[i].direction;
        gboolean is_gap = direction == '}' || direction == '{';
        gboolean to_client = direction == '<' || direction == '{';
        seed_add_piece(seed,
                       (guint8) ((to_client ? SEED_TO_CLIENT : 0) | (is_gap ? SEED_GAP : 0)),
                       turns[i].bytes);
    }
    seed_write("dissector", d->name, lamp_bytes(seed->data, seed->len));
}
