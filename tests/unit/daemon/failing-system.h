/*
 * A system that fails a test's SQLite when it shall: a VFS that calls the normal one, and an allocator. One call, or
 * all from then on, of one kind.
 */
#pragma once

#include <stdbool.h>

enum system_call {
	CALL_OPEN,
	CALL_DELETE,
	CALL_READ,
	CALL_WRITE,
	CALL_TRUNCATE,
	CALL_SYNC,
	CALL_SIZE,
	CALL_LOCK,
	CALL_MALLOC,
	CALLS,
};

/* How it fails. */
struct system_fault {
	const char *name;
	enum system_call call;
	int code;         /* what SQLite is told */
	int system_error; /* errno for it */
	bool may_pass;    /* the store goes on */
};

/* Makes it the VFS and the allocator of SQLite, before that is used first. */
void failing_system_install(void);

/* From now on the call number `countdown` fails, counted from 1; and those after it, if it lasts. */
void failing_system_begin(const struct system_fault *fault, long countdown, bool lasts);
/* The fault is over after this, if it lasted. */
void failing_system_relax(void);
/* Whether it still lasts. */
bool failing_system_lasts(void);
/* How often it has failed since the begin, and the writes and syncs that came after a sync had failed. */
long failing_system_failures(void);
long failing_system_after_sync(void);
/* Flushes wait until they may go on. */
void failing_system_hold_flushes(bool hold);

/* Nothing fails any more. No other thread may use SQLite. */
void failing_system_end(void);
