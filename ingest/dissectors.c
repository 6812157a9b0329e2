/*
 * The table of protocols. Adding one: its file, its line in dissectors.h, its row here.
 */
#include "ingest/dissectors.h"

/* clang-format off */
const LampDissector *const lamp_dissectors[] = {
    &lamp_dissector_amqp,
    &lamp_dissector_cassandra,
    &lamp_dissector_dns,
    &lamp_dissector_dns_tcp,
    &lamp_dissector_fastcgi,
    &lamp_dissector_http,
    &lamp_dissector_http2,
    &lamp_dissector_kafka,
    &lamp_dissector_ldap,
    &lamp_dissector_memcached,
    &lamp_dissector_mongodb,
    &lamp_dissector_mysql,
    &lamp_dissector_netflow,
    &lamp_dissector_postgresql,
    &lamp_dissector_redis,
    &lamp_dissector_sflow,
    &lamp_dissector_smtp,
    &lamp_dissector_thrift,
    &lamp_dissector_tls,
    &lamp_dissector_websocket,
    NULL,
};
/* clang-format on */
