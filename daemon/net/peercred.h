/* Who is at the other end of a socket, as the kernel knows it. */
#pragma once

struct identity;

/* Returns 0 or -errno. What is not a Unix socket gives an anonymous identity. The caller releases its groups. */
int peercred_read(int fd, struct identity *ret_identity);
