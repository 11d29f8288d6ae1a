/* Who is at the other end of a connection, as the kernel says. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Supplementary groups. Shared between clients, and never changed. */
struct group_set {
	uint32_t refs;
	uint32_t n;
	gid_t ids[];
};

/* A set with one reference and room for n groups, or NULL when there is no memory. */
struct group_set *group_set_new(uint32_t n);

/* Takes NULL. */
void group_set_unref(struct group_set *set);

/* If both sets are equal, releases *set and refers to `known` instead. Either may be NULL. */
void group_set_share(struct group_set **set, struct group_set *known);

/* A TCP client has pid 0 and is anonymous. */
struct identity {
	pid_t pid;
	uid_t uid;
	gid_t gid;
	bool anonymous;
	struct group_set *groups; /* supplementary groups; NULL: none */
};

/* "uid 1000" or "an anonymous client", for messages. */
struct identity_text {
	char text[32];
};

struct identity_text identity_text(const struct identity *identity);

/* Room for a process's name and NUL. */
#define IDENTITY_COMMAND_MAX 17

/* The present name of the process; empty if the process has gone or is not known. */
void identity_command(const struct identity *identity, char ret_command[IDENTITY_COMMAND_MAX]);
