/*
 * Messages to people, on stderr. One line each; with a journal behind stderr each line carries its
 * priority as sd-daemon(3) describes. The level is the process's, set once at start and by reload.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* The program's name stands before each line, unless the journal adds it anyway. */
void log_init(const char *program);

/*
 * From now on a line that cannot be written at once is lost, and counted: the next one that can be written says how
 * many. For a program that must go on, whatever its standard error is: a pipe that nobody reads, a stopped terminal.
 */
void log_never_wait(void);

void log_set_level(enum log_level level);

/* "error", "warning", "info", "debug"; returns 0 or -EINVAL. */
int log_level_parse(const char *text, enum log_level *ret_level);

const char *log_level_name(enum log_level level);

/* Whether lines of the level are written. */
bool log_is_on(enum log_level level);

void log_write(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

/*
 * Writes each of the lines as log_write() does; `bare`: as it is, without program and level, but in the journal with
 * its priority.
 */
void log_lines(enum log_level level, const char *lines, bool bare);

/* Rate limit of log lines: at most max lines in period_ms. Zeroed: nothing was written yet. */
struct log_limit {
	uint64_t since_ms; /* when the period began */
	unsigned int lines, omitted;
};

/*
 * Whether a line may be written now; if not, counts it as omitted. ret_omitted: lines omitted in the period that has
 * just ended, for the caller to report, else 0; or NULL.
 */
bool log_limit_allows(struct log_limit *limit, unsigned int max, uint64_t period_ms, uint64_t now_ms,
                      unsigned int *ret_omitted);

#define log_error(...) log_write(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_write(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_info(...) log_write(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_write(LOG_LEVEL_DEBUG, __VA_ARGS__)
