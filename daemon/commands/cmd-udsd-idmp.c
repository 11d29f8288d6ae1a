#include "handlers.h"
#include "keyspace.h"
#include "producers.h"

/* A whole number from 1 to `max`. */
static bool
idmp_require_value(struct bus *bus, struct session *s, struct slice text, const char *name, int64_t max,
                   uint32_t *ret_value)
{
	int64_t value;

	if (!keyspace_require_integer(bus, s, text, &value))
		return false;
	if (value < 1 || value > max) {
		reply_error(bus, s, "ERR %s must be between 1 and %lld", name, (long long)max);
		return false;
	}
	*ret_value = (uint32_t)value;
	return true;
}

/* A producer calls it before its first XADD: so it must not cost others what they rely on, and makes the stream. */
enum command_result
cmd_udsd_idmp(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	struct streams *streams = keyspace_open(bus, s, argv[2], KEYSPACE_ADD);
	uint32_t seconds, count;
	struct stream *stream;

	(void)argc;
	if (!streams || !idmp_require_value(bus, s, argv[3], "seconds", PRODUCERS_KEEP_MAX, &seconds) ||
	    !idmp_require_value(bus, s, argv[4], "count", PRODUCERS_SIZE_MAX, &count))
		return COMMAND_DONE;
	if (keyspace_must_wait(bus, s, streams))
		return COMMAND_WAIT;
	stream = keyspace_find(bus, streams, argv[2]);
	if (!stream &&
	    (!keyspace_require_room(bus, s, streams, NULL) || !(stream = keyspace_get(bus, s, streams, argv[2]))))
		return COMMAND_DONE;
	if (producers_extend(streams, stream, seconds, count) < 0) {
		reply_error(bus, s, "ERR out of memory");
		return COMMAND_DONE;
	}
	keyspace_hold(bus, streams, stream);
	reply_status(bus, s, "OK");
	keyspace_release(bus);
	return COMMAND_DONE;
}
