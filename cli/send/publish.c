#include "publish.h"

#include <stdlib.h>
#include <string.h>

#include "memory.h"
#include "resp-encode.h"
#include "sendq.h"

static const char start[] = "*3\r\n$7\r\nPUBLISH\r\n";

void
publish_deinit(struct publish *p)
{
	buf_deinit(&p->prefix);
}

void
publish_use(struct publish *p, const struct slice *channel)
{
	struct buf *prefix = &p->prefix;

	if (prefix->len > 0 && channel->len == p->channel.len && memcmp(channel->p, p->channel.p, channel->len) == 0)
		return;
	prefix->len = 0;
	memory_check(buf_append(prefix, start, sizeof(start) - 1));
	memory_check(buf_reserve(prefix, channel->len + RESP_HEADER_MAX + 2));
	prefix->len += resp_put_bulk((char *)prefix->data + prefix->len, channel->p, channel->len);
	p->channel = (struct slice){ prefix->data + prefix->len - 2 - channel->len, channel->len };
}

void
publish_push(const struct publish *p, struct sendq *queue, const struct slice *message)
{
	const struct buf *prefix = &p->prefix;
	char *frame = sendq_reserve(queue, prefix->len + message->len + RESP_HEADER_MAX + 2);
	size_t n;

	memcpy(frame, prefix->data, prefix->len);
	n = resp_put_bulk(frame + prefix->len, message->p, message->len);
	sendq_commit(queue, prefix->len + n, false);
}

uint64_t
publish_message_size(const struct slice *frame)
{
	const char *p = (const char *)frame->p + sizeof(start); /* behind the '$' before the channel */
	char *end;
	size_t channel_len = strtoul(p, &end, 10);

	return strtoull(end + 2 + channel_len + 2 + 1, NULL, 10);
}
