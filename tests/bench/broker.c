#include "broker.h"

#include <err.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "dbus.h"
#include "proc.h"

/* Names, messages that are sent and messages that are received: a rule for each of these. */
#define BATCH "bta(btbs)a(btssssuutt)a(btssssuutt)"
#define POLICY "(a(u(" BATCH "))a(buu(" BATCH "))a(ss)bs)"

char broker_fd[12];

static struct {
	int listener, ours, theirs; /* 0: none */
	unsigned int clients;
} broker;

static void
broker_close(int *fd)
{
	if (*fd > 0)
		close(*fd);
	*fd = 0;
}

void
broker_prepare(void)
{
	struct sockaddr_un path = { .sun_family = AF_UNIX };
	int fds[2];

	broker_close(&broker.ours);
	memcpy(path.sun_path, proc_socket, sizeof(proc_socket));
	broker.listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (broker.listener < 0 || bind(broker.listener, (struct sockaddr *)&path, sizeof(path)) < 0 ||
	    listen(broker.listener, SOMAXCONN) < 0 || socketpair(AF_UNIX, SOCK_STREAM, 0, fds) < 0)
		err(1, "%s", proc_socket);
	broker.ours = fds[0];
	broker.theirs = fds[1];
	snprintf(broker_fd, sizeof(broker_fd), "%d", broker.theirs);
}

/* One rule that allows: with so many strings and numbers that say what for; 0 and "" are anything. */
static void
broker_put_rule(struct buf *b, unsigned int strings, bool is_transmission)
{
	size_t rules = dbus_begin_array(b);

	dbus_align(b, 8);
	dbus_put_u32(b, true);
	dbus_put_u64(b, 1); /* the priority */
	if (!is_transmission)
		dbus_put_u32(b, true); /* names that begin so */
	for (unsigned int i = 0; i < strings; i++)
		dbus_put_string(b, "");
	if (is_transmission) {
		dbus_put_u32(b, 0);
		dbus_put_u32(b, 0);
		dbus_put_u64(b, 0);
		dbus_put_u64(b, UINT64_MAX);
	}
	dbus_end_array(b, rules);
}

static void
broker_put_policy(struct buf *b)
{
	size_t users;

	dbus_put_signature(b, POLICY);
	dbus_align(b, 8);
	users = dbus_begin_array(b);
	dbus_align(b, 8);
	dbus_put_u32(b, UINT32_MAX); /* all */
	dbus_align(b, 8);
	dbus_put_u32(b, true); /* may connect */
	dbus_put_u64(b, 1);
	broker_put_rule(b, 1, false);
	broker_put_rule(b, 4, true);
	broker_put_rule(b, 4, true);
	dbus_end_array(b, users);
	dbus_end_array(b, dbus_begin_array(b)); /* groups */
	dbus_end_array(b, dbus_begin_array(b)); /* SELinux */
	dbus_put_u32(b, false);                 /* AppArmor */
	dbus_put_string(b, "");
}

/* Sends the bytes, the first one with the descriptor. */
static void
broker_send(const struct buf *b, int fd)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = { 0 };
	struct iovec iov = { b->data, b->len };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)
	};
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	*c = (struct cmsghdr){ .cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS };
	memcpy(CMSG_DATA(c), &fd, sizeof(fd));
	if (sendmsg(broker.ours, &msg, MSG_NOSIGNAL) != (ssize_t)b->len)
		proc_fail("takes no listening socket");
}

void
broker_begin(void)
{
	const struct dbus_header header = { .type = DBUS_CALL,
		                            .serial = 1,
		                            .n_fds = 1,
		                            .signature = "ohv",
		                            .path = "/org/bus1/DBus/Broker",
		                            .interface = "org.bus1.DBus.Broker",
		                            .member = "AddListener" };
	struct buf auth = { 0 }, body = { 0 }, request = { 0 };
	struct dbus_message answer;
	char block[4096];
	ssize_t n;

	broker.clients = 1; /* proc_start() was the first one */
	broker_close(&broker.theirs);
	dbus_put_auth(&auth);
	if (send(broker.ours, auth.data, auth.len, MSG_NOSIGNAL) != (ssize_t)auth.len ||
	    recv(broker.ours, block, sizeof(block), 0) <= 0)
		proc_fail("does not answer");
	dbus_put_string(&body, "/org/bus1/DBus/Listener/0");
	dbus_put_u32(&body, 0);
	broker_put_policy(&body);
	dbus_put_message(&request, &header, &body);
	broker_send(&request, broker.listener);
	broker_close(&broker.listener);
	n = recv(broker.ours, block, sizeof(block), 0);
	if (n <= 0 || dbus_read(block, (size_t)n, &answer) == 0 || answer.type != DBUS_RETURN)
		proc_fail("does not listen");
	buf_deinit(&auth);
	buf_deinit(&body);
	buf_deinit(&request);
}

unsigned int
broker_count_client(void)
{
	return broker.clients++;
}
