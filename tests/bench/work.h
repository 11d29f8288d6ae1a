/* The works: what each server is measured on. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum work_kind {
	WORK_PUBLISH, /* publishers, each on a channel of its own with receivers */
	WORK_PING,    /* clients send requests and get replies */
	WORK_ADD,     /* clients add entries to streams, and each answer waits for the disk */
	WORK_TAIL,    /* one client adds entries, readers wait for them */
	WORK_GROUP,   /* consumers, each of a group of its own, get and acknowledge entries */
	WORK_CALL,    /* callers send requests to a service, workers answer them */
	WORK_ECHO,    /* clients get their bytes back */
	WORK_REJOIN,  /* the receivers of one channel leave it and join it again */
	WORK_VISIT,   /* a client connects, gets one reply, and closes */
	WORK_MEMORY,  /* the memory that the crowd takes */
	WORK_START,   /* from the start of the process to its first reply */
	WORK_STREAMS, /* the memory of streams with one entry */
	WORK_PENDING, /* the memory of entries that are not acknowledged */
	WORK_LARGE,   /* one stream of many entries: memory, a walk, and a restart */
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
	unsigned int publishers; /* each with a channel, stream or group of its own */
	unsigned int clients;    /* receivers of each channel, or clients that send requests */
	unsigned int depth;      /* requests in a batch; the next batch is sent when all are answered */
	unsigned int size;       /* payload bytes */
	unsigned int entries;    /* of a request to a group; or of large streams */
	unsigned int streams;    /* of WORK_ADD, if not one for each publisher: requests go to them in turn */
	unsigned int workers;    /* of WORK_CALL */
	unsigned int ahead;      /* requests that a worker asks for at once, where it has to ask */
	unsigned int slow_us;    /* what the first worker needs for one request; the nth needs n times as long */
	struct crowd crowd;
	unsigned int rounds; /* limit for works that take long or hardly vary; 0: none */
};

extern const struct work work_table[];
extern const size_t work_count;

/* Returns the index of the work, which must exist. */
size_t work_find(const char *name);

/* Whether every change is to be on disk. */
bool work_is_stored(const struct work *work);

/* Returns the requests, entries or deliveries of a publish or tail, in one batch. */
unsigned int work_operations(const struct work *work);
