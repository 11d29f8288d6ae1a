/*
 * A command passes these steps in order: its row is found (dispatch_choose), it is checked (dispatch_require_runnable),
 * queued between MULTI and EXEC, made to wait while the EXEC of another client is paused or its user has too much
 * output, and executed.
 *
 * Most clients send the same command again and again. So the last row that none of these steps could stop, whoever
 * sends it, is remembered by the spelling of its name (dispatch_remember); if the next command has the same name, only
 * what depends on the session is checked (dispatch_is_plain), and it is executed at once. Rows of several subcommands
 * are remembered, too, since those of services are sent in turns. A new check of a row belongs in dispatch_could_stop
 * too, a new check of a session in dispatch_is_plain.
 */
#include "dispatch.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cmd-pubsub.h"
#include "command-names.h"
#include "execute.h"
#include "handlers.h"
#include "job.h"
#include "keyspace.h"
#include "redis-only.h"
#include "reply.h"
#include "transaction.h"

#define NOT_IN_SUBSCRIBE                                                                                               \
	"ERR Can't execute '%s': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this "    \
	"context"

/* Whether a command may reply much, and may be made to wait for that. */
static bool
dispatch_is_costly(const struct command *row)
{
	return row->flags & COMMAND_LINEAR && !(row->flags & (COMMAND_IN_SUBSCRIBE | COMMAND_MAY_WAIT));
}

/* For session.last_command. */
static uint8_t
dispatch_number(const struct sessions *sessions, const struct command *row)
{
	return (uint8_t)(row - sessions->table + 1);
}

static bool
dispatch_is_recent(const struct sessions *sessions, struct slice name)
{
	return name.len == sessions->recent.len && slice_is_inline(name, sessions->recent.name);
}

/* Where a command of that name is remembered once it was found; NULL: nowhere. */
static struct found_command *
dispatch_found(struct sessions *sessions, struct slice name)
{
	if (name.len == 0 || name.len > sizeof(sessions->found[0].name))
		return NULL;
	return &sessions->found[(name.len * 8 + name.p[0] + name.p[name.len - 1]) % SESSIONS_FOUND];
}

/* The row of a name; *ret_has_subs: it has subcommands. Returns NULL if there is none. */
static const struct command *
dispatch_find(struct sessions *sessions, struct slice name, bool *ret_has_subs)
{
	struct found_command *found = dispatch_found(sessions, name);
	const struct command *row;

	if (found && found->row && found->len == name.len && slice_is(name, found->name)) {
		*ret_has_subs = found->has_subs;
		return found->row;
	}
	row = command_find(sessions->table, name);
	if (!row || command_is_sub(row))
		return NULL;
	*ret_has_subs = command_first_sub(row) != NULL;
	if (found) {
		*found = (struct found_command){ .row = row, .has_subs = *ret_has_subs, .len = (uint8_t)name.len };
		memcpy(found->name, name.p, name.len);
	}
	return row;
}

static bool
dispatch_fits_arity(const struct command *row, size_t argc)
{
	return row->arity > 0 ? argc == (size_t)row->arity : argc >= (size_t)-row->arity;
}

/* Whether a check of the row itself could stop it, in a session of which dispatch_is_plain() is true. */
static bool
dispatch_could_stop(const struct command *row)
{
	return dispatch_is_costly(row) || row->flags & COMMAND_NEEDS_ADMIN;
}

/* Remembers a row without subcommands, unless it could be stopped. */
static void
dispatch_remember(struct sessions *sessions, struct slice name, const struct command *row)
{
	if (name.len > sizeof(sessions->recent.name) || dispatch_could_stop(row) || row->flags & COMMAND_NO_MULTI)
		return;
	memcpy(sessions->recent.name, name.p, name.len);
	sessions->recent.len = name.len;
	sessions->recent.row = row;
	sessions->recent.number = dispatch_number(sessions, row);
	sessions->recent.stats = &sessions->commands[row - sessions->table];
}

/* Whether a command that is remembered may run at once in the session's present state. */
static inline bool
dispatch_is_plain(const struct sessions *sessions, const struct session *s)
{
	return !sessions->bus.flow.is_exclusive && !s->in_transaction && s->reply_mode == REPLY_ON &&
	       sessions->bus.flow.users.n_over == 0 && !client_is_subscribed(&s->client);
}

/* RESP2 cannot tell replies from messages, so a client with subscriptions may send only few commands. */
static bool
dispatch_is_confined(const struct session *s)
{
	return !client_is_resp3(&s->client) && client_is_subscribed(&s->client);
}

static void
dispatch_refuse_unknown(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	char args[160];
	int len = 0;

	bus->flow.work.done += REDIS_ONLY_WORK;
	if (redis_only_is_command(argv[0])) {
		if (dispatch_is_confined(s)) {
			for (; len < (int)argv[0].len; len++) /* these names are short */
				args[len] = (char)tolower(argv[0].p[len]);
			args[len] = '\0';
			reply_error(bus, s, NOT_IN_SUBSCRIBE, args);
		} else {
			reply_error(bus, s, "ERR unknown command '%.*s': udsd stores streams and no other keys",
			            COMMAND_SHOWN(argv[0]));
		}
		return;
	}
	if (slice_is_word(argv[0], "POST") || slice_is_word(argv[0], "Host:")) {
		flow_log(&bus->flow, &s->client, LOG_LEVEL_WARNING, "speaks HTTP, closed");
		bus_kill(bus, &s->client); /* a web page may make a browser send commands after its headers */
		return;
	}
	args[0] = '\0';
	for (size_t i = 1; i < argc && len < 128; i++) {
		int most = 128 - len, given = argv[i].len < 128 ? (int)argv[i].len : 128;

		len += snprintf(args + len, sizeof(args) - (size_t)len, "'%.*s' ", given < most ? given : most,
		                (const char *)argv[i].p);
	}
	reply_error(bus, s, "ERR unknown command '%.*s', with args beginning with: %s", COMMAND_SHOWN(argv[0]), args);
}

/* Replies why a command is not run: "ERR text". A refused EXEC ends its transaction. */
static void __attribute__((format(printf, 4, 5)))
dispatch_refuse(struct bus *bus, struct session *s, const struct command *row, const char *format, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	if (row->run == cmd_exec) {
		reply_error(bus, s, "EXECABORT Transaction discarded because of: %s", text + strlen("ERR "));
		transaction_end(bus, s);
	} else {
		reply_error(bus, s, "%s", text);
	}
}

/* Returns whether the session may run the command; otherwise replies an error. */
static bool
dispatch_require_runnable(struct bus *bus, struct session *s, const struct command *row, size_t argc)
{
	if (!dispatch_fits_arity(row, argc)) {
		dispatch_refuse(bus, s, row, "ERR wrong number of arguments for '%s' command", row->name);
		return false;
	}
	if (s->in_transaction && row->flags & COMMAND_NO_MULTI) {
		dispatch_refuse(bus, s, row, "ERR Command not allowed inside a transaction");
		return false;
	}
	if (row->flags & COMMAND_NEEDS_ADMIN && !bus_is_admin(bus, &s->client)) {
		bus->flow.stats.denied_commands++;
		dispatch_refuse(bus, s, row,
		                "NOPERM %s has no permissions to run the '%s' command: administrators only",
		                identity_text(&s->client.identity).text, row->name);
		return false;
	}
	if (dispatch_is_confined(s) && !(row->flags & COMMAND_IN_SUBSCRIBE)) {
		dispatch_refuse(bus, s, row, NOT_IN_SUBSCRIBE, row->name);
		return false;
	}
	return true;
}

/* Where a subcommand of that name is remembered once it was found. */
static inline struct recent_sub *
dispatch_recent_sub(struct sessions *sessions, struct slice sub)
{
	/* What one client sends in turns, such as ANSWER and NEXT, has different places. */
	size_t place = sub.len > 0 ? (2 * sub.p[0] + sub.p[sub.len - 1] + sub.len) & (SESSIONS_RECENT_SUBS - 1) : 0;

	return &sessions->recent_subs[place];
}

/* Whether it is remembered there by the spelling of its two words. */
static inline bool
dispatch_is_recent_sub(const struct recent_sub *recent, struct slice name, struct slice sub)
{
	return recent->row && recent->len == name.len && recent->sub_len == sub.len &&
	       slice_is_inline(name, recent->name) && slice_is_inline(sub, recent->sub);
}

static void
dispatch_remember_sub(struct bus *bus, struct slice name, struct slice sub, const struct command *row)
{
	struct recent_sub *recent = dispatch_recent_sub(sessions_of(bus), sub);

	if (name.len > sizeof(recent->name) || sub.len > sizeof(recent->sub))
		return;
	*recent = (struct recent_sub){
		.row = row,
		.stats = execute_stats(bus, row),
		.len = (uint8_t)name.len,
		.sub_len = (uint8_t)sub.len,
		.number = dispatch_number(sessions_of(bus), row),
		.is_plain = row->flags & COMMAND_NO_STREAMS && !dispatch_could_stop(row),
	};
	memcpy(recent->name, name.p, name.len);
	memcpy(recent->sub, sub.p, sub.len);
}

/* Returns the row, or NULL after an error reply. */
static const struct command *
dispatch_look_up(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	struct sessions *sessions = sessions_of(bus);
	const struct command *row = NULL, *sub;
	bool has_subs = false;

	if (dispatch_is_recent(sessions, argv[0]))
		return sessions->recent.row;
	if (argc > 1 && dispatch_is_recent_sub(dispatch_recent_sub(sessions, argv[1]), argv[0], argv[1]))
		return dispatch_recent_sub(sessions, argv[1])->row;
	bus->flow.work.done += WORK_LOOKUP;
	row = dispatch_find(sessions, argv[0], &has_subs);
	if (!row) {
		dispatch_refuse_unknown(bus, s, argv, argc);
		return NULL;
	}
	if (!has_subs)
		dispatch_remember(sessions, argv[0], row);
	if (argc == 1 || !has_subs)
		return row;
	sub = command_find_sub(row, argv[1]);
	if (sub)
		dispatch_remember_sub(bus, argv[0], argv[1], sub);
	else
		reply_error(bus, s, "ERR unknown subcommand '%.*s'. Try %s HELP.", COMMAND_SHOWN(argv[1]),
		            command_name_upper(row->name).text);
	return sub;
}

/* Returns the row to run, or NULL after an error reply. */
static const struct command *
dispatch_choose(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	const struct command *row;

	s->last_command = 0;
	/* A command that is repeated has few arguments, or charges each of them itself. */
	bus->flow.work.done += argc * WORK_ARGUMENT;
	row = dispatch_look_up(bus, s, argv, argc);
	if (!row)
		return NULL;
	s->last_command = dispatch_number(sessions_of(bus), row);
	if (dispatch_require_runnable(bus, s, row, argc))
		return row;
	execute_stats(bus, row)->rejected++;
	return NULL;
}

/* Bytes of the last argument, or number of arguments, from which a reply may be large. */
#define LARGE_BYTES USER_OVER_MIN
#define LARGE_NUMBER ((size_t)256)

/* Whether a command could make much output for a user that has too much unsent output already. */
static bool
dispatch_is_too_much(const struct bus *bus, const struct session *s, const struct command *row,
                     const struct slice *argv, size_t argc)
{
	/* Others may wait for what one of a group takes that was woken. */
	if (bus->flow.users.n_over == 0 || !s->client.user->is_over || (s->info && s->info->blocked) ||
	    row->flags & (COMMAND_MAY_WAIT | COMMAND_UNQUEUED) || bus_is_admin(bus, &s->client))
		return false;
	return argc > LARGE_NUMBER || argv[argc - 1].len > LARGE_BYTES || dispatch_is_costly(row);
}

/*
 * Whether the EXEC of another client is paused, or a wide message on its way, and the command must not come in between.
 * More messages may join that one, which publish_message() decides.
 */
static bool
dispatch_is_excluded(const struct bus *bus, const struct session *s, const struct command *row)
{
	const struct flow *flow = &bus->flow;

	if (!flow->is_exclusive || row->flags & COMMAND_BLIND)
		return false;
	return flow_excludes(flow, &s->client) ||
	       (!flow->executing && batch_is_wide(&bus->batch) && !(row->flags & COMMAND_MAY_WAIT));
}

static enum command_result __attribute__((noinline))
dispatch_any(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	const struct command *row = dispatch_choose(bus, s, argv, argc);
	enum command_result result = COMMAND_DONE;

	if (!row || !(row->flags & COMMAND_NO_STREAMS))
		sessions_use_streams(bus);
	if (s->in_transaction && row && !(row->flags & COMMAND_UNQUEUED) &&
	    cmd_require_channels(bus, s, row, argv, argc) && keyspace_require_queued(bus, s, row, argv, argc))
		transaction_add(bus, s, row, argv, argc);
	else if (s->in_transaction && (!row || !(row->flags & COMMAND_UNQUEUED)))
		transaction_fail(bus, s);
	else if (row && dispatch_is_excluded(bus, s, row))
		return flow_wait(&bus->flow, &s->client, &bus->flow.excluded) ? COMMAND_WAIT : COMMAND_DONE;
	else if (row && dispatch_is_too_much(bus, s, row, argv, argc))
		return flow_wait(&bus->flow, &s->client, &bus->flow.throttled) ? COMMAND_WAIT : COMMAND_DONE;
	else if (row)
		result = execute(bus, s, row, execute_stats(bus, row), argv, argc);
	if (result == COMMAND_DONE && s->reply_mode != REPLY_ON)
		session_next_reply(s);
	return result;
}

/* A command that is not the last one again. */
static enum command_result __attribute__((noinline))
dispatch_other(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	const struct recent_sub *recent = argc > 1 ? dispatch_recent_sub(sessions_of(bus), argv[1]) : NULL;

	if (!recent || !recent->is_plain || !dispatch_is_recent_sub(recent, argv[0], argv[1]) ||
	    !dispatch_fits_arity(recent->row, argc) || !dispatch_is_plain(sessions_of(bus), s))
		return dispatch_any(bus, s, argv, argc);
	bus->flow.work.done += argc * WORK_ARGUMENT;
	s->last_command = recent->number;
	return execute(bus, s, recent->row, recent->stats, argv, argc);
}

enum command_result
dispatch(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	struct sessions *sessions = sessions_of(bus);

	if (!dispatch_is_recent(sessions, argv[0]) || !dispatch_fits_arity(sessions->recent.row, argc) ||
	    !dispatch_is_plain(sessions, s))
		return dispatch_other(bus, s, argv, argc);
	s->last_command = sessions->recent.number;
	return execute(bus, s, sessions->recent.row, sessions->recent.stats, argv, argc);
}

void
dispatch_keep(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	job_begin(bus, s, &sessions_of(bus)->table[s->last_command - 1], argv, argc);
}

enum command_result
dispatch_continue(struct bus *bus, struct session *s)
{
	struct sessions *sessions = sessions_of(bus);
	struct job *job = s->info->job;
	const struct queued_command *command = job->command;
	enum command_result result;

	sessions_use_streams(bus);
	if (dispatch_is_excluded(bus, s, command->row))
		return flow_wait(&bus->flow, &s->client, &bus->flow.excluded) ? COMMAND_WAIT : COMMAND_DONE;
	if (client_is_stalled(&s->client) && &s->client != bus->flow.executing)
		return flow_wait(&bus->flow, &s->client, &bus->flow.throttled) ? COMMAND_WAIT : COMMAND_DONE;
	sessions->place = job->place;
	job->place = (struct place){ 0 };
	result = execute(bus, s, command->row, execute_stats(bus, command->row), command->argv, command->argc);
	if (result == COMMAND_DONE) {
		job_end(bus, s);
		place_clear(bus, &sessions->place);
		session_next_reply(s);
		return COMMAND_DONE;
	}
	job->place = sessions->place;
	sessions->place = (struct place){ 0 };
	if (result == COMMAND_MORE)
		flow_make_ready(&bus->flow, &s->client);
	return result;
}
