/*
 * libarchive gives decompression and archives by content in one interface; a plain file is read
 * with read() alone, since no layer between is needed. Files are never mapped: a log that is
 * truncated by rotation while it is mapped would end the process.
 *
 * A stream that grows by more than 400 times once a gigabyte has come out is taken for a bomb
 * and cut (deflate can reach about 1,030 times; logs reach ten to a hundred).
 */
#include "ingest/input.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define BLOCK ((gsize) 262144)
#define BOMB_OUTPUT ((guint64) 1 << 30)
#define BOMB_RATIO 400

struct LampInput {
    int fd;
    struct archive *archive; /* NULL for a plain file */
    gboolean started;
    guint8 head[BLOCK]; /* first bytes of a plain file, read to look at them */
    gsize head_len, head_used;
    LampBytes block;  /* of a member, not delivered yet */
    guint64 consumed; /* of the file, plain */
    guint64 produced; /* of the current member */
};

static gboolean
looks_plain(LampBytes head)
{
    static const struct {
        gsize offset;
        const char *magic;
        gsize len;
    } packed[] = {
        {0, "\x1f\x8b", 2},
        {0,
         "\xfd"
         "7zXZ",
         5},
        {0, "\x28\xb5\x2f\xfd", 4},
        {0, "BZh", 3},
        {0, "\x04\x22\x4d\x18", 4},
        {0, "PK\x03\x04", 4},
        {0, "7z\xbc\xaf\x27\x1c", 6},
        {257, "ustar", 5},
        {0, "\x1f\x9d", 2},
    };
    for (gsize i = 0; i < G_N_ELEMENTS(packed); i++)
        if (head.len >= packed[i].offset + packed[i].len &&
            memcmp(head.at + packed[i].offset, packed[i].magic, packed[i].len) == 0)
            return FALSE;
    return TRUE;
}

static gssize
read_fully(int fd, guint8 *buffer, gsize size)
{
    gsize got = 0;
    while (got < size) {
        gssize n = read(fd, buffer + got, size - got);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return got > 0 ? (gssize) got : -1;
        if (n == 0)
            break;
        got += (gsize) n;
    }
    return (gssize) got;
}

/* libarchive's source of bytes: what was looked at, then the file. */
static la_ssize_t
feed(struct archive *archive, void *owner, const void **out_block)
{
    LampInput *input = owner;
    if (input->head_used < input->head_len) {
        *out_block = input->head;
        input->head_used = input->head_len;
        return (la_ssize_t) input->head_len;
    }
    gssize n = read_fully(input->fd, input->head, BLOCK);
    if (n < 0)
        archive_set_error(archive, errno, "%s", g_strerror(errno));
    else
        input->consumed += (guint64) n;
    *out_block = input->head;
    return n;
}

static gboolean
open_archive(LampInput *input, GError **error)
{
    input->archive = archive_read_new();
    archive_read_support_filter_gzip(input->archive);
    archive_read_support_filter_xz(input->archive);
    archive_read_support_filter_zstd(input->archive);
    archive_read_support_filter_bzip2(input->archive);
    archive_read_support_filter_lz4(input->archive);
    archive_read_support_filter_compress(input->archive);
    archive_read_support_format_tar(input->archive);
    archive_read_support_format_zip(input->archive);
    archive_read_support_format_7zip(input->archive);
    archive_read_support_format_raw(input->archive);
    archive_read_support_format_empty(input->archive);
    if (archive_read_open(input->archive, input, NULL, feed, NULL) == ARCHIVE_OK)
        return TRUE;
    g_set_error(error, LAMP_SOURCE_ERROR, LAMP_SOURCE_ERROR_DAMAGED, "cannot decompress: %s",
                archive_error_string(input->archive));
    return FALSE;
}

LampInput *
lamp_input_open(const char *path, GError **error)
{
    g_autoptr(LampInput) input = g_new0(LampInput, 1);
    input->fd = g_str_equal(path, "-") ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC);
    if (input->fd < 0) {
        g_set_error(error, LAMP_SOURCE_ERROR, LAMP_SOURCE_ERROR_OPEN, "cannot open: %s",
                    g_strerror(errno));
        return NULL;
    }
    gssize n = read_fully(input->fd, input->head, BLOCK);
    if (n < 0) {
        g_set_error(error, LAMP_SOURCE_ERROR, LAMP_SOURCE_ERROR_READ, "cannot read: %s",
                    g_strerror(errno));
        return NULL;
    }
    input->head_len = (gsize) n;
    input->consumed = (guint64) n;
    if (!looks_plain(lamp_bytes(input->head, input->head_len)) && !open_archive(input, error))
        return NULL;
    return g_steal_pointer(&input);
}

void
lamp_input_close(LampInput *input)
{
    if (input == NULL)
        return;
    if (input->archive != NULL)
        archive_read_free(input->archive);
    if (input->fd >= 0)
        close(input->fd);
    g_free(input);
}

static gboolean
next_member(LampInput *input, const char **out_name, GError **error)
{
    struct archive_entry *entry;
    int code;
    do {
        code = archive_read_next_header(input->archive, &entry);
    } while (code == ARCHIVE_RETRY || (code >= ARCHIVE_WARN && code != ARCHIVE_EOF &&
                                       archive_entry_filetype(entry) == AE_IFDIR));
    if (code == ARCHIVE_EOF)
        return FALSE;
    if (code < ARCHIVE_WARN) {
        g_set_error(error, LAMP_SOURCE_ERROR, LAMP_SOURCE_ERROR_DAMAGED,
                    "cannot decompress: %s", archive_error_string(input->archive));
        return FALSE;
    }
    gboolean is_raw = archive_format(input->archive) == ARCHIVE_FORMAT_RAW;
    *out_name = is_raw ? NULL : archive_entry_pathname(entry);
    return TRUE;
}

gboolean
lamp_input_next(LampInput *input, const char **out_name, GError **error)
{
    input->produced = 0;
    input->block = lamp_bytes(NULL, 0);
    if (input->archive != NULL)
        return next_member(input, out_name, error);
    *out_name = NULL;
    gboolean first = !input->started;
    input->started = TRUE;
    return first;
}

static gssize
read_plain(LampInput *input, guint8 *buffer, gsize size, GError **error)
{
    gsize from_head = MIN(size, input->head_len - input->head_used);
    if (from_head > 0) {
        memcpy(buffer, input->head + input->head_used, from_head);
        input->head_used += from_head;
        return (gssize) from_head;
    }
    gssize n = read_fully(input->fd, buffer, size);
    if (n < 0)
        g_set_error(error, LAMP_SOURCE_ERROR, LAMP_SOURCE_ERROR_READ, "cannot read: %s",
                    g_strerror(errno));
    else
        input->consumed += (guint64) n;
    return n;
}

/* Makes input->block hold undelivered bytes; FALSE at the end of the member or with @error.
 * Block by block, because archive_read_data() loses what it had copied when it then meets
 * damage. */
static gboolean
next_block(LampInput *input, GError **error)
{
    while (input->block.len == 0) {
        const void *block;
        size_t size;
        la_int64_t offset;
        int code = archive_read_data_block(input->archive, &block, &size, &offset);
        if (code == ARCHIVE_EOF)
            return FALSE;
        if (code < ARCHIVE_WARN) {
            g_set_error(error, LAMP_SOURCE_ERROR, LAMP_SOURCE_ERROR_DAMAGED,
                        "compressed content is cut or damaged: %s",
                        archive_error_string(input->archive));
            return FALSE;
        }
        if (code != ARCHIVE_RETRY)
            input->block = lamp_bytes(block, size);
    }
    return TRUE;
}

static gboolean
is_bomb(const LampInput *input)
{
    return input->produced > BOMB_OUTPUT && input->produced / BOMB_RATIO > input->consumed;
}

static gssize
read_packed(LampInput *input, guint8 *buffer, gsize size, GError **error)
{
    GError *broken = NULL;
    if (!next_block(input, &broken)) {
        if (broken != NULL)
            g_propagate_error(error, broken);
        return broken == NULL ? 0 : -1;
    }
    gsize n = MIN(size, input->block.len);
    memcpy(buffer, input->block.at, n);
    input->block = lamp_bytes(input->block.at + n, input->block.len - n);
    input->produced += n;
    if (!is_bomb(input))
        return (gssize) n;
    g_set_error(error, LAMP_SOURCE_ERROR, LAMP_SOURCE_ERROR_BOMB,
                "decompressed content is more than %d times the file", BOMB_RATIO);
    return -1;
}

gssize
lamp_input_read(LampInput *input, guint8 *buffer, gsize size, GError **error)
{
    return input->archive == NULL ? read_plain(input, buffer, size, error)
                                  : read_packed(input, buffer, size, error);
}

guint64
lamp_input_consumed(const LampInput *input)
{
    return input->consumed;
}
