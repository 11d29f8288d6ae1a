/* Commands of callers: UDSD CALL, ASK and CANCEL; and UDSD SERVICES, which shows what there is to call. */
#include "glob.h"
#include "handlers.h"
#include "listing.h"
#include "num.h"
#include "publish.h"
#include "reply.h"
#include "service-replies.h"

/* Parses "NAME VALUE" at argv[0] of an option that CALL and ASK have. Returns false after an error reply. */
static bool
call_require_option(struct bus *bus, struct session *s, const struct slice *argv, struct call *call)
{
	int64_t retries;

	if (slice_is_word(argv[0], "TIMEOUT"))
		return service_require_ms(bus, s, "TIMEOUT", argv[1], 1, &call->timeout_ms);
	if (slice_is_word(argv[0], "WAIT"))
		return service_require_ms(bus, s, "WAIT", argv[1], 0, &call->wait_ms);
	if (slice_is_word(argv[0], "REPLY")) {
		call->channel = argv[1];
		return true;
	}
	if (!slice_is_word(argv[0], "RETRY")) {
		reply_error(bus, s, "ERR syntax error at '%.*s': expected TIMEOUT, RETRY, WAIT or REPLY",
		            COMMAND_SHOWN(argv[0]));
		return false;
	}
	if (num_parse_resp(argv[1].p, argv[1].len, &retries) != 0 || retries < 0 || retries > CALLS_RETRIES_MAX) {
		reply_error(bus, s, "ERR RETRY takes a number from 0 to %d, not '%.*s'", CALLS_RETRIES_MAX,
		            COMMAND_SHOWN(argv[1]));
		return false;
	}
	call->retries = (uint32_t)retries;
	return true;
}

static bool
call_require_arguments(struct bus *bus, struct session *s, const struct slice *argv, size_t argc, struct call *call)
{
	if (!service_require_name(bus, s, argv[2]))
		return false;
	*call = (struct call){ .name = argv[2], .payload = argv[3], .is_muted = session_is_muted(s) };
	for (size_t i = 4; i < argc; i += 2) {
		if (i + 1 == argc) {
			reply_error(bus, s, "ERR syntax error: '%.*s' needs a value", COMMAND_SHOWN(argv[i]));
			return false;
		}
		if (!call_require_option(bus, s, argv + i, call))
			return false;
	}
	return true;
}

/* Begins it. Returns whether it has begun; otherwise replies why not. */
static bool
call_begin(struct bus *bus, struct session *s, const struct call *call, uint64_t *ret_id)
{
	int r = calls_begin(&bus->services, &s->client, call, ret_id);

	service_show(bus, &s->client, call->channel.p ? "ask" : "call", call->name, call->payload, r == 0);
	if (r == 0)
		return true;
	if (r != SERVICES_E_DENIED) {
		service_reply_refusal(bus, s, call->name, r);
		return false;
	}
	bus->flow.stats.denied_commands++;
	reply_error(bus, s, "NOPERM %s may not call '%.*s'", identity_text(&s->client.identity).text,
	            COMMAND_SHOWN(call->name));
	return false;
}

enum command_result
cmd_udsd_call(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	struct call call;
	uint64_t id;

	if (!call_require_arguments(bus, s, argv, argc, &call))
		return COMMAND_DONE;
	if (call.channel.p)
		reply_error(bus, s, "ERR REPLY goes with UDSD ASK; UDSD CALL is answered itself");
	else
		call_begin(bus, s, &call, &id);
	return COMMAND_DONE;
}

/* Whether the session may publish answers to the channel; otherwise replies an error. */
static bool
call_require_channel(struct bus *bus, struct session *s, struct slice channel)
{
	uint8_t name[PROTOCOL_NAME_MAX];
	struct slice error = { name, channel.len + strlen(SERVICE_ERROR_SUFFIX) };

	if (!channel.p) {
		reply_error(bus, s, "ERR REPLY is missing: the channel that the answer is published to");
		return false;
	}
	if (error.len > PROTOCOL_NAME_MAX) {
		reply_error(bus, s, "ERR the name has %zu bytes; channels for answers may have %zu", channel.len,
		            PROTOCOL_NAME_MAX - strlen(SERVICE_ERROR_SUFFIX));
		return false;
	}
	memcpy(name, channel.p, channel.len);
	memcpy(name + channel.len, SERVICE_ERROR_SUFFIX, strlen(SERVICE_ERROR_SUFFIX));
	if (publish_is_allowed(bus, &s->client, channel) && publish_is_allowed(bus, &s->client, error))
		return true;
	bus->flow.stats.denied_channels++;
	reply_error(bus, s, "NOPERM %s may not publish answers to '%.*s' and '%.*s" SERVICE_ERROR_SUFFIX "'",
	            identity_text(&s->client.identity).text, COMMAND_SHOWN(channel), COMMAND_SHOWN(channel));
	return false;
}

enum command_result
cmd_udsd_ask(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	struct call call;
	uint64_t id;

	if (call_require_arguments(bus, s, argv, argc, &call) && call_require_channel(bus, s, call.channel) &&
	    call_begin(bus, s, &call, &id))
		reply_integer(bus, s, id);
	return COMMAND_DONE;
}

enum command_result
cmd_udsd_cancel(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	int64_t id;

	if (num_parse_resp(argv[2].p, argv[2].len, &id) != 0 || id < 1)
		reply_error(bus, s, "ERR '%.*s' is no id of a request", COMMAND_SHOWN(argv[2]));
	else
		reply_integer(bus, s, calls_cancel(&bus->services, &s->client, (uint64_t)id));
	return COMMAND_DONE;
}

static int
call_put_service(struct listing *listing, struct service *service)
{
	const struct latencies *latencies = service->latencies;
	const struct {
		const char *name;
		uint64_t value;
	} figures[] = {
		{ "workers", service->n_workers },
		{ "idle", service->n_idle },
		{ "busy", service->n_running },
		{ "waiting", service->n_waiting },
		{ "answered", service->answered },
		{ "failed", service->failed },
		{ "gone", service->gone },
		{ "timed_out", service->timed_out },
		{ "p50_us", latencies ? latencies_quantile(latencies, 500) : 0 },
		{ "p99_us", latencies ? latencies_quantile(latencies, 990) : 0 },
	};
	size_t n = sizeof(figures) / sizeof(figures[0]);
	bool is_resp3 = client_is_resp3(&listing->to->client);
	int r = listing_put_header(listing, is_resp3 ? '%' : '*', is_resp3 ? n + 1 : 2 * (n + 1));

	listing->bus->flow.work.done += latencies ? LATENCIES_CLASSES : 0;
	if (r == 0)
		r = listing_put_text(listing, "name");
	if (r == 0)
		r = listing_put_bulk(listing, service_name(service));
	for (size_t i = 0; r == 0 && i < n; i++) {
		r = listing_put_text(listing, figures[i].name);
		if (r == 0)
			r = listing_put_header(listing, ':', figures[i].value);
	}
	return r;
}

/* Shows a service to those who may call or serve it. arg: the pattern, or NULL. */
static int
call_visit_service(struct listing *listing, struct service *service, const void *arg)
{
	struct bus *bus = listing->bus;
	const struct slice *pattern = arg, name = service_name(service);
	const struct service_rule *rule = service_rule(&bus->services, service);
	const struct identity *identity = &listing->to->client.identity;

	if (pattern && !glob_match_at_cost(pattern->p, pattern->len, name.p, name.len, &bus->flow.work.done))
		return 0;
	if (!bus_is_admin(bus, &listing->to->client) && !access_list_admits(&rule->call, identity) &&
	    !access_list_admits(&rule->serve, identity))
		return 0;
	listing->n++;
	return call_put_service(listing, service);
}

enum command_result
cmd_udsd_services(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	if (argc > 3) {
		reply_error(bus, s, "ERR UDSD SERVICES takes one pattern");
		return COMMAND_DONE;
	}
	return listing_services(bus, s, call_visit_service, argc > 2 ? &argv[2] : NULL);
}
