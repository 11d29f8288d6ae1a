#include "xread-args.h"

#include "keyspace.h"
#include "num.h"
#include "reply.h"

static bool
xread_args_require_timeout(struct bus *bus, struct session *s, struct slice text, uint64_t *ret_ms)
{
	int64_t ms;

	if (num_parse_resp(text.p, text.len, &ms) != 0)
		reply_error(bus, s, "ERR timeout is not an integer or out of range");
	else if (ms < 0)
		reply_error(bus, s, "ERR timeout is negative");
	else if ((uint64_t)ms > (uint64_t)INT64_MAX - bus->flow.now_ms)
		reply_error(bus, s, "ERR timeout is out of range");
	else {
		*ret_ms = (uint64_t)ms;
		return true;
	}
	return false;
}

/* COUNT: what is not above 0 is no limit. */
static bool
xread_args_require_count(struct bus *bus, struct session *s, struct slice text, uint64_t *ret_count)
{
	int64_t count;

	if (!keyspace_require_integer(bus, s, text, &count))
		return false;
	*ret_count = count > 0 ? (uint64_t)count : UINT64_MAX;
	return true;
}

static bool
xread_args_require_idle(struct bus *bus, struct session *s, struct slice text, uint64_t *ret_ms)
{
	int64_t ms;

	if (num_parse_resp(text.p, text.len, &ms) != 0) {
		reply_error(bus, s, "ERR min-idle-time is not an integer");
		return false;
	}
	if (ms < 0) {
		reply_error(bus, s, "ERR min-idle-time must be a positive integer");
		return false;
	}
	*ret_ms = (uint64_t)ms;
	return true;
}

/* Whether an option may be given to this command; otherwise replies an error. */
static bool
xread_args_require_group(struct bus *bus, struct session *s, const struct xread_args *args, const char *option)
{
	if (args->is_group)
		return true;
	reply_error(bus, s, "ERR The %s option is only supported by XREADGROUP. You called XREAD instead.", option);
	return false;
}

/* Takes the option at argv[*i], of which so many arguments are left behind it, and moves *i to its last argument. */
static bool
xread_args_option(struct bus *bus, struct session *s, const struct slice *argv, size_t *i, size_t left,
                  struct xread_args *args)
{
	struct slice option = argv[*i];
	const struct slice *value = &argv[*i + 1];

	*i += left > 0;
	if (slice_is_word(option, "BLOCK") && left > 0) {
		args->has_block = true;
		return xread_args_require_timeout(bus, s, *value, &args->block_ms);
	}
	if (slice_is_word(option, "COUNT") && left > 0)
		return xread_args_require_count(bus, s, *value, &args->count);
	if (slice_is_word(option, "CLAIM") && left > 0 && args->is_group) {
		args->has_claim = true;
		return xread_args_require_idle(bus, s, *value, &args->claim_ms);
	}
	if (slice_is_word(option, "GROUP") && left > 1) {
		(*i)++;
		args->group = value[0];
		args->consumer = value[1];
		return xread_args_require_group(bus, s, args, "GROUP");
	}
	if (slice_is_word(option, "DELIVERIES") && args->is_group) {
		*i -= left > 0;
		args->tells_deliveries = true;
		return true;
	}
	if (slice_is_word(option, "NOACK")) {
		*i -= left > 0;
		args->is_noack = true;
		return xread_args_require_group(bus, s, args, "NOACK");
	}
	reply_error(bus, s, "ERR syntax error");
	return false;
}

bool
xread_args_parse(struct bus *bus, struct session *s, const struct slice *argv, size_t argc, struct xread_args *ret_args)
{
	struct xread_args args = { .is_group = argv[0].len == strlen("XREADGROUP"), .count = UINT64_MAX };
	size_t i;

	for (i = 1; i < argc; i++) {
		if (slice_is_word(argv[i], "STREAMS") && i + 1 < argc)
			break;
		if (!xread_args_option(bus, s, argv, &i, argc - i - 1, &args))
			return false;
	}
	if (i == argc) {
		reply_error(bus, s, "ERR syntax error");
		return false;
	}
	args.n = (argc - i - 1) / 2;
	args.names = &argv[i + 1];
	args.ids = args.names + args.n;
	if ((argc - i - 1) % 2 != 0) {
		reply_error(bus, s,
		            "ERR Unbalanced '%s' list of streams: for each stream key an ID or '%s' must be specified.",
		            args.is_group ? "xreadgroup" : "xread", args.is_group ? ">" : "$");
		return false;
	}
	if (args.is_group && !args.group.p) {
		reply_error(bus, s, "ERR Missing GROUP option for XREADGROUP");
		return false;
	}
	*ret_args = args;
	return true;
}
