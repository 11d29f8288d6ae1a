#include "server.h"

#include <errno.h>
#include <libgen.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include <event2/event.h>

#include "buf.h"
#include "config.h"
#include "log.h"
#include "notify.h"
#include "options.h"

/* Descriptors that are not clients'. */
#define OTHER_DESCRIPTORS 64

#define ACCEPT_RETRY_MS 500

/* How long until it is tried again to put a socket file back: where something is in the way, or it failed. */
#define RESTORE_MS 1000
#define RESTORE_FAILED_MS (60 * 1000)

/* How often the log is told of the same trouble. */
#define ACCEPT_LOG_MS (60 * 1000)

static const int signal_numbers[SERVER_N_SIGNALS] = { SIGTERM, SIGINT, SIGQUIT, SIGHUP };

static void
add_timer(struct event *event, uint64_t ms)
{
	struct timeval tv = { (time_t)(ms / 1000), (suseconds_t)(ms % 1000 * 1000) };

	event_add(event, &tv);
}

static void
set_accepting(struct server *server, bool accepting)
{
	struct listener *listener;

	TAILQ_FOREACH(listener, &server->listeners, link)
		listener_set_accepting(listener, accepting);
}

/* Whether it is time to tell the log again that not all clients can be served. */
static bool
may_log_accept(struct server *server)
{
	uint64_t now = server->loop.bus.now_ms;

	if (server->accept_log_ms > 0 && now - server->accept_log_ms < ACCEPT_LOG_MS)
		return false;
	server->accept_log_ms = now;
	return true;
}

void
server_pause_accepting(struct server *server, int error)
{
	if (may_log_accept(server))
		log_warning("cannot accept more than %llu clients now: %s; new ones wait",
		            (unsigned long long)server->loop.bus.stats.clients, strerror(error));
	server->is_pausing = true;
	set_accepting(server, false);
	add_timer(&server->accept_timer, ACCEPT_RETRY_MS);
}

void
server_note_refused(struct server *server)
{
	if (may_log_accept(server))
		log_warning("max_clients is reached (%llu): further clients are turned away",
		            (unsigned long long)server->loop.bus.limits.max_clients);
}

void
server_note_user_refused(struct server *server, const struct identity *identity, const char *command)
{
	if (may_log_accept(server))
		log_warning("max_clients_per_uid is reached (%llu) by uid %d: pid %d '%s' is turned away",
		            (unsigned long long)server->loop.bus.limits.max_clients_per_uid, (int)identity->uid,
		            (int)identity->pid, command);
}

static void
accept_again_cb(evutil_socket_t fd __attribute__((unused)), short what __attribute__((unused)), void *arg)
{
	struct server *server = arg;

	server->is_pausing = false;
	if (!server->is_stopping)
		set_accepting(server, true);
}

static void
conn_closed_cb(void *arg)
{
	struct server *server = arg;

	if (server->is_pausing && !server->is_stopping) {
		server->is_pausing = false;
		event_del(&server->accept_timer);
		set_accepting(server, true);
	}
}

static void
stop_now_cb(evutil_socket_t fd __attribute__((unused)), short what __attribute__((unused)), void *arg)
{
	struct server *server = arg;

	log_warning("stopping with output unsent: %llu clients did not take it in time",
	            (unsigned long long)server->loop.bus.stats.clients);
	server->is_done = true;
}

static void
close_listeners(struct listener_list *list)
{
	struct listener *listener;

	while ((listener = TAILQ_FIRST(list))) {
		TAILQ_REMOVE(list, listener, link);
		listener_free(listener);
	}
}

/* why: what asked for it. */
static void
stop(struct server *server, const char *why)
{
	struct listener *listener;

	if (server->is_stopping) {
		log_info("%s again: ending at once", why);
		server->is_done = true;
		return;
	}
	log_info("%s: stopping", why);
	notify_send("STOPPING=1\nSTATUS=Stopping");
	server->is_stopping = true;
	TAILQ_FOREACH(listener, &server->listeners, link)
		listener_retire(listener);
	loop_stop(&server->loop);
	add_timer(&server->stop_timer, server->config->shutdown_timeout);
}

static struct listener *
find_listener(const struct server *server, const struct addr *addr)
{
	struct listener *listener;

	TAILQ_FOREACH(listener, &server->listeners, link)
		if (addr_is_equal(&listener->config.addr, addr))
			return listener;
	return NULL;
}

/* The configured listener of an address, or for a socket from the service manager also of its name; or NULL. */
static const struct listener_config *
find_config(const struct config *config, const struct addr *addr, const char *name)
{
	const struct listener_config *listener;

	STAILQ_FOREACH(listener, &config->listeners, link)
		if (addr_is_equal(&listener->addr, addr))
			return listener;
	if (name)
		STAILQ_FOREACH(listener, &config->listeners, link)
			if (strcmp(listener->name, name) == 0)
				return listener;
	return NULL;
}

static int
open_listener(struct server *server, const struct listener_config *config, int fd)
{
	struct listener *listener;
	int r = listener_new(server, config, fd, &listener);

	if (r < 0)
		log_error("out of memory");
	else if (r == 0)
		TAILQ_INSERT_TAIL(&server->listeners, listener, link);
	return r < 0 ? EX_SOFTWARE : r;
}

/* A socket from the service manager takes the mode of the configured listener of its address, or of its name. */
static int
adopt_socket(struct server *server, int fd, const char *name)
{
	struct listener_config config = { .mode = CONN_ROUTE };
	const struct listener_config *configured;
	struct addr addr = { 0 };
	socklen_t len = sizeof(addr.storage);
	int is_listening = 0;

	if (getsockname(fd, &addr.sa, &len) < 0) {
		log_error("socket '%s' from the service manager: %s", name, strerror(errno));
		return LISTENER_E_CONFIG;
	}
	if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &is_listening, &(socklen_t){ sizeof(int) }) < 0 ||
	    !is_listening) {
		log_error("socket '%s' from the service manager is not a listening stream socket", name);
		return LISTENER_E_CONFIG;
	}
	addr.len = len;
	addr.kind = ADDR_TCP;
	if (addr.sa.sa_family == AF_UNIX)
		addr.kind = addr.un.sun_path[0] ? ADDR_PATH : ADDR_ABSTRACT;
	evutil_make_socket_nonblocking(fd);
	configured = find_config(server->config, &addr, name);
	if (configured)
		config = *configured;
	else
		strncat(config.name, name, sizeof(config.name) - 1);
	config.addr = addr;
	return open_listener(server, &config, fd);
}

static int
adopt_sockets(struct server *server)
{
	char **names = NULL;
	int first, n = notify_sockets(&first, &names), r = 0;

	for (int i = 0; i < n; i++) {
		int s = adopt_socket(server, first + i, names && names[i] ? names[i] : "");

		r = r == 0 ? s : r;
	}
	notify_free_names(names);
	return r;
}

static bool
is_open(const struct server *server, const struct listener_config *config)
{
	struct listener *listener;

	TAILQ_FOREACH(listener, &server->listeners, link)
		if (listener->is_handed_over && strcmp(listener->config.name, config->name) == 0)
			return true;
	return find_listener(server, &config->addr) != NULL;
}

/* Opens those of the configured listeners that are not open yet: all, or none. Returns 0 or an exit status. */
static int
open_listeners(struct server *server, const struct config *config)
{
	struct listener_list opened = TAILQ_HEAD_INITIALIZER(opened);
	const struct listener_config *wanted;
	struct listener *listener;
	int r = 0;

	STAILQ_FOREACH(wanted, &config->listeners, link) {
		if (is_open(server, wanted))
			continue;
		r = listener_new(server, wanted, -1, &listener);
		if (r != 0)
			break;
		TAILQ_INSERT_TAIL(&opened, listener, link);
	}
	if (r < 0)
		log_error("out of memory");
	if (r == 0)
		TAILQ_CONCAT(&server->listeners, &opened, link);
	else
		close_listeners(&opened);
	return r < 0 ? EX_SOFTWARE : r;
}

/* Closes the listeners that clients cannot find any more, so that they can be opened anew. */
static void
close_lost_listeners(struct server *server)
{
	struct listener *listener, *next;

	for (listener = TAILQ_FIRST(&server->listeners); listener; listener = next) {
		next = TAILQ_NEXT(listener, link);
		if (listener_is_in_place(listener))
			continue;
		log_warning("%s: the socket file was removed or replaced", listener->file.path);
		TAILQ_REMOVE(&server->listeners, listener, link);
		listener_free(listener);
	}
}

/* Whether a socket file could be put there: there is a directory, and nothing of that name in it. */
static bool
is_free(const char *path)
{
	char directory[ADDR_PATH_MAX + 1];
	struct stat st;

	if (lstat(path, &st) == 0 || errno != ENOENT)
		return false;
	snprintf(directory, sizeof(directory), "%s", path);
	return access(dirname(directory), W_OK | X_OK) == 0;
}

/* Opens anew the listeners whose socket files are gone, once nothing else stands in their places. */
static void
restore_listeners(struct server *server)
{
	const struct listener_config *config;

	STAILQ_FOREACH(config, &server->config->listeners, link) {
		if (config->addr.kind != ADDR_PATH || is_open(server, config) || is_free(config->addr.un.sun_path))
			continue;
		if (!server->is_blocked)
			log_error("%s: the socket is put back when its directory is there and the place is free",
			          config->addr.un.sun_path);
		server->is_blocked = true;
		add_timer(&server->restore_timer, RESTORE_MS);
		return;
	}
	server->is_blocked = false;
	if (open_listeners(server, server->config) != 0)
		add_timer(&server->restore_timer, RESTORE_FAILED_MS);
}

static void
socket_changed_cb(void *arg)
{
	struct server *server = arg;

	if (server->is_stopping)
		return;
	close_lost_listeners(server);
	restore_listeners(server);
}

static void
restore_cb(evutil_socket_t fd __attribute__((unused)), short what __attribute__((unused)), void *arg)
{
	socket_changed_cb(arg);
}

/* Closes the listeners that are not configured any more, and brings the others up to date. */
static void
update_listeners(struct server *server)
{
	struct listener *listener, *next;

	for (listener = TAILQ_FIRST(&server->listeners); listener; listener = next) {
		const char *name = listener->is_handed_over ? listener->config.name : NULL;
		const struct listener_config *config = find_config(server->config, &listener->config.addr, name);

		next = TAILQ_NEXT(listener, link);
		if (config) {
			listener_update(listener, config);
		} else if (!listener->is_handed_over) {
			TAILQ_REMOVE(&server->listeners, listener, link);
			listener_free(listener);
		}
	}
}

/* Every client takes a descriptor; the hard limit is the administrator's to raise. */
static void
raise_descriptor_limit(const struct config *config)
{
	struct rlimit limit;
	rlim_t wanted = config->limits.max_clients + OTHER_DESCRIPTORS;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= wanted)
		return;
	limit.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : wanted;
	setrlimit(RLIMIT_NOFILE, &limit);
	if (limit.rlim_cur < wanted)
		log_debug(
		    "there are descriptors for about %llu clients, not for max_clients (%llu)",
		    (unsigned long long)(limit.rlim_cur > OTHER_DESCRIPTORS ? limit.rlim_cur - OTHER_DESCRIPTORS : 0),
		    (unsigned long long)config->limits.max_clients);
}

static void
apply_config(struct server *server)
{
	log_set_level((enum log_level)server->config->log_level);
	raise_descriptor_limit(server->config);
	server->loop.bus.limits = server->config->limits;
	server->loop.bus.admins = &server->config->admins;
	router_set_rules(&server->loop.bus, &server->config->rules);
	server->loop.bus.config_path = server->config->path;
}

static void
notify_ready(void)
{
	notify_send("READY=1\nSTATUS=Listening");
}

static void
reload(struct server *server)
{
	struct buf mistakes;
	struct config *config, *old;

	if (server->is_stopping)
		return;
	notify_reloading();
	config = options_load_config(server->options, &mistakes);
	for (char *p = (char *)mistakes.data, *line; !config && (line = strsep(&p, "\n")) && *line;)
		log_error("%s", line);
	close_lost_listeners(server);
	if (config && open_listeners(server, config) == 0) {
		old = server->config;
		server->config = config;
		apply_config(server);
		config_free(old);
		update_listeners(server);
		log_info("the configuration was reloaded");
	} else {
		config_free(config);
		log_error("the configuration was not reloaded");
	}
	buf_deinit(&mistakes);
	notify_ready();
}

static void
signal_cb(evutil_socket_t number, short what __attribute__((unused)), void *arg)
{
	struct server *server = arg;

	/* Without a file there is nothing to reload, and a terminal that goes away ends what was started in it. */
	if (number == SIGHUP && server->config->path)
		reload(server);
	else
		stop(server, strsignal(number));
}

static void
init_events(struct server *server)
{
	struct event_base *base = server->loop.base;

	for (int i = 0; i < SERVER_N_SIGNALS; i++) {
		evsignal_assign(&server->signals[i], base, signal_numbers[i], signal_cb, server);
		evsignal_add(&server->signals[i], NULL);
	}
	evtimer_assign(&server->accept_timer, base, accept_again_cb, server);
	evtimer_assign(&server->stop_timer, base, stop_now_cb, server);
	evtimer_assign(&server->restore_timer, base, restore_cb, server);
	guard_init(&server->guard, base, socket_changed_cb, server);
	server->loop.on_conn_closed = conn_closed_cb;
	server->loop.on_conn_closed_arg = server;
}

int
server_init(struct server *server, const struct options *options, struct config *config)
{
	int r;

	*server = (struct server){ .options = options, .config = config };
	TAILQ_INIT(&server->listeners);
	r = loop_init(&server->loop, &config->limits);
	if (r < 0) {
		log_error("cannot start: %s", strerror(-r));
		config_free(config);
		return EX_SOFTWARE;
	}
	apply_config(server);
	init_events(server);
	r = adopt_sockets(server);
	if (r == 0)
		r = open_listeners(server, config);
	if (r != 0)
		server_deinit(server);
	return r;
}

void
server_run(struct server *server)
{
	notify_ready();
	while (!server->is_done) {
		loop_turn(&server->loop);
		if (server->loop.bus.stop_requested && !server->is_stopping) {
			stop(server, "SHUTDOWN");
			loop_end_pass(&server->loop);
		}
		if (server->is_stopping && TAILQ_EMPTY(&server->loop.bus.sessions))
			server->is_done = true;
	}
}

void
server_deinit(struct server *server)
{
	close_listeners(&server->listeners);
	for (int i = 0; i < SERVER_N_SIGNALS; i++)
		event_del(&server->signals[i]);
	event_del(&server->accept_timer);
	event_del(&server->stop_timer);
	event_del(&server->restore_timer);
	guard_deinit(&server->guard);
	server->loop.on_conn_closed = NULL;
	loop_deinit(&server->loop);
	config_free(server->config);
}
