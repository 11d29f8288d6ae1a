#include "proc.h"

#include <dirent.h>
#include <err.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define READY_TRIES 5000 /* of 2 ms */

char proc_socket[48];

/* Static, since the handlers of exit and of signals take no argument. */
static struct {
	const char *name; /* NULL once the server has been stopped as it should */
	pid_t pid;        /* 0: none runs */
	char directory[32];
	int log_fd; /* what the server says */
	volatile sig_atomic_t interrupted;
} proc = { .directory = "/tmp/udsd-bench.XXXXXX", .log_fd = -1 };

void
proc_stop(void)
{
	DIR *d = opendir(proc.directory);
	struct dirent *e;

	if (proc.pid > 0) {
		kill(proc.pid, SIGKILL);
		waitpid(proc.pid, NULL, 0);
		proc.pid = 0;
	}
	while (d && (e = readdir(d)))
		unlinkat(dirfd(d), e->d_name, 0);
	if (d)
		closedir(d);
	proc.name = NULL;
}

static void
exit_cb(void)
{
	bool failed = proc.name && !proc.interrupted;
	char text[4096];
	ssize_t n = 0;

	proc_stop();
	rmdir(proc.directory);
	lseek(proc.log_fd, 0, SEEK_SET);
	while (failed && (n = read(proc.log_fd, text, sizeof(text))) > 0)
		fwrite(text, 1, (size_t)n, stderr);
}

static void
interrupt_cb(int signo)
{
	(void)signo;
	proc.interrupted = 1;
}

void
proc_setup(void)
{
	struct sigaction action = { .sa_handler = interrupt_cb };

	if (!mkdtemp(proc.directory))
		err(1, "%s", proc.directory);
	snprintf(proc_socket, sizeof(proc_socket), "%s/socket", proc.directory);
	atexit(exit_cb);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
}

bool
proc_is_interrupted(void)
{
	return proc.interrupted;
}

static void
run_child(const char *program, const char *const argv[], int cpu, pid_t parent)
{
	int null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	cpu_set_t set;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(127);
	CPU_ZERO(&set);
	CPU_SET((size_t)cpu, &set);
	if (cpu >= 0)
		sched_setaffinity(0, sizeof(set), &set);
	if (chdir(proc.directory) < 0 || dup2(null_fd, 0) < 0 || dup2(proc.log_fd, 1) < 0 || dup2(proc.log_fd, 2) < 0)
		_exit(127);
	execv(program, (char *const *)argv);
	warn("%s", program);
	_exit(127);
}

static struct sockaddr_un
server_addr(void)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };

	memcpy(addr.sun_path, proc_socket, sizeof(proc_socket));
	return addr;
}

static int
new_socket(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		err(1, "socket");
	return fd;
}

/* Returns a connection, or -1 when the server does not listen. */
static int
try_connect(void)
{
	struct sockaddr_un addr = server_addr();
	int fd = new_socket();

	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0)
		return fd;
	close(fd);
	return -1;
}

/*
 * A server learns a peer's process from whoever calls connect(). Publishers are connected by a child, so that
 * they do not seem to be of one process with the receivers: udsd would treat them as such.
 */
int
proc_connect_apart(void)
{
	struct sockaddr_un addr = server_addr();
	int fd = new_socket(), status;
	pid_t pid = fork();

	if (pid < 0)
		err(1, "fork");
	if (pid == 0)
		_exit(connect(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0 ? 0 : 1);
	if (waitpid(pid, &status, 0) != pid || status != 0)
		errx(1, "%s: cannot connect", proc.name);
	return fd;
}

void
proc_start(const char *name, const char *program, const char *const argv[], int cpu)
{
	pid_t parent = getpid();
	int fd;

	proc.name = name;
	close(proc.log_fd);
	proc.log_fd = memfd_create("log", MFD_CLOEXEC);
	if (proc.log_fd < 0)
		err(1, "memfd_create");
	proc.pid = fork();
	if (proc.pid < 0)
		err(1, "fork");
	if (proc.pid == 0)
		run_child(program, argv, cpu, parent);
	for (int i = 0; i < READY_TRIES && !proc.interrupted; i++) {
		if ((fd = try_connect()) >= 0) {
			close(fd);
			return;
		}
		if (waitpid(proc.pid, NULL, WNOHANG) == proc.pid) {
			proc.pid = 0;
			break;
		}
		nanosleep(&(struct timespec){ .tv_nsec = 2000000 }, NULL);
	}
	errx(1, "%s: %s", name, proc.pid ? "does not listen" : "ended before it listened");
}

int
proc_connect(void)
{
	int fd = try_connect();

	if (fd < 0)
		err(1, "%s: connect", proc.name);
	return fd;
}

/* Reads a file of /proc/PID; false where there is none. */
static bool
read_file(const char *name, char *ret_text, size_t size)
{
	char path[300];
	FILE *f;
	size_t n;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)proc.pid, name);
	f = fopen(path, "re");
	if (!f)
		return false;
	n = fread(ret_text, 1, size - 1, f);
	fclose(f);
	ret_text[n] = '\0';
	return n > 0;
}

/* Where the kernel keeps no schedstat: in clock ticks, so only long runs say much. */
static uint64_t
ticks_ns(void)
{
	unsigned long user, system;
	char text[1024];

	if (!read_file("stat", text, sizeof(text)) || !strrchr(text, ')') ||
	    sscanf(strrchr(text, ')') + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system) != 2)
		errx(1, "%s: cannot read its time from /proc/%d/stat", proc.name, (int)proc.pid);
	return (user + system) * (1000000000 / (uint64_t)sysconf(_SC_CLK_TCK));
}

uint64_t
proc_cpu_ns(void)
{
	char path[300], text[128];
	uint64_t sum = 0;
	struct dirent *e;
	DIR *d;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)proc.pid);
	d = opendir(path);
	while (d && (e = readdir(d))) {
		snprintf(path, sizeof(path), "task/%s/schedstat", e->d_name);
		if (e->d_name[0] != '.' && read_file(path, text, sizeof(text)))
			sum += strtoull(text, NULL, 10);
	}
	if (d)
		closedir(d);
	return sum > 0 ? sum : ticks_ns();
}

uint64_t
proc_resident(void)
{
	unsigned long pages;
	char text[128];

	if (!read_file("statm", text, sizeof(text)) || sscanf(text, "%*u %lu", &pages) != 1)
		errx(1, "%s: cannot read its memory from /proc/%d/statm", proc.name, (int)proc.pid);
	return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}
