/* CLIENT INFO, LIST and KILL. Who is no administrator sees and closes only the clients of their own user. */
#include <inttypes.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "handlers.h"
#include "job.h"
#include "listing.h"
#include "num.h"
#include "reply.h"
#include "sessions.h"
#include "transaction.h"

/* Upper bound of the IDs in one CLIENT LIST. */
#define IDS_MAX 1024

/* Upper bound of the filters in one CLIENT KILL. */
#define FILTERS_MAX 64

enum client_type { TYPE_ANY, TYPE_NORMAL, TYPE_PUBSUB, TYPE_NONE };

/* What CLIENT KILL closes: the clients that fit everything. */
struct client_filter {
	enum client_type type;
	const struct slice *peer, *local; /* addresses; NULL: any */
	int64_t id;                       /* 0: any */
	int64_t min_age;                  /* seconds */
	int64_t uid;                      /* -1: any */
	bool skip_me;
};

/* The letters of CLIENT LIST for a client's states; text has room for 9. */
static void
cmd_client_put_flags(char *text, const struct session *s)
{
	const struct {
		char letter;
		bool is_set;
	} flags[] = {
		{ 'O', s->is_monitor || s->client.is_tap },
		{ 'P', client_is_subscribed(&s->client) },
		{ 'x', s->in_transaction },
		{ 'b', s->client.state == CLIENT_WAITING },
		{ 'c', s->client.state == CLIENT_CLOSING },
		{ 'U', !s->client.identity.anonymous },
		{ 'e', s->no_evict },
		{ 'T', s->no_touch },
	};
	char *p = text;

	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
		if (flags[i].is_set)
			*p++ = flags[i].letter;
	if (p == text)
		*p++ = 'N';
	*p = '\0';
}

static const char *
cmd_client_or_empty(const char *text)
{
	return text ? text : "";
}

/*
 * One line. qbuf: unhandled input; multi-mem: memory of the transaction; obl, oll, omem: bytes, pieces and memory of
 * unsent output.
 */
static int
cmd_client_put_line(struct buf *out, struct bus *bus, const struct session *s)
{
	static const struct session_info none = { 0 };
	const struct session_info *info = s->info ? s->info : &none;
	const struct client *c = &s->client;
	const struct identity *who = &c->identity;
	const struct transaction *transaction = s->in_transaction ? info->transaction : NULL;
	size_t multi_mem = transaction ? transaction->bytes : 0, kept = s->kept > multi_mem ? s->kept - multi_mem : 0;
	size_t unsent = c->out.count > 0 ? outq_cost(&c->out) : 0;
	struct session_address address;
	char flags[16];

	sessions_describe(bus, s, &address);
	bus->flow.work.done += WORK_LINE;
	cmd_client_put_flags(flags, s);
	return buf_printf(
	    out,
	    "id=%" PRIu64 " addr=%s laddr=%s fd=%d name=%s age=%u idle=%u flags=%s db=0 sub=%u psub=%u "
	    "ssub=%u multi=%d qbuf=%zu qbuf-free=0 argv-mem=0 multi-mem=%zu rbs=0 rbp=0 obl=%zu oll=%u "
	    "omem=%zu tot-mem=%zu events=%s%s cmd=%s user=default redir=-1 resp=%d lib-name=%s lib-ver=%s "
	    "uid=%lld gid=%lld pid=%d published=%" PRIu64 " delivered=%" PRIu64 " clogged=%d mode=%s\n",
	    c->id, address.peer, address.local, address.fd, cmd_client_or_empty(info->name),
	    bus->flow.uptime_s - c->created_s, bus->flow.uptime_s - c->active_s, flags, c->n_channels, c->n_patterns,
	    c->n_shards, transaction ? (int)transaction->n : -1, kept, multi_mem, c->out.bytes, c->out.count, unsent,
	    sizeof(*s) + kept + multi_mem + unsent, c->state == CLIENT_OPEN && !c->clogged ? "r" : "",
	    c->out_state == CLIENT_OUT_BLOCKED ? "w" : "",
	    s->last_command > 0 ? sessions_of_const(bus)->table[s->last_command - 1].name : "NULL",
	    client_is_resp3(c) ? 3 : 2, cmd_client_or_empty(info->lib_name), cmd_client_or_empty(info->lib_version),
	    who->anonymous ? -1LL : (long long)who->uid, who->anonymous ? -1LL : (long long)who->gid,
	    who->anonymous ? 0 : (int)who->pid, c->published, c->delivered, c->clogged,
	    cmd_client_or_empty(address.mode));
}

/* Replies a list, or an error where r is negative, and frees it. */
static void
cmd_client_reply_list(struct bus *bus, struct session *s, struct buf *list, int r)
{
	if (r < 0)
		reply_error(bus, s, "ERR out of memory");
	else
		reply_verbatim(bus, s, (struct slice){ list->data, list->len });
	buf_deinit(list);
}

enum command_result
cmd_client_info(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	struct buf line = { 0 };
	int r = cmd_client_put_line(&line, bus, s);

	cmd_client_reply_list(bus, s, &line, r);
	return COMMAND_DONE;
}

/* Returns whether there is such a type; otherwise replies an error. */
static bool
cmd_client_require_type(struct bus *bus, struct session *s, struct slice text, enum client_type *ret_type)
{
	static const struct {
		const char *name;
		enum client_type type;
	} types[] = {
		{ "normal", TYPE_NORMAL }, { "pubsub", TYPE_PUBSUB }, /* udsd has none of the others */
		{ "master", TYPE_NONE },   { "replica", TYPE_NONE },  { "slave", TYPE_NONE },
	};

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (slice_is_word(text, types[i].name)) {
			*ret_type = types[i].type;
			return true;
		}
	reply_error(bus, s, "ERR Unknown client type '%.*s'", COMMAND_SHOWN(text));
	return false;
}

static bool
cmd_client_is_of_type(const struct client *c, enum client_type type)
{
	switch (type) {
	case TYPE_ANY:
		return true;
	case TYPE_NORMAL:
		return !client_is_subscribed(c);
	case TYPE_PUBSUB:
		return client_is_subscribed(c);
	case TYPE_NONE:
		return false;
	}
	return false;
}

/* Whether the session may see the other client, and close it. */
static bool
cmd_client_is_visible(const struct bus *bus, const struct session *s, const struct client *other)
{
	const struct identity *a = &s->client.identity, *b = &other->identity;

	if (other->is_hidden || other->state == CLIENT_DEAD)
		return false;
	if (&s->client == other || bus_is_admin(bus, &s->client))
		return true;
	return !a->anonymous && !b->anonymous && a->uid == b->uid;
}

static int
cmd_client_compare_id(const void *key, const void *element)
{
	uint64_t id = *(const uint64_t *)key, other = (*(struct client *const *)element)->id;

	return (id > other) - (id < other);
}

/* Lists clients in the order of the given ids. Returns 0 or a negative number without memory. */
static int
cmd_client_list_ids(struct bus *bus, const struct session *s, const uint64_t *ids, size_t n_ids, struct buf *list)
{
	const struct client **clients = malloc((bus->flow.stats.clients + 1) * sizeof(*clients));
	const struct client *c;
	size_t n = 0;
	int r = clients ? 0 : -1;

	if (clients) /* sorted by id, as flow.clients is; hidden clients are not counted in stats.clients */
		TAILQ_FOREACH(c, &bus->flow.clients, link)
			if (cmd_client_is_visible(bus, s, c))
				clients[n++] = c;
	for (size_t i = 0; r == 0 && i < n_ids; i++) {
		const struct client **found = bsearch(&ids[i], clients, n, sizeof(*clients), cmd_client_compare_id);

		if (found)
			r = cmd_client_put_line(list, bus, session_of_const(*found));
	}
	free(clients);
	return r;
}

static void
cmd_client_reply_ids(struct bus *bus, struct session *s, const struct slice *argv, size_t n)
{
	uint64_t ids[IDS_MAX];
	struct buf list = { 0 };
	int r;

	if (n > IDS_MAX) {
		reply_error(bus, s, "ERR %zu client IDs; one command takes %d", n, IDS_MAX);
		return;
	}
	bus->flow.work.done += bus->flow.stats.clients * WORK_VISIT;
	for (size_t i = 0; i < n; i++) {
		int64_t id;

		if (num_parse_resp(argv[i].p, argv[i].len, &id) != 0) {
			reply_error(bus, s, "ERR Invalid client ID");
			return;
		}
		ids[i] = id > 0 ? (uint64_t)id : 0; /* no client has 0 */
	}
	r = cmd_client_list_ids(bus, s, ids, n, &list);
	cmd_client_reply_list(bus, s, &list, r);
}

static int
cmd_client_list_visit(struct listing *listing, struct client *c, const void *arg)
{
	struct buf line = { 0 };
	int r;

	if (!cmd_client_is_of_type(c, *(const enum client_type *)arg) ||
	    !cmd_client_is_visible(listing->bus, listing->to, c))
		return 0;
	r = cmd_client_put_line(&line, listing->bus, session_of(c));
	if (r == 0)
		r = listing_put(listing, line.data, line.len);
	buf_deinit(&line);
	return r;
}

enum command_result
cmd_client_list(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	enum client_type type = TYPE_ANY;

	if (argc > 3 && slice_is_word(argv[2], "ID")) {
		cmd_client_reply_ids(bus, s, argv + 3, argc - 3);
		return COMMAND_DONE;
	}
	if (argc == 4 && slice_is_word(argv[2], "TYPE")) {
		if (!cmd_client_require_type(bus, s, argv[3], &type))
			return COMMAND_DONE;
	} else if (argc > 2) {
		reply_error(bus, s, "ERR syntax error");
		return COMMAND_DONE;
	}
	return listing_clients(bus, s, cmd_client_list_visit, &type);
}

/* Finds the uid of a user's name; "default", Redis's only user, stands for all. Otherwise replies an error. */
static bool
cmd_client_require_user(struct bus *bus, struct session *s, struct slice name, int64_t *ret_uid)
{
	char text[PROTOCOL_CLIENT_TEXT_MAX + 1];
	struct passwd *pw = NULL;

	if (name.len == 7 && memcmp(name.p, "default", 7) == 0)
		return true;
	/* A lookup may block for long, so only administrators may cause one. */
	if (bus_is_admin(bus, &s->client) && name.len < sizeof(text) && !memchr(name.p, '\0', name.len)) {
		memcpy(text, name.p, name.len);
		text[name.len] = '\0';
		pw = getpwnam(text);
	}
	if (!pw) {
		reply_error(bus, s, "ERR No such user '%.*s'", COMMAND_SHOWN(name));
		return false;
	}
	*ret_uid = pw->pw_uid;
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
		if (job_pauses(bus, s, 0))
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
