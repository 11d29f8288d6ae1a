#include "peer.h"

#include <assert.h>
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <fcntl.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "broker.h"
#include "proc.h"

/* Arguments that the table points to, set for each script: length of a request in bytes, and its reply. */
static char unit[16], reply[256];

/* Raises the limits that the works exceed: they have 10,000 clients of one user. */
static const char udsd_config[] =
    "[listener bench]\nlisten = %s\n[limits]\nmax_clients_per_uid = 20000\n"
    "max_patterns_per_uid = 20000\n[store]\nmax_bytes = 64G\nmax_bytes_per_uid = 0\nmax_streams = 1000000\n";
static const char mosquitto_config[] = "listener 0 %s\nallow_anonymous true\npersistence false\nlog_type error\n"
				       "user root\nsys_interval 0\nmax_queued_messages 0\nset_tcp_nodelay true\n";

/* Debian's redis-tools has redis-server under another name only, redis-check-rdb. */
const struct peer peer_table[] = {
	{
	    .name = "udsd",
	    .argv = { "udsd", "--config", proc_config, "--log-level", "warning" },
	    .store_argv = { "udsd", "--config", proc_config, "--log-level", "warning", "--store", "store" },
	    .echo_argv = { "udsd", "--listen", proc_socket, "--mode", "echo", "--log-level", "warning" },
	    .version_argv = { "udsd", "--version" },
	    .config = udsd_config,
	    .protocol = &protocol_resp,
	    .calls = &call_script_udsd,
	},
	{
	    .name = "redis",
	    .programs = { "redis-server", "redis-check-rdb" },
	    .argv = { "redis-server", "--port", "0", "--unixsocket", proc_socket, "--save", "", "--appendonly", "no",
	              "--daemonize", "no", "--loglevel", "warning", "--maxclients", "15000",
	              "--client-output-buffer-limit", "pubsub 0 0 0" },
	    .store_argv = { "redis-server", "--port", "0", "--unixsocket", proc_socket, "--save", "", "--appendonly",
	                    "yes", "--appendfsync", "always", "--daemonize", "no", "--loglevel", "warning" },
	    .version_argv = { "redis-server", "--version" },
	    .protocol = &protocol_resp,
	    .calls = &call_script_redis,
	},
	{
	    .name = "redis-everysec",
	    .programs = { "redis-server", "redis-check-rdb" },
	    .store_argv = { "redis-server", "--port", "0", "--unixsocket", proc_socket, "--save", "", "--appendonly",
	                    "yes", "--appendfsync", "everysec", "--daemonize", "no", "--loglevel", "warning" },
	    .version_argv = { "redis-server", "--version" },
	    .protocol = &protocol_resp,
	},
	{
	    .name = "nats",
	    .programs = { "nats-server" },
	    .argv = { "nats-server", "--addr", "127.0.0.1", "--port", proc_port },
	    .version_argv = { "nats-server", "--version" },
	    .protocol = &protocol_nats,
	    .calls = &call_script_nats,
	    .uses_port = true,
	},
	{
	    .name = "mosquitto",
	    .programs = { "mosquitto" },
	    .argv = { "mosquitto", "-c", proc_config },
	    .version_argv = { "mosquitto", "-h" },
	    .config = mosquitto_config,
	    .protocol = &protocol_mqtt,
	},
	{
	    .name = "dbus-broker",
	    .programs = { "dbus-broker" },
	    .argv = { "dbus-broker", "--controller", broker_fd, "--machine-id", "00000000000000000000000000000001",
	              "--max-bytes", "1000000000", "--max-objects", "1000000" },
	    .version_argv = { "dbus-broker", "--version" },
	    .protocol = &protocol_dbus,
	    .calls = &call_script_dbus,
	    .is_broker = true,
	},
	{
	    .name = "floor",
	    .programs = { "udsd-floor" },
	    .argv = { "udsd-floor", proc_socket, unit, reply },
	    .store_argv = { "udsd-floor", proc_socket, unit, "$15\r\n1700000000000-1\r\n", "store",
	                    "*1\r\n*2\r\n$2\r\nc0\r\n*",
	                    "*2\r\n$15\r\n1700000000000-1\r\n*2\r\n$1\r\nf\r\n$16\r\n0000000000000000\r\n" },
	    .echo_argv = { "udsd-floor", proc_socket },
	    .protocol = &protocol_floor,
	},
};
const size_t peer_count = sizeof(peer_table) / sizeof(peer_table[0]);

size_t
peer_find(const char *name)
{
	size_t i = 0;

	while (i < peer_count && strcmp(peer_table[i].name, name) != 0)
		i++;
	assert(i < peer_count);
	return i;
}

static bool
peer_find_in(const char *directory, size_t len, const char *name, char ret_program[PATH_MAX])
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%.*s/%s", (int)len, directory, name);
	return access(path, X_OK) == 0 && realpath(path, ret_program);
}

bool
peer_find_program(const struct peer *peer, const char *given, char ret_program[PATH_MAX])
{
	char self[PATH_MAX];
	size_t len;

	if (!peer->programs[0])
		return given && access(given, X_OK) == 0 && realpath(given, ret_program);
	if (!realpath("/proc/self/exe", self))
		err(1, "/proc/self/exe");
	for (size_t i = 0; i < 2 && peer->programs[i]; i++) {
		if (peer_find_in(self, (size_t)(strrchr(self, '/') - self), peer->programs[i], ret_program))
			return true;
		for (const char *p = getenv("PATH"); p && *p; p += len + (p[len] == ':')) {
			len = strcspn(p, ":");
			if (peer_find_in(p, len, peer->programs[i], ret_program))
				return true;
		}
	}
	return false;
}

/* The first line of what a program writes. */
static void
peer_read_line(const char *program, const char *const argv[], char *ret_line, size_t size)
{
	size_t len = 0;
	int fds[2];
	ssize_t n;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) < 0)
		err(1, "pipe");
	pid = proc_spawn(program, argv, fds[0], fds[1]);
	close(fds[1]);
	while (len < size - 1 && (n = read(fds[0], ret_line + len, size - 1 - len)) > 0)
		len += (size_t)n;
	close(fds[0]);
	waitpid(pid, NULL, 0);
	ret_line[len] = '\0';
	ret_line[strcspn(ret_line, "\n")] = '\0';
}

void
peer_read_version(const struct peer *peer, const char *program, char *ret_version, size_t size)
{
	char line[256] = "";
	size_t begin;

	if (peer->version_argv[0])
		peer_read_line(program, peer->version_argv, line, sizeof(line));
	begin = strcspn(line, "0123456789");
	snprintf(ret_version, size, "%.*s", (int)strspn(line + begin, "0123456789."), line + begin);
}

bool
peer_can(const struct peer *peer, const struct work *work)
{
	bool is_floor = peer->protocol == &protocol_floor;

	/* To the floor all requests of a client are equally long, and it has no groups. */
	if (work_is_stored(work))
		return peer->store_argv[0] && (!is_floor || (work->kind != WORK_GROUP && work->streams == 0));
	if (!peer->argv[0] || (!peer->protocol->ping && work->kind != WORK_CALL))
		return false;
	switch (work->kind) {
	case WORK_ADD:
	case WORK_TAIL:
	case WORK_GROUP:
	case WORK_PUBLISH:
	case WORK_PING:
	case WORK_REJOIN:
	case WORK_VISIT:
	case WORK_START:
		return true;
	case WORK_CALL:
		return peer->calls && (work->workers == 1 || !peer->calls->has_one_worker);
	case WORK_ECHO:
		return peer->echo_argv[0] != NULL;
	case WORK_MEMORY:
		return !is_floor || work->crowd.kind == CROWD_IDLE;
	case WORK_STREAMS:
	case WORK_PENDING:
	case WORK_LARGE:
		return peer->store_argv[0] && !is_floor;
	case WORK_PIPE:
		return strcmp(peer->name, "udsd") == 0;
	}
	return false;
}

bool
peer_keeps_streams(const struct peer *peer, enum work_kind kind)
{
	return (kind == WORK_STREAMS || kind == WORK_PENDING || kind == WORK_LARGE) && strcmp(peer->name, "udsd") == 0;
}

static void
peer_write_config(const struct peer *peer)
{
	FILE *f = fopen(proc_config, "we");
	const char *rest = strstr(peer->config, "%s");

	if (!f)
		err(1, "%s", proc_config);
	fprintf(f, "%.*s%s%s", (int)(rest - peer->config), peer->config, proc_socket, rest + strlen("%s"));
	if (fclose(f) != 0)
		err(1, "%s", proc_config);
}

void
peer_start(const struct peer *peer, const char *program, const struct work *work, const struct script *script, int cpu)
{
	const struct exchange *batch = &script->batch;
	bool answers = batch->answer.len > 0;

	snprintf(unit, sizeof(unit), "%zu", answers ? batch->request.len / work->depth : 1);
	snprintf(reply, sizeof(reply), "%.*s", answers ? (int)(batch->answer.len / work->depth) : 0,
	         (const char *)batch->answer.data);
	if (peer->config)
		peer_write_config(peer);
	proc_use_port(peer->uses_port);
	if (peer->is_broker)
		broker_prepare();
	proc_start(peer->name, program,
	           work->kind == WORK_ECHO                                        ? peer->echo_argv
	           : work_is_stored(work) || peer_keeps_streams(peer, work->kind) ? peer->store_argv
	                                                                          : peer->argv,
	           cpu);
	if (peer->is_broker)
		broker_begin();
}
