/*
 * The files that had the name of a log, the older first, as far as they are needed: until they are read and answered to
 * their end. It notices that another file has the name, or that one was cut off, finds what a file has become, and
 * keeps the position. It reports to people what goes wrong.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "follow-file.h"
#include "position.h"

TAILQ_HEAD(follow_files, follow_file);

struct chain {
	const char *path; /* of the log */
	char delimiter;
	struct follow_files files;
	size_t n;
	struct follow_file *log; /* the file that has the name, while it is not one of them; else NULL */
	uint64_t generation;     /* of the newest file, or of the last one there was */
	int said;                /* errno of the last complaint about the log */
	uint64_t searched_at;    /* loop_now() */
	int inotify;             /* tells of changes of the files; or -1 */

	struct position position; /* file: NULL without one */
	bool is_loaded;           /* the marks of the position have become files */
	bool is_last_lost;        /* of those, the last was not found */
	bool is_saved;
	uint64_t saved_at; /* loop_now() */
};

/* position: a path, or NULL. Both paths must outlive it. Returns EX_OK, or an exit status after saying what is wrong.
 */
int chain_open(struct chain *c, const char *path, const char *position, char delimiter);

/* Saves the position; takes a zeroed struct, too. */
void chain_close(struct chain *c);

/* The file that has the name, or had it last; or NULL. */
struct follow_file *chain_newest(const struct chain *c);

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

/* From now on changes of the files can be read from inotify. */
void chain_watch(struct chain *c, int inotify);

/* Saves what is answered, if that has changed: set is_saved to false. */
void chain_save(struct chain *c);

/* Says it once, until something else is wrong. */
void chain_complain(struct chain *c, int error);
