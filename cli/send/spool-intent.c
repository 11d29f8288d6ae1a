#include "spool-intent.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"
#include "siphash.h"

/* In the head of the file, behind the marks. */
#define INTENT_OFFSET 1536

static uint64_t
spool_intent_sum(const struct siphash_key *key, const struct spool_intent *intent)
{
	return siphash(key, intent, offsetof(struct spool_intent, sum));
}

/* Pipes do not survive a boot, although the names and inodes of FIFOs do. */
static uint64_t
spool_intent_boot(void)
{
	static const struct siphash_key key = { 1, 2 };
	static uint64_t boot; /* 0: not read yet */
	_cleanup_close_ int fd = boot ? -EBADF : open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	char id[64];
	ssize_t n = fd >= 0 ? read(fd, id, sizeof(id)) : 0;

	if (boot == 0)
		boot = siphash(&key, id, n > 0 ? (size_t)n : 0) | 1;
	return boot;
}

bool
spool_intent_describe(int fd, struct spool_intent *ret_intent)
{
	off_t offset = lseek(fd, 0, SEEK_CUR);
	int present = 0;
	struct stat st;

	if (fstat(fd, &st) < 0 || !(S_ISFIFO(st.st_mode) || S_ISREG(st.st_mode)))
		return false;
	if (S_ISFIFO(st.st_mode) && ioctl(fd, FIONREAD, &present) < 0)
		return false;
	*ret_intent = (struct spool_intent){ .boot = spool_intent_boot(),
		                             .device = st.st_dev,
		                             .inode = st.st_ino,
		                             .offset = offset > 0 ? (uint64_t)offset : 0,
		                             .present = (uint64_t)present };
	return true;
}

bool
spool_intent_may_hold(const struct spool_intent *intent, const struct spool_intent *now)
{
	return intent->boot == now->boot && intent->device == now->device && intent->inode == now->inode &&
	       intent->offset == now->offset && intent->present <= now->present;
}

bool
spool_intent_read(int fd, const struct siphash_key *key, struct spool_intent *ret_intent)
{
	struct spool_intent intent;

	if (pread(fd, &intent, sizeof(intent), INTENT_OFFSET) != sizeof(intent) ||
	    intent.sum != spool_intent_sum(key, &intent))
		return false;
	*ret_intent = intent;
	return true;
}

void
spool_taking_begin(struct spool_taking *t, int fd, const struct siphash_key *key, uint64_t number)
{
	struct spool_intent intent;

	if (t->intends)
		return;
	if (t->input < 0 || !spool_intent_describe(t->input, &intent)) {
		spool_taking_end(t, fd);
		return;
	}
	intent.first = number;
	intent.sum = spool_intent_sum(key, &intent);
	t->intends = t->has_intent = pwrite(fd, &intent, sizeof(intent), INTENT_OFFSET) == sizeof(intent);
}

void
spool_taking_end(struct spool_taking *t, int fd)
{
	static const struct spool_intent none;

	if (t->has_intent)
		(void)!pwrite(fd, &none, sizeof(none), INTENT_OFFSET);
	t->intends = t->has_intent = false;
}
