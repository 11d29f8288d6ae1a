/*
 * What dbus-broker needs of the program that starts it: a listening socket and a policy, which it gets through a socket
 * of its own. Its usual launcher does not run without systemd.
 */
#pragma once

/* For its argument --controller. */
extern char broker_fd[12];

/* Before it is started: listens on proc_socket. */
void broker_prepare(void);

/* When it runs: gives it the socket, and lets everybody do everything. */
void broker_begin(void);

/* The number of the next client, from 0: its unique name has it. */
unsigned int broker_count_client(void);
