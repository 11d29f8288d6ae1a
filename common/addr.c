#include "addr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "num.h"

static int
addr_parse_unix(const char *text, struct addr *ret_addr)
{
	size_t len = strlen(text);
	struct addr addr = { .kind = text[0] == '@' ? ADDR_ABSTRACT : ADDR_PATH };

	if (len > ADDR_PATH_MAX)
		return ADDR_E_TOO_LONG;
	if (addr.kind == ADDR_ABSTRACT && len == 1)
		return ADDR_E_EMPTY;
	addr.un.sun_family = AF_UNIX;
	memcpy(addr.un.sun_path, text, len);
	addr.len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
	if (addr.kind == ADDR_ABSTRACT)
		addr.un.sun_path[0] = '\0'; /* the name is the rest, without a NUL */
	else
		addr.len++;
	*ret_addr = addr;
	return 0;
}

/* Adds what the lookup found. */
static int
addr_list_add(struct addr_list *list, const struct addrinfo *found)
{
	for (; found; found = found->ai_next) {
		struct addr addr = { .kind = ADDR_TCP, .len = found->ai_addrlen };

		memcpy(&addr.storage, found->ai_addr, found->ai_addrlen);
		if (addr_list_contains(list, &addr))
			continue;
		if (list->n == ADDR_LIST_MAX)
			return ADDR_E_TOO_MANY;
		list->addrs[list->n++] = addr;
	}
	return 0;
}

static int
addr_list_parse_tcp(const char *text, const char *colon, struct addr_list *list)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST }, *found;
	const char *begin = text;
	char host[ADDR_NAME_MAX + 1];
	size_t len = (size_t)(colon - text);
	uint64_t port;
	int r;

	if (num_parse_u64(colon + 1, &port) != 0 || port == 0 || port > 65535)
		return ADDR_E_PORT;
	if (len >= 2 && text[0] == '[' && text[len - 1] == ']')
		begin++, len -= 2;
	if (len == 0 || strlen(text) > ADDR_NAME_MAX)
		return ADDR_E_HOST;
	snprintf(host, sizeof(host), "%.*s", (int)len, begin);
	if (getaddrinfo(host, colon + 1, &hints, &found) != 0) {
		hints.ai_flags = 0;
		if (getaddrinfo(host, colon + 1, &hints, &found) != 0)
			return ADDR_E_HOST;
		snprintf(list->name, sizeof(list->name), "%s", text);
	}
	r = addr_list_add(list, found);
	freeaddrinfo(found);
	return r;
}

int
addr_list_parse(const char *text, struct addr_list *ret_list)
{
	const char *colon = strrchr(text, ':');
	struct addr_list list = { .n = 0 };
	int r;

	if (!*text)
		return ADDR_E_EMPTY;
	/* Nobody means a file of that name. */
	if (inet_pton(AF_INET, text, &(struct in_addr){ 0 }) == 1)
		return ADDR_E_PORT;
	if (text[0] == '@' || strchr(text, '/') || !colon) {
		r = addr_parse_unix(text, &list.addrs[0]);
		list.n = 1;
	} else {
		r = addr_list_parse_tcp(text, colon, &list);
	}
	if (r == 0)
		*ret_list = list;
	return r;
}

int
addr_parse(const char *text, struct addr *ret_addr)
{
	struct addr_list list;
	int r = addr_list_parse(text, &list);

	if (r == 0)
		*ret_addr = list.addrs[0];
	return r;
}

void
addr_list_format(const struct addr_list *list, char *text, size_t size)
{
	if (list->name[0])
		snprintf(text, size, "%s", list->name);
	else
		addr_format(&list->addrs[0], text, size);
}

bool
addr_list_contains(const struct addr_list *list, const struct addr *addr)
{
	for (unsigned int i = 0; i < list->n; i++)
		if (addr_is_equal(&list->addrs[i], addr))
			return true;
	return false;
}

bool
addr_list_overlaps(const struct addr_list *a, const struct addr_list *b)
{
	for (unsigned int i = 0; i < b->n; i++)
		if (addr_list_contains(a, &b->addrs[i]))
			return true;
	return false;
}

/* The port of a TCP address, 0 for others. *ret_all: it is one of all addresses. */
static in_port_t
addr_port(const struct addr *addr, bool *ret_all)
{
	const struct sockaddr_in *in = (const struct sockaddr_in *)&addr->storage;
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)&addr->storage;

	if (addr->kind != ADDR_TCP)
		return 0;
	*ret_all |= addr->sa.sa_family == AF_INET6 ? IN6_IS_ADDR_UNSPECIFIED(&in6->sin6_addr)
	                                           : in->sin_addr.s_addr == INADDR_ANY;
	return addr->sa.sa_family == AF_INET6 ? in6->sin6_port : in->sin_port;
}

bool
addr_excludes(const struct addr *a, const struct addr *b)
{
	bool has_all = false;
	in_port_t port = addr_port(a, &has_all);

	return port != 0 && port == addr_port(b, &has_all) && has_all && !addr_is_equal(a, b);
}

bool
addr_is_equal(const struct addr *a, const struct addr *b)
{
	return a->len == b->len && memcmp(&a->storage, &b->storage, a->len) == 0;
}

const char *
addr_strerror(int error)
{
	switch (error) {
	case ADDR_E_EMPTY:
		return "the name is empty; expected a path, @name or host:port";
	case ADDR_E_TOO_LONG:
		return "the path is too long for a Unix socket; the limit is 107 bytes";
	case ADDR_E_PORT:
		return "the port is missing, or not a number from 1 to 65535";
	case ADDR_E_HOST:
		return "the host is not known; expected host:port with a name or an address";
	case ADDR_E_TOO_MANY:
		return "the host has more than 8 addresses; expected one of them";
	}
	return "not an address";
}

void
addr_set_tcp_options(int fd)
{
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
	/* Seconds until the first probe, and between two, and the number of probes: ADDR_TCP_SILENCE_MS in all. */
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &(int){ 60 }, sizeof(int));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &(int){ 10 }, sizeof(int));
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &(int){ 5 }, sizeof(int));
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &(int){ 1 }, sizeof(int));
}

bool
addr_tcp_is_lost(int fd)
{
	struct tcp_info info = { 0 };

	/* A peer that is there and does not read acknowledges probes, which are up to two minutes apart. */
	return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &(socklen_t){ sizeof(info) }) == 0 &&
	       (info.tcpi_unacked > 0 || info.tcpi_probes > 2) && info.tcpi_last_ack_recv >= ADDR_TCP_SILENCE_MS;
}

int
addr_socket(const struct addr *addr, int type)
{
	int fd = socket(addr->sa.sa_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	if (addr->kind == ADDR_TCP)
		addr_set_tcp_options(fd);
	return fd;
}

void
addr_format(const struct addr *addr, char *text, size_t size)
{
	char host[NI_MAXHOST] = "?", port[NI_MAXSERV] = "?";
	int path_len = (int)addr->len - (int)offsetof(struct sockaddr_un, sun_path);

	switch (addr->kind) {
	case ADDR_PATH:
		snprintf(text, size, "%s", addr->un.sun_path);
		break;
	case ADDR_ABSTRACT:
		snprintf(text, size, "@%.*s", path_len - 1, addr->un.sun_path + 1);
		break;
	case ADDR_TCP:
		getnameinfo(&addr->sa, addr->len, host, sizeof(host), port, sizeof(port),
		            NI_NUMERICHOST | NI_NUMERICSERV);
		snprintf(text, size, strchr(host, ':') ? "[%s]:%s" : "%s:%s", host, port);
		break;
	}
}
