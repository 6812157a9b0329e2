/* Query attributes of MySQL's protocol. */
#pragma once

#include "base/bytes.h"

/* Moves behind the attributes; FALSE where the bytes do not fit. */
gboolean lamp_mysql_skip_attributes(LampCursor *c);
