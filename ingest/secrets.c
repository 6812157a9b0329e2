/*
 * Finding and reading key logs before the captures that need them.
 *
 * In: the list of files; out: secrets in the run's key log. Only the first bytes of a file are
 * looked at to tell whether it is one; key logs inside archives and compressed ones are met
 * when their turn comes, and serve the captures after them.
 */
#include "ingest/secrets.h"

#include "ingest/readers.h"

#include <stdio.h>

#define HEAD_BYTES 512
#define CHUNK ((gsize) 65536)

/* Are the first bytes those of a key log? */
static gboolean
is_key_log(const LampSource *source)
{
    guint8 head[HEAD_BYTES];
    if (source->failure != NULL || g_str_equal(source->path, "-"))
        return FALSE;
    FILE *file = fopen(source->path, "re");
    if (file == NULL)
        return FALSE;
    gsize n = fread(head, 1, sizeof head, file);
    fclose(file);
    return lamp_reader_keylog.probe(lamp_bytes(head, n), source->path) > 0;
}

/* Bytes up to and with the last line end; all of them where there is none. */
static gsize
whole_lines(const guint8 *at, gsize n)
{
    const guint8 *end = memrchr(at, '\n', n);
    return end != NULL ? (gsize) (end - at) + 1 : n;
}

static gboolean
read_key_log(LampIngestRun *run, const char *path, GError **error)
{
    g_autoptr(LampInput) input = lamp_input_open(path, error);
    const char *name = NULL;
    if (input == NULL || !lamp_input_next(input, &name, error))
        return FALSE;
    g_autofree guint8 *chunk = g_malloc(CHUNK);
    gsize have = 0;
    gssize n;
    while ((n = lamp_input_read(input, chunk + have, CHUNK - have, error)) > 0) {
        have += (gsize) n;
        gsize used = whole_lines(chunk, have);
        if (used == have && have < CHUNK && chunk[have - 1] != '\n')
            continue;
        (void) lamp_key_log_add(run->secrets, lamp_bytes(chunk, used));
        have -= used;
        memmove(chunk, chunk + used, have);
    }
    (void) lamp_key_log_add(run->secrets, lamp_bytes(chunk, have));
    return n == 0;
}

static gboolean
read_named(LampIngestRun *run, const char *path, GError **error)
{
    if (!read_key_log(run, path, error)) {
        if (error != NULL && *error != NULL)
            g_prefix_error(error, "key log '%s': ", path);
        else
            g_set_error(error, LAMP_SOURCE_ERROR, LAMP_SOURCE_ERROR_OPEN,
                        "key log '%s' is empty", path);
        return FALSE;
    }
    if (lamp_key_log_count(run->secrets) > 0)
        return TRUE;
    g_set_error(error, LAMP_SOURCE_ERROR, LAMP_SOURCE_ERROR_OPEN,
                "'%s' holds no TLS secret; it should be the file that SSLKEYLOGFILE named",
                path);
    return FALSE;
}

gboolean
lamp_secrets_find(LampIngestRun *run, GPtrArray *sources, GError **error)
{
    const char *named = run->options->key_log_path;
    run->secrets = lamp_key_log_new();
    if (named != NULL && !read_named(run, named, error))
        return FALSE;
    for (guint i = 0; i < sources->len; i++) {
        const LampSource *source = sources->pdata[i];
        /* What cannot be read is told when its turn comes. */
        if (is_key_log(source))
            (void) read_key_log(run, source->path, NULL);
    }
    return TRUE;
}
