/*
 * The server process under measurement: one at a time, in a private directory, killed when the benchmark
 * ends in whatever way. What it wrote is shown when the benchmark fails. Failures here end the benchmark,
 * with a text that names the server.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Makes the directory, arranges for its removal at exit, and takes SIGINT and SIGTERM. Once, before pinning. */
void proc_setup(void);

/* Ends the benchmark with a text about the server. */
_Noreturn void proc_fail(const char *what);

/* Whether SIGINT or SIGTERM has come. */
bool proc_is_interrupted(void);

/* Where the server shall listen, and the path of its configuration; what proc_start() finds there is written
 * before. The port is another one for each start. */
extern char proc_socket[48];
extern char proc_config[48];
extern char proc_port[8];

/* Sets proc_port to a port that nobody listens on, and makes proc_connect() use it, or the socket. */
void proc_use_port(bool use);

/* Runs the program on the given CPU (-1: on any) and waits until it accepts connections. */
void proc_start(const char *name, const char *program, const char *const argv[], int cpu);

/* CLOCK_MONOTONIC in ns, now and when the server was started. */
uint64_t proc_now(void);
uint64_t proc_started(void);

/* Kills the server and empties its directory. */
void proc_stop(void);

/* A new blocking connection to the server; the caller closes it. */
int proc_connect(void);

/* The same, but the server sees a process of its own behind it. */
int proc_connect_apart(void);

/* The server's time on a CPU so far, all threads, in ns. Exact only while it sleeps. */
uint64_t proc_cpu_ns(void);

/* The server's resident memory in bytes, counted page by page. */
uint64_t proc_resident(void);

/*
 * Runs a program, on any CPU, with these standard descriptors, and returns its pid. It gets the server's standard
 * error.
 */
int proc_spawn(const char *program, const char *const argv[], int in_fd, int out_fd);

/* Waits for a process of proc_spawn(), which must succeed, and returns its time on a CPU in ns. */
uint64_t proc_wait(int pid);

/* Runs a program and writes the first line that it says, without its newline, or "". */
void proc_read_line(const char *program, const char *const argv[], char *ret_line, size_t size);
