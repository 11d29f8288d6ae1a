/* Addresses as people write them. Only numbers stand for hosts here: tests ask no name server. */
#include "addr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <setjmp.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define PATH_LEN(addr) ((addr).len - offsetof(struct sockaddr_un, sun_path))

/* Parses, and formats back. */
static void
expect(const char *text, enum addr_kind kind, const char *formatted, struct addr *ret_addr)
{
	char back[200];

	memset(ret_addr, 0xee, sizeof(*ret_addr));
	assert_int_equal(addr_parse(text, ret_addr), 0);
	assert_int_equal(ret_addr->kind, kind);
	addr_format(ret_addr, back, sizeof(back));
	assert_string_equal(back, formatted);
}

static void
paths(void **state __attribute__((unused)))
{
	static const char *const texts[] = {
		"/run/udsd.sock", "udsd.sock", "./a", "a/b:1", "/a:80", "/@x", "a@b", "[a]", " "
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct addr addr;

		expect(texts[i], ADDR_PATH, texts[i], &addr);
		assert_int_equal(addr.sa.sa_family, AF_UNIX);
		assert_int_equal(PATH_LEN(addr), strlen(texts[i]) + 1);
		assert_string_equal(addr.un.sun_path, texts[i]);
	}
}

static void
abstract_names(void **state __attribute__((unused)))
{
	static const char *const texts[] = { "@udsd", "@a/b", "@a:80", "@@", "@ " };

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct addr addr;

		expect(texts[i], ADDR_ABSTRACT, texts[i], &addr);
		assert_int_equal(PATH_LEN(addr), strlen(texts[i]));
		assert_int_equal(addr.un.sun_path[0], '\0');
		assert_memory_equal(addr.un.sun_path + 1, texts[i] + 1, strlen(texts[i]) - 1);
	}
}

static void
tcp(void **state __attribute__((unused)))
{
	static const struct {
		const char *text, *formatted;
		int family, port;
	} table[] = {
		{ "127.0.0.1:6380", "127.0.0.1:6380", AF_INET, 6380 },
		{ "0.0.0.0:1", "0.0.0.0:1", AF_INET, 1 },
		{ "127.0.0.1:65535", "127.0.0.1:65535", AF_INET, 65535 },
		{ "[127.0.0.1]:80", "127.0.0.1:80", AF_INET, 80 },
		{ "[::1]:6380", "[::1]:6380", AF_INET6, 6380 },
		{ "::1:6380", "[::1]:6380", AF_INET6, 6380 },
		{ "[::]:80", "[::]:80", AF_INET6, 80 },
		{ "[2001:db8:0:0::1]:80", "[2001:db8::1]:80", AF_INET6, 80 },
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct addr addr;
		in_port_t port;

		expect(table[i].text, ADDR_TCP, table[i].formatted, &addr);
		assert_int_equal(addr.sa.sa_family, table[i].family);
		if (table[i].family == AF_INET) {
			assert_int_equal(addr.len, sizeof(struct sockaddr_in));
			port = ((struct sockaddr_in *)&addr.storage)->sin_port;
		} else {
			assert_int_equal(addr.len, sizeof(struct sockaddr_in6));
			port = ((struct sockaddr_in6 *)&addr.storage)->sin6_port;
		}
		assert_int_equal(ntohs(port), table[i].port);
	}
}

static void
mistakes(void **state __attribute__((unused)))
{
	static const struct {
		const char *text;
		int error;
	} table[] = {
		{ "", ADDR_E_EMPTY },
		{ "@", ADDR_E_EMPTY },
		{ "127.0.0.1", ADDR_E_PORT },
		{ "127.0.0.1:", ADDR_E_PORT },
		{ "127.0.0.1:0", ADDR_E_PORT },
		{ "127.0.0.1:65536", ADDR_E_PORT },
		{ "127.0.0.1:99999999999999999999", ADDR_E_PORT },
		{ "127.0.0.1:-1", ADDR_E_PORT },
		{ "127.0.0.1:+1", ADDR_E_PORT },
		{ "127.0.0.1:80x", ADDR_E_PORT },
		{ "127.0.0.1: 80", ADDR_E_PORT },
		{ "127.0.0.1:http", ADDR_E_PORT },
		{ ":80", ADDR_E_HOST },
		{ "[]:80", ADDR_E_HOST },
		{ "[::1]", ADDR_E_PORT },
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct addr addr, before;

		memset(&addr, 0xee, sizeof(addr));
		before = addr;
		if (addr_parse(table[i].text, &addr) != table[i].error)
			fail_msg("'%s' is not taken as mistake %d", table[i].text, table[i].error);
		assert_memory_equal(&addr, &before, sizeof(addr));
		assert_true(strlen(addr_strerror(table[i].error)) > 10);
	}
}

static void
lengths(void **state __attribute__((unused)))
{
	char text[300], back[300], limit[16];
	struct addr addr;

	assert_int_equal(ADDR_PATH_MAX, 107);
	for (int is_abstract = 0; is_abstract <= 1; is_abstract++) {
		memset(text, 'a', sizeof(text));
		text[0] = is_abstract ? '@' : '/';
		text[ADDR_PATH_MAX] = '\0';
		expect(text, is_abstract ? ADDR_ABSTRACT : ADDR_PATH, text, &addr);
		assert_true(addr.len <= sizeof(struct sockaddr_un));
		text[ADDR_PATH_MAX] = 'a';
		text[ADDR_PATH_MAX + 1] = '\0';
		assert_int_equal(addr_parse(text, &addr), ADDR_E_TOO_LONG);
	}
	snprintf(limit, sizeof(limit), "%zu", ADDR_PATH_MAX);
	assert_non_null(strstr(addr_strerror(ADDR_E_TOO_LONG), limit)); /* the text says the limit */
	/* A text that is too short for the address is cut, and ends with a NUL. */
	assert_int_equal(addr_parse("/run/udsd.sock", &addr), 0);
	memset(back, 'x', sizeof(back));
	addr_format(&addr, back, 5);
	assert_string_equal(back, "/run");
	assert_int_equal(back[5], 'x');
}

static void
long_host(void **state __attribute__((unused)))
{
	size_t len = 5000;
	char *text = malloc(len + 10);
	struct addr addr;

	assert_non_null(text);
	memset(text, 'a', len);
	memcpy(text + len, ":80", 4);
	assert_int_equal(addr_parse(text, &addr), ADDR_E_HOST);
	free(text);
}

static void
lists(void **state __attribute__((unused)))
{
	struct addr_list one, other, path;
	char text[ADDR_NAME_MAX + 1];

	assert_int_equal(addr_list_parse("127.0.0.1:80", &one), 0);
	assert_int_equal(addr_list_parse("[::1]:80", &other), 0);
	assert_int_equal(addr_list_parse("/run/s", &path), 0);
	assert_int_equal(one.n, 1);
	assert_int_equal(path.n, 1);
	assert_string_equal(one.name, "");
	addr_list_format(&other, text, sizeof(text));
	assert_string_equal(text, "[::1]:80");
	assert_true(addr_list_contains(&one, &one.addrs[0]));
	assert_false(addr_list_overlaps(&one, &other));
	one.addrs[one.n++] = other.addrs[0];
	assert_true(addr_list_overlaps(&one, &other));
	assert_true(addr_list_overlaps(&other, &one));
	assert_false(addr_list_overlaps(&one, &path));
	/* What is said of several addresses is the name that they have. */
	snprintf(one.name, sizeof(one.name), "hub:80");
	addr_list_format(&one, text, sizeof(text));
	assert_string_equal(text, "hub:80");
}

static void
exclusive_addresses(void **state __attribute__((unused)))
{
	static const struct {
		const char *a, *b;
		bool is_exclusive;
	} table[] = {
		{ "0.0.0.0:80", "127.0.0.1:80", true },
		{ "[::]:80", "127.0.0.1:80", true },
		{ "[::]:80", "0.0.0.0:80", true },
		{ "[::]:80", "[::1]:80", true },
		{ "0.0.0.0:80", "127.0.0.1:81", false },
		{ "127.0.0.2:80", "127.0.0.1:80", false },
		{ "0.0.0.0:80", "0.0.0.0:80", false },
		{ "0.0.0.0:80", "/run/s", false },
		{ "@80", "/run/s", false },
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct addr a, b;

		assert_int_equal(addr_parse(table[i].a, &a), 0);
		assert_int_equal(addr_parse(table[i].b, &b), 0);
		assert_int_equal(addr_excludes(&a, &b), table[i].is_exclusive);
		assert_int_equal(addr_excludes(&b, &a), table[i].is_exclusive);
	}
}

static void
texts_of_mistakes(void **state __attribute__((unused)))
{
	static const int errors[] = { ADDR_E_EMPTY, ADDR_E_TOO_LONG, ADDR_E_PORT, ADDR_E_HOST, ADDR_E_TOO_MANY };

	for (size_t i = 0; i < 5; i++)
		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(addr_strerror(errors[i]), addr_strerror(errors[k]));
	assert_non_null(addr_strerror(12345));
}

static void
sockets(void **state __attribute__((unused)))
{
	static const char *const texts[] = { "/tmp/x", "@x", "127.0.0.1:80" };

	for (size_t i = 0; i < 3; i++) {
		struct addr addr;
		int fd, type = 0, domain = 0;
		socklen_t len = sizeof(int);

		assert_int_equal(addr_parse(texts[i], &addr), 0);
		fd = addr_socket(&addr, SOCK_STREAM);
		assert_true(fd >= 0);
		assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
		assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
		getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len);
		getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len);
		assert_int_equal(type, SOCK_STREAM);
		assert_int_equal(domain, addr.sa.sa_family);
		close(fd);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(paths),
		cmocka_unit_test(abstract_names),
		cmocka_unit_test(tcp),
		cmocka_unit_test(mistakes),
		cmocka_unit_test(lengths),
		cmocka_unit_test(long_host),
		cmocka_unit_test(lists),
		cmocka_unit_test(exclusive_addresses),
		cmocka_unit_test(texts_of_mistakes),
		cmocka_unit_test(sockets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
