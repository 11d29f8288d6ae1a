/*
 * The file of a Unix socket. A lock keeps two daemons from taking the same path. A socket that nobody uses is replaced;
 * a socket in use, and any other file, is left alone. Clients never see the file before it has its permissions and
 * somebody listens.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "addr.h"

struct sockfile {
	int lock_fd; /* of PATH.lock; -1: the path is not ours */
	dev_t dev;   /* of the socket that was put there */
	ino_t ino;
	char path[ADDR_PATH_MAX + 1];
};

struct sockfile_options {
	unsigned int mode; /* permission bits */
	uid_t owner;       /* (uid_t)-1: who this process runs as */
	gid_t group;       /* (gid_t)-1: likewise */
};

/* Why a path cannot be taken. */
enum {
	SOCKFILE_E_LIVE = 1,   /* a server is using it */
	SOCKFILE_E_NOT_SOCKET, /* something else is there */
	SOCKFILE_E_NO_PERMISSION,
	SOCKFILE_E_FAILED, /* the system refused something else */
};

/*
 * Binds fd, a new socket, to the path addr, and lets it listen unless it is of type SOCK_DGRAM. fd stays the caller's;
 * *ret_file is to be passed to sockfile_close(). Returns 0; or SOCKFILE_E_* with the reason in text, and nothing
 * changed.
 */
int sockfile_listen(int fd, const struct addr *addr, const struct sockfile_options *options, int backlog,
                    struct sockfile *ret_file, char *text, size_t text_size);

/* Whether the path still leads to the socket that was put there. */
bool sockfile_is_in_place(const struct sockfile *file);

/* Changes the permissions of the socket, if it is still the one that was put there. Returns 0 or -errno. */
int sockfile_update(const struct sockfile *file, const struct sockfile_options *options);

/* Removes the file, if it is still the socket that was put there; the path stays locked. */
void sockfile_remove(const struct sockfile *file);

/* Removes the file, likewise, and the lock. */
void sockfile_close(struct sockfile *file);

/* The pid of the process that listens at the address with a socket of the type; 0 if a connect does not tell. */
pid_t sockfile_holder(const struct addr *addr, int type);
