/*
 * A client is DOWN and waits for its next attempt; or CONNECTING, which only TCP takes time for; or UP with an open
 * connection. From UP and CONNECTING it always comes back to DOWN, and each way into DOWN either sets the retry timer
 * or ends the loop (client_stop() aside), so it never waits for nothing.
 *
 * When to retry. The backoff starts again only after a connection that brought something and was not refused: a server
 * that is full, or that accepts and closes, is not asked a hundred times a second. A watch on the socket file cuts the
 * wait short, so that a restarted daemon has its clients back at once, not after the rest of a second.
 */
#include "client.h"

#include <errno.h>
#include <event2/event.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sysexits.h>
#include <unistd.h>

#include "advice.h"
#include "backoff.h"
#include "loop.h"
#include "memory.h"
#include "say.h"
#include "sendq.h"
#include "timer.h"
#include "watch.h"

/* ms between looks whether a TCP peer is lost. */
#define LOST_LOOK ((uint64_t)10000)

/* For one writev(2): with blocks of 64 KiB more than a socket buffer takes. */
#define WRITE_VECTORS 16

enum client_state { CLIENT_DOWN, CLIENT_CONNECTING, CLIENT_UP };

struct client {
	struct loop *loop;
	struct client_options options;
	unsigned int addr_at; /* the address that is tried, or was last */
	char name[ADDR_NAME_MAX + 1];
	const struct client_ops *ops;
	void *arg;
	enum client_state state;
	struct conn conn;
	struct event *connected_event; /* of the socket that is connecting, else NULL */
	struct timer retry;
	struct timer lost; /* runs while a TCP connection is up */
	struct watch *watch;
	struct backoff backoff;
	size_t greeted; /* bytes of the greeting written */
	bool stopped;
	bool has_answered; /* something has come, on any connection */

	uint64_t connects;
	uint64_t since; /* loop_now() of the start, the last connect or loss */
	bool noticed;   /* "waiting for" was said since the last connection */
	int last_error; /* errno of the last failed attempt or loss; 0: closed by the other side */
};

static const char *
client_reason(int error)
{
	return error ? strerror(error) : "closed by the other side";
}

/* The watch begins before the attempt, so it misses nothing; and it ends with the connection, as it costs time. */
static void
client_retry_later(struct client *c)
{
	uint32_t random = 0;

	if (c->watch)
		watch_start(c->watch);
	(void)!getrandom(&random, sizeof(random), GRND_NONBLOCK);
	timer_set(&c->retry, backoff_next(&c->backoff, random));
}

/* The exit status where another attempt makes no sense; else 0. */
static int
client_final_status(const struct client *c, int error)
{
	switch (error) {
	case EACCES:
	case EPERM:
		return EX_NOPERM;
	case EPROTOTYPE:
		return EX_PROTOCOL;
	case EAGAIN: /* the backlog of the daemon is full for the moment */
		return 0;
	default:
		return c->options.once || (c->options.once_at_first && c->connects == 0) ? EX_UNAVAILABLE : 0;
	}
}

static void client_connect(void *arg);

/* An attempt to connect failed: tries the next address, or all of them again later. */
static void
client_failed(struct client *c, int error)
{
	int status = client_final_status(c, error);
	bool is_long = loop_now() - c->since >= CLIENT_SILENCE;
	char advice[256];

	if (++c->addr_at < c->options.addr.n) {
		client_connect(c);
		return;
	}
	c->addr_at = 0;
	c->state = CLIENT_DOWN;
	c->last_error = error;
	advice_format(&c->options.addr.addrs[0], error, advice, sizeof(advice));
	if (status != 0) {
		say("cannot connect to %s: %s%s", c->name, strerror(error), advice);
		loop_end(c->loop, status);
		return;
	}
	if (!c->noticed && !c->options.quiet)
		c->noticed =
		    say_at(is_long ? SAY_ALWAYS : SAY_NOTICE, "waiting for %s: %s%s", c->name, strerror(error), advice);
	client_retry_later(c);
}

/* Writes the rest of the greeting. Returns whether all of it is written. */
static bool
client_write_greeting(struct client *c)
{
	const struct slice *g = &c->options.greeting;
	struct iovec rest = { (void *)(g->p + c->greeted), g->len - c->greeted };

	if (rest.iov_len > 0)
		c->greeted += conn_writev(&c->conn, &rest, 1);
	return c->greeted == g->len;
}

static void
client_writable_cb(void *arg)
{
	struct client *c = arg;

	if (client_write_greeting(c) && c->ops->writable)
		c->ops->writable(c->arg);
}

/* Keepalive notices a peer that has vanished, but is silent while something is on its way to it. */
static void
client_lost_cb(void *arg)
{
	struct client *c = arg;

	if (addr_tcp_is_lost(c->conn.fd))
		conn_break(&c->conn, ETIMEDOUT);
	else
		timer_set(&c->lost, LOST_LOOK);
}

static void
client_connected(struct client *c, int fd)
{
	c->state = CLIENT_UP;
	c->greeted = 0;
	if (c->watch)
		watch_stop(c->watch);
	c->connects++;
	if (c->connects > 1 && !c->options.quiet)
		say_verbose("connected again to %s after %" PRIu64 " ms", c->name, loop_now() - c->since);
	else if (!c->options.quiet)
		say_verbose("connected to %s", c->name);
	c->since = loop_now();
	conn_open(&c->conn, fd);
	if (c->options.addr.addrs[c->addr_at].kind == ADDR_TCP)
		timer_set(&c->lost, LOST_LOOK);
	if (c->ops->up)
		c->ops->up(c->arg);
	client_writable_cb(c);
}

/* The pending attempt has succeeded or failed. */
static void
client_connected_cb(evutil_socket_t fd, short what, void *arg)
{
	struct client *c = arg;
	int error = 0;

	(void)what;
	event_free(c->connected_event);
	c->connected_event = NULL;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &(socklen_t){ sizeof(error) }) < 0)
		error = errno;
	if (error) {
		close(fd);
		client_failed(c, error);
	} else {
		client_connected(c, fd);
	}
}

static void
client_connect(void *arg)
{
	struct client *c = arg;
	const struct addr *addr = &c->options.addr.addrs[c->addr_at];
	int fd = addr_socket(addr, SOCK_STREAM), r;

	if (fd < 0) {
		client_failed(c, -fd);
		return;
	}
	do
		r = connect(fd, &addr->sa, addr->len) < 0 ? errno : 0;
	while (r == EINTR);
	if (r == 0) {
		client_connected(c, fd);
	} else if (r == EINPROGRESS) {
		c->state = CLIENT_CONNECTING;
		c->connected_event = event_new(loop_base(c->loop), fd, EV_WRITE, client_connected_cb, c);
		memory_check(c->connected_event ? 0 : -1);
		event_add(c->connected_event, NULL);
	} else {
		close(fd);
		client_failed(c, r);
	}
}

/* The socket file has appeared. */
static void
client_appeared_cb(void *arg)
{
	struct client *c = arg;

	if (c->stopped || c->state != CLIENT_DOWN)
		return;
	timer_stop(&c->retry);
	backoff_reset(&c->backoff);
	client_connect(c);
}

static size_t
client_input_cb(void *arg, const uint8_t *p, size_t len, size_t *ret_need)
{
	struct client *c = arg;

	c->has_answered = true;
	return c->ops->input(c->arg, p, len, ret_need);
}

static void
client_ended_cb(void *arg, uint64_t unread, int error)
{
	struct client *c = arg;

	timer_stop(&c->lost);
	c->state = CLIENT_DOWN;
	c->last_error = error;
	c->since = loop_now();
	c->noticed = false;
	if (c->conn.had_input && !c->conn.dropped)
		backoff_reset(&c->backoff);
	if (c->ops->down)
		c->ops->down(c->arg, unread);
	if (loop_is_ending(c->loop) || c->stopped)
		return;
	if (c->options.once) {
		say("connection to %s lost: %s", c->name, client_reason(error));
		loop_end(c->loop, EX_UNAVAILABLE);
		return;
	}
	if (!c->options.quiet)
		say_verbose("connection to %s lost: %s", c->name, client_reason(error));
	client_retry_later(c);
}

static const struct conn_ops client_conn_ops = {
	.input = client_input_cb,
	.writable = client_writable_cb,
	.ended = client_ended_cb,
};

struct client *
client_new(struct loop *loop, const struct client_options *options, const struct client_ops *ops, void *arg)
{
	struct client *c = memory_alloc(sizeof(*c));

	c->loop = loop;
	c->options = *options;
	c->ops = ops;
	c->arg = arg;
	addr_list_format(&options->addr, c->name, sizeof(c->name));
	conn_init(&c->conn, loop_base(loop), &client_conn_ops, c);
	timer_init(&c->retry, loop, client_connect, c);
	timer_init(&c->lost, loop, client_lost_cb, c);
	return c;
}

void
client_start(struct client *c)
{
	if (c->options.addr.addrs[0].kind == ADDR_PATH && !c->options.once)
		c->watch = watch_new(c->loop, c->name, client_appeared_cb, c);
	c->since = loop_now();
	client_connect(c);
}

void
client_greet(struct client *c, struct slice greeting)
{
	c->options.greeting = greeting;
}

void
client_stop(struct client *c)
{
	c->stopped = true;
	c->state = CLIENT_DOWN;
	timer_stop(&c->retry);
	timer_stop(&c->lost);
	if (c->connected_event) {
		close(event_get_fd(c->connected_event));
		event_free(c->connected_event);
		c->connected_event = NULL;
	}
	conn_close(&c->conn);
}

void
client_free(struct client *c)
{
	if (!c)
		return;
	client_stop(c);
	timer_deinit(&c->retry);
	timer_deinit(&c->lost);
	watch_free(c->watch);
	conn_deinit(&c->conn);
	free(c);
}

size_t
client_writev(struct client *c, const struct iovec *iov, int n)
{
	return c->state == CLIENT_UP && c->greeted == c->options.greeting.len ? conn_writev(&c->conn, iov, n) : 0;
}

size_t
client_write_queue(struct client *c, struct sendq *queue)
{
	struct iovec iov[WRITE_VECTORS];
	size_t total = 0, n;
	int vectors;

	while ((vectors = sendq_peek(queue, iov, WRITE_VECTORS)) > 0) {
		n = client_writev(c, iov, vectors);
		if (n == 0)
			break;
		sendq_sent(queue, n);
		total += n;
	}
	return total;
}

void
client_pause(struct client *c, bool paused)
{
	conn_pause(&c->conn, paused);
}

void
client_shutdown(struct client *c)
{
	if (c->state == CLIENT_UP)
		shutdown(c->conn.fd, SHUT_WR);
}

void
client_drop(struct client *c, int error)
{
	conn_drop(&c->conn, error);
}

int
client_unread(const struct client *c, uint64_t *ret_bytes)
{
	return conn_unread(&c->conn, ret_bytes);
}

bool
client_is_up(const struct client *c)
{
	return c->state == CLIENT_UP;
}

uint64_t
client_reconnects(const struct client *c)
{
	return c->connects > 0 ? c->connects - 1 : 0;
}

const char *
client_name(const struct client *c)
{
	return c->name;
}

void
client_end_foreign(struct client *c)
{
	say("%s: this is not a udsd bus; for a listener in the mode echo or line use 'udsctl pipe'", c->name);
	loop_end(c->loop, EX_PROTOCOL);
}

void
client_explain(const struct client *c, char *text, size_t size)
{
	bool may_guess = !c->has_answered && loop_now() - c->since >= CLIENT_PATIENCE;
	char advice[256];

	advice_format(&c->options.addr.addrs[0], c->last_error, advice, sizeof(advice));
	if (c->state == CLIENT_UP)
		snprintf(text, size, "no answer from %s%s", c->name,
		         may_guess
		             ? ": it hangs, waits for its disk, or has a mode that never answers (line, length, whole)"
		             : "");
	else
		snprintf(text, size, "no connection to %s: %s%s", c->name, client_reason(c->last_error), advice);
}
