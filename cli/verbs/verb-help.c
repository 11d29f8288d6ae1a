/* udsctl help: opens the manual at the section of the verb; without a manual or a terminal it prints --help's text. */
#include <stdio.h>
#include <stdlib.h>
#include <sysexits.h>
#include <unistd.h>

#include "options.h"
#include "signals.h"
#include "verbs.h"

static const struct option_row rows[] = {
	{ 0 },
};

/* Becomes man(1). Returns if there is no manual. */
static void
help_open_manual(const char *verb)
{
	char pager[128] = "less -R";

	signals_restore();
	if (system("man -w udsctl >/dev/null 2>&1") != 0)
		return;
	if (verb) /* man indents the headings of verbs by three columns */
		snprintf(pager, sizeof(pager), "less -R -p '^   %s$'", verb);
	if (system("command -v less >/dev/null") == 0)
		execlp("man", "man", "-P", pager, "udsctl", NULL);
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
		help_open_manual(verb ? verb->name : NULL);
	return verbs_help(verb);
}

const struct verb verb_help = {
	.name = "help",
	.arguments = "[VERB]",
	.summary = "open the manual at the section of the verb",
	.rows = rows,
	.args_max = 1,
	.options_size = sizeof(struct options),
	.run = verb_help_run,
};
