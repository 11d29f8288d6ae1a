/* Writing without waiting, for each kind of descriptor. */
#include "nowait.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

static char bytes[1 << 20];

/* Writes until nothing goes; returns how much went. */
static size_t
fill(const struct nowait *n)
{
	size_t total = 0;
	ssize_t written;

	while ((written = nowait_write(n, bytes, sizeof(bytes))) > 0)
		total += (size_t)written;
	assert_int_equal(written, -EAGAIN);
	return total;
}

static void
pipe_that_is_full(void **state __attribute__((unused)))
{
	struct nowait n;
	int fds[2];

	assert_int_equal(pipe(fds), 0);
	nowait_init(&n, fds[1]);
	assert_int_equal(n.kind, NOWAIT_OWN);
	assert_int_equal(fill(&n), fcntl(fds[1], F_GETPIPE_SZ));
	/* The descriptor that others share blocks as before. */
	assert_false(fcntl(fds[1], F_GETFL) & O_NONBLOCK);
	assert_int_equal(read(fds[0], bytes, PIPE_BUF), PIPE_BUF);
	assert_int_equal(fill(&n), PIPE_BUF);
	nowait_deinit(&n);
	close(fds[0]);
	close(fds[1]);
}

static void
pipe_that_is_shared(void **state __attribute__((unused)))
{
	struct nowait n;
	int fds[2];

	assert_int_equal(pipe(fds), 0);
	n = (struct nowait)NOWAIT_INIT(fds[1]);
	assert_int_equal(nowait_write(&n, bytes, sizeof(bytes)), PIPE_BUF);
	assert_int_equal(fill(&n), fcntl(fds[1], F_GETPIPE_SZ) - PIPE_BUF);
	nowait_deinit(&n);
	assert_int_equal(fcntl(fds[1], F_GETFD), 0); /* it is the caller's */
	close(fds[0]);
	close(fds[1]);
}

static void
sockets(void **state __attribute__((unused)))
{
	struct nowait n;
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	nowait_init(&n, fds[1]);
	assert_int_equal(n.kind, NOWAIT_SOCKET);
	assert_true(fill(&n) > 0);
	close(fds[0]);
	assert_int_equal(nowait_write(&n, bytes, 1), -EPIPE); /* and no SIGPIPE */
	nowait_deinit(&n);
	close(fds[1]);
}

static void
what_cannot_be_written_to(void **state __attribute__((unused)))
{
	struct nowait n;
	int fd = open("/dev/null", O_RDONLY);

	nowait_init(&n, fd);
	assert_int_equal(nowait_write(&n, bytes, 1), -EBADF);
	nowait_deinit(&n);
	close(fd);
	fd = open("/dev/full", O_WRONLY);
	nowait_init(&n, fd);
	assert_int_equal(nowait_write(&n, bytes, 1), -ENOSPC);
	nowait_deinit(&n);
	close(fd);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pipe_that_is_full),
		cmocka_unit_test(pipe_that_is_shared),
		cmocka_unit_test(sockets),
		cmocka_unit_test(what_cannot_be_written_to),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
