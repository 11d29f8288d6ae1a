#include "spool-batch.h"

#include <assert.h>
#include <string.h>

#include "memory.h"

/* The length of the message at `at`, which stands in front of it. */
static uint32_t
batch_len_at(const struct batch *b, size_t at)
{
	uint32_t len;

	memcpy(&len, b->bytes.data + at, sizeof(len));
	return len;
}

void
batch_add(struct batch *b, struct slice channel, struct slice way, struct slice text)
{
	uint32_t len = (uint32_t)text.len;

	if (b->bytes.len == 0) {
		assert(channel.len > 0 && channel.len <= PROTOCOL_NAME_MAX && way.len <= SPOOL_WAY_MAX);
		memory_check(buf_reserve(&b->bytes, sizeof(struct spool_batch)));
		b->bytes.len = sizeof(struct spool_batch);
		memory_check(buf_append(&b->bytes, channel.p, channel.len));
		memory_check(buf_append(&b->bytes, way.p, way.len));
		b->channel_len = (uint16_t)channel.len;
		b->way_len = (uint16_t)way.len;
		b->at = b->bytes.len;
	}
	memory_check(buf_reserve(&b->bytes, sizeof(len) + len));
	memcpy(b->bytes.data + b->bytes.len, &len, sizeof(len));
	if (len > 0)
		memcpy(b->bytes.data + b->bytes.len + sizeof(len), text.p, len);
	b->bytes.len += sizeof(len) + len;
	b->left++;
}

uint64_t
batch_size(const struct batch *b, uint32_t count)
{
	uint64_t size = b->at;

	for (; count > 0; count--)
		size += sizeof(uint32_t) + batch_len_at(b, size);
	return size;
}

void
batch_remove(struct batch *b, uint32_t count, uint64_t size)
{
	b->left -= count;
	if (b->left > 0)
		memmove(b->bytes.data + b->at, b->bytes.data + size, b->bytes.len - size);
	b->bytes.len = b->left > 0 ? b->at + b->bytes.len - size : 0;
}

void
batch_open(struct batch *b, const struct spool_batch *header, uint64_t number)
{
	b->channel_len = header->channel_len;
	b->way_len = header->way_len;
	b->at = sizeof(*header) + header->channel_len + header->way_len;
	b->left = header->count;
	for (b->number = header->first; b->number < number && b->left > 1; b->number++, b->left--)
		b->at += sizeof(uint32_t) + batch_len_at(b, b->at);
}

void
batch_take(struct batch *b, struct spool_message *ret_message)
{
	const uint8_t *channel = b->bytes.data + sizeof(struct spool_batch);
	uint32_t len = batch_len_at(b, b->at);

	*ret_message = (struct spool_message){ .channel = { channel, b->channel_len },
		                               .way = { channel + b->channel_len, b->way_len },
		                               .text = { b->bytes.data + b->at + sizeof(len), len },
		                               .number = b->number++ };
	memcpy(&ret_message->sum, b->bytes.data + offsetof(struct spool_batch, sum), sizeof(ret_message->sum));
	b->at += sizeof(len) + len;
	b->left--;
}
