/* The options of the verbs that look at the daemon and steer it. */
#pragma once

#include "options.h"

extern const struct option_row bench_options[], channels_options[], check_options[], clients_options[], help_options[],
    kill_options[], monitor_options[], ping_options[], reload_options[], stats_options[], top_options[];
