#include "screen.h"

#include <langinfo.h>
#include <locale.h>
#include <ncurses.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* How long the rest of a key's sequence may take after its escape character, in ms. */
#define ESCAPE_DELAY 25

enum { PAIR_NOTABLE = 1, PAIR_BAD };

static SCREEN *screen_terminal;

/* Of ncurses, by enum screen_style. */
static int screen_attributes[] = {
	[SCREEN_PLAIN] = A_NORMAL,   [SCREEN_BOLD] = A_BOLD, [SCREEN_REVERSE] = A_REVERSE,
	[SCREEN_NOTABLE] = A_NORMAL, [SCREEN_BAD] = A_BOLD,
};

bool
screen_is_unicode(void)
{
	setlocale(LC_CTYPE, "");
	return strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}

int
screen_init(void)
{
	const char *no_colour = getenv("NO_COLOR");

	screen_terminal = newterm(NULL, stdout, stdin);
	if (!screen_terminal)
		return -1;
	if (!(no_colour && *no_colour) && has_colors() && start_color() == OK) {
		use_default_colors();
		if (init_pair(PAIR_NOTABLE, COLOR_YELLOW, -1) == OK && init_pair(PAIR_BAD, COLOR_RED, -1) == OK) {
			screen_attributes[SCREEN_NOTABLE] = COLOR_PAIR(PAIR_NOTABLE);
			screen_attributes[SCREEN_BAD] = COLOR_PAIR(PAIR_BAD) | A_BOLD;
		}
	}
	cbreak();
	noecho();
	nonl();
	keypad(stdscr, TRUE);
	nodelay(stdscr, TRUE);
	set_escdelay(ESCAPE_DELAY);
	curs_set(0);
	return 0;
}

void
screen_deinit(void)
{
	if (!screen_terminal)
		return;
	endwin();
	delscreen(screen_terminal);
	screen_terminal = NULL;
}

void
screen_suspend(void)
{
	endwin();
}

void
screen_resume(void)
{
	struct winsize size;

	reset_prog_mode();
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row > 0 && size.ws_col > 0)
		resizeterm(size.ws_row, size.ws_col);
	clearok(curscr, TRUE);
}

size_t
screen_width(void)
{
	return (size_t)COLS;
}

size_t
screen_height(void)
{
	return (size_t)LINES;
}

void
screen_put(size_t line, struct slice text, enum screen_style style)
{
	move((int)line, 0);
	attron(screen_attributes[style]);
	addnstr((const char *)text.p, (int)text.len);
	attroff(screen_attributes[style]);
	/* After a text as wide as the screen the cursor is on the next line already. */
	if (getcury(stdscr) == (int)line && getcurx(stdscr) > 0 && getcurx(stdscr) < COLS - 1)
		clrtoeol();
}

void
screen_show(size_t cursor_line, long cursor_column)
{
	curs_set(cursor_column >= 0);
	if (cursor_column >= 0)
		move((int)cursor_line, (int)cursor_column);
	refresh();
}

unsigned int
screen_key(void)
{
	struct pollfd p = { .fd = STDIN_FILENO };
	wint_t key;

	switch (get_wch(&key)) {
	case KEY_CODE_YES:
		return key == KEY_ENTER ? '\n' : SCREEN_KEY(key);
	case OK:
		return key == 0x7f || key == '\b' ? SCREEN_KEY(KEY_BACKSPACE) : key == '\r' ? '\n' : key;
	default: /* no key, though there is something to read: the end */
		return poll(&p, 1, 0) > 0 ? SCREEN_KEY_GONE : SCREEN_KEY_NONE;
	}
}
