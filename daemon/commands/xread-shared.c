#include "xread-shared.h"

#include <string.h>

#include "output.h"
#include "reply.h"

/* Longer answers are references; shorter ones are copied, as one write to the socket then has them all. */
#define SHARED_MIN ((size_t)512)

/* Returns false if the command is one whose answer is its own. */
static bool
xread_shared_key(const struct xread *read, struct shared_key *ret_key)
{
	const struct blocked_key *key = &read->state->keys[0];

	if (read->args.is_group || read->args.n != 1 || read->state->is_resumed)
		return false;
	memset(ret_key, 0, sizeof(*ret_key));
	ret_key->stream = streams_find(read->streams, key->name);
	ret_key->after = key->after;
	ret_key->count = read->args.count;
	ret_key->added = read->streams->added;
	ret_key->changes = read->streams->changes;
	ret_key->is_resp3 = client_is_resp3(&read->s->client);
	return ret_key->stream != NULL;
}

bool
xread_shared_reply(struct xread *read)
{
	struct sessions *sessions = sessions_of(read->bus);
	struct chunk *chunk = sessions->shared.chunk;
	struct shared_key key;

	if (!chunk || !xread_shared_key(read, &key) || memcmp(&key, &sessions->shared.key, sizeof(key)) != 0)
		return false;
	read->streams->read += sessions->shared.n;
	reply_hold(read->bus, streams_barrier(read->streams, key.stream));
	if (chunk->len < SHARED_MIN)
		reply_chunk(read->bus, read->s, chunk, 0, chunk->len);
	else
		reply_shared(read->bus, read->s, chunk, 0, chunk->len);
	reply_hold(read->bus, NULL);
	return true;
}

void
xread_shared_keep(struct xread *read)
{
	struct sessions *sessions = sessions_of(read->bus);
	struct chunk *chunk = read->work->answer.out;

	if (!chunk || !xread_shared_key(read, &sessions->shared.key))
		return;
	chunk_unref(sessions->shared.chunk);
	sessions->shared.chunk = chunk_ref(chunk);
	sessions->shared.n = read->n_sent;
}
