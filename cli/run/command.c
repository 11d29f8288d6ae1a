/*
 * A command gets standard input, output and error and no other descriptor. Signals that were ignored when udsctl was
 * started are ignored in the command, others have their default action. Unless it is bound, it stays in udsctl's
 * process group, so the terminal's ^C reaches both.
 *
 * The child shares the memory of udsctl until it is the command (vfork), so starting one costs the same however much
 * memory udsctl has; until then it may change nothing but command_error. posix_spawn(3) does the same, but cannot bind.
 */
#include "command.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "memory.h"
#include "say.h"
#include "signals.h"

/* Exit statuses of a shell. */
#define EXIT_NOT_EXECUTABLE 126
#define EXIT_NOT_FOUND 127

extern char **environ;

/* The limit of open descriptors that a command has, if udsctl has changed its own. */
static struct rlimit command_files;
static bool command_has_files;

/* Why the child could not become the command; 0 while it has. */
static volatile int command_error;

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

/* Whether a variable of udsctl's own environment, "NAME=VALUE", is not for the command. */
static bool
command_replaces(const struct command *command, const char *text)
{
	size_t len = strcspn(text, "=");

	if (command->prefix && strncmp(text, command->prefix, strlen(command->prefix)) == 0)
		return true;
	for (size_t i = 0; i < command->n; i++)
		if (strncmp(text, command->variables[i].name, len) == 0 && !command->variables[i].name[len])
			return true;
	return false;
}

/* The environment of the command: one piece of memory, which the caller frees. */
static char **
command_make_environment(const struct command *command)
{
	size_t n = 0, at = 0, bytes = 0;
	char **environment, *p;

	while (environ[n])
		n++;
	for (size_t i = 0; i < command->n; i++)
		bytes += strlen(command->variables[i].name) + command->variables[i].value.len + 2;
	environment = memory_alloc((n + command->n + 1) * sizeof(*environment) + bytes);
	p = (char *)(environment + n + command->n + 1);
	for (size_t i = 0; i < n; i++)
		if (!command_replaces(command, environ[i]))
			environment[at++] = environ[i];
	for (const struct command_variable *v = command->variables; v < command->variables + command->n; v++) {
		if (!v->value.p || v->value.len > COMMAND_VALUE_MAX || memchr(v->value.p, '\0', v->value.len))
			continue;
		environment[at++] = p;
		p = stpcpy(stpcpy(p, v->name), "=");
		p = (char *)slice_put((uint8_t *)p, v->value) + 1;
	}
	return environment;
}

/* In the child: becomes the command. parent: the process that it dies with. */
static void __attribute__((noreturn, noinline))
command_become(const struct command *command, char **environment, int input, pid_t parent, const sigset_t *mask)
{
	signals_reset();
	if (command_has_files)
		setrlimit(RLIMIT_NOFILE, &command_files);
	if (command->is_bound) {
		setpgid(0, 0);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(127);
	}
	if (dup2(input, STDIN_FILENO) >= 0 && (!command->output || dup2(command->output, STDOUT_FILENO) >= 0) &&
	    (!command->error || dup2(command->error, STDERR_FILENO) >= 0)) {
		close_range(STDERR_FILENO + 1, ~0U, 0);
		sigprocmask(SIG_SETMASK, mask, NULL);
		execvpe(command->path, command->argv, environment);
	}
	command_error = errno;
	_exit(127);
}

void
command_allow_many(void)
{
	struct rlimit limit;

	if (command_has_files || getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	command_files = limit;
	limit.rlim_cur = limit.rlim_max;
	command_has_files = setrlimit(RLIMIT_NOFILE, &limit) == 0;
}

int
command_start(const struct command *command, pid_t *ret_pid)
{
	_cleanup_close_ int bytes = command->input_fd ? -1 : command_make_input(command->input.p, command->input.len);
	int input = command->input_fd ?: bytes;
	_cleanup_free_ char **environment = NULL;
	sigset_t all, before;
	pid_t parent = getpid(), pid;
	int error;

	if (input < 0)
		return input;
	environment = command_make_environment(command);
	/* No handler of udsctl runs in the child. */
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &before);
	command_error = 0;
	pid = vfork();
	if (pid == 0)
		command_become(command, environment, input, parent, &before);
	error = pid < 0 ? errno : command_error;
	sigprocmask(SIG_SETMASK, &before, NULL);
	if (error == 0)
		*ret_pid = pid;
	return -error;
}

int
command_find(const char *name, char **ret_path)
{
	const char *path = getenv("PATH") ?: "/usr/local/bin:/usr/bin:/bin", *end;
	struct stat st;
	int error = ENOENT;
	char *file;

	for (;; path = end + 1) {
		end = strchrnul(path, ':');
		if (strchr(name, '/'))
			memory_check(asprintf(&file, "%s", name));
		else
			memory_check(asprintf(&file, "%.*s%s%s", (int)(end - path), path, end > path ? "/" : "", name));
		if (access(file, X_OK) == 0 && stat(file, &st) == 0 && S_ISREG(st.st_mode)) {
			*ret_path = file;
			return 0;
		}
		if (access(file, F_OK) == 0)
			error = EACCES;
		free(file);
		if (!*end || strchr(name, '/'))
			return -error;
	}
}

int
command_report(const char *verb, const char *name, int error)
{
	say("%s: cannot run '%s': %s%s", verb, name, strerror(error),
	    strpbrk(name, " ;|&$") ? "; a line for the shell goes like this: -- sh -c 'LINE'" : "");
	return error == ENOENT ? EXIT_NOT_FOUND : EXIT_NOT_EXECUTABLE;
}
