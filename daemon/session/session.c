#include "session.h"

#include <stdlib.h>

struct session_info *
session_get_info(struct session *s)
{
	if (!s->info)
		s->info = calloc(1, sizeof(*s->info));
	return s->info;
}

void
session_next_reply(struct session *s)
{
	if (s->reply_mode == REPLY_SKIP_NEXT)
		s->reply_mode = REPLY_SKIP;
	else if (s->reply_mode == REPLY_SKIP)
		s->reply_mode = REPLY_ON;
}
