#include "advice.h"

#include <errno.h>
#include <libgen.h>
#include <grp.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "addr.h"
#include "protocol.h"
#include "userdb.h"

static bool
advice_is_user_socket(const char *path)
{
	const char *directory = getenv("XDG_RUNTIME_DIR");
	char own[PATH_MAX];

	snprintf(own, sizeof(own), "%s/%s", directory ? directory : "", PROTOCOL_USER_SOCKET);
	return directory && strcmp(path, own) == 0;
}

static void
advice_format_absent(const struct addr *addr, char *text, size_t size)
{
	const char *path = addr->kind == ADDR_PATH ? addr->un.sun_path : "";
	const char *command = "";
	struct stat st;

	if (*path && !strchr(path, '/') && stat(path, &st) < 0) {
		snprintf(text, size, "; it is taken as a path, TCP is host:port");
		return;
	}
	if (strcmp(path, PROTOCOL_SERVICE_SOCKET) == 0)
		command = " systemctl status udsd";
	else if (advice_is_user_socket(path))
		command = " systemctl --user status udsd";
	snprintf(text, size, "; is it running?%s", command);
}

/* Nobody is to join root's group: then the socket should have a group of its own. */
static void
advice_format_group(const struct stat *st, char *text, size_t size)
{
	char group[64], user[64];

	if (userdb_group_name(st->st_gid, group, sizeof(group)) < 0)
		snprintf(text, size, "; the socket belongs to group %u; you are not in it", st->st_gid);
	else if (userdb_is_member(geteuid(), st->st_gid))
		snprintf(text, size, "; you are in group %s, but not yet in this session: log in again", group);
	else if (st->st_gid == 0)
		snprintf(text, size,
		         "; the socket belongs to group %s; set socket_group or socket_mode of the listener, see "
		         "udsd.conf(5)",
		         group);
	else
		snprintf(
		    text, size,
		    "; the socket belongs to group %s; you are not in it: as root, usermod -aG %s %s, and log in again",
		    group, group, userdb_user_name(geteuid(), user, sizeof(user)) < 0 ? "USER" : user);
}

static void
advice_format_permission(const char *path, char *text, size_t size)
{
	char directory[ADDR_PATH_MAX + 1], owner[64];
	struct stat st;

	if (stat(path, &st) < 0) {
		snprintf(directory, sizeof(directory), "%s", path);
		snprintf(text, size, "; you may not enter its directory %s", dirname(directory));
		return;
	}
	if (st.st_mode & S_IWGRP && getegid() != st.st_gid && !group_member(st.st_gid))
		advice_format_group(&st, text, size);
	else if (!(st.st_mode & S_IWGRP) && userdb_user_name(st.st_uid, owner, sizeof(owner)) == 0)
		snprintf(text, size, "; only its owner, %s, may connect", owner);
}

void
advice_format(const struct addr *addr, int error, char *text, size_t size)
{
	struct stat st;

	*text = '\0';
	if (addr->kind == ADDR_PATH && stat(addr->un.sun_path, &st) == 0 && !S_ISSOCK(st.st_mode)) {
		snprintf(text, size, "; it is not a socket");
		return;
	}
	switch (error) {
	case ENOENT:
	case ECONNREFUSED:
		advice_format_absent(addr, text, size);
		break;
	case EACCES:
		if (addr->kind == ADDR_PATH)
			advice_format_permission(addr->un.sun_path, text, size);
		break;
	case EPROTOTYPE:
		snprintf(text, size, "; it is not a stream socket");
		break;
	}
}

const char *
advice_for_error(const struct slice *text)
{
	static const struct {
		const char *begins, *advice;
	} rows[] = {
		{ "ERR too many streams",
		  "; delete some, or raise max_streams in the section [store] of udsd.conf(5)" },
		{ "OOM ", "; trim or delete streams (udsctl streams lists them), or raise the limit" },
		{ "MISCONF ", "; the log of udsd says more" },
		{ "NOPERM No permissions to access a key",
		  "; 'publish' in a section [channel] of udsd.conf(5) says who may" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (text->len >= strlen(rows[i].begins) && memcmp(text->p, rows[i].begins, strlen(rows[i].begins)) == 0)
			return rows[i].advice;
	return "";
}
