/*
 * Names in an X.509 certificate.
 */
#pragma once

#include "base/bytes.h"

/* Appends the DNS names of a DER certificate, else the subject's common name, to @names, with a
 * blank between two; stops before LAMP_LIMIT_VALUE bytes. O(certificate). */
void lamp_certificate_names(LampBytes certificate, GString *names);
