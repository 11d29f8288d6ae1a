/*
 * Where udsctl recv puts messages: on standard output, into a file (--into) or into commands (--exec); as they are, in
 * a format, or as JSON.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "handler.h"
#include "protocol.h"

struct into;
struct loop;
struct message;
struct recv_options;
struct sink;

/* The longest payload in bytes. */
#define SINK_PAYLOAD_MAX ((size_t)1024 * 1024 * 1024)

/* The sink may have room again, may be idle, or a command has failed. */
typedef void sink_cb(void *arg);

/*
 * Returns 0, or EX_USAGE after reporting options that contradict each other. The options must outlive the sink. With
 * --into, sink_set_file() must follow.
 */
int sink_new(struct loop *loop, const struct recv_options *o, sink_cb *moved, void *arg, struct sink **ret_sink);
void sink_free(struct sink *s);

/*
 * Takes the messages that the bytes begin with as long as they are on the channel of the last message, at most `max`.
 * *ret_need: if the last of them is incomplete, the bytes it will have, else 0. Returns the bytes used.
 */
size_t sink_take_run(struct sink *s, const uint8_t *bytes, size_t len, uint64_t max, size_t *ret_need);

/*
 * Takes one message; its number, and its time if it has no ID, are set here. frame: where it begins in the input, NULL
 * where the next messages do not come in the same form.
 */
void sink_take(struct sink *s, const uint8_t *frame, const struct message *message);

/* How far it is with taking and with handling, in the same unit: what was taken up to here is handled up to there. */
uint64_t sink_taken(const struct sink *s);
uint64_t sink_handled(const struct sink *s);

/* Reports that the daemon dropped `missed` messages of the channel; "*": of other channels. */
void sink_report_missed(struct sink *s, uint64_t missed, struct slice channel);

/* Messages taken from now on go to this file, which belongs to the caller. */
void sink_set_file(struct sink *s, struct into *file);

/* Messages taken from now on bear the current time. */
void sink_set_time(struct sink *s);

/* Writes what standard output takes without blocking. Call after a batch of messages. */
void sink_flush(struct sink *s);

/* Starts no other command; what is queued for one counts as unhandled. */
void sink_stop(struct sink *s);

/* Whether to stop reading until the sink calls back. */
bool sink_is_full(const struct sink *s);

/* Whether everything is written, or every command has ended. */
bool sink_is_idle(const struct sink *s);

/* Whether a command has failed that ends udsctl (--stop-on-error). */
bool sink_has_failed(const struct sink *s);

/* Messages taken so far. */
uint64_t sink_messages(const struct sink *s);

/* All 0 without --exec. */
struct handler_counts sink_commands(const struct sink *s);
