/*
 * The walk over files and folders. Iterative, so that a deep tree cannot exhaust the stack;
 * devices, sockets and pipes inside folders are passed over, but a pipe that the user names is
 * read.
 */
#include "ingest/source.h"

#include "base/limits.h"
#include "ingest/rotation.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

G_DEFINE_QUARK(lamp_source_error, lamp_source_error)

typedef struct {
    char *path;
    guint depth;
} Folder;

static void
free_source(gpointer pointer)
{
    LampSource *source = pointer;
    g_free(source->path);
    g_free(source->failure);
    g_free(source);
}

static void
add_source(GPtrArray *sources, const char *path, const struct stat *status, const char *failure)
{
    LampSource *source = g_new0(LampSource, 1);
    source->path = g_strdup(path);
    source->failure = g_strdup(failure);
    source->modified = LAMP_TIME_NONE;
    if (status != NULL) {
        source->size = (guint64) MAX(0, status->st_size);
        source->modified =
            status->st_mtim.tv_sec * LAMP_NS_PER_SECOND + status->st_mtim.tv_nsec;
    }
    g_ptr_array_add(sources, source);
}

static gboolean
is_own_database(const char *path)
{
    static const char header[] = "SQLite format 3";
    char head[72] = "";
    g_autofree char *base = g_path_get_basename(path);
    if (g_str_has_suffix(base, ".db-journal"))
        return TRUE;
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return FALSE;
    gsize n = fread(head, 1, sizeof head, file);
    fclose(file);
    return n == sizeof head && memcmp(head, header, sizeof header) == 0 &&
           memcmp(head + 68, "LAMP", 4) == 0;
}

static void
push_folder(GArray *folders, const char *path, guint depth)
{
    Folder folder = {g_strdup(path), depth};
    g_array_append_val(folders, folder);
}

/* One path, named by the user (@depth 0) or found in a folder. */
static void
visit(GPtrArray *sources, GArray *folders, const char *path, guint depth)
{
    struct stat status;
    if (stat(path, &status) != 0) {
        add_source(sources, path, NULL, g_strerror(errno));
        return;
    }
    if (S_ISDIR(status.st_mode)) {
        struct stat link;
        if (depth > 0 && lstat(path, &link) == 0 && S_ISLNK(link.st_mode))
            return;
        if (depth > LAMP_LIMIT_DIRECTORY_DEPTH)
            add_source(sources, path, NULL, "folders are nested too deeply");
        else
            push_folder(folders, path, depth);
    } else if (S_ISREG(status.st_mode) && is_own_database(path)) {
        if (depth == 0)
            add_source(sources, path, &status,
                       "a database of lamplight: `lamplight services` and others show it");
    } else if (S_ISREG(status.st_mode) || depth == 0) {
        add_source(sources, path, &status, NULL);
    }
}

static void
walk_folder(GPtrArray *sources, GArray *folders, const Folder *folder)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GDir) dir = g_dir_open(folder->path, 0, &error);
    const char *name;
    if (dir == NULL) {
        add_source(sources, folder->path, NULL, error->message);
        return;
    }
    while ((name = g_dir_read_name(dir)) != NULL && sources->len < LAMP_LIMIT_SOURCES) {
        g_autofree char *path = g_build_filename(folder->path, name, NULL);
        visit(sources, folders, path, folder->depth + 1);
    }
}

static gint
compare_sources(gconstpointer a, gconstpointer b)
{
    const LampSource *const *x = a, *const *y = b;
    return lamp_rotation_compare((*x)->path, (*y)->path);
}

static void
remove_repeated(GPtrArray *sources)
{
    for (guint i = sources->len; i > 1; i--) {
        const LampSource *a = sources->pdata[i - 2], *b = sources->pdata[i - 1];
        if (g_str_equal(a->path, b->path))
            g_ptr_array_remove_index(sources, i - 1);
    }
}

GPtrArray *
lamp_sources_find(const char *const *paths)
{
    GPtrArray *sources = g_ptr_array_new_with_free_func(free_source);
    g_autoptr(GArray) folders = g_array_new(FALSE, FALSE, sizeof(Folder));
    for (gsize i = 0; paths[i] != NULL; i++) {
        if (g_str_equal(paths[i], "-"))
            add_source(sources, "-", NULL, NULL);
        else
            visit(sources, folders, paths[i], 0);
    }
    while (folders->len > 0) {
        Folder folder = g_array_index(folders, Folder, folders->len - 1);
        g_array_set_size(folders, folders->len - 1);
        walk_folder(sources, folders, &folder);
        g_free(folder.path);
    }
    g_ptr_array_sort(sources, compare_sources);
    remove_repeated(sources);
    return sources;
}
