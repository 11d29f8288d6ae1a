/*
 * udsctl monitor: prints the notices of UDSD MONITOR (udsd-protocol(7)): who sent what to how many. The daemon filters
 * by channel, udsctl by user and process.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>

#include "ask.h"
#include "clients.h"
#include "options.h"
#include "print.h"
#include "printable.h"
#include "record.h"
#include "say.h"

struct monitor_options {
	struct options common;
	struct clients_selection selection;
	const char *channel; /* pattern; or NULL */
	uint64_t count;      /* 0: not given */
};

static const struct option_row rows[] = {
	{ "channel", 'c', "PATTERN", "only messages of channels that match", OPTION_NAME,
	  offsetof(struct monitor_options, channel) },
	CLIENTS_SELECTION_ROWS(offsetof(struct monitor_options, selection)),
	{ "count", 'n', "COUNT", "exit after this many messages", OPTION_COUNT,
	  offsetof(struct monitor_options, count) },
	OPTION_JSON_ROW,
	OPTION_TIMEOUT_ROW,
	{ 0 },
};

/* Bytes of a payload that a line shows. JSON has all that the daemon sends. */
#define SHOWN_BYTES ((size_t)256)

struct monitor {
	const struct monitor_options *o;
	struct clients_filter filter;
	uint64_t n; /* printed so far */
};

struct notice {
	long long seconds, microseconds, id, uid, pid, receivers;
	char command[16];
	struct slice channel, payload; /* a long payload is cut by the daemon */
	size_t payload_len;            /* of all of it */
};

/* Parses "time=1700000000.123456 id=7 ... channel=4 payload=11\n", the channel, "\n", the payload. */
static bool
monitor_parse(struct slice text, struct notice *ret_notice)
{
	const uint8_t *newline = memchr(text.p, '\n', text.len);
	struct notice n = { 0 };
	char head[512];
	size_t channel, rest;

	if (!newline || (size_t)(newline - text.p) >= sizeof(head))
		return false;
	snprintf(head, sizeof(head), "%.*s", (int)(newline - text.p), (const char *)text.p);
	if (sscanf(head, "time=%lld.%lld id=%lld uid=%lld pid=%lld cmd=%15s receivers=%lld channel=%zu payload=%zu",
	           &n.seconds, &n.microseconds, &n.id, &n.uid, &n.pid, n.command, &n.receivers, &channel,
	           &n.payload_len) != 9)
		return false;
	rest = text.len - (size_t)(newline + 1 - text.p);
	if (rest <= channel || rest - channel - 1 > n.payload_len)
		return false;
	n.channel = (struct slice){ newline + 1, channel };
	n.payload = (struct slice){ newline + 1 + channel + 1, rest - channel - 1 };
	*ret_notice = n;
	return true;
}

static void
monitor_print_json(const struct notice *n)
{
	json_t *object = record_new();

	record_set(object, "time", json_real((double)n->seconds + (double)n->microseconds / 1e6));
	record_set(object, "id", json_integer(n->id));
	record_set(object, "uid", json_integer(n->uid));
	if (n->uid >= 0)
		record_set_string(object, "username", clients_user(n->uid));
	record_set(object, "pid", json_integer(n->pid));
	record_set_string(object, "command", n->command);
	record_set_bytes(object, "channel", n->channel);
	record_set(object, "receivers", json_integer(n->receivers));
	record_set(object, "bytes", json_integer((long long)n->payload_len));
	record_set_bytes(object, "payload", n->payload);
	record_write(object);
}

/* Escapes control characters and the backslash, and in text that is not UTF-8 every byte beyond ASCII. */
static void
monitor_print_bytes(struct slice text)
{
	bool is_text = true;
	enum printable_kind kind;
	size_t size;

	for (size_t at = 0; at < text.len && is_text; is_text = kind != PRINTABLE_INVALID)
		at += printable_next(text.p + at, text.len - at, &kind);
	for (const uint8_t *p = text.p, *end = p + text.len; p < end; p += size) {
		size = printable_next(p, (size_t)(end - p), &kind);
		if (*p == '\\')
			print("\\\\");
		else if (kind == PRINTABLE_TEXT && (is_text || size == 1))
			print("%.*s", (int)size, (const char *)p);
		else
			for (size_t i = 0; i < size; i++)
				print("\\x%02x", p[i]);
	}
}

static void
monitor_print_line(const struct notice *n)
{
	time_t seconds = (time_t)n->seconds;
	struct slice payload = n->payload;
	struct tm tm;
	char when[32];

	if (payload.len > SHOWN_BYTES) {
		payload.len = SHOWN_BYTES;
		/* The cut must not leave half a character. */
		while (payload.len > SHOWN_BYTES - 4 && (payload.p[payload.len] & 0xc0) == 0x80)
			payload.len--;
	}
	if (!localtime_r(&seconds, &tm) || strftime(when, sizeof(when), "%H:%M:%S", &tm) == 0)
		strcpy(when, "??:??:??");
	print("%s.%06lld ", when, n->microseconds);
	if (n->uid >= 0)
		print("%s pid %lld ", clients_user(n->uid), n->pid);
	print("client %lld %s ", n->id, n->command);
	monitor_print_bytes(n->channel);
	print(" to %lld: ", n->receivers);
	monitor_print_bytes(payload);
	if (n->payload_len > SHOWN_BYTES)
		print("... (%zu bytes)", n->payload_len);
	print("\n");
}

/* A message is "message", the channel, the payload. */
static int
monitor_notice_cb(const struct resp_node *node, void *arg)
{
	struct monitor *m = arg;
	struct notice notice;
	uint64_t n;

	if (node->elements != 3 || !resp_node_is(&node[1], "message") || node[3].type != RESP_BULK)
		return 0;
	if (resp_node_is(&node[2], PROTOCOL_MISSED)) {
		n = strtoull((const char *)node[3].text.p, NULL, 10);
		say("too slow: %" PRIu64 " message%s not shown", n, n == 1 ? " is" : "s are");
	}
	if (!resp_node_is(&node[2], PROTOCOL_PUBLISHED) || !monitor_parse(node[3].text, &notice) ||
	    !clients_fit(&m->filter, notice.uid, notice.pid))
		return 0;
	if (m->o->common.json)
		monitor_print_json(&notice);
	else
		monitor_print_line(&notice);
	return ++m->n == m->o->count ? ASK_DONE : 0;
}

static int
verb_monitor_run(const void *options)
{
	const struct monitor_options *o = options;
	struct monitor m = { .o = o };
	struct ask *a;
	int status = clients_read_filter(&o->selection, &m.filter);

	if (status != 0)
		return status;
	a = ask_new(&o->common);
	/* Without a pattern the NULL ends the command before it. */
	status = ask_listen(a, monitor_notice_cb, &m, "UDSD", "MONITOR", o->channel, NULL);
	return ask_end(a, status);
}

const struct verb verb_monitor = {
	.name = "monitor",
	.summary = "print messages as they are published, with sender and receivers",
	.rows = rows,
	.options_size = sizeof(struct monitor_options),
	.run = verb_monitor_run,
};
