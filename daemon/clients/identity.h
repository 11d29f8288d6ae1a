/* Who the kernel says is at the other end of a connection. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Supplementary groups. Shared, and never changed. */
struct group_set {
	uint32_t refs;
	uint32_t n;
	gid_t ids[];
};

/* With one reference and room for n groups, or NULL. */
struct group_set *group_set_new(uint32_t n);

/* Takes NULL. */
void group_set_unref(struct group_set *set);

/* Lets *set be `known` where they are equal: NULL is the empty one. */
void group_set_share(struct group_set **set, struct group_set *known);

/* A TCP client has pid 0 and is anonymous. */
struct identity {
	pid_t pid;
	uid_t uid;
	gid_t gid;
	bool anonymous;
	struct group_set *groups; /* supplementary ones; or NULL */
};

/* "uid 1000" or "an anonymous client", for errors. */
struct identity_text {
	char text[32];
};

struct identity_text identity_text(const struct identity *identity);

/* Room for the name of a process with its NUL. */
#define IDENTITY_COMMAND_MAX 17

/* The name of the identity's process as it is now called; empty if it is gone. */
void identity_command(const struct identity *identity, char ret_command[IDENTITY_COMMAND_MAX]);
