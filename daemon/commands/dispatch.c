#include "dispatch.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cmd-publish.h"
#include "execute.h"
#include "foreign.h"
#include "handlers.h"
#include "reply.h"
#include "rows.h"
#include "transaction.h"

#define NOT_IN_SUBSCRIBE                                                                                               \
	"ERR Can't execute '%s': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this "    \
	"context"

/* Whether it may take long, or answer with much, and can wait for a better time. */
static bool
is_costly(const struct command *row)
{
	return row->flags & COMMAND_LINEAR && !(row->flags & (COMMAND_IN_SUBSCRIBE | COMMAND_MAY_WAIT));
}

/* Counted from 1. */
static uint8_t
number_of(const struct sessions *sessions, const struct command *row)
{
	return (uint8_t)(row - sessions->table + 1);
}

static bool
is_recent(const struct sessions *sessions, struct slice name)
{
	return name.len == sessions->recent.len && slice_is(name, sessions->recent.name);
}

/* The row of a command. */
static const struct command *
look_up(const struct sessions *sessions, struct slice name)
{
	const struct command *row = is_recent(sessions, name) ? sessions->recent.row : rows_find(sessions->table, name);

	return row && rows_is_sub(row) ? NULL : row;
}

static bool
fits_arity(const struct command *row, size_t argc)
{
	return row->arity > 0 ? argc == (size_t)row->arity : argc >= (size_t)-row->arity;
}

/* Remembers a row for is_repeated(), if nothing that choose() and run_any() ask of a row speaks against it. */
static void
remember(struct sessions *sessions, struct slice name, const struct command *row)
{
	if (name.len > sizeof(sessions->recent.name) || rows_first_sub(row) || is_costly(row) ||
	    row->flags & (COMMAND_NO_MULTI | COMMAND_NEEDS_ADMIN))
		return;
	memcpy(sessions->recent.name, name.p, name.len);
	sessions->recent.len = name.len;
	sessions->recent.row = row;
	sessions->recent.number = number_of(sessions, row);
	sessions->recent.stats = &sessions->commands[row - sessions->table];
}

/*
 * Whether it is the command that was remembered last, and nothing else that choose() and run_any() ask speaks against
 * running it at once: what runs once most likely runs again.
 */
static bool
is_repeated(const struct sessions *sessions, const struct session *s, struct slice name, size_t argc)
{
	return is_recent(sessions, name) && fits_arity(sessions->recent.row, argc) && !s->in_transaction &&
	       s->reply_mode == REPLY_ON && sessions->bus.flow.users.n_over == 0 && !client_is_subscribed(&s->client);
}

static struct rows_text
lower(struct slice name)
{
	struct rows_text text;
	size_t i = 0;

	for (; i < name.len && i + 1 < sizeof(text.text); i++)
		text.text[i] = (char)tolower(name.p[i]);
	text.text[i] = '\0';
	return text;
}

static bool
is_confined(const struct session *s)
{
	return !client_is_resp3(&s->client) && client_is_subscribed(&s->client);
}

static void
refuse_unknown(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	char args[160];
	int len = 0;

	if (foreign_is_command(argv[0])) {
		if (is_confined(s))
			reply_error(bus, s, NOT_IN_SUBSCRIBE, lower(argv[0]).text);
		else
			reply_error(bus, s, "ERR unknown command '%.*s': udsd routes messages and stores no keys",
			            COMMAND_SHOWN(argv[0]));
		return;
	}
	if (slice_is_word(argv[0], "POST") || slice_is_word(argv[0], "Host:")) {
		flow_log(&bus->flow, &s->client, LOG_LEVEL_WARNING, "speaks HTTP, closed");
		bus_kill(bus, &s->client); /* a browser that was tricked into it must not have the rest run */
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

/* Replies why a row is not run: "ERR text". What was wrong with EXEC ends its transaction. */
static void __attribute__((format(printf, 4, 5)))
refuse(struct bus *bus, struct session *s, const struct command *row, const char *format, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	if (row->run == cmd_exec) {
		reply_error(bus, s, "EXECABORT Transaction discarded because of: %s", text + strlen("ERR "));
		transaction_end(s);
	} else {
		reply_error(bus, s, "%s", text);
	}
}

/* Whether the session may run the row with so many arguments; else an error is replied. */
static bool
check(struct bus *bus, struct session *s, const struct command *row, size_t argc)
{
	if (!fits_arity(row, argc)) {
		refuse(bus, s, row, "ERR wrong number of arguments for '%s' command", row->name);
		return false;
	}
	if (s->in_transaction && row->flags & COMMAND_NO_MULTI) {
		refuse(bus, s, row, "ERR Command not allowed inside a transaction");
		return false;
	}
	if (row->flags & COMMAND_NEEDS_ADMIN && !bus_is_admin(bus, &s->client)) {
		bus->flow.stats.denied_commands++;
		refuse(bus, s, row, "NOPERM %s has no permissions to run the '%s' command: administrators only",
		       identity_text(&s->client.identity).text, row->name);
		return false;
	}
	if (is_confined(s) && !(row->flags & COMMAND_IN_SUBSCRIBE)) {
		refuse(bus, s, row, NOT_IN_SUBSCRIBE, row->name);
		return false;
	}
	return true;
}

/* The row to run, or NULL after an error reply. */
static const struct command *
choose(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	struct sessions *sessions = sessions_of(bus);
	const struct command *row = look_up(sessions, argv[0]), *sub;

	s->last_command = 0;
	if (!row) {
		refuse_unknown(bus, s, argv, argc);
		return NULL;
	}
	if (!is_recent(sessions, argv[0]))
		remember(sessions, argv[0], row);
	if (argc > 1 && rows_first_sub(row)) {
		sub = rows_find_sub(row, argv[1]);
		if (!sub) {
			reply_error(bus, s, "ERR unknown subcommand '%.*s'. Try %s HELP.", COMMAND_SHOWN(argv[1]),
			            rows_upper(row->name).text);
			return NULL;
		}
		row = sub;
	}
	s->last_command = number_of(sessions, row);
	if (check(bus, s, row, argc))
		return row;
	execute_stats(bus, row)->rejected++;
	return NULL;
}

/* Arguments in so many bytes or numbers make a reply large. */
#define LARGE_BYTES USER_OVER_MIN
#define LARGE_NUMBER ((size_t)256)

/* Whether a command could make much output for a user who has too much unsent already. */
static bool
is_too_much(const struct bus *bus, const struct session *s, const struct command *row, const struct slice *argv,
            size_t argc)
{
	if (bus->flow.users.n_over == 0 || !s->client.user->is_over ||
	    row->flags & (COMMAND_MAY_WAIT | COMMAND_UNQUEUED) || bus_is_admin(bus, &s->client))
		return false;
	return argc > LARGE_NUMBER || argv[argc - 1].len > LARGE_BYTES || is_costly(row);
}

static enum command_result __attribute__((noinline))
run_any(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	const struct command *row = choose(bus, s, argv, argc);

	if (s->in_transaction && row && !(row->flags & COMMAND_UNQUEUED) &&
	    cmd_channels_allowed(bus, s, row, argv, argc))
		transaction_add(bus, s, row, argv, argc);
	else if (s->in_transaction && (!row || !(row->flags & COMMAND_UNQUEUED)))
		transaction_fail(s);
	else if (row && is_costly(row) && flow_has_worked(&bus->flow))
		return flow_wait(&bus->flow, &s->client, &bus->flow.postponed) ? COMMAND_WAIT : COMMAND_DONE;
	else if (row && is_too_much(bus, s, row, argv, argc))
		return flow_wait(&bus->flow, &s->client, &bus->flow.throttled) ? COMMAND_WAIT : COMMAND_DONE;
	else if (row && execute(bus, s, row, execute_stats(bus, row), argv, argc) == COMMAND_WAIT)
		return COMMAND_WAIT;
	if (s->reply_mode != REPLY_ON)
		session_next_reply(s);
	return COMMAND_DONE;
}

enum command_result
dispatch(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	struct sessions *sessions = sessions_of(bus);

	if (!is_repeated(sessions, s, argv[0], argc))
		return run_any(bus, s, argv, argc);
	s->last_command = sessions->recent.number;
	return execute(bus, s, sessions->recent.row, sessions->recent.stats, argv, argc);
}
