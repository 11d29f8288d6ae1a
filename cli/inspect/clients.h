/* What CLIENT LIST tells, client by client. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "options.h"
#include "protocol.h"

struct ask;

#define CLIENTS_FIELDS_MAX 64

struct clients_field {
	struct slice name, value;
};

struct client_entry {
	struct clients_field fields[CLIENTS_FIELDS_MAX];
	size_t n_fields;
	uint64_t id;
	long long uid; /* -1: anonymous */
	long long pid;
};

/* Called with each client, in the order of their ids. */
typedef void clients_cb(const struct client_entry *client, void *arg);

/* Asks the daemon for its clients, but for the one that asks. Returns 0 or an exit status after saying why. */
int clients_each(struct ask *a, clients_cb *cb, void *arg);

/* Reads one line of CLIENT LIST; its fields lie in the line. */
void clients_parse(struct slice line, struct client_entry *ret_client);

/* A field as a text (empty if there is none) or a number. */
struct slice clients_text(const struct client_entry *client, const char *name);
uint64_t clients_number(const struct client_entry *client, const char *name);

/* The user's name, "uid N" or "-"; valid until the next call. */
const char *clients_user(long long uid);

/* The name of the program, or "-"; valid until the next call. */
const char *clients_program(long long pid);

/* --user and --pid, a member of the options of a verb. */
struct clients_selection {
	const char *user; /* name or uid; or NULL */
	uint64_t pid;     /* 0: not given */
};

/* Their rows; offset: of the member. */
/* clang-format off */
#define CLIENTS_SELECTION_ROWS(offset)                                                                                 \
	{ "user", 'u', "USER", "only of this user: a name or a uid", OPTION_TEXT,                                      \
	  (offset) + offsetof(struct clients_selection, user) },                                                       \
	{ "pid", 0, "PID", "only of this process", OPTION_COUNT,                                                       \
	  (offset) + offsetof(struct clients_selection, pid) }
/* clang-format on */

/* The clients that they select. */
struct clients_filter {
	bool by_user, by_pid;
	long long uid, pid;
};

/* Returns 0, or EX_USAGE after saying what is wrong. */
int clients_read_filter(const struct clients_selection *selection, struct clients_filter *ret_filter);

bool clients_fit(const struct clients_filter *filter, long long uid, long long pid);
