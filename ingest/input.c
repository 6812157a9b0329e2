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
#include <zlib.h>

#define BLOCK ((gsize) 262144)
#define BOMB_OUTPUT ((guint64) 1 << 30)
#define BOMB_RATIO 400

struct LampInput {
    int fd;
    struct archive *archive; /* NULL for a plain file, and for gzip outside of an archive */
    gboolean is_gzip;        /* read with zlib: the fields that follow */
    z_stream inflate;
    gboolean gzip_is_over, gzip_member_is_over;
    const char *gzip_failure; /* static text, told once all output is handed out */
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
    if (n > 0)
        input->consumed += (guint64) n;
    else if (n < 0 && archive != NULL)
        archive_set_error(archive, errno, "%s", g_strerror(errno));
    *out_block = input->head;
    return n;
}

static struct archive *
new_archive(void)
{
    struct archive *archive = archive_read_new();
    archive_read_support_filter_gzip(archive);
    archive_read_support_filter_xz(archive);
    archive_read_support_filter_zstd(archive);
    archive_read_support_filter_bzip2(archive);
    archive_read_support_filter_lz4(archive);
    archive_read_support_filter_compress(archive);
    return archive;
}

/* Does decompressed content begin as a tar file does? Looks at the bytes in `head` alone, so
 * that the real reading can begin anew. */
static gboolean
holds_tar(const LampInput *input)
{
    static const gsize magic_at = 257;
    struct archive *archive = new_archive();
    struct archive_entry *entry;
    guint8 begin[512];
    archive_read_support_format_raw(archive);
    gboolean is_tar =
        archive_read_open_memory(archive, input->head, input->head_len) == ARCHIVE_OK &&
        archive_read_next_header(archive, &entry) == ARCHIVE_OK &&
        archive_read_data(archive, begin, sizeof begin) == (la_ssize_t) sizeof begin &&
        memcmp(begin + magic_at, "ustar", 5) == 0;
    archive_read_free(archive);
    return is_tar;
}

static gboolean
starts_with(const LampInput *input, const char *magic, gsize len)
{
    return input->head_len >= len && memcmp(input->head, magic, len) == 0;
}

static gboolean
open_archive(LampInput *input, gboolean is_tar, GError **error)
{
    input->archive = new_archive();
    if (is_tar)
        archive_read_support_format_tar(input->archive);
    else if (starts_with(input, "PK\x03\x04", 4))
        archive_read_support_format_zip(input->archive);
    else if (starts_with(input, "7z\xbc\xaf\x27\x1c", 6))
        archive_read_support_format_7zip(input->archive);
    else
        archive_read_support_format_raw(input->archive);
    if (archive_read_open(input->archive, input, NULL, feed, NULL) == ARCHIVE_OK)
        return TRUE;
    g_set_error(error, LAMP_SOURCE_ERROR, LAMP_SOURCE_ERROR_DAMAGED, "cannot decompress: %s",
                archive_error_string(input->archive));
    return FALSE;
}

/* gzip is read with zlib itself, because it hands out all that a cut or damaged file held. */
static gboolean
open_gzip(LampInput *input)
{
    input->is_gzip = inflateInit2(&input->inflate, 16 + MAX_WBITS) == Z_OK;
    return input->is_gzip;
}

static gboolean
open_packed(LampInput *input, GError **error)
{
    gboolean is_tar = holds_tar(input) ||
                      (input->head_len > 262 && memcmp(input->head + 257, "ustar", 5) == 0);
    if (!is_tar && starts_with(input, "\x1f\x8b", 2) && open_gzip(input))
        return TRUE;
    return open_archive(input, is_tar, error);
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
    if (!looks_plain(lamp_bytes(input->head, input->head_len)) && !open_packed(input, error))
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
    if (input->is_gzip)
        inflateEnd(&input->inflate);
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
count_produced(LampInput *input, gsize n, GError **error)
{
    input->produced += n;
    if (!is_bomb(input))
        return (gssize) n;
    g_set_error(error, LAMP_SOURCE_ERROR, LAMP_SOURCE_ERROR_BOMB,
                "decompressed content is more than %d times the file", BOMB_RATIO);
    return -1;
}

/* Makes compressed bytes available, or notes that there are no more. */
static gboolean
refill_gzip(LampInput *input)
{
    const void *block = NULL;
    if (input->inflate.avail_in > 0)
        return TRUE;
    la_ssize_t n = feed(NULL, input, &block);
    if (n > 0) {
        input->inflate.next_in = (guint8 *) (gpointer) input->head;
        input->inflate.avail_in = (unsigned) n;
        return TRUE;
    }
    input->gzip_is_over = TRUE;
    if (n < 0)
        input->gzip_failure = "the file cannot be read further";
    else if (!input->gzip_member_is_over)
        input->gzip_failure = "unexpected end of file";
    return FALSE;
}

/* Goes on to a member that follows the one that is over, past zeros in between. Other bytes end
 * the stream, as gzip(1) has it. FALSE where there is none so far. */
static gboolean
begin_gzip_member(LampInput *input)
{
    z_stream *z = &input->inflate;
    for (; z->avail_in > 0 && z->next_in[0] == 0; z->avail_in--)
        z->next_in++;
    if (z->avail_in == 0)
        return FALSE;
    input->gzip_is_over = z->next_in[0] != 0x1f;
    if (input->gzip_is_over)
        input->gzip_failure = "other bytes follow it";
    if (input->gzip_is_over || inflateReset(z) != Z_OK)
        return FALSE;
    input->gzip_member_is_over = FALSE;
    return TRUE;
}

/* One call of inflate(); members that follow each other are one stream. */
static void
inflate_some(LampInput *input)
{
    if (input->gzip_member_is_over && !begin_gzip_member(input))
        return;
    int code = inflate(&input->inflate, Z_NO_FLUSH);
    input->gzip_member_is_over = code == Z_STREAM_END;
    if (code == Z_OK || code == Z_STREAM_END || code == Z_BUF_ERROR)
        return;
    input->gzip_is_over = TRUE;
    input->gzip_failure = input->inflate.msg != NULL ? input->inflate.msg : "invalid data";
}

static gssize
read_gzip(LampInput *input, guint8 *buffer, gsize size, GError **error)
{
    gsize wanted = MIN(size, BLOCK);
    input->inflate.next_out = buffer;
    input->inflate.avail_out = (unsigned) wanted;
    while (input->inflate.avail_out > 0 && !input->gzip_is_over && refill_gzip(input))
        inflate_some(input);
    gsize n = wanted - input->inflate.avail_out;
    if (n > 0)
        return count_produced(input, n, error);
    if (input->gzip_failure == NULL)
        return 0;
    g_set_error(error, LAMP_SOURCE_ERROR, LAMP_SOURCE_ERROR_DAMAGED,
                "compressed content is cut or damaged: %s", input->gzip_failure);
    input->gzip_failure = NULL;
    return -1;
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
    return count_produced(input, n, error);
}

gssize
lamp_input_read(LampInput *input, guint8 *buffer, gsize size, GError **error)
{
    if (input->is_gzip)
        return read_gzip(input, buffer, size, error);
    return input->archive == NULL ? read_plain(input, buffer, size, error)
                                  : read_packed(input, buffer, size, error);
}

guint64
lamp_input_consumed(const LampInput *input)
{
    return input->consumed;
}
