/*
 * The daemon's UDSD CLIENTS, client by client, and what the host knows about their users and processes. Also the
 * options
 * --user and --pid, with which verbs select clients.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "options.h"
#include "protocol.h"

struct ask;

/* Fields of a line beyond these are not read. */
#define CLIENTS_FIELDS_MAX 64

/* What tables show of a command line, in bytes. */
#define CLIENTS_COMMAND_SHORT ((size_t)40)

/* The longest text of clients_command(), in bytes. */
#define CLIENTS_COMMAND_MAX ((size_t)4096)

struct clients_field {
	struct slice name, value;
};

/* One client; its fields lie in the answer that they were read from. */
struct client_entry {
	struct clients_field fields[CLIENTS_FIELDS_MAX];
	size_t n_fields;
	uint64_t id;
	long long uid; /* -1: anonymous */
	long long pid; /* 0: anonymous */
};

/* --user and --pid, resolved; zero-initialised selects everyone. */
struct clients_filter {
	bool by_user, by_pid;
	long long uid, pid;
};

typedef void clients_cb(const struct client_entry *client, void *arg);

/*
 * Asks the daemon for its clients, or for those that receive the channel, if that is not NULL. Calls back with each
 * that the filter selects, in the order of their ids, but not with udsctl itself. Returns 0, or an exit status after
 * saying why.
 */
int clients_each(struct ask *a, const struct clients_filter *filter, const char *channel, clients_cb *cb, void *arg);

/* Reads the first line of a list of clients and takes it off the lines. Returns false if there is none left. */
bool clients_next(struct slice *lines, struct client_entry *ret_client);

/* The value of a field: as text, empty if there is no such field; as a number, 0 if it is not a positive one. */
struct slice clients_text(const struct client_entry *client, const char *name);
uint64_t clients_number(const struct client_entry *client, const char *name);

/* The user's name, "uid N", or "-" for -1. Valid until the next call. */
const char *clients_user(long long uid);

/* Its subscriptions, without those to channels of udsd itself. */
uint64_t clients_subscriptions(const struct client_entry *client);

/*
 * What it is subscribed to, as people read it: "a,b,c.*", with ",..." at the end if the daemon left some out. Bytes
 * that the names may have are not replaced. Valid until the next call.
 */
const char *clients_channels(const struct client_entry *client);

/* The name of the process as the kernel knows it, or "-". Valid until the next call. */
const char *clients_program(long long pid);

/*
 * Its command line with blanks between the words and without the path of the program, of at most max bytes and then
 * with "..." at the end; or its name in brackets, if it has none; or "-". Valid until the next call.
 */
const char *clients_command(long long pid, size_t max);

/* The systemd unit that the process belongs to, or "-". Valid until the next call. */
const char *clients_unit(long long pid);

/* One word for the state of a client, or nothing. */
const char *clients_state(const struct client_entry *client);

/* --user and --pid as given; a member of a verb's options. */
struct clients_selection {
	const char *user; /* name or uid; or NULL */
	uint64_t pid;     /* 0: not given */
};

/* Their rows; offset: of that member. */
/* clang-format off */
#define CLIENTS_SELECTION_ROWS(offset)                                                                                 \
	{ "user", 'u', "USER", "restrict to this user: a name or a number", OPTION_NAME,                                      \
	  (offset) + offsetof(struct clients_selection, user) },                                                       \
	{ "pid", 0, "PID", "restrict to this process", OPTION_COUNT,                                                       \
	  (offset) + offsetof(struct clients_selection, pid) }
/* clang-format on */

/* Returns 0, or EX_USAGE after saying that there is no such user. */
int clients_read_filter(const struct clients_selection *selection, struct clients_filter *ret_filter);

/* Whether the filter selects a client of this user and process. */
bool clients_fit(const struct clients_filter *filter, long long uid, long long pid);
