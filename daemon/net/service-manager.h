/*
 * The service manager: messages to it (sd_notify(3)) and the sockets it passes (sd_listen_fds(3)).
 * Without a manager these do nothing.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Whether there is a service manager to be told anything. */
bool service_manager_is_present(void);

/*
 * Sends several "KEY=VALUE" lines, formatted. Never waits: returns false when the manager's socket is full, and then
 * nothing was sent.
 */
bool service_manager_tell(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Within how many ms the service manager wants each WATCHDOG=1; 0: it wants none. */
uint64_t service_manager_watchdog_ms(void);

/* More are not taken over. */
#define SERVICE_MANAGER_SOCKETS_MAX 1024

/* Returns the number of sockets handed over, from *ret_first on, and marks them close-on-exec; 0: none. */
int service_manager_sockets(int *ret_first, char ***ret_names);

/* Releases the names. Takes NULL. */
void service_manager_free_names(char **names);
