/*
 * A listener opens its socket and lets at most ACCEPT_BUDGET clients be admitted in one callback. It knows neither the
 * other listeners nor the log's rate limit: clients that are turned away are reported to its owner.
 */
#include "listener.h"

#include <errno.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <event2/event.h>

#include "cleanup.h"
#include "conn.h"
#include "filewatch.h"
#include "packet.h"

/* Connections accepted from one listener in one pass. */
#define ACCEPT_BUDGET 64

/* Returns as admission_accept(). */
static int
listener_accept(struct listener *listener, int max)
{
	struct admission admission = { listener->origin, listener->owner->refused, listener->owner };

	return admission_accept(&admission, event_get_fd(&listener->event), max);
}

static void
listener_accept_cb(evutil_socket_t fd __attribute__((unused)), short what __attribute__((unused)), void *arg)
{
	struct listener *listener = arg;
	int r = 0;

	/* A new client may be subscribed at once, which must not come in between. They are reported again. */
	if (!loop_bus(listener->owner->loop)->flow.is_wide)
		r = listener_accept(listener, ACCEPT_BUDGET);
	if (r == 0)
		return;
	errno = -r;
	if (admission_is_out_of_resources(errno)) {
		listener->owner->refused(listener->owner, ADMISSION_NO_RESOURCES, NULL);
		return;
	}
	/* It is not a socket to accept from; asking again and again would not help. */
	log_error("a listener cannot accept: %s; it is closed", strerror(errno));
	listener_set_accepting(listener, false);
}

/* Accepts those that have connected already, before the listener goes: they may have sent something and gone. */
static void
listener_accept_rest(struct listener *listener)
{
	int fd = listener->packets ? conn_fd(listener->packets) : event_get_fd(&listener->event), r;

	/* From now on the kernel refuses others. A Unix socket keeps what it has, a TCP socket drops it. */
	if (listener->addr.kind != ADDR_TCP)
		shutdown(fd, SHUT_RD);
	if (listener->packets || fd < 0)
		return;
	r = listener_accept(listener, SOMAXCONN);
	shutdown(fd, SHUT_RD);
	if (r < 0 && r != -EINVAL) /* EINVAL: all are accepted */
		log_warning("clients that had connected were not served: %s", strerror(-r));
}

/* Logs why a listener cannot be opened, and stores it for the reply to UDSD RELOAD. */
static void __attribute__((format(printf, 2, 3))) listener_report(struct listener_owner *owner, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(owner->error, sizeof(owner->error), format, ap);
	va_end(ap);
	log_error("%s", owner->error);
}

static int
listener_open_path(struct listener_owner *owner, const struct listener_config *config, const struct addr *addr, int fd,
                   struct sockfile *ret_file)
{
	struct sockfile_options options = { config->socket_mode, config->socket_owner, config->socket_group };
	char text[256];
	int r;

	if (config->is_default) {
		mode_t old_mask = umask(0); /* others pass through the directory to reach the socket */

		snprintf(text, sizeof(text), "%s", addr->un.sun_path);
		(void)mkdir(dirname(text), geteuid() == 0 ? 0755 : 0700); /* if it fails, the next step tells why */
		umask(old_mask);
	}
	r = sockfile_listen(fd, addr, &options, SOMAXCONN, ret_file, text, sizeof(text));
	if (r == 0)
		return 0;
	if (config->is_default && r != SOCKFILE_E_LIVE && geteuid() != 0 && !getenv("XDG_RUNTIME_DIR"))
		listener_report(owner, "%s; XDG_RUNTIME_DIR is not set, choose a socket of your own with --listen",
		                text);
	else
		listener_report(owner, "%s", text);
	return r == SOCKFILE_E_NO_PERMISSION ? LISTENER_E_NO_PERMISSION : LISTENER_E_CONFIG;
}

/* Logs the reason, which errno tells, and returns LISTENER_E_*. */
static int
listener_refuse(struct listener_owner *owner, const struct addr *addr, int type)
{
	int error = errno;
	char text[ADDR_PATH_MAX + 1];
	pid_t holder;

	addr_format(addr, text, sizeof(text));
	if (error == EADDRINUSE && (holder = sockfile_holder(addr, type)) > 0)
		listener_report(owner, "%s: a running server (pid %d) is using this socket", text, (int)holder);
	else
		listener_report(owner, "%s: cannot listen: %s", text, strerror(error));
	return error == EACCES || error == EPERM ? LISTENER_E_NO_PERMISSION : LISTENER_E_CONFIG;
}

/* Returns 0 or LISTENER_E_*. */
static int
listener_open_socket(struct listener_owner *owner, const struct listener_config *config, const struct addr *addr,
                     struct sockfile *ret_file, int *ret_fd)
{
	int type = mode_socket_type(config->options.type), r;
	_cleanup_close_ int fd = addr_socket(addr, type);

	r = fd >= 0 && type != SOCK_STREAM ? packet_prepare(fd) : fd;
	if (r < 0) {
		errno = -r;
		return listener_refuse(owner, addr, type);
	}
	if (addr->kind == ADDR_PATH) {
		r = listener_open_path(owner, config, addr, fd, ret_file);
		if (r != 0)
			return r;
	} else {
		if (addr->kind == ADDR_TCP)
			setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){ 1 }, sizeof(int));
		if (bind(fd, &addr->sa, addr->len) < 0 || (type != SOCK_DGRAM && listen(fd, SOMAXCONN) < 0))
			return listener_refuse(owner, addr, type);
	}
	*ret_fd = TAKE_FD(fd);
	return 0;
}

static void
listener_free_memory(struct listener *listener, int fd)
{
	if (fd >= 0)
		close(fd);
	if (listener->origin)
		conn_origin_unref(listener->origin);
	free(listener);
}

/* Begins to accept, or for datagrams to receive. Takes over fd, also on failure. Returns 0 or -ENOMEM. */
static int
listener_begin(struct listener *listener, int fd)
{
	struct loop *loop = listener->owner->loop;
	bool is_dgram = listener->config.options.type == MODE_DGRAM;

	event_assign(&listener->event, loop->base, is_dgram ? -1 : fd, EV_READ | EV_PERSIST, listener_accept_cb,
	             listener);
	if (is_dgram)
		return packet_open(loop, fd, listener->origin, &listener->packets);
	listener_set_accepting(listener, true);
	return listener->is_accepting ? 0 : -ENOMEM;
}

static void
listener_log_listening(const struct listener_config *config, const char *text)
{
	const struct mode_options *o = &config->options;

	if (o->channel[0])
		log_info("listening on %s (%s, %s, channel %s)", text, mode_type_names[o->type], mode_names[o->mode],
		         o->channel);
	else
		log_info("listening on %s (%s)", text, mode_names[o->mode]);
}

int
listener_new(struct listener_owner *owner, const struct listener_config *config, const struct addr *addr, int fd,
             struct listener **ret_listener)
{
	struct listener *listener = calloc(1, sizeof(*listener));
	char text[ADDR_PATH_MAX + 1];
	int r = 0;

	if (!listener) {
		if (fd >= 0)
			close(fd);
		return -ENOMEM;
	}
	listener->owner = owner;
	listener->config = *config;
	listener->addr = *addr;
	listener->file.lock_fd = -1;
	listener->is_handed_over = fd >= 0;
	addr_format(addr, text, sizeof(text));
	listener->origin = mode_origin_new(owner->loop, &config->options, addr->kind == ADDR_TCP ? "" : text);
	if (!listener->origin)
		r = -ENOMEM;
	else if (fd < 0)
		r = listener_open_socket(owner, config, addr, &listener->file, &fd);
	if (r != 0) {
		listener_free_memory(listener, fd);
		return r;
	}
	if (listener->file.lock_fd >= 0) {
		r = filewatch_add(owner->watch, listener->file.path);
		if (r < 0)
			log_warning("%s: the socket file is not watched: %s", text, strerror(-r));
	}
	if (listener_begin(listener, fd) < 0) {
		listener_free(listener);
		return -ENOMEM;
	}
	listener_log_listening(config, text);
	*ret_listener = listener;
	return 0;
}

void
listener_free(struct listener *listener)
{
	int fd = event_get_fd(&listener->event);

	listener_set_accepting(listener, false);
	sockfile_close(&listener->file);
	if (!listener->is_handed_over)
		listener_accept_rest(listener);
	if (listener->packets) { /* what has been sent there counts */
		conn_drain(listener->packets, false);
		conn_stop(listener->packets);
	}
	listener_free_memory(listener, fd);
}

bool
listener_is_in_place(const struct listener *listener)
{
	if (listener->config.options.type == MODE_DGRAM && !listener->packets)
		return false;
	return listener->is_handed_over || listener->addr.kind != ADDR_PATH || sockfile_is_in_place(&listener->file);
}

/* Clients that are connected keep the mode they came with. */
static void
listener_update_options(struct listener *listener, const struct mode_options *options)
{
	struct conn_origin *origin;

	if (memcmp(options, &listener->config.options, sizeof(*options)) == 0)
		return;
	origin = mode_origin_new(listener->owner->loop, options, listener->origin->address);
	if (!origin) {
		log_error("out of memory: a listener keeps its mode");
		return;
	}
	if (listener->packets)
		packet_set_origin(listener->packets, origin);
	conn_origin_unref(listener->origin);
	listener->origin = origin;
	listener->config.options = *options;
}

void
listener_update(struct listener *listener, const struct listener_config *config)
{
	struct sockfile_options options = { config->socket_mode, config->socket_owner, config->socket_group };
	struct listener_config *old = &listener->config;
	int r = 0;

	if (!listener->is_handed_over && listener->addr.kind == ADDR_PATH &&
	    (old->socket_mode != config->socket_mode || old->socket_owner != config->socket_owner ||
	     old->socket_group != config->socket_group))
		r = sockfile_update(&listener->file, &options);
	if (r < 0)
		log_error("%s: cannot change its permissions: %s", listener->file.path, strerror(-r));
	if (listener->is_handed_over && config->options.type != old->options.type) {
		log_error("[listener %s]: type: the service manager's socket is of type %s", config->name,
		          mode_type_names[old->options.type]);
		return;
	}
	listener_update_options(listener, &config->options);
	if (listener->is_handed_over)
		return; /* its address and permissions are the service manager's */
	old->socket_mode = config->socket_mode;
	old->socket_owner = config->socket_owner;
	old->socket_group = config->socket_group;
	memcpy(old->name, config->name, sizeof(old->name));
}

void
listener_retire(struct listener *listener)
{
	listener_set_accepting(listener, false);
	if (listener->is_handed_over)
		return; /* clients that connect now wait for the next daemon */
	sockfile_remove(&listener->file);
	listener_accept_rest(listener);
}

void
listener_set_accepting(struct listener *listener, bool accepting)
{
	if (accepting == listener->is_accepting || listener->packets)
		return;
	if (accepting)
		listener->is_accepting = event_add(&listener->event, NULL) == 0;
	else {
		event_del(&listener->event);
		listener->is_accepting = false;
	}
}
