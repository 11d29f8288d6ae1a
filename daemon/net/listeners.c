/*
 * The list holds every open listener. A reload opens all new listeners or none, and only then closes those that the new
 * configuration lacks; but what is in the way of a new one is closed before, and opened again if the reload fails. When
 * descriptors or memory run out, no listener accepts until a client leaves or ACCEPT_RETRY_MS have passed. A socket
 * file that was removed is put back as soon as nothing else has its name.
 */
#include "listeners.h"

#include <errno.h>
#include <libgen.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include <event2/event.h>

#include "cleanup.h"
#include "conn.h"
#include "human.h"

#define ACCEPT_RETRY_MS 500

/* How soon to try again to put socket files back: when another file has the name, and when it failed. */
#define RESTORE_MS 1000
#define RESTORE_FAILED_MS (60 * 1000)

/* At most one line of the log in so many ms about clients that cannot be served. */
#define ACCEPT_LOG_MS (60 * 1000)

static void
listeners_set_accepting(struct listeners *listeners, bool accepting)
{
	struct listener *listener;

	TAILQ_FOREACH(listener, &listeners->list, link)
		listener_set_accepting(listener, accepting);
}

static void
listeners_log_user_refused(uint64_t limit, const struct identity *identity)
{
	char command[IDENTITY_COMMAND_MAX];

	identity_command(identity, command);
	if (identity->anonymous)
		log_warning("max_clients_per_uid is reached (%llu) by anonymous clients: one more is turned away",
		            (unsigned long long)limit);
	else
		log_warning("max_clients_per_uid is reached (%llu) by uid %u: pid %d '%s' is turned away",
		            (unsigned long long)limit, identity->uid, (int)identity->pid, command);
}

static void
listeners_refused_cb(void *owner, enum admission_refusal why, const struct identity *identity)
{
	struct listeners *listeners = owner; /* is its first member */
	const struct flow *flow = &loop_bus(listeners->owner.loop)->flow;
	int error = errno;
	bool may_log = log_limit_allows(&listeners->accept_log, 1, ACCEPT_LOG_MS, flow->now_ms, NULL);

	if (why == ADMISSION_NO_RESOURCES) {
		listeners->is_pausing = true;
		listeners_set_accepting(listeners, false);
		loop_add_timer(&listeners->accept_timer, ACCEPT_RETRY_MS);
	}
	if (!may_log)
		return;
	switch (why) {
	case ADMISSION_FULL:
		log_warning("max_clients is reached (%llu): further clients are turned away",
		            (unsigned long long)flow->limits.max_clients);
		break;
	case ADMISSION_USER_FULL:
		listeners_log_user_refused(flow->limits.max_clients_per_uid, identity);
		break;
	case ADMISSION_NO_RESOURCES:
		log_warning("cannot accept more than %llu client%s now: %s; new ones wait",
		            (unsigned long long)flow->stats.clients, human_s(flow->stats.clients), strerror(error));
		break;
	}
}

static void
listeners_accept_again_cb(evutil_socket_t fd __attribute__((unused)), short what __attribute__((unused)), void *arg)
{
	struct listeners *listeners = arg;

	listeners->is_pausing = false;
	if (!listeners->is_retired)
		listeners_set_accepting(listeners, true);
}

static void
listeners_conn_closed_cb(void *arg, const struct conn *conn)
{
	struct listeners *listeners = arg;
	struct listener *listener;

	if (conn->session.client.is_hidden)
		TAILQ_FOREACH(listener, &listeners->list, link)
			if (listener->packets == conn) { /* it was closed for lack of memory: is opened anew */
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

static bool
listeners_has(const struct listeners *listeners, const struct addr *addr)
{
	struct listener *listener;

	TAILQ_FOREACH(listener, &listeners->list, link)
		if (addr_is_equal(&listener->addr, addr))
			return true;
	return false;
}

const struct listener_config *
listeners_find_config(const struct listener_config_list *list, const struct addr *addr, const char *name)
{
	const struct listener_config *listener;

	STAILQ_FOREACH(listener, list, link)
		if (addr_list_contains(&listener->listen, addr))
			return listener;
	if (name)
		STAILQ_FOREACH(listener, list, link)
			if (strcmp(listener->name, name) == 0)
				return listener;
	return NULL;
}

int
listeners_open_one(struct listeners *listeners, const struct listener_config *config, const struct addr *addr, int fd,
                   struct listener_list *list)
{
	struct listener *listener;
	int r = listener_new(&listeners->owner, config, addr, fd, &listener);

	if (r < 0) {
		snprintf(listeners->owner.error, sizeof(listeners->owner.error), "out of memory");
		log_error("out of memory");
		return EX_SOFTWARE;
	}
	if (r == 0)
		TAILQ_INSERT_TAIL(list, listener, link);
	return r;
}

/* Whether a socket that was handed over takes the place of the listener. */
static bool
listeners_is_handed_over(const struct listeners *listeners, const struct listener_config *config)
{
	struct listener *listener;

	TAILQ_FOREACH(listener, &listeners->list, link)
		if (listener->is_handed_over &&
		    (config->is_default || strcmp(listener->config.name, config->name) == 0))
			return true;
	return false;
}

/* Whether this host has the address, which a name stands for beside others: localhost may mean ::1 without IPv6. */
static bool
listeners_is_local(const struct addr *addr)
{
	_cleanup_close_ int fd = addr_socket(addr, SOCK_STREAM);
	struct addr any_port = *addr;

	if (fd < 0)
		return fd != -EAFNOSUPPORT;
	if (addr->sa.sa_family == AF_INET6)
		((struct sockaddr_in6 *)&any_port.storage)->sin6_port = 0;
	else
		((struct sockaddr_in *)&any_port.storage)->sin_port = 0;
	return bind(fd, &any_port.sa, any_port.len) == 0 || errno != EADDRNOTAVAIL;
}

/* Whether the n-th address of a listener is still to be opened. */
static bool
listeners_is_missing(const struct listeners *listeners, const struct listener_config *config, unsigned int n)
{
	const struct addr *addr = &config->listen.addrs[n];
	char text[ADDR_PATH_MAX + 1];

	if (listeners_has(listeners, addr) || listeners_is_handed_over(listeners, config))
		return false;
	if (config->listen.n == 1 || listeners_is_local(addr))
		return true;
	addr_format(addr, text, sizeof(text));
	log_debug("%s: %s is not an address of this host", config->listen.name, text);
	return false;
}

int
listeners_open(struct listeners *listeners, const struct listener_config_list *whole)
{
	struct listener_list opened = TAILQ_HEAD_INITIALIZER(opened);
	const struct listener_config *config;
	int r = 0;

	STAILQ_FOREACH(config, whole, link)
		for (unsigned int i = 0; r == 0 && i < config->listen.n; i++)
			if (listeners_is_missing(listeners, config, i))
				r = listeners_open_one(listeners, config, &config->listen.addrs[i], -1, &opened);
	if (r == 0)
		TAILQ_CONCAT(&listeners->list, &opened, link);
	else
		listeners_close_all(&opened);
	return r;
}

static void
listeners_close(struct listeners *listeners, struct listener *listener)
{
	TAILQ_REMOVE(&listeners->list, listener, link);
	listener_free(listener);
}

/* Whether an open listener keeps one of the configured addresses from being opened. */
static bool
listeners_is_in_the_way(const struct listener *listener, const struct listener_config_list *whole)
{
	const struct listener_config *config = listeners_find_config(whole, &listener->addr, NULL);

	if (config)
		return config->options.type != listener->config.options.type;
	STAILQ_FOREACH(config, whole, link)
		for (unsigned int i = 0; i < config->listen.n; i++)
			if (addr_excludes(&listener->addr, &config->listen.addrs[i]))
				return true;
	return false;
}

void
listeners_make_way(struct listeners *listeners, const struct listener_config_list *whole)
{
	struct listener *listener, *next;

	for (listener = TAILQ_FIRST(&listeners->list); listener; listener = next) {
		next = TAILQ_NEXT(listener, link);
		if (!listener->is_handed_over && listeners_is_in_the_way(listener, whole))
			listeners_close(listeners, listener);
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
		listeners_close(listeners, listener);
	}
}

/* Whether a socket file can be put there: its directory is there, and has nothing of that name. */
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

/* Opens a listener anew once nothing else stands in its place. */
static void
listeners_open_lost_one(struct listeners *listeners, const struct listener_config *config, unsigned int n,
                        bool *is_blocked, bool *has_failed)
{
	const struct addr *addr = &config->listen.addrs[n];

	if (!listeners_is_missing(listeners, config, n))
		return;
	if (addr->kind != ADDR_PATH || listeners_is_free(addr->un.sun_path)) {
		*has_failed |= listeners_open_one(listeners, config, addr, -1, &listeners->list) != 0;
		return;
	}
	if (!listeners->is_blocked) /* said once */
		log_error("%s: the socket is put back when its directory is there and the place is free",
		          addr->un.sun_path);
	*is_blocked = listeners->is_blocked = true;
}

/* Opens anew the listeners that are gone. */
static void
listeners_open_lost(struct listeners *listeners)
{
	const struct listener_config *config;
	bool is_blocked = false, has_failed = false;

	STAILQ_FOREACH(config, listeners->config, link)
		for (unsigned int i = 0; i < config->listen.n; i++)
			listeners_open_lost_one(listeners, config, i, &is_blocked, &has_failed);
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
listeners_socket_changed_cb(void *arg)
{
	listeners_restore(arg);
}

static void
listeners_restore_cb(evutil_socket_t fd __attribute__((unused)), short what __attribute__((unused)), void *arg)
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
		const struct listener_config *config = listeners_find_config(whole, &listener->addr, name);

		next = TAILQ_NEXT(listener, link);
		if (config) {
			listener_update(listener, config);
		} else if (!listener->is_handed_over) {
			listeners_close(listeners, listener);
		}
	}
}

void
listeners_init(struct listeners *listeners, struct loop *loop)
{
	*listeners = (struct listeners){
		.owner = { .loop = loop, .watch = &listeners->watch, .refused = listeners_refused_cb }
	};
	TAILQ_INIT(&listeners->list);
	evtimer_assign(&listeners->accept_timer, loop->base, listeners_accept_again_cb, listeners);
	evtimer_assign(&listeners->restore_timer, loop->base, listeners_restore_cb, listeners);
	filewatch_init(&listeners->watch, loop->base, listeners_socket_changed_cb, listeners);
	loop->on_conn_closed = listeners_conn_closed_cb;
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
	filewatch_deinit(&listeners->watch);
	listeners->owner.loop->on_conn_closed = NULL;
}
