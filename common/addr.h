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
	ADDR_E_TOO_MANY,
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

/* A host may have so many addresses. */
#define ADDR_LIST_MAX 8

/* Longest text of a host name with a port that is kept; DNS has shorter ones. */
#define ADDR_NAME_MAX 271

/* All addresses that a text stands for: a host name may have several. */
struct addr_list {
	struct addr addrs[ADDR_LIST_MAX];
	unsigned int n;               /* 0: not set */
	char name[ADDR_NAME_MAX + 1]; /* "host:port" as it was given, if host is a name; else empty */
};

/* The longest path a Unix socket can have, in bytes, without the NUL. */
#define ADDR_PATH_MAX (sizeof(((struct sockaddr_un *)0)->sun_path) - 1)

/*
 * Reads text; a host name is looked up (getaddrinfo(3), which may block) and its first address taken. Returns 0 or
 * ADDR_E_*.
 */
int addr_parse(const char *text, struct addr *ret_addr);

/* Likewise, with all addresses of a host name, none twice. */
int addr_list_parse(const char *text, struct addr_list *ret_list);

/* Writes the text that addr_list_parse() reads; always NUL-terminated. */
void addr_list_format(const struct addr_list *list, char *text, size_t size);

bool addr_list_contains(const struct addr_list *list, const struct addr *addr);
bool addr_list_overlaps(const struct addr_list *a, const struct addr_list *b);

/* Whether only one of the two, which differ, can be listened on: one is a port of all addresses. */
bool addr_excludes(const struct addr *a, const struct addr *b);

bool addr_is_equal(const struct addr *a, const struct addr *b);

/* What is wrong and what was expected, for an ADDR_E_* of addr_parse(); a constant text. */
const char *addr_strerror(int error);

/*
 * A non-blocking, close-on-exec socket for the address, of type SOCK_STREAM, SOCK_SEQPACKET or SOCK_DGRAM. The caller
 * closes it. Returns the descriptor or -errno.
 */
int addr_socket(const struct addr *addr, int type);

/* After so long, in ms, a TCP peer from which nothing comes any more has vanished. */
#define ADDR_TCP_SILENCE_MS 110000

/*
 * For a TCP socket: nothing waits to be sent, and a peer that has vanished is noticed within two minutes, unless
 * something is on its way to it.
 */
void addr_set_tcp_options(int fd);

/* Whether a connected TCP socket has something on its way, or to be sent, to a peer that has vanished. */
bool addr_tcp_is_lost(int fd);

/* Writes the address in the form addr_parse() reads; always NUL-terminated. */
void addr_format(const struct addr *addr, char *text, size_t size);
