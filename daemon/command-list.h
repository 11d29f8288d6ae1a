/* The handlers of the commands, for the table. */
#pragma once

#include "command.h"

typedef enum command_result command_handler(struct bus *bus, struct session *s, const struct slice *argv, size_t argc);

/* cmd-connection.c */
command_handler cmd_hello, cmd_ping, cmd_echo, cmd_quit, cmd_reset, cmd_select;

/* cmd-client.c */
command_handler cmd_client_id, cmd_client_getname, cmd_client_setname, cmd_client_setinfo;

/* cmd-pubsub.c */
command_handler cmd_publish, cmd_subscribe, cmd_unsubscribe, cmd_psubscribe, cmd_punsubscribe;
command_handler cmd_pubsub_channels, cmd_pubsub_numsub, cmd_pubsub_numpat;
command_handler cmd_udsd_waitreceiver;

/* cmd-command.c */
command_handler cmd_help; /* of any command with subcommands */
command_handler cmd_command, cmd_command_count, cmd_command_docs, cmd_command_info, cmd_command_list;

/* cmd-info.c */
command_handler cmd_info;
