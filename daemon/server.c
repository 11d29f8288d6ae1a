#include "server.h"

#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sysexits.h>

#include <event2/event.h>

#include "activation.h"
#include "buf.h"
#include "command-table.h"
#include "config.h"
#include "log.h"
#include "options.h"
#include "service-manager.h"

/* Descriptors that are not for clients. */
#define OTHER_DESCRIPTORS 64

/* Only lets the loop turn: server_turn() sees that the time is over. */
static void
server_stop_timer_cb(evutil_socket_t fd __attribute__((unused)), short what __attribute__((unused)),
                     void *arg __attribute__((unused)))
{
}

/* why: the signal or command that asked for it. */
static void
server_stop(struct server *server, const char *why)
{
	if (server->is_stopping)
		return;
	log_info("%s: stopping", why);
	(void)service_manager_tell("STOPPING=1\nSTATUS=Stopping");
	server->is_stopping = true;
	status_deinit(&server->status);
	stop_begin(&server->turn.stop, server->config->shutdown_timeout);
	listeners_retire(&server->listeners);
	store_stop(&server->store, &server->config->store);
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
	signals_set_patience(server->config->shutdown_timeout);
	server_raise_descriptor_limit(server->config);
	bus_set_limits(bus, &server->config->limits);
	bus->access.admins = &server->config->admins;
	sessions_check_rights(bus);
	bus_set_rules(bus, &server->config->rules);
	services_set_rules(&bus->services, &server->config->service_rules);
	server->loop.sessions.config_path = server->config->path;
	store_configure(&server->store, server->config);
}

/* Runs inside the loop: a loop that hangs sends nothing. */
static void
server_watchdog_cb(evutil_socket_t fd __attribute__((unused)), short what __attribute__((unused)), void *arg)
{
	struct server *server = arg;
	bool is_sent = service_manager_tell("WATCHDOG=1");

	loop_add_timer(&server->watchdog_timer, is_sent ? server->watchdog_ms : STATUS_RETRY_MS);
}

/* Swaps the configuration. Returns whether it could; else what was wrong was logged and is in *mistakes. */
static bool
server_swap_config(struct server *server, struct config *config, struct buf *mistakes)
{
	struct config *old = server->config;

	if (!config)
		log_lines(LOG_LEVEL_ERROR, mistakes->len > 0 ? (const char *)mistakes->data : "out of memory\n", false);
	listeners_close_lost(&server->listeners);
	if (config)
		listeners_make_way(&server->listeners, &config->listeners);
	if (!config || listeners_open(&server->listeners, &config->listeners) != 0) {
		if (config)
			buf_printf(mistakes, "%s\n", server->listeners.owner.error);
		config_free(config);
		listeners_restore(&server->listeners);
		return false;
	}
	if (strcmp(config->store.directory, old->store.directory) != 0)
		log_warning("[store] directory: '%s' takes effect when udsd starts again; until then it is '%s'",
		            config->store.directory, old->store.directory);
	memcpy(config->store.directory, old->store.directory, sizeof(config->store.directory));
	server->config = config;
	server_apply_config(server);
	listeners_update(&server->listeners, &config->listeners);
	config_free(old);
	return true;
}

/* Lets the clients that asked for the reload that is over have their answer, unless they lost the right to it. */
static void
server_answer_reload(struct server *server, bool has_failed, const struct buf *mistakes)
{
	struct bus *bus = loop_bus(&server->loop);
	struct sessions *sessions = &server->loop.sessions;
	struct client *c;

	sessions->reload_failed = has_failed;
	buf_deinit(&sessions->reload_mistakes);
	sessions->reload_mistakes = *mistakes;
	while ((c = TAILQ_FIRST(&server->reloading_for))) {
		session_of(c)->has_reloaded = bus_is_admin(bus, c);
		flow_resume(&bus->flow, c);
	}
}

static void
server_loaded_cb(void *arg, struct config *config, struct buf *mistakes)
{
	struct server *server = arg;
	bool has_failed;

	if (server->is_stopping) {
		config_free(config);
		buf_deinit(mistakes);
		return;
	}
	has_failed = !server_swap_config(server, config, mistakes);
	if (has_failed)
		log_error("the configuration was not reloaded");
	else
		log_info("the configuration was reloaded");
	server_answer_reload(server, has_failed, mistakes);
	status_ready(&server->status);
}

/* The clients that have asked for a reload are answered by the one that begins now. */
static void
server_take_asking(struct server *server)
{
	struct client *c;

	while ((c = TAILQ_FIRST(&server->loop.sessions.reloading)))
		flow_set_state(&loop_bus(&server->loop)->flow, c, CLIENT_WAITING, &server->reloading_for);
	server->wants_reload = false;
}

/*
 * Begins a reload if a signal or a client has asked for one. One that goes on is finished before, since it may have
 * read the file before that was changed.
 */
static void
server_begin_reload(struct server *server)
{
	if (server->is_stopping) {
		server_take_asking(server);
		server_answer_reload(server, true, &(struct buf){ 0 });
	} else if ((server->wants_reload || !TAILQ_EMPTY(&server->loop.sessions.reloading)) &&
	           !loader_is_busy(&server->loader)) {
		server_take_asking(server);
		status_reloading(&server->status);
		loader_begin(&server->loader, server->options);
	}
}

static void
server_take_signals(struct server *server)
{
	int number;

	/*
	 * Without a file there is nothing to reload, unless one has appeared, and a terminal that goes away ends what
	 * was started in it.
	 */
	while ((number = signals_next()) != 0)
		if (number == SIGHUP && (server->config->path || options_config_path(server->options))) {
			server->wants_reload = true;
		} else {
			if (number == SIGHUP)
				signals_count_stop();
			server_stop(server, strsignal(number));
		}
}

/* Returns 0 or an exit status after the reason was logged. */
static int
server_init_events(struct server *server)
{
	struct event_base *base = server->loop.base;
	int r;

	evtimer_assign(&server->stop_timer, base, server_stop_timer_cb, server);
	evtimer_assign(&server->watchdog_timer, base, server_watchdog_cb, server);
	server->watchdog_ms = service_manager_watchdog_ms() / 2;
	status_init(&server->status, &server->loop);
	TAILQ_INIT(&server->reloading_for);
	r = signals_init(&server->signals, base);
	if (r == 0)
		r = loader_init(&server->loader, base, server_loaded_cb, server);
	if (r == 0)
		return 0;
	log_error("cannot start: %s", strerror(-r));
	return EX_SOFTWARE;
}

int
server_init(struct server *server, const struct options *options, struct config *config)
{
	int r;

	*server = (struct server){ .options = options, .config = config, .signals.fd = -1, .loader.fd = -1 };
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
		r = store_open(&server->store, &server->loop, config);
	if (r == 0)
		r = activation_adopt(&server->listeners, &config->listeners);
	if (r == 0)
		r = listeners_open(&server->listeners, &config->listeners);
	if (r == 0)
		listeners_update(&server->listeners, &config->listeners);
	else
		server_deinit(server);
	return r;
}

void
server_turn(struct server *server)
{
	turn_once(&server->turn);
	if (signals_pending)
		server_take_signals(server);
	if (server->loop.sessions.stop_requested && !server->is_stopping) {
		signals_count_stop();
		server_stop(server, "SHUTDOWN");
	}
	server_begin_reload(server);
	if (!server->is_stopping)
		status_update(&server->status);
	else if (loop_is_over(&server->loop) || TAILQ_EMPTY(&loop_bus(&server->loop)->flow.clients))
		server->is_done = true;
}

void
server_run(struct server *server)
{
	status_ready(&server->status);
	if (server->watchdog_ms > 0)
		loop_add_timer(&server->watchdog_timer, server->watchdog_ms);
	while (!server->is_done)
		server_turn(server);
	stop_log_rest(&server->turn.stop);
	if (signals_are_urgent())
		log_info("asked again to stop: ending at once");
}

void
server_deinit(struct server *server)
{
	listeners_deinit(&server->listeners);
	loader_deinit(&server->loader);
	signals_deinit(&server->signals);
	event_del(&server->stop_timer);
	event_del(&server->watchdog_timer);
	status_deinit(&server->status);
	turn_deinit(&server->turn);
	store_close(&server->store);
	loop_deinit(&server->loop);
	config_free(server->config);
}
