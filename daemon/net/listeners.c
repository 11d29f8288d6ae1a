/*
 * The list holds every open listener. A reload opens all new listeners or none; only then does it close those that the
 * new configuration lacks. When descriptors or memory run out, all listeners pause until a client leaves or
 * ACCEPT_RETRY_MS have passed. A socket file that was removed is restored once its place is free.
 */
#include "listeners.h"

#include <errno.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include <event2/event.h>

#include "conn.h"
#include "notify.h"
#include "packet.h"

#define ACCEPT_RETRY_MS 500

/* How long until it is tried again to put a socket file back: where something is in the way, or it failed. */
#define RESTORE_MS 1000
#define RESTORE_FAILED_MS (60 * 1000)

/* How often the log is told of the same trouble. */
#define ACCEPT_LOG_MS (60 * 1000)

static void
listeners_set_accepting(struct listeners *listeners, bool accepting)
{
	struct listener *listener;

	TAILQ_FOREACH(listener, &listeners->list, link)
		listener_set_accepting(listener, accepting);
}

static struct flow *
listeners_flow(struct listeners *listeners)
{
	return &loop_bus(listeners->owner.loop)->flow;
}

/* Whether it is time to tell the log again that not all clients can be served. */
static bool
may_log_accept(struct listeners *listeners)
{
	return log_limit_allows(&listeners->accept_log, 1, ACCEPT_LOG_MS, listeners_flow(listeners)->now_ms, NULL);
}

static void
listeners_pause_accepting(struct listeners *listeners, int error)
{
	if (may_log_accept(listeners))
		log_warning("cannot accept more than %llu clients now: %s; new ones wait",
		            (unsigned long long)listeners_flow(listeners)->stats.clients, strerror(error));
	listeners->is_pausing = true;
	listeners_set_accepting(listeners, false);
	loop_add_timer(&listeners->accept_timer, ACCEPT_RETRY_MS);
}

static void
listeners_note_user_refused(struct listeners *listeners, const struct identity *identity)
{
	unsigned long long limit = listeners_flow(listeners)->limits.max_clients_per_uid;
	char command[IDENTITY_COMMAND_MAX];

	if (!may_log_accept(listeners))
		return;
	identity_command(identity, command);
	if (identity->anonymous)
		log_warning("max_clients_per_uid is reached (%llu) by anonymous clients: one more is turned away",
		            limit);
	else
		log_warning("max_clients_per_uid is reached (%llu) by uid %u: pid %d '%s' is turned away", limit,
		            identity->uid, (int)identity->pid, command);
}

static void
refused_cb(struct listener_owner *owner, enum listener_refusal why, const struct identity *identity)
{
	struct listeners *listeners = (struct listeners *)owner;

	switch (why) {
	case LISTENER_FULL:
		if (may_log_accept(listeners))
			log_warning("max_clients is reached (%llu): further clients are turned away",
			            (unsigned long long)listeners_flow(listeners)->limits.max_clients);
		break;
	case LISTENER_USER_FULL:
		listeners_note_user_refused(listeners, identity);
		break;
	case LISTENER_NO_RESOURCES:
		listeners_pause_accepting(listeners, errno);
		break;
	}
}

static void
accept_again_cb(evutil_socket_t fd __attribute__((unused)), short what __attribute__((unused)), void *arg)
{
	struct listeners *listeners = arg;

	listeners->is_pausing = false;
	if (!listeners->is_retired)
		listeners_set_accepting(listeners, true);
}

static void
conn_closed_cb(void *arg, const struct conn *conn)
{
	struct listeners *listeners = arg;
	struct listener *listener;

	if (conn->session.client.is_hidden)
		TAILQ_FOREACH(listener, &listeners->list, link)
			if (listener->packets == conn) { /* there was no memory for it */
				listener->packets = NULL;
				loop_add_timer(&listeners->restore_timer, RESTORE_MS);
			}

	if (listeners->is_pausing && !listeners->is_retired) {
		listeners->is_pausing = false;
		event_del(&listeners->accept_timer);
		listeners_set_accepting(listeners, true);
	}
}

static void
listeners_close_all(struct listener_list *list)
{
	struct listener *listener;

	while ((listener = TAILQ_FIRST(list))) {
		TAILQ_REMOVE(list, listener, link);
		listener_free(listener);
	}
}

static struct listener *
listeners_find_listener(const struct listeners *listeners, const struct addr *addr)
{
	struct listener *listener;

	TAILQ_FOREACH(listener, &listeners->list, link)
		if (addr_is_equal(&listener->config.addr, addr))
			return listener;
	return NULL;
}

/* The configured listener of an address, or for a socket from the service manager also of its name; or NULL. */
static const struct listener_config *
listeners_find_config(const struct listener_config_list *list, const struct addr *addr, const char *name)
{
	const struct listener_config *listener;

	STAILQ_FOREACH(listener, list, link)
		if (addr_is_equal(&listener->addr, addr))
			return listener;
	if (name)
		STAILQ_FOREACH(listener, list, link)
			if (strcmp(listener->name, name) == 0)
				return listener;
	return NULL;
}

static int
listeners_open_listener(struct listeners *listeners, const struct listener_config *config, int fd)
{
	struct listener *listener;
	int r = listener_new(&listeners->owner, config, fd, &listener);

	if (r < 0)
		log_error("out of memory");
	else if (r == 0)
		TAILQ_INSERT_TAIL(&listeners->list, listener, link);
	return r < 0 ? EX_SOFTWARE : r;
}

/* Whether a socket is of the type, and listens; datagrams just come. */
static bool
listeners_is_ready(int fd, int type)
{
	int is_type = -1, is_listening = 0;

	getsockopt(fd, SOL_SOCKET, SO_TYPE, &is_type, &(socklen_t){ sizeof(int) });
	getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &is_listening, &(socklen_t){ sizeof(int) });
	return is_type == type && (type == SOCK_DGRAM || is_listening);
}

/* A socket from the service manager takes the mode of the configured listener of its address, or of its name. */
static int
listeners_adopt_socket(struct listeners *listeners, const struct listener_config_list *whole, int fd, const char *name)
{
	struct listener_config config = { 0 };
	const struct listener_config *configured;
	struct addr addr = { 0 };
	socklen_t len = sizeof(addr.storage);
	int type, r;

	if (getsockname(fd, &addr.sa, &len) < 0) {
		log_error("socket '%s' from the service manager: %s", name, strerror(errno));
		return LISTENER_E_CONFIG;
	}
	addr.len = len;
	addr.kind = ADDR_TCP;
	if (addr.sa.sa_family == AF_UNIX)
		addr.kind = addr.un.sun_path[0] ? ADDR_PATH : ADDR_ABSTRACT;
	evutil_make_socket_nonblocking(fd);
	configured = listeners_find_config(whole, &addr, name);
	if (configured)
		config = *configured;
	else
		strncat(config.name, name, sizeof(config.name) - 1);
	config.addr = addr;
	type = mode_socket_type(config.options.type);
	if (!listeners_is_ready(fd, type)) {
		log_error("socket '%s' from the service manager is not a listening socket of type %s", name,
		          mode_type_names[config.options.type]);
		return LISTENER_E_CONFIG;
	}
	r = type == SOCK_STREAM ? 0 : packet_prepare(fd);
	if (r < 0) {
		log_error("socket '%s' from the service manager: %s", name, strerror(-r));
		return LISTENER_E_CONFIG;
	}
	return listeners_open_listener(listeners, &config, fd);
}

int
listeners_adopt(struct listeners *listeners, const struct listener_config_list *config)
{
	char **names = NULL;
	int first, n = notify_sockets(&first, &names), r = 0;

	for (int i = 0; i < n; i++) {
		int s = listeners_adopt_socket(listeners, config, first + i, names && names[i] ? names[i] : "");

		r = r == 0 ? s : r;
	}
	notify_free_names(names);
	return r;
}

static bool
listeners_is_open(const struct listeners *listeners, const struct listener_config *config)
{
	struct listener *listener;

	TAILQ_FOREACH(listener, &listeners->list, link)
		if (listener->is_handed_over && strcmp(listener->config.name, config->name) == 0)
			return true;
	return listeners_find_listener(listeners, &config->addr) != NULL;
}

int
listeners_open(struct listeners *listeners, const struct listener_config_list *config)
{
	struct listener_list opened = TAILQ_HEAD_INITIALIZER(opened);
	const struct listener_config *wanted;
	struct listener *listener;
	int r = 0;

	STAILQ_FOREACH(wanted, config, link) {
		if (listeners_is_open(listeners, wanted))
			continue;
		r = listener_new(&listeners->owner, wanted, -1, &listener);
		if (r != 0)
			break;
		TAILQ_INSERT_TAIL(&opened, listener, link);
	}
	if (r < 0) {
		snprintf(listeners->owner.error, sizeof(listeners->owner.error), "out of memory");
		log_error("out of memory");
	}
	if (r == 0)
		TAILQ_CONCAT(&listeners->list, &opened, link);
	else
		listeners_close_all(&opened);
	return r < 0 ? EX_SOFTWARE : r;
}

void
listeners_close_changed(struct listeners *listeners, const struct listener_config_list *config)
{
	struct listener *listener, *next;

	for (listener = TAILQ_FIRST(&listeners->list); listener; listener = next) {
		const struct listener_config *wanted = listeners_find_config(config, &listener->config.addr, NULL);

		next = TAILQ_NEXT(listener, link);
		if (!wanted || listener->is_handed_over || wanted->options.type == listener->config.options.type)
			continue;
		TAILQ_REMOVE(&listeners->list, listener, link);
		listener_free(listener);
	}
}

void
listeners_close_lost(struct listeners *listeners)
{
	struct listener *listener, *next;

	for (listener = TAILQ_FIRST(&listeners->list); listener; listener = next) {
		next = TAILQ_NEXT(listener, link);
		if (listener_is_in_place(listener))
			continue;
		log_warning("%s: the socket file was removed or replaced", listener->file.path);
		TAILQ_REMOVE(&listeners->list, listener, link);
		listener_free(listener);
	}
}

/* Whether a socket file could be put there: there is a directory, and nothing of that name in it. */
static bool
listeners_is_free(const char *path)
{
	char directory[ADDR_PATH_MAX + 1];
	struct stat st;

	if (lstat(path, &st) == 0 || errno != ENOENT)
		return false;
	snprintf(directory, sizeof(directory), "%s", path);
	return access(dirname(directory), W_OK | X_OK) == 0;
}

/* Says, once, that something stands where a socket file belongs. */
static void
listeners_note_blocked(struct listeners *listeners, const char *path)
{
	if (!listeners->is_blocked)
		log_error("%s: the socket is put back when its directory is there and the place is free", path);
	listeners->is_blocked = true;
}

/* Opens anew the listeners whose socket files are gone, each once nothing else stands in its place. */
static void
listeners_open_lost(struct listeners *listeners)
{
	const struct listener_config *config;
	bool is_blocked = false, has_failed = false;

	STAILQ_FOREACH(config, listeners->config, link) {
		if (listeners_is_open(listeners, config))
			continue;
		if (config->addr.kind != ADDR_PATH || listeners_is_free(config->addr.un.sun_path)) {
			has_failed |= listeners_open_listener(listeners, config, -1) != 0;
			continue;
		}
		is_blocked = true;
		listeners_note_blocked(listeners, config->addr.un.sun_path);
	}
	listeners->is_blocked = is_blocked;
	if (is_blocked || has_failed)
		loop_add_timer(&listeners->restore_timer, has_failed ? RESTORE_FAILED_MS : RESTORE_MS);
}

void
listeners_restore(struct listeners *listeners)
{
	if (listeners->is_retired)
		return;
	listeners_close_lost(listeners);
	listeners_open_lost(listeners);
}

static void
socket_changed_cb(void *arg)
{
	listeners_restore(arg);
}

static void
restore_cb(evutil_socket_t fd __attribute__((unused)), short what __attribute__((unused)), void *arg)
{
	listeners_restore(arg);
}

void
listeners_update(struct listeners *listeners, const struct listener_config_list *whole)
{
	struct listener *listener, *next;

	listeners->config = whole;
	for (listener = TAILQ_FIRST(&listeners->list); listener; listener = next) {
		const char *name = listener->is_handed_over ? listener->config.name : NULL;
		const struct listener_config *config = listeners_find_config(whole, &listener->config.addr, name);

		next = TAILQ_NEXT(listener, link);
		if (config) {
			listener_update(listener, config);
		} else if (!listener->is_handed_over) {
			TAILQ_REMOVE(&listeners->list, listener, link);
			listener_free(listener);
		}
	}
}

void
listeners_init(struct listeners *listeners, struct loop *loop)
{
	*listeners = (struct listeners){ .owner = { .loop = loop, .guard = &listeners->guard, .refused = refused_cb } };
	TAILQ_INIT(&listeners->list);
	evtimer_assign(&listeners->accept_timer, loop->base, accept_again_cb, listeners);
	evtimer_assign(&listeners->restore_timer, loop->base, restore_cb, listeners);
	guard_init(&listeners->guard, loop->base, socket_changed_cb, listeners);
	loop->on_conn_closed = conn_closed_cb;
	loop->on_conn_closed_arg = listeners;
}

void
listeners_retire(struct listeners *listeners)
{
	struct listener *listener;

	listeners->is_retired = true;
	TAILQ_FOREACH(listener, &listeners->list, link)
		listener_retire(listener);
}

void
listeners_deinit(struct listeners *listeners)
{
	listeners_close_all(&listeners->list);
	event_del(&listeners->accept_timer);
	event_del(&listeners->restore_timer);
	guard_deinit(&listeners->guard);
	listeners->owner.loop->on_conn_closed = NULL;
}
