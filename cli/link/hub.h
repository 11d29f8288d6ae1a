/* Which hub udsctl talks to when several may run: one that the user names, the user's own, or the service. */
#pragma once

struct options;

/*
 * Finds the socket: --socket, $UDSD_SOCKET, the user's own if somebody listens there, the service's. The user's own one
 * is taken too where it is dead and there is no service. Sets o->addr and o->reason, and says them with --verbose.
 * Returns 0, or -1 after reporting a mistake.
 */
int hub_choose(struct options *o);
