/* udsctl recv: messages of channels as they are published, or of streams from a place on. */
#include <string.h>
#include <sysexits.h>

#include "history.h"
#include "live.h"
#include "recv-options.h"
#include "say.h"

static const struct option_row rows[] = {
	{ "pattern", 'p', "PATTERN", "receive every channel that matches: *, ?, [...]", OPTION_LIST,
	  offsetof(struct recv_options, patterns) },
	{ "from", 0, "WHERE", "read streams from first, last, new, an ID or -10m on", OPTION_NAME,
	  offsetof(struct recv_options, from) },
	{ "position", 0, "FILE", "read streams on from where this file says", OPTION_NAME,
	  offsetof(struct recv_options, position) },
	{ "into", 0, "FILE", "write what streams have to this file, exactly once", OPTION_NAME,
	  offsetof(struct recv_options, into) },
	{ "no-wait", 0, NULL, "exit when the streams have nothing more", OPTION_FLAG,
	  offsetof(struct recv_options, no_wait) },
	{ "null", '0', NULL, "end messages with a NUL instead of a newline", OPTION_FLAG,
	  offsetof(struct recv_options, null) },
	{ "raw", 0, NULL, "replace no control characters on a terminal, and add no newline for --exec", OPTION_FLAG,
	  offsetof(struct recv_options, raw) },
	{ "count", 'n', "COUNT", "exit after this many messages", OPTION_COUNT, offsetof(struct recv_options, count) },
	{ "format", 0, "FORMAT", "print %c channel, %p payload, ... (see udsctl(1))", OPTION_NAME,
	  offsetof(struct recv_options, format) },
	{ "json", 0, NULL, "print messages as JSON, one object per line", OPTION_FLAG,
	  offsetof(struct recv_options, common.json) },
	{ "exec", 0, "COMMAND", "run it for each message, on its standard input", OPTION_NAME,
	  offsetof(struct recv_options, exec) },
	{ "jobs", 0, "COUNT", "run up to this many commands at once (1)", OPTION_COUNT,
	  offsetof(struct recv_options, jobs) },
	{ "queue-bytes", 0, "SIZE", "let at most this much wait for its command (16M)", OPTION_SIZE,
	  offsetof(struct recv_options, queue_bytes) },
	{ "stop-on-error", 0, NULL, "exit when a command fails", OPTION_FLAG,
	  offsetof(struct recv_options, stop_on_error) },
	{ "stop-timeout", 0, "DURATION", "wait this long for commands after a signal (60s)", OPTION_DURATION,
	  offsetof(struct recv_options, stop_timeout) },
	{ "timeout", 0, "DURATION", "give up after this long without a message (never; --no-wait: 5s)", OPTION_TIMEOUT,
	  0 },
	{ "summary", 0, NULL, "report totals at the end", OPTION_FLAG, offsetof(struct recv_options, summary) },
	{ 0 },
};

static int
verb_recv_run(const void *options)
{
	const struct recv_options *o = options;

	if (history_is_asked(o))
		return history_run(o);
	if (o->common.n_args + o->patterns.n == 0) {
		say("recv: no channel and no pattern; try 'udsctl recv --help'");
		return EX_USAGE;
	}
	for (size_t i = 0; i < o->common.n_args; i++)
		if (strchr(o->common.args[i], '*'))
			say("recv: '%s' is taken as the name of one channel; patterns need -p", o->common.args[i]);
	return live_run(o);
}

const struct verb verb_recv = {
	.name = "recv",
	.arguments = "[CHANNEL]...",
	.summary = "print the messages of channels, or run a command for each",
	.rows = rows,
	.args_max = SIZE_MAX,
	.n_names = SIZE_MAX,
	.examples = "udsctl recv -p 'logs.*' --format '%I %c: %p'\n"
		    "udsctl recv --exec './work \"$UDSD_CHANNEL\"' --jobs 4 jobs\n",
	.options_size = sizeof(struct recv_options),
	.run = verb_recv_run,
};
