/*
 * Reads the configuration file. A line is empty, a section, "key = value", or a mistake that is reported: whatever is
 * passed over in silence may be an access rule.
 *
 * After a mistake the rest is read all the same, so that one check finds them all: a section whose name is wrong is
 * read as the one that was most likely meant, or else as any section, since each key stands in one kind of section
 * only.
 */
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "cleanup.h"
#include "config.h"
#include "config-rows.h"
#include "config-text.h"
#include "nearest.h"

/* The longest text in brackets, in bytes: a pattern may be as long as a channel's name. */
#define READER_SECTION_MAX (PROTOCOL_NAME_MAX + 16)
/* The longest name of a kind of section. */
#define READER_KIND_MAX 8

struct reader {
	struct config *config;
	const char *path;
	FILE *file;
	struct buf *mistakes;
	unsigned int n_mistakes;
	struct buf text; /* the line that is being read */
	unsigned int line;

	/* The section that is being read. */
	char section[READER_SECTION_MAX + READER_KIND_MAX + 1];
	unsigned int section_line; /* 0: there was none yet */
	enum config_scope scope;
	bool is_any; /* it is none of ours: it has the keys of all sections, which set what follows */
	void *base;  /* what its keys set; NULL: see above, or there was no memory */
	struct listener_config *any_listener;
	struct access_rule *any_rule;
	struct service_rule *any_service_rule;
	struct stream_rule *any_stream_rule;
	bool has_bad_value; /* a key has */
	uint64_t seen;      /* a bit for each row that has been set: here, if the section has a name, else anywhere */
	uint64_t seen_in_config;
	unsigned int lines[CONFIG_ROWS_MAX]; /* where the section has set each of these */
};

static void __attribute__((format(printf, 2, 3))) reader_mistake(struct reader *reader, const char *format, ...)
{
	char text[2048];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	reader->n_mistakes++;
	buf_printf(reader->mistakes, "%s:%u: %s\n", reader->path, reader->line, text);
}

/* Whether the row is a key of the section that is being read. */
static bool
reader_section_has(const struct reader *reader, const struct config_row *row)
{
	return reader->is_any || (row->scope == reader->scope &&
	                          (reader->scope != SCOPE_CONFIG || strcmp(row->section, reader->section) == 0));
}

static const struct config_row *
reader_find_row(const struct reader *reader, const char *key)
{
	for (size_t i = 0; i < config_n_rows; i++)
		if (reader_section_has(reader, &config_rows[i]) && strcmp(config_rows[i].key, key) == 0)
			return &config_rows[i];
	return NULL;
}

static void
reader_unknown_key(struct reader *reader, const char *key)
{
	const char *names[CONFIG_ROWS_MAX], *nearest;
	size_t n = 0;

	for (size_t i = 0; i < config_n_rows && n < sizeof(names) / sizeof(names[0]); i++)
		if (reader_section_has(reader, &config_rows[i]))
			names[n++] = config_rows[i].key;
	nearest = nearest_find(key, strlen(key), names, n);
	reader_mistake(reader, "%.200s: unknown key%s%s%s%s%s%s", key, reader->is_any ? "" : " in [",
	               reader->is_any ? "" : reader->section, reader->is_any ? "" : "]",
	               nearest ? "; did you mean '" : "", nearest ? nearest : "", nearest ? "'?" : "");
}

/* Whether the section has set the row; rows of sections without a name may be set only once in the file. */
static bool
reader_has_seen(const struct reader *reader, const struct config_row *row)
{
	uint64_t seen = row->scope == SCOPE_CONFIG ? reader->seen_in_config : reader->seen;

	return seen & UINT64_C(1) << (row - config_rows);
}

static void
reader_begin_listener(struct reader *reader, const char *name)
{
	const struct listener_config *other;

	reader->scope = SCOPE_LISTENER;
	if (!*name || strlen(name) >= LISTENER_NAME_MAX)
		reader_mistake(reader, "[%s]: a listener needs a name of 1 to %d characters, like [listener bus]",
		               reader->section, LISTENER_NAME_MAX - 1);
	STAILQ_FOREACH(other, &reader->config->listeners, link)
		if (*name && strcmp(other->name, name) == 0)
			reader_mistake(reader, "[%s]: there is a listener of this name already", reader->section);
	reader->base = config_add_listener(reader->config, name);
	if (!reader->base)
		reader_mistake(reader, "[%s]: out of memory", reader->section);
}

/* Begins a section whose name is a pattern, of channels, services or streams. */
static void
reader_begin_pattern(struct reader *reader, enum config_scope scope, const char *what, const char *example,
                     const char *glob)
{
	reader->scope = scope;
	if (!*glob)
		reader_mistake(reader, "[%s]: a %s section needs a name or pattern, like [%s]", reader->section, what,
		               example);
	else if (config_has_rule(reader->config, scope, glob))
		reader_mistake(reader, "[%s]: there is a section of this name already", reader->section);
	reader->base = config_add_rule(reader->config, scope, glob);
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
	          : mode_check(&listener->options, listener->listen.addrs[0].kind == ADDR_TCP, text, sizeof(text));
	if (key) {
		row = reader_find_row(reader, key);
		if (reader_has_seen(reader, row))
			reader->line = reader->lines[row - config_rows];
		reader_mistake(reader, "%s: %s", key, text);
	}
	reader->line = line;
}

/* Begins the section that reader->section names. Returns false if there is none of its kind. */
static bool
reader_begin_named(struct reader *reader)
{
	const char *name;

	if ((name = config_text_section_name(reader->section, "listener"))) {
		reader_begin_listener(reader, name);
		return true;
	}
	if ((name = config_text_section_name(reader->section, "channel"))) {
		reader_begin_pattern(reader, SCOPE_CHANNEL, "channel", "channel alerts.*", name);
		return true;
	}
	if ((name = config_text_section_name(reader->section, "service"))) {
		reader_begin_pattern(reader, SCOPE_SERVICE, "service", "service db.*", name);
		return true;
	}
	if ((name = config_text_section_name(reader->section, "stream"))) {
		reader_begin_pattern(reader, SCOPE_STREAM, "stream", "stream jobs.*", name);
		return true;
	}
	for (size_t i = 0; i < config_n_rows; i++)
		if (config_rows[i].scope == SCOPE_CONFIG && strcmp(config_rows[i].section, reader->section) == 0)
			reader->base = reader->config;
	return reader->base;
}

/* Reports the unknown section, and begins the one that was meant. */
static void
reader_begin_unknown(struct reader *reader)
{
	static const char *const kinds[] = { "udsd", "limits", "admin", "listener", "channel", "service", "stream" };
	size_t len = strcspn(reader->section, " \t");
	const char *nearest = nearest_find(reader->section, len, kinds, sizeof(kinds) / sizeof(kinds[0]));
	char *behind = reader->section + len;

	if (!nearest) {
		reader_mistake(reader,
		               "[%s]: unknown section; expected [udsd], [limits], [store], [admin], [listener NAME], "
		               "[channel PATTERN], [service PATTERN] or [stream PATTERN]",
		               reader->section);
		reader->is_any = true;
		return;
	}
	reader_mistake(reader, "[%s]: unknown section; did you mean [%s%s]?", reader->section, nearest, behind);
	memmove(reader->section + strlen(nearest), behind, strlen(behind) + 1);
	memcpy(reader->section, nearest, strlen(nearest));
	reader->is_any = !reader_begin_named(reader);
}

static void
reader_begin_section(struct reader *reader, char *line)
{
	char *end = config_text_find_end(line), *behind = "";

	reader_end_section(reader);
	reader->section_line = reader->line;
	reader->scope = SCOPE_CONFIG;
	reader->is_any = false;
	reader->base = NULL;
	reader->seen = 0;
	reader->has_bad_value = false;
	if (end) {
		*end = '\0';
		behind = config_text_trim(end + 1);
	} else {
		reader_mistake(reader, "'%.200s' has no ']' at its end; expected a [section]", line);
	}
	line = config_text_trim(line + 1);
	snprintf(reader->section, READER_SECTION_MAX + 1, "%s", line);
	if (strlen(line) > READER_SECTION_MAX)
		reader_mistake(reader, "[%.200s...]: the name is longer than %zu bytes", line, PROTOCOL_NAME_MAX);
	if (*behind)
		reader_mistake(reader, "'%.200s' stands after [%s]; expected it on a line of its own", behind,
		               reader->section);
	if (!reader_begin_named(reader))
		reader_begin_unknown(reader);
}

/* Reports an address that another listener has already. */
static void
reader_check_address(struct reader *reader, const char *value)
{
	const struct listener_config *other, *listener = reader->base;

	STAILQ_FOREACH(other, &reader->config->listeners, link)
		if (other != listener && addr_list_overlaps(&other->listen, &listener->listen))
			reader_mistake(reader, "listen: '%s' is the address of [listener %s] already", value,
			               other->name);
}

/* What the row's value is stored in; NULL: there was no memory for it. */
static void *
reader_base(const struct reader *reader, const struct config_row *row)
{
	if (!reader->is_any)
		return reader->base;
	return row->scope == SCOPE_LISTENER  ? (void *)reader->any_listener
	       : row->scope == SCOPE_CHANNEL ? (void *)reader->any_rule
	       : row->scope == SCOPE_SERVICE ? (void *)reader->any_service_rule
	       : row->scope == SCOPE_STREAM  ? (void *)reader->any_stream_rule
	                                     : reader->config;
}

static void
reader_set_key(struct reader *reader, const char *key, const char *value)
{
	const struct config_row *row;
	struct config_error error;
	uint64_t bit;
	void *base;

	if (reader->section_line == 0)
		reader_mistake(reader, "%.200s: stands before the first section, such as [udsd] or [listener NAME]",
		               key);
	row = reader_find_row(reader, key);
	if (!row) {
		reader_unknown_key(reader, key);
		return;
	}
	if (reader_has_seen(reader, row))
		reader_mistake(reader, "%s: is set twice", key);
	bit = UINT64_C(1) << (row - config_rows);
	reader->seen |= bit;
	if (row->scope == SCOPE_CONFIG)
		reader->seen_in_config |= bit;
	reader->lines[row - config_rows] = reader->line;
	base = reader_base(reader, row);
	if (!base)
		return;
	if (config_set_value(row, base, value, &error) != 0) {
		reader->has_bad_value = true;
		reader_mistake(reader, "%s: %s", key, error.text);
	} else if (row->type == &config_type_address && base == reader->base) {
		reader_check_address(reader, value);
	}
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

static void
reader_handle_line(struct reader *reader)
{
	char *text = config_text_trim((char *)reader->text.data), *separator = strpbrk(text, "=:");

	if (*text == '[') {
		reader_begin_section(reader, text);
	} else if (separator && separator > text) {
		*separator = '\0';
		reader_set_key(reader, config_text_trim(text), config_text_trim(separator + 1));
	} else if (*text) {
		reader_mistake(reader, "'%.200s' is neither 'key = value' nor a [section]", text);
	}
}

int
config_read(struct config *config, const char *path, struct buf *mistakes)
{
	_cleanup_fclose_ FILE *file = fopen(path, "re");
	struct reader reader = { .config = config, .path = path, .file = file, .mistakes = mistakes, .is_any = true };
	int r, error;

	if (!file) {
		r = -errno;
		buf_printf(mistakes, "%s: %s\n", path, strerror(errno));
		return r;
	}
	if (!config_text_skip_mark(file)) {
		reader.line = 1;
		reader_mistake(&reader, "the file does not begin with text");
		return -EINVAL;
	}
	reader.any_listener = config_new_listener("");
	reader.any_rule = access_rule_new("");
	reader.any_service_rule = service_rule_new("");
	reader.any_stream_rule = stream_rule_new("");
	while ((r = reader_read_line(&reader)) == 0)
		reader_handle_line(&reader);
	error = errno;
	if (r == -ENOMEM)
		reader_mistake(&reader, "out of memory");
	reader_end_section(&reader);
	free(reader.any_listener);
	free(reader.any_stream_rule);
	service_rule_free(reader.any_service_rule);
	access_rule_free(reader.any_rule);
	buf_deinit(&reader.text);
	if (ferror(file)) {
		buf_printf(mistakes, "%s: cannot be read: %s\n", path, strerror(error));
		return -EIO;
	}
	return reader.n_mistakes > 0 ? -EINVAL : 0;
}
