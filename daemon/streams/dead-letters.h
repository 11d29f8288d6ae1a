/*
 * Entries of groups that cannot be handled, and go to the dead-letter stream of their group: with what became of them
 * in fields of their own, in the same commit in which the group acknowledges them. One that cannot be added there stays
 * pending, which is logged, and is tried again.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "group.h"

/* The name of the dead-letter stream of such a group, or empty: it has none that can be. */
struct dead_letter_name {
	size_t len;
	uint8_t name[PROTOCOL_NAME_MAX];
};
void dead_letter_get_name(const struct stream *stream, const struct stream_delivery *delivery,
                          struct dead_letter_name *ret_name);

/* Call after an entry was given back: if it is doomed it goes now, unless it has to wait. */
void dead_letters_try(struct streams *streams, struct stream_group *group, struct stream_id id);

/* Whether an entry that is about to be given again may not be: then it goes, too. */
bool dead_letters_instead(struct streams *streams, struct stream_group *group, struct stream_id id);

/* Sends off what is doomed, up to a value of work.done; and whether there is more now, or until when there is none. */
void dead_letters_advance(struct streams *streams, uint64_t work_end);
bool dead_letters_have_work(const struct streams *streams);
uint64_t dead_letters_next_deadline(const struct streams *streams);
