#include "print.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "buf.h"
#include "memory.h"
#include "nowait.h"
#include "printable.h"
#include "say.h"

static struct buf print_buf;

void
print(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	memory_check(buf_vprintf(&print_buf, format, ap));
	va_end(ap);
}

void
print_bytes(const void *p, size_t len)
{
	memory_check(buf_append(&print_buf, p, len));
}

void
print_name(struct slice name)
{
	const uint8_t *p = name.p, *end = p + name.len;
	enum printable_kind kind;

	while (p < end) {
		p += printable_next(p, (size_t)(end - p), &kind);
		if (kind == PRINTABLE_CONTROL)
			return;
	}
	print("%.*s\n", (int)name.len, (const char *)name.p);
}

struct buf *
print_text(void)
{
	return &print_buf;
}

int
print_end(int status)
{
	struct nowait out;
	ssize_t n = 0;

	nowait_init(&out, STDOUT_FILENO);
	for (size_t at = 0; at<print_buf.len; at += n> 0 ? (size_t)n : 0) {
		n = nowait_write(&out, print_buf.data + at, print_buf.len - at);
		if (n == -EAGAIN && say_may_wait())
			(void)poll(&(struct pollfd){ .fd = out.fd, .events = POLLOUT }, 1, -1);
		else if (n < 0)
			break;
	}
	nowait_deinit(&out);
	buf_deinit(&print_buf);
	if (n >= 0 || n == -EPIPE || status != 0)
		return status;
	say("writing to standard output: %s", strerror((int)-n));
	return EX_IOERR;
}
