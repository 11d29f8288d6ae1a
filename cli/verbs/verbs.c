#include "verbs.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "nearest.h"
#include "say.h"

/* In the order of the help. A new verb has a file of its own and is named here, and nowhere else. */
extern const struct verb verb_send, verb_recv, verb_pipe, verb_ping, verb_stats, verb_clients, verb_channels, verb_top,
    verb_monitor, verb_kill, verb_reload, verb_check, verb_bench, verb_help;

static const struct verb *const verbs[] = {
	&verb_send,    &verb_recv, &verb_pipe,   &verb_ping,  &verb_stats, &verb_clients, &verb_channels,
#ifdef VERBS_TOP
	&verb_top,
#endif
	&verb_monitor, &verb_kill, &verb_reload, &verb_check, &verb_bench, &verb_help,
};

#define N_VERBS (sizeof(verbs) / sizeof(verbs[0]))

static const char help_text[] =
    "\nWithout a verb, with standard input piped: udsctl pipe.\n"
    "'udsctl VERB --help' shows the options of a verb. Durations are like 500ms, 5s or 1m, sizes like 16M.\n"
    "The socket is --socket, else $UDSD_SOCKET, else $XDG_RUNTIME_DIR/udsd/udsd.sock if it exists,\n"
    "else /run/udsd/udsd.sock. Exit status: 0 every message was answered, 64 wrong usage, 65 the spool is\n"
    "damaged, 66 a file cannot be opened, 69 no daemon, 70 a command failed, 73 the spool cannot be created,\n"
    "74 input or output failed, 75 timed out, 76 not a bus or refused, 77 not permitted.\n";

const struct verb *
verbs_find(const char *name)
{
	for (size_t i = 0; i < N_VERBS; i++)
		if (strcmp(verbs[i]->name, name) == 0)
			return verbs[i];
	return NULL;
}

void
verbs_report_unknown(const char *name)
{
	const char *names[N_VERBS], *nearest;

	for (size_t i = 0; i < N_VERBS; i++)
		names[i] = verbs[i]->name;
	nearest = nearest_find(name, strlen(name), names, N_VERBS);
	if (nearest)
		say("unknown verb '%s'; did you mean '%s'?", name, nearest);
	else
		say("unknown verb '%s'; try 'udsctl --help'", name);
}

void
verbs_usage(void)
{
	fputs("usage: udsctl [--socket ADDR] VERB [OPTION]...\n", stderr);
	for (size_t i = 0; i < N_VERBS; i++)
		fprintf(stderr, "       udsctl %s%s%s\n", verbs[i]->name, *verbs[i]->arguments ? " " : "",
		        verbs[i]->arguments);
	fputs("Try 'udsctl --help'.\n", stderr);
}

static void
verbs_print_options(const char *title, const struct option_row *row)
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
		verbs_print_options("Options", verb->rows);
	} else {
		fputs("usage: udsctl [--socket ADDR] VERB [OPTION]...\n\nVerbs:\n", stdout);
		for (size_t i = 0; i < N_VERBS; i++)
			printf("  %-28s %s\n", verbs[i]->name, verbs[i]->summary);
		fputs(help_text, stdout);
	}
	verbs_print_options("Options for every verb", options_global);
	return say_flushed() ? EX_OK : EX_IOERR;
}
