/* Whether there is room for more: on disk, and for each user. */
#pragma once

#include "streams-data.h"

/*
 * Whether what grows the store may be added. NULL, or the text of an error reply, valid until the next call. uid: who
 * has to pay for it. streams_failure(): likewise, whether anything can be read and changed at all: NULL unless the
 * store has failed for good.
 */
const char *streams_refusal(struct streams *streams, uid_t uid);
/* Likewise for consumers and pending entries of groups, which may take a quarter more of what a user may have. */
const char *streams_group_refusal(struct streams *streams, uid_t uid);
const char *streams_failure(struct streams *streams);

/* What such a text says beside its code, for the log. */
const char *streams_refusal_reason(const char *refusal);
