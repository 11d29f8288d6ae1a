/*
 * The handlers of all commands, for the table. A new command is one row in command-table.c, one name here, and the
 * handler in the file of its group; the build fails if one of them is missing.
 */
#pragma once

#include "command.h"

typedef enum command_result command_handler(struct bus *bus, struct session *s, const struct slice *argv, size_t argc);

/* cmd-connection.c */
command_handler cmd_auth, cmd_hello, cmd_ping, cmd_echo, cmd_quit, cmd_reset, cmd_select;

/* cmd-udsd-group.c, cmd-udsd-idmp.c, cmd-udsd-later.c, cmd-udsd-pending.c */
command_handler cmd_udsd_group;
command_handler cmd_udsd_idmp;
command_handler cmd_udsd_later;
command_handler cmd_udsd_pending;

/* cmd-udsd-backup.c, cmd-udsd-streams.c */
command_handler cmd_udsd_backup;
command_handler cmd_udsd_streams;
/* cmd-udsd-subscribe.c */
command_handler cmd_udsd_subscribe, cmd_udsd_position;

/* cmd-client.c */
command_handler cmd_client_id, cmd_client_getname, cmd_client_setname, cmd_client_setinfo;
command_handler cmd_client_no_evict, cmd_client_no_touch, cmd_client_reply, cmd_client_unblock;

/* cmd-client-list.c, cmd-client-kill.c */
command_handler cmd_client_info, cmd_client_list, cmd_udsd_clients;
command_handler cmd_client_kill;

/* cmd-publish.c, cmd-pubsub.c */
command_handler cmd_publish, cmd_spublish;
command_handler cmd_subscribe, cmd_unsubscribe, cmd_psubscribe, cmd_punsubscribe;
command_handler cmd_ssubscribe, cmd_sunsubscribe;
command_handler cmd_pubsub_channels, cmd_pubsub_numsub, cmd_pubsub_numpat;
command_handler cmd_pubsub_shardchannels, cmd_pubsub_shardnumsub;

/* cmd-udsd.c */
command_handler cmd_udsd_channels, cmd_udsd_monitor, cmd_udsd_reload, cmd_udsd_waitown, cmd_udsd_waitreceiver;

/* cmd-udsd-call.c, cmd-udsd-serve.c */
command_handler cmd_udsd_ask, cmd_udsd_call, cmd_udsd_cancel, cmd_udsd_services;
command_handler cmd_udsd_answer, cmd_udsd_fail, cmd_udsd_next, cmd_udsd_serve, cmd_udsd_unserve;

/* cmd-multi.c */
command_handler cmd_multi, cmd_exec, cmd_discard;

/* cmd-command.c, cmd-command-docs.c */
command_handler cmd_help; /* of any command with subcommands */
command_handler cmd_command, cmd_command_count, cmd_command_docs, cmd_command_getkeys, cmd_command_info,
    cmd_command_list;

/* cmd-config.c */
command_handler cmd_config_get, cmd_config_set;

/* cmd-server.c */
command_handler cmd_cluster, cmd_monitor, cmd_shutdown, cmd_time;

/* cmd-info.c */
command_handler cmd_info;

/* cmd-xadd.c, cmd-xrange.c, cmd-xdel.c, cmd-xsetid.c, cmd-xtrim.c */
command_handler cmd_xadd;
command_handler cmd_xrange, cmd_xrevrange;
command_handler cmd_xdel, cmd_xdelex;
command_handler cmd_xcfgset, cmd_xlen, cmd_xsetid, cmd_xtrim;

/* cmd-keys.c, cmd-scan.c, cmd-expire.c */
command_handler cmd_del, cmd_dbsize, cmd_exists, cmd_flush, cmd_rename, cmd_renamenx, cmd_type, cmd_waitaof;
command_handler cmd_keys, cmd_randomkey, cmd_scan;
command_handler cmd_expire, cmd_expireat, cmd_expiretime, cmd_persist, cmd_pexpire, cmd_pexpireat, cmd_pexpiretime;
command_handler cmd_pttl, cmd_ttl;

/* cmd-xack.c, cmd-xnack.c, cmd-xclaim.c, cmd-xpending.c, cmd-xread.c */
command_handler cmd_xack, cmd_xackdel;
command_handler cmd_xnack, cmd_udsd_nack;
command_handler cmd_xclaim, cmd_xautoclaim;
command_handler cmd_xpending;
command_handler cmd_xread, cmd_xreadgroup;

/* cmd-xgroup.c, cmd-xinfo.c */
command_handler cmd_xgroup_create, cmd_xgroup_setid, cmd_xgroup_destroy;
command_handler cmd_xgroup_createconsumer, cmd_xgroup_delconsumer;
command_handler cmd_xinfo_stream, cmd_xinfo_groups, cmd_xinfo_consumers;
