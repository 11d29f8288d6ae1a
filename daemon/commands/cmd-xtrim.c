/* XTRIM. */
#include "handlers.h"
#include "trim.h"

/* Parses the arguments of XTRIM. Returns false after an error reply. */
static bool
xtrim_require_options(struct bus *bus, struct session *s, const struct streams *streams, const struct slice *argv,
                      size_t argc, struct trim_options *options)
{
	size_t at = 2;

	while (at < argc) {
		enum trim_taken taken = trim_take(bus, s, argv, argc, &at, options);

		if (taken == TRIM_OTHER)
			reply_error(bus, s, "ERR syntax error");
		if (taken != TRIM_TAKEN)
			return false;
	}
	if (!options->is_given && options->trim.limit == 0) {
		reply_error(bus, s, "ERR syntax error, XTRIM must be called with a trimming strategy");
		return false;
	}
	return trim_require_valid(bus, s, streams, options);
}

enum command_result
cmd_xtrim(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	struct streams *streams = keyspace_open(bus, s, argv[1], KEYSPACE_MANAGE);
	struct trim_progress progress = trim_resume(bus);
	struct trim_options options = { 0 };
	enum stream_step step = STREAM_END;
	struct stream *stream;

	if (!streams || !xtrim_require_options(bus, s, streams, argv, argc, &options))
		return COMMAND_DONE;
	if (keyspace_must_wait(bus, s, streams))
		return COMMAND_WAIT;
	stream = keyspace_find(bus, streams, argv[1]);
	if (stream)
		step = trim_run(streams, stream, &options, &progress);
	if (step == STREAM_ERROR)
		return keyspace_refuse_error(bus, s);
	if (step == STREAM_COLD && progress.removed > 0 && bus->flow.executing == &s->client)
		step = STREAM_END; /* EXEC does not wait for the disk: the next trim goes on */
	if (step == STREAM_COLD && progress.removed == 0 && progress.at.ms == 0 && progress.at.seq == 0)
		return keyspace_wait_cold(bus, s, streams, 0);
	if (step != STREAM_END && !trim_pause(bus, &progress, 1)) {
		reply_error(bus, s, "ERR out of memory");
		return COMMAND_DONE;
	}
	if (step == STREAM_MORE)
		return COMMAND_MORE;
	if (step == STREAM_COLD)
		return keyspace_wait_cold(bus, s, streams, 1);
	keyspace_hold(bus, streams, stream);
	reply_integer(bus, s, progress.removed);
	keyspace_release(bus);
	return COMMAND_DONE;
}
