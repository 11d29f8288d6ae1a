#include "socket-state.h"

#include <linux/sockios.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "addr.h"

bool
socket_has_hung_up(int fd, bool is_end_enough)
{
	short end = is_end_enough ? POLLRDHUP : 0;
	struct pollfd pfd = { .fd = fd, .events = end };

	return poll(&pfd, 1, 0) > 0 && (pfd.revents & (POLLHUP | POLLERR | end));
}

bool
socket_is_readable(int fd)
{
	return poll(&(struct pollfd){ .fd = fd, .events = POLLIN }, 1, 0) > 0;
}

bool
socket_has_input(int fd)
{
	int n = 0;

	return ioctl(fd, FIONREAD, &n) == 0 && n > 0;
}

int
socket_unread(int fd)
{
	int n = 0;

	return ioctl(fd, SIOCOUTQ, &n) == 0 ? n : 0;
}

static void
socket_put_address(char *text, size_t size, const struct sockaddr_storage *storage, socklen_t len)
{
	struct addr addr = { .kind = ADDR_TCP, .storage = *storage, .len = len };

	addr_format(&addr, text, size);
}

void
socket_put_addresses(int fd, char *peer, char *local, size_t size)
{
	struct sockaddr_storage storage;
	socklen_t len = sizeof(storage);

	if (getpeername(fd, (struct sockaddr *)&storage, &len) == 0)
		socket_put_address(peer, size, &storage, len);
	len = sizeof(storage);
	if (getsockname(fd, (struct sockaddr *)&storage, &len) == 0)
		socket_put_address(local, size, &storage, len);
}
