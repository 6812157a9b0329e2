/*
 * The real table of protocols under another name, so that make-seeds.c can put its own in
 * place.
 */
#define lamp_dissectors lamp_real_dissectors
#include "ingest/dissectors.c"
