/*
 * Who stands behind an endpoint: services by name, and which of them live on one address.
 */
#pragma once

#include "correlate/dependencies/biflows.h"

#define LAMP_PARTY_NONE G_MAXUINT32

typedef struct {
    char *name;
    gboolean is_client_only; /* serves nothing that the flows show */
} LampParty;

typedef struct {
    GArray *parties;    /* LampParty */
    guint32 *served_by; /* by endpoint: party that serves there, or NONE */
    guint32 *of_host;   /* by address: party of a host that serves nothing, or NONE */
    guint32 *opened_by; /* by flow: who opened it, where one address has several; or NONE */
} LampParties;

/* Names come from the services that correlate found, else from a table of hosts, else they are
 * address:port. Caller frees. */
LampParties *lamp_parties_new(LampStore *store, const LampBiflows *biflows,
                              GError **error) G_GNUC_WARN_UNUSED_RESULT;
void lamp_parties_free(LampParties *parties);

G_DEFINE_AUTOPTR_CLEANUP_FUNC(LampParties, lamp_parties_free)
