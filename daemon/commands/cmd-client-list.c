/*
 * CLIENT INFO and LIST, and UDSD CLIENTS. Users who are no administrators see only their own clients.
 *
 * CLIENT INFO and LIST have Redis's fields in Redis's order and no others, because some clients refuse fields that they
 * do not know. What udsd knows beyond that comes after them in UDSD CLIENTS.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "cmd-client.h"
#include "cmd-pubsub.h"
#include "handlers.h"
#include "listing.h"
#include "num.h"
#include "receivers.h"
#include "reply.h"
#include "sessions.h"
#include "transaction.h"

/* Upper bound of the IDs in one CLIENT LIST. */
#define IDS_MAX 1024

/* A line names the channels or patterns among so many subscriptions, the latest first, as far as so many bytes take. */
#define NAMED_MAX 64
#define NAMES_BYTES ((size_t)1024)

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

/* Appends the name, with "%XX" for what would end it: commas, blanks and control characters. Returns 0 or -ENOMEM. */
static int
cmd_client_put_name(struct buf *out, struct slice name)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < name.len; i++) {
		uint8_t byte = name.p[i];

		if (byte <= ' ' || byte == 0x7f || byte == '%' || byte == ',')
			r = buf_printf(out, "%%%02X", byte);
		else
			r = buf_append(out, &byte, 1);
	}
	return r;
}

/* Appends what the client is subscribed to, in a comma-separated list: patterns, or channels but not udsd's own. */
static int
cmd_client_put_names(struct buf *out, struct bus *bus, const struct client *c, bool patterns)
{
	const struct subscription *sub;
	size_t seen = 0, begin = out->len;
	int r = buf_printf(out, patterns ? " patterns=" : " channels=");

	LIST_FOREACH(sub, &c->subscriptions, link) {
		bool is_pattern = sub->kind == SUBSCRIPTION_PATTERN;
		struct slice name;

		if (r < 0 || seen++ == NAMED_MAX)
			break;
		name =
		    is_pattern ? (struct slice){ sub->pattern->text, sub->pattern->len } : channel_name(sub->channel);
		bus->flow.work.done += 3 * WORK_VISIT;
		if (is_pattern != patterns || protocol_is_reserved(name))
			continue;
		if (out->len - begin + name.len > NAMES_BYTES)
			break;
		bus->flow.work.done += name.len * WORK_VISIT;
		if (out->data[out->len - 1] != '=')
			r = buf_append(out, ",", 1);
		if (r == 0)
			r = cmd_client_put_name(out, name);
	}
	return r;
}

/* Appends the fields that only udsd has. */
static int
cmd_client_put_own(struct buf *out, struct bus *bus, const struct client *c, const char *mode)
{
	const struct identity *who = &c->identity;
	int r = buf_printf(out,
	                   " uid=%lld gid=%lld pid=%d published=%" PRIu64 " delivered=%" PRIu64
	                   " clogged=%d mode=%s udsd-sub=%d replaying=%zu",
	                   who->anonymous ? -1LL : (long long)who->uid, who->anonymous ? -1LL : (long long)who->gid,
	                   who->anonymous ? 0 : (int)who->pid, c->published, c->delivered, c->clogged,
	                   cmd_client_or_empty(mode), c->wants_missed, replays_count(&bus->replays, c));

	if (r == 0)
		r = cmd_client_put_names(out, bus, c, false);
	return r < 0 ? r : cmd_client_put_names(out, bus, c, true);
}

/*
 * One line. qbuf: unhandled input; multi-mem: memory of the transaction; obl, oll, omem: bytes, pieces and memory of
 * unsent output. own: with the fields that only udsd has.
 */
static int
cmd_client_put_line(struct buf *out, struct bus *bus, const struct session *s, bool own)
{
	static const struct session_info none = { 0 };
	const struct session_info *info = s->info ? s->info : &none;
	const struct client *c = &s->client;
	const struct transaction *transaction = s->in_transaction ? info->transaction : NULL;
	size_t multi_mem = transaction ? transaction->memory_of_commands.bytes : 0,
	       kept = s->kept > multi_mem ? s->kept - multi_mem : 0;
	size_t unsent = c->out.count > 0 ? outq_cost(&c->out) : 0;
	struct session_address address;
	char flags[16];
	int r;

	bus->flow.work.done += WORK_LINE;
	sessions_describe(bus, s, &address);
	cmd_client_put_flags(flags, s);
	r = buf_printf(out,
	               "id=%" PRIu64 " addr=%s laddr=%s fd=%d name=%s age=%u idle=%u flags=%s db=%u sub=%u psub=%u "
	               "ssub=%u multi=%d qbuf=%zu qbuf-free=0 argv-mem=0 multi-mem=%zu rbs=0 rbp=0 obl=%zu oll=%u "
	               "omem=%zu tot-mem=%zu events=%s%s cmd=%s user=default redir=-1 resp=%d lib-name=%s lib-ver=%s",
	               c->id, address.peer, address.local, address.fd, cmd_client_or_empty(info->name),
	               bus->flow.uptime_s - c->created_s, bus->flow.uptime_s - c->active_s, flags, s->database,
	               c->n_channels, c->n_patterns, c->n_shards, transaction ? (int)transaction->n : -1, kept,
	               multi_mem, outq_unsent(&c->out), c->out.count, unsent, sizeof(*s) + kept + multi_mem + unsent,
	               c->state == CLIENT_OPEN && !c->clogged ? "r" : "", c->out_state == CLIENT_OUT_BLOCKED ? "w" : "",
	               s->last_command > 0 ? sessions_of_const(bus)->table[s->last_command - 1].name : "NULL",
	               client_is_resp3(c) ? 3 : 2, cmd_client_or_empty(info->lib_name),
	               cmd_client_or_empty(info->lib_version));
	if (r == 0 && own)
		r = cmd_client_put_own(out, bus, c, address.mode);
	return r < 0 ? r : buf_append(out, "\n", 1);
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
	int r = cmd_client_put_line(&line, bus, s, false);

	cmd_client_reply_list(bus, s, &line, r);
	return COMMAND_DONE;
}

bool
cmd_client_require_type(struct bus *bus, struct session *s, struct slice text, enum client_type *ret_type)
{
	static const struct {
		const char *name;
		enum client_type type;
	} types[] = {
		{ "normal", CLIENT_TYPE_NORMAL }, { "pubsub", CLIENT_TYPE_PUBSUB }, /* udsd has none of the others */
		{ "master", CLIENT_TYPE_NONE },   { "replica", CLIENT_TYPE_NONE },  { "slave", CLIENT_TYPE_NONE },
	};

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (slice_is_word(text, types[i].name)) {
			*ret_type = types[i].type;
			return true;
		}
	reply_error(bus, s, "ERR Unknown client type '%.*s'", COMMAND_SHOWN(text));
	return false;
}

bool
cmd_client_is_of_type(const struct client *c, enum client_type type)
{
	switch (type) {
	case CLIENT_TYPE_ANY:
		return true;
	case CLIENT_TYPE_NORMAL:
		return !client_is_subscribed(c);
	case CLIENT_TYPE_PUBSUB:
		return client_is_subscribed(c);
	case CLIENT_TYPE_NONE:
		return false;
	}
	return false;
}

bool
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
cmd_client_put_ids(struct bus *bus, const struct session *s, const uint64_t *ids, size_t n_ids, bool own,
                   struct buf *list)
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
			r = cmd_client_put_line(list, bus, session_of_const(*found), own);
	}
	free(clients);
	return r;
}

static void
cmd_client_reply_ids(struct bus *bus, struct session *s, const struct slice *argv, size_t n, bool own)
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
	r = cmd_client_put_ids(bus, s, ids, n, own, &list);
	cmd_client_reply_list(bus, s, &list, r);
}

/* The argument of cmd_client_visit(). */
struct client_listed {
	enum client_type type;
	bool own;                    /* with the fields that only udsd has */
	const struct slice *channel; /* only clients that receive it; or NULL */
};

static int
cmd_client_visit(struct listing *listing, struct client *c, const void *arg)
{
	const struct client_listed *listed = arg;
	struct buf line = { 0 };
	int r;

	if (listed->channel && !listing->extra) {
		struct receivers *receivers;

		r = receivers_find(listing->bus, *listed->channel, &receivers);
		if (r != 0)
			return r;
		listing->extra = receivers;
	}
	if (listed->channel && !receivers_include(listing->extra, c->id))
		return 0;
	if (!cmd_client_is_of_type(c, listed->type) || !cmd_client_is_visible(listing->bus, listing->to, c))
		return 0;
	r = cmd_client_put_line(&line, listing->bus, session_of(c), listed->own);
	if (r == 0)
		r = listing_put(listing, line.data, line.len);
	buf_deinit(&line);
	return r;
}

static enum command_result
cmd_client_reply_clients(struct bus *bus, struct session *s, const struct slice *argv, size_t argc, bool own)
{
	struct client_listed listed = { CLIENT_TYPE_ANY, own, NULL };

	if (argc > 3 && slice_is_word(argv[2], "ID")) {
		cmd_client_reply_ids(bus, s, argv + 3, argc - 3, own);
		return COMMAND_DONE;
	}
	if (argc == 4 && slice_is_word(argv[2], "TYPE")) {
		if (!cmd_client_require_type(bus, s, argv[3], &listed.type))
			return COMMAND_DONE;
	} else if (argc == 4 && own && slice_is_word(argv[2], "CHANNEL")) {
		if (!cmd_require_name(bus, s, argv[3]))
			return COMMAND_DONE;
		listed.channel = &argv[3];
	} else if (argc > 2) {
		reply_error(bus, s, "ERR syntax error");
		return COMMAND_DONE;
	}
	return listing_clients(bus, s, cmd_client_visit, &listed);
}

enum command_result
cmd_client_list(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	return cmd_client_reply_clients(bus, s, argv, argc, false);
}

enum command_result
cmd_udsd_clients(struct bus *bus, struct session *s, const struct slice *argv, size_t argc)
{
	return cmd_client_reply_clients(bus, s, argv, argc, true);
}
