#include "nowait.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

void
nowait_init(struct nowait *n, int fd)
{
	char path[64];
	struct stat st;

	*n = (struct nowait)NOWAIT_INIT(fd);
	/* What is not open for writing must not become so: writes are to fail. */
	if (fstat(fd, &st) < 0 || (fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDONLY)
		return;
	if (S_ISSOCK(st.st_mode)) {
		n->kind = NOWAIT_SOCKET;
	} else if (S_ISFIFO(st.st_mode) || S_ISCHR(st.st_mode)) {
		snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
		fd = open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
		if (fd >= 0)
			*n = (struct nowait){ .fd = fd, .kind = NOWAIT_OWN };
	} else {
		n->kind = NOWAIT_FILE;
	}
}

void
nowait_deinit(struct nowait *n)
{
	if (n->kind == NOWAIT_OWN)
		close(n->fd);
}

ssize_t
nowait_write(const struct nowait *n, const void *p, size_t len)
{
	struct pollfd writable = { .fd = n->fd, .events = POLLOUT };
	ssize_t written;

	if (n->kind == NOWAIT_SHARED && poll(&writable, 1, 0) == 0)
		return -EAGAIN;
	if (n->kind == NOWAIT_SHARED && len > PIPE_BUF)
		len = PIPE_BUF;
	do
		written =
		    n->kind == NOWAIT_SOCKET ? send(n->fd, p, len, MSG_DONTWAIT | MSG_NOSIGNAL) : write(n->fd, p, len);
	while (written < 0 && errno == EINTR);
	return written < 0 ? -errno : written;
}
