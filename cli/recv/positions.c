#include "positions.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "buf.h"
#include "memory.h"
#include "num.h"
#include "say.h"
#include "state-file.h"

#define POSITIONS_TITLE "udsctl positions 1"

struct position *
positions_find(const struct positions *p, struct slice name)
{
	for (struct position *row = p->rows; row < p->rows + p->n; row++)
		if (row->name.len == name.len && memcmp(row->name.p, name.p, name.len) == 0)
			return row;
	return NULL;
}

void
positions_set(struct positions *p, struct slice name, struct entry_id id, uint64_t count)
{
	struct position *row = positions_find(p, name);
	uint8_t *copy;

	if (!row) {
		copy = memory_alloc(name.len + 1);
		memcpy(copy, name.p, name.len);
		p->rows = memory_resize(p->rows, (p->n + 1) * sizeof(p->rows[0]));
		row = &p->rows[p->n++];
		row->name = (struct slice){ copy, name.len };
	}
	row->id = id;
	row->count = count;
}

/* Cuts the line at the first blank. Returns what was before it; *line is what is behind. */
static char *
positions_word(char **line)
{
	return strsep(line, " ") ?: "";
}

/* Replaces each "\xHH" by its byte, in place. Returns the length, or -1. */
static ssize_t
positions_unescape(char *text)
{
	char *to = text;

	for (const char *p = text; *p; to++) {
		if (*p != '\\') {
			*to = *p++;
			continue;
		}
		if (p[1] != 'x' || !isxdigit((unsigned char)p[2]) || !isxdigit((unsigned char)p[3]))
			return -1;
		*to = (char)strtoul((char[]){ p[2], p[3], '\0' }, NULL, 16);
		p += 4;
	}
	return to - text;
}

static bool
positions_read_stream(struct positions *p, char *line)
{
	const char *id_text = positions_word(&line), *count_text = positions_word(&line);
	uint64_t count = PLACE_COUNT_UNKNOWN;
	struct entry_id id;
	ssize_t len = line ? positions_unescape(line) : -1;

	if (len < 0 || !entry_id_parse(slice_of(id_text), 0, &id) ||
	    (strcmp(count_text, "-") != 0 && num_parse_u64(count_text, &count) != 0))
		return false;
	positions_set(p, (struct slice){ (uint8_t *)line, (size_t)len }, id, count);
	return true;
}

static bool
positions_read_into(struct positions *p, char *line)
{
	const char *length = positions_word(&line), *inode = positions_word(&line);
	const char *seconds = line ? strsep(&line, ".") : "";
	struct into_mark mark = { .given = true };
	uint64_t s, ns;

	if (num_parse_u64(length, &mark.length) != 0 || num_parse_u64(inode, &mark.inode) != 0 ||
	    num_parse_u64(seconds, &s) != 0 || !line || num_parse_u64(line, &ns) != 0)
		return false;
	mark.born_s = (int64_t)s;
	mark.born_ns = (uint32_t)ns;
	p->into = mark;
	return true;
}

static bool
positions_read_line(struct positions *p, char *line)
{
	const char *word = positions_word(&line);

	if (!line)
		return !*word; /* an empty line */
	return strcmp(word, "stream") == 0 ? positions_read_stream(p, line)
	                                   : strcmp(word, "into") == 0 && positions_read_into(p, line);
}

/* text: with a NUL behind it. */
static bool
positions_read(struct positions *p, char *text, size_t len)
{
	char *line = strsep(&text, "\n");

	if (len == 0)
		return true;
	if (strcmp(line, POSITIONS_TITLE) != 0)
		return false;
	while ((line = strsep(&text, "\n")))
		if (!positions_read_line(p, line))
			return false;
	return true;
}

int
positions_open(struct positions *p, const char *path)
{
	struct buf text = { 0 };
	pid_t pid = 0;
	bool is_good;
	int r;

	*p = (struct positions){ .path = path };
	if (!path)
		return 0;
	r = state_file_open(path, &text, &pid, &p->file);
	memory_check(buf_append(&text, "", 1));
	is_good =
	    r == 0 && !memchr(text.data, '\0', text.len - 1) && positions_read(p, (char *)text.data, text.len - 1);
	buf_deinit(&text);
	if (r == STATE_FILE_E_LOCKED) {
		say_in_use("recv: --position:", path, pid);
		return EX_TEMPFAIL;
	}
	if (r < 0) {
		say("recv: '%s': %s", path, r == -EINVAL ? "not a regular file" : strerror(-r));
		return r == -EACCES || r == -EPERM ? EX_NOPERM : EX_CANTCREAT;
	}
	if (!is_good)
		say("recv: '%s' does not hold positions in the form of 'udsctl recv --position'", path);
	return is_good ? 0 : EX_DATAERR;
}

void
positions_deinit(struct positions *p)
{
	for (size_t i = 0; i < p->n; i++)
		free((void *)p->rows[i].name.p);
	free(p->rows);
	state_file_close(p->file);
}

static void
positions_put_row(const struct position *row, struct buf *b)
{
	char id[ENTRY_ID_TEXT];

	entry_id_format(id, row->id);
	memory_check(buf_printf(b, "stream %s ", id));
	memory_check(row->count == PLACE_COUNT_UNKNOWN ? buf_append(b, "-", 1) : buf_printf(b, "%" PRIu64, row->count));
	memory_check(buf_append(b, " ", 1));
	for (const uint8_t *p = row->name.p; p < row->name.p + row->name.len; p++)
		memory_check(*p <= ' ' || *p == 0x7f || *p == '\\' ? buf_printf(b, "\\x%02x", *p)
		                                                   : buf_append(b, p, 1));
	memory_check(buf_append(b, "\n", 1));
}

int
positions_save(const struct positions *p)
{
	struct buf text = { 0 };
	int r;

	if (!p->file)
		return 0;
	memory_check(buf_printf(&text, "%s\n", POSITIONS_TITLE));
	if (p->into.given)
		memory_check(buf_printf(&text, "into %" PRIu64 " %" PRIu64 " %" PRId64 ".%09" PRIu32 "\n",
		                        p->into.length, p->into.inode, p->into.born_s, p->into.born_ns));
	for (size_t i = 0; i < p->n; i++)
		positions_put_row(&p->rows[i], &text);
	r = state_file_replace(p->file, text.data, text.len);
	buf_deinit(&text);
	if (r == 0)
		return 0;
	say("recv: the positions cannot be written to '%s': %s", p->path, strerror(-r));
	return EX_IOERR;
}
