/*
 * KEEPREF, DELREF and ACKED: what becomes of an entry that is to be deleted and of what consumer groups know of it. And
 * the arguments that XDELEX and XACKDEL share.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "keyspace.h"

enum refs {
	REFS_KEEP,   /* it is deleted; groups keep it among their pending entries */
	REFS_DELETE, /* it is deleted, and from the pending entries of all groups */
	REFS_ACKED,  /* it is deleted if all groups have been given it and have seen it acknowledged */
};

/* What XDELEX and XACKDEL reply for each entry. */
enum refs_result { REFS_NONE = -1, REFS_DELETED = 1, REFS_KEPT = 2 };

bool refs_parse(struct slice word, enum refs *ret_refs);

/* Deletes one entry as far as refs allows it. *ret_result is set with STREAM_ENTRY; COLD and ERROR as for all. */
enum stream_step refs_delete(struct streams *streams, struct stream *stream, struct stream_id id, enum refs refs,
                             enum refs_result *ret_result);

/* The entries that a command names: argv[first .. first + n). */
struct refs_ids {
	enum refs refs;
	size_t first, n;
};

/* Reads "[KEEPREF|DELREF|ACKED] IDS numids id..." from argv[at] on, and checks the ids unless is_resumed: then an
 * earlier turn has. Returns false after an error reply. */
bool refs_require_ids(struct bus *bus, struct session *s, const struct slice *argv, size_t argc, size_t at,
                      bool is_resumed, struct refs_ids *ret_ids);
