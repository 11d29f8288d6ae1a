/* Commands about the connection itself: the handshake, PING, QUIT and RESET. */
#include <string.h>

#include "cmd-client.h"
#include "handlers.h"
#include "monitor.h"
#include "num.h"
#include "reply.h"
#include "sessions.h"
#include "transaction.h"
#include "wait-receivers.h"

/* Upper bound of the arguments of HELLO. */
#define OPTIONS_MAX 64

#define WRONGPASS "WRONGPASS invalid username-password pair or user is disabled."

/* Redis's only user unless others were made. The kernel tells who a client is, so passwords are not looked at. */
static bool
auth_is_default_user(struct slice user)
{
	return user.len == 7 && memcmp(user.p, "default", 7) == 0;
}

enum command_result
cmd_auth(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	if (argc > 3)
		reply_error(bus, s, "ERR syntax error");
	else if (argc == 2)
		reply_error(bus, s,
		            "ERR AUTH <password> called without any password configured for the default user. Are you "
		            "sure your configuration is correct?"); /* libraries look for exactly this text */
	else if (auth_is_default_user(argv[1]))
		reply_status(bus, s, "OK");
	else
		reply_error(bus, s, WRONGPASS);
	return COMMAND_DONE;
}

/* Reads the options of HELLO; missing ones stay empty. Returns false after an error reply. */
static bool
hello_require_options(struct bus *bus, struct session *s, const struct slice *argv, size_t argc, struct slice *ret_user,
                      struct slice *ret_name)
{
	bus->flow.work.done += argc * WORK_VISIT;
	for (size_t i = 2; i < argc; i++) {
		if (argc > OPTIONS_MAX) {
			reply_error(bus, s, "ERR more than %d arguments", OPTIONS_MAX);
			return false;
		}
		if (slice_is_word(argv[i], "AUTH") && i + 2 < argc) {
			*ret_user = argv[i + 1];
			i += 2;
		} else if (slice_is_word(argv[i], "SETNAME") && i + 1 < argc) {
			*ret_name = argv[++i];
			if (!cmd_client_require_text(bus, s, *ret_name, "Client names"))
				return false;
		} else {
			reply_error(bus, s, "ERR Syntax error in HELLO option '%.*s'",
			            argv[i].len < 900 ? (int)argv[i].len : 900, (const char *)argv[i].p);
			return false;
		}
	}
	return true;
}

enum command_result
cmd_hello(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	int64_t version = client_is_resp3(&s->client) ? 3 : 2;
	struct slice user = { 0 }, name = { 0 };

	if (argc > 1 && num_parse_resp(argv[1].p, argv[1].len, &version) != 0) {
		reply_error(bus, s, "ERR Protocol version is not an integer or out of range");
		return COMMAND_DONE;
	}
	if (version < 2 || version > 3) {
		reply_error(bus, s, "NOPROTO unsupported protocol version");
		return COMMAND_DONE;
	}
	if (!hello_require_options(bus, s, argv, argc, &user, &name))
		return COMMAND_DONE;
	if (user.p && !auth_is_default_user(user)) {
		reply_error(bus, s, WRONGPASS);
		return COMMAND_DONE;
	}
	if ((version == 3) != client_is_resp3(&s->client) && services_settle(&bus->services, &s->client))
		return COMMAND_WAIT;
	if (name.p && !cmd_client_set_text(bus, s, CLIENT_NAME, name))
		return COMMAND_DONE;
	bus_set_encoding(bus, &s->client, version == 3 ? ENCODING_RESP3 : ENCODING_RESP2);
	reply_map(bus, s, 7);
	reply_pair(bus, s, "server", "redis");
	reply_pair(bus, s, "version", PROTOCOL_REDIS_VERSION);
	reply_pair_integer(bus, s, "proto", version);
	reply_pair_integer(bus, s, "id", (int64_t)s->client.id);
	reply_pair(bus, s, "mode", "standalone");
	reply_pair(bus, s, "role", "master");
	reply_text(bus, s, "modules");
	reply_array(bus, s, 0);
	return COMMAND_DONE;
}

enum command_result
cmd_ping(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	if (argc > 2) {
		reply_error(bus, s, "ERR wrong number of arguments for 'ping' command");
	} else if (!client_is_resp3(&s->client) && client_is_subscribed(&s->client)) {
		reply_array(bus, s, 2);
		reply_text(bus, s, "pong");
		reply_bulk(bus, s, argc == 2 ? argv[1] : (struct slice){ 0 });
	} else if (argc == 2) {
		reply_bulk(bus, s, argv[1]);
	} else {
		reply_literal(bus, s, "+PONG\r\n");
	}
	return COMMAND_DONE;
}

enum command_result
cmd_echo(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	reply_bulk(bus, s, argv[1]);
	return COMMAND_DONE;
}

enum command_result
cmd_quit(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	reply_status(bus, s, "OK");
	bus_finish(bus, &s->client);
	return COMMAND_DONE;
}

enum command_result
cmd_reset(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	services_leave(&bus->services, &s->client);
	if (services_settle(&bus->services, &s->client))
		return COMMAND_WAIT;
	if (!bus_leave_until(bus, &s->client, bus->flow.work.turn_end))
		return COMMAND_MORE;
	monitor_leave(bus, s);
	taps_leave(&bus->taps, &s->client);
	bus_set_encoding(bus, &s->client, ENCODING_RESP2);
	transaction_end(bus, s);
	wait_receivers_set(bus, s, 0);
	s->client.skips_own = s->no_evict = s->no_touch = false;
	s->client.last_published.channel = NULL;
	s->database = 0;
	if (s->reply_mode != REPLY_SKIP) /* as in Redis, SKIP covers RESET too */
		s->reply_mode = REPLY_ON;
	cmd_client_set_text(bus, s, CLIENT_NAME, (struct slice){ 0 });
	reply_status(bus, s, "RESET");
	return COMMAND_DONE;
}

/* Channels are the same in all databases, so a program may choose any of those that Redis has by default. */
enum command_result
cmd_select(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	int64_t index;

	if (num_parse_resp(argv[1].p, argv[1].len, &index) != 0) {
		reply_error(bus, s, "ERR value is not an integer or out of range");
	} else if (index < INT32_MIN || index > INT32_MAX) {
		reply_error(bus, s, "ERR value is out of range, value must between %d and %d", INT32_MIN, INT32_MAX);
	} else if (index < 0 || index >= PROTOCOL_DATABASES) {
		reply_error(bus, s, "ERR DB index is out of range");
	} else {
		s->database = (uint8_t)index;
		reply_status(bus, s, "OK");
	}
	return COMMAND_DONE;
}
