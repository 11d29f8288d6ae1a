#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "buf.h"
#include "config.h"
#include "human.h"
#include "log.h"
#include "options.h"
#include "salvage.h"
#include "server.h"

/* Opens closed standard descriptors. A socket could take their numbers, and the log would go to a client. */
static void
main_fill_descriptors(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

static int
main_run(const struct options *options, struct config *config)
{
	struct server server;
	int r;

	main_fill_descriptors();
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN); /* a log that has reached the limit of its size takes no more lines */
	umask(0077);
	r = server_init(&server, options, config);
	if (r != 0)
		return r;
	server_run(&server);
	server_deinit(&server);
	log_info("stopped");
	if (loader_is_busy(&server.loader))
		_exit(EXIT_SUCCESS); /* its thread still uses the options, and waits for a name service */
	return EXIT_SUCCESS;
}

/* Returns an exit status: of failure if the output could not be written. */
static int
main_flush_output(void)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return EXIT_SUCCESS;
	perror("udsd: standard output");
	return EX_IOERR;
}

/* Saves what is whole of a damaged store. Returns an exit status. */
static int
main_salvage(const struct options *options)
{
	struct salvage salvage;
	char error[1024];

	umask(0077);
	if (salvage_store(options->salvage, options->store, &salvage, error, sizeof(error)) < 0) {
		fprintf(stderr, "udsd: %s\n", error);
		return EX_IOERR;
	}
	printf("%s: saved %" PRIu64 " blocks and %" PRIu64 " records; found %" PRIu64 " damaged place%s\n",
	       options->store, salvage.blocks, salvage.records, salvage.damages, human_s(salvage.damages));
	return main_flush_output();
}

int
main(int argc, char **argv)
{
	struct options options;
	struct config *config;
	struct buf mistakes;
	int r;

	switch (options_parse(argc, argv, &options)) {
	case OPTIONS_EXIT_OK:
		return main_flush_output();
	case OPTIONS_EXIT_USAGE:
		return EX_USAGE;
	case OPTIONS_RUN:
		break;
	}
	log_init("udsd");
	if (options.salvage) {
		r = main_salvage(&options);
		options_deinit(&options);
		return r;
	}
	config = options_load_config(&options, options.check_config && options.n_listen == 0, &mistakes);
	if (!config) {
		log_lines(LOG_LEVEL_ERROR, mistakes.len > 0 ? (char *)mistakes.data : "udsd: out of memory\n", true);
		r = EX_CONFIG;
	} else if (options.check_config || options.print_config) {
		if (options.print_config)
			config_print(config, stdout);
		else
			printf("%s: the configuration is valid\n",
			       config->path ? config->path : "no file, only the command line");
		config_free(config);
		r = main_flush_output();
	} else {
		log_set_level((enum log_level)config->log_level);
		log_never_wait();
		r = main_run(&options, config);
	}
	buf_deinit(&mistakes);
	options_deinit(&options);
	return r;
}
