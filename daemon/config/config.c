#include "config.h"

#include <ctype.h>
#include <errno.h>
#include <ini.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "cleanup.h"
#include "config-rows.h"

/* inih's limit for a line, with its end. */
#define LINE_MAX_CHARS 198

static const char *const scope_names[] = { [SCOPE_LISTENER] = "listener", [SCOPE_CHANNEL] = "channel" };

static int
set_defaults(enum config_scope scope, void *base)
{
	struct config_bad_part bad;
	int r = 0;

	for (size_t i = 0; r == 0 && i < config_n_rows; i++)
		if (config_rows[i].scope == scope && config_rows[i].initial && config_rows[i].type != TYPE_ADDR)
			r = config_set_value(&config_rows[i], base, config_rows[i].initial, &bad);
	return r;
}

struct config *
config_new(void)
{
	struct config *config = calloc(1, sizeof(*config));

	if (!config)
		return NULL;
	STAILQ_INIT(&config->listeners);
	STAILQ_INIT(&config->rules);
	if (set_defaults(SCOPE_CONFIG, config) < 0) {
		config_free(config);
		return NULL;
	}
	return config;
}

void
config_free(struct config *config)
{
	struct listener_config *listener;
	struct access_rule *rule;

	if (!config)
		return;
	while ((listener = STAILQ_FIRST(&config->listeners))) {
		STAILQ_REMOVE_HEAD(&config->listeners, link);
		free(listener);
	}
	while ((rule = STAILQ_FIRST(&config->rules))) {
		STAILQ_REMOVE_HEAD(&config->rules, link);
		access_rule_free(rule);
	}
	access_list_deinit(&config->admins);
	free(config);
}

struct listener_config *
config_new_listener(const char *name)
{
	struct listener_config *listener = calloc(1, sizeof(*listener));

	if (!listener)
		return NULL;
	snprintf(listener->name, sizeof(listener->name), "%s", name);
	set_defaults(SCOPE_LISTENER, listener);
	return listener;
}

struct listener_config *
config_add_listener(struct config *config, const char *name)
{
	struct listener_config *listener = config_new_listener(name);

	if (!listener)
		return NULL;
	STAILQ_INSERT_TAIL(&config->listeners, listener, link);
	return listener;
}

static struct access_rule *
add_rule(struct config *config, const char *glob)
{
	struct access_rule *rule = access_rule_new(glob);

	if (!rule)
		return NULL;
	set_defaults(SCOPE_CHANNEL, rule);
	STAILQ_INSERT_TAIL(&config->rules, rule, link);
	return rule;
}

/* Writes the rows of a scope; one that has no names has sections. */
static void
print_scope(enum config_scope scope, const void *base, FILE *out)
{
	const char *section = "";

	for (size_t i = 0; i < config_n_rows; i++) {
		if (config_rows[i].scope != scope || !config_has_value(&config_rows[i], base))
			continue;
		if (scope == SCOPE_CONFIG && strcmp(config_rows[i].section, section) != 0)
			fprintf(out, "%s[%s]\n", *section ? "\n" : "", config_rows[i].section);
		section = config_rows[i].section;
		config_print_value(&config_rows[i], base, out);
	}
}

void
config_print(const struct config *config, FILE *out)
{
	const struct listener_config *listener;
	const struct access_rule *rule;

	print_scope(SCOPE_CONFIG, config, out);
	STAILQ_FOREACH(listener, &config->listeners, link) {
		fprintf(out, "\n[listener %s]\n", listener->name);
		print_scope(SCOPE_LISTENER, listener, out);
	}
	STAILQ_FOREACH(rule, &config->rules, link) {
		fprintf(out, "\n[channel %s]\n", rule->glob);
		print_scope(SCOPE_CHANNEL, rule, out);
	}
}

/* The bit of a row in a set of rows. */
static uint32_t
bit_of(const struct config_row *row)
{
	return UINT32_C(1) << (row - config_rows);
}

/* The state of reading one file. */
struct reader {
	struct config *config;
	const char *path;
	FILE *file;
	struct buf *mistakes;
	unsigned int line, section_line;
	unsigned int n_mistakes;
	enum config_scope scope;                            /* of the section that is being read */
	void *base;                                         /* what its keys set */
	bool in_section, in_unknown_section, has_bad_value; /* the last: among the section's */
	char section[LINE_MAX_CHARS + 1];
	uint32_t seen;           /* a bit for each row that the section has set */
	unsigned int lines[32];  /* where the section has set each of these */
	uint32_t seen_elsewhere; /* likewise for the sections without a name */
};

static void __attribute__((format(printf, 2, 3))) mistake(struct reader *reader, const char *format, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	reader->n_mistakes++;
	buf_printf(reader->mistakes, "%s:%u: %s\n", reader->path, reader->line, text);
}

static void
begin_listener(struct reader *reader, const char *name)
{
	const struct listener_config *other;

	if (!*name || strlen(name) >= LISTENER_NAME_MAX) {
		mistake(reader, "[%s]: a listener needs a name of 1 to %d characters, like [listener bus]",
		        reader->section, LISTENER_NAME_MAX - 1);
		reader->in_unknown_section = true;
		return;
	}
	STAILQ_FOREACH(other, &reader->config->listeners, link)
		if (strcmp(other->name, name) == 0)
			mistake(reader, "[%s]: there is a listener of this name already", reader->section);
	reader->base = config_add_listener(reader->config, name);
}

static void
begin_channel(struct reader *reader, const char *glob)
{
	const struct access_rule *other;

	if (!*glob) {
		mistake(reader, "[%s]: a channel section needs a name or pattern, like [channel alerts.*]",
		        reader->section);
		reader->in_unknown_section = true;
		return;
	}
	STAILQ_FOREACH(other, &reader->config->rules, link)
		if (strcmp(other->glob, glob) == 0)
			mistake(reader, "[%s]: there is a section of this name already", reader->section);
	reader->base = add_rule(reader->config, glob);
}

static const struct config_row *
find_row(const struct reader *reader, const char *key)
{
	for (size_t i = 0; i < config_n_rows; i++)
		if (config_rows[i].scope == reader->scope && strcmp(config_rows[i].key, key) == 0 &&
		    (reader->scope != SCOPE_CONFIG || strcmp(config_rows[i].section, reader->section) == 0))
			return &config_rows[i];
	return NULL;
}

/* Checks a whole listener: required keys, and keys that exclude each other. */
static void
end_listener(struct reader *reader)
{
	const struct listener_config *listener = reader->base;
	const struct config_row *row = find_row(reader, "listen");
	const char *key;
	char text[256];

	reader->line = reader->section_line;
	if (!(reader->seen & bit_of(row)))
		mistake(reader, "[%s]: '%s' is missing; expected a path, @name or host:port", reader->section,
		        row->key);
	if (reader->has_bad_value)
		return;
	key = mode_check(&listener->options, listener->addr.kind == ADDR_TCP, text, sizeof(text));
	if (!key)
		return;
	row = find_row(reader, key);
	if (reader->seen & bit_of(row))
		reader->line = reader->lines[row - config_rows];
	mistake(reader, "%s: %s", key, text);
}

static void
end_section(struct reader *reader)
{
	unsigned int line = reader->line;

	if (reader->scope == SCOPE_LISTENER && !reader->in_unknown_section)
		end_listener(reader);
	reader->line = line;
	reader->section_line = line;
	reader->scope = SCOPE_CONFIG;
	reader->base = reader->config;
	reader->seen = 0;
	reader->has_bad_value = false;
	reader->in_unknown_section = false;
}

/* The name in a section such as [listener NAME], or NULL for another one. */
static const char *
section_name(const char *section, enum config_scope scope)
{
	size_t len = strlen(scope_names[scope]);

	if (strncmp(section, scope_names[scope], len) != 0 || (section[len] && section[len] != ' '))
		return NULL;
	return section + len + strspn(section + len, " ");
}

static void
begin_named_section(struct reader *reader, enum config_scope scope, const char *name)
{
	reader->scope = scope;
	reader->base = NULL;
	if (scope == SCOPE_LISTENER)
		begin_listener(reader, name);
	else
		begin_channel(reader, name);
	if (reader->base || reader->in_unknown_section)
		return;
	mistake(reader, "[%s]: out of memory", reader->section);
	reader->in_unknown_section = true;
}

/* The length of a section's text: a glob may have brackets of its own, and a comment may follow. */
static size_t
section_len(const char *line)
{
	size_t end = strcspn(line, "]"), comment = end;

	while (line[comment] && !(strchr(" \t", line[comment - 1]) && strchr(";#", line[comment])))
		comment++;
	for (size_t i = end; i < comment; i++)
		if (line[i] == ']')
			end = i;
	return end - 1;
}

/* inih tells of a section only with its first key; a line that opens one is looked at here. */
static void
begin_section(struct reader *reader, const char *line)
{
	const char *name;

	end_section(reader);
	snprintf(reader->section, sizeof(reader->section), "%.*s", (int)section_len(line), line + 1);
	reader->in_section = true;
	for (enum config_scope scope = SCOPE_LISTENER; scope <= SCOPE_CHANNEL; scope++) {
		name = section_name(reader->section, scope);
		if (name) {
			begin_named_section(reader, scope, name);
			return;
		}
	}
	for (size_t i = 0; i < config_n_rows; i++)
		if (config_rows[i].scope == SCOPE_CONFIG && strcmp(config_rows[i].section, reader->section) == 0)
			return;
	mistake(reader,
	        "[%s]: unknown section; expected [udsd], [limits], [admin], [listener NAME] or [channel PATTERN]",
	        reader->section);
	reader->in_unknown_section = true;
}

/* inih tells only of the first line that it cannot read, so these are found here. Blanks it would skip over. */
static void
check_form(struct reader *reader, char *line)
{
	if (*line == '[' ? strchr(line, ']') != NULL : strchr("#;\r\n", *line) || strpbrk(line, "=:"))
		return;
	mistake(reader, "'%.*s' is neither 'key = value' nor a [section]", (int)strcspn(line, "\r\n"), line);
	*line = '\0';
}

/* inih's reader: one line without the blanks that it begins with. */
static char *
read_line(char *line, int size, void *stream)
{
	struct reader *reader = stream;
	bool is_blank = true, has_nul = false, in_comment = false;
	int c, last = ' ', len = 0, n = 0;

	for (; (c = getc(reader->file)) != EOF && c != '\n'; n++) {
		in_comment |= c == '#' && strchr(" \t", last); /* inih knows only ';' behind a value */
		last = c;
		if (in_comment)
			continue;
		is_blank &= c == ' ' || c == '\t';
		has_nul |= c == '\0';
		if (!is_blank && len < size - 2)
			line[len++] = (char)c;
	}
	if (c == EOF && n == 0)
		return NULL;
	reader->line++;
	if (n > LINE_MAX_CHARS)
		mistake(reader, "the line is longer than %d characters", LINE_MAX_CHARS);
	if (has_nul)
		mistake(reader, "the line has a NUL byte");
	if (has_nul || n > LINE_MAX_CHARS)
		len = 0;
	line[len++] = '\n';
	line[len] = '\0';
	check_form(reader, line);
	if (*line == '[')
		begin_section(reader, line);
	return line;
}

static void
bad_value(struct reader *reader, const struct config_row *row, const char *value, const struct config_bad_part *bad,
          int error)
{
	if (error == -ENOMEM)
		mistake(reader, "%s: out of memory", row->key);
	else if (row->type == TYPE_ADDR)
		mistake(reader, "%s: '%s': %s", row->key, value, addr_strerror(error));
	else if (row->type == TYPE_PRINCIPALS && error == -ENOENT)
		mistake(reader, "%s: there is no %s '%s'", row->key, bad->text[0] == '@' ? "group" : "user",
		        bad->text + (bad->text[0] == '@'));
	else if (row->type == TYPE_PRINCIPALS)
		mistake(reader, "%s: '%s' is not %s", row->key, bad->text, config_expected(row->type));
	else if (row->type == TYPE_USER || row->type == TYPE_GROUP)
		mistake(reader, "%s: there is no %s '%s'", row->key, row->type == TYPE_USER ? "user" : "group", value);
	else if (error == -ERANGE && row->type != TYPE_BITS)
		mistake(reader, "%s: '%s' is out of range; expected %llu to %llu%s", row->key, value,
		        (unsigned long long)row->min, (unsigned long long)row->max,
		        row->type == TYPE_DURATION ? " ms" : "");
	else
		mistake(reader, "%s: '%s' is not %s", row->key, value, config_expected(row->type));
}

/* Reports an address that another listener has already. */
static void
check_address(struct reader *reader, const char *value)
{
	const struct listener_config *other, *listener = reader->base;

	STAILQ_FOREACH(other, &reader->config->listeners, link)
		if (other != listener && addr_is_equal(&other->addr, &listener->addr))
			mistake(reader, "listen: '%s' is the address of [listener %s] already", value, other->name);
}

/* inih's handler: 1 for a line that is right. Mistakes are recorded here, so that inih need not count them. */
static int
handle_key(void *user, const char *section __attribute__((unused)), const char *key, const char *value)
{
	struct reader *reader = user;
	const struct config_row *row;
	uint32_t *seen = reader->scope == SCOPE_CONFIG ? &reader->seen_elsewhere : &reader->seen;
	struct config_bad_part bad = { "" };
	int r;

	if (reader->in_unknown_section)
		return 1;
	if (!reader->in_section) {
		mistake(reader, "%s: stands before the first section, such as [udsd] or [listener NAME]", key);
		return 1;
	}
	row = find_row(reader, key);
	if (!row) {
		mistake(reader, "%s: unknown key in [%s]", key, reader->section);
		return 1;
	}
	if (*seen & bit_of(row))
		mistake(reader, "%s: is set twice", key);
	*seen |= bit_of(row);
	reader->lines[row - config_rows] = reader->line;
	r = config_set_value(row, reader->base, value, &bad);
	if (r != 0) {
		reader->has_bad_value = true;
		bad_value(reader, row, value, &bad, r);
	} else if (row->type == TYPE_ADDR) {
		check_address(reader, value);
	}
	return 1;
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
	r = ini_parse_stream(read_line, &reader, handle_key, &reader);
	end_section(&reader);
	if (r != 0 && reader.n_mistakes == 0)
		mistake(&reader, "cannot be read");
	if (ferror(file)) {
		buf_printf(mistakes, "%s: cannot be read\n", path);
		return -EIO;
	}
	return reader.n_mistakes > 0 ? -EINVAL : 0;
}
