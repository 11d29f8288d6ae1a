/* Until there are groups and clients that wait. */
#include "blocked.h"
#include "group-later.h"
#include "streams.h"

void
blocked_adopt(struct streams *streams __attribute__((unused)), struct stream *stream __attribute__((unused)))
{
}

void
blocked_wake_all(struct streams *streams __attribute__((unused)), struct stream *stream __attribute__((unused)))
{
}

void
group_init_all(struct stream *stream)
{
	TAILQ_INIT(&stream->groups);
	TAILQ_INIT(&stream->gone_groups);
}

void
group_free_all(struct streams *streams __attribute__((unused)), struct stream *stream __attribute__((unused)))
{
}

int
group_save_all(struct storage *storage __attribute__((unused)), const struct stream *stream __attribute__((unused)))
{
	return 0;
}

void
group_saved_all(struct stream *stream __attribute__((unused)))
{
}

int
group_erase_all(struct storage *storage __attribute__((unused)), const struct stream *stream __attribute__((unused)))
{
	return 0;
}

int
group_load(struct streams *streams __attribute__((unused)), struct stream *stream __attribute__((unused)),
           struct slice key __attribute__((unused)), struct slice value __attribute__((unused)),
           struct stream_group **ret_group __attribute__((unused)))
{
	return 0;
}

int
group_load_consumer(struct streams *streams __attribute__((unused)), struct stream_group *group __attribute__((unused)),
                    struct slice key __attribute__((unused)), struct slice value __attribute__((unused)))
{
	return 0;
}

int
group_load_pending(struct streams *streams __attribute__((unused)), struct stream_group *group __attribute__((unused)),
                   struct slice key __attribute__((unused)), struct slice value __attribute__((unused)))
{
	return 0;
}
