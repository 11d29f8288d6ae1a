#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sysexits.h>
#include <unistd.h>

#include "hub.h"
#include "options.h"
#include "record.h"
#include "say.h"
#include "verbs.h"
#include "version.h"

/*
 * A socket must not take the number of a standard descriptor that is closed. It is opened the wrong way round, so that
 * using it is an error as before.
 */
static void
main_fill_standard_descriptors(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0)
			open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
}

static int
main_print_version(void)
{
	printf("udsctl %s\n", UDSD_VERSION);
	return say_flushed() ? EX_OK : EX_IOERR;
}

static int
main_parse_and_run(const struct verb *verb, struct options *o, int argc, char **argv)
{
	int first = options_parse(o, verb, argc, argv);

	if (first < 0)
		return EX_USAGE;
	say_init(o->verbose);
	if (o->version)
		return main_print_version();
	if (o->help)
		return verbs_help(verb);
	if (o->json && !record_is_possible("--json"))
		return EX_USAGE;
	o->args = argv + first;
	o->n_args = (size_t)(argc - first);
	if (o->n_args < verb->args_min || o->n_args > verb->args_max) {
		/* A channel is the only argument that a verb needs. */
		say("%s: %s; try 'udsctl %s --help'", verb->name,
		    o->n_args < verb->args_min ? "no channel" : "too many arguments", verb->name);
		return EX_USAGE;
	}
	if (hub_choose(o) < 0)
		return EX_USAGE;
	return verb->run(o);
}

/* argv[0] is the verb; common: the options before it. */
static int
main_run_verb(const struct verb *verb, const struct options *common, int argc, char **argv)
{
	struct options *o = options_new(verb, common);
	int status = main_parse_and_run(verb, o, argc, argv);

	options_free(o, verb);
	return status;
}

int
main(int argc, char **argv)
{
	char *pipe_argv[] = { "pipe", NULL };
	struct options common = { 0 };
	const struct verb *verb;
	int first;

	main_fill_standard_descriptors();
	/* write(2) reports both. */
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	first = options_parse(&common, NULL, argc, argv);
	if (first < 0)
		return EX_USAGE;
	if (common.version)
		return main_print_version();
	if (common.help && first == argc)
		return verbs_help(NULL);
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
