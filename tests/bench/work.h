/* The works: what each server is measured on. */
#pragma once

#include <stddef.h>

enum work_kind {
	WORK_PUBLISH, /* publishers, each on a channel of its own with receivers */
	WORK_PING,    /* clients send requests and get replies */
	WORK_ADD,     /* clients add entries to streams, and each answer waits for the disk */
	WORK_ECHO,    /* clients get their bytes back */
	WORK_REJOIN,  /* the receivers of one channel leave it and join it again */
	WORK_VISIT,   /* a client connects, gets one reply, and closes */
	WORK_MEMORY,  /* the memory that the crowd takes */
	WORK_START,   /* from the start of the process to its first reply */
	WORK_PIPE,    /* lines through udsctl send and udsctl recv */
};

enum crowd_kind { CROWD_NONE, CROWD_IDLE, CROWD_CHANNELS, CROWD_PATTERNS };

/* Idle clients. Their channels are all different, and no messages go to them. */
struct crowd {
	enum crowd_kind kind;
	unsigned int clients;
	unsigned int each;     /* subscriptions of each client */
	unsigned int repeated; /* crowds with the same channels; WORK_MEMORY measures the last one */
};

struct work {
	const char *name;
	const char *summary;
	enum work_kind kind;
	unsigned int publishers; /* of WORK_PUBLISH, each with a channel of its own; of WORK_ADD the streams */
	unsigned int clients;    /* receivers of each channel, or clients that send requests */
	unsigned int depth;      /* requests in a batch; the next batch is sent when all are answered */
	unsigned int size;       /* payload bytes */
	struct crowd crowd;
	unsigned int rounds; /* limit for works that take long or hardly vary; 0: none */
};

extern const struct work work_table[];
extern const size_t work_count;

/* Returns the index of the work, which must exist. */
size_t work_find(const char *name);

/* Returns the requests, or deliveries of a publish, in one batch. */
unsigned int work_operations(const struct work *work);
