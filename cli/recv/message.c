#include "message.h"

#include <stdio.h>
#include <stdlib.h>

#include "buf.h"
#include "entry.h"
#include "memory.h"
#include "printable.h"
#include "record.h"

size_t
message_format_time(const struct timespec *time, bool utc, char text[MESSAGE_TIME_MAX])
{
	char zone[32] = "Z";
	struct tm tm = { 0 };
	long minutes;

	if (utc) {
		gmtime_r(&time->tv_sec, &tm);
	} else {
		localtime_r(&time->tv_sec, &tm);
		minutes = labs(tm.tm_gmtoff) / 60;
		snprintf(zone, sizeof(zone), "%c%02ld:%02ld", tm.tm_gmtoff < 0 ? '-' : '+', minutes / 60, minutes % 60);
	}
	return (size_t)snprintf(text, MESSAGE_TIME_MAX, "%04d-%02d-%02dT%02d:%02d:%02d.%06ld%s", tm.tm_year + 1900,
	                        tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, time->tv_nsec / 1000,
	                        zone);
}

void
message_put_text(struct slice text, bool clean, struct buf *b)
{
	size_t start = b->len;

	memory_check(buf_append(b, text.p, text.len));
	if (clean)
		b->len = start + printable_clean((char *)b->data + start, text.len, "\t\n");
}

void
message_put_string(struct slice payload, struct buf *b)
{
	json_t *text = json_stringn((const char *)payload.p, payload.len);
	struct buf valid = { 0 };
	enum printable_kind kind;
	size_t size;

	if (!text) { /* not UTF-8 */
		for (size_t at = 0; at < payload.len; at += size) {
			size = printable_next(payload.p + at, payload.len - at, &kind);
			memory_check(kind == PRINTABLE_INVALID ? buf_append(&valid, "\xef\xbf\xbd", 3)
			                                       : buf_append(&valid, payload.p + at, size));
		}
		text = json_stringn_nocheck((const char *)valid.data, valid.len);
		buf_deinit(&valid);
	}
	memory_check(text ? 0 : -1);
	record_print(text, b);
	json_decref(text);
}

/* Sets the time, appends the record and releases it. */
static void
message_put_record(json_t *record, const struct timespec *time, struct buf *b)
{
	char text[MESSAGE_TIME_MAX];

	record_set(record, "time", json_stringn_nocheck(text, message_format_time(time, true, text)));
	record_print(record, b);
	json_decref(record);
}

void
message_put_json(const struct message *m, struct buf *b)
{
	json_t *record = record_new();

	record_set_bytes(record, "channel", m->channel);
	if (m->pattern.p)
		record_set_bytes(record, "pattern", m->pattern);
	if (m->id.p)
		record_set_bytes(record, "id", m->id);
	if (m->fields)
		record_set(record, "fields", entry_fields(m->fields));
	else
		record_set_bytes(record, "payload", m->payload);
	message_put_record(record, &m->time, b);
}

void
message_put_missed_json(uint64_t missed, struct slice channel, const struct timespec *time, struct buf *b)
{
	json_t *record = record_new();

	record_set(record, "missed", json_integer((json_int_t)missed));
	record_set_bytes(record, "channel", channel);
	message_put_record(record, time, b);
}
