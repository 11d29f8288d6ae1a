/* The command line of udsd. */
#pragma once

#include <stdbool.h>

struct buf;
struct config;
struct listener_config;

struct options {
	const char *config_path; /* of --config, or NULL */
	const char **listen;     /* the addresses of --listen; owned */
	int n_listen;
	struct listener_config *listener; /* the mode and so on of all these listeners; owned */
	const char *listener_option;      /* an option that was given for them, or NULL */
	const char *store;                /* the directory of --store, or NULL */
	const char *salvage;              /* that of --salvage, which comes with --store; or NULL */
	int log_level;                    /* enum log_level; -1: as configured */
	bool check_config, print_config;
};

enum options_result { OPTIONS_RUN, OPTIONS_EXIT_OK, OPTIONS_EXIT_USAGE };

/* Reads the arguments; prints what --help and --version ask for, or what is wrong. Free with options_deinit(). */
enum options_result options_parse(int argc, char **argv, struct options *ret_options);

void options_deinit(struct options *options);

/* The configuration file: the one given, or the default one if it exists and there is no --listen; or NULL. */
const char *options_config_path(const struct options *options);

/*
 * The configuration that the options ask for, complete with listeners. needs_file: that there is no file is a mistake;
 * otherwise the defaults then apply. Prints or logs nothing: the mistakes go to *ret_mistakes, which the caller
 * releases. Returns NULL on failure.
 */
struct config *options_load_config(const struct options *options, bool needs_file, struct buf *ret_mistakes);
