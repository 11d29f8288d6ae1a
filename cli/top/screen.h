/*
 * The whole terminal, through ncurses: lines of text out, keys in. There is one screen at most; it owns the terminal
 * from screen_init() to screen_deinit(), but for the time between suspend and resume.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "output.h"
#include "protocol.h"

enum screen_style {
	SCREEN_PLAIN,
	SCREEN_BOLD,
	SCREEN_REVERSE,
	SCREEN_NOTABLE, /* yellow, where there are colours */
	SCREEN_BAD,     /* red, and bold */
};

/* A key that is no character: SCREEN_KEY(KEY_UP) and so on, by the names of ncurses. */
#define SCREEN_KEY(name) (0x110000u + (name))
#define SCREEN_KEY_NONE 0u /* nothing was pressed */
#define SCREEN_KEY_ESCAPE 27u
#define SCREEN_KEY_GONE SCREEN_KEY(0) /* the terminal is gone */

/* Sets the program's character set from the environment; returns whether it is UTF-8. */
bool screen_is_unicode(void);

/*
 * Takes the terminal of standard input and output. `drained` is called when it has taken all that was shown, after
 * screen_is_busy(). Returns 0, or -1 if TERM is unknown.
 */
int screen_init(struct loop *loop, output_cb *drained, void *arg);

/* Gives it back, as it was. What it does not take now is left to print_end(). */
void screen_deinit(void);
void screen_suspend(void);

/* Takes it again and reads its size: after a suspend, a resize, or if something else wrote on it. */
void screen_resume(void);

/* Whether the terminal has not taken all yet, for example since ^S has stopped it: then show nothing new. */
bool screen_is_busy(void);

/* In columns and lines. */
size_t screen_width(void);
size_t screen_height(void);

/* Puts a text, not wider than the screen, on a line, counted from 0; the rest of the line becomes empty. */
void screen_put(size_t line, struct slice text, enum screen_style style);

/* Shows what was put; cursor_column < 0: no cursor. */
void screen_show(size_t cursor_line, long cursor_column);

/* The next key that was pressed, without waiting: a character, in Unicode, or one of those above. Enter is '\n'. */
unsigned int screen_key(void);
