/*
 * Reads the configuration file. A line is empty, a section, "key = value", or a mistake that is reported: whatever is
 * passed over in silence may be an access rule. inih only splits "key = value"; it would skip or join what it does not
 * understand, so it is given nothing else, and an empty line instead.
 *
 * After a mistake the rest is read all the same, so that one check finds them all.
 */
#include <ctype.h>
#include <errno.h>
#include <ini.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "buf.h"
#include "cleanup.h"
#include "config.h"
#include "config-rows.h"

/* inih's limit for a line. */
#define READER_LINE_MAX 198

struct reader {
	struct config *config;
	const char *path;
	FILE *file;
	struct buf *mistakes;
	unsigned int n_mistakes;
	struct buf text; /* the line that is being read */
	unsigned int line;

	/* The section that is being read. */
	char section[READER_LINE_MAX + 1];
	unsigned int section_line; /* 0: there was none yet */
	enum config_scope scope;
	void *base;         /* what its keys set; NULL: none, because the section is a mistake itself */
	bool has_bad_value; /* a key has */
	uint32_t seen;      /* a bit for each row that has been set: here, if the section has a name, else anywhere */
	uint32_t seen_in_config;
	unsigned int lines[CONFIG_ROWS_MAX]; /* where the section has set each of these */
};

static void __attribute__((format(printf, 2, 3))) reader_mistake(struct reader *reader, const char *format, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	reader->n_mistakes++;
	buf_printf(reader->mistakes, "%s:%u: %s\n", reader->path, reader->line, text);
}

static const struct config_row *
reader_find_row(const struct reader *reader, const char *key)
{
	for (size_t i = 0; i < config_n_rows; i++)
		if (config_rows[i].scope == reader->scope && strcmp(config_rows[i].key, key) == 0 &&
		    (reader->scope != SCOPE_CONFIG || strcmp(config_rows[i].section, reader->section) == 0))
			return &config_rows[i];
	return NULL;
}

/* Whether the section has set the row; rows of sections without a name may be set only once in the file. */
static bool
reader_has_seen(const struct reader *reader, const struct config_row *row)
{
	uint32_t seen = reader->scope == SCOPE_CONFIG ? reader->seen_in_config : reader->seen;

	return seen & UINT32_C(1) << (row - config_rows);
}

static void
reader_begin_listener(struct reader *reader, const char *name)
{
	const struct listener_config *other;

	reader->scope = SCOPE_LISTENER;
	if (!*name || strlen(name) >= LISTENER_NAME_MAX) {
		reader_mistake(reader, "[%s]: a listener needs a name of 1 to %d characters, like [listener bus]",
		               reader->section, LISTENER_NAME_MAX - 1);
		return;
	}
	STAILQ_FOREACH(other, &reader->config->listeners, link)
		if (strcmp(other->name, name) == 0)
			reader_mistake(reader, "[%s]: there is a listener of this name already", reader->section);
	reader->base = config_add_listener(reader->config, name);
	if (!reader->base)
		reader_mistake(reader, "[%s]: out of memory", reader->section);
}

static void
reader_begin_channel(struct reader *reader, const char *glob)
{
	const struct access_rule *other;

	reader->scope = SCOPE_CHANNEL;
	if (!*glob) {
		reader_mistake(reader, "[%s]: a channel section needs a name or pattern, like [channel alerts.*]",
		               reader->section);
		return;
	}
	STAILQ_FOREACH(other, &reader->config->rules, link)
		if (strcmp(other->glob, glob) == 0)
			reader_mistake(reader, "[%s]: there is a section of this name already", reader->section);
	reader->base = config_add_rule(reader->config, glob);
	if (!reader->base)
		reader_mistake(reader, "[%s]: out of memory", reader->section);
}

/* Checks the section as a whole: a listener's required keys, and keys that exclude each other. */
static void
reader_end_section(struct reader *reader)
{
	const struct listener_config *listener = reader->base;
	unsigned int line = reader->line;
	const struct config_row *row;
	const char *key;
	char text[256];

	if (reader->scope != SCOPE_LISTENER || !listener)
		return;
	reader->line = reader->section_line;
	row = reader_find_row(reader, "listen");
	if (!reader_has_seen(reader, row))
		reader_mistake(reader, "[%s]: 'listen' is missing; expected a path, @name or host:port",
		               reader->section);
	key = reader->has_bad_value
	          ? NULL
	          : mode_check(&listener->options, listener->addr.kind == ADDR_TCP, text, sizeof(text));
	if (key) {
		row = reader_find_row(reader, key);
		if (reader_has_seen(reader, row))
			reader->line = reader->lines[row - config_rows];
		reader_mistake(reader, "%s: %s", key, text);
	}
	reader->line = line;
}

/* The name in a section such as [listener NAME], or NULL for another one. */
static const char *
reader_section_name(const struct reader *reader, const char *kind)
{
	size_t len = strlen(kind);
	const char *rest = reader->section + len;

	if (strncmp(reader->section, kind, len) != 0 || (*rest && !isspace((unsigned char)*rest)))
		return NULL;
	while (isspace((unsigned char)*rest))
		rest++;
	return rest;
}

/* Without the blanks around it, which it must have room to lose: its end is written over. */
static char *
reader_trim(char *text)
{
	size_t len = strlen(text);

	while (len > 0 && isspace((unsigned char)text[len - 1]))
		text[--len] = '\0';
	while (isspace((unsigned char)*text))
		text++;
	return text;
}

/* The bracket that ends a section. A glob has brackets of its own, around a class of characters. */
static char *
reader_find_end(char *line)
{
	bool in_class = false;

	for (char *p = line + 1; *p; p++) {
		if (*p == ']' && !in_class)
			return p;
		if (*p == '\\' && p[1])
			p++;
		else if (*p == '[' || *p == ']')
			in_class = *p == '[';
	}
	return NULL;
}

static void
reader_begin_section(struct reader *reader, char *line)
{
	char *end = reader_find_end(line), *behind;
	const char *name;

	reader_end_section(reader);
	reader->section_line = reader->line;
	reader->scope = SCOPE_CONFIG;
	reader->base = NULL;
	reader->seen = 0;
	reader->has_bad_value = false;
	if (!end) {
		reader_mistake(reader, "'%s' has no ']' at its end; expected a [section]", line);
		return;
	}
	*end = '\0';
	snprintf(reader->section, sizeof(reader->section), "%s", reader_trim(line + 1));
	behind = reader_trim(end + 1);
	if (*behind)
		reader_mistake(reader, "'%s' stands behind [%s]; expected it on a line of its own", behind,
		               reader->section);
	if ((name = reader_section_name(reader, "listener"))) {
		reader_begin_listener(reader, name);
		return;
	}
	if ((name = reader_section_name(reader, "channel"))) {
		reader_begin_channel(reader, name);
		return;
	}
	for (size_t i = 0; i < config_n_rows; i++)
		if (config_rows[i].scope == SCOPE_CONFIG && strcmp(config_rows[i].section, reader->section) == 0)
			reader->base = reader->config;
	if (!reader->base)
		reader_mistake(reader,
		               "[%s]: unknown section; expected [udsd], [limits], [admin], [listener NAME] or [channel "
		               "PATTERN]",
		               reader->section);
}

/* Reports an address that another listener has already. */
static void
reader_check_address(struct reader *reader, const char *value)
{
	const struct listener_config *other, *listener = reader->base;

	STAILQ_FOREACH(other, &reader->config->listeners, link)
		if (other != listener && addr_is_equal(&other->addr, &listener->addr))
			reader_mistake(reader, "listen: '%s' is the address of [listener %s] already", value,
			               other->name);
}

/* inih's handler: 1 for a line that is right. Mistakes are recorded here, so that inih need not count them. */
static int
reader_handle_key(void *user, const char *section __attribute__((unused)), const char *key, const char *value)
{
	struct reader *reader = user;
	const struct config_row *row;
	struct config_error error;
	uint32_t bit;

	if (reader->section_line == 0)
		reader_mistake(reader, "%s: stands before the first section, such as [udsd] or [listener NAME]", key);
	if (!reader->base)
		return 1;
	row = reader_find_row(reader, key);
	if (!row) {
		reader_mistake(reader, "%s: unknown key in [%s]", key, reader->section);
		return 1;
	}
	if (reader_has_seen(reader, row))
		reader_mistake(reader, "%s: is set twice", key);
	bit = UINT32_C(1) << (row - config_rows);
	reader->seen |= bit;
	if (row->scope == SCOPE_CONFIG)
		reader->seen_in_config |= bit;
	reader->lines[row - config_rows] = reader->line;
	if (config_set_value(row, reader->base, value, &error) != 0) {
		reader->has_bad_value = true;
		reader_mistake(reader, "%s: %s", key, error.text);
	} else if (row->type == &config_type_address) {
		reader_check_address(reader, value);
	}
	return 1;
}

/* Reads a line to reader->text, without its comment. Returns 0, -ENOMEM, or -ENODATA at the end of the file. */
static int
reader_read_line(struct reader *reader)
{
	bool in_comment = false, has_nul = false;
	int c, last = ' ', r = 0;

	reader->text.len = 0;
	reader->line++;
	while (r == 0 && (c = getc(reader->file)) != EOF && c != '\n') {
		in_comment |= isspace(last) && (c == '#' || c == ';');
		has_nul |= c == '\0';
		last = c;
		if (!in_comment)
			r = buf_append(&reader->text, &(char){ (char)c }, 1);
	}
	if (r == 0 && c == EOF && reader->text.len == 0 && !in_comment)
		return -ENODATA;
	if (has_nul) {
		reader_mistake(reader, "the line has a NUL byte");
		reader->text.len = 0;
	}
	return r < 0 ? r : buf_append(&reader->text, "", 1);
}

/* inih's reader: "key = value" for it to split, or an empty line. */
static char *
reader_next(char *line, int size, void *user)
{
	struct reader *reader = user;
	int r = reader_read_line(reader);
	char *text;

	if (r == -ENOMEM)
		reader_mistake(reader, "out of memory");
	if (r < 0)
		return NULL;
	text = reader_trim((char *)reader->text.data);
	*line = '\0';
	if (strlen(text) > READER_LINE_MAX)
		reader_mistake(reader, "the line is longer than %d characters", READER_LINE_MAX);
	else if (*text == '[')
		reader_begin_section(reader, text);
	else if (*text && (strchr("=:", *text) || !strpbrk(text, "=:")))
		reader_mistake(reader, "'%s' is neither 'key = value' nor a [section]", text);
	else
		snprintf(line, (size_t)size, "%s", text);
	return line;
}

/* Some editors begin a file with a mark of UTF-8. Returns whether the file begins with that or with text. */
static bool
reader_skip_mark(struct reader *reader)
{
	int c = getc(reader->file);

	if (c == 0xef)
		return getc(reader->file) == 0xbb && getc(reader->file) == 0xbf;
	ungetc(c, reader->file);
	return true;
}

int
config_read(struct config *config, const char *path, struct buf *mistakes)
{
	_cleanup_fclose_ FILE *file = fopen(path, "re");
	struct reader reader = { .config = config, .path = path, .file = file, .mistakes = mistakes };
	int r;

	if (!file) {
		r = -errno;
		buf_printf(mistakes, "%s: %s\n", path, strerror(errno));
		return r;
	}
	if (!reader_skip_mark(&reader)) {
		reader.line = 1;
		reader_mistake(&reader, "the file does not begin with text");
		return -EINVAL;
	}
	r = ini_parse_stream(reader_next, &reader, reader_handle_key, &reader);
	reader_end_section(&reader);
	if (r != 0 && reader.n_mistakes == 0)
		reader_mistake(&reader, "cannot be read");
	buf_deinit(&reader.text);
	if (ferror(file)) {
		buf_printf(mistakes, "%s: cannot be read\n", path);
		return -EIO;
	}
	return reader.n_mistakes > 0 ? -EINVAL : 0;
}
