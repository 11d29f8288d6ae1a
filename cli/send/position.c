#include "position.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sysexits.h>
#include <time.h>

#include "buf.h"
#include "memory.h"
#include "say.h"
#include "state-file.h"

#define HEAD "udsctl position 1 %" SCNx64 " %" SCNu64 "\n"
#define MARK                                                                                                           \
	"%c %" SCNu64 " %" SCNx64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNu64 " %" SCNx64 " %" SCNu64 " %" SCNx64  \
	"\n"

void
position_add_gone(struct position *p, const struct follow_mark *mark)
{
	if (p->n_gone == POSITION_FILES_MAX)
		memmove(p->gone, p->gone + 1, --p->n_gone * sizeof(*mark));
	p->gone[p->n_gone++] = *mark;
}

static void
position_print(struct buf *text, char kind, const struct follow_mark *m)
{
	memory_check(buf_printf(text,
	                        "%c %" PRIu64 " %" PRIx64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %016" PRIx64
	                        " %" PRIu64 " %016" PRIx64 "\n",
	                        kind, m->generation, m->device, m->inode, m->offset, m->line, m->head_len, m->head_sum,
	                        m->before_len, m->before_sum));
}

/* Returns whether the text is one that position_save() writes. */
static bool
position_parse(struct position *p, const char *text)
{
	const char *line = text;

	if (sscanf(line, HEAD, &p->identity, &p->saved_s) != 2)
		return false;
	for (line = strchr(line, '\n'); line && line[1]; line = strchr(line + 1, '\n')) {
		struct follow_mark m;
		char kind;

		if (sscanf(line + 1, MARK, &kind, &m.generation, &m.device, &m.inode, &m.offset, &m.line, &m.head_len,
		           &m.head_sum, &m.before_len, &m.before_sum) != 10 ||
		    m.before_len > FOLLOW_BEFORE || m.before_len > m.offset || m.head_len > FOLLOW_HEAD)
			return false;
		if (kind == 'g')
			position_add_gone(p, &m);
		else if (kind != 'f' || p->n == POSITION_FILES_MAX)
			return false;
		else
			p->marks[p->n++] = m;
	}
	return line;
}

static int
position_report(const char *path, int r, pid_t pid)
{
	if (r == STATE_FILE_E_LOCKED)
		say_in_use("position", path, pid);
	else
		say("position '%s': %s", path, r == -EINVAL ? "it is not a regular file" : strerror(-r));
	return r == STATE_FILE_E_LOCKED        ? EX_TEMPFAIL
	       : r == -EACCES || r == -EPERM   ? EX_NOPERM
	       : r == -ENOENT || r == -ENOTDIR ? EX_CANTCREAT
	                                       : EX_IOERR;
}

int
position_open(struct position *p, const char *path)
{
	struct buf content = { 0 };
	pid_t pid = 0;
	int r;

	*p = (struct position){ .path = path };
	r = state_file_open(path, &content, &pid, &p->file);
	if (r != 0) {
		buf_deinit(&content);
		return position_report(path, r, pid);
	}
	memory_check(buf_append(&content, "", 1));
	if (content.len == 1)
		memory_check(getrandom(&p->identity, sizeof(p->identity), 0) == sizeof(p->identity) ? 0 : -1);
	else if (!position_parse(p, (const char *)content.data))
		r = EX_DATAERR;
	buf_deinit(&content);
	if (r != 0)
		say("position '%s': this is not a position of send --follow; it was not changed", path);
	else if (p->n == 0 && !position_save(p))
		r = EX_IOERR;
	if (r != 0)
		position_close(p);
	return r;
}

void
position_close(struct position *p)
{
	state_file_close(p->file);
	p->file = NULL;
}

bool
position_save(struct position *p)
{
	struct buf text = { 0 };
	int r;

	memory_check(
	    buf_printf(&text, "udsctl position 1 %016" PRIx64 " %" PRIu64 "\n", p->identity, (uint64_t)time(NULL)));
	for (size_t i = 0; i < p->n_gone; i++)
		position_print(&text, 'g', &p->gone[i]);
	for (size_t i = 0; i < p->n; i++)
		position_print(&text, 'f', &p->marks[i]);
	r = state_file_replace(p->file, text.data, text.len);
	buf_deinit(&text);
	if (r < 0 && !p->said)
		say("position '%s': %s; trying again", p->path, strerror(-r));
	p->said = r < 0;
	return r == 0;
}
