/*
 * The dissectors that the table in ingest/dissectors.c is made of, one for each protocol.
 */
#pragma once

#include "ingest/dissector.h"

extern const LampDissector lamp_dissector_amqp;
extern const LampDissector lamp_dissector_cassandra;
extern const LampDissector lamp_dissector_dns;
extern const LampDissector lamp_dissector_dns_tcp;
extern const LampDissector lamp_dissector_fastcgi;
extern const LampDissector lamp_dissector_http;
extern const LampDissector lamp_dissector_http2;
extern const LampDissector lamp_dissector_kafka;
extern const LampDissector lamp_dissector_ldap;
extern const LampDissector lamp_dissector_memcached;
extern const LampDissector lamp_dissector_mongodb;
extern const LampDissector lamp_dissector_mysql;
extern const LampDissector lamp_dissector_netflow;
extern const LampDissector lamp_dissector_postgresql;
extern const LampDissector lamp_dissector_redis;
extern const LampDissector lamp_dissector_sflow;
extern const LampDissector lamp_dissector_smtp;
extern const LampDissector lamp_dissector_thrift;
extern const LampDissector lamp_dissector_tls;
extern const LampDissector lamp_dissector_websocket;

/* Requests and responses told by direction alone: for streams that no row of the table claims.
 */
extern const LampDissector lamp_dissector_turns;
