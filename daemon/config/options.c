#include "options.h"

#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "buf.h"
#include "config.h"
#include "config-rows.h"
#include "listener-mode.h"
#include "log.h"
#include "nearest.h"
#include "protocol.h"
#include "version.h"

enum { OPT_LISTENER = 256, OPT_STORE, OPT_SALVAGE, OPT_CHECK_CONFIG, OPT_PRINT_CONFIG };

static const struct {
	struct option option;
	const char *argument, *help;
} rows[] = {
	{ { "config", required_argument, NULL, 'c' }, "FILE", "read this file instead of " UDSD_CONFIG_FILE },
	{ { "listen", required_argument, NULL, 'l' },
	  "ADDRESS",
	  "listen on a path, @name or host:port; may be repeated" },
	{ { "mode", required_argument, NULL, OPT_LISTENER }, "MODE", MODE_LIST " (default: route)" },
	{ { "channel", required_argument, NULL, OPT_LISTENER },
	  "CHANNEL",
	  "where messages go, for line, length and whole" },
	{ { "deliver", required_argument, NULL, OPT_LISTENER },
	  "yes|no",
	  "clients receive the channel, for line and length" },
	{ { "ack", required_argument, NULL, OPT_LISTENER }, "yes|no", "messages are answered, for whole" },
	{ { "type", required_argument, NULL, OPT_LISTENER },
	  "TYPE",
	  "of socket: stream (default), seqpacket or dgram" },
	{ { "store", required_argument, NULL, OPT_STORE },
	  "DIRECTORY",
	  "keep streams here; user: below ~/.local; none: nowhere" },
	{ { "salvage", required_argument, NULL, OPT_SALVAGE },
	  "DIRECTORY",
	  "save what can be read of this store to --store and exit" },
	{ { "log-level", required_argument, NULL, 'L' }, "LEVEL", "error, warning, info (default) or debug" },
	{ { "check-config", no_argument, NULL, OPT_CHECK_CONFIG },
	  NULL,
	  "report every mistake in the configuration and exit" },
	{ { "print-config", no_argument, NULL, OPT_PRINT_CONFIG },
	  NULL,
	  "print the configuration as it is in force and exit" },
	{ { "help", no_argument, NULL, 'h' }, NULL, "show this help and exit" },
	{ { "version", no_argument, NULL, 'V' }, NULL, "show the version and exit" },
};

#define N_ROWS (sizeof(rows) / sizeof(rows[0]))

static void
options_print_help(void)
{
	printf("usage: udsd [OPTION]...\n"
	       "Message hub of one host: programs exchange messages through its Unix sockets.\n\n");
	for (size_t i = 0; i < N_ROWS; i++) {
		const char *letter = rows[i].option.val == 'h' ? "-h, " : rows[i].option.val == 'V' ? "-V, " : "";
		char left[40];

		snprintf(left, sizeof(left), "%s--%s%s%s", letter, rows[i].option.name, rows[i].argument ? " " : "",
		         rows[i].argument ? rows[i].argument : "");
		printf("  %-20s %s\n", left, rows[i].help);
	}
	printf("\nWith --listen and without --config no file is read. udsd stays in the foreground\n"
	       "and logs to stderr. SIGHUP reloads the configuration file; SIGTERM, SIGINT and\n"
	       "SIGQUIT end it after what is queued is written, a second one at once.\n"
	       "Exit status: 0 ended by a signal, 64 wrong usage, 70 internal error, 74 output\n"
	       "failed, 77 no permission, 78 wrong configuration or a socket in use.\n"
	       "\nExample, with 'udsctl --socket /tmp/demo.sock' in other terminals:\n"
	       "  udsd --listen /tmp/demo.sock\n");
}

static enum options_result __attribute__((format(printf, 1, 2))) options_usage_error(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	fprintf(stderr, "udsd: ");
	vfprintf(stderr, format, ap);
	fprintf(stderr, "\nTry 'udsd --help'.\n");
	va_end(ap);
	return OPTIONS_EXIT_USAGE;
}

static enum options_result
options_unknown_option(const char *given)
{
	const char *names[N_ROWS], *name = given + strspn(given, "-"), *nearest;

	for (size_t i = 0; i < N_ROWS; i++)
		names[i] = rows[i].option.name;
	nearest = nearest_find(name, strcspn(name, "="), names, N_ROWS);
	if (nearest)
		return options_usage_error("unknown option '%s'; did you mean '--%s'?", given, nearest);
	return options_usage_error("unknown option '%s'", given);
}

/* Sets an option of the listeners of --listen. */
static enum options_result
options_set_listener(struct options *options, const char *key, const char *value)
{
	const struct config_row *row = config_listener_row(key);
	struct config_error error;

	options->listener_option = key;
	if (config_set_value(row, options->listener, value, &error) == 0)
		return OPTIONS_RUN;
	return options_usage_error("--%s: %s", key, error.text);
}

static enum options_result
options_handle_option(struct options *options, int c, const char *name, const char *given)
{
	enum log_level level;

	switch (c) {
	case 'c':
		options->config_path = optarg;
		return OPTIONS_RUN;
	case 'l':
		options->listen[options->n_listen++] = optarg;
		return OPTIONS_RUN;
	case OPT_LISTENER:
		return options_set_listener(options, name, optarg);
	case OPT_STORE:
		options->store = optarg;
		return OPTIONS_RUN;
	case OPT_SALVAGE:
		options->salvage = optarg;
		return OPTIONS_RUN;
	case 'L':
		if (log_level_parse(optarg, &level) < 0)
			return options_usage_error(
			    "--log-level: '%s' is not a log level (error, warning, info or debug)", optarg);
		options->log_level = (int)level;
		return OPTIONS_RUN;
	case OPT_CHECK_CONFIG:
		options->check_config = true;
		return OPTIONS_RUN;
	case OPT_PRINT_CONFIG:
		options->print_config = true;
		return OPTIONS_RUN;
	case 'h':
		options_print_help();
		return OPTIONS_EXIT_OK;
	case 'V':
		printf("udsd %s\n", UDSD_VERSION);
		return OPTIONS_EXIT_OK;
	case ':':
		return options_usage_error("option '%s' needs a value", given);
	default:
		return options_unknown_option(given);
	}
}

enum options_result
options_parse(int argc, char **argv, struct options *ret_options)
{
	struct options options = { .log_level = -1 };
	struct option longopts[N_ROWS + 1] = { 0 };
	enum options_result result = OPTIONS_RUN;
	int c, index = 0;

	options.listen = calloc((size_t)argc + 1, sizeof(*options.listen));
	options.listener = config_new_listener("--listen");
	if (!options.listen || !options.listener) {
		options_deinit(&options);
		return options_usage_error("out of memory");
	}
	for (size_t i = 0; i < N_ROWS; i++)
		longopts[i] = rows[i].option;
	opterr = 0;
	while (result == OPTIONS_RUN) {
		int at = optind;

		c = getopt_long(argc, argv, "+:hV", longopts, &index);
		if (c == -1)
			break;
		/* A value that is an option: the value was forgotten. */
		if (optarg && optarg == argv[optind - 1] && strncmp(optarg, "--", 2) == 0)
			c = ':';
		result = options_handle_option(&options, c, longopts[index].name, argv[at]);
	}
	if (result == OPTIONS_RUN && options.salvage && (!options.store || strcmp(options.store, "none") == 0))
		result = options_usage_error("--salvage: the new store is missing: --store DIRECTORY");
	if (result == OPTIONS_RUN && optind < argc)
		result = options_usage_error(
		    "unexpected argument '%s'; a file is for --config, an address for --listen", argv[optind]);
	if (result == OPTIONS_RUN && options.listener_option && options.n_listen == 0)
		result = options_usage_error("--%s goes with --listen", options.listener_option);
	if (result != OPTIONS_RUN)
		options_deinit(&options);
	else
		*ret_options = options;
	return result;
}

void
options_deinit(struct options *options)
{
	free(options->listen);
	options->listen = NULL;
	free(options->listener);
	options->listener = NULL;
}

/* Whether a configuration file can have this value. */
static bool
options_is_writable(const char *value)
{
	bool is_writable = !isspace((unsigned char)*value);

	for (; is_writable && *value; value++)
		is_writable =
		    *value != '\n' && !(isspace((unsigned char)*value) && strchr(";#", value[1])); /* or at the end */
	return is_writable;
}

/* Reports values that --print-config would print in a form that is read differently. */
static int
options_check_printable(const struct options *options, struct buf *mistakes)
{
	const char *channel = options->listener->options.channel;

	for (int i = 0; i < options->n_listen; i++)
		if (!options_is_writable(options->listen[i])) {
			buf_printf(mistakes, "udsd: --listen '%s': a configuration file cannot express this\n",
			           options->listen[i]);
			return -EINVAL;
		}
	if (options_is_writable(channel))
		return 0;
	buf_printf(mistakes, "udsd: --channel '%s': a configuration file cannot express this\n", channel);
	return -EINVAL;
}

static int
options_add_listeners(const struct options *options, struct config *config, struct buf *mistakes)
{
	for (int i = 0; i < options->n_listen; i++) {
		char name[LISTENER_NAME_MAX], text[256];
		struct listener_config *listener;
		const char *key;
		int r;

		snprintf(name, sizeof(name), "--listen %d", i + 1);
		listener = config_add_listener(config, name);
		if (!listener)
			return -ENOMEM;
		listener->options = options->listener->options;
		r = addr_list_parse(options->listen[i], &listener->listen);
		if (r != 0) {
			buf_printf(mistakes, "udsd: --listen '%s': %s\n", options->listen[i], addr_strerror(r));
			return -EINVAL;
		}
		key = mode_check(&listener->options, listener->listen.addrs[0].kind == ADDR_TCP, text, sizeof(text));
		if (key) {
			buf_printf(mistakes, "udsd: --listen '%s': --%s: %s\n", options->listen[i], key, text);
			return -EINVAL;
		}
	}
	return 0;
}

/* Without any listener udsd serves the host if it runs as root, otherwise its user. */
static int
options_add_default_listener(struct config *config, struct buf *mistakes)
{
	const char *runtime = getenv("XDG_RUNTIME_DIR");
	struct listener_config *listener = config_add_listener(config, "bus");
	char path[ADDR_PATH_MAX + 2];
	int r;

	if (!listener)
		return -ENOMEM;
	if (geteuid() != 0 && runtime && *runtime)
		snprintf(path, sizeof(path), "%s/" PROTOCOL_USER_SOCKET, runtime);
	else
		snprintf(path, sizeof(path), PROTOCOL_SERVICE_SOCKET);
	r = addr_list_parse(path, &listener->listen);
	if (r != 0) {
		buf_printf(mistakes, "%s: %s\n", path, addr_strerror(r));
		return -EINVAL;
	}
	listener->is_default = true;
	return 0;
}

/* Returns 0, or -EINVAL if the path is too long. The parts may be "". */
static int
options_set_store_path(struct config *config, const char *directory, const char *separator, const char *name)
{
	size_t size = sizeof(config->store.directory);

	return snprintf(config->store.directory, size, "%s%s%s", directory, separator, name) < (int)size ? 0 : -EINVAL;
}

/* --store user: where programs of a user keep their state. Without a home directory there are no streams. */
static int
options_set_store_of_user(struct config *config)
{
	const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");

	config->store.is_optional = true;
	if (state && *state == '/')
		return options_set_store_path(config, state, "/", "udsd");
	if (home && *home == '/' && access(home, F_OK) == 0)
		return options_set_store_path(config, home, "/.local/state/", "udsd");
	return options_set_store_path(config, "none", "", "");
}

/*
 * Says which directory has the streams: that of --store, which may be relative, or that of the configuration, or the
 * one that the service manager made for the service (StateDirectory=).
 */
static int
options_set_store(const struct options *options, struct config *config, struct buf *mistakes)
{
	const char *state = getenv("STATE_DIRECTORY"), *store = options->store;
	char here[STORE_PATH_MAX] = "";
	int r = 0;

	if (store && strcmp(store, "user") == 0) {
		r = options_set_store_of_user(config);
	} else if (store && *store != '/' && strcmp(store, "none") != 0) {
		r = *store && getcwd(here, sizeof(here)) ? options_set_store_path(config, here, "/", store) : -EINVAL;
	} else if (store) {
		r = options_set_store_path(config, store, "", "");
	} else if (strcmp(config->store.directory, "auto") == 0) {
		snprintf(here, sizeof(here), "%.*s", state ? (int)strcspn(state, ":") : 0, state ? state : "");
		r = options_set_store_path(config, *here ? here : "none", "", "");
	}
	if (r < 0)
		buf_printf(mistakes, "udsd: --store '%.200s': no name, or a path that is too long\n",
		           store ? store : "");
	return r;
}

const char *
options_config_path(const struct options *options)
{
	if (options->config_path || options->n_listen > 0)
		return options->config_path;
	/* A file that cannot be looked up may well be there, so only an error tells of it. */
	return access(UDSD_CONFIG_FILE, F_OK) == 0 || errno != ENOENT ? UDSD_CONFIG_FILE : NULL;
}

struct config *
options_load_config(const struct options *options, bool needs_file, struct buf *ret_mistakes)
{
	struct config *config = config_new();
	int r = config ? 0 : -ENOMEM;

	*ret_mistakes = (struct buf){ 0 };
	if (r == 0) {
		config->path = options_config_path(options);
		if (!config->path && needs_file && options->n_listen == 0)
			config->path = UDSD_CONFIG_FILE;
	}
	if (r == 0 && config->path) {
		r = config_read(config, config->path, ret_mistakes);
	} else if (r == 0 && needs_file) {
		buf_printf(ret_mistakes, "with --listen and without --config no file is read\n");
		r = -EINVAL;
	}
	if (r == 0)
		r = options_add_listeners(options, config, ret_mistakes);
	if (r == 0)
		r = options_set_store(options, config, ret_mistakes);
	if (r == 0 && STAILQ_EMPTY(&config->listeners))
		r = options_add_default_listener(config, ret_mistakes);
	if (r == 0 && options->print_config)
		r = options_check_printable(options, ret_mistakes);
	if (r == 0 && options->log_level >= 0)
		config->log_level = options->log_level;
	if (r == 0)
		return config;
	if (ret_mistakes->len == 0)
		buf_printf(ret_mistakes, "%s\n", strerror(-r));
	config_free(config);
	return NULL;
}
