#include "failing.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"

/* The linker sends calls of f() to __wrap_f(), and those of __real_f() to the true one. */
void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t size);
void __real_free(void *p);
FILE *__real_fopen(const char *path, const char *mode);

void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t size);
void __wrap_free(void *p);
char *__wrap_strdup(const char *text);
char *__wrap_strndup(const char *text, size_t max);
FILE *__wrap_fopen(const char *path, const char *mode);
void __wrap_log_write(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Some programs have a second thread, which allocates as well. */
static struct {
	atomic_bool is_on;
	atomic_uint_fast64_t count, first, last, failed;
	atomic_int_fast64_t blocks;
	atomic_uint_fast64_t errors;
} state;

void
failing_begin(uint64_t first, uint64_t n)
{
	state.count = state.failed = 0;
	state.first = first;
	state.last = n < UINT64_MAX - first ? first + n - 1 : UINT64_MAX;
}

void
failing_set_on(bool on)
{
	state.is_on = on;
}

uint64_t
failing_end(void)
{
	state.first = state.last = 0;
	state.is_on = false;
	return state.failed;
}

int64_t
failing_blocks(void)
{
	return state.blocks;
}

uint64_t
failing_errors(void)
{
	return state.errors;
}

static bool
fails(void)
{
	uint64_t count;

	if (!state.is_on || state.first == 0)
		return false;
	count = ++state.count;
	if (count < state.first || count > state.last)
		return false;
	state.failed++;
	errno = ENOMEM;
	return true;
}

void *
__wrap_malloc(size_t size)
{
	void *p = fails() ? NULL : __real_malloc(size);

	state.blocks += p != NULL;
	return p;
}

void *
__wrap_calloc(size_t n, size_t size)
{
	void *p = fails() ? NULL : __real_calloc(n, size);

	state.blocks += p != NULL;
	return p;
}

void *
__wrap_realloc(void *p, size_t size)
{
	void *q = fails() ? NULL : __real_realloc(p, size);

	state.blocks += !p && q;
	return q;
}

void
__wrap_free(void *p)
{
	state.blocks -= p != NULL;
	__real_free(p);
}

char *
__wrap_strndup(const char *text, size_t max)
{
	size_t len = strnlen(text, max);
	char *copy = __wrap_malloc(len + 1);

	if (!copy)
		return NULL;
	memcpy(copy, text, len);
	copy[len] = '\0';
	return copy;
}

char *
__wrap_strdup(const char *text)
{
	return __wrap_strndup(text, strlen(text));
}

FILE *
__wrap_fopen(const char *path, const char *mode)
{
	return fails() ? NULL : __real_fopen(path, mode);
}

void
__wrap_log_write(enum log_level level, const char *format, ...)
{
	char line[1024];
	va_list ap;

	va_start(ap, format);
	vsnprintf(line, sizeof(line), format, ap);
	va_end(ap);
	state.errors += level == LOG_LEVEL_ERROR;
}

void *
failing_malloc(size_t size)
{
	return __wrap_malloc(size);
}

void *
failing_realloc(void *p, size_t size)
{
	return __wrap_realloc(p, size);
}

void
failing_free(void *p)
{
	__wrap_free(p);
}
