/* CLIENT INFO, LIST and KILL. Who is no administrator meets the clients of his own user only. */
#include <inttypes.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "handlers.h"
#include "num.h"
#include "reply.h"
#include "sessions.h"
#include "transaction.h"

/* IDs in one CLIENT LIST. */
#define IDS_MAX 1024

/* What one client costs, as bus->pass_work counts. */
#define CLIENT_WORK 64

enum client_type { TYPE_ANY, TYPE_NORMAL, TYPE_PUBSUB, TYPE_NONE };

/* What a client must be like; all must fit. */
struct filter {
	enum client_type type;
	const struct slice *peer, *local; /* addresses; NULL: any */
	uint64_t id;                      /* 0: any */
	uint64_t min_age;                 /* seconds */
	bool by_uid;
	uint64_t uid;
	bool skip_me;
};

/* The letters that CLIENT LIST shows for a client's states. */
static void
put_flags(char *out, const struct session *s)
{
	char *p = out;

	if (s->is_monitor || s->client.is_tap)
		*p++ = 'O';
	if (client_is_subscribed(&s->client))
		*p++ = 'P';
	if (s->in_transaction)
		*p++ = 'x';
	if (s->client.state == CLIENT_WAITING)
		*p++ = 'b';
	if (s->client.state == CLIENT_CLOSING)
		*p++ = 'c';
	if (!s->client.identity.anonymous)
		*p++ = 'U';
	if (s->no_evict)
		*p++ = 'e';
	if (s->no_touch)
		*p++ = 'T';
	if (p == out)
		*p++ = 'N';
	*p = '\0';
}

static const char *
text_or_empty(const char *text)
{
	return text ? text : "";
}

/* One line. qbuf: input that is kept; multi-mem: of the transaction; obl, oll, omem: bytes, pieces and memory unsent.
 */
static int
put_client(struct buf *out, const struct bus *bus, const struct session *s)
{
	static const struct session_info none = { 0 };
	const struct session_info *info = s->info ? s->info : &none;
	const struct transaction *transaction = s->in_transaction ? info->transaction : NULL;
	size_t multi_mem = transaction ? transaction->bytes : 0, kept = s->kept > multi_mem ? s->kept - multi_mem : 0;
	size_t unsent = s->client.out.count > 0 ? outq_cost(&s->client.out) : 0;
	struct session_address address = { .fd = -1 };
	char flags[16];
	int r;

	sessions_describe(bus, s, &address);
	put_flags(flags, s);
	r = buf_printf(
	    out,
	    "id=%" PRIu64 " addr=%s laddr=%s fd=%d name=%s age=%u idle=%u flags=%s db=0 sub=%u psub=%u "
	    "ssub=%u multi=%d qbuf=%zu qbuf-free=0 argv-mem=0 multi-mem=%zu rbs=0 rbp=0 obl=%zu oll=%u "
	    "omem=%zu tot-mem=%zu events=%s%s cmd=%s user=default redir=-1 resp=%d lib-name=%s lib-ver=%s",
	    s->client.id, address.peer, address.local, address.fd, text_or_empty(info->name),
	    bus->flow.uptime_s - s->client.created_s, bus->flow.uptime_s - s->client.active_s, flags,
	    s->client.n_channels, s->client.n_patterns, s->client.n_shards, transaction ? (int)transaction->n : -1,
	    kept, multi_mem, s->client.out.bytes, s->client.out.count, unsent, sizeof(*s) + kept + multi_mem + unsent,
	    s->client.state == CLIENT_OPEN && !s->client.clogged ? "r" : "",
	    s->client.out_state == CLIENT_OUT_BLOCKED ? "w" : "",
	    s->last_command > 0 ? sessions_of_const(bus)->table[s->last_command - 1].name : "NULL",
	    client_is_resp3(&s->client) ? 3 : 2, text_or_empty(info->lib_name), text_or_empty(info->lib_version));
	if (r < 0)
		return r;
	if (s->client.identity.anonymous)
		r = buf_printf(out, " uid=-1 gid=-1 pid=0");
	else
		r = buf_printf(out, " uid=%u gid=%u pid=%d", s->client.identity.uid, s->client.identity.gid,
		               (int)s->client.identity.pid);
	if (r < 0)
		return r;
	return buf_printf(out, " published=%" PRIu64 " delivered=%" PRIu64 " clogged=%d mode=%s\n", s->client.published,
	                  s->client.delivered, s->client.clogged, text_or_empty(address.mode));
}

static void
reply_list(struct bus *bus, struct session *s, struct buf *list, int r)
{
	if (r < 0)
		reply_error(bus, s, "ERR out of memory");
	else
		reply_verbatim(bus, s, (struct slice){ list->data, list->len });
	buf_deinit(list);
}

enum command_result
cmd_client_info(struct bus *bus, struct session *s, const struct slice *argv __attribute__((unused)),
                size_t argc __attribute__((unused)))
{
	struct buf line = { 0 };
	int r = put_client(&line, bus, s);

	reply_list(bus, s, &line, r);
	return COMMAND_DONE;
}

/* Returns whether there is such a type; else an error is replied. */
static bool
parse_type(struct bus *bus, struct session *s, struct slice text, enum client_type *ret_type)
{
	if (slice_is_word(text, "normal"))
		*ret_type = TYPE_NORMAL;
	else if (slice_is_word(text, "pubsub"))
		*ret_type = TYPE_PUBSUB;
	else if (slice_is_word(text, "master") || slice_is_word(text, "replica") || slice_is_word(text, "slave"))
		*ret_type = TYPE_NONE; /* a bus has none */
	else {
		reply_error(bus, s, "ERR Unknown client type '%.*s'", COMMAND_SHOWN(text));
		return false;
	}
	return true;
}

static bool
is_of_type(const struct session *s, enum client_type type)
{
	switch (type) {
	case TYPE_ANY:
		return true;
	case TYPE_NORMAL:
		return !client_is_subscribed(&s->client);
	case TYPE_PUBSUB:
		return client_is_subscribed(&s->client);
	case TYPE_NONE:
		return false;
	}
	return false;
}

/* Whether it may know of the other and close it: its own user's, or any as an administrator. */
static bool
may_see(const struct session *s, const struct client *other, const struct bus *bus)
{
	const struct identity *a = &s->client.identity, *b = &other->identity;

	if (other->is_hidden)
		return false;
	if (&s->client == other || bus_is_admin(bus, &s->client))
		return true;
	return !a->anonymous && !b->anonymous && a->uid == b->uid;
}

static int
list_type(const struct bus *bus, const struct session *s, enum client_type type, struct buf *list)
{
	const struct client *c;
	int r = 0;

	TAILQ_FOREACH(c, &bus->flow.clients, link)
		if (r == 0 && c->state != CLIENT_DEAD && is_of_type(session_of_const(c), type) && may_see(s, c, bus))
			r = put_client(list, bus, session_of_const(c));
	return r;
}

static int
compare_id(const void *key, const void *element)
{
	uint64_t id = *(const uint64_t *)key, other = (*(struct client *const *)element)->id;

	return (id > other) - (id < other);
}

/* Lists clients in the order of the given ids. */
static int
list_ids(const struct bus *bus, const struct session *s, const uint64_t *ids, size_t n_ids, struct buf *list)
{
	const struct client **clients = malloc((bus->flow.stats.clients + 1) * sizeof(*clients));
	const struct client *c;
	size_t n = 0;
	int r = clients ? 0 : -1;

	if (clients) /* they stand in order of their ids */
		TAILQ_FOREACH(c, &bus->flow.clients, link)
			clients[n++] = c;
	for (size_t i = 0; r == 0 && i < n_ids; i++) {
		const struct client **found = bsearch(&ids[i], clients, n, sizeof(*clients), compare_id);

		if (found && (*found)->state != CLIENT_DEAD && may_see(s, *found, bus))
			r = put_client(list, bus, session_of_const(*found));
	}
	free(clients);
	return r;
}

static void
reply_ids(struct bus *bus, struct session *s, const struct slice *argv, size_t n)
{
	uint64_t ids[IDS_MAX];
	struct buf list = { 0 };
	int r;

	if (n > IDS_MAX) {
		reply_error(bus, s, "ERR %zu client IDs; one command takes %d", n, IDS_MAX);
		return;
	}
	for (size_t i = 0; i < n; i++) {
		int64_t id;

		if (num_parse_resp(argv[i].p, argv[i].len, &id) != 0) {
			reply_error(bus, s, "ERR Invalid client ID");
			return;
		}
		ids[i] = id > 0 ? (uint64_t)id : 0; /* nobody's */
	}
	r = list_ids(bus, s, ids, n, &list);
	reply_list(bus, s, &list, r);
}

enum command_result
cmd_client_list(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	enum client_type type = TYPE_ANY;
	struct buf list = { 0 };
	int r;

	bus->flow.work += bus->flow.stats.clients * CLIENT_WORK;
	if (argc > 3 && slice_is_word(argv[2], "ID")) {
		reply_ids(bus, s, argv + 3, argc - 3);
		return COMMAND_DONE;
	}
	if (argc == 4 && slice_is_word(argv[2], "TYPE")) {
		if (!parse_type(bus, s, argv[3], &type))
			return COMMAND_DONE;
	} else if (argc > 2) {
		reply_error(bus, s, "ERR syntax error");
		return COMMAND_DONE;
	}
	r = list_type(bus, s, type, &list);
	reply_list(bus, s, &list, r);
	return COMMAND_DONE;
}

/* The uid of a user's name: Redis's only user stands for all. Returns false after an error reply. */
static bool
parse_user(struct bus *bus, struct session *s, struct slice name, struct filter *filter)
{
	char text[PROTOCOL_CLIENT_TEXT_MAX + 1];
	struct passwd *pw = NULL;

	if (name.len == 7 && memcmp(name.p, "default", 7) == 0)
		return true;
	/* Looking up a name may take long; not everybody may have that done. */
	if (bus_is_admin(bus, &s->client) && name.len < sizeof(text) && !memchr(name.p, '\0', name.len)) {
		memcpy(text, name.p, name.len);
		text[name.len] = '\0';
		pw = getpwnam(text);
	}
	if (!pw) {
		reply_error(bus, s, "ERR No such user '%.*s'", COMMAND_SHOWN(name));
		return false;
	}
	filter->by_uid = true;
	filter->uid = pw->pw_uid;
	return true;
}

/* A number of at least min; otherwise the text is replied as an error. */
static bool
parse_number(struct bus *bus, struct session *s, struct slice text, int64_t min, const char *error, uint64_t *ret_value)
{
	int64_t value;

	if (num_parse_resp(text.p, text.len, &value) != 0 || value < min) {
		reply_error(bus, s, "ERR %s", error);
		return false;
	}
	*ret_value = (uint64_t)value;
	return true;
}

static bool
parse_filter(struct bus *bus, struct session *s, struct slice key, const struct slice *value, struct filter *filter)
{
	if (slice_is_word(key, "ID"))
		return parse_number(bus, s, *value, 1, "client-id should be greater than 0", &filter->id);
	if (slice_is_word(key, "TYPE"))
		return parse_type(bus, s, *value, &filter->type);
	if (slice_is_word(key, "USER"))
		return parse_user(bus, s, *value, filter);
	if (slice_is_word(key, "MAXAGE"))
		return parse_number(bus, s, *value, 1, "maxage should be greater than 0", &filter->min_age);
	if (slice_is_word(key, "UID")) {
		filter->by_uid = true;
		return parse_number(bus, s, *value, 0, "uid is not an integer or out of range", &filter->uid);
	}
	if (slice_is_word(key, "ADDR")) {
		filter->peer = value;
		return true;
	}
	if (slice_is_word(key, "LADDR")) {
		filter->local = value;
		return true;
	}
	if (slice_is_word(key, "SKIPME") && (slice_is_word(*value, "yes") || slice_is_word(*value, "no"))) {
		filter->skip_me = slice_is_word(*value, "yes");
		return true;
	}
	reply_error(bus, s, "ERR syntax error");
	return false;
}

static bool
is_text(const struct slice *arg, const char *text)
{
	return !arg || (arg->len == strlen(text) && memcmp(arg->p, text, arg->len) == 0);
}

static bool
fits(const struct bus *bus, const struct session *s, const struct session *client, const struct filter *filter)
{
	struct session_address address = { .fd = -1 };

	if (client->client.state == CLIENT_DEAD || !may_see(s, &client->client, bus) ||
	    (filter->skip_me && client == s))
		return false;
	if (filter->id > 0 && client->client.id != filter->id)
		return false;
	if (filter->by_uid && (client->client.identity.anonymous || client->client.identity.uid != filter->uid))
		return false;
	if (!is_of_type(client, filter->type) || bus->flow.uptime_s - client->client.created_s < filter->min_age)
		return false;
	if (filter->peer || filter->local)
		sessions_describe(bus, client, &address);
	return is_text(filter->peer, address.peer) && is_text(filter->local, address.local);
}

/* Returns how many clients fit. They are closed, but for the session itself, which has to be answered first. */
static uint64_t
kill_fitting(struct bus *bus, struct session *s, const struct filter *filter, bool *ret_me)
{
	struct client *c;
	uint64_t n = 0;

	*ret_me = false;
	TAILQ_FOREACH(c, &bus->flow.clients, link) {
		if (!fits(bus, s, session_of(c), filter))
			continue;
		n++;
		if (c == &s->client)
			*ret_me = true;
		else
			bus_kill(bus, c);
	}
	return n;
}

enum command_result
cmd_client_kill(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	struct filter filter = { .skip_me = argc > 3 };
	uint64_t n;
	bool me;

	if (argc == 3)
		filter.peer = &argv[2]; /* the older form */
	for (size_t i = 2; argc > 3 && i < argc; i += 2) {
		if (i + 1 == argc) {
			reply_error(bus, s, "ERR syntax error");
			return COMMAND_DONE;
		}
		if (!parse_filter(bus, s, argv[i], &argv[i + 1], &filter))
			return COMMAND_DONE;
	}
	n = kill_fitting(bus, s, &filter, &me);
	if (argc > 3)
		reply_integer(bus, s, n);
	else if (n > 0)
		reply_status(bus, s, "OK");
	else
		reply_error(bus, s, "ERR No such client");
	if (me)
		bus_finish(bus, &s->client);
	return COMMAND_DONE;
}
