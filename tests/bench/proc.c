#include "proc.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <err.h>
#include <fcntl.h>
#include <ftw.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE_NS UINT64_C(10000000000) /* until a server listens */
#define PIPE_PATIENCE_NS UINT64_C(120000000000)

char proc_socket[48];
char proc_config[48];
char proc_port[8];

/* Static, since handlers of exit and signals have no argument. */
static struct {
	const char *name; /* NULL after proc_stop() */
	pid_t pid;        /* 0: no server runs */
	char directory[32];
	int log_fd; /* the server's output */
	uint64_t started;
	cpu_set_t cpus; /* the CPUs that the benchmark may use */
	bool uses_port;
	volatile sig_atomic_t interrupted;
} proc = { .directory = "/tmp/udsd-bench.XXXXXX", .log_fd = -1 };

static int
proc_remove_cb(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	if (ftw->level > 0)
		(void)!(type == FTW_DP ? rmdir(path) : unlink(path));
	return 0;
}

void
proc_stop(void)
{
	if (proc.pid > 0) {
		kill(proc.pid, SIGKILL);
		waitpid(proc.pid, NULL, 0);
		proc.pid = 0;
	}
	nftw(proc.directory, proc_remove_cb, 16, FTW_DEPTH | FTW_PHYS);
	proc.name = NULL;
}

void
proc_end(void)
{
	uint64_t begun = proc_now();

	kill(proc.pid, SIGTERM);
	while (waitpid(proc.pid, NULL, WNOHANG) == 0) {
		if (proc.interrupted)
			errx(1, "interrupted");
		if (proc_now() - begun > PIPE_PATIENCE_NS)
			proc_fail("does not end");
		nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
	}
	proc.pid = 0;
}

static void
proc_exit_cb(void)
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
proc_interrupt_cb(int signo)
{
	(void)signo;
	proc.interrupted = 1;
}

void
proc_setup(void)
{
	struct sigaction action = { .sa_handler = proc_interrupt_cb };

	if (!mkdtemp(proc.directory))
		err(1, "%s", proc.directory);
	snprintf(proc_socket, sizeof(proc_socket), "%s/socket", proc.directory);
	snprintf(proc_config, sizeof(proc_config), "%s/config", proc.directory);
	if (sched_getaffinity(0, sizeof(proc.cpus), &proc.cpus) < 0)
		err(1, "sched_getaffinity");
	proc.log_fd = memfd_create("log", MFD_CLOEXEC);
	if (proc.log_fd < 0)
		err(1, "memfd_create");
	atexit(proc_exit_cb);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
}

bool
proc_is_interrupted(void)
{
	return proc.interrupted;
}

_Noreturn void
proc_fail(const char *what)
{
	errx(1, "%s: %s", proc.name, what);
}

/* In a child: executes the program. */
_Noreturn static void
proc_run_child(const char *program, const char *const argv[], int cpu, pid_t parent, int in_fd, int out_fd)
{
	cpu_set_t set = proc.cpus;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(127);
	if (cpu >= 0) {
		CPU_ZERO(&set);
		CPU_SET((size_t)cpu, &set);
	}
	sched_setaffinity(0, sizeof(set), &set);
	if (chdir(proc.directory) < 0 || dup2(in_fd, 0) < 0 || dup2(out_fd, 1) < 0 || dup2(proc.log_fd, 2) < 0)
		_exit(127);
	execvp(program, (char *const *)argv);
	warn("%s", program);
	_exit(127);
}

uint64_t
proc_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

uint64_t
proc_started(void)
{
	return proc.started;
}

static struct sockaddr_in
proc_port_addr(void)
{
	return (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)atoi(proc_port)),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
}

/* If another program takes the port meanwhile, the server fails to start and reports that. */
void
proc_use_port(bool use)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in addr;
	socklen_t len = sizeof(addr);

	proc_port[0] = '\0';
	addr = proc_port_addr();
	if (fd < 0 || bind(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0 ||
	    getsockname(fd, (struct sockaddr *)&addr, &len) < 0)
		err(1, "a port for the server");
	close(fd);
	snprintf(proc_port, sizeof(proc_port), "%u", ntohs(addr.sin_port));
	proc.uses_port = use;
}

static int
proc_new_socket(void)
{
	int fd = socket(proc.uses_port ? AF_INET : AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

	if (fd < 0)
		err(1, "socket");
	if (proc.uses_port)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return fd;
}

static int
proc_connect_socket(int fd)
{
	struct sockaddr_un path = { .sun_family = AF_UNIX };
	struct sockaddr_in port = proc_port_addr();

	memcpy(path.sun_path, proc_socket, sizeof(proc_socket));
	return proc.uses_port ? connect(fd, (struct sockaddr *)&port, sizeof(port))
	                      : connect(fd, (struct sockaddr *)&path, sizeof(path));
}

/* Returns a connection, or -1 if the server does not listen. */
static int
proc_try_connect(void)
{
	int fd = proc_new_socket();

	if (proc_connect_socket(fd) == 0)
		return fd;
	close(fd);
	return -1;
}

/*
 * The kernel tells a server which process called connect(). A child connects the publishers, since udsd treats
 * publishers and receivers of one process specially.
 */
int
proc_connect_apart(void)
{
	int fd = proc_new_socket(), status;
	pid_t pid = fork();

	if (pid < 0)
		err(1, "fork");
	if (pid == 0)
		_exit(proc_connect_socket(fd) == 0 ? 0 : 1);
	if (waitpid(pid, &status, 0) != pid || status != 0)
		proc_fail("cannot connect");
	return fd;
}

void
proc_start(const char *name, const char *program, const char *const argv[], int cpu)
{
	int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC), fd;
	pid_t parent = getpid();

	proc.name = name;
	if (ftruncate(proc.log_fd, 0) < 0)
		err(1, "log");
	lseek(proc.log_fd, 0, SEEK_SET);
	proc.started = proc_now();
	proc.pid = fork();
	if (proc.pid < 0)
		err(1, "fork");
	if (proc.pid == 0)
		proc_run_child(program, argv, cpu, parent, null_fd, proc.log_fd);
	close(null_fd);
	while (proc_now() - proc.started < PATIENCE_NS && !proc.interrupted) {
		if ((fd = proc_try_connect()) >= 0) {
			close(fd);
			return;
		}
		if (waitpid(proc.pid, NULL, WNOHANG) == proc.pid) {
			proc.pid = 0;
			break;
		}
		nanosleep(&(struct timespec){ .tv_nsec = 100000 }, NULL);
	}
	proc_fail(proc.pid ? "does not listen" : "ended before it listened");
}

int
proc_spawn(const char *program, const char *const argv[], int in_fd, int out_fd)
{
	pid_t parent = getpid(), pid = fork();

	if (pid < 0)
		err(1, "fork");
	if (pid == 0)
		proc_run_child(program, argv, -1, parent, in_fd, out_fd);
	return pid;
}

uint64_t
proc_wait(int pid)
{
	uint64_t begun = proc_now();
	struct rusage usage;
	int status;
	pid_t got;

	while ((got = wait4(pid, &status, WNOHANG, &usage)) == 0) {
		if (proc.interrupted)
			errx(1, "interrupted");
		if (proc_now() - begun > PIPE_PATIENCE_NS)
			proc_fail("the lines did not end");
		nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
	}
	if (got < 0 || status != 0)
		proc_fail("a program that talks to it failed");
	return (uint64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000000 +
	       (uint64_t)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1000;
}

int
proc_connect(void)
{
	int fd = proc_try_connect();

	if (fd < 0)
		err(1, "%s: connect", proc.name);
	return fd;
}

/* Reads a file below /proc/PID. Returns false if there is none. */
static bool
proc_read_file(const char *name, char *ret_text, size_t size)
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

/* For kernels without schedstat. Counts in clock ticks, so only long runs are exact. */
static uint64_t
proc_ticks_ns(void)
{
	unsigned long user, system;
	char text[1024];

	if (!proc_read_file("stat", text, sizeof(text)) || !strrchr(text, ')') ||
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
		if (e->d_name[0] != '.' && proc_read_file(path, text, sizeof(text)))
			sum += strtoull(text, NULL, 10);
	}
	if (d)
		closedir(d);
	return sum > 0 ? sum : proc_ticks_ns();
}

uint64_t
proc_resident(void)
{
	unsigned long kib;
	char text[2048];
	const char *line;

	/* statm is cheaper, but not exact. */
	if (!proc_read_file("smaps_rollup", text, sizeof(text)) || !(line = strstr(text, "Rss:")) ||
	    sscanf(line, "Rss: %lu kB", &kib) != 1)
		errx(1, "%s: cannot read its memory from /proc/%d/smaps_rollup", proc.name, (int)proc.pid);
	return (uint64_t)kib * 1024;
}
