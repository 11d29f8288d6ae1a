/*
 * Memory that runs out at every place where the configuration is read, where the daemon starts, and where it serves
 * real sockets. It starts and works, or says why it does not and leaves nothing behind.
 */
#include <malloc.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sysexits.h>
#include <unistd.h>

#include <cmocka.h>
#include <event2/event.h>

#include "config.h"
#include "failing.h"
#include "options.h"
#include "server.h"

static const char text[] = "[udsd]\n"
			   "log_level = error\n"
			   "[admin]\n"
			   "allow = root, uid:5, @root\n"
			   "[listener one]\n"
			   "listen = %s/one\n"
			   "[listener two]\n"
			   "listen = @%s/two\n"
			   "mode = echo\n"
			   "socket_mode = 0600\n"
			   "[listener lines]\n"
			   "listen = %s/lines\n"
			   "mode = line\n"
			   "channel = x\n"
			   "deliver = yes\n"
			   "[listener whole]\n"
			   "listen = %s/whole\n"
			   "mode = whole\n"
			   "channel = x\n"
			   "ack = yes\n"
			   "[listener datagrams]\n"
			   "listen = %s/datagrams\n"
			   "type = dgram\n"
			   "mode = whole\n"
			   "channel = x\n"
			   "[channel a.*]\n"
			   "publish = uid:0, gid:0\n"
			   "slow = drop\n"
			   "[channel b]\n"
			   "subscribe =\n";

static char dir[64], conf[96];

static int
write_file(bool with_third)
{
	FILE *f = fopen(conf, "w");

	if (!f || fprintf(f, text, dir, dir, dir, dir, dir) < 0)
		return -1;
	if (with_third)
		fprintf(f, "[listener three]\nlisten = %s/three\n", dir);
	return fclose(f);
}

static int
setup(void **state __attribute__((unused)))
{
	snprintf(dir, sizeof(dir), "/tmp/test-no-memory-XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	snprintf(conf, sizeof(conf), "%s/conf", dir);
	return write_file(false);
}

static int
teardown(void **state __attribute__((unused)))
{
	unlink(conf);
	return rmdir(dir); /* fails if anything was left behind */
}

static char *
print(const struct config *config)
{
	static char printed[4096];
	FILE *f = fmemopen(printed, sizeof(printed), "w");

	assert_non_null(f);
	config_print(config, f);
	assert_int_equal(fclose(f), 0);
	return printed;
}

static struct config *
load(struct buf *mistakes)
{
	struct options options = { .config_path = conf, .log_level = -1 };

	return options_load_config(&options, false, mistakes);
}

/* Returns how many allocations failed. */
static uint64_t
read_once(const char *expected, uint64_t first, uint64_t n)
{
	int64_t blocks = failing_blocks();
	struct buf mistakes;
	struct config *config;
	uint64_t failed;

	failing_begin(first, n);
	failing_set_on(true);
	config = load(&mistakes);
	failed = failing_end();
	if (config)
		assert_string_equal(print(config), expected);
	else
		assert_true(failed > 0);
	if (!config && n == 1)
		assert_non_null(strstr((char *)mistakes.data, " memory"));
	config_free(config);
	buf_deinit(&mistakes);
	assert_int_equal(failing_blocks(), blocks);
	return failed;
}

static void
configuration(void **state __attribute__((unused)))
{
	struct buf mistakes;
	struct config *config = load(&mistakes);
	char expected[4096];
	uint64_t points = 0;

	assert_non_null(config);
	snprintf(expected, sizeof(expected), "%s", print(config));
	config_free(config);
	buf_deinit(&mistakes);
	for (uint64_t n = 1; n <= 3; n++) {
		uint64_t failures = n == 3 ? UINT64_MAX : n;

		for (uint64_t first = 1; read_once(expected, first, failures) > 0; first++)
			points++;
	}
	print_message("# %llu points\n", (unsigned long long)points);
}

static void
turn(struct server *server)
{
	for (int i = 0; i < 4; i++) {
		event_base_loop(server->loop.base, EVLOOP_NONBLOCK);
		turn_end_pass(&server->turn);
	}
}

/* A client of a listener. */
static int
join_as(const char *name, int type)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	bool is_abstract = strcmp(name, "two") == 0;
	int fd = socket(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	assert_true(fd >= 0);
	snprintf(un.sun_path + is_abstract, sizeof(un.sun_path) - 1, "%s/%s", dir, name);
	assert_int_equal(connect(fd, (struct sockaddr *)&un,
	                         (socklen_t)(offsetof(struct sockaddr_un, sun_path) + is_abstract +
	                                     strlen(un.sun_path + is_abstract))),
	                 0);
	return fd;
}

static int
join(const char *name)
{
	return join_as(name, SOCK_STREAM);
}

static void
say(struct server *server, int fd, const char *line)
{
	(void)!send(fd, line, strlen(line), MSG_NOSIGNAL);
	turn(server);
}

static void
check_served(struct server *server, const char *name, const char *line, const char *expected)
{
	char got[64] = { 0 };
	int fd = join(name);

	turn(server);
	say(server, fd, line);
	assert_int_equal(recv(fd, got, sizeof(got) - 1, MSG_DONTWAIT), strlen(expected));
	assert_string_equal(got, expected);
	close(fd);
	turn(server);
}

static void
check_datagrams(struct server *server)
{
	uint64_t messages = loop_bus(&server->loop)->flow.stats.messages;
	int fd = join_as("datagrams", SOCK_DGRAM);

	say(server, fd, "hello");
	assert_int_equal(loop_bus(&server->loop)->flow.stats.messages, messages + 1);
	close(fd);
}

static void
check_works(struct server *server)
{
	check_served(server, "lines", "hello\n", "hello\n");
	check_datagrams(server);
	check_served(server, "one", "PING\r\n", "+PONG\r\n");
	check_served(server, "two", "hello", "hello");
	assert_true(server->listeners.watch.fd < 0 || event_pending(&server->listeners.watch.event, EV_READ, NULL));
	assert_true(event_pending(&server->signals.event, EV_READ, NULL));
	assert_true(event_pending(&server->loader.event, EV_READ, NULL));
}

static uint64_t
start_once(uint64_t first, uint64_t n)
{
	int64_t blocks = failing_blocks();
	uint64_t errors = failing_errors(), failed;
	struct options options = { .config_path = conf };
	struct buf mistakes;
	struct config *config = load(&mistakes);
	struct server server;
	int r;

	failing_begin(first, n);
	failing_set_on(true);
	r = server_init(&server, &options, config);
	failed = failing_end();
	if (r == 0) {
		check_works(&server);
		server_deinit(&server);
	} else {
		assert_int_equal(r, EX_SOFTWARE);
		assert_true(failing_errors() > errors);
	}
	assert_int_equal(failing_blocks(), blocks);
	return failed;
}

static void
start(void **state __attribute__((unused)))
{
	uint64_t points = 0;

	for (uint64_t first = 1; start_once(first, 1) > 0; first++)
		points++;
	for (uint64_t first = 1; start_once(first, UINT64_MAX) > 0; first++)
		points++;
	print_message("# %llu points\n", (unsigned long long)points);
}

/* What those do that can only write. */
static void
write_only(struct server *server)
{
	static char much[200000];
	int chat = join("lines"), whole = join("whole"), datagrams = join_as("datagrams", SOCK_DGRAM);

	memset(much, 'x', sizeof(much));
	turn(server);
	say(server, chat, "one\ntwo\nunfin");
	say(server, chat, "ished");
	(void)!send(whole, much, sizeof(much), MSG_NOSIGNAL);
	turn(server);
	(void)!send(datagrams, much, 20000, MSG_NOSIGNAL);
	say(server, datagrams, "three");
	shutdown(whole, SHUT_WR);
	shutdown(chat, SHUT_WR);
	turn(server);
	(void)!recv(chat, much, sizeof(much), MSG_DONTWAIT);
	close(datagrams);
	close(whole);
	close(chat);
	turn(server);
}

/* What clients do with sockets: come, talk, leave things unread and unfinished, go. */
static void
converse(struct server *server)
{
	static char much[300000];
	int a = join("one"), b, c;

	turn(server);
	say(server, a, "SUBSCRIBE x\r\n");
	b = join("one");
	say(server, b, "PUBLISH x hello\r\nECHO unfinish");
	say(server, b, "ed\r\nMONITOR\r\n");
	c = join("two");
	memset(much, 'x', sizeof(much));
	(void)!send(c, much, sizeof(much), MSG_NOSIGNAL); /* more comes back than the socket takes */
	turn(server);
	say(server, b, "CLIENT LIST\r\n*3\r\n$7\r\nPUBLISH\r\n$1\r\nx\r\n$20000\r\n");
	(void)!send(b, much, 20000, MSG_NOSIGNAL);
	say(server, b, "\r\nINFO\r\n");
	(void)!recv(c, much, sizeof(much), MSG_DONTWAIT);
	turn(server);
	close(c);
	turn(server);
	close(b);
	turn(server);
	close(a);
	turn(server);
	write_only(server);
}

static uint64_t
serve_once(uint64_t first, uint64_t n)
{
	int64_t blocks = failing_blocks();
	struct options options = { .config_path = conf };
	struct buf mistakes;
	struct server server;
	int kept;
	uint64_t failed;

	assert_int_equal(server_init(&server, &options, load(&mistakes)), 0);
	kept = join("one");
	turn(&server);
	failing_begin(first, n);
	failing_set_on(true);
	converse(&server);
	failed = failing_end();
	if (server.listeners.is_pausing) { /* half a second later */
		assert_true(event_pending(&server.listeners.accept_timer, EV_TIMEOUT, NULL));
		event_active(&server.listeners.accept_timer, EV_TIMEOUT, 0);
	}
	if (event_pending(&server.listeners.restore_timer, EV_TIMEOUT, NULL))
		event_active(&server.listeners.restore_timer, EV_TIMEOUT, 0);
	turn(&server);
	check_works(&server);
	say(&server, kept, "PING\r\n");
	assert_int_equal(recv(kept, (char[8]){ 0 }, 8, MSG_DONTWAIT), 7);
	close(kept);
	server_deinit(&server);
	assert_int_equal(failing_blocks(), blocks);
	return failed;
}

/* SIGHUP, with one more listener. The new configuration holds, or the old one. */
static uint64_t
reload_once(uint64_t first, uint64_t n)
{
	int64_t blocks = failing_blocks();
	struct options options = { .config_path = conf };
	struct buf mistakes;
	struct server server;
	struct config *old;
	uint64_t errors, failed;
	bool has_third;

	assert_int_equal(write_file(false), 0);
	old = load(&mistakes);
	assert_int_equal(server_init(&server, &options, old), 0);
	assert_int_equal(write_file(true), 0);
	errors = failing_errors();
	failing_begin(first, n);
	failing_set_on(true);
	assert_int_equal(raise(SIGHUP), 0);
	do
		server_turn(&server);
	while (server.wants_reload || loader_is_busy(&server.loader));
	turn(&server);
	failed = failing_end();
	check_works(&server);
	has_third = strcmp(TAILQ_LAST(&server.listeners.list, listener_list)->config.name, "three") == 0;
	assert_int_equal(has_third, server.config != old);
	assert_int_equal(has_third, errors == failing_errors());
	if (has_third)
		check_served(&server, "three", "PING\r\n", "+PONG\r\n");
	server_deinit(&server);
	assert_int_equal(failing_blocks(), blocks);
	return failed;
}

static void
reload(void **state __attribute__((unused)))
{
	uint64_t points = 0;

	for (uint64_t first = 1; reload_once(first, 1) > 0; first++)
		points++;
	for (uint64_t first = 1; reload_once(first, UINT64_MAX) > 0; first++)
		points++;
	print_message("# %llu points\n", (unsigned long long)points);
}

static void
service(void **state __attribute__((unused)))
{
	uint64_t points = 0;

	for (uint64_t first = 1; serve_once(first, 1) > 0; first++)
		points++;
	for (uint64_t first = 1; serve_once(first, UINT64_MAX) > 0; first++)
		points++;
	print_message("# %llu points\n", (unsigned long long)points);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(configuration),
		cmocka_unit_test(start),
		cmocka_unit_test(service),
		cmocka_unit_test(reload),
	};

	event_set_mem_functions(failing_malloc, failing_realloc, failing_free);
	return cmocka_run_group_tests(tests, setup, teardown);
}
