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

static struct {
	SCREEN *terminal;
	bool colours;
} screen;

bool
screen_is_unicode(void)
{
	setlocale(LC_CTYPE, "");
	return strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}

static void
init_colours(void)
{
	const char *no_colour = getenv("NO_COLOR");

	if ((no_colour && *no_colour) || !has_colors() || start_color() != OK)
		return;
	use_default_colors();
	screen.colours = init_pair(PAIR_NOTABLE, COLOR_YELLOW, -1) == OK && init_pair(PAIR_BAD, COLOR_RED, -1) == OK;
}

int
screen_init(void)
{
	screen.terminal = newterm(NULL, stdout, stdin);
	if (!screen.terminal)
		return -1;
	init_colours();
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
	if (!screen.terminal)
		return;
	endwin();
	delscreen(screen.terminal);
	screen.terminal = NULL;
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

static int
attributes(enum screen_style style)
{
	switch (style) {
	case SCREEN_PLAIN:
		return A_NORMAL;
	case SCREEN_BOLD:
		return A_BOLD;
	case SCREEN_REVERSE:
		return A_REVERSE;
	case SCREEN_NOTABLE:
		return screen.colours ? COLOR_PAIR(PAIR_NOTABLE) : A_NORMAL;
	case SCREEN_BAD:
		return screen.colours ? COLOR_PAIR(PAIR_BAD) | A_BOLD : A_BOLD;
	}
	return A_NORMAL;
}

void
screen_put(size_t line, struct slice text, enum screen_style style)
{
	int attribute = attributes(style);

	move((int)line, 0);
	attron(attribute);
	addnstr((const char *)text.p, (int)text.len);
	attroff(attribute);
	/* Behind a text as wide as the screen the cursor is on the next line already. */
	if (getcury(stdscr) == (int)line && getcurx(stdscr) > 0 && getcurx(stdscr) < COLS - 1)
		clrtoeol();
}

void
screen_clear_from(size_t line)
{
	if (line >= screen_height())
		return;
	move((int)line, 0);
	clrtobot();
}

void
screen_show(size_t cursor_line, long cursor_column)
{
	curs_set(cursor_column >= 0);
	if (cursor_column >= 0)
		move((int)cursor_line, (int)cursor_column);
	refresh();
}

static unsigned int
translate(wint_t key)
{
	switch (key) {
	case KEY_UP:
		return SCREEN_KEY_UP;
	case KEY_DOWN:
		return SCREEN_KEY_DOWN;
	case KEY_PPAGE:
		return SCREEN_KEY_PAGE_UP;
	case KEY_NPAGE:
		return SCREEN_KEY_PAGE_DOWN;
	case KEY_HOME:
		return SCREEN_KEY_HOME;
	case KEY_END:
		return SCREEN_KEY_END;
	case KEY_BACKSPACE:
		return SCREEN_KEY_BACKSPACE;
	case KEY_ENTER:
		return '\n';
	default:
		return SCREEN_KEY_OTHER;
	}
}

static bool
is_gone(void)
{
	struct pollfd p = { .fd = STDIN_FILENO };

	return poll(&p, 1, 0) > 0;
}

unsigned int
screen_key(void)
{
	wint_t key;

	switch (get_wch(&key)) {
	case KEY_CODE_YES:
		return translate(key);
	case OK:
		return key == 0x7f || key == '\b' ? SCREEN_KEY_BACKSPACE : key == '\r' ? '\n' : key;
	default:
		return is_gone() ? SCREEN_KEY_GONE : SCREEN_KEY_NONE;
	}
}
