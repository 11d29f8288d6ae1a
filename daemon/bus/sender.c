#include "sender.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

int
sender_sign(struct bus *bus, const struct client *c, struct stream_fields given, struct sender_fields *ret)
{
	bool may_say = bus_is_admin(bus, c);
	size_t n = 0;

	bus->flow.work.done += (given.n_fields + 1) * WORK_ARGUMENT;
	ret->argv = reallocarray(NULL, 2 * (given.n_fields + 1), sizeof(*ret->argv));
	if (!ret->argv)
		return -ENOMEM;
	for (size_t i = 0; i < given.n_fields; i++) {
		if (stream_rule_is_sender(given.argv[2 * i])) {
			if (may_say) {
				sender_end(ret);
				ret->argv = NULL;
				return 0;
			}
			continue;
		}
		ret->argv[n++] = given.argv[2 * i];
		ret->argv[n++] = given.argv[2 * i + 1];
	}
	snprintf(ret->uid, sizeof(ret->uid), "%" PRId64, c->identity.anonymous ? -1 : (int64_t)c->identity.uid);
	ret->argv[n++] = slice_of(STREAM_SENDER);
	ret->argv[n++] = slice_of(ret->uid);
	ret->fields = (struct stream_fields){ ret->argv, n / 2 };
	return 0;
}

int
sender_append_signed(struct bus *bus, const struct client *c, struct streams *streams, struct stream *stream,
                     struct stream_id id, struct stream_fields given)
{
	struct sender_fields sent;
	int r = sender_begin(bus, c, streams, stream, given, &sent);

	if (r < 0)
		return r;
	r = stream_append(streams, stream, id, sent.fields);
	sender_end(&sent);
	return r;
}
