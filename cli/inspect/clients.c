#include "clients.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "ask.h"
#include "cleanup.h"
#include "memory.h"
#include "num.h"
#include "printable.h"
#include "say.h"
#include "userdb.h"

static bool
clients_slice_is(struct slice slice, const char *text)
{
	return slice.len == strlen(text) && memcmp(slice.p, text, slice.len) == 0;
}

/* A line is "name=value name=value ...\n"; no value has blanks in it. */
bool
clients_next(struct slice *lines, struct client_entry *ret_client)
{
	const uint8_t *newline = lines->len > 0 ? memchr(lines->p, '\n', lines->len) : NULL;
	const uint8_t *p = lines->p, *end = newline ? newline : lines->p + lines->len;
	size_t used = (size_t)(end - p) + (newline != NULL);

	if (lines->len == 0)
		return false;
	*lines = (struct slice){ lines->p + used, lines->len - used };
	*ret_client = (struct client_entry){ .uid = -1 };
	while (p < end && ret_client->n_fields < CLIENTS_FIELDS_MAX) {
		const uint8_t *blank = memchr(p, ' ', (size_t)(end - p));
		const uint8_t *last = blank ? blank : end, *equals = memchr(p, '=', (size_t)(last - p));
		struct clients_field *field = &ret_client->fields[ret_client->n_fields];

		if (equals) {
			field->name = (struct slice){ p, (size_t)(equals - p) };
			field->value = (struct slice){ equals + 1, (size_t)(last - equals) - 1 };
			ret_client->n_fields++;
		}
		p = last + 1;
	}
	ret_client->id = clients_number(ret_client, "id");
	ret_client->pid = (long long)clients_number(ret_client, "pid");
	if (!clients_slice_is(clients_text(ret_client, "uid"), "-1"))
		ret_client->uid = (long long)clients_number(ret_client, "uid");
	return true;
}

struct slice
clients_text(const struct client_entry *client, const char *name)
{
	for (size_t i = 0; i < client->n_fields; i++)
		if (clients_slice_is(client->fields[i].name, name))
			return client->fields[i].value;
	return (struct slice){ 0 };
}

uint64_t
clients_number(const struct client_entry *client, const char *name)
{
	struct slice value = clients_text(client, name);
	int64_t number;

	return num_parse_resp(value.p, value.len, &number) == 0 && number > 0 ? (uint64_t)number : 0;
}

int
clients_each(struct ask *a, const struct clients_filter *filter, clients_cb *cb, void *arg)
{
	const struct resp_node *reply;
	struct client_entry client;
	struct slice lines;
	int64_t own;
	int status = ask(a, &reply, "CLIENT", "ID", NULL);

	if (status != 0)
		return status;
	own = reply->integer;
	status = ask(a, &reply, "UDSD", "CLIENTS", NULL);
	if (status != 0)
		return status;
	lines = reply->text;
	while (clients_next(&lines, &client))
		if (client.id != (uint64_t)own && clients_fit(filter, client.uid, client.pid))
			cb(&client, arg);
	return 0;
}

/* Names found once are kept: "top" and "monitor" ask again and again. There are few users on a host, so a list does. */
const char *
clients_user(long long uid)
{
	static struct user {
		long long uid;
		char name[64];
	} * users;
	static size_t n;

	if (uid < 0)
		return "-";
	for (size_t i = 0; i < n; i++)
		if (users[i].uid == uid)
			return users[i].name;
	users = memory_resize(users, (n + 1) * sizeof(*users));
	users[n].uid = uid;
	if (userdb_user_name((uid_t)uid, users[n].name, sizeof(users[n].name)) < 0)
		snprintf(users[n].name, sizeof(users[n].name), "uid %lld", uid);
	return users[n++].name;
}

const char *
clients_program(long long pid)
{
	static char name[64];
	char path[64];
	_cleanup_fclose_ FILE *f = NULL;

	snprintf(path, sizeof(path), "/proc/%lld/comm", pid);
	f = pid > 0 ? fopen(path, "re") : NULL;
	if (!f || !fgets(name, sizeof(name), f))
		return "-";
	name[strcspn(name, "\n")] = '\0';
	name[printable_clean(name, strlen(name), NULL)] = '\0';
	return name;
}

int
clients_read_filter(const struct clients_selection *selection, struct clients_filter *ret_filter)
{
	struct clients_filter filter = { .by_user = selection->user != NULL,
		                         .by_pid = selection->pid > 0,
		                         .pid = (long long)selection->pid };
	uint64_t number;
	uid_t uid;

	if (selection->user && num_parse_u64(selection->user, &number) == 0 && number < UINT32_MAX) {
		filter.uid = (long long)number;
	} else if (selection->user && userdb_user(selection->user, &uid) < 0) {
		say("--user: there is no user '%s'", selection->user);
		return EX_USAGE;
	} else if (selection->user) {
		filter.uid = uid;
	}
	*ret_filter = filter;
	return 0;
}

bool
clients_fit(const struct clients_filter *filter, long long uid, long long pid)
{
	return (!filter->by_user || filter->uid == uid) && (!filter->by_pid || filter->pid == pid);
}
