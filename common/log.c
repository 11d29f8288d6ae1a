#include "log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "human.h"
#include "nowait.h"
#include "printable.h"

static struct {
	const char *program;
	enum log_level level;
	bool journal;
	struct nowait out;
	unsigned long long lost; /* lines that could not be written since the last one that could */
} logger = { .program = "udsd", .level = LOG_LEVEL_INFO, .out = NOWAIT_INIT(STDERR_FILENO) };

static const struct {
	const char *name;
	int priority; /* syslog(3) */
} levels[] = {
	[LOG_LEVEL_ERROR] = { "error", 3 },
	[LOG_LEVEL_WARNING] = { "warning", 4 },
	[LOG_LEVEL_INFO] = { "info", 6 },
	[LOG_LEVEL_DEBUG] = { "debug", 7 },
};

/* $JOURNAL_STREAM holds device:inode of the journal's socket; it may be inherited with another stderr. */
static bool
log_is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long dev, ino;
	struct stat st;

	return stream && sscanf(stream, "%llu:%llu", &dev, &ino) == 2 && fstat(STDERR_FILENO, &st) == 0 &&
	       st.st_dev == dev && st.st_ino == ino;
}

void
log_init(const char *program)
{
	logger.program = program;
	logger.journal = log_is_journal();
}

void
log_never_wait(void)
{
	nowait_init(&logger.out, STDERR_FILENO);
}

void
log_set_level(enum log_level level)
{
	logger.level = level;
}

int
log_level_parse(const char *text, enum log_level *ret_level)
{
	for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++)
		if (strcmp(text, levels[i].name) == 0) {
			*ret_level = (enum log_level)i;
			return 0;
		}
	return -EINVAL;
}

const char *
log_level_name(enum log_level level)
{
	return levels[level].name;
}

bool
log_is_on(enum log_level level)
{
	return level <= logger.level;
}

bool
log_limit_allows(struct log_limit *limit, unsigned int max, uint64_t period_ms, uint64_t now_ms,
                 unsigned int *ret_omitted)
{
	bool is_over = now_ms - limit->since_ms >= period_ms;

	if (ret_omitted)
		*ret_omitted = is_over ? limit->omitted : 0;
	if (is_over || (limit->lines == 0 && limit->omitted == 0))
		*limit = (struct log_limit){ .since_ms = now_ms };
	if (limit->lines == max) {
		limit->omitted++;
		return false;
	}
	limit->lines++;
	return true;
}

/* Writes a line, which ends in a newline, in one piece, or counts it as lost; says first how many were lost before it.
 */
static void
log_put_line(const char *line, size_t len)
{
	char text[128];
	int n;

	if (logger.lost > 0) {
		n = logger.journal ? snprintf(text, sizeof(text), "<%d>", levels[LOG_LEVEL_WARNING].priority)
		                   : snprintf(text, sizeof(text), "%s: warning: ", logger.program);
		n += snprintf(text + n, sizeof(text) - (size_t)n, "%llu line%s of the log lost: it took no more\n",
		              logger.lost, human_s(logger.lost));
		if (nowait_write(&logger.out, text, (size_t)n) != n) {
			logger.lost++;
			return;
		}
		logger.lost = 0;
	}
	if (nowait_write(&logger.out, line, len) != (ssize_t)len)
		logger.lost++;
}

void
log_write(enum log_level level, const char *format, ...)
{
	int saved_errno = errno;
	char line[1024];
	size_t n;
	va_list ap;

	if (!log_is_on(level))
		return;
	if (logger.journal)
		n = (size_t)snprintf(line, sizeof(line), "<%d>", levels[level].priority);
	else
		n = (size_t)snprintf(line, sizeof(line), "%s: %s: ", logger.program, levels[level].name);
	va_start(ap, format);
	n += (size_t)vsnprintf(line + n, sizeof(line) - n - 1, format, ap);
	va_end(ap);
	if (n > sizeof(line) - 2)
		n = sizeof(line) - 2;
	n = printable_clean(line, n, NULL); /* names and arguments that peers chose */
	line[n++] = '\n';
	log_put_line(line, n);
	errno = saved_errno;
}

void
log_lines(enum log_level level, const char *lines, bool bare)
{
	int saved_errno = errno;

	for (size_t len; *lines; lines += len + (lines[len] == '\n')) {
		len = strcspn(lines, "\n");
		if (!bare || logger.journal)
			log_write(level, "%.*s", (int)len, lines);
		else if (log_is_on(level))
			log_put_line(lines, len + (lines[len] == '\n'));
	}
	errno = saved_errno;
}
