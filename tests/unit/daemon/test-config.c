/* Configuration files: each key, and each kind of mistake with its line and text. */
#include "buf.h"
#include "config.h"
#include "log.h"
#include "config-rows.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <setjmp.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define LISTENER "[listener a]\nlisten = @a\n"

/* One file in a directory of its own, what reading it gave, and the mistakes without the file's name. */
struct rig {
	char dir[64], path[96];
	struct config *config;
	struct buf mistakes;
	int result;
};

static int
setup(void **state)
{
	struct rig *rig = calloc(1, sizeof(*rig));

	if (!rig)
		return -1;
	snprintf(rig->dir, sizeof(rig->dir), "/tmp/test-config-XXXXXX");
	if (!mkdtemp(rig->dir))
		return -1;
	snprintf(rig->path, sizeof(rig->path), "%s/udsd.conf", rig->dir);
	*state = rig;
	return 0;
}

static void
forget(struct rig *rig)
{
	config_free(rig->config);
	rig->config = NULL;
	buf_deinit(&rig->mistakes);
}

static int
teardown(void **state)
{
	struct rig *rig = *state;

	forget(rig);
	unlink(rig->path);
	rmdir(rig->dir);
	free(rig);
	return 0;
}

static void
read_bytes(struct rig *rig, const void *data, size_t len)
{
	FILE *f = fopen(rig->path, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(data, 1, len, f), len);
	assert_int_equal(fclose(f), 0);
	forget(rig);
	rig->config = config_new();
	assert_non_null(rig->config);
	rig->result = config_read(rig->config, rig->path, &rig->mistakes);
	assert_int_equal(buf_append(&rig->mistakes, "", 1), 0); /* so that it is a string */
}

static void
read_text(struct rig *rig, const char *text)
{
	read_bytes(rig, text, strlen(text));
}

static void
expect_right(struct rig *rig, const char *text)
{
	read_text(rig, text);
	assert_string_equal((char *)rig->mistakes.data, "");
	assert_int_equal(rig->result, 0);
}

/* mistakes: lines "LINE: TEXT". */
static void
expect_mistakes(struct rig *rig, const char *text, const char *mistakes)
{
	struct buf expected = { 0 };

	while (*mistakes) {
		size_t len = strcspn(mistakes, "\n");

		buf_printf(&expected, "%s:%.*s\n", rig->path, (int)len, mistakes);
		mistakes += len + (mistakes[len] == '\n');
	}
	buf_append(&expected, "", 1);
	read_text(rig, text);
	assert_string_equal((char *)rig->mistakes.data, (char *)expected.data);
	assert_int_equal(rig->result, -EINVAL);
	buf_deinit(&expected);
}

static void
defaults(void **state)
{
	struct rig *rig = *state;
	const struct listener_config *listener;

	expect_right(rig, "");
	assert_int_equal(rig->config->log_level, LOG_LEVEL_INFO);
	assert_int_equal(rig->config->shutdown_timeout, 5000);
	assert_int_equal(rig->config->limits.max_clients, 20000);
	assert_int_equal(rig->config->limits.max_message, 16 << 20);
	assert_int_equal(rig->config->limits.max_subscriptions, 10000);
	assert_int_equal(rig->config->limits.queue_limit, 8 << 20);
	assert_int_equal(rig->config->limits.slow_timeout, 5000);
	assert_true(STAILQ_EMPTY(&rig->config->listeners));
	expect_right(rig, LISTENER);
	listener = STAILQ_FIRST(&rig->config->listeners);
	assert_string_equal(listener->name, "a");
	assert_int_equal(listener->options.mode, MODE_ROUTE);
	assert_int_equal(listener->socket_mode, 0660);
	assert_int_equal(listener->socket_owner, (uid_t)-1);
	assert_int_equal(listener->socket_group, (gid_t)-1);
	assert_null(STAILQ_NEXT(listener, link));
}

static void
every_key(void **state)
{
	struct rig *rig = *state;
	const struct listener_config *a, *b;

	expect_right(rig, "[udsd]\n"
	                  "log_level = debug\n"
	                  "shutdown_timeout = 2m\n"
	                  "[limits]\n"
	                  "max_clients = 17\n"
	                  "max_message = 64K\n"
	                  "max_subscriptions = 3\n"
	                  "queue_limit = 1G\n"
	                  "slow_timeout = 250ms\n"
	                  "[listener first one]\n"
	                  "listen = /tmp/a:b.sock\n"
	                  "mode = echo\n"
	                  "socket_mode = 0600\n"
	                  "socket_owner = 0\n"
	                  "socket_group = 12345\n"
	                  "[listener second]\n"
	                  "listen = 127.0.0.1:6380\n"
	                  "mode = route\n"
	                  "socket_owner =\n");
	assert_int_equal(rig->config->log_level, LOG_LEVEL_DEBUG);
	assert_int_equal(rig->config->shutdown_timeout, 120000);
	assert_int_equal(rig->config->limits.max_clients, 17);
	assert_int_equal(rig->config->limits.max_message, 65536);
	assert_int_equal(rig->config->limits.max_subscriptions, 3);
	assert_int_equal(rig->config->limits.queue_limit, 1 << 30);
	assert_int_equal(rig->config->limits.slow_timeout, 250);
	a = STAILQ_FIRST(&rig->config->listeners);
	assert_string_equal(a->name, "first one");
	assert_int_equal(a->listen.addrs[0].kind, ADDR_PATH);
	assert_string_equal(a->listen.addrs[0].un.sun_path, "/tmp/a:b.sock");
	assert_int_equal(a->options.mode, MODE_ECHO);
	assert_int_equal(a->socket_mode, 0600);
	assert_int_equal(a->socket_owner, 0);
	assert_int_equal(a->socket_group, 12345);
	b = STAILQ_NEXT(a, link);
	assert_string_equal(b->name, "second");
	assert_int_equal(b->listen.addrs[0].kind, ADDR_TCP);
	assert_int_equal(b->options.mode, MODE_ROUTE);
	assert_int_equal(b->socket_owner, (uid_t)-1);
	assert_int_equal(b->socket_mode, 0660); /* the other one's is its own */
	assert_null(STAILQ_NEXT(b, link));
}

static void
users_and_groups(void **state)
{
	struct rig *rig = *state;
	const struct passwd *pw = getpwuid(0);
	const struct group *gr = getgrgid(0);
	char text[300];

	if (!pw || !gr)
		skip();
	snprintf(text, sizeof(text), LISTENER "socket_owner = %s\nsocket_group = %s\n", pw->pw_name, gr->gr_name);
	expect_right(rig, text);
	assert_int_equal(STAILQ_FIRST(&rig->config->listeners)->socket_owner, 0);
	assert_int_equal(STAILQ_FIRST(&rig->config->listeners)->socket_group, 0);
	expect_mistakes(rig, LISTENER "socket_owner = no such\nsocket_group = nobody-here\n",
	                "3: socket_owner: there is no user 'no such'\n"
	                "4: socket_group: there is no group 'nobody-here'\n");
}

static void
forms(void **state)
{
	struct rig *rig = *state;

	expect_right(rig, "# comment\n"
	                  "; comment = with = signs\n"
	                  "\n"
	                  "   \t \n"
	                  "  [udsd]  \n"
	                  "\tlog_level=error\n"
	                  "    shutdown_timeout   =   0   ; at once\n"
	                  "   ; indented = comment\n"
	                  "   # another\n"
	                  "[limits] ; behind a section\r\n"
	                  "max_clients: 5\r\n"
	                  "[udsd]\n" /* again */
	                  "[limits]\n"
	                  "max_message = 1M");
	assert_int_equal(rig->config->log_level, LOG_LEVEL_ERROR);
	assert_int_equal(rig->config->shutdown_timeout, 0);
	assert_int_equal(rig->config->limits.max_clients, 5);
	assert_int_equal(rig->config->limits.max_message, 1 << 20);
}

/* An indented line is a line like others, not more of the value before it. */
static void
indented_lines(void **state)
{
	struct rig *rig = *state;

	expect_right(rig, "[listener a]\n  listen = @a\n    mode = echo\n\t[limits]\n\tmax_clients = 7\n");
	assert_int_equal(STAILQ_FIRST(&rig->config->listeners)->options.mode, MODE_ECHO);
	assert_int_equal(rig->config->limits.max_clients, 7);
	expect_mistakes(rig, "[limits]\nmax_clients = 7\n  nonsense\n",
	                "3: 'nonsense' is neither 'key = value' nor a [section]\n");
}

static void
wrong_values(void **state)
{
	struct rig *rig = *state;

	expect_mistakes(rig,
	                "[udsd]\n"
	                "log_level = loud\n"
	                "shutdown_timeout = 5\n"
	                "[limits]\n"
	                "max_clients = many\n"
	                "max_message = 8X\n"
	                "max_subscriptions = 1K\n"
	                "queue_limit = 8 M\n"
	                "slow_timeout = 5 s\n"
	                "[listener a]\n"
	                "listen = @a\n"
	                "mode = Route\n"
	                "socket_mode = 0999\n",
	                "2: log_level: 'loud' is not a log level (error, warning, info or debug)\n"
	                "3: shutdown_timeout: '5' is not a duration (try 5s; units are ms, s, m, h and d)\n"
	                "5: max_clients: 'many' is not a number\n"
	                "6: max_message: '8X' is not a size (try 8M; units are K, M and G)\n"
	                "7: max_subscriptions: '1K' is not a number\n"
	                "8: queue_limit: '8 M' is not a size (try 8M; units are K, M and G)\n"
	                "9: slow_timeout: '5 s' is not a duration (try 5s; units are ms, s, m, h and d)\n"
	                "12: mode: 'Route' is not a mode (route, echo, line, length or whole)\n"
	                "13: socket_mode: '0999' is not an octal file mode up to 0777 (try 0660)\n");
}

static void
empty_values(void **state)
{
	struct rig *rig = *state;

	expect_mistakes(rig,
	                "[udsd]\nlog_level =\nshutdown_timeout = ; nothing\n[limits]\nmax_clients =\nmax_message=\n",
	                "2: log_level: '' is not a log level (error, warning, info or debug)\n"
	                "3: shutdown_timeout: '' is not a duration (try 5s; units are ms, s, m, h and d)\n"
	                "5: max_clients: '' is not a number\n"
	                "6: max_message: '' is not a size (try 8M; units are K, M and G)\n");
}

static void
ranges(void **state)
{
	struct rig *rig = *state;

	expect_mistakes(rig,
	                "[udsd]\n"
	                "shutdown_timeout = 25h\n"
	                "[limits]\n"
	                "max_clients = 0\n"
	                "max_message = 1023\n"
	                "max_subscriptions = 10000001\n"
	                "queue_limit = 2G\n"
	                "slow_timeout = 99999999999999999999s\n"
	                "[listener a]\n"
	                "listen = @a\n"
	                "socket_mode = 1777\n",
	                "2: shutdown_timeout: '25h' is out of range; expected 0 to 86400000 ms\n"
	                "4: max_clients: '0' is out of range; expected 1 to 1000000\n"
	                "5: max_message: '1023' is out of range; expected 1024 to 1073741824\n"
	                "6: max_subscriptions: '10000001' is out of range; expected 1 to 10000000\n"
	                "7: queue_limit: '2G' is out of range; expected 4096 to 1073741824\n"
	                "8: slow_timeout: '99999999999999999999s' is out of range; expected 0 to 86400000 ms\n"
	                "11: socket_mode: '1777' is not an octal file mode up to 0777 (try 0660)\n");
	expect_right(rig, "[udsd]\nshutdown_timeout = 24h\n[limits]\nmax_clients = 1000000\nmax_message = 1024\n"
	                  "max_subscriptions = 10000000\nqueue_limit = 4K\nslow_timeout = 0\n");
}

static void
addresses(void **state)
{
	struct rig *rig = *state;
	char text[300], mistake[300];

	expect_mistakes(rig, "[listener a]\nlisten =\n",
	                "2: listen: '': the name is empty; expected a path, @name or host:port\n");
	expect_mistakes(rig, "[listener a]\nlisten = 127.0.0.1:0\n",
	                "2: listen: '127.0.0.1:0': the port is missing, or not a number from 1 to 65535\n");
	snprintf(text, sizeof(text), "[listener a]\nlisten = /%0120d\n", 0);
	snprintf(mistake, sizeof(mistake),
	         "2: listen: '/%0120d': the path is too long for a Unix socket; the limit is 107 bytes\n", 0);
	expect_mistakes(rig, text, mistake);
}

static void
unknown_keys_and_sections(void **state)
{
	struct rig *rig = *state;

	expect_mistakes(rig,
	                "[udsd]\n"
	                "max_clients = 5\n" /* stands elsewhere */
	                "LOG_LEVEL = info\n"
	                "[limit]\n"
	                "max_clients = 5\n"
	                "nonsense = 5\n"
	                "[limits]\n"
	                "listen = @a\n"
	                "= 5\n"
	                "[listener a]\n"
	                "listen = @a\n"
	                "log_level = info\n"
	                "[Udsd]\n"
	                "[]\n"
	                "[listeners a]\n"
	                "listen = @b\n",
	                "2: max_clients: unknown key in [udsd]\n"
	                "3: LOG_LEVEL: unknown key in [udsd]\n"
	                "4: [limit]: unknown section; did you mean [limits]?\n"
	                "6: nonsense: unknown key in [limits]\n"
	                "8: listen: unknown key in [limits]\n"
	                "9: '= 5' is neither 'key = value' nor a [section]\n"
	                "12: log_level: unknown key in [listener a]\n"
	                "13: [Udsd]: unknown section; did you mean [udsd]?\n"
	                "14: []: unknown section; expected [udsd], [limits], [store], [admin], [listener NAME], "
	                "[channel PATTERN], [service PATTERN] or [stream PATTERN]\n"
	                "15: [listeners a]: unknown section; did you mean [listener a]?\n"
	                "15: [listener a]: there is a listener of this name already\n");
}

/* One check finds what is wrong inside a section whose name is wrong, too. */
static void
mistakes_in_misnamed_sections(void **state)
{
	struct rig *rig = *state;

	expect_mistakes(
	    rig,
	    "queue_limit = 8X\n"
	    "[listner bus]\n"
	    "mode = fast\n"
	    "lisen = @a\n"
	    "[chanel alerts.*]\n"
	    "slow = maybe\n"
	    "[nonsense]\n"
	    "socket_mode = 0999\n"
	    "max_client = 5\n"
	    "slow = never\n"
	    "max_clients = 5\n"
	    "[limits\n"
	    "max_message = none\n"
	    "max_clients = 6\n"
	    "[listener]\n"
	    "ack = perhaps\n"
	    "[channel]\n"
	    "slow = 1\n",
	    "1: queue_limit: stands before the first section, such as [udsd] or [listener NAME]\n"
	    "1: queue_limit: '8X' is not a size (try 8M; units are K, M and G)\n"
	    "2: [listner bus]: unknown section; did you mean [listener bus]?\n"
	    "3: mode: 'fast' is not a mode (route, echo, line, length or whole)\n"
	    "4: lisen: unknown key in [listener bus]; did you mean 'listen'?\n"
	    "2: [listener bus]: 'listen' is missing; expected a path, @name or host:port\n"
	    "5: [chanel alerts.*]: unknown section; did you mean [channel alerts.*]?\n"
	    "6: slow: 'maybe' is not a policy (wait, drop, disconnect or store)\n"
	    "7: [nonsense]: unknown section; expected [udsd], [limits], [store], [admin], [listener NAME], [channel "
	    "PATTERN], [service PATTERN] or [stream PATTERN]\n"
	    "8: socket_mode: '0999' is not an octal file mode up to 0777 (try 0660)\n"
	    "9: max_client: unknown key; did you mean 'max_clients'?\n"
	    "10: slow: 'never' is not a policy (wait, drop, disconnect or store)\n"
	    "12: '[limits' has no ']' at its end; expected a [section]\n"
	    "13: max_message: 'none' is not a size (try 8M; units are K, M and G)\n"
	    "14: max_clients: is set twice\n"
	    "15: [listener]: a listener needs a name of 1 to 31 characters, like [listener bus]\n"
	    "16: ack: 'perhaps' is not yes or no\n"
	    "15: [listener]: 'listen' is missing; expected a path, @name or host:port\n"
	    "17: [channel]: a channel section needs a name or pattern, like [channel alerts.*]\n"
	    "18: slow: '1' is not a policy (wait, drop, disconnect or store)\n");
}

static void
before_the_first_section(void **state)
{
	struct rig *rig = *state;

	expect_mistakes(rig, "log_level = info\n[udsd]\n",
	                "1: log_level: stands before the first section, such as [udsd] or [listener NAME]\n");
}

static void
malformed_lines(void **state)
{
	struct rig *rig = *state;

	expect_mistakes(rig, "[udsd]\nnonsense\n[limits\nmax_clients\n log_level \n]\nlog_level ; = info\n",
	                "2: 'nonsense' is neither 'key = value' nor a [section]\n"
	                "3: '[limits' has no ']' at its end; expected a [section]\n"
	                "4: 'max_clients' is neither 'key = value' nor a [section]\n"
	                "5: 'log_level' is neither 'key = value' nor a [section]\n"
	                "6: ']' is neither 'key = value' nor a [section]\n"
	                "7: 'log_level' is neither 'key = value' nor a [section]\n");
}

/* What stands after a section is not lost: it may be an access rule. */
static void
text_after_a_section(void **state)
{
	struct rig *rig = *state;

	expect_mistakes(rig,
	                "[channel alerts.*] publish = uid:0\n"
	                "[limits]max_clients = 5\n"
	                "max_clients = 0\n"
	                "[channel a] [channel b]\n"
	                "[channel x]]\n"
	                "[udsd] = [limits] ; comment\n",
	                "1: 'publish = uid:0' stands after [channel alerts.*]; expected it on a line of its own\n"
	                "2: 'max_clients = 5' stands after [limits]; expected it on a line of its own\n"
	                "3: max_clients: '0' is out of range; expected 1 to 1000000\n"
	                "4: '[channel b]' stands after [channel a]; expected it on a line of its own\n"
	                "5: ']' stands after [channel x]; expected it on a line of its own\n"
	                "6: '= [limits]' stands after [udsd]; expected it on a line of its own\n");
}

/* expected: the glob of the only rule. */
static void
expect_glob(struct rig *rig, const char *text, const char *expected)
{
	expect_right(rig, text);
	assert_string_equal(STAILQ_FIRST(&rig->config->rules)->glob, expected);
	assert_null(STAILQ_NEXT(STAILQ_FIRST(&rig->config->rules), link));
}

/* A rule for "a " would not protect "a". */
static void
names_of_sections(void **state)
{
	struct rig *rig = *state;

	expect_glob(rig, "[channel a]", "a");
	expect_glob(rig, "[ channel\t a ] # comment\n", "a");
	expect_glob(rig, "[channel a b.*]\n", "a b.*");
	expect_glob(rig, "[channel [ab]*[^]]\n", "[ab]*[^]");
	expect_glob(rig, "[channel [[]x]\n", "[[]x");
	expect_glob(rig, "[channel \\[a\\]]\n", "\\[a\\]");
	expect_glob(rig, "[channel [\\]a]x]\n", "[\\]a]x");
	expect_glob(rig, "[channel a\\\\]\n", "a\\\\");
	expect_mistakes(rig, "[channel [a]\n", "1: '[channel [a]' has no ']' at its end; expected a [section]\n");
	expect_mistakes(rig, "[channel a\\]\n", "1: '[channel a\\]' has no ']' at its end; expected a [section]\n");
	expect_mistakes(rig, "[channel a]\nslow = drop\n[channel  a ]\nslow = wait\n",
	                "3: [channel  a]: there is a section of this name already\n");
}

/* A mark of UTF-8 changes nothing, whatever follows it. */
static void
marks_of_utf8(void **state)
{
	struct rig *rig = *state;

	expect_right(rig, "\xef\xbb\xbf");
	expect_right(rig, "\xef\xbb\xbf# comment\n[udsd]\nlog_level = debug\n");
	assert_int_equal(rig->config->log_level, LOG_LEVEL_DEBUG);
	expect_right(rig, "\xef\xbb\xbf\n[udsd]\nlog_level = debug\n");
	expect_right(rig, "\xef\xbb\xbf[udsd]\r\nlog_level = debug\r\n");
	assert_int_equal(rig->config->log_level, LOG_LEVEL_DEBUG);
	expect_glob(rig, "\xef\xbb\xbf[channel a:b]\n", "a:b");
	expect_mistakes(rig, "\xef\xbb\xbf[udsd]\nlog_level = x\n",
	                "2: log_level: 'x' is not a log level (error, warning, info or debug)\n");
	expect_mistakes(rig, "[udsd]\n\xef\xbb\xbf[limits]\n",
	                "2: '\xef\xbb\xbf[limits]' is neither 'key = value' nor a [section]\n");
	expect_mistakes(rig, "\xef[udsd]\n", "1: the file does not begin with text\n");
}

/* Line ends of other systems: all of the file is read. */
static void
carriage_returns(void **state)
{
	struct rig *rig = *state;

	expect_right(rig, "\r\n[udsd]\r\n\r\nlog_level = debug \r\n\f\r\n[limits]\r\nmax_clients = 5\r");
	assert_int_equal(rig->config->log_level, LOG_LEVEL_DEBUG);
	assert_int_equal(rig->config->limits.max_clients, 5);
	expect_mistakes(rig, "[udsd]\rlog_level = debug\r",
	                "1: 'log_level = debug' stands after [udsd]; expected it on a line of its own\n");
	/* No line continues the one before it. */
	expect_mistakes(rig, "[limits]\nmax_clients = 5\n\fmax_message = 1\n\v\r9\n",
	                "3: max_message: '1' is out of range; expected 1024 to 1073741824\n"
	                "4: '9' is neither 'key = value' nor a [section]\n");
}

static void
duplicates(void **state)
{
	struct rig *rig = *state;

	expect_mistakes(rig,
	                "[udsd]\n"
	                "log_level = info\n"
	                "log_level = info\n"
	                "[limits]\n"
	                "max_clients = 5\n"
	                "[udsd]\n"
	                "log_level = debug\n"
	                "[limits]\n"
	                "max_clients = 5\n"
	                "[listener a]\n"
	                "listen = @a\n"
	                "mode = echo\n"
	                "mode = echo\n"
	                "[listener b]\n"
	                "listen = @b\n"
	                "mode = echo\n"
	                "[listener a]\n"
	                "listen = @c\n",
	                "3: log_level: is set twice\n"
	                "7: log_level: is set twice\n"
	                "9: max_clients: is set twice\n"
	                "13: mode: is set twice\n"
	                "17: [listener a]: there is a listener of this name already\n");
}

static void
listeners_without_something(void **state)
{
	struct rig *rig = *state;

	/* The line is the one where the listener's section begins. */
	expect_mistakes(rig, "[listener a]\nmode = echo\n\n[listener b]\n[udsd]\n# end\n",
	                "1: [listener a]: 'listen' is missing; expected a path, @name or host:port\n"
	                "4: [listener b]: 'listen' is missing; expected a path, @name or host:port\n");
	expect_mistakes(rig, "[listener a]\n# the end",
	                "1: [listener a]: 'listen' is missing; expected a path, @name or host:port\n");
	expect_mistakes(rig, "[listener]\nlisten = @a\n[listener  ]\nlisten = @b\n",
	                "1: [listener]: a listener needs a name of 1 to 31 characters, like [listener bus]\n"
	                "3: [listener]: a listener needs a name of 1 to 31 characters, like [listener bus]\n");
	expect_right(rig, "[listener 1234567890123456789012345678901]\nlisten = @a\n");
	expect_mistakes(
	    rig, "[listener 12345678901234567890123456789012]\nlisten = @a\n",
	    "1: [listener 12345678901234567890123456789012]: a listener needs a name of 1 to 31 characters, "
	    "like [listener bus]\n");
}

/* Appends text n times. */
static void
put_many(struct buf *b, const char *text, size_t n)
{
	while (n-- > 0)
		buf_append(b, text, strlen(text));
}

/* A line may be as long as its values need; a mistake quotes the beginning of what is too long. */
static void
long_lines(void **state)
{
	struct rig *rig = *state;
	struct buf b = { 0 };

	buf_printf(&b, "[udsd]%*s;", 5000, "");
	put_many(&b, "x", 5000);
	buf_printf(&b, "\n%*slog_level%*s=%*sdebug%*s\n[channel ", 5000, "", 5000, "", 5000, "", 5000, "");
	put_many(&b, "x", 1024);
	buf_printf(&b, "]\npublish = uid:1");
	put_many(&b, ", uid:1", 999);
	buf_append(&b, "", 1);
	expect_right(rig, (char *)b.data);
	assert_int_equal(rig->config->log_level, LOG_LEVEL_DEBUG);
	assert_int_equal(STAILQ_FIRST(&rig->config->rules)->glob_len, 1024);
	assert_int_equal(STAILQ_FIRST(&rig->config->rules)->publish.n, 1000);
	b.len = 0;
	buf_printf(&b, "[udsd]\nlog_level = ");
	put_many(&b, "x", 5000);
	put_many(&b, "x", 5000);
	buf_printf(&b, "\n");
	put_many(&b, "x", 5000);
	buf_printf(&b, "\n[channel ");
	put_many(&b, "x", 5000);
	buf_printf(&b, "]\npublish = none\n[listener a]\nlisten = @a\nchannel = ");
	put_many(&b, "x", 1025);
	buf_append(&b, "", 1);
	read_text(rig, (char *)b.data);
	assert_int_equal(rig->result, -EINVAL);
	assert_non_null(strstr((char *)rig->mistakes.data, ":2: log_level: 'xxx"));
	assert_non_null(
	    strstr((char *)rig->mistakes.data, "xxx' is not a log level (error, warning, info or debug)\n"));
	assert_non_null(strstr((char *)rig->mistakes.data, "xxx' is neither 'key = value' nor a [section]\n"));
	assert_non_null(strstr((char *)rig->mistakes.data, "xxx...]: the name is longer than 1024 bytes\n"));
	assert_non_null(strstr((char *)rig->mistakes.data, "xxx' is not a channel's name of at most 1024 bytes\n"));
	assert_non_null(strstr((char *)rig->mistakes.data, ":5: publish: "));
	buf_deinit(&b);
}

/* A NUL is no part of a text: it must not hide what stands behind it. */
static void
nul_bytes(void **state)
{
	static const char text[] =
	    "[limits]\nmax_clients = 5\0 0\nmax_message = 8X\n\0queue_limit = 8X\nslow_timeout = 5\n";
	struct rig *rig = *state;
	unsigned int lines[] = { 2, 3, 4, 5 };

	read_bytes(rig, text, sizeof(text) - 1);
	assert_int_equal(rig->result, -EINVAL);
	/* A mistake for each of the lines, with its number. */
	for (size_t i = 0; i < 4; i++) {
		char line[128];

		snprintf(line, sizeof(line), "%s:%u: ", rig->path, lines[i]);
		if (!strstr((char *)rig->mistakes.data, line))
			fail_msg("nothing about line %u:\n%s", lines[i], (char *)rig->mistakes.data);
	}
}

/* Any bytes give mistakes, or not, but no harm. */
static void
other_bytes(void **state)
{
	struct rig *rig = *state;
	char text[600];
	size_t n = 0;

	for (int c = 1; c < 256; c++) {
		text[n++] = (char)c;
		if (c % 3 == 0)
			text[n++] = '\n';
		if (c % 5 == 0)
			text[n++] = '=';
	}
	read_bytes(rig, text, n);
	assert_int_equal(rig->result, -EINVAL);
}

static void
files_that_cannot_be_read(void **state)
{
	struct rig *rig = *state;
	char expected[300];

	rig->config = config_new();
	assert_non_null(rig->config);
	assert_int_equal(config_read(rig->config, rig->path, &rig->mistakes), -ENOENT);
	snprintf(expected, sizeof(expected), "%s: No such file or directory\n", rig->path);
	assert_int_equal(rig->mistakes.len, strlen(expected));
	assert_memory_equal(rig->mistakes.data, expected, rig->mistakes.len);
	rig->mistakes.len = 0;
	assert_true(config_read(rig->config, rig->dir, &rig->mistakes) < 0); /* a directory */
	assert_true(rig->mistakes.len > 0);
}

/* A value that is wrong leaves the one before it. */
static void
wrong_value_changes_nothing(void **state)
{
	struct rig *rig = *state;

	read_text(rig, "[limits]\nmax_clients = 0\nqueue_limit = x\n[udsd]\nlog_level = x\n");
	assert_int_equal(rig->config->limits.max_clients, 20000);
	assert_int_equal(rig->config->limits.queue_limit, 8 << 20);
	assert_int_equal(rig->config->log_level, LOG_LEVEL_INFO);
}

#define MANY "root,root,root,root,root,root,root,root,root,root,root,root,root,root,root,root,root,root,root,root,"

/* [stream PATTERN]: durations in a list, and rules in the order of the file. */
static void
streams(void **state)
{
	struct rig *rig = *state;
	const struct stream_rule *rule;

	expect_right(rig, "[stream a.*]\nretry_delay = 1s  2m\t0\n[stream *]\nredeliver = 720h\nmax_pending = 5\n");
	rule = STAILQ_FIRST(&rig->config->stream_rules);
	assert_string_equal(rule->glob, "a.*");
	assert_int_equal(rule->delivery.retry_delay.n, 3);
	assert_int_equal(rule->delivery.retry_delay.ms[0], 1000);
	assert_int_equal(rule->delivery.retry_delay.ms[1], 120000);
	assert_int_equal(rule->delivery.retry_delay.ms[2], 0);
	assert_int_equal(rule->max_pending, 100000);
	rule = STAILQ_NEXT(rule, link);
	assert_int_equal(rule->delivery.redeliver_ms, 720 * 3600 * 1000ull);
	assert_int_equal(rule->delivery.retry_delay.n, 0);
	assert_int_equal(rule->max_pending, 5);
	assert_int_equal(rule->delivery.max_deliveries, 0);
	assert_string_equal(rule->delivery.dead_letter, "");
	expect_right(rig, "[stream b]\nmax_deliveries = 5\ndead_letter = x.%s.y\nconsumer_timeout = 1h\n");
	rule = STAILQ_FIRST(&rig->config->stream_rules);
	assert_int_equal(rule->delivery.max_deliveries, 5);
	assert_string_equal(rule->delivery.dead_letter, "x.%s.y");
	assert_int_equal(rule->delivery.consumer_timeout_ms, 3600 * 1000);
	expect_mistakes(rig, "[stream b]\nmax_deliveries = 1000000001\nconsumer_timeout = 31d\n",
	                "2: max_deliveries: '1000000001' is out of range; expected 0 to 1000000000\n"
	                "3: consumer_timeout: '31d' is out of range; expected 0 to 2592000000 ms\n");
	expect_mistakes(
	    rig,
	    "[stream]\nretry_delay = 1s 5\n[stream a]\nretry_delay = 1s 721h\n[stream a]\n"
	    "retry_delay = 1s,2s\n[stream b]\nretry_delay = 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s\n"
	    "redeliver = 721h\nmax_pendin = 0\n[strem c]\nmax_pending = 0\n",
	    "1: [stream]: a stream section needs a name or pattern, like [stream jobs.*]\n"
	    "2: retry_delay: '5' is not a duration (try 5s; units are ms, s, m, h and d)\n"
	    "4: retry_delay: '721h' is out of range; expected up to 720h\n"
	    "5: [stream a]: there is a section of this name already\n"
	    "6: retry_delay: '1s,2s' is not a duration (try 5s; units are ms, s, m, h and d; blanks separate "
	    "durations)\n"
	    "8: retry_delay: there are more than 16 durations\n"
	    "9: redeliver: '721h' is out of range; expected 0 to 2592000000 ms\n"
	    "10: max_pendin: unknown key in [stream b]; did you mean 'max_pending'?\n"
	    "11: [strem c]: unknown section; did you mean [stream c]?\n"
	    "12: max_pending: '0' is out of range; expected 1 to 100000000\n");
}

/* What is printed is the same when it is read again. */
static void
printed_and_read_again(void **state)
{
	struct rig *rig = *state;
	static const char *const files[] = {
		"[listener a]\nlisten = /a\n",
		"[listener a]\nlisten =;a\n",
		"[listener a]\nlisten =#a\n",
		"[listener a]\nlisten = @;a\n",
		"[listener a]\nlisten = [::1]:80\n",
		"[listener a]\nlisten = /a;b\nmode = line\nchannel =#general\n",
		"[listener a]\nlisten = /a#b\nmode = line\nchannel =;x;#y\n",
		"[listener a]\nlisten = /a b=c:d\nmode = line\nchannel = [a] = \"b\"\n",
		"[listener a]\nlisten = /a\nsocket_owner = 7\nsocket_group = 0\nsocket_mode = 1\n",
		"[limits]\nslow_timeout = 1ms\nidle_timeout = 90m\nqueue_limit = 4097\nmax_message = 1G\n",
		"[admin]\nallow =\n[channel [a]*]\npublish =\nsubscribe = *, anonymous,uid:1 , gid:2\nslow = drop\n",
		"[channel \\]=;#]\n[channel a#;]\n",
		"[stream jobs.*]\nmax_pending = 7\nredeliver = 90s\nretry_delay =  1s 10s\t1500ms 1h 0\n[stream "
		"*]\nretry_delay = 0\n"
		"[stream [a]\\]]\n[stream dead]\nmax_deliveries = 3\ndead_letter =;%s\nconsumer_timeout = 2d\n",
		"[channel x]\npublish = " MANY MANY MANY "root\n", /* it is printed with longer names */
	};

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		char *printed, *again;
		size_t len;
		FILE *out = open_memstream(&printed, &len);

		assert_non_null(out);
		expect_right(rig, files[i]);
		config_print(rig->config, out);
		fclose(out);
		for (const char *line = files[i]; (line = strstr(line, "listen ")); line++)
			assert_non_null(memmem(printed, len, line, strcspn(line, "\n") + 1));
		expect_right(rig, printed);
		out = open_memstream(&again, &len);
		assert_non_null(out);
		config_print(rig->config, out);
		fclose(out);
		assert_string_equal(again, printed);
		free(printed);
		free(again);
	}
}

static void
without_a_file(void **state __attribute__((unused)))
{
	struct config *config = config_new();
	struct listener_config *listener;
	const struct config_row *mode = config_listener_row("mode");
	struct config_error error;

	assert_non_null(config);
	listener = config_add_listener(config, "x");
	assert_non_null(listener);
	assert_int_equal(listener->socket_mode, 0660);
	assert_int_equal(listener->listen.n, 0);
	assert_int_equal(config_set_value(mode, listener, "echo", &error), 0);
	assert_int_equal(config_set_value(mode, listener, "ech", &error), -EINVAL);
	assert_int_equal(config_set_value(mode, listener, "", &error), -EINVAL);
	assert_int_equal(listener->options.mode, MODE_ECHO);
	config_free(config);
	config_free(NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(defaults),
		TEST(every_key),
		TEST(users_and_groups),
		TEST(forms),
		TEST(indented_lines),
		TEST(wrong_values),
		TEST(empty_values),
		TEST(ranges),
		TEST(addresses),
		TEST(unknown_keys_and_sections),
		TEST(mistakes_in_misnamed_sections),
		TEST(before_the_first_section),
		TEST(malformed_lines),
		TEST(text_after_a_section),
		TEST(names_of_sections),
		TEST(marks_of_utf8),
		TEST(carriage_returns),
		TEST(duplicates),
		TEST(listeners_without_something),
		TEST(long_lines),
		TEST(nul_bytes),
		TEST(other_bytes),
		TEST(files_that_cannot_be_read),
		TEST(wrong_value_changes_nothing),
		TEST(streams),
		TEST(printed_and_read_again),
		cmocka_unit_test(without_a_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
