/*
 * Folders of a log's path that name a host.
 */
#pragma once

#include "base/keyed-map.h"

/* The innermost folder of @path that is a key of @hosts, or NULL. The caller frees. O(length).
 */
char *lamp_log_folder(const LampKeyedMap *hosts, const char *path);
