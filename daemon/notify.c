#include "notify.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "version.h"

#if HAVE_SYSTEMD
#include <systemd/sd-daemon.h>

void
notify_send(const char *format, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	sd_notify(0, text);
}

void
notify_reloading(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	notify_send("RELOADING=1\nMONOTONIC_USEC=%lld", (long long)ts.tv_sec * 1000000 + (long long)ts.tv_nsec / 1000);
}

bool
notify_is_on(void)
{
	return getenv("NOTIFY_SOCKET") != NULL;
}

uint64_t
notify_watchdog_ms(void)
{
	uint64_t usec;

	return sd_watchdog_enabled(0, &usec) > 0 ? usec / 1000 : 0;
}

int
notify_sockets(int *ret_first, char ***ret_names)
{
	int n = sd_listen_fds_with_names(1, ret_names);

	*ret_first = SD_LISTEN_FDS_START;
	return n > 0 ? n : 0;
}

#else

void
notify_send(const char *format __attribute__((unused)), ...)
{
}

void
notify_reloading(void)
{
}

bool
notify_is_on(void)
{
	return false;
}

uint64_t
notify_watchdog_ms(void)
{
	return 0;
}

int
notify_sockets(int *ret_first, char ***ret_names)
{
	*ret_first = -1;
	*ret_names = NULL;
	return 0;
}

#endif

void
notify_free_names(char **names)
{
	for (char **name = names; name && *name; name++)
		free(*name);
	free(names);
}
