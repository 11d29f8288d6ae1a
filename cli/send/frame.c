#include "frame.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "memory.h"
#include "num.h"
#include "resp-encode.h"
#include "sendq.h"

/* "NUMBER.SUM" */
#define IDENTIFIER_MAX (NUM_DIGITS_MAX + 1 + 16)

static const char frame_publish[] = "*3\r\n$7\r\nPUBLISH\r\n";

static void
frame_put(struct buf *b, const char *text)
{
	memory_check(buf_append(b, text, strlen(text)));
}

static void
frame_put_bulk(struct buf *b, struct slice bytes)
{
	memory_check(buf_reserve(b, bytes.len + RESP_HEADER_MAX + 2));
	b->len += resp_put_bulk((char *)b->data + b->len, bytes.p, bytes.len);
}

static void
frame_put_producer(struct buf *b, const struct item *item, uint64_t block)
{
	const struct slice *key = &item->way->key, *name = key->len > 0 ? key : &item->producer;
	char text[WAY_KEY_MAX + 32];
	int n;

	if (key->len == 0)
		n = snprintf(text, sizeof(text), "%.*s.%" PRIu64, (int)name->len, (const char *)name->p,
		             block % WAY_PRODUCERS);
	else if (block == 0)
		n = snprintf(text, sizeof(text), "id:%.*s", (int)name->len, (const char *)name->p);
	else
		n = snprintf(text, sizeof(text), "id:%.*s.%" PRIu64, (int)name->len, (const char *)name->p, block);
	frame_put_bulk(b, (struct slice){ (const uint8_t *)text, (size_t)n });
}

/* Sets what does not change from message to message. */
static void
frame_begin(struct frame *f, const struct item *item, uint64_t block)
{
	const struct way *way = item->way;
	char text[64];

	f->way_serial = item->way_serial;
	f->block = block;
	f->head.len = f->middle.len = 0;
	if (way->kind == WAY_PUBLISH)
		frame_put(&f->head, frame_publish);
	else if (way->kind == WAY_STORE)
		memory_check(buf_printf(&f->head, "*%u\r\n$4\r\nXADD\r\n", 8 + way->n_fields));
	else
		memory_check(
		    buf_printf(&f->head, "*%u\r\n$4\r\nUDSD\r\n$5\r\nLATER\r\n$3\r\nADD\r\n", 11 + way->n_fields));
	frame_put_bulk(&f->head, item->channel);
	f->channel_len = item->channel.len;
	f->channel_at = f->head.len - 2 - item->channel.len;
	if (way->kind == WAY_PUBLISH)
		return;
	frame_put(&f->head, "$4\r\nIDMP\r\n");
	frame_put_producer(&f->head, item, block);
	if (way->kind == WAY_STORE) {
		frame_put(&f->middle, "$1\r\n*\r\n");
	} else {
		snprintf(text, sizeof(text), "%" PRIu64, way->due_ms);
		frame_put(&f->middle, "$2\r\nAT\r\n");
		frame_put_bulk(&f->middle, slice_of(text));
	}
	memory_check(buf_append(&f->middle, way->fields.p, way->fields.len));
	frame_put(&f->middle, "$7\r\nmessage\r\n");
}

/* "NUMBER" or "NUMBER.SUM", as a bulk string. */
static size_t
frame_put_identifier(char *p, uint64_t number, uint64_t sum)
{
	static const char digits[] = "0123456789abcdef";
	char text[IDENTIFIER_MAX];
	size_t n = num_put_u64(text, number);

	if (sum > 0) {
		text[n++] = '.';
		for (int shift = 60; shift >= 0; shift -= 4)
			text[n++] = digits[sum >> shift & 15];
	}
	return resp_put_bulk(p, text, n);
}

static bool
frame_is_like_last(const struct frame *f, const struct item *item, uint64_t block)
{
	return f->way_serial == item->way_serial && f->block == block && f->channel_len == item->channel.len &&
	       f->head.len > 0 && memcmp(f->head.data + f->channel_at, item->channel.p, f->channel_len) == 0;
}

void
frame_push(struct frame *f, struct sendq *q, const struct item *item)
{
	const struct way *way = item->way;
	uint64_t number = way->key.len > 0 ? item->number - way->origin : item->number;
	uint64_t block = way->kind == WAY_PUBLISH ? 0 : number / WAY_IDENTIFIERS;
	char *start, *p;

	if (!frame_is_like_last(f, item, block))
		frame_begin(f, item, block);
	start = p =
	    sendq_reserve(q, f->head.len + IDENTIFIER_MAX + f->middle.len + item->text.len + 2 * (RESP_HEADER_MAX + 2));
	p = mempcpy(p, f->head.data, f->head.len);
	if (way->kind != WAY_PUBLISH) {
		p += frame_put_identifier(p, number, way->key.len > 0 ? 0 : item->sum);
		p = mempcpy(p, f->middle.data, f->middle.len);
	}
	p += resp_put_bulk(p, item->text.p, item->text.len);
	sendq_commit(q, (size_t)(p - start), false);
}

bool
frame_is_publish(struct slice command)
{
	return command.len >= sizeof(frame_publish) - 1 &&
	       memcmp(command.p, frame_publish, sizeof(frame_publish) - 1) == 0;
}

/* It is the last argument. */
uint64_t
frame_message_size(struct slice command)
{
	const char *p = (const char *)command.p;
	uint64_t left = strtoull(p + 1, NULL, 10), len;

	for (p = strchr(p, '\n') + 1;; p += len + 2) {
		len = strtoull(p + 1, NULL, 10);
		if (--left == 0)
			return len;
		p = strchr(p, '\n') + 1;
	}
}

void
frame_deinit(struct frame *f)
{
	buf_deinit(&f->head);
	buf_deinit(&f->middle);
}
