/* The end of a snapshot: it is sorted, and compared with the one before. */
#include <stdlib.h>
#include <string.h>

#include "snapshot.h"

static int
compare_texts(struct slice a, struct slice b)
{
	size_t len = a.len < b.len ? a.len : b.len;
	int order = len > 0 ? memcmp(a.p, b.p, len) : 0;

	return order ? order : (a.len > b.len) - (a.len < b.len);
}

static int
compare_channels(const struct snapshot *s, const struct snapshot_channel *a, const struct snapshot *t,
                 const struct snapshot_channel *b)
{
	int order = compare_texts(snapshot_text(s, a->name), snapshot_text(t, b->name));

	return order ? order : a->is_shard - b->is_shard;
}

static int
sort_channels_cb(const void *a, const void *b, void *arg)
{
	return compare_channels(arg, a, arg, b);
}

static int
sort_clients_cb(const void *a, const void *b)
{
	const struct snapshot_client *x = a, *y = b;

	return (x->id > y->id) - (x->id < y->id);
}

/* A counter that has gone down has begun again at 0. */
static double
rate(uint64_t now, uint64_t before, double seconds)
{
	return (double)(now >= before ? now - before : now) / seconds;
}

static void
find_rates(struct snapshot *s, const struct snapshot_info *before, double seconds)
{
	const struct snapshot_info *info = &s->info;

	s->rates = (struct snapshot_rates){
		.published = rate(info->published, before->published, seconds),
		.queued = rate(info->queued, before->queued, seconds),
		.dropped = rate(info->dropped, before->dropped, seconds),
		.undelivered = rate(info->undelivered, before->undelivered, seconds),
		.bytes_in = rate(info->bytes_in, before->bytes_in, seconds),
		.bytes_out = rate(info->bytes_out, before->bytes_out, seconds),
		.cpu = (info->cpu - before->cpu) / seconds,
	};
}

/* What was not there before has counted from 0. */
static void
find_channel_rates(struct snapshot *s, const struct snapshot *before, double seconds)
{
	static const struct snapshot_channel none = { 0 };
	size_t j = 0;

	for (size_t i = 0; i < s->n_channels; i++) {
		struct snapshot_channel *c = &s->channels[i];
		const struct snapshot_channel *was = &none;
		int order = 1;

		while (j < before->n_channels && (order = compare_channels(before, &before->channels[j], s, c)) < 0)
			j++;
		if (j < before->n_channels && order == 0)
			was = &before->channels[j];
		c->message_rate = rate(c->messages, was->messages, seconds);
		c->delivery_rate = rate(c->deliveries, was->deliveries, seconds);
		c->drop_rate = rate(c->dropped, was->dropped, seconds);
	}
}

static void
find_client_rates(struct snapshot *s, const struct snapshot *before, double seconds)
{
	static const struct snapshot_client none = { 0 };
	size_t j = 0;

	for (size_t i = 0; i < s->n_clients; i++) {
		struct snapshot_client *c = &s->clients[i];
		const struct snapshot_client *was = &none;

		while (j < before->n_clients && before->clients[j].id < c->id)
			j++;
		if (j < before->n_clients && before->clients[j].id == c->id)
			was = &before->clients[j];
		memcpy(c->command, was->command, sizeof(c->command));
		c->publish_rate = rate(c->published, was->published, seconds);
		c->deliver_rate = rate(c->delivered, was->delivered, seconds);
	}
}

void
snapshot_finish(struct snapshot *s, uint64_t taken_at, const struct snapshot *before)
{
	double seconds;

	s->taken_at = taken_at;
	s->channels = (struct snapshot_channel *)s->channel_buf.data;
	s->n_channels = s->channel_buf.len / sizeof(*s->channels);
	s->clients = (struct snapshot_client *)s->client_buf.data;
	s->n_clients = s->client_buf.len / sizeof(*s->clients);
	if (s->n_channels > 0)
		qsort_r(s->channels, s->n_channels, sizeof(*s->channels), sort_channels_cb, s);
	if (s->n_clients > 0)
		qsort(s->clients, s->n_clients, sizeof(*s->clients), sort_clients_cb);
	s->has_rates = before->taken_at > 0 && taken_at > before->taken_at &&
	               strcmp(s->info.all.run_id, before->info.all.run_id) == 0;
	if (!s->has_rates)
		return;
	seconds = (double)(taken_at - before->taken_at) / 1e6;
	find_rates(s, &before->info, seconds);
	find_channel_rates(s, before, seconds);
	find_client_rates(s, before, seconds);
}
