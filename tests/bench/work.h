/*
 * The pieces of work that every server is given in the same way.
 */
#pragma once

#include <stddef.h>

enum work_kind {
	WORK_PUBLISH, /* publishers, each on a channel of its own with receivers */
	WORK_PING,    /* clients ask and are answered */
	WORK_ECHO,    /* clients get back what they send */
	WORK_REJOIN,  /* the receivers of one channel leave it and join it again */
	WORK_VISIT,   /* a client connects, is answered once, and goes */
	WORK_MEMORY,  /* what the crowd takes */
	WORK_START,   /* from the start of the process to its first answer */
	WORK_PIPE,    /* lines through udsctl send and udsctl recv */
};

enum crowd_kind { CROWD_NONE, CROWD_IDLE, CROWD_CHANNELS, CROWD_PATTERNS };

/* Clients that are there and do nothing. The channels are all different, and nobody publishes to them. */
struct crowd {
	enum crowd_kind kind;
	unsigned int clients;
	unsigned int each;     /* subscriptions of each client */
	unsigned int repeated; /* crowds with the same channels; of a WORK_MEMORY the last one is measured */
};

struct work {
	const char *name;
	const char *summary;
	enum work_kind kind;
	unsigned int publishers; /* of WORK_PUBLISH, and so channels */
	unsigned int clients;    /* receivers of each channel, or clients that ask */
	unsigned int depth;      /* requests in a batch; the next batch goes when all are answered */
	unsigned int size;       /* payload bytes */
	struct crowd crowd;
	unsigned int rounds; /* at most, of works that take long or hardly vary; 0: all */
};

extern const struct work work_table[];
extern const size_t work_count;

/* Returns the index of the work, which must exist. */
size_t work_find(const char *name);

/* Returns the requests, or deliveries of a publish, in one batch. */
unsigned int work_operations(const struct work *work);
