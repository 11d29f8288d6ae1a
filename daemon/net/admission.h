/*
 * Admission of clients: accepts those that have connected to a socket, gives each to a new connection, and turns away
 * those over a limit.
 */
#pragma once

#include <stdbool.h>

struct conn_origin;
struct identity;

/* Why a client was not admitted. */
enum admission_refusal {
	ADMISSION_FULL,         /* there are max_clients */
	ADMISSION_USER_FULL,    /* the identity's user has max_clients_per_uid */
	ADMISSION_NO_RESOURCES, /* no descriptors or no memory, as errno tells: accepting has to pause */
};

/* identity: NULL unless the reason is ADMISSION_USER_FULL. */
typedef void admission_refused(void *arg, enum admission_refusal why, const struct identity *identity);

struct admission {
	struct conn_origin *origin; /* of the connections */
	admission_refused *refused; /* is called for each client that is turned away */
	void *arg;
};

/*
 * Accepts up to max clients that have connected to fd. Returns 0, or -errno if accepting further ones cannot work now;
 * that was not reported to `refused` yet.
 */
int admission_accept(const struct admission *admission, int fd, int max);

/* Whether accepting may work later, when others have gone. */
bool admission_is_out_of_resources(int error);
