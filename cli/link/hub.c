#include "hub.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "addr.h"
#include "cleanup.h"
#include "options.h"
#include "protocol.h"
#include "say.h"

/* The user's own socket, if there is one. */
static const char *
hub_user_socket(char *path, size_t size)
{
	const char *dir = getenv("XDG_RUNTIME_DIR");

	if (!dir || !*dir || (size_t)snprintf(path, size, "%s/%s", dir, PROTOCOL_USER_SOCKET) >= size)
		return NULL;
	return access(path, F_OK) == 0 ? path : NULL;
}

/*
 * Whether the socket file was left behind by a daemon that was killed. Nobody sees this question: the kernel does not
 * connect a datagram socket to a stream socket, and says so only if that one is open.
 */
static bool
hub_is_dead(const char *path)
{
	_cleanup_close_ int fd = -1;
	struct addr addr;

	if (addr_parse(path, &addr) != 0)
		return false;
	fd = addr_socket(&addr, SOCK_DGRAM);
	return fd >= 0 && connect(fd, &addr.sa, addr.len) < 0 && errno == ECONNREFUSED;
}

/* Where the user has named no socket. */
static const char *
hub_find(struct options *o, char *path, size_t size)
{
	const char *own = hub_user_socket(path, size);
	bool is_dead = own && hub_is_dead(own);

	if (own && (!is_dead || access(PROTOCOL_SERVICE_SOCKET, F_OK) < 0)) {
		snprintf(o->reason, sizeof(o->reason), "this user's hub");
		return own;
	}
	if (is_dead)
		snprintf(o->reason, sizeof(o->reason), "the service; nobody listens on %s", own);
	else
		snprintf(o->reason, sizeof(o->reason), "the service");
	return PROTOCOL_SERVICE_SOCKET;
}

int
hub_choose(struct options *o)
{
	const char *text = o->socket, *where = "--socket";
	char path[ADDR_PATH_MAX + 1];
	int r;

	if (!text) {
		text = getenv("UDSD_SOCKET");
		where = "UDSD_SOCKET";
	}
	if (text && (o->socket || *text)) {
		snprintf(o->reason, sizeof(o->reason), "%s", where);
	} else {
		text = hub_find(o, path, sizeof(path));
		where = "XDG_RUNTIME_DIR";
	}
	r = addr_list_parse(text, &o->addr);
	if (r == 0) {
		say_verbose("using %s (%s)", text, o->reason);
		return 0;
	}
	say("%s: '%s': %s", where, text, addr_strerror(r));
	return -1;
}
