#include "peer.h"

#include <err.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "proc.h"

/* Arguments that the table points to, made up from the script: bytes of a request, its answer. */
static char unit[16], reply[16];

__attribute__((format(printf, 2, 3))) static void
add(struct bytes *b, const char *format, ...)
{
	char *text;
	va_list args;
	int n;

	va_start(args, format);
	n = vasprintf(&text, format, args);
	va_end(args);
	if (n < 0 || !(b->data = realloc(b->data, b->len + (size_t)n + 1)))
		err(1, "script");
	memcpy(b->data + b->len, text, (size_t)n + 1);
	b->len += (size_t)n;
	free(text);
}

static void
write_publish(const struct work *work, struct script *script, const char *delivered)
{
	static const char format[] = "*3\r\n$7\r\n%s\r\n$1\r\nc\r\n$%u\r\n%0*u\r\n";
	int width = (int)work->size;

	for (unsigned int i = 0; i < work->depth; i++) {
		add(&script->batch, format, "PUBLISH", work->size, width, i);
		add(&script->deliveries, format, delivered, work->size, width, i);
		add(&script->replies, ":%u\r\n", work->clients);
	}
}

static void
write_ping(const struct work *work, struct script *script)
{
	for (unsigned int i = 0; i < work->depth; i++) {
		add(&script->batch, "*1\r\n$4\r\nPING\r\n");
		add(&script->replies, "+PONG\r\n");
	}
}

static void
write_echo(const struct work *work, struct script *script)
{
	for (unsigned int i = 0; i < work->depth; i++) {
		add(&script->batch, "%0*u", (int)work->size, i);
		add(&script->replies, "%0*u", (int)work->size, i);
	}
}

static void
write_resp(const struct work *work, struct script *script)
{
	if (work->kind != WORK_PUBLISH) {
		write_ping(work, script);
		return;
	}
	add(&script->hello, "*2\r\n$9\r\nSUBSCRIBE\r\n$1\r\nc\r\n");
	add(&script->hello_end, "*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n");
	write_publish(work, script, "message");
}

/* The same, but a receiver gets the publisher's bytes as they are. (Both frames are equally long.) */
static void
write_floor(const struct work *work, struct script *script)
{
	if (work->kind != WORK_PUBLISH) {
		write_ping(work, script);
		return;
	}
	add(&script->hello, "R");
	add(&script->hello_end, "R");
	write_publish(work, script, "PUBLISH");
}

/* Debian's redis-tools has redis-server under another name only: redis-check-rdb is the same program. */
const struct peer peer_table[] = {
	{
	    .name = "udsd",
	    .argv = { "udsd", "--listen", proc_socket },
	    .echo_argv = { "udsd", "--listen", proc_socket, "--mode", "echo" },
	    .write_script = write_resp,
	},
	{
	    .name = "redis",
	    .programs = { "redis-server", "redis-check-rdb" },
	    .argv = { "redis-server", "--port", "0", "--unixsocket", proc_socket, "--save", "", "--appendonly", "no",
	              "--daemonize", "no", "--loglevel", "warning", "--client-output-buffer-limit", "pubsub 0 0 0" },
	    .write_script = write_resp,
	},
	{
	    .name = "floor",
	    .programs = { "udsd-floor" },
	    .argv = { "udsd-floor", proc_socket, unit, reply },
	    .echo_argv = { "udsd-floor", proc_socket },
	    .write_script = write_floor,
	},
};
const size_t peer_count = sizeof(peer_table) / sizeof(peer_table[0]);

static bool
find_program(const char *directory, size_t len, const char *name, char ret_program[PATH_MAX])
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%.*s/%s", (int)len, directory, name);
	return access(path, X_OK) == 0 && realpath(path, ret_program);
}

bool
peer_find(const struct peer *peer, const char *given, char ret_program[PATH_MAX])
{
	char self[PATH_MAX];
	size_t len;

	if (!peer->programs[0])
		return given && access(given, X_OK) == 0 && realpath(given, ret_program);
	if (!realpath("/proc/self/exe", self))
		err(1, "/proc/self/exe");
	for (size_t i = 0; i < 2 && peer->programs[i]; i++) {
		if (find_program(self, (size_t)(strrchr(self, '/') - self), peer->programs[i], ret_program))
			return true;
		for (const char *p = getenv("PATH"); p && *p; p += len + (p[len] == ':')) {
			len = strcspn(p, ":");
			if (find_program(p, len, peer->programs[i], ret_program))
				return true;
		}
	}
	return false;
}

const char *const *
peer_prepare(const struct peer *peer, const struct work *work, struct script *ret_script)
{
	const char *const *argv = work->kind == WORK_ECHO ? peer->echo_argv : peer->argv;
	struct script s = { 0 };

	if (!argv[0])
		return NULL;
	if (work->kind == WORK_ECHO)
		write_echo(work, &s);
	else
		peer->write_script(work, &s);
	snprintf(unit, sizeof(unit), "%zu", s.batch.len / work->depth);
	snprintf(reply, sizeof(reply), "%.*s", (int)(s.replies.len / work->depth), s.replies.data);
	*ret_script = s;
	return argv;
}

void
peer_free_script(struct script *script)
{
	free(script->hello.data);
	free(script->hello_end.data);
	free(script->batch.data);
	free(script->replies.data);
	free(script->deliveries.data);
}
