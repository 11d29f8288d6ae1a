/*
 * The parser of the configuration file: it reports each mistake with its line, and a configuration that it accepts is
 * printed in a form that it accepts again, with the same values. The input is the file.
 */
#include <assert.h>
#include <errno.h>
#include <grp.h>
#include <netdb.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buf.h"
#include "config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define NAME "udsd.conf"

static struct {
	const void *data;
	size_t len;
} file;

/* Stand-ins for the system's functions (see meson.build). */
FILE *__wrap_fopen64(const char *path, const char *mode);
FILE *__real_fopen64(const char *path, const char *mode);
struct passwd *__wrap_getpwnam(const char *name);
struct group *__wrap_getgrnam(const char *name);
int __wrap_getaddrinfo(const char *host, const char *port, const struct addrinfo *hints, struct addrinfo **ret);
int __real_getaddrinfo(const char *host, const char *port, const struct addrinfo *hints, struct addrinfo **ret);

FILE *
__wrap_fopen64(const char *path, const char *mode)
{
	if (strcmp(path, NAME) != 0) /* the fuzzer's own */
		return __real_fopen64(path, mode);
	if (file.len == 0)
		return __real_fopen64("/dev/null", "r");
	return fmemopen((void *)file.data, file.len, "r");
}

struct passwd *
__wrap_getpwnam(const char *name)
{
	static struct passwd root = { .pw_name = "root" };

	return strcmp(name, "root") == 0 ? &root : NULL;
}

struct group *
__wrap_getgrnam(const char *name)
{
	static struct group users = { .gr_name = "users", .gr_gid = 100 };

	return strcmp(name, "users") == 0 ? &users : NULL;
}

/* Only numeric addresses: no DNS. */
int
__wrap_getaddrinfo(const char *host, const char *port, const struct addrinfo *hints, struct addrinfo **ret)
{
	struct addrinfo numeric = *hints;

	numeric.ai_flags |= AI_NUMERICHOST;
	return __real_getaddrinfo(host, port, &numeric, ret);
}

/* Reads a file with these bytes. */
static int
fuzz_config_read(const void *data, size_t len, struct config *config, struct buf *mistakes)
{
	file.data = data;
	file.len = len;
	return config_read(config, NAME, mistakes);
}

static size_t
fuzz_config_count_lines(const uint8_t *data, size_t len)
{
	size_t n = 1;

	for (size_t i = 0; i < len; i++)
		n += data[i] == '\n';
	return n;
}

/* Each line is "udsd.conf:LINE: TEXT". */
static void
fuzz_config_check_mistakes(const struct buf *mistakes, size_t n_lines)
{
	const char *p = (const char *)mistakes->data, *end = p + mistakes->len;

	assert(mistakes->len > 0 && end[-1] == '\n');
	while (p < end) {
		const char *newline = memchr(p, '\n', (size_t)(end - p));
		char *rest;
		unsigned long line;

		assert(strncmp(p, NAME ":", sizeof(NAME)) == 0);
		line = strtoul(p + sizeof(NAME), &rest, 10);
		assert(line <= n_lines);
		assert(strncmp(rest, ": ", 2) == 0 && newline - rest > 4);
		p = newline + 1;
	}
}

static void
fuzz_config_print(const struct config *config, char **ret_text, size_t *ret_len)
{
	FILE *out = open_memstream(ret_text, ret_len);

	assert(out);
	config_print(config, out);
	fclose(out);
}

static void
fuzz_config_check_same_listener(const struct listener_config *a, const struct listener_config *b)
{
	assert(strcmp(a->name, b->name) == 0 && a->listen.n == b->listen.n &&
	       addr_list_overlaps(&a->listen, &b->listen));
	assert(a->options.mode == b->options.mode && a->options.type == b->options.type);
	assert(a->options.deliver == b->options.deliver && a->options.ack == b->options.ack);
	assert(strcmp(a->options.channel, b->options.channel) == 0 && a->socket_mode == b->socket_mode);
	assert(a->socket_owner == b->socket_owner && a->socket_group == b->socket_group);
}

static void
fuzz_config_check_same(const struct config *a, const struct config *b)
{
	const struct listener_config *x = STAILQ_FIRST(&a->listeners), *y = STAILQ_FIRST(&b->listeners);

	assert(a->log_level == b->log_level && a->shutdown_timeout == b->shutdown_timeout);
	assert(memcmp(&a->limits, &b->limits, sizeof(a->limits)) == 0);
	for (; x && y; x = STAILQ_NEXT(x, link), y = STAILQ_NEXT(y, link))
		fuzz_config_check_same_listener(x, y);
	assert(!x && !y);
}

static void
fuzz_config_check_round_trip(const struct config *config)
{
	struct config *again = config_new();
	struct buf mistakes = { 0 };
	char *text, *text_again;
	size_t len, len_again;

	assert(again);
	fuzz_config_print(config, &text, &len);
	if (fuzz_config_read(text, len, again, &mistakes) != 0) {
		fprintf(stderr, "printed:\n%s\nmistakes:\n%.*s", text, (int)mistakes.len, (const char *)mistakes.data);
		abort();
	}
	fuzz_config_check_same(config, again);
	fuzz_config_print(again, &text_again, &len_again);
	if (len != len_again || memcmp(text, text_again, len) != 0) {
		fprintf(stderr, "printed:\n%s\nprinted again:\n%s", text, text_again);
		abort();
	}
	free(text);
	free(text_again);
	buf_deinit(&mistakes);
	config_free(again);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct config *config = config_new();
	struct buf mistakes = { 0 };
	int r;

	assert(config);
	r = fuzz_config_read(data, size, config, &mistakes);
	if (r == 0) {
		assert(mistakes.len == 0);
		fuzz_config_check_round_trip(config);
	} else {
		assert(r == -EINVAL);
		fuzz_config_check_mistakes(&mistakes, fuzz_config_count_lines(data, size));
	}
	buf_deinit(&mistakes);
	config_free(config);
	return 0;
}
