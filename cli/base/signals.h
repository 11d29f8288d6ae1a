/*
 * The signals as udsctl was started with them. What was ignored then stays ignored, here and in programs that udsctl
 * starts: nohup(1), and a shell without job control for its background commands, expect that.
 */
#pragma once

#include <signal.h>
#include <stdbool.h>

/*
 * Call first in main(). Ignores SIGPIPE and SIGXFSZ, which write(2) reports as errors, and unblocks the signals that
 * udsctl catches. As process 1 of a container, it also gets the orphans of others; they leave no zombies.
 */
void signals_init(void);

/* Whether the signal was ignored when udsctl was started. */
bool signals_was_ignored(int signo);

/* In a child process that is to become another program: what udsctl ignores or catches has its default action. Only
 * makes system calls. */
void signals_reset(void);

/* Gives those their default action in this process. */
void signals_restore(void);

/* A SIGINT has come. */
void signals_note_interrupt(void);

/*
 * Returns the exit status. If a SIGINT has come, it ends by that signal instead, for which a shell has the status 130:
 * one that waits for udsctl in a loop ends the loop only then.
 */
int signals_end(int status);
