/* Directories on the way to the file come, go and are renamed; no retry helps here, so only the watch can notice. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <setjmp.h>
#include <cmocka.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <event2/event.h>

#include "loop.h"
#include "timer.h"
#include "watch.h"

/* ms within which the event must come. */
#define PATIENCE 30000

struct fixture {
	char top[64];
	struct loop *loop;
	struct watch *watch;
	struct timer late;
	int calls;
};

static const char *
fixture_path(const struct fixture *f, const char *name)
{
	static char paths[4][256];
	static int next;
	char *path = paths[next++ % 4];

	snprintf(path, sizeof(paths[0]), "%s/%s", f->top, name);
	return path;
}

static void
fixture_called_cb(void *arg)
{
	struct fixture *f = arg;

	f->calls++;
}

static void
fixture_late_cb(void *arg)
{
	(void)arg;
	fail_msg("the watch saw nothing");
}

static void
fixture_make(const struct fixture *f, const char *directory)
{
	assert_int_equal(mkdir(fixture_path(f, directory), 0700), 0);
}

/* Makes the file, and expects that it is noticed. */
static void
fixture_expect(struct fixture *f, const char *file)
{
	int fd;

	event_base_loop(loop_base(f->loop), EVLOOP_NONBLOCK); /* what came before */
	f->calls = 0;
	fd = open(fixture_path(f, file), O_CREAT | O_WRONLY, 0600);
	assert_true(fd >= 0);
	close(fd);
	timer_set(&f->late, PATIENCE);
	while (f->calls == 0)
		event_base_loop(loop_base(f->loop), EVLOOP_ONCE);
	timer_stop(&f->late);
	assert_int_equal(unlink(fixture_path(f, file)), 0);
}

static int
fixture_setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	strcpy(f->top, "/tmp/test-watch.XXXXXX");
	assert_non_null(mkdtemp(f->top));
	f->loop = loop_new(NULL, NULL);
	timer_init(&f->late, f->loop, fixture_late_cb, f);
	*state = f;
	return 0;
}

static int
fixture_teardown(void **state)
{
	struct fixture *f = *state;
	char command[128];

	watch_free(f->watch);
	timer_deinit(&f->late);
	loop_free(f->loop);
	snprintf(command, sizeof(command), "rm -r %s", f->top);
	assert_int_equal(system(command), 0);
	free(f);
	return 0;
}

static void
fixture_watch(struct fixture *f, const char *file)
{
	f->watch = watch_new(f->loop, fixture_path(f, file), fixture_called_cb, f);
	watch_start(f->watch);
}

static void
test_file_appears(void **state)
{
	struct fixture *f = *state;

	fixture_watch(f, "s");
	fixture_expect(f, "s");
	fixture_expect(f, "s");
	watch_stop(f->watch);
	watch_start(f->watch);
	fixture_expect(f, "s");
}

static void
test_directories_appear(void **state)
{
	struct fixture *f = *state;

	fixture_watch(f, "a/b/s");
	fixture_make(f, "a");
	fixture_make(f, "a/b");
	fixture_expect(f, "a/b/s");
	assert_int_equal(rmdir(fixture_path(f, "a/b")), 0);
	fixture_make(f, "a/b");
	fixture_expect(f, "a/b/s");
}

static void
test_any_directory_is_renamed(void **state)
{
	struct fixture *f = *state;

	fixture_make(f, "a");
	fixture_make(f, "a/b");
	fixture_make(f, "a/b/c");
	fixture_watch(f, "a/b/c/s");
	assert_int_equal(rename(fixture_path(f, "a/b/c"), fixture_path(f, "a/b/old")), 0);
	fixture_make(f, "a/b/c");
	fixture_expect(f, "a/b/c/s");
	assert_int_equal(rename(fixture_path(f, "a"), fixture_path(f, "old")), 0);
	fixture_make(f, "a");
	fixture_make(f, "a/b");
	fixture_make(f, "a/b/c");
	fixture_expect(f, "a/b/c/s");
	/* Another one takes its place at once. */
	fixture_make(f, "new");
	fixture_make(f, "new/c");
	assert_int_equal(rename(fixture_path(f, "a/b"), fixture_path(f, "a/old")), 0);
	assert_int_equal(rename(fixture_path(f, "new"), fixture_path(f, "a/b")), 0);
	fixture_expect(f, "a/b/c/s");
}

static void
test_link_is_replaced(void **state)
{
	struct fixture *f = *state;

	fixture_make(f, "one");
	fixture_make(f, "two");
	assert_int_equal(symlink("one", fixture_path(f, "run")), 0);
	fixture_watch(f, "run/s");
	fixture_expect(f, "one/s");
	assert_int_equal(symlink("two", fixture_path(f, "next")), 0);
	assert_int_equal(rename(fixture_path(f, "next"), fixture_path(f, "run")), 0);
	fixture_expect(f, "two/s");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_file_appears),
		TEST(test_directories_appear),
		TEST(test_any_directory_is_renamed),
		TEST(test_link_is_replaced),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
