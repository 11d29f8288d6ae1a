/* Who is at the other end of a socket, as the kernel knows it. */
#pragma once

struct identity;

/* Room for the name of a process with its NUL. */
#define PEERCRED_COMMAND_MAX 17

/* Returns 0 or -errno. What is not a Unix socket gives an anonymous identity. The caller releases its groups. */
int peercred_read(int fd, struct identity *ret_identity);

/* The name of the identity's process as it is now called; empty if it is gone. */
void peercred_command(const struct identity *identity, char ret_command[PEERCRED_COMMAND_MAX]);
