/*
 * Folders of a log's path that name a host: `web1/var/log/nginx/access.log`.
 *
 * In: the names of the hosts that captures, addresses and tables have told, and a path as it
 * was found. The file's own name is no folder: what it says is looked at before.
 */
#include "correlate/log-folders.h"

#include <string.h>

char *
lamp_log_folder(const LampKeyedMap *hosts, const char *path)
{
    const char *end = path != NULL ? strrchr(path, '/') : NULL;
    while (end != NULL && end > path) {
        const char *start = end;
        while (start > path && start[-1] != '/')
            start--;
        LampBytes folder = lamp_bytes(start, (gsize) (end - start));
        if (folder.len > 0 && lamp_keyed_map_find(hosts, folder) != NULL)
            return g_strndup(start, folder.len);
        end = start > path ? start - 1 : NULL;
    }
    return NULL;
}
