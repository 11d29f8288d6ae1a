/* What the kernel says about a connected socket. Each question costs a system call. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/*
 * Whether the peer is gone for good, or there was an error. is_end_enough: also if the peer only sends no more, which
 * it does too when it closes a TCP connection.
 */
bool socket_has_hung_up(int fd, bool is_end_enough);

/* Whether there is something to read: bytes, a packet, which may be empty, or the end of the input. */
bool socket_is_readable(int fd);

/* Whether there are bytes to read. */
bool socket_has_input(int fd);

/* Bytes the peer has not taken, as the kernel counts them (SIOCOUTQ); 0 if it cannot tell. */
int socket_unread(int fd);

/* Both ends of a TCP connection, as "IP:PORT". Each text has room for `size` bytes, and is left alone on failure. */
void socket_put_addresses(int fd, char *peer, char *local, size_t size);
