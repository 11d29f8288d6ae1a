/*
 * One pass without recursion: a stack holds the open aggregates, and how many elements each of them lacks. A reply
 * that is not complete is parsed again from its beginning when more has arrived, so `need` should ask for much: at
 * least three bytes for each value that has not begun. The values that are not complete are counted for that.
 */
#include "resp-reply.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "num.h"

/* "_\r\n", the least that a value takes. */
#define VALUE_MIN ((size_t)3)

/* An open aggregate. */
struct level {
	size_t node;
	size_t lacking;
};

struct parser {
	struct resp_reply *reply;
	const uint8_t *buf;
	size_t len, at;
	size_t max_bulk;
	size_t lacking; /* values that are not complete, without the open aggregates */
	struct level levels[RESP_REPLY_DEPTH_MAX];
	size_t depth;
};

static enum resp_reply_status __attribute__((format(printf, 2, 3)))
resp_reply_fail(struct parser *p, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(p->reply->error, sizeof(p->reply->error), format, ap);
	va_end(ap);
	return RESP_REPLY_ERROR;
}

/* The current value needs the bytes up to `end`; the values after it have not begun. */
static enum resp_reply_status
resp_reply_more(struct parser *p, size_t end)
{
	p->reply->need = end + (p->lacking - 1) * VALUE_MIN;
	return RESP_REPLY_MORE;
}

static enum resp_reply_status
resp_reply_add_node(struct parser *p, enum resp_type type, const struct slice *line)
{
	struct resp_reply *r = p->reply;
	size_t cap = r->cap > 0 ? r->cap * 2 : 16;
	struct resp_node *nodes;

	if (r->count == RESP_REPLY_NODES_MAX)
		return resp_reply_fail(p, "too many values in one reply");
	if (r->count == r->cap) {
		nodes = realloc(r->nodes, cap * sizeof(*nodes));
		if (!nodes)
			return RESP_REPLY_NOMEM;
		r->nodes = nodes;
		r->cap = cap;
	}
	r->nodes[r->count] = (struct resp_node){ .type = type, .text = *line, .end = r->count + 1 };
	r->count++;
	return RESP_REPLY_OK;
}

/* Call when a value without elements is complete. Closes the aggregates whose last element it is. */
static void
resp_reply_value_done(struct parser *p)
{
	struct resp_reply *r = p->reply;
	struct level *level;

	p->lacking--;
	while (p->depth > 0) {
		level = &p->levels[p->depth - 1];
		if (--level->lacking > 0)
			return;
		r->nodes[level->node].end = r->count;
		p->depth--;
		/* An attribute is not an element: the value that it belongs to is still to come. */
		if (r->nodes[level->node].type == RESP_ATTRIBUTE)
			return;
	}
}

static enum resp_reply_status
resp_reply_open_aggregate(struct parser *p, struct resp_node *node, int64_t count)
{
	size_t elements = (size_t)count;
	bool is_attribute = node->type == RESP_ATTRIBUTE;

	if (count < 0 || elements > RESP_REPLY_NODES_MAX)
		return resp_reply_fail(p, "invalid number of elements");
	if (node->type == RESP_MAP || is_attribute)
		elements *= 2;
	if (elements + p->lacking > RESP_REPLY_NODES_MAX)
		return resp_reply_fail(p, "too many values in one reply");
	node->elements = elements;
	if (elements == 0) {
		if (!is_attribute)
			resp_reply_value_done(p);
		return RESP_REPLY_OK;
	}
	if (p->depth == RESP_REPLY_DEPTH_MAX)
		return resp_reply_fail(p, "too deeply nested");
	p->levels[p->depth++] = (struct level){ p->reply->count - 1, elements };
	p->lacking += elements - !is_attribute;
	return RESP_REPLY_OK;
}

/* Reads the bytes of a string and their CRLF. */
static enum resp_reply_status
resp_reply_read_bulk(struct parser *p, struct resp_node *node, int64_t size)
{
	size_t skip = node->type == RESP_VERBATIM ? 4 : 0, end;

	if (size < 0 || (uint64_t)size > p->max_bulk || (size_t)size < skip)
		return resp_reply_fail(p, "invalid bulk length");
	end = p->at + (size_t)size + 2;
	if (end > p->len)
		return resp_reply_more(p, end);
	if (p->buf[end - 2] != '\r' || p->buf[end - 1] != '\n')
		return resp_reply_fail(p, "no CRLF after a string");
	node->text = (struct slice){ p->buf + p->at + skip, (size_t)size - skip };
	p->at = end;
	resp_reply_value_done(p);
	return RESP_REPLY_OK;
}

static bool
resp_reply_is_number(const struct slice *line, const char *allowed)
{
	for (size_t i = 0; i < line->len; i++)
		if (!line->p[i] || !strchr(allowed, line->p[i]))
			return false;
	return line->len > 0;
}

/* Reads a value that consists of one line, which is the text of `node`. */
static enum resp_reply_status
resp_reply_read_scalar(struct parser *p, struct resp_node *node)
{
	const struct slice *line = &node->text;
	bool good = true;

	switch (node->type) {
	case RESP_INTEGER:
		good = num_parse_resp(line->p, line->len, &node->integer) == 0;
		break;
	case RESP_BOOLEAN:
		good = line->len == 1 && (line->p[0] == 't' || line->p[0] == 'f');
		node->integer = good && line->p[0] == 't';
		break;
	case RESP_NULL:
		good = line->len == 0;
		break;
	case RESP_DOUBLE:
		good = resp_reply_is_number(line, "0123456789+-.eEinfa");
		break;
	case RESP_BIG_NUMBER:
		good = resp_reply_is_number(line, "0123456789+-");
		break;
	case RESP_SIMPLE:
	case RESP_ERROR:
	case RESP_BULK:
	case RESP_BULK_ERROR:
	case RESP_VERBATIM:
	case RESP_ARRAY:
	case RESP_MAP:
	case RESP_SET:
	case RESP_PUSH:
	case RESP_ATTRIBUTE:
		break;
	}
	if (!good)
		return resp_reply_fail(p, "not a value of type '%c'", node->type);
	resp_reply_value_done(p);
	return RESP_REPLY_OK;
}

/* Reads the line at p->at without its CRLF and moves behind it. */
static enum resp_reply_status
resp_reply_read_line(struct parser *p, struct slice *ret_line)
{
	size_t left = p->len - p->at;
	const uint8_t *start = p->buf + p->at;
	const uint8_t *newline = memchr(start, '\n', left < PROTOCOL_LINE_MAX ? left : PROTOCOL_LINE_MAX);

	if (!newline && left >= PROTOCOL_LINE_MAX)
		return resp_reply_fail(p, "too long a line");
	if (!newline)
		return resp_reply_more(p, left < VALUE_MIN ? p->at + VALUE_MIN : p->len + 1);
	if (newline - start < 2 || newline[-1] != '\r')
		return resp_reply_fail(p, "no CRLF at the end of a line");
	*ret_line = (struct slice){ start + 1, (size_t)(newline - start) - 2 };
	p->at += (size_t)(newline - start) + 1;
	return RESP_REPLY_OK;
}

static enum resp_reply_status
resp_reply_read_value(struct parser *p)
{
	static const char types[] = "+-:$*_#,(!=%~>|", with_size[] = "$*!=%~>|", bulks[] = "$!=";
	enum resp_reply_status status;
	struct resp_node *node;
	struct slice line = { 0 };
	int64_t size;
	char type;

	if (p->at == p->len)
		return resp_reply_more(p, p->at + VALUE_MIN);
	type = (char)p->buf[p->at];
	if (!type || !strchr(types, type))
		return resp_reply_fail(p, "no type begins with byte 0x%02x", p->buf[p->at]);
	status = resp_reply_read_line(p, &line);
	if (status == RESP_REPLY_OK)
		status = resp_reply_add_node(p, (enum resp_type)type, &line);
	if (status != RESP_REPLY_OK)
		return status;
	node = &p->reply->nodes[p->reply->count - 1];
	if (!strchr(with_size, type))
		return resp_reply_read_scalar(p, node);
	node->text = (struct slice){ 0 };
	if (num_parse_resp(line.p, line.len, &size) != 0)
		return resp_reply_fail(p, "invalid length");
	if (size == -1 && (type == RESP_BULK || type == RESP_ARRAY)) {
		node->type = RESP_NULL;
		resp_reply_value_done(p);
		return RESP_REPLY_OK;
	}
	return strchr(bulks, type) ? resp_reply_read_bulk(p, node, size) : resp_reply_open_aggregate(p, node, size);
}

enum resp_reply_status
resp_reply_parse(struct resp_reply *r, const uint8_t *buf, size_t len, size_t max_bulk)
{
	struct parser p = { .reply = r, .buf = buf, .len = len, .max_bulk = max_bulk, .lacking = 1 };
	enum resp_reply_status status = RESP_REPLY_OK;

	r->count = 0;
	while (p.lacking > 0 && status == RESP_REPLY_OK)
		status = resp_reply_read_value(&p);
	r->used = p.at;
	return status;
}

void
resp_reply_deinit(struct resp_reply *r)
{
	free(r->nodes);
	*r = (struct resp_reply){ 0 };
}

bool
resp_node_is(const struct resp_node *node, const char *text)
{
	size_t len = strlen(text);

	return (node->type == RESP_BULK || node->type == RESP_SIMPLE) && node->text.len == len &&
	       memcmp(node->text.p, text, len) == 0;
}

const struct resp_node *
resp_reply_lookup(const struct resp_reply *r, const char *key)
{
	size_t at = 1;

	for (size_t i = 0; i + 1 < r->nodes[0].elements; i += 2) {
		const struct resp_node *name = &r->nodes[at];

		at = name->end;
		if (resp_node_is(name, key))
			return &r->nodes[at];
		at = r->nodes[at].end;
	}
	return NULL;
}
