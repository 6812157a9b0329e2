/*
 * Names of rotated logs: which files hold one log, and in which order they were written.
 */
#pragma once

#include <glib.h>

/* The name that @path had before its rotation: `logs/app.log` of `logs/app.log.3.gz`, of
 * `logs/app.log-20261121` and of `logs/app-2026-11-21.log.xz`. Caller frees. O(n). */
char *lamp_rotation_family(const char *path);

/* Order of two paths as strcmp() has it: by family, and in it from the oldest to the newest;
 * by the paths themselves where nothing tells. O(n). */
gint lamp_rotation_compare(const char *a, const char *b);
