/*
 * Questions about streams, for verbs that ask and print. Lists may be of any length, and entries of any size: so lists
 * are read a page at a time.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ask.h"
#include "buf.h"
#include "entry-id.h"
#include "protocol.h"
#include "resp-reply.h"

/* Sends a command whose words end with NULL. As ask_try(). */
int query_ask(struct ask *a, const struct resp_node **ret_reply, ...) __attribute__((sentinel));

/* Appends such a command, for ask_all(). */
void query_put_command(struct buf *commands, ...) __attribute__((sentinel));

/*
 * The entries of a reply to XREAD about one stream: an array of arrays of an id and an array of fields; NULL: none.
 * Returns false if it is another reply.
 */
bool query_take_entries(const struct resp_node *reply, const struct resp_node **ret_list);

/* The next one of such a list. */
static inline const struct resp_node *
query_next_entry(const struct resp_node *entry)
{
	return entry + 3 + entry[2].elements;
}

/*
 * The next entries of a stream behind an id; at most `count`, and no more than the daemon sends at once, but one at
 * least. *ret_list as above, valid until the next question. Return 0 or as ask() does.
 */
int query_read_entries(struct ask *a, const char *stream, const char *after, uint64_t count,
                       const struct resp_node **ret_list);
/* The entry with this id, or NULL. */
int query_read_entry(struct ask *a, const char *stream, const char *id, const struct resp_node **ret_entry);

/* The id before this one: an entry is the first one behind that. */
void query_id_before(const char *id, char ret_before[ENTRY_ID_TEXT]);

/* A list of the daemon, which refuses an answer that is longer than queue_limit: then a page is of fewer, down to one.
 */
struct query_pages {
	struct ask *a;
	uint64_t most; /* on a page */
};

#define QUERY_PAGE ((uint64_t)200)

/*
 * Sends a command, whose words end with NULL, with "COUNT n" behind them; n: at most `most`. *ret_reply is an array,
 * valid until the next question. Returns as ask().
 */
int query_page(struct query_pages *pages, const struct resp_node **ret_reply, ...) __attribute__((sentinel));
