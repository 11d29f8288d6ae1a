/*
 * Socket addresses in the three forms that both programs take: a path, "@name" (Linux's abstract
 * namespace) and "host:port" ("[::1]:6380" for IPv6). What has a slash, or no colon, is a path.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

enum addr_kind { ADDR_PATH, ADDR_ABSTRACT, ADDR_TCP };

/* Results of addr_parse() that are the writer's mistake; addr_strerror() has the text. */
enum {
	ADDR_E_EMPTY = 1,
	ADDR_E_TOO_LONG,
	ADDR_E_PORT,
	ADDR_E_HOST,
};

struct addr {
	enum addr_kind kind;
	socklen_t len;
	union {
		struct sockaddr sa;
		struct sockaddr_un un;
		struct sockaddr_storage storage;
	};
};

/* The longest path a Unix socket can have, in bytes, without the NUL. */
#define ADDR_PATH_MAX (sizeof(((struct sockaddr_un *)0)->sun_path) - 1)

/*
 * Reads text; a host name is looked up (getaddrinfo(3), which may block) and its first address taken.
 * Returns 0 or ADDR_E_*.
 */
int addr_parse(const char *text, struct addr *ret_addr);

bool addr_is_equal(const struct addr *a, const struct addr *b);

/* What is wrong and what was expected, for an ADDR_E_* of addr_parse(); a constant text. */
const char *addr_strerror(int error);

/*
 * A non-blocking, close-on-exec socket for the address, of type SOCK_STREAM, SOCK_SEQPACKET or SOCK_DGRAM. The caller
 * closes it. Returns the descriptor or -errno.
 */
int addr_socket(const struct addr *addr, int type);

/* Writes the address in the form addr_parse() reads; always NUL-terminated. */
void addr_format(const struct addr *addr, char *text, size_t size);
