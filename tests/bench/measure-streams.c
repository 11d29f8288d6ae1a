#include "measure-streams.h"

#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "entries.h"
#include "proc.h"
#include "stream-script.h"
#include "talk.h"

#define STREAM "c0"
#define CHUNK 20000    /* requests that are sent at once */
#define PAGE 1000      /* entries of an answer to XRANGE */
#define DELIVERED 5000 /* entries of an answer to XREADGROUP, which is less than a mebibyte */
#define GROUPS 10

static void
large_settle(void)
{
	nanosleep(&(struct timespec){ .tv_nsec = 100000000 }, NULL);
}

static void
large_talk(const struct large *large, int fd, struct exchange *x)
{
	talk(fd, x, large->busy);
	exchange_deinit(x);
}

static void
large_fill(const struct large *large, int fd, unsigned int entries)
{
	for (unsigned int done = 0, n; done < entries; done += n) {
		struct exchange x = { 0 };

		n = entries - done < CHUNK ? entries - done : CHUNK;
		stream_script_fill(STREAM, done + 1, n, large->size, &x);
		large_talk(large, fd, &x);
	}
}

/* What the server takes more than before, for each. */
static void
large_set_memory(struct large *large, uint64_t before)
{
	large_settle();
	large->memory = ((double)proc_resident() - (double)before) / large->entries;
}

void
measure_spread(struct large *large)
{
	int fd = proc_connect();
	uint64_t before = 0;

	/* The first ones make what is made only once. */
	for (unsigned int done = 0, n; done < CHUNK + large->entries; done += n) {
		struct exchange x = { 0 };

		n = CHUNK + large->entries - done < CHUNK ? CHUNK + large->entries - done : CHUNK;
		stream_script_spread(done, n, large->size, &x);
		large_talk(large, fd, &x);
		if (done > 0)
			continue;
		large_settle();
		before = proc_resident();
	}
	large_set_memory(large, before);
	close(fd);
}

static void
large_deliver(const struct large *large, int fd, const char *group, unsigned int entries)
{
	struct exchange x = { 0 };

	stream_script_group(STREAM, group, &x);
	large_talk(large, fd, &x);
	for (unsigned int done = 0; done < entries; done += DELIVERED) {
		stream_script_take(STREAM, group, done + 1, DELIVERED, large->size, &x);
		large_talk(large, fd, &x);
	}
}

void
measure_pending(struct large *large)
{
	unsigned int each = large->entries / GROUPS / DELIVERED * DELIVERED;
	int fd = proc_connect();
	uint64_t before;
	char group[16];

	large->entries = each * GROUPS;
	large_fill(large, fd, each);
	large_deliver(large, fd, "first", DELIVERED);
	large_settle();
	before = proc_resident();
	for (unsigned int i = 0; i < GROUPS; i++) {
		snprintf(group, sizeof(group), "g%u", i);
		large_deliver(large, fd, group, each);
	}
	large_set_memory(large, before);
	close(fd);
}

/* Gets one page. Returns how many entries it has. */
static uint64_t
large_read_page(const struct large *large, int fd, struct entries *entries)
{
	struct buf request = { 0 };
	bool is_whole = false;
	char block[65536];
	int64_t n = 0;

	stream_script_page(STREAM, entries->last, PAGE, &request);
	if (send(fd, request.data, request.len, MSG_NOSIGNAL) != (ssize_t)request.len)
		proc_fail("takes no request");
	buf_deinit(&request);
	while (!is_whole) {
		ssize_t len = recv(fd, block, sizeof(block), large->busy ? MSG_DONTWAIT : 0);
		int64_t got;

		if (proc_is_interrupted())
			errx(1, "interrupted");
		if (len < 0 && errno == EAGAIN)
			continue;
		if (len <= 0 || (got = entries_take(entries, block, (size_t)len, &is_whole)) < 0)
			proc_fail("sent an unexpected answer to XRANGE");
		n += got;
	}
	return (uint64_t)n;
}

/* Reads the whole stream. */
static void
large_scan(const struct large *large, int fd)
{
	struct entries entries = { .head = ENTRIES_OF_RANGE, .last = "0-0" };
	uint64_t n, sum = 0;

	do
		sum += n = large_read_page(large, fd, &entries);
	while (n > 0);
	if (sum != large->entries)
		proc_fail("has lost entries, or has too many");
}

void
measure_large(struct large *large)
{
	int fd = proc_connect();
	uint64_t before, cpu;

	large_settle();
	before = proc_resident();
	large_fill(large, fd, large->entries);
	large_set_memory(large, before);
	cpu = proc_cpu_ns();
	large_scan(large, fd);
	large_settle();
	large->scan_cpu_ns = proc_cpu_ns() - cpu;
	close(fd);
}

double
measure_large_disk(const struct large *large)
{
	char path[sizeof(proc_config) + 8];
	uint64_t sum = 0;
	struct dirent *e;
	struct stat st;
	DIR *d;

	snprintf(path, sizeof(path), "%.*s/store", (int)(strrchr(proc_config, '/') - proc_config), proc_config);
	d = opendir(path);
	while (d && (e = readdir(d)))
		if (fstatat(dirfd(d), e->d_name, &st, 0) == 0 && S_ISREG(st.st_mode))
			sum += (uint64_t)st.st_size;
	if (d)
		closedir(d);
	return (double)sum / large->entries;
}

void
measure_check_large(const struct large *large)
{
	struct exchange x = { 0 };
	int fd = proc_connect();

	protocol_print(&x.request, "XLEN " STREAM "\r\n");
	protocol_print(&x.answer, ":%u\r\n", large->entries);
	large_talk(large, fd, &x);
	close(fd);
}
