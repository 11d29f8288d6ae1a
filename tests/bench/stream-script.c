#include "stream-script.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define SCRIPT_MS "1700000000000"

struct id {
	char text[32];
};

static struct id
stream_script_id(unsigned int number)
{
	struct id id;

	snprintf(id.text, sizeof(id.text), SCRIPT_MS "-%u", number);
	return id;
}

static void
stream_script_bulk(struct buf *b, const char *text)
{
	protocol_print(b, "$%zu\r\n%s\r\n", strlen(text), text);
}

/* A command of n words. */
static void
stream_script_command(struct buf *b, int n, ...)
{
	va_list words;

	protocol_print(b, "*%d\r\n", n);
	va_start(words, n);
	for (int i = 0; i < n; i++)
		stream_script_bulk(b, va_arg(words, const char *));
	va_end(words);
}

static void
stream_script_add(const char *stream, unsigned int number, unsigned int size, struct exchange *x)
{
	struct id id = stream_script_id(number);

	protocol_print(&x->request, "*5\r\n$4\r\nXADD\r\n$%zu\r\n%s\r\n$%zu\r\n%s\r\n$1\r\nf\r\n$%u\r\n%0*u\r\n",
	               strlen(stream), stream, strlen(id.text), id.text, size, (int)size, number);
	stream_script_bulk(&x->answer, id.text);
}

void
stream_script_fill(const char *stream, unsigned int first, unsigned int n, unsigned int size, struct exchange *x)
{
	for (unsigned int i = 0; i < n; i++)
		stream_script_add(stream, first + i, size, x);
}

void
stream_script_spread(unsigned int first, unsigned int n, unsigned int size, struct exchange *x)
{
	char name[24];

	for (unsigned int i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "stream.%06u", first + i);
		stream_script_add(name, 1, size, x);
	}
}

void
stream_script_group(const char *stream, const char *group, struct exchange *x)
{
	stream_script_command(&x->request, 6, "XGROUP", "CREATE", stream, group, "0", "MKSTREAM");
	protocol_print(&x->answer, "+OK\r\n");
}

void
stream_script_take(const char *stream, const char *group, unsigned int first, unsigned int n, unsigned int size,
                   struct exchange *x)
{
	char count[16];

	snprintf(count, sizeof(count), "%u", n);
	stream_script_command(&x->request, 9, "XREADGROUP", "GROUP", group, "consumer", "COUNT", count, "STREAMS",
	                      stream, ">");
	protocol_print(&x->answer, "*1\r\n*2\r\n");
	stream_script_bulk(&x->answer, stream);
	protocol_print(&x->answer, "*%u\r\n", n);
	for (unsigned int i = 0; i < n; i++) {
		protocol_print(&x->answer, "*2\r\n");
		stream_script_bulk(&x->answer, stream_script_id(first + i).text);
		protocol_print(&x->answer, "*2\r\n$1\r\nf\r\n$%u\r\n%0*u\r\n", size, (int)size, first + i);
	}
}

void
stream_script_done(const char *stream, const char *group, unsigned int first, unsigned int n, struct exchange *x)
{
	protocol_print(&x->request, "*%u\r\n", 3 + n);
	stream_script_bulk(&x->request, "XACK");
	stream_script_bulk(&x->request, stream);
	stream_script_bulk(&x->request, group);
	for (unsigned int i = 0; i < n; i++)
		stream_script_bulk(&x->request, stream_script_id(first + i).text);
	protocol_print(&x->answer, ":%u\r\n", n);
}

void
stream_script_rewind(const char *stream, const char *group, struct exchange *x)
{
	stream_script_command(&x->request, 5, "XGROUP", "SETID", stream, group, "0");
	protocol_print(&x->answer, "+OK\r\n");
}

void
stream_script_wait(const char *stream, const char *last, struct buf *request)
{
	stream_script_command(request, 6, "XREAD", "BLOCK", "0", "STREAMS", stream, last);
}

void
stream_script_page(const char *stream, const char *last, unsigned int n, struct buf *request)
{
	char from[64], count[16];

	snprintf(from, sizeof(from), "(%s", last);
	snprintf(count, sizeof(count), "%u", n);
	stream_script_command(request, 6, "XRANGE", stream, from, "+", "COUNT", count);
}
