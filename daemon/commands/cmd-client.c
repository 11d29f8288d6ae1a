/* CLIENT and its subcommands, except INFO, LIST and KILL. */
#include "cmd-client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "blocked.h"
#include "handlers.h"
#include "num.h"
#include "reply.h"
#include "sessions.h"

bool
cmd_client_require_text(struct bus *bus, struct session *s, struct slice text, const char *what)
{
	if (text.len > PROTOCOL_CLIENT_TEXT_MAX) {
		reply_error(bus, s, "ERR %s cannot be longer than %zu bytes.", what, PROTOCOL_CLIENT_TEXT_MAX);
		return false;
	}
	for (size_t i = 0; i < text.len; i++)
		if (text.p[i] < '!' || text.p[i] > '~') {
			reply_error(bus, s, "ERR %s cannot contain spaces, newlines or special characters.", what);
			return false;
		}
	return true;
}

bool
cmd_client_set_text(struct bus *bus, struct session *s, enum client_text which, struct slice text)
{
	struct session_info *info;
	char *copy = NULL, **to;

	if (text.len == 0 && !s->info)
		return true;
	info = session_get_info(s);
	if (info && text.len > 0)
		copy = strndup((const char *)text.p, text.len);
	if (!info || (text.len > 0 && !copy)) {
		reply_error(bus, s, "ERR out of memory");
		return false;
	}
	to = which == CLIENT_NAME ? &info->name : which == CLIENT_LIB_NAME ? &info->lib_name : &info->lib_version;
	free(*to);
	*to = copy;
	return true;
}

enum command_result
cmd_client_id(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	reply_integer(bus, s, s->client.id);
	return COMMAND_DONE;
}

enum command_result
cmd_client_getname(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	if (s->info && s->info->name)
		reply_text(bus, s, s->info->name);
	else
		reply_null(bus, s);
	return COMMAND_DONE;
}

enum command_result
cmd_client_setname(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	if (cmd_client_require_text(bus, s, argv[2], "Client names") &&
	    cmd_client_set_text(bus, s, CLIENT_NAME, argv[2]))
		reply_status(bus, s, "OK");
	return COMMAND_DONE;
}

enum command_result
cmd_client_setinfo(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	enum client_text which = CLIENT_LIB_NAME;
	char what[16];

	if (slice_is_word(argv[2], "lib-ver")) {
		which = CLIENT_LIB_VERSION;
	} else if (!slice_is_word(argv[2], "lib-name")) {
		reply_error(bus, s, "ERR Unrecognized option '%.*s'", COMMAND_SHOWN(argv[2]));
		return COMMAND_DONE;
	}
	/* Like Redis, the error repeats the spelling of the option. */
	snprintf(what, sizeof(what), "%.*s", COMMAND_SHOWN(argv[2]));
	if (cmd_client_require_text(bus, s, argv[3], what) && cmd_client_set_text(bus, s, which, argv[3]))
		reply_status(bus, s, "OK");
	return COMMAND_DONE;
}

/* Replies OK to ON or OFF, otherwise an error; then it returns false. */
static bool
cmd_client_require_on_off(struct bus *bus, struct session *s, struct slice arg, bool *ret_on)
{
	bool on = slice_is_word(arg, "ON");

	if (!on && !slice_is_word(arg, "OFF")) {
		reply_error(bus, s, "ERR syntax error");
		return false;
	}
	reply_status(bus, s, "OK");
	*ret_on = on;
	return true;
}

enum command_result
cmd_client_no_evict(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	bool on;

	if (cmd_client_require_on_off(bus, s, argv[2], &on))
		s->no_evict = on;
	return COMMAND_DONE;
}

enum command_result
cmd_client_no_touch(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	bool on;

	if (cmd_client_require_on_off(bus, s, argv[2], &on))
		s->no_touch = on;
	return COMMAND_DONE;
}

enum command_result
cmd_client_reply(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	if (slice_is_word(argv[2], "ON")) {
		s->reply_mode = REPLY_ON;
		reply_status(bus, s, "OK");
	} else if (slice_is_word(argv[2], "OFF")) {
		s->reply_mode = REPLY_OFF;
	} else if (!slice_is_word(argv[2], "SKIP")) {
		reply_error(bus, s, "ERR syntax error");
	} else if (s->reply_mode != REPLY_OFF) {
		s->reply_mode = REPLY_SKIP_NEXT;
	}
	return COMMAND_DONE;
}

/* Of the clients that the session may see. Returns NULL if there is none with this ID that is blocked. */
static struct blocked *
cmd_client_find_blocked(struct bus *bus, const struct session *s, int64_t id)
{
	struct client *c;

	bus->flow.work.done += bus->flow.stats.clients * WORK_VISIT;
	TAILQ_FOREACH(c, &bus->flow.clients, link)
		if (c->id == (uint64_t)id)
			break;
	return c && session_of(c)->info && cmd_client_is_visible(bus, s, c) ? session_of(c)->info->blocked : NULL;
}

enum command_result
cmd_client_unblock(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	bool with_error = argc == 4 && slice_is_word(argv[3], "ERROR");
	struct blocked *blocked;
	int64_t id;

	if (argc > 4) {
		reply_error(bus, s, "ERR unknown subcommand or wrong number of arguments for '%.*s'. Try CLIENT HELP.",
		            COMMAND_SHOWN(argv[1]));
	} else if (argc == 4 && !with_error && !slice_is_word(argv[3], "TIMEOUT")) {
		reply_error(bus, s, "ERR CLIENT UNBLOCK reason should be TIMEOUT or ERROR");
	} else if (num_parse_resp(argv[2].p, argv[2].len, &id) != 0) {
		reply_error(bus, s, "ERR value is not an integer or out of range");
	} else {
		blocked = cmd_client_find_blocked(bus, s, id);
		reply_integer(bus, s, blocked && blocked_unblock(sessions_of(bus)->streams, blocked, with_error));
	}
	return COMMAND_DONE;
}
