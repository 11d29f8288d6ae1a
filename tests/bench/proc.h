/*
 * The server process under measurement: one at a time, in a private directory. It is killed when the benchmark ends in
 * any way, and its output is shown when the benchmark fails. Failures here end the benchmark with a message that names
 * the server.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Makes the directory, which is removed at exit, and handles SIGINT and SIGTERM. Call once, before pinning. */
void proc_setup(void);

/* Ends the benchmark with a message about the server. */
_Noreturn void proc_fail(const char *what);

/* Whether SIGINT or SIGTERM has come. */
bool proc_is_interrupted(void);

/* The path or port on which the server must listen, and the path of its configuration, which the caller writes. The
 * port is another one for each start. */
extern char proc_socket[48];
extern char proc_config[48];
extern char proc_port[8];

/* Sets proc_port to a free port, and chooses whether proc_connect() uses it or the socket. */
void proc_use_port(bool use);

/* Runs the program on the given CPU (-1: on any) and waits until it accepts connections. */
void proc_start(const char *name, const char *program, const char *const argv[], int cpu);

/* CLOCK_MONOTONIC in ns, now and when the server was started. */
uint64_t proc_now(void);
uint64_t proc_started(void);

/* Kills the server and empties its directory. */
void proc_stop(void);

/* Ends the server as its administrator would; what it has on disk stays. */
void proc_end(void);

/* A new blocking connection to the server; the caller closes it. */
int proc_connect(void);

/* The same, but to the server the connection belongs to another process. */
int proc_connect_apart(void);

/* The server's CPU time so far, of all threads, in ns. Exact only while it sleeps. */
uint64_t proc_cpu_ns(void);

/* The server's resident memory in bytes, counted page by page. */
uint64_t proc_resident(void);

/*
 * Runs a program on any CPU with this standard input and output, and returns its pid. Its standard error is the
 * server's.
 */
int proc_spawn(const char *program, const char *const argv[], int in_fd, int out_fd);

/* Waits for a process of proc_spawn(), which must exit with 0, and returns its CPU time in ns. */
uint64_t proc_wait(int pid);
