/*
 * The head of a message, all before its payload, is the same for all messages that go one way. So it is encoded once:
 * the channel's own when the channel is made, that of a pattern when the pattern is found to match.
 */
#include "channel.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "resp-encode.h"

/* How many bytes channel_write_head() writes. */
static size_t
channel_size_head(const struct slice *pattern, bool is_shard, struct slice name)
{
	size_t n = strlen("*3\r\n") + resp_bulk_size(name.len);

	if (pattern)
		return n + resp_bulk_size(strlen("pmessage")) + resp_bulk_size(pattern->len);
	return n + resp_bulk_size(strlen(is_shard ? "smessage" : "message"));
}

/* Writes the head of a message, for RESP2: everything before its payload. */
static uint32_t
channel_write_head(char *head, const struct slice *pattern, bool is_shard, struct slice name)
{
	size_t n = resp_put_header(head, '*', pattern ? 4 : 3);

	if (pattern) {
		n += resp_put_bulk(head + n, "pmessage", 8);
		n += resp_put_bulk(head + n, pattern->p, pattern->len);
	} else if (is_shard) {
		n += resp_put_bulk(head + n, "smessage", 8);
	} else {
		n += resp_put_bulk(head + n, "message", 7);
	}
	return (uint32_t)(n + resp_put_bulk(head + n, name.p, name.len));
}

size_t
channel_head_size(const struct channel *channel, const struct pattern *pattern)
{
	struct slice text;

	if (!pattern)
		return channel->head_len;
	text = (struct slice){ pattern->text, pattern->len };
	return channel_size_head(&text, false, channel_name(channel));
}

uint32_t
channel_put_head(const struct channel *channel, const struct pattern *pattern, char *head)
{
	struct slice text;

	if (!pattern) {
		memcpy(head, channel->head, channel->head_len);
		return channel->head_len;
	}
	text = (struct slice){ pattern->text, pattern->len };
	return channel_write_head(head, &text, false, channel_name(channel));
}

struct channel *
channel_new(struct slice name, bool is_shard)
{
	struct channel *channel;

	if (name.len > UINT32_MAX / 2)
		return NULL;
	channel = malloc(offsetof(struct channel, head) + channel_size_head(NULL, is_shard, name));
	if (!channel)
		return NULL;
	*channel = (struct channel){ .name_len = (uint32_t)name.len, .is_shard = is_shard };
	channel->head_len = channel_write_head(channel->head, NULL, is_shard, name);
	channel->name_offset = channel->head_len - 2 - channel->name_len;
	TAILQ_INIT(&channel->waiters);
	channel_expire(channel);
	return channel;
}

void
channel_free(struct channel *channel)
{
	recvset_deinit(&channel->receivers);
	free(channel);
}

/* Memory of the matches. */
static size_t
channel_match_memory(const struct channel *channel)
{
	return channel->heads.bytes + channel->n_matches * sizeof(*channel->matches);
}

ssize_t
channel_add_match(struct channel *channel, struct pattern *pattern)
{
	struct slice text = { pattern->text, pattern->len }, name = channel_name(channel);
	struct match *matches = channel->matches;
	size_t before = channel_match_memory(channel);
	uint32_t n = channel->n_matches;
	char *head;

	if ((n & (n - 1)) == 0) { /* the capacity is a power of two */
		matches = realloc(matches, (n > 0 ? 2 * (size_t)n : 1) * sizeof(*matches));
		if (!matches)
			return -ENOMEM;
		channel->matches = matches;
	}
	head = arena_alloc(&channel->heads, channel_size_head(&text, false, name));
	if (!head)
		return -ENOMEM;
	matches[n] = (struct match){ pattern, head, channel_write_head(head, &text, false, name) };
	channel->n_matches++;
	return (ssize_t)(channel_match_memory(channel) - before);
}

size_t
channel_drop_matches(struct channel *channel)
{
	size_t bytes = channel_match_memory(channel);

	arena_clear(&channel->heads);
	free(channel->matches);
	channel->matches = NULL;
	channel->n_matches = 0;
	return bytes;
}

bool
channel_is_received_by(const struct channel *channel, const struct client *c)
{
	for (uint32_t way = 0; way <= channel->n_matches; way++) {
		const struct recvset *set = channel_way(channel, way);

		for (uint32_t i = 0; i < set->n; i++)
			if (client_is_own(c, recvset_array(set)[i]))
				return true;
	}
	return false;
}
