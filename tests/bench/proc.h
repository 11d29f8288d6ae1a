/*
 * The server process under measurement: one at a time, in a private directory, killed when the benchmark
 * ends in whatever way. What it wrote is shown when the benchmark fails. Failures here end the benchmark,
 * with a text that names the server.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Makes the directory, arranges for its removal at exit, and takes SIGINT and SIGTERM. Once. */
void proc_setup(void);

/* Whether SIGINT or SIGTERM has come. */
bool proc_is_interrupted(void);

/* The path on which the server shall listen; set by proc_setup(). */
extern char proc_socket[48];

/* Runs the program on the given CPU (-1: on any) and waits until it accepts connections. */
void proc_start(const char *name, const char *program, const char *const argv[], int cpu);

/* Kills the server and empties its directory. */
void proc_stop(void);

/* A new blocking connection to the server; the caller closes it. */
int proc_connect(void);

/* The same, but the server sees a process of its own behind it. */
int proc_connect_apart(void);

/* The server's time on a CPU so far, all threads, in ns. Exact only while it sleeps. */
uint64_t proc_cpu_ns(void);

/* The server's resident memory in bytes. */
uint64_t proc_resident(void);
