/*
 * The spool as its user sees it, and its file in the states that a crash or damage can leave: cut at every byte,
 * changed at every byte, with old marks.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "doubt.h"
#include "prng.h"
#include "spool.h"

#define FILE_MAX ((size_t)64 * 1024)

static char path[] = "/tmp/test-spool-XXXXXX";
static struct spool_report report;

static struct spool *
open_with(const char *channel, uint64_t limit)
{
	const struct spool_options options = { .path = path, .channel = channel, .limit = limit };
	struct spool *s = NULL;

	assert_int_equal(spool_open(&options, &s, &report), 0);
	return s;
}

static struct spool *
open_again(void)
{
	return open_with("ch", UINT64_C(1) << 30);
}

static int
try_open(void)
{
	const struct spool_options options = { .path = path, .channel = "ch", .limit = 1 << 20 };
	struct spool *s = NULL;
	int r = spool_open(&options, &s, &report);

	if (r == 0)
		spool_close(s);
	return r;
}

static void
add(struct spool *s, const char *text)
{
	struct slice slice = slice_of(text);

	spool_add(s, &slice);
}

/* Writes one batch of `count` messages: the numbers from `from` on. */
static void
add_numbers(struct spool *s, unsigned int from, unsigned int count)
{
	char text[16];

	for (unsigned int i = 0; i < count; i++) {
		snprintf(text, sizeof(text), "%u", from + i);
		add(s, text);
	}
	assert_int_equal(spool_write(s), 0);
}

static bool
next(struct spool *s, char *channel, char *text)
{
	struct spool_message message;
	int r = spool_next(s, &message);

	assert_in_range(r, 0, 1);
	if (r == 0)
		return false;
	memcpy(channel, message.channel.p, message.channel.len);
	channel[message.channel.len] = '\0';
	memcpy(text, message.text.p, message.text.len);
	text[message.text.len] = '\0';
	return true;
}

static void
expect(struct spool *s, const char *channel, const char *text)
{
	char c[64] = "", m[64] = "";

	assert_true(next(s, c, m));
	assert_string_equal(c, channel);
	assert_string_equal(m, text);
}

static void
expect_nothing(struct spool *s)
{
	char c[64], m[64];

	assert_false(next(s, c, m));
}

static size_t
read_file(uint8_t *bytes)
{
	int fd = open(path, O_RDONLY);
	ssize_t n = read(fd, bytes, FILE_MAX);

	close(fd);
	assert_in_range(n, 0, FILE_MAX - 1);
	return (size_t)n;
}

static void
write_file(const void *bytes, size_t n)
{
	int fd = open(path, O_WRONLY | O_TRUNC);

	assert_int_equal(write(fd, bytes, n), n);
	close(fd);
}

/* Leaves the file as kill -9 does: the last answers are not marked. */
static void
die(struct spool *s)
{
	uint8_t bytes[FILE_MAX];
	size_t n = read_file(bytes);

	spool_close(s);
	write_file(bytes, n);
}

static int
setup(void **state)
{
	int fd;

	(void)state;
	strcpy(path + strlen(path) - 6, "XXXXXX");
	fd = mkstemp(path);
	close(fd);
	return fd < 0;
}

static int
teardown(void **state)
{
	(void)state;
	return unlink(path);
}

static void
test_in_and_out(void **state)
{
	struct spool *s = open_again();

	(void)state;
	expect_nothing(s);
	add(s, "one");
	expect_nothing(s);
	assert_true(spool_added(s) > 0);
	assert_int_equal(spool_write(s), 0);
	assert_int_equal(spool_added(s), 0);
	add(s, "");
	add(s, "three");
	assert_int_equal(spool_write(s), 0);
	assert_int_equal(spool_left(s), 3);
	expect(s, "ch", "one");
	expect(s, "ch", "");
	expect(s, "ch", "three");
	expect_nothing(s);
	assert_int_equal(spool_answered(s, 3), 0);
	assert_int_equal(spool_mark(s), 0);
	assert_int_equal(spool_left(s), 0);
	spool_close(s);
}

static void
test_what_is_not_answered_comes_again(void **state)
{
	struct spool *s = open_with("old", 1 << 20);

	(void)state;
	add_numbers(s, 1, 3);
	add_numbers(s, 4, 2);
	expect(s, "old", "1");
	expect(s, "old", "2");
	expect(s, "old", "3");
	assert_int_equal(spool_answered(s, 2), 0);
	assert_int_equal(spool_mark(s), 0);
	die(s);

	s = open_again();
	assert_int_equal(report.found.left, 3);
	assert_int_equal(report.found.cut, 0);
	add_numbers(s, 6, 1);
	expect(s, "old", "3");
	expect(s, "old", "4");
	expect(s, "old", "5");
	expect(s, "ch", "6");
	expect_nothing(s);
	assert_int_equal(spool_answered(s, 4), 0);
	spool_close(s);
	s = open_again();
	assert_int_equal(spool_left(s), 0);
	spool_close(s);
}

static void
test_an_answer_without_a_mark_is_forgotten(void **state)
{
	struct spool *s = open_again();

	(void)state;
	add_numbers(s, 1, 2);
	expect(s, "ch", "1");
	assert_int_equal(spool_answered(s, 1), 0);
	die(s);
	s = open_again();
	expect(s, "ch", "1");
	spool_close(s);
}

/* However many messages each run writes and has answered, all come out in order. */
static void
test_random_runs(void **state)
{
	struct prng prng;
	unsigned int added = 0, answered = 0, taken, n;
	char c[64], m[64], expected[16];
	struct spool *s;

	(void)state;
	prng_init(&prng, prng_seed());
	for (int run = 0; run < 300; run++) {
		s = open_with("ch", 4096);
		assert_int_equal(spool_left(s), added - answered);
		taken = answered;
		for (int step = 0; step < 20; step++) {
			n = (unsigned int)prng_below(&prng, 6);
			if (n > 0 && !spool_is_full(s)) {
				add_numbers(s, added, n);
				added += n;
			}
			for (n = (unsigned int)prng_below(&prng, 9); n > 0 && next(s, c, m); n--) {
				snprintf(expected, sizeof(expected), "%u", taken++);
				assert_string_equal(m, expected);
			}
			n = (unsigned int)prng_below(&prng, taken - answered + 1);
			assert_int_equal(spool_answered(s, n), 0);
			answered += n;
			assert_int_equal(spool_mark(s), 0);
		}
		if (run % 2)
			spool_close(s);
		else
			die(s);
	}
	assert_true(added > 1000);
}

/* Writes three batches; one message of the first is answered. Returns the size of the file. */
static size_t
three_batches(uint8_t *bytes, size_t *ret_second, size_t *ret_third)
{
	struct spool *s = open_again();

	add_numbers(s, 1, 2);
	*ret_second = read_file(bytes);
	add_numbers(s, 3, 2);
	*ret_third = read_file(bytes);
	add_numbers(s, 5, 2);
	expect(s, "ch", "1");
	assert_int_equal(spool_answered(s, 1), 0);
	assert_int_equal(spool_mark(s), 0);
	die(s);
	return read_file(bytes);
}

static void
test_cut_at_every_byte(void **state)
{
	uint8_t bytes[FILE_MAX];
	size_t second, third, size = three_batches(bytes, &second, &third), whole;
	struct spool *s;

	(void)state;
	for (size_t n = SPOOL_START; n <= size; n++) {
		write_file(bytes, n);
		s = open_again();
		whole = n < second ? 0 : n < third ? 1 : n < size ? 3 : 5;
		assert_int_equal(spool_left(s), whole);
		assert_int_equal(report.found.lost, 0);
		assert_int_equal(report.found.cut, n - (n < second  ? SPOOL_START
		                                        : n < third ? second
		                                        : n < size  ? third
		                                                    : size));
		assert_true(report.found.cut == 0 || report.found.torn);
		/* New messages follow the cut. */
		add_numbers(s, 7, 1);
		for (size_t i = 0; i < whole; i++)
			expect(s, "ch", (const char *[]){ "2", "3", "4", "5", "6" }[i]);
		expect(s, "ch", "7");
		expect_nothing(s);
		spool_close(s);
	}
	for (size_t n = 1; n < SPOOL_START; n++) {
		write_file(bytes, n);
		assert_int_equal(try_open(), n < 15 ? SPOOL_E_FOREIGN : SPOOL_E_DAMAGED);
	}
}

/* One byte is wrong: at most its batch is lost, the loss is reported, and the other messages come in order. */
static void
test_changed_at_every_byte(void **state)
{
	uint8_t bytes[FILE_MAX];
	char c[64], m[64], got[64];
	size_t second, third, size = three_batches(bytes, &second, &third);
	struct spool *s;
	int r;

	(void)state;
	for (size_t at = 0; at < size; at++) {
		bytes[at] ^= 0xff;
		write_file(bytes, size);
		bytes[at] ^= 0xff;
		if (at < 40) {
			r = try_open();
			assert_true(r == SPOOL_E_FOREIGN || r == SPOOL_E_DAMAGED);
			continue;
		}
		s = open_again();
		got[0] = '\0';
		while (next(s, c, m)) {
			assert_string_equal(c, "ch");
			strcat(got, m);
		}
		if (at < SPOOL_START)
			assert_true(strcmp(got, "23456") == 0 || strcmp(got, "123456") == 0);
		else
			assert_string_equal(got, at < second ? "3456" : at < third ? "256" : "234");
		assert_int_equal(report.found.lost, at < SPOOL_START || at >= third ? 0 : at < second ? 1 : 2);
		assert_int_equal(report.found.cut > 0, at >= third);
		spool_close(s);
		/* The damage is mended: nothing is lost again. */
		s = open_again();
		assert_int_equal(report.found.lost, 0);
		assert_int_equal(report.found.cut, 0);
		assert_int_equal(spool_left(s), strlen(got));
		while (next(s, c, m))
			continue;
		assert_int_equal(spool_answered(s, strlen(got)), 0);
		spool_close(s);
	}
}

static void
test_both_marks_damaged(void **state)
{
	uint8_t bytes[FILE_MAX];
	size_t second, third, size = three_batches(bytes, &second, &third);
	struct spool *s;

	(void)state;
	memset(bytes + 512, 0xff, 1024);
	write_file(bytes, size);
	s = open_again();
	assert_int_equal(report.found.lost, 0);
	assert_int_equal(spool_left(s), 6);
	expect(s, "ch", "1");
	spool_close(s);
}

/* A loss of power took the mark written when the file was emptied, but not what was written after it. */
static void
test_mark_older_than_the_emptying(void **state)
{
	uint8_t old[FILE_MAX], young[FILE_MAX];
	size_t second, third, size;
	struct spool *s;

	(void)state;
	three_batches(old, &second, &third);
	s = open_again();
	for (const char *m = "23456"; *m; m++)
		expect(s, "ch", (char[]){ *m, '\0' });
	assert_int_equal(spool_answered(s, 5), 0);
	spool_close(s);
	for (unsigned int batches = 1; batches < 6; batches++) {
		s = open_again();
		add_numbers(s, 7, 2);
		for (unsigned int i = 1; i < batches; i++)
			add_numbers(s, 7 + 2 * i, 2);
		die(s);
		size = read_file(young);
		memcpy(young, old, SPOOL_START);
		write_file(young, size);
		s = open_again();
		assert_int_equal(spool_left(s), 2 * batches);
		expect(s, "ch", "7");
		expect(s, "ch", "8");
		assert_int_equal(spool_answered(s, 2), 0);
		for (unsigned int i = 2; i < 2 * batches; i++) {
			char c[64], m[64];
			assert_true(next(s, c, m));
		}
		assert_int_equal(spool_answered(s, 2 * batches - 2), 0);
		spool_close(s);
	}
}

static void
test_a_message_that_looks_like_a_batch(void **state)
{
	uint8_t bytes[FILE_MAX];
	size_t second, third, size = three_batches(bytes, &second, &third);
	struct spool *s;

	(void)state;
	unlink(path);
	s = open_again();
	spool_add(s, &(struct slice){ bytes + SPOOL_START, size - SPOOL_START });
	assert_int_equal(spool_write(s), 0);
	die(s);
	size = read_file(bytes);
	bytes[size - 1] ^= 1;
	write_file(bytes, size);
	s = open_again();
	assert_int_equal(spool_left(s), 0);
	assert_int_equal(report.found.cut, size - SPOOL_START);
	spool_close(s);
}

static void
test_not_a_spool(void **state)
{
	static const char text[] = "my diary, which is longer than the magic of a spool\n";
	uint8_t bytes[FILE_MAX];

	(void)state;
	write_file(text, sizeof(text));
	assert_int_equal(try_open(), SPOOL_E_FOREIGN);
	assert_int_equal(read_file(bytes), sizeof(text));
	assert_memory_equal(bytes, text, sizeof(text));
}

static void
test_others_may_not_write_to_it(void **state)
{
	(void)state;
	chmod(path, 0620);
	assert_int_equal(try_open(), SPOOL_E_MODE);
	chmod(path, 0640);
	assert_int_equal(try_open(), 0);
	if (geteuid() != 0)
		return;
	assert_int_equal(chown(path, 4321, -1), 0);
	assert_int_equal(try_open(), SPOOL_E_OWNER);
	assert_int_equal(report.uid, 4321);
}

/* How messages are sent, their numbers and their sums are the same for whoever takes them out. */
static void
test_what_makes_messages_known(void **state)
{
	struct spool *s = open_again();
	struct spool_message first[4], again;
	uint64_t identity = spool_identity(s);

	(void)state;
	for (int i = 0; i < 2; i++) {
		spool_set_way(s, (struct slice){ (const uint8_t *)"way", i == 0 ? 3 : 0 });
		add_numbers(s, 1, 2);
		for (int k = 0; k < 2; k++) {
			assert_int_equal(spool_next(s, &first[2 * i + k]), 1);
			assert_int_equal(first[2 * i + k].way.len, i == 0 ? 3 : 0);
			assert_int_equal(first[2 * i + k].number, 2 * i + k);
		}
	}
	assert_true(first[0].sum == first[1].sum && first[0].sum != first[2].sum);
	spool_close(s);
	s = open_again();
	assert_true(spool_identity(s) == identity);
	assert_int_equal(spool_number(s), 4);
	assert_int_equal(spool_answered(s, 1), 0);
	spool_close(s);
	s = open_again();
	for (int i = 1; i < 4; i++) {
		assert_int_equal(spool_next(s, &again), 1);
		assert_int_equal(again.number, i);
		assert_true(again.sum == first[i].sum);
		assert_int_equal(again.way.len, i == 1 ? 3 : 0);
		assert_memory_equal(again.way.p, "way", again.way.len);
		assert_int_equal(again.text.len, 1);
	}
	spool_close(s);
}

/* A process dies between writing lines and taking them from its input: the next one knows them in the file. */
static void
test_what_is_in_doubt(void **state)
{
	struct slice line = { (const uint8_t *)"2", 1 };
	struct doubt doubt;
	struct spool *s;
	int input[2];

	(void)state;
	assert_int_equal(pipe(input), 0);
	for (int taken = 0; taken < 2; taken++) {
		assert_int_equal(write(input[1], "1\n2\n", 4), 4);
		s = open_again();
		spool_set_input(s, input[0]);
		add_numbers(s, 1, 2);
		if (taken)
			spool_taken(s);
		spool_close(s);
		s = open_again();
		assert_int_equal(report.found.doubt.len, taken ? 0 : 2 * (sizeof(uint32_t) + 1));
		doubt_init(&doubt, &report, input[0]);
		assert_true(doubt_is_there(&doubt) == !taken);
		if (!taken) {
			assert_int_equal(doubt_check(&doubt, (struct slice){ (const uint8_t *)"1", 1 }), DOUBT_GOES_ON);
			assert_int_equal(doubt_check(&doubt, line), DOUBT_SAME);
			doubt_deinit(&doubt);
			spool_taken(s);
		}
		spool_close(s);
	}
	close(input[0]);
	close(input[1]);
}

/* Something is unanswered all the time: still the disk holds little, although much goes through. */
static void
test_room_is_given_back(void **state)
{
	static char text[64 * 1024];
	struct spool *s = open_with("ch", UINT64_C(100) << 20);
	struct spool_message message;
	struct stat st;

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	add(s, "first");
	for (int i = 0; i < 1600; i++) {
		add(s, text);
		assert_int_equal(spool_write(s), 0);
		assert_int_equal(spool_next(s, &message), 1);
		assert_int_equal(spool_answered(s, 1), 0);
		assert_int_equal(spool_mark(s), 0);
		assert_false(spool_is_full(s));
		assert_int_equal(stat(path, &st), 0);
		assert_true(st.st_blocks * 512 < 20 << 20);
	}
	assert_int_equal(spool_next(s, &message), 1);
	assert_int_equal(spool_answered(s, 1), 0);
	assert_int_equal(spool_mark(s), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_size, SPOOL_START);
	spool_close(s);
}

static void
test_the_limit(void **state)
{
	struct spool *s = open_with("ch", 100);
	char c[64], m[64];

	(void)state;
	for (int round = 0; round < 5; round++) {
		assert_false(spool_is_full(s));
		add_numbers(s, 1, 50);
		assert_true(spool_is_full(s));
		for (int i = 0; i < 50; i++)
			assert_true(next(s, c, m));
		assert_int_equal(spool_answered(s, 50), 0);
		assert_int_equal(spool_mark(s), 0);
	}
	spool_close(s);
}

/* All is answered, but the file was not cut: opened with a smaller limit it must not stay full for ever. */
static void
test_a_smaller_limit(void **state)
{
	struct spool *s = open_again();
	char channel[64], text[64];

	(void)state;
	add_numbers(s, 0, 5000);
	for (int i = 0; i < 5000; i++)
		assert_true(next(s, channel, text));
	assert_int_equal(spool_answered(s, 5000), 0);
	assert_int_equal(spool_mark(s), 0);
	die(s);
	s = open_with("ch", 8 * 1024);
	assert_int_equal(spool_left(s), 0);
	assert_false(spool_is_full(s));
	add(s, "more");
	assert_int_equal(spool_write(s), 0);
	die(s);
	s = open_again();
	assert_int_equal(spool_left(s), 1);
	expect(s, "ch", "more");
	expect_nothing(s);
	spool_close(s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_in_and_out, setup, teardown),
		cmocka_unit_test_setup_teardown(test_what_is_not_answered_comes_again, setup, teardown),
		cmocka_unit_test_setup_teardown(test_an_answer_without_a_mark_is_forgotten, setup, teardown),
		cmocka_unit_test_setup_teardown(test_random_runs, setup, teardown),
		cmocka_unit_test_setup_teardown(test_cut_at_every_byte, setup, teardown),
		cmocka_unit_test_setup_teardown(test_changed_at_every_byte, setup, teardown),
		cmocka_unit_test_setup_teardown(test_both_marks_damaged, setup, teardown),
		cmocka_unit_test_setup_teardown(test_mark_older_than_the_emptying, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_message_that_looks_like_a_batch, setup, teardown),
		cmocka_unit_test_setup_teardown(test_not_a_spool, setup, teardown),
		cmocka_unit_test_setup_teardown(test_others_may_not_write_to_it, setup, teardown),
		cmocka_unit_test_setup_teardown(test_what_makes_messages_known, setup, teardown),
		cmocka_unit_test_setup_teardown(test_what_is_in_doubt, setup, teardown),
		cmocka_unit_test_setup_teardown(test_room_is_given_back, setup, teardown),
		cmocka_unit_test_setup_teardown(test_the_limit, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_smaller_limit, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
