#include "pipe-end.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "loop.h"
#include "memory.h"

int
pipe_end_open(struct pipe_end *end, struct loop *loop, bool writes, event_callback_fn cb, void *arg, int *ret_fd)
{
	short what = writes ? EV_WRITE : EV_READ;
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	end->fd = ends[writes];
	*ret_fd = ends[!writes];
	(void)fcntl(end->fd, F_SETFL, O_NONBLOCK);
	end->event = event_new(loop_base(loop), end->fd, what | EV_PERSIST, cb, arg);
	memory_check(end->event ? 0 : -1);
	if (!writes)
		event_add(end->event, NULL);
	return 0;
}

void
pipe_end_close(struct pipe_end *end)
{
	if (end->event)
		event_free(end->event);
	end->event = NULL;
	if (end->fd >= 0)
		close(end->fd);
	end->fd = -1;
}
