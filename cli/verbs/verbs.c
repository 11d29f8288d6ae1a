#include "verbs.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "nearest.h"
#include "say.h"
#include "verb-options.h"
#include "verb-run.h"

#define VERBS_MAX 32

#define FIELD(name) offsetof(struct options, name)

static const struct option_row send_options[] = {
	{ "file", 'f', "FILE", "read FILE instead of standard input (-: standard input); several go in order",
	  OPTION_FILE, 0 },
	{ "null", '0', NULL, "messages end with a NUL instead of a newline", OPTION_FLAG, FIELD(null) },
	{ "whole", 0, NULL, "all of standard input, or of each FILE, is one message", OPTION_FLAG, FIELD(whole) },
	{ "rate", 0, "RATE", "send at most so many messages: 100/s, 6000/m", OPTION_RATE, 0 },
	{ "wait-receiver", 0, NULL, "messages wait until a receiver is there", OPTION_FLAG, FIELD(wait_receiver) },
	{ "timeout", 0, "DURATION", "give up when no answer comes for so long; 0: never (5s with a MESSAGE, else 0)",
	  OPTION_TIMEOUT, 0 },
	{ "queue-bytes", 0, "SIZE", "hold at most this much unanswered (16M)", OPTION_SIZE, FIELD(queue_bytes) },
	{ "spool", 0, "FILE", "keep what is not answered in FILE, and send what an earlier run left there first",
	  OPTION_TEXT, FIELD(spool) },
	{ "spool-bytes", 0, "SIZE", "the spool takes at most this much of the disk (1G)", OPTION_SIZE,
	  FIELD(spool_bytes) },
	{ "spool-sync", 0, NULL, "messages are on the disk, not only in the file, before they are sent", OPTION_FLAG,
	  FIELD(spool_sync) },
	{ "progress", 0, NULL, "say how far it is (by itself on a terminal when it takes long)", OPTION_FLAG,
	  FIELD(progress) },
	{ "no-progress", 0, NULL, "do not", OPTION_FLAG, FIELD(no_progress) },
	{ "summary", 0, NULL, "at the end say how many messages went where", OPTION_FLAG, FIELD(summary) },
	{ 0 },
};

static const struct option_row recv_options[] = {
	{ "pattern", 'p', "PATTERN", "receive each channel that matches: *, ?, [...]", OPTION_PATTERN, 0 },
	{ "null", '0', NULL, "end messages with a NUL instead of a newline", OPTION_FLAG, FIELD(null) },
	{ "count", 'n', "COUNT", "end after this many messages", OPTION_COUNT, FIELD(count) },
	{ "format", 0, "FORMAT", "print messages so: %c channel, %p payload, ... (see udsctl(1))", OPTION_TEXT,
	  FIELD(format) },
	{ "json", 0, NULL, "print messages as objects of JSON, one in a line", OPTION_FLAG, FIELD(json) },
	{ "exec", 0, "COMMAND", "run this for each message, which is its standard input", OPTION_TEXT, FIELD(exec) },
	{ "jobs", 0, "COUNT", "run so many commands at once (1)", OPTION_COUNT, FIELD(jobs) },
	{ "queue-bytes", 0, "SIZE", "hold at most this much that waits for its command (16M)", OPTION_SIZE,
	  FIELD(exec_bytes) },
	{ "stop-on-error", 0, NULL, "end when a command fails", OPTION_FLAG, FIELD(stop_on_error) },
	{ "timeout", 0, "DURATION", "give up when no message comes for this long (0: never)", OPTION_TIMEOUT, 0 },
	{ "summary", 0, NULL, "at the end say how many messages came", OPTION_FLAG, FIELD(summary) },
	{ 0 },
};

static const struct option_row pipe_options[] = {
	{ "hello", 0, "TEXT", "send this line first after each connect", OPTION_TEXT, FIELD(hello) },
	{ "timeout", 0, "DURATION", "give up when nothing can be sent for this long (0: never)", OPTION_TIMEOUT, 0 },
	{ "queue-bytes", 0, "SIZE", "hold at most this much unsent (16M)", OPTION_SIZE, FIELD(queue_bytes) },
	{ 0 },
};

const struct verb verbs[] = {
	{ "send", "CHANNEL [MESSAGE]...", "publish the messages, or without any the lines of standard input",
	  send_options, 1, SIZE_MAX, verb_send },
	{ "recv", "[CHANNEL]...", "print the messages of channels, or run a command for each", recv_options, 0,
	  SIZE_MAX, verb_recv },
	{ "pipe", "", "send standard input as it is and print what comes back", pipe_options, 0, 0, verb_pipe },
	{ "ping", "", "ask the daemon for an answer and print how long it took", ping_options, 0, 0, verb_ping },
	{ "stats", "", "show what goes through the daemon", stats_options, 0, 0, verb_stats },
	{ "clients", "", "list who is connected", clients_options, 0, 0, verb_clients },
	{ "channels", "[PATTERN]", "list the channels and what goes through them", channels_options, 0, 1,
	  verb_channels },
	{ "top", "", "watch channels and clients live, in a terminal", top_options, 0, 0, verb_top },
	{ "monitor", "", "print messages as they are published: who sent what to how many", monitor_options, 0, 0,
	  verb_monitor },
	{ "kill", "[ID]...", "close clients' connections", kill_options, 0, SIZE_MAX, verb_kill },
	{ "reload", "", "have the daemon read its configuration again", reload_options, 0, 0, verb_reload },
	{ "check", "", "tell in one line whether the daemon is well, for monitoring systems", check_options, 0, 0,
	  verb_check },
	{ "bench", "", "measure the daemon for a few seconds", bench_options, 0, 0, verb_bench },
	{ "help", "[VERB]", "open the manual, at the verb", help_options, 0, 1, verb_help },
	{ 0 },
};

const struct verb *
verbs_find(const char *name)
{
	for (const struct verb *v = verbs; v->name; v++)
		if (strcmp(v->name, name) == 0)
			return v;
	return NULL;
}

void
verbs_report_unknown(const char *name)
{
	const char *names[VERBS_MAX], *nearest;
	size_t n = 0;

	for (const struct verb *v = verbs; v->name && n < VERBS_MAX; v++)
		names[n++] = v->name;
	nearest = nearest_find(name, strlen(name), names, n);
	if (nearest)
		say("unknown verb '%s'; did you mean '%s'?", name, nearest);
	else
		say("unknown verb '%s'; try 'udsctl --help'", name);
}

void
verbs_usage(void)
{
	fputs("usage: udsctl [--socket ADDR] VERB [OPTION]...\n", stderr);
	for (const struct verb *v = verbs; v->name; v++)
		fprintf(stderr, "       udsctl %s%s%s\n", v->name, *v->arguments ? " " : "", v->arguments);
	fputs("Try 'udsctl --help'.\n", stderr);
}

static void
print_options(const char *title, const struct option_row *row)
{
	char text[64];

	if (row->name)
		printf("\n%s:\n", title);
	for (; row->name; row++) {
		snprintf(text, sizeof(text), "%c%c%c --%s%s%s", row->letter ? '-' : ' ',
		         row->letter ? row->letter : ' ', row->letter ? ',' : ' ', row->name,
		         row->argument && *row->argument != '[' ? " " : "", row->argument ? row->argument : "");
		printf("  %-28s %s\n", text, row->help);
	}
}

int
verbs_help(const struct verb *verb)
{
	if (verb) {
		printf("usage: udsctl %s [OPTION]...%s%s\n\n%s: %s\n", verb->name, *verb->arguments ? " " : "",
		       verb->arguments, verb->name, verb->summary);
		print_options("Options", verb->options);
	} else {
		fputs("usage: udsctl [--socket ADDR] VERB [OPTION]...\n\nVerbs:\n", stdout);
		for (const struct verb *v = verbs; v->name; v++)
			printf("  %-28s %s\n", v->name, v->summary);
		fputs(
		    "\nWithout a verb, with standard input piped: udsctl pipe.\n"
		    "'udsctl VERB --help' shows the options of a verb. Durations are like 500ms, 5s or 1m, sizes like "
		    "16M.\n"
		    "The socket is --socket, else $UDSD_SOCKET, else $XDG_RUNTIME_DIR/udsd/udsd.sock if it is there,\n"
		    "else /run/udsd/udsd.sock. Exit status: 0 every message was answered, 64 wrong usage, 65 the spool "
		    "is\ndamaged, 66 a file cannot be opened, 69 no daemon, 70 a command failed, 73 the spool cannot "
		    "be "
		    "created,\n74 input or output failed, 75 timed out, 76 not a bus or refused, 77 not permitted.\n",
		    stdout);
	}
	print_options("Options for every verb", options_global);
	return say_flushed() ? EX_OK : EX_IOERR;
}
