/*
 * Where udsctl recv puts messages: on standard output, as they are, in a format or as JSON; or the same
 * into commands. Most messages of a run come on one channel, so the frame's bytes before the length of its
 * payload are the same as those of the last one; they are remembered and compared in one piece.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol.h"

struct handler;
struct loop;
struct recv_options;
struct sink;

/* The longest payload in bytes. */
#define SINK_PAYLOAD_MAX ((size_t)1024 * 1024 * 1024)

/* There may be room again, or nothing waits any more; or a command has failed. */
typedef void sink_cb(void *arg);

/* Returns 0, or EX_USAGE after reporting options that do not fit. The options must stay. */
int sink_new(struct loop *loop, const struct recv_options *o, sink_cb *moved, void *arg, struct sink **ret_sink);
void sink_free(struct sink *s);

/*
 * Takes messages like the last one, at most `max` and as many as the bytes begin with. *ret_need: how many
 * bytes the next of them must have, if it is one. Returns the bytes used.
 */
size_t sink_take_run(struct sink *s, const uint8_t *bytes, size_t len, uint64_t max, size_t *ret_need);

/* Takes one message, whose frame begins at `frame`. pattern: NULL in p where it came by its channel's name. */
void sink_take(struct sink *s, const uint8_t *frame, struct slice channel, struct slice pattern, struct slice payload);

/* Tells that so many messages of the channel ("*": of further channels) have been dropped here. */
void sink_tell_missed(struct sink *s, uint64_t missed, struct slice channel);

/* What is read from now on has come now. */
void sink_set_time(struct sink *s);

/* Writes what can be written. */
void sink_flush(struct sink *s);

/* What no command was started for is dropped, and counted. */
void sink_stop(struct sink *s);

/* Whether no more should be read for now. */
bool sink_is_full(const struct sink *s);

/* Whether all of it has gone where it should. */
bool sink_is_idle(const struct sink *s);

/* Whether a command has failed, after which there is to be no other. */
bool sink_has_failed(const struct sink *s);

/* The messages taken. */
uint64_t sink_messages(const struct sink *s);

/* The commands that it starts, or NULL. */
const struct handler *sink_handler(const struct sink *s);
