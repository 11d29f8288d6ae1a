/* CLIENT KILL. Users who are no administrators close only their own clients. */
#include <errno.h>
#include <string.h>

#include "cmd-client.h"
#include "handlers.h"
#include "num.h"
#include "reply.h"
#include "sessions.h"
#include "userdb.h"

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
	/* A lookup may block for long, so only administrators may cause one. */
	if (bus_is_admin(bus, &s->client) && name.len < sizeof(text) && !memchr(name.p, '\0', name.len)) {
		memcpy(text, name.p, name.len);
		text[name.len] = '\0';
		r = userdb_user(text, &uid);
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
	if (slice_is_word(key, "ADDR")) {
		filter->peer = value;
	} else if (slice_is_word(key, "LADDR")) {
		filter->local = value;
	} else if (slice_is_word(key, "SKIPME") && (slice_is_word(*value, "yes") || slice_is_word(*value, "no"))) {
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
cmd_client_fits(const struct bus *bus, const struct session *s, const struct client *c,
                const struct client_filter *filter)
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
	sessions_describe(bus, session_of_const(c), &address);
	return cmd_client_is_at(filter->peer, address.peer) && cmd_client_is_at(filter->local, address.local);
}

enum command_result
cmd_client_kill(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	bool is_old_form = argc == 3, kills_me = false; /* CLIENT KILL address */
	struct client_filter filter = { .uid = -1, .skip_me = !is_old_form, .peer = is_old_form ? &argv[2] : NULL };
	struct client *c;
	uint64_t n = 0;

	for (size_t i = 2; !is_old_form && i < argc; i += 2) {
		if (i + 1 == argc) {
			reply_error(bus, s, "ERR syntax error");
			return COMMAND_DONE;
		}
		if (!cmd_client_require_filter(bus, s, argv[i], &argv[i + 1], &filter))
			return COMMAND_DONE;
	}
	TAILQ_FOREACH(c, &bus->flow.clients, link) {
		if (!cmd_client_fits(bus, s, c, &filter))
			continue;
		n++;
		if (c == &s->client)
			kills_me = true;
		else
			bus_kill(bus, c);
	}
	if (!is_old_form)
		reply_integer(bus, s, n);
	else if (n > 0)
		reply_status(bus, s, "OK");
	else
		reply_error(bus, s, "ERR No such client");
	if (kills_me) /* after the reply */
		bus_finish(bus, &s->client);
	return COMMAND_DONE;
}
