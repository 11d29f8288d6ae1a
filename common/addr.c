#include "addr.h"

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

static int
addr_parse_tcp(const char *text, const char *colon, struct addr *ret_addr)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *list;
	struct addr addr = { .kind = ADDR_TCP };
	char host[NI_MAXHOST];
	size_t len = (size_t)(colon - text);
	uint64_t port;

	if (num_parse_u64(colon + 1, &port) != 0 || port == 0 || port > 65535)
		return ADDR_E_PORT;
	if (len >= 2 && text[0] == '[' && text[len - 1] == ']')
		text++, len -= 2;
	if (len == 0 || len >= sizeof(host))
		return ADDR_E_HOST;
	memcpy(host, text, len);
	host[len] = '\0';
	if (getaddrinfo(host, colon + 1, &hints, &list) != 0)
		return ADDR_E_HOST;
	memcpy(&addr.storage, list->ai_addr, list->ai_addrlen);
	addr.len = list->ai_addrlen;
	freeaddrinfo(list);
	*ret_addr = addr;
	return 0;
}

int
addr_parse(const char *text, struct addr *ret_addr)
{
	const char *colon = strrchr(text, ':');

	if (!*text)
		return ADDR_E_EMPTY;
	if (text[0] == '@' || strchr(text, '/') || !colon)
		return addr_parse_unix(text, ret_addr);
	return addr_parse_tcp(text, colon, ret_addr);
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
		return "the port is not a number from 1 to 65535";
	case ADDR_E_HOST:
		return "the host is not known; expected host:port with a name or an address";
	}
	return "not an address";
}

int
addr_socket(const struct addr *addr, int type)
{
	int fd = socket(addr->sa.sa_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	if (addr->kind == ADDR_TCP)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){ 1 }, sizeof(int));
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
