#include "streams-record.h"

#include <errno.h>

#define RECORD_FORMAT 2

size_t
stream_record_put(uint8_t *to, const struct stream *stream)
{
	uint8_t *p = to;

	*p++ = RECORD_FORMAT;
	p = varint_put(p, stream->uid);
	p = varint_put(p, stream->expires_ms);
	p = varint_put(p, stream->last.ms);
	p = varint_put(p, stream->last.seq);
	p = varint_put(p, stream->max_deleted.ms);
	p = varint_put(p, stream->max_deleted.seq);
	p = varint_put(p, stream->added);
	p = varint_put(p, stream->tails_done);
	return (size_t)(slice_put(p, (struct slice){ stream->name, stream->name_len }) - to);
}

int
stream_record_parse(struct slice record, struct stream *ret_stream, struct slice *ret_name)
{
	const uint8_t *p = record.p + 1, *end = record.p + record.len;
	struct stream stream = { 0 };
	uint64_t uid;

	if (record.len == 0 || record.p[0] != RECORD_FORMAT || !varint_get(&p, end, &uid) || uid > UINT32_MAX ||
	    !varint_get(&p, end, &stream.expires_ms) || !varint_get(&p, end, &stream.last.ms) ||
	    !varint_get(&p, end, &stream.last.seq) || !varint_get(&p, end, &stream.max_deleted.ms) ||
	    !varint_get(&p, end, &stream.max_deleted.seq) || !varint_get(&p, end, &stream.added) ||
	    !varint_get(&p, end, &stream.tails_done) || (size_t)(end - p) > PROTOCOL_NAME_MAX)
		return -EBADMSG;
	stream.uid = (uid_t)uid;
	*ret_stream = stream;
	*ret_name = (struct slice){ p, (size_t)(end - p) };
	return 0;
}
