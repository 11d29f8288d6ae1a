/*
 * A command gets standard input, output and error and no other descriptor. Signals that were
 * ignored when udsctl was started are ignored in the command, others have their default action. It stays in udsctl's
 * process group, so the terminal's ^C reaches both.
 *
 * The variables of the message are in udsctl's own environment only while the command is being started, and are set
 * with putenv(): glibc's setenv() keeps a copy of each value for ever.
 */
#include "command.h"

#include <errno.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cleanup.h"
#include "memory.h"
#include "message.h"
#include "num.h"
#include "signals.h"

extern char **environ;

/* Sets the variable; only unsets it if there is no value, or one with a NUL. Returns the string of putenv() or NULL. */
static char *
command_set_variable(const char *name, struct slice value)
{
	char *text;

	unsetenv(name);
	if (!value.p || memchr(value.p, '\0', value.len))
		return NULL;
	memory_check(asprintf(&text, "%s=%.*s", name, (int)value.len, (const char *)value.p) < 0 ? -1 : putenv(text));
	return text;
}

/* Returns the descriptor of a file in memory with these bytes, at its start, or -errno. */
static int
command_make_input(const uint8_t *p, size_t len)
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

int
command_start(const char *text, const struct message *m, struct slice input, pid_t *ret_pid)
{
	_cleanup_close_ int fd = command_make_input(input.p, input.len);
	_cleanup_free_ char *channel = NULL, *pattern = NULL, *count = NULL, *id = NULL;
	char *argv[] = { (char *)"sh", (char *)"-c", (char *)text, NULL }, number[NUM_DIGITS_MAX];
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t own;
	int r;

	if (fd < 0)
		return fd;
	signals_own(&own);
	memory_check(-posix_spawnattr_init(&attributes));
	posix_spawnattr_setsigdefault(&attributes, &own);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
	memory_check(-posix_spawn_file_actions_init(&actions));
	memory_check(-posix_spawn_file_actions_adddup2(&actions, fd, STDIN_FILENO));
	memory_check(-posix_spawn_file_actions_addclosefrom_np(&actions, STDERR_FILENO + 1));
	channel = command_set_variable("UDSD_CHANNEL", m->channel);
	pattern = command_set_variable("UDSD_PATTERN", m->pattern);
	count = command_set_variable("UDSD_COUNT", (struct slice){ (uint8_t *)number, num_put_u64(number, m->number) });
	id = command_set_variable("UDSD_ID", m->id);
	r = posix_spawn(ret_pid, "/bin/sh", &actions, &attributes, argv, environ);
	unsetenv("UDSD_CHANNEL");
	unsetenv("UDSD_PATTERN");
	unsetenv("UDSD_COUNT");
	unsetenv("UDSD_ID");
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attributes);
	return -r;
}
