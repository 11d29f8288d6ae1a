#include "call.h"

#include "loop.h"
#include "memory.h"
#include "num.h"
#include "resp-encode.h"
#include "sendq.h"

/* ms, as the daemon has it where nobody says otherwise. */
#define CALL_TIMEOUT ((uint64_t)30000)

struct call *
call_new(const struct call_options *o, uint64_t number, struct slice payload)
{
	uint64_t timeout = options_timeout(&o->common, CALL_TIMEOUT);
	struct call *call = memory_resize(NULL, sizeof(*call) + payload.len + 1);

	*call = (struct call){
		.number = number,
		.began_ns = loop_now_ns(),
		.end = timeout > 0 ? loop_now() + timeout : UINT64_MAX,
		.retries = o->retries,
		.len = payload.len,
	};
	slice_put(call->payload, payload);
	return call;
}

/* Appends an option of the command and its number. Returns how many words that is. */
static size_t
call_put_option(struct slice *words, const char *name, char *number, uint64_t value)
{
	words[0] = slice_of(name);
	words[1] = (struct slice){ (uint8_t *)number, num_put_u64(number, value) };
	return 2;
}

/* ms until the deadline, at least 1. */
static uint64_t
call_left(const struct call *call, const struct call_options *o, uint64_t wait)
{
	uint64_t now = loop_now();

	if (!o->lines && wait == 0) /* no time has passed that people would see */
		return options_timeout(&o->common, CALL_TIMEOUT);
	return call->end > now ? call->end - now : 1;
}

void
call_queue(const struct call *call, const struct call_options *o, uint64_t wait, struct sendq *queue)
{
	char numbers[3][NUM_DIGITS_MAX];
	struct slice words[10] = {
		slice_of("UDSD"),
		slice_of("CALL"),
		slice_of(o->common.args[0]),
		{ call->payload, call->len },
	};
	size_t n = 4;

	if (call->end != UINT64_MAX)
		n += call_put_option(words + n, "TIMEOUT", numbers[0], call_left(call, o, wait));
	if (wait > 0)
		n += call_put_option(words + n, "WAIT", numbers[1], wait);
	if (call->retries > 0)
		n += call_put_option(words + n, "RETRY", numbers[2], call->retries);
	sendq_commit(queue, resp_put_command(sendq_reserve(queue, resp_command_size(words, n)), words, n), false);
}
