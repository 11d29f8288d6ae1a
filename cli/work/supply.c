/*
 * With several streams, COUNT is for each of them, so each gets its share of what is asked for, at least one.
 */
#include "supply.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "answers.h"
#include "buf.h"
#include "client.h"
#include "loop.h"
#include "memory.h"
#include "num.h"
#include "plan.h"
#include "resp-encode.h"
#include "say.h"

#define BULK_MAX ((size_t)1024 * 1024 * 1024)
/* The command ends after so many ms, and is sent again: so the daemon sees that the consumer lives. */
#define WAIT_MS "300000"

struct supply {
	struct loop *loop;
	const struct plan *plan;
	struct client *client;
	struct resp_reply reply;
	const struct supply_ops *ops;
	void *arg;
	struct buf command;
	size_t written;  /* bytes of it */
	bool asking;     /* it is not answered */
	bool is_refused; /* the last one, which was said */
	int64_t no;      /* the number of the connection; 0: not known yet */
};

static void
supply_write(void *arg)
{
	struct supply *in = arg;
	struct iovec iov = { in->command.data + in->written, in->command.len - in->written };

	if (iov.iov_len > 0)
		in->written += client_writev(in->client, &iov, 1);
}

static bool
supply_find_stream(const struct supply *in, const struct slice *name, size_t *ret_stream)
{
	for (size_t i = 0; i < in->plan->n_streams; i++) {
		if (strlen(in->plan->streams[i]) != name->len || memcmp(in->plan->streams[i], name->p, name->len) != 0)
			continue;
		*ret_stream = i;
		return true;
	}
	return false;
}

/* The entries of the reply: an array of pairs of a stream and an array of entries. Returns false if it is none. */
static bool
supply_take_entries(struct supply *in, uint64_t *ret_n)
{
	const struct resp_node *nodes = in->reply.nodes;
	size_t stream, at = 1, end;

	*ret_n = 0;
	for (size_t i = 0; i < nodes->elements; i++) {
		if (nodes[at].type != RESP_ARRAY || nodes[at].elements != 2 || nodes[at + 2].type != RESP_ARRAY ||
		    !supply_find_stream(in, &nodes[at + 1].text, &stream))
			return false;
		end = nodes[at].end;
		for (at += 3; at < end; at = nodes[at].end, (*ret_n)++)
			if (!in->ops->entry(in->arg, stream, &nodes[at]))
				return false;
	}
	return true;
}

static void
supply_take_error(struct supply *in, const struct slice *text)
{
	int complaint = answers_complaint(text);
	bool is_gone = answers_error_is(text, "NOGROUP") || answers_error_is(text, "UNBLOCKED");

	if (complaint) {
		say_verbose("%s: %.*s", client_name(in->client), (int)text->len, (const char *)text->p);
		client_drop(in->client, complaint);
		return;
	}
	in->asking = false;
	if (!is_gone && !in->is_refused)
		say("%s: %.*s", client_name(in->client), (int)text->len, (const char *)text->p);
	in->is_refused = !is_gone;
	in->ops->refused(in->arg, is_gone || answers_error_is_temporary(text), answers_error_status(text));
}

static size_t
supply_input(void *arg, const uint8_t *p, size_t len, size_t *ret_need)
{
	struct supply *in = arg;
	const struct resp_node *nodes;
	uint64_t n;

	switch (resp_reply_parse(&in->reply, p, len, BULK_MAX)) {
	case RESP_REPLY_MORE:
		*ret_need = in->reply.need;
		return 0;
	case RESP_REPLY_NOMEM:
		memory_check(-1);
		__builtin_unreachable();
	case RESP_REPLY_ERROR:
		break;
	case RESP_REPLY_OK:
		nodes = in->reply.nodes;
		if (in->no == 0 && nodes->type == RESP_INTEGER && nodes->integer > 0) {
			in->no = nodes->integer;
			in->ops->up(in->arg);
			return in->reply.used;
		}
		if (nodes->type == RESP_ERROR) {
			supply_take_error(in, &nodes->text);
			return in->reply.used;
		}
		if (!in->asking || (nodes->type != RESP_ARRAY && nodes->type != RESP_NULL) ||
		    !supply_take_entries(in, &n))
			break;
		in->asking = in->is_refused = false;
		in->ops->answered(in->arg, n);
		return in->reply.used;
	}
	client_end_foreign(in->client);
	return len;
}

static void
supply_up(void *arg)
{
	struct supply *in = arg;

	in->command.len = in->written = 0;
	memory_check(buf_printf(&in->command, "*2\r\n$6\r\nCLIENT\r\n$2\r\nID\r\n"));
	supply_write(in);
}

static void
supply_down(void *arg, uint64_t unread)
{
	struct supply *in = arg;

	(void)unread;
	in->asking = false;
	in->no = 0;
	in->command.len = in->written = 0;
	in->ops->down(in->arg);
}

static const struct client_ops supply_client_ops = {
	.up = supply_up,
	.input = supply_input,
	.writable = supply_write,
	.down = supply_down,
};

struct supply *
supply_new(struct loop *loop, const struct addr_list *addr, const struct plan *plan, const struct supply_ops *ops,
           void *arg)
{
	struct supply *in = memory_alloc(sizeof(*in));
	struct client_options options = { .addr = *addr, .quiet = true };

	in->loop = loop;
	in->plan = plan;
	in->ops = ops;
	in->arg = arg;
	in->client = client_new(loop, &options, &supply_client_ops, in);
	return in;
}

void
supply_free(struct supply *in)
{
	client_free(in->client);
	resp_reply_deinit(&in->reply);
	buf_deinit(&in->command);
	free(in);
}

void
supply_start(struct supply *in)
{
	client_start(in->client);
}

static void
supply_put(struct supply *in, const char *word)
{
	size_t len = strlen(word);

	memory_check(buf_reserve(&in->command, len + RESP_HEADER_MAX + 2));
	in->command.len += resp_put_bulk((char *)in->command.data + in->command.len, word, len);
}

void
supply_ask(struct supply *in, uint64_t n, bool waits)
{
	const struct plan *plan = in->plan;
	char count[NUM_DIGITS_MAX + 1];
	const char *const words[] = {
		"XREADGROUP", "GROUP", plan->group, plan->consumer, "DELIVERIES", "COUNT", count
	};
	const char *const wait[] = { "BLOCK", WAIT_MS };
	size_t n_words = sizeof(words) / sizeof(words[0]), n_wait = waits ? sizeof(wait) / sizeof(wait[0]) : 0;

	snprintf(count, sizeof(count), "%" PRIu64, n > plan->n_streams ? n / plan->n_streams : 1);
	in->command.len = in->written = 0;
	memory_check(buf_printf(&in->command, "*%zu\r\n", n_words + n_wait + 1 + 2 * plan->n_streams));
	for (size_t i = 0; i < n_words; i++)
		supply_put(in, words[i]);
	for (size_t i = 0; i < n_wait; i++)
		supply_put(in, wait[i]);
	supply_put(in, "STREAMS");
	for (size_t i = 0; i < plan->n_streams; i++)
		supply_put(in, plan->streams[i]);
	for (size_t i = 0; i < plan->n_streams; i++)
		supply_put(in, ">");
	in->asking = true;
	supply_write(in);
}

bool
supply_is_asking(const struct supply *in)
{
	return in->asking;
}

void
supply_renew(struct supply *in)
{
	client_shutdown(in->client);
}

bool
supply_is_up(const struct supply *in)
{
	return in->no > 0;
}

int64_t
supply_client(const struct supply *in)
{
	return in->no;
}
