/* The list of a chain: what is in it, what is added to it, and what is saved of it. */
#pragma once

#include <stdbool.h>
#include <time.h>

#include "chain-data.h"
#include "follow-search.h"

/* The file that has the name, or had it last; or NULL. */
struct follow_file *chain_newest(const struct chain *c);

/* Saves what is answered, if that has changed: set is_saved to false. */
void chain_save(struct chain *c);

/* Says it once, until something else is wrong. */
void chain_complain(struct chain *c, int error);

/* From now on changes of the files can be read from inotify. */
void chain_watch(struct chain *c, int inotify);

/* Whether there is no room for another file. */
bool chain_is_full(const struct chain *c);

void chain_watch_file(const struct chain *c, const struct follow_file *file);

/* Another file has the name of this one. */
void chain_supersede(struct follow_file *file);

/* Puts a file, or fd as a file, at the end of the chain. */
void chain_append(struct chain *c, struct follow_file *file, uint64_t generation);
struct follow_file *chain_add(struct chain *c, int fd, uint64_t generation);

/* Opens what has the name now. Returns a descriptor or -errno. */
int chain_open_log(const struct chain *c);

/*
 * Whether all of the file is in the chain, or was answered; or it is a copy of c->log, which then is still to be cut
 * off.
 */
bool chain_is_known(const struct chain *c, const struct follow_found *found);

/*
 * Adds the files that have come after one that was last written to at `since`, as far as there is room, the first with
 * this generation; and opens the log, as c->log. Both are as they were at one moment.
 */
void chain_add_later(struct chain *c, struct timespec since, uint64_t generation);

/* The log was opened, and is not needed. */
void chain_free_log(struct chain *c);
