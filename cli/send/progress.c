#include "progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "human.h"
#include "loop.h"
#include "say.h"

/* In ms. */
#define AFTER 2000
#define EVERY_ON_TERMINAL 500
#define EVERY_ELSE 1000

/* The weight of the latest rate in the moving average. */
#define SMOOTHING 0.5

/* "12.3 MB", "3.1M/s": at most four characters for the number. */
static void
progress_format_count(char *text, size_t size, double n, const char *unit)
{
	static const char scales[] = " kMGTP";
	size_t scale = 0;

	while (n >= 999.5 && scale + 2 < sizeof(scales)) {
		n /= 1000;
		scale++;
	}
	snprintf(text, size, "%.*f%s%.*s%s", scale > 0 && n < 99.95, n, *unit == '/' ? "" : " ", scale > 0,
	         scales + scale, unit);
}

static void
progress_show(struct progress *p, bool last)
{
	struct progress_state state = { 0 };
	uint64_t now = loop_now(), passed = now > p->at ? now - p->at : 1;
	char bytes[32], rate[32], reconnects[64] = "";
	double lately;

	p->cb(p->arg, &state);
	if (last) {
		now = loop_now() - p->started;
		p->rate = (double)state.answered * 1000 / (double)(now > 0 ? now : 1);
	} else {
		lately = (double)(state.answered - p->answered) * 1000 / (double)passed;
		p->rate = p->shown ? p->rate + (lately - p->rate) * SMOOTHING : lately;
		p->at = now;
		p->answered = state.answered;
	}
	progress_format_count(bytes, sizeof(bytes), (double)state.bytes, "B");
	progress_format_count(rate, sizeof(rate), p->rate, "/s");
	if (state.reconnects > 0)
		snprintf(reconnects, sizeof(reconnects), ", %" PRIu64 " reconnect%s", state.reconnects,
		         human_s(state.reconnects));
	say_progress("%" PRIu64 " message%s, %s, %s, %" PRIu64 " unanswered%s", state.messages, human_s(state.messages),
	             bytes, rate, state.messages - state.answered, reconnects);
	p->shown = true;
}

static void
progress_timer_cb(void *arg)
{
	struct progress *p = arg;

	progress_show(p, false);
	timer_set(&p->timer, p->terminal ? EVERY_ON_TERMINAL : EVERY_ELSE);
}

void
progress_init(struct progress *p, struct loop *loop, enum progress_mode mode, progress_cb *cb, void *arg)
{
	*p = (struct progress){
		.mode = mode, .terminal = say_is_on_terminal(), .started = loop_now(), .cb = cb, .arg = arg
	};
	p->at = p->started;
	if (mode == PROGRESS_OFF || (mode == PROGRESS_AUTO && (!p->terminal || isatty(STDIN_FILENO) == 1)))
		return;
	timer_init(&p->timer, loop, progress_timer_cb, p);
	timer_set(&p->timer, mode == PROGRESS_AUTO ? AFTER : p->terminal ? EVERY_ON_TERMINAL : EVERY_ELSE);
}

void
progress_deinit(struct progress *p)
{
	if (!p->timer.event)
		return;
	timer_deinit(&p->timer);
	if (p->mode == PROGRESS_AUTO) {
		say_progress_end(false);
		return;
	}
	progress_show(p, true);
	say_progress_end(true);
}
