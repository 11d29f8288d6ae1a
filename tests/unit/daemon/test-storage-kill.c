/* The store in a process that is killed, on a disk that is full, in a directory that cannot be written. */
#include "storage.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "cleanup.h"
#include "prng.h"
#include "store.h"

#define UNUSED __attribute__((unused))

/* In a child: commits as fast as it can, and writes the number of each commit that is reported. */
static void
commit_until_killed(const char *directory, int fd)
{
	struct storage *storage = store_try_open(directory);
	int n = 0;

	if (!storage)
		_exit(1);
	for (;;) {
		store_fill_batch(storage, ++n, false);
		storage_commit(storage);
		store_wait(storage);
		if (write(fd, &n, sizeof(n)) != sizeof(n))
			_exit(1);
	}
}

static void
nothing_reported_is_lost_by_a_kill(void **state UNUSED)
{
	struct prng prng;

	prng_init(&prng, prng_seed());
	for (int round = 0; round < 20; round++) {
		_cleanup_free_ char *dir = store_directory();
		long wanted = (long)prng_below(&prng, 400);
		int fds[2], n, last = 0, stored;
		pid_t pid;

		assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
		pid = fork();
		assert_true(pid >= 0);
		if (pid == 0) {
			close(fds[0]);
			commit_until_killed(dir, fds[1]);
		}
		close(fds[1]);
		while (last < wanted && read(fds[0], &n, sizeof(n)) == sizeof(n))
			last = n;
		assert_int_equal(kill(pid, SIGKILL), 0);
		assert_int_equal(waitpid(pid, NULL, 0), pid);
		while (read(fds[0], &n, sizeof(n)) == sizeof(n))
			last = n;
		close(fds[0]);
		assert_true(last >= wanted);
		stored = store_read_number(dir, false);
		assert_true(stored == last || stored == last + 1);
	}
}

/* A file system of 4 MiB, full of another file: what is handed over waits, reads go on, and it ends by itself. */
static void
full_disk(void **state UNUSED)
{
	_cleanup_free_ char *dir = store_directory(), *filler = NULL;
	struct storage *storage;
	struct storage_event event;
	struct storage_figures figures;
	char block[65536];
	int fd, n = 0, before;

	if (geteuid() != 0 || unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
	    mount("store", dir, "tmpfs", 0, "size=4m") != 0)
		skip();
	storage = store_open(dir, NULL);
	store_fill_batch(storage, ++n, false);
	store_commit(storage);
	assert_true(asprintf(&filler, "%s/filler", dir) > 0);
	fd = open(filler, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	memset(block, 'f', sizeof(block));
	while (write(fd, block, sizeof(block)) > 0)
		;
	close(fd);
	do {
		store_fill_batch(storage, ++n, false);
		storage_commit(storage);
		while (storage_is_committing(storage) && storage_state(storage) != STORAGE_FULL) {
			storage_collect(storage, &event);
			usleep(1000);
		}
	} while (storage_state(storage) != STORAGE_FULL);
	assert_string_equal(storage_reason(storage), "No space left on device");
	assert_int_equal(store_fetch(storage, 9, 0, &event), 0);
	free(event.data);
	before = n;
	/* Closing does not wait, and says that the last batch is lost; a store on a full disk opens. */
	assert_int_equal(storage_close(storage), -ENOSPC);
	assert_int_equal(store_read_number(dir, false), before - 1);
	storage = store_open(dir, NULL);
	n = before - 1;
	while (storage_state(storage) != STORAGE_FULL) {
		store_fill_batch(storage, ++n, false);
		storage_commit(storage);
		while (storage_is_committing(storage) && storage_state(storage) != STORAGE_FULL) {
			storage_collect(storage, &event);
			usleep(1000);
		}
	}
	before = n;
	storage_get_figures(storage, &figures);
	assert_true(figures.failed_commits > 0);
	assert_int_equal(unlink(filler), 0);
	assert_int_equal(store_wait(storage).kind, STORAGE_COMMITTED); /* it tries again by itself */
	assert_int_equal(storage_state(storage), STORAGE_OK);
	store_fill_batch(storage, ++n, false);
	store_commit(storage);
	store_close(storage);
	assert_int_equal(store_read_number(dir, false), before + 1);
	umount2(dir, MNT_DETACH);
}

static void
directory_cannot_be_written(void **state UNUSED)
{
	_cleanup_free_ char *dir = store_directory(), *below = NULL;
	struct storage_limits limits = { 0 };
	struct storage *storage;
	char error[400];
	pid_t pid;
	int status;

	store_read(dir, NULL);
	assert_true(asprintf(&below, "%s/store", dir) > 0);
	assert_int_equal(chmod(dir, 0500), 0);
	/* Root may write everywhere. */
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		bool is_right = geteuid() != 0 || (chown(dir, 65534, 65534) == 0 && setuid(65534) == 0);

		is_right = is_right && storage_open(below, &limits, &storage, error, sizeof(error)) == -EACCES &&
		           strstr(error, below) && strstr(error, strerror(EACCES));
		is_right = is_right && storage_open(dir, &limits, &storage, error, sizeof(error)) == -EACCES;
		_exit(is_right ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(chmod(dir, 0700), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_reported_is_lost_by_a_kill), cmocka_unit_test(directory_cannot_be_written),
		cmocka_unit_test(full_disk), /* has a file system of its own from there on */
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
