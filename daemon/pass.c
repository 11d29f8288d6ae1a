#include "pass.h"

#include "bus.h"
#include "run.h"
#include "session.h"

void
pass_resume(struct bus *bus, const struct pass_ops *ops)
{
	struct session *s;
	size_t n = 0;

	TAILQ_FOREACH(s, &bus->ready, in_link)
		n++;
	for (; n > 0 && !bus_is_pass_full(bus) && (s = TAILQ_FIRST(&bus->ready)); n--)
		ops->resume(s);
	bus->pass_work = bus->router.patterns.work; /* a share of their own: new ones could use up all of every pass */
	while (!bus_has_worked(bus) && !bus_is_pass_full(bus) && !bus->has_untried &&
	       (s = TAILQ_FIRST(&bus->postponed))) {
		session_resume(s, bus);
		ops->resume(s);
	}
}

/* A session whose barrier has opened: its replies may go. Returns false if there is none. */
static bool
wake_gated(struct bus *bus)
{
	struct barrier_waiter *gate = barrier_take_ready(&bus->barriers);
	struct session *s;

	if (!gate)
		return false;
	s = (struct session *)((char *)gate - offsetof(struct session, gate));
	s->progress_ms = (uint32_t)bus->now_ms;
	s->active_s = bus->uptime_s; /* it has waited for this answer, and may now think of its next command */
	session_set_out_state(s, bus, SESSION_OUT_REPLIER);
	return true;
}

void
pass_end(struct bus *bus, const struct pass_ops *ops)
{
	struct session *s;

	run_close(bus);
	for (;;) {
		/* What is further down may make work for what is further up, so each step begins at the top. */
		if ((s = TAILQ_FIRST(&bus->receivers)))
			ops->flush(s);
		else if ((s = TAILQ_FIRST(&bus->dead)))
			ops->close(s);
		else if (wake_gated(bus))
			continue;
		else if ((s = TAILQ_FIRST(&bus->repliers)))
			ops->flush(s);
		else
			break;
	}
	bus->has_untried = false;
	bus->pass_bytes = bus->chunks.bytes;
	bus->pass_work = bus->router.patterns.work;
}
