#include "progress.h"

#include <unistd.h>

#include "loop.h"
#include "say.h"

/* Short inputs need no progress; ms. */
#define PROGRESS_AFTER 2000
#define PROGRESS_EVERY 500

void
progress_init(struct progress *p)
{
	p->on = isatty(STDERR_FILENO) == 1 && isatty(STDIN_FILENO) == 0;
	p->next = loop_now() + PROGRESS_AFTER;
}

void
progress_show(struct progress *p, uint64_t answered, uint64_t queued_bytes)
{
	uint64_t now;

	if (!p->on || (now = loop_now()) < p->next)
		return;
	p->next = now + PROGRESS_EVERY;
	say_progress("%llu messages answered, %llu KiB queued", (unsigned long long)answered,
	             (unsigned long long)(queued_bytes / 1024));
}

void
progress_end(struct progress *p)
{
	if (p->on)
		say_progress_end();
}
