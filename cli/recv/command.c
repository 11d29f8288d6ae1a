/*
 * A command gets standard input, output and error and no other descriptor, and does not inherit that
 * udsctl ignores signals. It stays in udsctl's process group: the terminal's ^C reaches both.
 */
#include "command.h"

#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "buf.h"
#include "cleanup.h"
#include "memory.h"
#include "message.h"
#include "num.h"

extern char **environ;

static bool
is_own_variable(const char *assignment)
{
	static const char *const names[] = { "UDSD_CHANNEL=", "UDSD_PATTERN=", "UDSD_COUNT=" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strncmp(assignment, names[i], strlen(names[i])) == 0)
			return true;
	return false;
}

/* Appends NAME=VALUE and a NUL. A value that has a NUL itself cannot be told, and is left out. */
static void
put_variable(struct buf *b, const char *name, struct slice value)
{
	if (!value.p || memchr(value.p, '\0', value.len))
		return;
	memory_check(buf_printf(b, "%s=", name));
	memory_check(buf_append(b, value.p, value.len));
	memory_check(buf_append(b, "", 1));
}

/* The variables of the command; those that are not udsctl's own lie in *ret_text. */
static char **
make_environment(const struct message *m, struct buf *ret_text)
{
	char number[NUM_DIGITS_MAX], **variables;
	size_t n = 0;

	put_variable(ret_text, "UDSD_COUNT", (struct slice){ (uint8_t *)number, num_put_u64(number, m->number) });
	put_variable(ret_text, "UDSD_CHANNEL", m->channel);
	put_variable(ret_text, "UDSD_PATTERN", m->pattern);
	for (char **e = environ; *e; e++)
		n++;
	variables = memory_alloc((n + 4) * sizeof(*variables));
	n = 0;
	for (char **e = environ; *e; e++)
		if (!is_own_variable(*e))
			variables[n++] = *e;
	for (size_t at = 0; at < ret_text->len; at += strlen((char *)ret_text->data + at) + 1)
		variables[n++] = (char *)ret_text->data + at;
	return variables;
}

/* A file in memory that has the bytes and is read from its start. Returns the descriptor or -errno. */
static int
make_input(const uint8_t *p, size_t len)
{
	_cleanup_close_ int fd = memfd_create("udsctl message", MFD_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -errno;
	while (len > 0) {
		n = write(fd, p, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		p += n;
		len -= (size_t)n;
	}
	if (lseek(fd, 0, SEEK_SET) < 0)
		return -errno;
	return TAKE_FD(fd);
}

/* Starts the shell with the descriptor for its standard input. Returns 0 or -errno. */
static int
spawn(const char *command, int input, char **variables, pid_t *ret_pid)
{
	char *argv[] = { (char *)"sh", (char *)"-c", (char *)command, NULL };
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t defaults;
	int r;

	sigemptyset(&defaults);
	sigaddset(&defaults, SIGPIPE);
	sigaddset(&defaults, SIGXFSZ);
	memory_check(-posix_spawnattr_init(&attributes));
	posix_spawnattr_setsigdefault(&attributes, &defaults);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
	memory_check(-posix_spawn_file_actions_init(&actions));
	memory_check(-posix_spawn_file_actions_adddup2(&actions, input, STDIN_FILENO));
	memory_check(-posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1));
	r = posix_spawn(ret_pid, "/bin/sh", &actions, &attributes, argv, variables);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attributes);
	return -r;
}

int
command_start(const char *text, const struct message *m, struct slice input, pid_t *ret_pid)
{
	_cleanup_close_ int fd = make_input(input.p, input.len);
	_cleanup_free_ char **variables = NULL;
	struct buf own = { 0 };
	int r;

	if (fd < 0)
		return fd;
	variables = make_environment(m, &own);
	r = spawn(text, fd, variables, ret_pid);
	buf_deinit(&own);
	return r;
}
