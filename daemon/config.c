#include "config.h"

#include <ctype.h>
#include <errno.h>
#include <grp.h>
#include <ini.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "num.h"

/* inih's limit for a line, with its end. */
#define LINE_MAX_CHARS 198

enum type {
	TYPE_LOG_LEVEL,
	TYPE_DURATION,
	TYPE_SIZE,
	TYPE_COUNT,
	TYPE_ADDR,
	TYPE_MODE,
	TYPE_BITS,
	TYPE_USER,
	TYPE_GROUP
};

/* Offsets are into struct config, or for [listener] into struct listener_config. */
struct row {
	const char *section, *key;
	enum type type;
	size_t offset;
	const char *initial;
	uint64_t min, max; /* of a number */
};

#define IN_CONFIG(member) offsetof(struct config, member)
#define IN_LISTENER(member) offsetof(struct listener_config, member)
#define DAY ((uint64_t)24 * 3600 * 1000)
#define GIB ((uint64_t)1 << 30)

static const struct row rows[] = {
	{ "udsd", "log_level", TYPE_LOG_LEVEL, IN_CONFIG(log_level), "info", 0, 0 },
	{ "udsd", "shutdown_timeout", TYPE_DURATION, IN_CONFIG(shutdown_timeout), "5s", 0, DAY },
	{ "limits", "max_clients", TYPE_COUNT, IN_CONFIG(limits.max_clients), "20000", 1, 1000000 },
	{ "limits", "max_message", TYPE_SIZE, IN_CONFIG(limits.max_message), "16M", 1024, GIB },
	{ "limits", "max_subscriptions", TYPE_COUNT, IN_CONFIG(limits.max_subscriptions), "10000", 1, 10000000 },
	{ "limits", "queue_limit", TYPE_SIZE, IN_CONFIG(limits.queue_limit), "8M", 4096, GIB },
	{ "limits", "slow_timeout", TYPE_DURATION, IN_CONFIG(limits.slow_timeout), "5s", 0, DAY },
	{ "listener", "listen", TYPE_ADDR, IN_LISTENER(addr), "", 0, 0 },
	{ "listener", "mode", TYPE_MODE, IN_LISTENER(mode), "route", 0, 0 },
	{ "listener", "socket_mode", TYPE_BITS, IN_LISTENER(socket_mode), "0660", 0, 0777 },
	{ "listener", "socket_owner", TYPE_USER, IN_LISTENER(socket_owner), "", 0, 0 },
	{ "listener", "socket_group", TYPE_GROUP, IN_LISTENER(socket_group), "", 0, 0 },
};

#define N_ROWS (sizeof(rows) / sizeof(rows[0]))

static const char *const modes[] = { [CONN_ROUTE] = "route", [CONN_ECHO] = "echo" };

int
config_parse_mode(const char *text, int *ret_mode)
{
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
		if (strcmp(text, modes[i]) == 0) {
			*ret_mode = (int)i;
			return 0;
		}
	return -EINVAL;
}

const char *
config_mode_name(int mode)
{
	return modes[mode];
}

/* Name or number; empty means (uid_t)-1. */
static int
parse_user(const char *text, uid_t *ret_uid)
{
	struct passwd *pw;
	uint64_t id;

	if (!*text) {
		*ret_uid = (uid_t)-1;
		return 0;
	}
	if (num_parse_u64(text, &id) == 0 && id < UINT32_MAX) {
		*ret_uid = (uid_t)id;
		return 0;
	}
	pw = getpwnam(text);
	if (!pw)
		return -ENOENT;
	*ret_uid = pw->pw_uid;
	return 0;
}

static int
parse_group(const char *text, gid_t *ret_gid)
{
	struct group *gr;
	uint64_t id;

	if (!*text) {
		*ret_gid = (gid_t)-1;
		return 0;
	}
	if (num_parse_u64(text, &id) == 0 && id < UINT32_MAX) {
		*ret_gid = (gid_t)id;
		return 0;
	}
	gr = getgrnam(text);
	if (!gr)
		return -ENOENT;
	*ret_gid = gr->gr_gid;
	return 0;
}

/* Parses a number of a row with a range. Returns 0, -EINVAL or -ERANGE. */
static int
parse_number(const struct row *row, const char *text, uint64_t *ret_value)
{
	uint64_t value;
	int r;

	switch (row->type) {
	case TYPE_DURATION:
		r = num_parse_duration(text, &value);
		break;
	case TYPE_SIZE:
		r = num_parse_size(text, &value);
		break;
	default:
		r = num_parse_u64(text, &value);
		break;
	}
	if (r < 0)
		return r;
	if (value < row->min || value > row->max)
		return -ERANGE;
	*ret_value = value;
	return 0;
}

/* What a value of the row looks like, for people. */
static const char *
expected(enum type type)
{
	switch (type) {
	case TYPE_LOG_LEVEL:
		return "a log level (error, warning, info or debug)";
	case TYPE_DURATION:
		return "a duration (try 5s; units are ms, s, m and h)";
	case TYPE_SIZE:
		return "a size (try 8M; units are K, M and G)";
	case TYPE_COUNT:
		return "a number";
	case TYPE_ADDR:
		return "an address";
	case TYPE_MODE:
		return "a mode (route or echo)";
	case TYPE_BITS:
		return "an octal file mode up to 0777 (try 0660)";
	case TYPE_USER:
		return "a user";
	case TYPE_GROUP:
		return "a group";
	}
	return "known";
}

/* Sets what the row describes in the struct at base. Returns 0, negative for a bad value, or ADDR_E_*. */
static int
set_value(const struct row *row, void *base, const char *text)
{
	void *at = (char *)base + row->offset;
	unsigned int bits;
	int r;

	switch (row->type) {
	case TYPE_LOG_LEVEL:
		return log_level_parse(text, at);
	case TYPE_DURATION:
	case TYPE_SIZE:
	case TYPE_COUNT:
		return parse_number(row, text, at);
	case TYPE_ADDR:
		return addr_parse(text, at);
	case TYPE_MODE:
		return config_parse_mode(text, at);
	case TYPE_BITS:
		r = num_parse_mode(text, &bits);
		if (r == 0 && bits > row->max)
			r = -ERANGE;
		if (r == 0)
			*(unsigned int *)at = bits;
		return r;
	case TYPE_USER:
		return parse_user(text, at);
	case TYPE_GROUP:
		return parse_group(text, at);
	}
	return -EINVAL;
}

static void
set_defaults(const char *section, void *base)
{
	for (size_t i = 0; i < N_ROWS; i++)
		if ((strcmp(rows[i].section, "listener") == 0) == (strcmp(section, "listener") == 0) &&
		    rows[i].type != TYPE_ADDR)
			set_value(&rows[i], base, rows[i].initial);
}

struct config *
config_new(void)
{
	struct config *config = calloc(1, sizeof(*config));

	if (!config)
		return NULL;
	STAILQ_INIT(&config->listeners);
	set_defaults("udsd", config);
	return config;
}

void
config_free(struct config *config)
{
	struct listener_config *listener;

	if (!config)
		return;
	while ((listener = STAILQ_FIRST(&config->listeners))) {
		STAILQ_REMOVE_HEAD(&config->listeners, link);
		free(listener);
	}
	free(config);
}

struct listener_config *
config_add_listener(struct config *config, const char *name)
{
	struct listener_config *listener = calloc(1, sizeof(*listener));

	if (!listener)
		return NULL;
	snprintf(listener->name, sizeof(listener->name), "%s", name);
	set_defaults("listener", listener);
	STAILQ_INSERT_TAIL(&config->listeners, listener, link);
	return listener;
}

static void
print_number(const struct row *row, uint64_t value, FILE *out)
{
	static const char units[] = "KMG";
	int unit = -1;

	if (row->type == TYPE_SIZE)
		for (; unit < 2 && value > 0 && value % 1024 == 0; unit++)
			value /= 1024;
	if (row->type == TYPE_DURATION && value > 0)
		fprintf(out, value % 1000 == 0 ? "%llus" : "%llums",
		        (unsigned long long)(value % 1000 == 0 ? value / 1000 : value));
	else if (unit >= 0)
		fprintf(out, "%llu%c", (unsigned long long)value, units[unit]);
	else
		fprintf(out, "%llu", (unsigned long long)value);
}

/* Writes the row's value from the struct at base. */
static void
print_value(const struct row *row, const void *base, FILE *out)
{
	const void *at = (const char *)base + row->offset;
	char text[ADDR_PATH_MAX + 1];

	fprintf(out, "%s =", row->key);
	if (row->type == TYPE_ADDR)
		addr_format(at, text, sizeof(text));
	if (row->type != TYPE_ADDR || !strchr(";#", text[0])) /* behind a blank these would begin a comment */
		fputc(' ', out);
	switch (row->type) {
	case TYPE_LOG_LEVEL:
		fputs(log_level_name(*(const enum log_level *)at), out);
		break;
	case TYPE_DURATION:
	case TYPE_SIZE:
	case TYPE_COUNT:
		print_number(row, *(const uint64_t *)at, out);
		break;
	case TYPE_ADDR:
		fputs(text, out);
		break;
	case TYPE_MODE:
		fputs(config_mode_name(*(const int *)at), out);
		break;
	case TYPE_BITS:
		fprintf(out, "%04o", *(const unsigned int *)at);
		break;
	case TYPE_USER:
	case TYPE_GROUP: /* uid_t and gid_t are of one type */
		if (*(const uid_t *)at != (uid_t)-1)
			fprintf(out, "%u", *(const uid_t *)at);
		break;
	}
	fputc('\n', out);
}

void
config_print(const struct config *config, FILE *out)
{
	const struct listener_config *listener;
	const char *section = "";

	for (size_t i = 0; i < N_ROWS && strcmp(rows[i].section, "listener") != 0; i++) {
		if (strcmp(rows[i].section, section) != 0)
			fprintf(out, "%s[%s]\n", i > 0 ? "\n" : "", rows[i].section);
		section = rows[i].section;
		print_value(&rows[i], config, out);
	}
	STAILQ_FOREACH(listener, &config->listeners, link) {
		fprintf(out, "\n[listener %s]\n", listener->name);
		for (size_t i = 0; i < N_ROWS; i++)
			if (strcmp(rows[i].section, "listener") == 0)
				print_value(&rows[i], listener, out);
	}
}

/* The bit of a row in a set of rows. */
static uint32_t
bit_of(const struct row *row)
{
	return UINT32_C(1) << (row - rows);
}

/* One reading of a file. */
struct reader {
	struct config *config;
	const char *path;
	FILE *file;
	struct buf *mistakes;
	unsigned int line, section_line;
	unsigned int n_mistakes;
	struct listener_config *listener; /* of the section that is being read, or NULL */
	bool in_section, in_unknown_section;
	char section[64];
	uint32_t seen;           /* a bit for each row that the section has set */
	uint32_t seen_elsewhere; /* likewise for the sections that are no listener's */
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

	if (!*name || strlen(name) >= CONFIG_NAME_MAX) {
		mistake(reader, "[%s]: a listener needs a name of 1 to %d characters, like [listener bus]",
		        reader->section, CONFIG_NAME_MAX - 1);
		reader->in_unknown_section = true;
		return;
	}
	STAILQ_FOREACH(other, &reader->config->listeners, link)
		if (strcmp(other->name, name) == 0)
			mistake(reader, "[%s]: there is a listener of this name already", reader->section);
	reader->listener = config_add_listener(reader->config, name);
	if (!reader->listener)
		mistake(reader, "[%s]: out of memory", reader->section);
	reader->seen = 0;
}

static void
end_section(struct reader *reader)
{
	unsigned int line = reader->line;

	reader->line = reader->section_line;
	for (const struct row *row = rows; reader->listener && row < rows + N_ROWS; row++)
		if (row->type == TYPE_ADDR && !(reader->seen & bit_of(row)))
			mistake(reader, "[%s]: '%s' is missing; expected a path, @name or host:port", reader->section,
			        row->key);
	reader->line = line;
	reader->section_line = line;
	reader->listener = NULL;
	reader->in_unknown_section = false;
}

/* inih tells of a section only with its first key; a line that opens one is looked at here. */
static void
begin_section(struct reader *reader, const char *line)
{
	end_section(reader);
	snprintf(reader->section, sizeof(reader->section), "%.*s", (int)strcspn(line, "]") - 1, line + 1);
	reader->in_section = true;
	if (strncmp(reader->section, "listener", 8) == 0 && (!reader->section[8] || reader->section[8] == ' ')) {
		begin_listener(reader, reader->section + 8 + strspn(reader->section + 8, " "));
		return;
	}
	for (size_t i = 0; i < N_ROWS; i++)
		if (strcmp(rows[i].section, "listener") != 0 && strcmp(rows[i].section, reader->section) == 0)
			return;
	mistake(reader, "[%s]: unknown section; expected [udsd], [limits] or [listener NAME]", reader->section);
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

static const struct row *
find_row(const struct reader *reader, const char *key)
{
	const char *section = reader->listener ? "listener" : reader->section;

	for (size_t i = 0; i < N_ROWS; i++)
		if (strcmp(rows[i].section, section) == 0 && strcmp(rows[i].key, key) == 0)
			return &rows[i];
	return NULL;
}

static void
bad_value(struct reader *reader, const struct row *row, const char *value, int error)
{
	if (row->type == TYPE_ADDR)
		mistake(reader, "%s: '%s': %s", row->key, value, addr_strerror(error));
	else if (row->type == TYPE_USER || row->type == TYPE_GROUP)
		mistake(reader, "%s: there is no %s '%s'", row->key, row->type == TYPE_USER ? "user" : "group", value);
	else if (error == -ERANGE && row->type != TYPE_BITS)
		mistake(reader, "%s: '%s' is out of range; expected %llu to %llu%s", row->key, value,
		        (unsigned long long)row->min, (unsigned long long)row->max,
		        row->type == TYPE_DURATION ? " ms" : "");
	else
		mistake(reader, "%s: '%s' is not %s", row->key, value, expected(row->type));
}

/* Two listeners cannot have one address. */
static void
check_address(struct reader *reader, const char *value)
{
	const struct listener_config *other;

	STAILQ_FOREACH(other, &reader->config->listeners, link)
		if (other != reader->listener && addr_is_equal(&other->addr, &reader->listener->addr))
			mistake(reader, "listen: '%s' is the address of [listener %s] already", value, other->name);
}

/* inih's handler: 1 for a line that is right. Mistakes are recorded here, so that inih need not count them. */
static int
handle_key(void *user, const char *section __attribute__((unused)), const char *key, const char *value)
{
	struct reader *reader = user;
	const struct row *row;
	uint32_t *seen = reader->listener ? &reader->seen : &reader->seen_elsewhere;
	int r;

	if (reader->in_unknown_section)
		return 1;
	if (!reader->in_section) {
		mistake(reader, "%s: stands before the first section; expected [udsd], [limits] or [listener NAME]",
		        key);
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
	r = set_value(row, reader->listener ? (void *)reader->listener : (void *)reader->config, value);
	if (r != 0)
		bad_value(reader, row, value, r);
	else if (row->type == TYPE_ADDR)
		check_address(reader, value);
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
