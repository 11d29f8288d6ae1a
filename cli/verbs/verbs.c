#include "verbs.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sysexits.h>

#include "nearest.h"
#include "print.h"
#include "say.h"

/* In the order of the help. A new verb has a file of its own and is named here, and nowhere else. */
extern const struct verb verb_send, verb_recv, verb_pipe, verb_ping, verb_stats, verb_clients, verb_channels,
    verb_services, verb_streams, verb_groups, verb_pending, verb_work, verb_jobs, verb_retry, verb_drop, verb_wait,
    verb_pause, verb_resume, verb_call, verb_serve, verb_top, verb_monitor, verb_kill, verb_trim, verb_delete,
    verb_export, verb_import, verb_reload, verb_backup, verb_check, verb_bench, verb_help;

static const struct verb *const verbs[] = {
	&verb_send,     &verb_recv,    &verb_pipe,   &verb_ping,    &verb_stats,  &verb_clients, &verb_channels,
	&verb_services, &verb_streams, &verb_groups, &verb_pending, &verb_work,   &verb_jobs,    &verb_retry,
	&verb_drop,     &verb_wait,    &verb_pause,  &verb_resume,  &verb_call,   &verb_serve,
#ifdef VERBS_TOP
	&verb_top,
#endif
	&verb_monitor,  &verb_kill,    &verb_trim,   &verb_delete,  &verb_export, &verb_import,  &verb_reload,
	&verb_backup,   &verb_check,   &verb_bench,  &verb_help,
};

#define N_VERBS (sizeof(verbs) / sizeof(verbs[0]))

/* Words that people try, and what they mean. */
static const struct {
	const char *word, *meant;
} verbs_synonyms[] = {
	{ "publish", "send" },
	{ "pub", "send" },
	{ "subscribe", "recv" },
	{ "sub", "recv" },
	{ "listen", "recv" },
	{ "worker", "work" },
	{ "consume", "work" },
	{ "queue", "jobs" },
	{ "request", "call" },
	{ "service", "services" },
	{ "requeue", "retry" },
	{ "del", "delete" },
	{ "rm", "delete" },
	{ "remove", "delete" },
	{ "purge", "delete" },
	{ "info", "stats" },
	{ "status", "stats" },
	{ "list", "clients" },
	{ "health", "check" },
	{ "cat", "pipe" },
	{ "version", "--version" },
	{ "psubscribe", "recv -p" },
	{ "start", "systemctl start udsd" },
	{ "stop", "systemctl stop udsd" },
	{ "restart", "systemctl restart udsd" },
	{ "shutdown", "systemctl stop udsd" },
};

#define HELP_WIDTH 80

static const char help_text[] = "\nWithout a verb, 'udsctl' is 'udsctl pipe' if standard input is no terminal.\n"
				"'udsctl VERB --help' shows the options of a verb. Durations are like 500ms, 5s\n"
				"or 1m, a number alone is in seconds; sizes are like 16M.\n"
				"The socket is --socket, else $UDSD_SOCKET, else $XDG_RUNTIME_DIR/udsd/udsd.sock\n"
				"if it exists, else /run/udsd/udsd.sock.\n"
				"Exit status: 0 every message was answered, 1 a worker failed, 64 wrong usage, 65\n"
				"the spool is damaged, 66 a file cannot be opened, 69 no daemon, receiver or\n"
				"worker, 70 a command failed, 73 the spool cannot be created, 74 input or output\n"
				"failed, 75 timed out, 76 not a bus or refused, 77 not permitted, 126 and 127 a\n"
				"command cannot be run or is not found.\n";

static const char help_examples[] = "tail -F app.log | udsctl send logs.app\n"
				    "udsctl recv -p 'logs.*' --format '%c: %p'\n";

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
	const char *names[N_VERBS], *meant = NULL;

	for (size_t i = 0; i < sizeof(verbs_synonyms) / sizeof(verbs_synonyms[0]); i++)
		if (strcasecmp(name, verbs_synonyms[i].word) == 0)
			meant = verbs_synonyms[i].meant;
	for (size_t i = 0; i < N_VERBS; i++)
		names[i] = verbs[i]->name;
	if (!meant)
		meant = nearest_find(name, strlen(name), names, N_VERBS);
	if (meant)
		say("unknown verb '%s'; did you mean '%s'?", name, meant);
	else
		say("unknown verb '%s'; try 'udsctl --help'", name);
}

void
verbs_usage(void)
{
	fputs("usage: udsctl [--socket ADDR] VERB [OPTION]...\n", stderr);
	for (size_t i = 0; i < N_VERBS; i++)
		fprintf(stderr, "       udsctl %s%s%s\n", verbs[i]->name, verbs[i]->arguments ? " " : "",
		        verbs[i]->arguments ? verbs[i]->arguments : "");
	fputs("Try 'udsctl --help'.\n", stderr);
}

/* A name in a column of `width`, and beside it the text, in lines that are broken at blanks. */
static void
verbs_print_row(const char *name, int width, const char *text)
{
	int room = HELP_WIDTH - width - 3, len = (int)strlen(text);

	if ((int)strlen(name) > width) {
		print("  %s\n", name);
		name = "";
	}
	for (const char *title = name; len > 0; title = "") {
		int n = len, next;

		if (len > room)
			for (n = room; n > 0 && text[n] != ' '; n--)
				;
		n = n > 0 ? n : len; /* a word that is too long */
		print("  %-*s %.*s\n", width, title, n, text);
		next = n + (text[n] == ' ');
		text += next;
		len -= next;
	}
}

static void
verbs_print_options(const char *title, const struct option_row *row)
{
	char text[64];

	if (row->name)
		print("\n%s:\n", title);
	for (; row->name; row++) {
		snprintf(text, sizeof(text), "%c%c%c --%s%s%s", row->letter ? '-' : ' ',
		         row->letter ? row->letter : ' ', row->letter ? ',' : ' ', row->name,
		         row->argument && *row->argument != '[' ? " " : "", row->argument ? row->argument : "");
		verbs_print_row(text, 24, row->help);
	}
}

int
verbs_help(const struct verb *verb)
{
	const char *examples = verb ? verb->examples : help_examples;

	if (verb) {
		print("usage: udsctl %s [OPTION]...%s%s\n\n%s: %s\n", verb->name, verb->arguments ? " " : "",
		      verb->arguments ? verb->arguments : "", verb->name, verb->summary);
		verbs_print_options("Options", verb->rows);
	} else {
		print("usage: udsctl [--socket ADDR] VERB [OPTION]...\n\nVerbs:\n");
		for (size_t i = 0; i < N_VERBS; i++)
			verbs_print_row(verbs[i]->name, 9, verbs[i]->summary);
		print("%s", help_text);
	}
	verbs_print_options("Options for every verb", options_global);
	for (size_t len; examples && *examples; examples += len + 1) {
		len = strcspn(examples, "\n");
		print("%s  %.*s\n", examples == (verb ? verb->examples : help_examples) ? "\nExamples:\n" : "",
		      (int)len, examples);
	}
	return print_end(EX_OK);
}
