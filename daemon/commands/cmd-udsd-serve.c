/* Commands of workers: UDSD SERVE, UNSERVE, NEXT, ANSWER and FAIL. */
#include <errno.h>

#include "handlers.h"
#include "job.h"
#include "num.h"
#include "reply.h"
#include "service-replies.h"

/* Serves one service. Returns false after an error reply. */
static bool
serve_require(struct bus *bus, struct session *s, struct slice name)
{
	int r = workers_serve(&bus->services, &s->client, name);

	switch (r) {
	case 0:
		return true;
	case SERVICES_E_DENIED:
		bus->flow.stats.denied_commands++;
		reply_error(bus, s, "NOPERM %s may not serve '%.*s'", identity_text(&s->client.identity).text,
		            COMMAND_SHOWN(name));
		return false;
	case SERVICES_E_TOO_MANY:
		reply_error(bus, s, "ERR too many services; one client may serve %d", WORKER_SERVICES_MAX);
		return false;
	default:
		reply_error(bus, s, "ERR out of memory");
		return false;
	}
}

enum command_result
cmd_udsd_serve(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	size_t first = sessions_of(bus)->place.next;

	for (size_t i = 2; first == 0 && i < argc; i++)
		if (!service_require_name(bus, s, argv[i]))
			return COMMAND_DONE;
	for (size_t i = first > 0 ? first : 2; i < argc; i++) {
		if (job_must_pause(bus, s, i))
			return COMMAND_MORE;
		if (!serve_require(bus, s, argv[i]))
			return COMMAND_DONE;
	}
	reply_integer(bus, s, workers_count(&bus->services, &s->client));
	return COMMAND_DONE;
}

enum command_result
cmd_udsd_unserve(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	size_t first = sessions_of(bus)->place.next;

	if (argc == 2)
		workers_unserve_all(&bus->services, &s->client);
	for (size_t i = first > 0 ? first : 2; i < argc; i++) {
		if (job_must_pause(bus, s, i))
			return COMMAND_MORE;
		workers_unserve(&bus->services, &s->client, argv[i]);
	}
	reply_integer(bus, s, workers_count(&bus->services, &s->client));
	return COMMAND_DONE;
}

/* "[TIMEOUT milliseconds]" at argv. */
static bool
serve_require_timeout(struct bus *bus, struct session *s, const struct slice *argv, size_t argc, uint64_t *ret_ms)
{
	*ret_ms = UINT64_MAX;
	if (argc > 0 && (argc != 2 || !slice_is_word(argv[0], "TIMEOUT"))) {
		reply_error(bus, s, "ERR syntax error");
		return false;
	}
	return argc == 0 || service_require_ms(bus, s, "TIMEOUT", argv[1], 0, ret_ms);
}

/* Asks for the next request. */
static void
serve_next(struct bus *bus, struct session *s, uint64_t timeout_ms)
{
	if (session_is_muted(s)) /* a request would be lost */
		return;
	switch (workers_next(&bus->services, &s->client, timeout_ms)) {
	case 0:
		break;
	case -EAGAIN:
		reply_null_array(bus, s);
		break;
	case SERVICES_E_UNSERVED:
		reply_error(bus, s, "ERR UDSD NEXT needs a service: UDSD SERVE comes first");
		break;
	case SERVICES_E_TOO_MANY:
		reply_error(bus, s, "BUSY the worker has %d requests, asked for or not answered", WORKER_REQUESTS_MAX);
		break;
	case SERVICES_E_OVER_QUOTA:
		service_reply_refusal(bus, s, (struct slice){ 0 }, SERVICES_E_OVER_QUOTA);
		break;
	default:
		reply_error(bus, s, "ERR out of memory");
	}
}

enum command_result
cmd_udsd_next(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	uint64_t timeout_ms;

	if (serve_require_timeout(bus, s, argv + 2, argc - 2, &timeout_ms))
		serve_next(bus, s, timeout_ms);
	return COMMAND_DONE;
}

/* Ends the worker's request, and replies whether somebody has waited for that; or with NEXT, the next request. */
static enum command_result
serve_end(struct bus *bus, struct session *s, const struct slice *argv, size_t argc, enum request_end how)
{
	struct request *request;
	uint64_t timeout_ms;
	int64_t id;
	bool is_wanted;

	if (num_parse_resp(argv[2].p, argv[2].len, &id) != 0 || id < 1) {
		reply_error(bus, s, "ERR '%.*s' is no id of a request", COMMAND_SHOWN(argv[2]));
		return COMMAND_DONE;
	}
	if (argc > 4 && !slice_is_word(argv[4], "NEXT")) {
		reply_error(bus, s, "ERR syntax error");
		return COMMAND_DONE;
	}
	if (argc > 4 && !serve_require_timeout(bus, s, argv + 5, argc - 5, &timeout_ms))
		return COMMAND_DONE;
	request = calls_find_running(&bus->services, &s->client, (uint64_t)id);
	is_wanted = request && (request->slot || request->channel);
	if (request) {
		service_show(bus, &s->client, how == REQUEST_ANSWERED ? "answer" : "fail",
		             service_name(request->service), argv[3], is_wanted);
		request_end(&bus->services, request, how, argv[3]);
	}
	if (argc > 4)
		serve_next(bus, s, timeout_ms);
	else
		reply_integer(bus, s, is_wanted);
	return COMMAND_DONE;
}

enum command_result
cmd_udsd_answer(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	return serve_end(bus, s, argv, argc, REQUEST_ANSWERED);
}

enum command_result
cmd_udsd_fail(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	return serve_end(bus, s, argv, argc, REQUEST_FAILED);
}
