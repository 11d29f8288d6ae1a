/*
 * What verbs print on standard output. The text gathers in memory, so that printing never blocks the loop. In a loop
 * ask_flush() writes it; what is left at the end, print_end() does.
 */
#pragma once

#include <stddef.h>

#include "protocol.h"

struct buf;

void print(const char *format, ...) __attribute__((format(printf, 1, 2)));
void print_bytes(const void *p, size_t len);

/* A name and a line end, for completions; nothing if the name is not one line of plain characters. */
void print_name(struct slice name);

/* What was printed and not written yet. Who writes it removes it. */
struct buf *print_text(void);

/*
 * Writes what was printed and returns the exit status: the given one, or instead of 0 EX_IOERR, after saying why. A
 * reader that left is no failure. Call when no loop is left: a signal then ends udsctl while its reader takes nothing.
 * After a signal in the loop only what goes at once is written.
 */
int print_end(int status);
