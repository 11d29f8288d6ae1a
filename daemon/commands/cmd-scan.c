/* KEYS, SCAN and RANDOMKEY. They show the streams that the client may add to or read. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "answer.h"
#include "cmd-pubsub.h"
#include "glob.h"
#include "handlers.h"
#include "keyspace.h"
#include "listing.h"

/* Whether the session may see the stream, and its name matches; pattern NULL: any. */
static bool
scan_shows(struct bus *bus, const struct session *s, const struct stream *stream, const struct slice *pattern)
{
	struct slice name = { stream->name, stream->name_len };

	bus->flow.work.done += WORK_VISIT;
	if (pattern && pattern->len == 1 && pattern->p[0] == '*') /* also an empty name, as in Redis */
		pattern = NULL;
	if (pattern && !glob_match_at_cost(pattern->p, pattern->len, name.p, name.len, &bus->flow.work.done))
		return false;
	return keyspace_admits(bus, s, name, KEYSPACE_SEE);
}

static int
scan_visit(struct listing *listing, struct stream *stream, const void *arg)
{
	if (!scan_shows(listing->bus, listing->to, stream, arg))
		return 0;
	listing->n++;
	return listing_put_bulk(listing, (struct slice){ stream->name, stream->name_len });
}

enum command_result
cmd_keys(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	if (!keyspace_require_streams(bus, s) || !cmd_require_name(bus, s, argv[1]))
		return COMMAND_DONE;
	return listing_streams(bus, s, scan_visit, &argv[1]);
}

/* The most keys that one SCAN looks at, whatever COUNT says. */
#define SCAN_MAX 1000

struct scan {
	size_t bucket;
	int64_t count;
	const struct slice *pattern;
	bool is_empty; /* another TYPE is wanted */
};

/* A cursor as strtoul() takes it, since Redis does. */
static bool
scan_parse_cursor(struct slice text, size_t *ret_cursor)
{
	char digits[64], *end;

	if (text.len >= sizeof(digits) || (text.len > 0 && isspace(text.p[0])) || memchr(text.p, '\0', text.len))
		return false;
	memcpy(digits, text.p, text.len);
	digits[text.len] = '\0';
	errno = 0;
	*ret_cursor = strtoul(digits, &end, 10);
	return *end == '\0' && errno != ERANGE;
}

static bool
scan_require_options(struct bus *bus, struct session *s, const struct slice *argv, size_t argc, struct scan *scan)
{
	if (!scan_parse_cursor(argv[1], &scan->bucket)) {
		reply_error(bus, s, "ERR invalid cursor");
		return false;
	}
	for (size_t i = 2; i < argc; i += 2) {
		bool is_wrong = i + 1 == argc;

		if (!is_wrong && slice_is_word(argv[i], "COUNT")) {
			if (!keyspace_require_integer(bus, s, argv[i + 1], &scan->count))
				return false;
			is_wrong = scan->count < 1;
		} else if (!is_wrong && slice_is_word(argv[i], "MATCH")) {
			if (!cmd_require_name(bus, s, argv[i + 1]))
				return false;
			scan->pattern = &argv[i + 1];
		} else if (!is_wrong && slice_is_word(argv[i], "TYPE")) {
			scan->is_empty = !slice_is_word(argv[i + 1], "stream");
		} else {
			is_wrong = true;
		}
		if (is_wrong) {
			reply_error(bus, s, "ERR syntax error");
			return false;
		}
	}
	return true;
}

enum command_result
cmd_scan(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	struct streams *streams = keyspace_require_streams(bus, s);
	struct scan scan = { .count = 10 };
	struct streams_walk walk;
	struct stream *stream;
	struct answer answer;
	size_t n = 0, shown = 0, hole;
	bool is_end = false;

	if (!streams || !scan_require_options(bus, s, argv, argc, &scan))
		return COMMAND_DONE;
	walk.bucket = scan.bucket;
	answer_begin(&answer, bus, s);
	hole = answer_open(&answer);
	/* The client may go on with the cursor whenever it likes, so a turn that is over ends the answer. */
	while (!is_end && n < (size_t)scan.count && n < SCAN_MAX && !work_is_turn_over(&bus->flow.work)) {
		bool is_found = streams_walk(streams, &walk, &stream, 1, &is_end) > 0;

		bus->flow.work.done += WORK_VISIT;
		n++;
		if (!is_found || scan.is_empty || !scan_shows(bus, s, stream, scan.pattern))
			continue;
		answer_bulk(&answer, (struct slice){ stream->name, stream->name_len });
		shown++;
	}
	answer_close_array(&answer, hole, shown);
	keyspace_hold(bus, streams, NULL);
	reply_array(bus, s, 2);
	reply_format(bus, s, "%zu", is_end ? 0 : walk.bucket);
	answer_send(&answer);
	keyspace_release(bus);
	return COMMAND_DONE;
}

/* Begins at a bucket that was drawn, and takes the first stream from there on that the client may see. */
enum command_result
cmd_randomkey(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	struct streams *streams = keyspace_require_streams(bus, s);
	struct streams_walk walk = { 0 };
	bool is_end = false, is_second = false;
	struct stream *stream;

	if (!streams)
		return COMMAND_DONE;
	keyspace_hold(bus, streams, NULL);
	walk.bucket = ((size_t)random() << 33) ^ ((size_t)random() << 10); /* a place in the order of hashes */
	while (streams->table.n > 0 && !(is_end && is_second) && !work_is_turn_over(&bus->flow.work)) {
		bus->flow.work.done += WORK_VISIT;
		if (streams_walk(streams, &walk, &stream, 1, &is_end) > 0 && scan_shows(bus, s, stream, NULL)) {
			reply_bulk(bus, s, (struct slice){ stream->name, stream->name_len });
			keyspace_release(bus);
			return COMMAND_DONE;
		}
		if (is_end && !is_second) {
			walk.bucket = 0;
			is_second = true;
			is_end = false;
		}
	}
	reply_null(bus, s);
	keyspace_release(bus);
	return COMMAND_DONE;
}
