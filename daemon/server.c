#include "server.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sysexits.h>

#include <event2/event.h>

#include "buf.h"
#include "config.h"
#include "log.h"
#include "notify.h"
#include "options.h"
#include "command-table.h"

/* Descriptors that are not for clients. */
#define OTHER_DESCRIPTORS 64

static const int signal_numbers[SERVER_N_SIGNALS] = { SIGTERM, SIGINT, SIGQUIT, SIGHUP };

static void
server_stop_now_cb(evutil_socket_t fd __attribute__((unused)), short what __attribute__((unused)), void *arg)
{
	struct server *server = arg;

	log_warning("stopping with output unsent: %llu clients did not take it in time",
	            (unsigned long long)loop_bus(&server->loop)->flow.stats.clients);
	server->is_done = true;
}

/* why: the signal or command that asked for it. */
static void
server_stop(struct server *server, const char *why)
{
	if (server->is_stopping) {
		log_info("%s again: ending at once", why);
		server->is_done = true;
		return;
	}
	log_info("%s: stopping", why);
	(void)notify_send("STOPPING=1\nSTATUS=Stopping");
	server->is_stopping = true;
	status_deinit(&server->status);
	listeners_retire(&server->listeners);
	turn_stop(&server->turn);
	loop_add_timer(&server->stop_timer, server->config->shutdown_timeout);
}

/* Every client takes a descriptor; the hard limit is the administrator's to raise. */
static void
server_raise_descriptor_limit(const struct config *config)
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
server_apply_config(struct server *server)
{
	struct bus *bus = loop_bus(&server->loop);

	log_set_level((enum log_level)server->config->log_level);
	server_raise_descriptor_limit(server->config);
	bus_set_limits(bus, &server->config->limits);
	bus->access.admins = &server->config->admins;
	sessions_check_rights(bus);
	bus_set_rules(bus, &server->config->rules);
	server->loop.sessions.config_path = server->config->path;
}

/* Runs inside the loop: a loop that hangs sends nothing. */
static void
server_watchdog_cb(evutil_socket_t fd __attribute__((unused)), short what __attribute__((unused)), void *arg)
{
	struct server *server = arg;

	bool is_sent = notify_send("WATCHDOG=1");

	loop_add_timer(&server->watchdog_timer, is_sent ? server->watchdog_ms : STATUS_RETRY_MS);
}

/*
 * Swaps the configuration. Returns whether it could; else what was wrong was logged and is in *ret_mistakes. A file
 * that is missing is wrong, too: the defaults would close the listeners of a file that is just being replaced, and open
 * its channels to everybody.
 */
static bool
server_load(struct server *server, struct buf *ret_mistakes)
{
	struct config *config = options_load_config(server->options, true, ret_mistakes), *old = server->config;

	if (!config)
		log_lines(LOG_LEVEL_ERROR, ret_mistakes->len > 0 ? (const char *)ret_mistakes->data : "out of memory");
	listeners_close_lost(&server->listeners);
	if (config)
		listeners_close_changed(&server->listeners, &config->listeners);
	if (!config || listeners_open(&server->listeners, &config->listeners) != 0) {
		if (config)
			buf_printf(ret_mistakes, "%s\n", server->listeners.owner.error);
		config_free(config);
		listeners_restore(&server->listeners);
		return false;
	}
	server->config = config;
	server_apply_config(server);
	listeners_update(&server->listeners, &config->listeners);
	config_free(old);
	return true;
}

static void
server_reload(struct server *server)
{
	struct sessions *bus = &server->loop.sessions;

	buf_deinit(&bus->reload_mistakes);
	bus->reload_failed = true;
	if (server->is_stopping)
		return;
	status_reloading(&server->status);
	bus->reload_failed = !server_load(server, &bus->reload_mistakes);
	if (bus->reload_failed)
		log_error("the configuration was not reloaded");
	else
		log_info("the configuration was reloaded");
	status_ready(&server->status);
}

/* Reloads for the clients that sent UDSD RELOAD; those that are no longer administrators are refused. */
static void
server_reload_for_clients(struct server *server)
{
	struct bus *bus = loop_bus(&server->loop);
	struct client *c;

	server_reload(server);
	while ((c = TAILQ_FIRST(&server->loop.sessions.reloading))) {
		session_of(c)->has_reloaded = bus_is_admin(bus, c);
		flow_resume(&bus->flow, c);
	}
}

static void
server_signal_cb(evutil_socket_t number, short what __attribute__((unused)), void *arg)
{
	struct server *server = arg;

	/*
	 * Without a file there is nothing to reload, unless one has appeared, and a terminal that goes away ends what
	 * was started in it.
	 */
	if (number == SIGHUP && (server->config->path || options_config_path(server->options)))
		server_reload(server);
	else
		server_stop(server, strsignal(number));
}

/* Returns 0 or an exit status after the reason was logged. */
static int
server_init_events(struct server *server)
{
	struct event_base *base = server->loop.base;
	int r = 0;

	evtimer_assign(&server->stop_timer, base, server_stop_now_cb, server);
	evtimer_assign(&server->watchdog_timer, base, server_watchdog_cb, server);
	server->watchdog_ms = notify_watchdog_ms() / 2;
	status_init(&server->status, &server->loop);
	for (int i = 0; i < SERVER_N_SIGNALS; i++) {
		evsignal_assign(&server->signals[i], base, signal_numbers[i], server_signal_cb, server);
		if (evsignal_add(&server->signals[i], NULL) < 0)
			r = EX_SOFTWARE;
	}
	if (r != 0)
		log_error("cannot start: cannot wait for signals");
	return r;
}

int
server_init(struct server *server, const struct options *options, struct config *config)
{
	int r;

	*server = (struct server){ .options = options, .config = config };
	r = loop_init(&server->loop, &config->limits, command_table);
	if (r < 0) {
		log_error("cannot start: %s", strerror(-r));
		config_free(config);
		return EX_SOFTWARE;
	}
	turn_init(&server->turn, &server->loop);
	server_apply_config(server);
	listeners_init(&server->listeners, &server->loop);
	r = server_init_events(server);
	if (r == 0)
		r = listeners_adopt(&server->listeners, &config->listeners);
	if (r == 0)
		r = listeners_open(&server->listeners, &config->listeners);
	if (r == 0)
		listeners_update(&server->listeners, &config->listeners);
	else
		server_deinit(server);
	return r;
}

void
server_run(struct server *server)
{
	status_ready(&server->status);
	if (server->watchdog_ms > 0)
		loop_add_timer(&server->watchdog_timer, server->watchdog_ms);
	while (!server->is_done) {
		turn_once(&server->turn);
		if (!server->is_stopping)
			status_update(&server->status);
		if (server->loop.sessions.stop_requested && !server->is_stopping) {
			server_stop(server, "SHUTDOWN");
			turn_end_pass(&server->turn);
		}
		if (!TAILQ_EMPTY(&server->loop.sessions.reloading)) {
			server_reload_for_clients(server);
			turn_end_pass(&server->turn);
		}
		if (server->is_stopping && TAILQ_EMPTY(&loop_bus(&server->loop)->flow.clients))
			server->is_done = true;
	}
}

void
server_deinit(struct server *server)
{
	listeners_deinit(&server->listeners);
	for (int i = 0; i < SERVER_N_SIGNALS; i++)
		event_del(&server->signals[i]);
	event_del(&server->stop_timer);
	event_del(&server->watchdog_timer);
	status_deinit(&server->status);
	turn_deinit(&server->turn);
	loop_deinit(&server->loop);
	config_free(server->config);
}
