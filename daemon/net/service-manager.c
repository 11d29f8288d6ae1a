/* The protocols are few lines each and stable; libsystemd would bring eight libraries and a MiB into the daemon. */
#include "service-manager.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "addr.h"
#include "cleanup.h"
#include "num.h"

/* The first descriptor that is handed over. */
#define FIRST_SOCKET 3

/* The number in an environment variable, or 0. */
static uint64_t
service_manager_number_of(const char *variable)
{
	const char *text = getenv(variable);
	uint64_t v;

	return text && num_parse_u64(text, &v) == 0 ? v : 0;
}

bool
service_manager_is_present(void)
{
	const char *path = getenv("NOTIFY_SOCKET");

	return path && (*path == '/' || *path == '@');
}

bool
service_manager_tell(const char *format, ...)
{
	char text[512];
	_cleanup_close_ int fd = -1;
	struct addr addr;
	va_list ap;

	/* Errors are ignored: nobody could act on them, and the manager has timeouts of its own. */
	if (!service_manager_is_present() || addr_parse(getenv("NOTIFY_SOCKET"), &addr) != 0 || addr.kind == ADDR_TCP)
		return true;
	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	return fd < 0 || sendto(fd, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT, &addr.sa, addr.len) >= 0 ||
	       errno != EAGAIN;
}

uint64_t
service_manager_watchdog_ms(void)
{
	uint64_t pid = service_manager_number_of("WATCHDOG_PID");

	if (getenv("WATCHDOG_PID") && pid != (uint64_t)getpid())
		return 0;
	return service_manager_number_of("WATCHDOG_USEC") / 1000;
}

/* The names of n sockets, between colons; NULL when there is no memory. */
static char **
service_manager_read_names(int n)
{
	const char *text = getenv("LISTEN_FDNAMES");
	char **names = calloc((size_t)n + 1, sizeof(*names));

	for (int i = 0; names && i < n; i++) {
		size_t len = text ? strcspn(text, ":") : 0;

		names[i] = text ? strndup(text, len) : strdup("unknown");
		if (!names[i]) {
			service_manager_free_names(names);
			return NULL;
		}
		text = text && text[len] ? text + len + 1 : NULL;
	}
	return names;
}

int
service_manager_sockets(int *ret_first, char ***ret_names)
{
	uint64_t n =
	    service_manager_number_of("LISTEN_PID") == (uint64_t)getpid() ? service_manager_number_of("LISTEN_FDS") : 0;

	*ret_first = FIRST_SOCKET;
	*ret_names = n > 0 && n <= SERVICE_MANAGER_SOCKETS_MAX ? service_manager_read_names((int)n) : NULL;
	/* They are not for children. */
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_FDNAMES");
	if (!*ret_names)
		return 0;
	for (int fd = FIRST_SOCKET; fd < FIRST_SOCKET + (int)n; fd++)
		(void)fcntl(fd, F_SETFD, FD_CLOEXEC);
	return (int)n;
}

void
service_manager_free_names(char **names)
{
	for (char **name = names; name && *name; name++)
		free(*name);
	free(names);
}
