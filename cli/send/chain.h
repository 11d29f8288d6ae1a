/*
 * The files that had the name of a log, the older first, as far as they are needed: until they are read and answered to
 * their end. It notices that another file has the name, or that one was cut off, finds what a file has become, and
 * keeps the position. It reports to people what goes wrong.
 */
#pragma once

#include <stdbool.h>

#include "chain-files.h"

/* position: a path, or NULL. Both paths must outlive it. Returns EX_OK, or an exit status after saying what is wrong.
 */
int chain_open(struct chain *c, const char *path, const char *position, char delimiter);

/* Saves the position; takes a zeroed struct, too. */
void chain_close(struct chain *c);

/* Looks whether another file has the name now. Returns whether there is a new one in the chain. */
bool chain_look(struct chain *c);

/* The file is not what it was: goes on with its copy, if there is one. */
void chain_cut(struct chain *c, struct follow_file *file);

/*
 * The first bytes of a file that was empty when it came into the chain: earlier ones may have been copied and cut off
 * meanwhile. Then it begins with these.
 */
void chain_check_first(struct chain *c, struct follow_file *file);

/* Something may have been written: keeps how the newest file begins, by which its copies are known. */
void chain_note(struct chain *c);

/* Whether nobody will write to the file any more. */
bool chain_is_given_up(const struct chain *c, const struct follow_file *file);

/* All of the file is answered, and it is given up: frees it. */
void chain_drop(struct chain *c, struct follow_file *file);
