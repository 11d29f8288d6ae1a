/* udsctl help: the manual, at the section of the verb; where there is none, the text of --help. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include "options.h"
#include "verbs.h"

static const struct option_row rows[] = {
	{ 0 },
};

/* Runs a command without output; returns whether it ended well. */
static bool
works(const char *command)
{
	return system(command) == 0;
}

/* Does not return if it could. */
static void
open_manual(const char *verb)
{
	char pager[128];

	/* As the shell would start it: main() ignores these, and who is started would, too. */
	signal(SIGPIPE, SIG_DFL);
	signal(SIGXFSZ, SIG_DFL);
	if (!works("man -w udsctl >/dev/null 2>&1"))
		return;
	/* The headings of the verbs are indented by three columns. */
	if (verb)
		snprintf(pager, sizeof(pager), "less -R -p '^   %s$'", verb);
	if (works("command -v less >/dev/null"))
		execlp("man", "man", "-P", verb ? pager : "less -R", "udsctl", NULL);
	execlp("man", "man", "udsctl", NULL);
}

static int
verb_help_run(const void *options)
{
	const struct options *o = options;
	const struct verb *verb = o->n_args > 0 ? verbs_find(o->args[0]) : NULL;

	if (o->n_args > 0 && !verb) {
		verbs_report_unknown(o->args[0]);
		return EX_USAGE;
	}
	if (isatty(STDOUT_FILENO))
		open_manual(verb ? verb->name : NULL);
	return verbs_help(verb);
}

const struct verb verb_help = {
	.name = "help",
	.arguments = "[VERB]",
	.summary = "open the manual, at the verb",
	.rows = rows,
	.args_max = 1,
	.options_size = sizeof(struct options),
	.run = verb_help_run,
};
