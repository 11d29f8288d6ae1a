/* CLIENT KILL. Users who are no administrators close only their own clients. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cmd-client.h"
#include "handlers.h"
#include "job.h"
#include "num.h"
#include "reply.h"
#include "sessions.h"
#include "transaction.h"
#include "userdb.h"

/* Upper bound of the filters in one CLIENT KILL. */
#define FILTERS_MAX 64

/* What CLIENT KILL closes: the clients that fit everything. */
struct client_filter {
	enum client_type type;
	const struct slice *peer, *local; /* addresses; NULL: any */
	int64_t id;                       /* 0: any */
	int64_t min_age;                  /* seconds */
	int64_t uid;                      /* -1: any */
	bool skip_me;
};

/* Finds the uid of a user's name; "default", Redis's only user, stands for all. Otherwise replies an error. */
static bool
cmd_client_require_user(struct bus *bus, struct session *s, struct slice name, int64_t *ret_uid)
{
	char text[PROTOCOL_CLIENT_TEXT_MAX + 1];
	int r = -ENOENT;
	uid_t uid;

	if (name.len == 7 && memcmp(name.p, "default", 7) == 0)
		return true;
	/* The file may be long, so only administrators may have it read. */
	if (bus_is_admin(bus, &s->client) && name.len < sizeof(text) && !memchr(name.p, '\0', name.len)) {
		memcpy(text, name.p, name.len);
		text[name.len] = '\0';
		bus->flow.work.done += 20 * WORK_SYSCALL;
		r = userdb_local_user(text, &uid);
	}
	if (r < 0) {
		reply_error(bus, s, "ERR No such user '%.*s'", COMMAND_SHOWN(name));
		return false;
	}
	*ret_uid = uid;
	return true;
}

/* Sets one filter. Returns false after an error reply. */
static bool
cmd_client_require_filter(struct bus *bus, struct session *s, struct slice key, const struct slice *value,
                          struct client_filter *filter)
{
	const struct {
		const char *name;
		int64_t *to, min;
		const char *error;
	} numbers[] = {
		{ "ID", &filter->id, 1, "client-id should be greater than 0" },
		{ "MAXAGE", &filter->min_age, 1, "maxage should be greater than 0" },
		{ "UID", &filter->uid, 0, "uid is not an integer or out of range" },
	};

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		if (!slice_is_word(key, numbers[i].name))
			continue;
		if (num_parse_resp(value->p, value->len, numbers[i].to) == 0 && *numbers[i].to >= numbers[i].min)
			return true;
		reply_error(bus, s, "ERR %s", numbers[i].error);
		return false;
	}
	if (slice_is_word(key, "TYPE"))
		return cmd_client_require_type(bus, s, *value, &filter->type);
	if (slice_is_word(key, "USER"))
		return cmd_client_require_user(bus, s, *value, &filter->uid);
	if (slice_is_word(key, "ADDR") || slice_is_word(key, "LADDR"))
		return true;
	if (slice_is_word(key, "SKIPME") && (slice_is_word(*value, "yes") || slice_is_word(*value, "no"))) {
		filter->skip_me = slice_is_word(*value, "yes");
	} else {
		reply_error(bus, s, "ERR syntax error");
		return false;
	}
	return true;
}

static bool
cmd_client_is_at(const struct slice *wanted, const char *address)
{
	return !wanted || (wanted->len == strlen(address) && memcmp(wanted->p, address, wanted->len) == 0);
}

static bool
cmd_client_fits(struct bus *bus, const struct session *s, const struct client *c, const struct client_filter *filter)
{
	struct session_address address;

	if (!cmd_client_is_visible(bus, s, c) || (filter->skip_me && c == &s->client))
		return false;
	if (filter->id > 0 && c->id != (uint64_t)filter->id)
		return false;
	if (filter->uid >= 0 && (c->identity.anonymous || c->identity.uid != filter->uid))
		return false;
	if (!cmd_client_is_of_type(c, filter->type) || bus->flow.uptime_s - c->created_s < filter->min_age)
		return false;
	if (!filter->peer && !filter->local)
		return true;
	bus->flow.work.done += WORK_SYSCALL;
	sessions_describe(bus, session_of_const(c), &address);
	return cmd_client_is_at(filter->peer, address.peer) && cmd_client_is_at(filter->local, address.local);
}

/* A CLIENT KILL under way. */
struct client_killing {
	struct client_filter filter;
	struct client_walk walk;
	uint64_t n;
	bool kills_me;
};

static void
client_killing_free(struct bus *bus, void *state)
{
	struct client_killing *killing = state;

	flow_end_walk(&killing->walk);
	free(killing);
}

/* Returns whether the filters are right; otherwise replies an error. CLIENT KILL address has one only. */
static bool
cmd_client_require_filters(struct bus *bus, struct session *s, const struct slice *argv, size_t argc,
                           struct client_filter *filter)
{
	if (argc > 2 + 2 * FILTERS_MAX) {
		reply_error(bus, s, "ERR more than %d filters", FILTERS_MAX);
		return false;
	}
	for (size_t i = 2; argc != 3 && i < argc; i += 2) {
		if (i + 1 == argc) {
			reply_error(bus, s, "ERR syntax error");
			return false;
		}
		if (!cmd_client_require_filter(bus, s, argv[i], &argv[i + 1], filter))
			return false;
	}
	return true;
}

/* Returns what is under way, or begins it; or NULL after an error reply. */
static struct client_killing *
cmd_client_begin_kill(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	struct place *place = &sessions_of(bus)->place;
	struct client_filter filter = { .uid = -1, .skip_me = argc != 3 };
	struct client_killing *killing = place->state;

	if (killing)
		return killing;
	if (!cmd_client_require_filters(bus, s, argv, argc, &filter))
		return NULL;
	killing = calloc(1, sizeof(*killing));
	if (!killing) {
		reply_error(bus, s, "ERR out of memory");
		return NULL;
	}
	killing->filter = filter;
	flow_begin_walk(&bus->flow, &killing->walk);
	*place = (struct place){ .state = killing, .free = client_killing_free };
	return killing;
}

/* The addresses of the filter are arguments, which stand elsewhere when the command goes on. */
static void
cmd_client_find_addresses(struct client_filter *filter, const struct slice *argv, size_t argc)
{
	if (argc == 3)
		filter->peer = &argv[2];
	for (size_t i = 2; argc != 3 && i < argc; i += 2) {
		if (slice_is_word(argv[i], "ADDR"))
			filter->peer = &argv[i + 1];
		if (slice_is_word(argv[i], "LADDR"))
			filter->local = &argv[i + 1];
	}
}

enum command_result
cmd_client_kill(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	struct client_killing *killing = cmd_client_begin_kill(bus, s, argv, argc);
	struct client *c;
	bool kills_me;
	uint64_t n;

	if (!killing)
		return COMMAND_DONE;
	cmd_client_find_addresses(&killing->filter, argv, argc);
	while ((c = flow_walk(&bus->flow, &killing->walk))) {
		if (cmd_client_fits(bus, s, c, &killing->filter)) {
			killing->n++;
			if (c == &s->client)
				killing->kills_me = true;
			else
				bus_kill(bus, c);
		}
		if (job_must_pause(bus, s, 0))
			return COMMAND_MORE;
	}
	n = killing->n;
	kills_me = killing->kills_me;
	place_clear(bus, &sessions_of(bus)->place);
	if (argc != 3)
		reply_integer(bus, s, n);
	else if (n > 0)
		reply_status(bus, s, "OK");
	else
		reply_error(bus, s, "ERR No such client");
	if (kills_me && bus->flow.executing == &s->client)
		s->info->transaction->closes = true; /* after all of EXEC */
	else if (kills_me)
		bus_finish(bus, &s->client); /* after the reply */
	return COMMAND_DONE;
}
