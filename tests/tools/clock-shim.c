/*
 * A preloaded library that sets the clock of a program: the file $CLOCK_OFFSET has a number of 8 bytes, milliseconds
 * that are added to the real-time clock. A timer of that clock is taken to be one that only tells when it is set.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

static volatile int64_t *
offset(void)
{
	static volatile int64_t *ms;
	int fd;

	if (!ms) {
		fd = open(getenv("CLOCK_OFFSET"), O_RDONLY | O_CLOEXEC);
		ms = mmap(NULL, sizeof(*ms), PROT_READ, MAP_SHARED, fd, 0);
		close(fd);
	}
	return ms;
}

int
clock_gettime(clockid_t clock, struct timespec *ts)
{
	long r = syscall(SYS_clock_gettime, clock, ts);
	int64_t ms = clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE ? *offset() : 0;

	ts->tv_sec += ms / 1000;
	return (int)r;
}

static void *
watch(void *arg)
{
	int64_t last = *offset();
	uint64_t one = 1;

	for (;; usleep(1000))
		if (*offset() != last) {
			last = *offset();
			(void)!write((int)(intptr_t)arg, &one, sizeof(one));
		}
	return NULL;
}

int
timerfd_create(int clock, int flags)
{
	pthread_t thread;
	int fd;

	if (clock != CLOCK_REALTIME)
		return (int)syscall(SYS_timerfd_create, clock, flags);
	fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	pthread_create(&thread, NULL, watch, (void *)(intptr_t)fd);
	return fd;
}

int
timerfd_settime(int fd, int flags, const struct itimerspec *new, struct itimerspec *old)
{
	return flags & TFD_TIMER_CANCEL_ON_SET ? 0 : (int)syscall(SYS_timerfd_settime, fd, flags, new, old);
}
