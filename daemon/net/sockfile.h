/*
 * The file of a Unix socket. It is taken under a lock, so that two daemons cannot race for it; a stale socket
 * is replaced, a live one and anything that is not a socket are left alone; and no client ever meets it with
 * the wrong permissions or before somebody listens.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "addr.h"

struct sockfile {
	int lock_fd; /* of PATH.lock; -1: nothing is held */
	dev_t dev;   /* of the socket that was put there */
	ino_t ino;
	char path[ADDR_PATH_MAX + 1];
};

struct sockfile_options {
	unsigned int mode; /* permission bits */
	uid_t owner;       /* (uid_t)-1: who this process runs as */
	gid_t group;       /* (gid_t)-1: likewise */
};

/* What can be wrong; text gets the whole story for people. */
enum {
	SOCKFILE_E_LIVE = 1,   /* a server is using it */
	SOCKFILE_E_NOT_SOCKET, /* something else is there */
	SOCKFILE_E_NO_PERMISSION,
	SOCKFILE_E_FAILED, /* the system refused something else */
};

/*
 * Puts the socket fd, a new one, at addr, which is a path; there it listens, unless it is of type SOCK_DGRAM. What must
 * be passed to sockfile_close() comes in *ret_file; fd stays the caller's. Returns 0, or SOCKFILE_E_* with text filled
 * in and nothing changed.
 */
int sockfile_listen(int fd, const struct addr *addr, const struct sockfile_options *options, int backlog,
                    struct sockfile *ret_file, char *text, size_t text_size);

/* Whether the path still leads to the socket that was put there. */
bool sockfile_is_in_place(const struct sockfile *file);

/* Applies changed permissions to the socket, if it is still the one that was put there. Returns 0 or -errno. */
int sockfile_update(const struct sockfile *file, const struct sockfile_options *options);

/* Removes the socket if it is still the one that was put there; the path stays locked. */
void sockfile_remove(const struct sockfile *file);

/* Removes the socket if it is still the one that was put there, and the lock. */
void sockfile_close(struct sockfile *file);

/* The pid of whoever listens at the address with a socket of the type, if connecting tells it; else 0. */
pid_t sockfile_holder(const struct addr *addr, int type);
