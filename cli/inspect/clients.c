#include "clients.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "ask.h"
#include "buf.h"
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
clients_each(struct ask *a, const struct clients_filter *filter, const char *channel, clients_cb *cb, void *arg)
{
	const struct resp_node *reply;
	struct client_entry client;
	struct slice lines;
	int64_t own;
	int status = ask(a, &reply, "CLIENT", "ID", NULL);

	if (status != 0)
		return status;
	own = reply->integer;
	/* Without a channel the NULL ends the command before it. */
	status = ask(a, &reply, "UDSD", "CLIENTS", channel ? "CHANNEL" : NULL, channel, NULL);
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

uint64_t
clients_subscriptions(const struct client_entry *client)
{
	uint64_t own = clients_number(client, "udsd-sub");
	uint64_t all = clients_number(client, "sub") + clients_number(client, "psub") + clients_number(client, "ssub");

	return all > own ? all - own : 0;
}

static int
clients_hex_digit(uint8_t c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Appends the names of a list and counts them. */
static void
clients_put_names(struct buf *out, struct slice list, uint64_t *n)
{
	if (list.len == 0)
		return;
	memory_check(out->len > 0 ? buf_append(out, ",", 1) : 0);
	++*n;
	for (size_t i = 0; i < list.len; i++) {
		uint8_t byte = list.p[i];

		*n += byte == ',';
		if (byte == '%' && i + 2 < list.len && clients_hex_digit(list.p[i + 1]) >= 0 &&
		    clients_hex_digit(list.p[i + 2]) >= 0) {
			byte = (uint8_t)(clients_hex_digit(list.p[i + 1]) << 4 | clients_hex_digit(list.p[i + 2]));
			i += 2;
		}
		memory_check(buf_append(out, byte ? &byte : (const uint8_t *)"?", 1));
	}
}

const char *
clients_channels(const struct client_entry *client)
{
	static struct buf text;
	uint64_t n = 0;

	text.len = 0;
	clients_put_names(&text, clients_text(client, "channels"), &n);
	clients_put_names(&text, clients_text(client, "patterns"), &n);
	if (n < clients_subscriptions(client))
		memory_check(buf_printf(&text, n > 0 ? ",..." : "..."));
	memory_check(buf_append(&text, "", 1));
	return (const char *)text.data;
}

/* Reads the file of the process, at most `size` bytes. Returns how many; 0 if there is none, or it may not be read. */
static size_t
clients_read_proc(long long pid, const char *file, char *text, size_t size)
{
	char path[64];
	_cleanup_fclose_ FILE *f = NULL;

	snprintf(path, sizeof(path), "/proc/%lld/%s", pid, file);
	f = pid > 0 ? fopen(path, "re") : NULL;
	return f ? fread(text, 1, size, f) : 0;
}

const char *
clients_program(long long pid)
{
	static char name[64];
	size_t n = clients_read_proc(pid, "comm", name, sizeof(name) - 1);

	name[n] = '\0';
	name[strcspn(name, "\n")] = '\0';
	name[printable_clean(name, strlen(name), NULL)] = '\0';
	return *name ? name : "-";
}

const char *
clients_command(long long pid, size_t max)
{
	static char text[CLIENTS_COMMAND_MAX + 4];
	char words[4096];
	size_t n = clients_read_proc(pid, "cmdline", words, sizeof(words) - 1), len;
	const char *begin = words, *slash;

	words[n] = '\0';
	while (n > 0 && !words[n - 1])
		n--;
	if (n == 0) {
		const char *program = clients_program(pid);

		snprintf(text, sizeof(text), strcmp(program, "-") == 0 ? "%s" : "[%s]", program);
		return text;
	}
	slash = strrchr(words, '/'); /* of the first word */
	if (slash && slash[1])
		begin = slash + 1;
	len = n - (size_t)(begin - words);
	for (char *p = words; p < words + n; p++)
		if (!*p)
			*p = ' ';
	if (len > max) {
		len = max - 3;
		while (len > 0 && ((uint8_t)begin[len] & 0xc0) == 0x80) /* not inside a character */
			len--;
	}
	snprintf(text, sizeof(text), "%.*s%s", (int)len, begin, begin + len < words + n ? "..." : "");
	text[printable_clean(text, strlen(text), NULL)] = '\0';
	return text;
}

const char *
clients_unit(long long pid)
{
	static char unit[256];
	static const char *const kinds[] = { ".service", ".scope", ".socket", ".mount", ".swap" };
	char text[8192], *rest, *line, *part, *path;

	text[clients_read_proc(pid, "cgroup", text, sizeof(text) - 1)] = '\0';
	snprintf(unit, sizeof(unit), "-");
	for (rest = text; (line = strsep(&rest, "\n"));) {
		/* The one hierarchy of cgroup v2, or systemd's own of v1. */
		path = strncmp(line, "0::", 3) == 0 ? line + 3 : strstr(line, ":name=systemd:");
		if (!path)
			continue;
		/* The innermost unit: a service may have groups of its own, and a user's units are below user@.service.
		 */
		while ((part = strsep(&path, "/"))) {
			const char *dot = strrchr(part, '.');

			for (size_t i = 0; dot && i < sizeof(kinds) / sizeof(kinds[0]); i++)
				if (strcmp(dot, kinds[i]) == 0)
					snprintf(unit, sizeof(unit), "%s", part);
		}
		if (strcmp(unit, "-") != 0)
			break;
	}
	unit[printable_clean(unit, strlen(unit), NULL)] = '\0';
	return unit;
}

const char *
clients_state(const struct client_entry *client)
{
	struct slice flags = clients_text(client, "flags");

	if (clients_number(client, "clogged") > 0)
		return "clogged";
	if (flags.len > 0 && memchr(flags.p, 'b', flags.len))
		return "waits";
	if (flags.len > 0 && memchr(flags.p, 'O', flags.len))
		return "monitor";
	return "";
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
