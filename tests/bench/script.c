#include "script.h"

#include <err.h>
#include <stdio.h>
#include <stdlib.h>

#include "cleanup.h"
#include "stream-script.h"

#define GROUP_STREAM "c0"

/* Returns size digits that end with the number. */
static char *
script_new_payload(unsigned int size, unsigned int number)
{
	char *text;

	if (asprintf(&text, "%0*u", (int)size, number) < 0)
		errx(1, "no memory");
	return text;
}

static void
script_write_request(const struct work *work, const struct protocol *protocol, const char *channel, unsigned int number,
                     struct script *s)
{
	_cleanup_free_ char *payload = script_new_payload(work->size, number);

	switch (work->kind) {
	case WORK_PUBLISH:
		protocol->publish(channel, payload, work->clients, &s->batch, &s->delivery);
		break;
	case WORK_ECHO:
		protocol_print(&s->batch.request, "%s", payload);
		protocol_print(&s->batch.answer, "%s", payload);
		break;
	case WORK_REJOIN:
		protocol->unsubscribe(channel, 1, &s->batch);
		protocol->subscribe(channel, 1, &s->batch);
		break;
	case WORK_ADD:
	case WORK_TAIL:
		protocol->add(channel, payload, &s->batch);
		break;
	case WORK_GROUP:
		stream_script_rewind(GROUP_STREAM, channel, &s->batch);
		stream_script_take(GROUP_STREAM, channel, 1, work->entries, work->size, &s->batch);
		stream_script_done(GROUP_STREAM, channel, 1, work->entries, &s->batch);
		break;
	case WORK_PING:
		protocol->ping(&s->batch);
		break;
	case WORK_CALL:
	case WORK_VISIT:
	case WORK_MEMORY:
	case WORK_START:
	case WORK_STREAMS:
	case WORK_PENDING:
	case WORK_LARGE:
	case WORK_PIPE:
		break;
	}
}

void
script_write(const struct work *work, const struct protocol *protocol, unsigned int number, struct script *ret_script)
{
	bool flushes = (work->kind == WORK_PUBLISH || work->kind == WORK_REJOIN) && protocol->flush;
	struct script s = { .noise = protocol->noise,
		            .counts_lines = work->kind == WORK_ADD || work->kind == WORK_TAIL };
	bool is_floor = protocol == &protocol_floor;
	char channel[16];

	snprintf(channel, sizeof(channel), "c%u", number);
	if (work->kind != WORK_ECHO)
		protocol->hello(channel, &s.hello);
	if (work->kind == WORK_PUBLISH || (work->kind == WORK_REJOIN && !is_floor) ||
	    (work->kind == WORK_TAIL && is_floor)) {
		protocol->join(channel, &s.join);
		if (protocol->flush)
			protocol->flush(&s.join);
	}
	if (work->kind == WORK_GROUP && number == 0)
		stream_script_fill(GROUP_STREAM, 1, work->entries, work->size, &s.join);
	if (work->kind == WORK_GROUP)
		stream_script_group(GROUP_STREAM, channel, &s.join);
	for (unsigned int i = 0; i < work->depth; i++) {
		if (work->streams > 0)
			snprintf(channel, sizeof(channel), "c%u", (number * work->depth + i) % work->streams);
		script_write_request(work, protocol, channel, i, &s);
	}
	if (flushes)
		protocol->flush(&s.batch);
	*ret_script = s;
}

void
script_deinit(struct script *script)
{
	exchange_deinit(&script->hello);
	exchange_deinit(&script->join);
	exchange_deinit(&script->batch);
	buf_deinit(&script->delivery);
}

void
script_write_crowd(const struct crowd *crowd, const struct protocol *protocol, unsigned int client, struct exchange *x)
{
	char name[24];

	for (unsigned int i = 0; i < crowd->each; i++) {
		snprintf(name, sizeof(name), "crowd.%06u%s", client * crowd->each + i,
		         crowd->kind == CROWD_PATTERNS ? ".*" : "");
		if (crowd->kind == CROWD_PATTERNS)
			protocol->subscribe_pattern(name, i + 1, x);
		else
			protocol->subscribe(name, i + 1, x);
	}
	if (crowd->each > 0 && protocol->flush)
		protocol->flush(x);
}
