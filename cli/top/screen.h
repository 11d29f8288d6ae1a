/*
 * The whole terminal, through ncurses: lines of text, and keys. Nothing of it is left when it is freed or
 * suspended. There is one at most.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "protocol.h"

enum screen_style {
	SCREEN_PLAIN,
	SCREEN_BOLD,
	SCREEN_REVERSE,
	SCREEN_NOTABLE, /* yellow, where there are colours */
	SCREEN_BAD,     /* red */
};

/* Keys that are no characters; characters are themselves, in Unicode. */
enum screen_key {
	SCREEN_KEY_NONE = 0, /* nothing was pressed */
	SCREEN_KEY_ESCAPE = 27,
	SCREEN_KEY_UP = 0x110000,
	SCREEN_KEY_DOWN,
	SCREEN_KEY_PAGE_UP,
	SCREEN_KEY_PAGE_DOWN,
	SCREEN_KEY_HOME,
	SCREEN_KEY_END,
	SCREEN_KEY_BACKSPACE,
	SCREEN_KEY_OTHER,
	SCREEN_KEY_GONE, /* the terminal is gone */
};

/* Whether the locale says that the terminal shows UTF-8; sets the program's locale of characters from the environment.
 */
bool screen_is_unicode(void);

/* Takes the terminal of standard input and output. Returns 0, or -1 where TERM is none that is known. */
int screen_init(void);
void screen_deinit(void);

/* Gives the terminal back for a while. */
void screen_suspend(void);

/* Takes it again and finds its size; also where somebody else has written on it, or it was resized. */
void screen_resume(void);

size_t screen_width(void);
size_t screen_height(void);

/* Puts a text, not wider than the screen, at a line, counted from 0; the rest of the line is empty. */
void screen_put(size_t line, struct slice text, enum screen_style style);

/* Makes the lines from here on empty. */
void screen_clear_from(size_t line);

/* Shows what was put; the cursor stands there, or nowhere where column is negative. */
void screen_show(size_t cursor_line, long cursor_column);

/* The next key that was pressed, without waiting. */
unsigned int screen_key(void);
