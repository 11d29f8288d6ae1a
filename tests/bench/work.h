/*
 * The pieces of work that every server is given in the same way, and what a work comes to in the words of
 * one server: a script.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum work_kind { WORK_PUBLISH, WORK_PING, WORK_ECHO, WORK_IDLE };

struct work {
	const char *name;
	const char *summary;
	enum work_kind kind;
	unsigned int clients; /* receivers of the one publisher, or clients that ask */
	unsigned int depth;   /* requests in a batch; the next batch goes when all are answered */
	unsigned int size;    /* payload bytes */
	bool only_by_name;    /* not part of a run that does not ask for it */
};

extern const struct work work_table[];
extern const size_t work_count;

struct bytes {
	char *data;
	size_t len;
};

/*
 * Every batch is the same, so that what comes back is known to the byte; the messages in it are numbered,
 * so that one which is lost, doubled or out of order shows.
 */
struct script {
	struct bytes hello;      /* what makes a connection a receiver */
	struct bytes hello_end;  /* the end of the answer to it, at least a byte */
	struct bytes batch;      /* depth requests */
	struct bytes replies;    /* the answer to a batch */
	struct bytes deliveries; /* a batch as each receiver gets it */
};
