/* What runs each verb; they return the exit status. */
#pragma once

struct options;

typedef int verb_run(const struct options *o);

verb_run verb_bench, verb_channels, verb_check, verb_clients, verb_help, verb_kill, verb_monitor, verb_ping, verb_pipe,
    verb_recv, verb_reload, verb_send, verb_stats, verb_top;
