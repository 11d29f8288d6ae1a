#include "children.h"

#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "loop.h"
#include "memory.h"

struct children {
	struct event *event;
	children_cb *ended;
	void (*swept)(void *arg);
	void *arg;
};

static void
children_signal_cb(evutil_socket_t signo, short what, void *arg)
{
	struct children *c = arg;
	bool any = false;
	int status;
	pid_t pid;

	(void)signo;
	(void)what;
	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		any = true;
		c->ended(c->arg, pid, status);
	}
	if (any)
		c->swept(c->arg);
}

struct children *
children_new(struct loop *loop, children_cb *ended, void (*swept)(void *arg), void *arg)
{
	struct children *c = memory_alloc(sizeof(*c));

	*c = (struct children){ .ended = ended, .swept = swept, .arg = arg };
	c->event = evsignal_new(loop_base(loop), SIGCHLD, children_signal_cb, c);
	memory_check(c->event ? 0 : -1);
	event_add(c->event, NULL);
	return c;
}

void
children_free(struct children *c)
{
	event_free(c->event);
	free(c);
}

void
children_describe(int status, char *text, size_t size)
{
	if (WIFSIGNALED(status))
		snprintf(text, size, "was killed: %s", strsignal(WTERMSIG(status)));
	else
		snprintf(text, size, "failed with status %d", WEXITSTATUS(status));
}

bool
children_may_start_later(int error)
{
	return error == EAGAIN || error == ENOMEM || error == EMFILE || error == ENFILE || error == ENOSPC;
}
