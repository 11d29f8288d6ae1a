#include <ctype.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "hub.h"
#include "options.h"
#include "print.h"
#include "record.h"
#include "say.h"
#include "signals.h"
#include "verbs.h"
#include "version.h"

#define UPPER_CASE "ABCDEFGHIJKLMNOPQRSTUVWXYZ"

static int
main_print_version(void)
{
	print("udsctl %s\n", UDSD_VERSION);
	return print_end(EX_OK);
}

/* What the i-th argument is called, of `size` bytes at most: "CHANNEL" of "CHANNEL [MESSAGE]...". */
static void
main_name_argument(const struct verb *verb, size_t i, char *text, size_t size)
{
	const char *p = verb->arguments + strcspn(verb->arguments, UPPER_CASE), *next;

	for (; i > 0 && *(next = p + strspn(p, UPPER_CASE)); i--) {
		next += strcspn(next, UPPER_CASE);
		if (*next)
			p = next;
	}
	snprintf(text, size, "%.*s", (int)strspn(p, UPPER_CASE), p);
}

/*
 * Checks what is not an option, of which there are n, and finds the socket. Returns false after reporting a mistake.
 * Behind "--", which stands before args then, even an empty name is meant, but no file has one.
 */
static bool
main_take_arguments(const struct verb *verb, struct options *o, char **args, size_t n)
{
	bool is_quoted = strcmp(args[-1], "--") == 0;
	char name[32];

	o->args = args;
	o->n_args = n;
	if (n < verb->args_min) {
		main_name_argument(verb, n, name, sizeof(name));
		for (char *p = name; *p; p++)
			*p = (char)tolower((unsigned char)*p);
		say("%s: no %s; try 'udsctl %s --help'", verb->name, name, verb->name);
		return false;
	}
	if (n > verb->args_max) {
		say("%s: unexpected argument '%s'; try 'udsctl %s --help'", verb->name, args[verb->args_max],
		    verb->name);
		return false;
	}
	for (size_t i = 0; i < n && i < verb->n_names; i++) {
		main_name_argument(verb, i, name, sizeof(name));
		if (!*args[i] && strcmp(name, "FILE") == 0) {
			say("%s: the FILE is empty; is a variable unset?", verb->name);
			return false;
		} else if (!*args[i] && !is_quoted) {
			say("%s: the %s is empty; is a variable unset? Behind '--' it is taken as it is", verb->name,
			    name);
			return false;
		}
	}
	if (o->json && !record_is_possible("--json"))
		return false;
	return hub_choose(o) == 0;
}

/* argv[0] is the verb; common: the options before it. */
static int
main_run_verb(const struct verb *verb, const struct options *common, int argc, char **argv)
{
	struct options *o = options_new(verb, common);
	char mistake[512] = "";
	bool is_right;
	int first, status;

	if (verb->mistake)
		say_capture(mistake, sizeof(mistake));
	first = options_parse(o, verb, argc, argv);
	say_set_verbose(o->verbose);
	is_right =
	    first >= 0 && (o->version || o->help || main_take_arguments(verb, o, argv + first, (size_t)(argc - first)));
	say_capture(NULL, 0);
	if (!is_right)
		status = verb->mistake ? verb->mistake(mistake) : EX_USAGE;
	else if (o->version)
		status = main_print_version();
	else
		status = o->help ? verbs_help(verb) : verb->run(o);
	options_free(o, verb);
	return status;
}

/* A mistake that the verb may report in its own way. */
static int
main_refuse(const struct verb *verb, const char *mistake)
{
	if (verb && verb->mistake)
		return verb->mistake(mistake);
	say("%s", mistake);
	return EX_USAGE;
}

static int
main_run(int argc, char **argv)
{
	char *pipe_argv[] = { "pipe", NULL };
	struct options common = { 0 };
	const struct verb *verb;
	char mistake[512] = "";
	int first;

	say_capture(mistake, sizeof(mistake));
	first = options_parse(&common, NULL, argc, argv);
	say_capture(NULL, 0);
	if (first < 0) {
		/* The verb behind the mistake. */
		verb = NULL;
		for (int i = 1; i < argc && !(verb && verb->mistake); i++)
			verb = verbs_find(argv[i]);
		return main_refuse(verb, mistake);
	}
	if (common.version)
		return main_print_version();
	if (common.help && first == argc)
		return verbs_help(NULL);
	verb = first == argc && common.socket ? verbs_find(common.socket) : NULL;
	if (verb) {
		snprintf(
		    mistake, sizeof(mistake),
		    "--socket got the verb '%s' as its value: is a variable unset? (a socket of this name is ./%s)",
		    verb->name, verb->name);
		return main_refuse(verb, mistake);
	}
	if (first == argc && isatty(STDIN_FILENO)) {
		verbs_usage();
		return EX_USAGE;
	}
	if (first == argc)
		return main_run_verb(verbs_find("pipe"), &common, 1, pipe_argv);
	verb = verbs_find(argv[first]);
	if (!verb) {
		verbs_report_unknown(argv[first]);
		return EX_USAGE;
	}
	return main_run_verb(verb, &common, argc - first, argv + first);
}

int
main(int argc, char **argv)
{
	int status;

	/*
	 * A socket must not take the number of a standard descriptor that is closed. It is opened the wrong way round,
	 * so that using it is an error as before.
	 */
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0)
			open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
	signals_init();
	say_init();
	status = main_run(argc, argv);
	say_end();
	return signals_end(status);
}
