/*
 * The notices of dropped messages are subscribed to last, with a command of their own. A daemon may refuse them to this
 * user, or may not know them: its error then comes when exactly the user's subscriptions are confirmed, and recv goes
 * on without notices.
 */
#include "subscription.h"

#include <string.h>

#include "memory.h"
#include "num.h"
#include "recv-options.h"
#include "resp-encode.h"

static void
subscription_add_command(struct buf *b, const char *name, const char *const *args, size_t n)
{
	if (n == 0)
		return;
	memory_check(buf_printf(b, "*%zu\r\n$%zu\r\n%s\r\n", n + 1, strlen(name), name));
	for (size_t i = 0; i < n; i++) {
		size_t len = strlen(args[i]);

		memory_check(buf_reserve(b, len + RESP_HEADER_MAX + 2));
		b->len += resp_put_bulk((char *)b->data + b->len, args[i], len);
	}
}

void
subscription_init(struct subscription *s, const struct recv_options *o)
{
	static const char *const missed[] = { PROTOCOL_MISSED };

	*s = (struct subscription){ .n = o->common.n_args + o->patterns.n, .asks_missed = true };
	for (size_t i = 0; i < o->common.n_args; i++)
		if (strcmp(o->common.args[i], PROTOCOL_MISSED) == 0)
			s->asks_missed = false;
	subscription_add_command(&s->commands, "SUBSCRIBE", (const char *const *)o->common.args, o->common.n_args);
	subscription_add_command(&s->commands, "PSUBSCRIBE", o->patterns.texts, o->patterns.n);
	subscription_add_command(&s->commands, "SUBSCRIBE", missed, s->asks_missed ? 1 : 0);
}

void
subscription_deinit(struct subscription *s)
{
	buf_deinit(&s->commands);
}

bool
subscription_parse_missed(const struct subscription *s, struct slice channel, struct slice payload,
                          uint64_t *ret_missed, struct slice *ret_channel)
{
	char text[NUM_DIGITS_MAX + 1] = "";
	const uint8_t *blank;
	size_t digits;

	if (!s->asks_missed || channel.len != strlen(PROTOCOL_MISSED) ||
	    memcmp(channel.p, PROTOCOL_MISSED, channel.len) != 0)
		return false;
	blank = memchr(payload.p, ' ', payload.len);
	digits = blank ? (size_t)(blank - payload.p) : 0;
	if (digits > NUM_DIGITS_MAX)
		return false;
	memcpy(text, payload.p, digits);
	if (num_parse_u64(text, ret_missed) != 0)
		return false;
	*ret_channel = (struct slice){ payload.p + digits + 1, payload.len - digits - 1 };
	return true;
}
