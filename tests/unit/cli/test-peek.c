/* Bytes stay in a pipe or file until they are taken, exactly as many, whatever the pipe is made of. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "peek.h"

#define SIZE ((size_t)256 * 1024)

struct fixture {
	struct peek peek;
	int fds[2];
	uint8_t bytes[8 * SIZE];
	size_t known;
};

static void
fixture_open(struct fixture *f, int flags, int size)
{
	peek_init(&f->peek);
	assert_int_equal(pipe2(f->fds, flags | O_NONBLOCK), 0);
	if (size > 0)
		assert_true(fcntl(f->fds[1], F_SETPIPE_SZ, size) > 0);
	peek_begin(&f->peek, f->fds[0]);
	assert_int_equal(f->peek.kind, PEEK_PIPE);
}

static void
fixture_close(struct fixture *f)
{
	peek_deinit(&f->peek);
	close(f->fds[0]);
	if (f->fds[1] >= 0)
		close(f->fds[1]);
	free(f);
}

static ssize_t
fixture_read(struct fixture *f)
{
	ssize_t n = peek_read(&f->peek, f->fds[0], f->bytes + f->known, SIZE, f->known);

	if (n > 0)
		f->known += (size_t)n;
	return n;
}

static void
fixture_take(struct fixture *f, size_t n)
{
	peek_take(&f->peek, f->fds[0], n);
	memmove(f->bytes, f->bytes + n, f->known - n);
	f->known -= n;
}

static void
fixture_write(struct fixture *f, const char *text)
{
	assert_int_equal(write(f->fds[1], text, strlen(text)), strlen(text));
}

/* What another reader of the pipe finds now. */
static void
fixture_expect_left(struct fixture *f, const char *text)
{
	char left[64] = "";
	size_t len = 0;
	ssize_t n;

	while ((n = read(f->fds[0], left + len, sizeof(left) - len - 1)) > 0)
		len += (size_t)n;
	assert_string_equal(left, text);
}

static void
test_kinds_of_pipes(void **state)
{
	static const struct {
		int flags, size;
	} pipes[] = { { 0, 0 }, { 0, 4096 }, { O_DIRECT, 0 }, { O_DIRECT, 16384 } };

	(void)state;
	for (size_t i = 0; i < sizeof(pipes) / sizeof(pipes[0]); i++) {
		struct fixture *f = calloc(1, sizeof(*f));

		fixture_open(f, pipes[i].flags, pipes[i].size);
		assert_int_equal(fixture_read(f), -EAGAIN);
		fixture_write(f, "ab");
		fixture_write(f, "cd\nef");
		assert_int_equal(fixture_read(f), 7);
		fixture_take(f, 5); /* ends within a packet */
		assert_memory_equal(f->bytes, "ef", 2);
		assert_int_equal(fixture_read(f), -EAGAIN);
		fixture_write(f, "g");
		assert_int_equal(fixture_read(f), 1);
		assert_memory_equal(f->bytes, "efg", 3);
		close(f->fds[1]);
		f->fds[1] = -1;
		assert_int_equal(fixture_read(f), 0);
		fixture_take(f, 1);
		fixture_expect_left(f, "fg");
		fixture_close(f);
	}
}

/* A writer that never ends its line finds room again and again, at the latest after the reader has taken what it knows.
 */
static void
fixture_fill(struct fixture *f, const char *piece)
{
	size_t len = strlen(piece), sent = 0, taken = 0;
	unsigned int vain = 0;
	ssize_t n;

	while (taken < 5000 * len) {
		vain++;
		for (; write(f->fds[1], piece, len) == (ssize_t)len; sent += len)
			vain = 0;
		assert_in_range(vain, 0, 100);
		n = fixture_read(f);
		assert_true(n > 0 || n == -EAGAIN || n == -ENOBUFS);
		if (n != -ENOBUFS)
			continue;
		for (size_t i = 0; i < f->known; i++)
			assert_int_equal(f->bytes[i], piece[(taken + i) % len]);
		taken += f->known;
		fixture_take(f, f->known);
		assert_int_equal(poll(&(struct pollfd){ .fd = f->fds[1], .events = POLLOUT }, 1, 0), 1);
	}
}

static void
test_full_pipes(void **state)
{
	static const struct {
		int flags, size;
		const char *piece;
	} pipes[] = { { 0, 4096, "12345678" }, { O_DIRECT, 0, "x" }, { O_DIRECT, 4096, "12345" } };

	(void)state;
	for (size_t i = 0; i < sizeof(pipes) / sizeof(pipes[0]); i++) {
		struct fixture *f = calloc(1, sizeof(*f));

		fixture_open(f, pipes[i].flags, pipes[i].size);
		fixture_fill(f, pipes[i].piece);
		fixture_close(f);
	}
}

static void
test_file(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	FILE *file = tmpfile();

	(void)state;
	peek_init(&f->peek);
	f->fds[0] = fileno(file);
	f->fds[1] = -1;
	assert_int_equal(write(f->fds[0], "abc\ndef\n", 8), 8);
	assert_int_equal(lseek(f->fds[0], 1, SEEK_SET), 1);
	peek_begin(&f->peek, f->fds[0]);
	assert_int_equal(f->peek.kind, PEEK_FILE);
	assert_int_equal(fixture_read(f), 7);
	assert_int_equal(fixture_read(f), 0);
	assert_int_equal(lseek(f->fds[0], 0, SEEK_CUR), 1);
	fixture_take(f, 3);
	assert_int_equal(lseek(f->fds[0], 0, SEEK_CUR), 4);
	assert_int_equal(fixture_read(f), 0);
	assert_memory_equal(f->bytes, "def\n", 4);
	peek_deinit(&f->peek);
	fclose(file);
	free(f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kinds_of_pipes),
		cmocka_unit_test(test_full_pipes),
		cmocka_unit_test(test_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
