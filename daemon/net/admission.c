/*
 * A client is admitted if there are fewer than max_clients, and its user has fewer than max_clients_per_uid. One that
 * is turned away is told why, if it expects RESP, and the caller hears of it, who knows how much of that to log.
 */
#include "admission.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "addr.h"
#include "cleanup.h"
#include "conn.h"
#include "peercred.h"

/* Turns a client away: identity's user has max_clients_per_uid already; NULL: there are max_clients. */
static void
admission_refuse(const struct admission *admission, int fd, const struct identity *identity)
{
	static const char reason[] = "-ERR max number of clients reached";
	char text[128];
	int len;

	if (!identity)
		len = snprintf(text, sizeof(text), "%s\r\n", reason);
	else if (identity->anonymous)
		len = snprintf(text, sizeof(text), "%s for anonymous clients\r\n", reason);
	else
		len = snprintf(text, sizeof(text), "%s for uid %u\r\n", reason, identity->uid);
	loop_bus(admission->origin->loop)->flow.stats.clients_refused++;
	if (admission->origin->ops->speaks_resp)
		(void)!send(fd, text, (size_t)len, MSG_NOSIGNAL);
	admission->refused(admission->arg, identity ? ADMISSION_USER_FULL : ADMISSION_FULL, identity);
}

/*
 * Keepalive notices a peer that has vanished, but is silent while sent bytes are unacknowledged. The kernel's limit for
 * those holds for a peer that is there and does not read, as well, so slow_timeout must be shorter.
 */
static void
admission_limit_silence(int fd, uint64_t slow_timeout)
{
	if (slow_timeout > 0 && slow_timeout <= ADDR_TCP_SILENCE_MS)
		setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &(int){ ADDR_TCP_SILENCE_MS }, sizeof(int));
}

/* Takes over client_fd. */
static void
admission_admit(const struct admission *admission, int client_fd)
{
	struct flow *flow = &loop_bus(admission->origin->loop)->flow;
	_cleanup_close_ int fd = client_fd;
	struct identity identity = { 0 };

	flow->work.done += 10 * WORK_SYSCALL;
	if (flow->stats.clients >= flow->limits.max_clients) {
		admission_refuse(admission, fd, NULL);
		return;
	}
	if (peercred_read(fd, &identity) < 0)
		return;
	if (!users_admit(&flow->users, &identity, &flow->limits)) {
		admission_refuse(admission, fd, &identity);
		group_set_unref(identity.groups);
		return;
	}
	if (!admission->origin->address[0]) /* TCP */
		admission_limit_silence(fd, flow->limits.slow_timeout);
	if (conn_new(TAKE_FD(fd), admission->origin, &identity, NULL) < 0) {
		errno = ENOMEM;
		admission->refused(admission->arg, ADMISSION_NO_RESOURCES, NULL);
	} else
		flow->stats.clients_accepted++;
}

bool
admission_is_out_of_resources(int error)
{
	return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

int
admission_accept(const struct admission *admission, int fd, int max)
{
	for (int i = 0; i < max; i++) {
		int client_fd = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (client_fd >= 0)
			admission_admit(admission, client_fd);
		else if (errno == EAGAIN)
			return 0;
		else if (admission_is_out_of_resources(errno) || errno == EINVAL || errno == EBADF ||
		         errno == ENOTSOCK || errno == EOPNOTSUPP)
			return -errno;
		/* Otherwise one has gone already. */
	}
	return 0;
}
