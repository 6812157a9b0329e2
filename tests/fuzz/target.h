/*
 * What every fuzz target defines. libFuzzer calls it with inputs of its making; the standalone
 * driver (standalone.c) with the files of a corpus.
 */
#pragma once

#include <glib.h>

/* Reads one input; returns 0. Ends the program where something is wrong. */
int LLVMFuzzerTestOneInput(const guint8 *at, gsize len);
