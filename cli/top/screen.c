/*
 * ncurses writes and sets modes through one descriptor, and its writes would wait for a terminal that takes nothing. So
 * when the terminal is set up, a file in memory takes the place of that descriptor: ncurses writes there, and `output`
 * passes it on as the terminal takes it. From then on the modes are set here.
 */
#include "screen.h"

#include <langinfo.h>
#include <locale.h>
#include <ncurses.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <termios.h>
#include <unistd.h>

#include "memory.h"
#include "print.h"

/* How long the rest of a key's sequence may take after its escape character, in ms. */
#define ESCAPE_DELAY 25

enum { PAIR_NOTABLE = 1, PAIR_BAD };

static struct {
	SCREEN *terminal;
	FILE *file;                   /* what ncurses writes to: at first the terminal, then a file in memory */
	struct termios before, modes; /* of the terminal: outside and inside */
	struct output *output;
} screen;

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

/* Passes on what ncurses has written. */
static void
screen_flush(void)
{
	int fd = fileno(screen.file);
	off_t len = lseek(fd, 0, SEEK_CUR);

	if (len <= 0)
		return;
	output_commit(screen.output, (size_t)pread(fd, output_reserve(screen.output, (size_t)len), (size_t)len, 0));
	(void)!ftruncate(fd, 0);
	lseek(fd, 0, SEEK_SET);
	output_flush(screen.output);
}

/* From here on ncurses writes to memory. */
static void
screen_divert(void)
{
	int fd = memfd_create("screen", MFD_CLOEXEC);

	memory_check(fd);
	tcgetattr(STDOUT_FILENO, &screen.modes);
	dup2(fd, fileno(screen.file));
	close(fd);
}

int
screen_init(struct loop *loop, output_cb *drained, void *arg)
{
	const char *no_colour = getenv("NO_COLOR");

	tcgetattr(STDOUT_FILENO, &screen.before);
	screen.file = fdopen(dup(STDOUT_FILENO), "w");
	memory_check(screen.file ? 0 : -1);
	screen.terminal = newterm(NULL, screen.file, stdin);
	if (!screen.terminal) {
		fclose(screen.file);
		return -1;
	}
	screen.output = output_new(loop, STDOUT_FILENO, drained, arg);
	cbreak();
	noecho();
	nonl();
	screen_divert();
	if (!(no_colour && *no_colour) && has_colors() && start_color() == OK) {
		use_default_colors();
		if (init_pair(PAIR_NOTABLE, COLOR_YELLOW, -1) == OK && init_pair(PAIR_BAD, COLOR_RED, -1) == OK) {
			screen_attributes[SCREEN_NOTABLE] = COLOR_PAIR(PAIR_NOTABLE);
			screen_attributes[SCREEN_BAD] = COLOR_PAIR(PAIR_BAD) | A_BOLD;
		}
	}
	keypad(stdscr, TRUE);
	nodelay(stdscr, TRUE);
	set_escdelay(ESCAPE_DELAY);
	curs_set(0);
	return 0;
}

void
screen_deinit(void)
{
	struct slice rest;

	if (!screen.terminal)
		return;
	screen_suspend();
	rest = output_rest(screen.output);
	print_bytes(rest.p, rest.len);
	output_free(screen.output);
	delscreen(screen.terminal);
	screen.terminal = NULL;
	fclose(screen.file);
}

void
screen_suspend(void)
{
	endwin();
	screen_flush();
	tcsetattr(STDOUT_FILENO, TCSANOW, &screen.before);
}

bool
screen_is_busy(void)
{
	return output_pending(screen.output) > 0;
}

void
screen_resume(void)
{
	struct winsize size;

	tcsetattr(STDOUT_FILENO, TCSANOW, &screen.modes);
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
	screen_flush();
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
